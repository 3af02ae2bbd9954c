use std::path::PathBuf;

use clap::Args;

/// Arguments of `decode`.
#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// Files, folders of files (in the order of their names), or - for standard input: DER, BER, PEM, base64, or the URL
    /// of a PKIOperation by GET. Several are a conversation: certificates in one may have signed another
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// A private key that may open an envelope, PEM; may stand several times, for both sides of a conversation
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// A certificate that may have signed, for messages that do not bring it along; may stand several times
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Vec<PathBuf>,
    /// Show challenge passwords
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Show where each element stands: its first octet and how many it has
    #[arg(long)]
    pub(crate) offsets: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
