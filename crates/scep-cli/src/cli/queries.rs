use std::path::PathBuf;

use clap::Args;

use super::{MessageArgs, ServerArgs, TrustArgs};

/// What `getcert` and `getcrl` have in common: who asks, and for which serial number.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Our certificate, PEM or DER: it signs, receives the answer, and is what is asked for
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Another serial number to ask for, of the same issuer
    #[arg(long, value_name = "HEX")]
    pub(crate) serial: Option<String>,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `getcert`.
#[derive(Debug, Args)]
pub(crate) struct GetcertArgs {
    #[command(flatten)]
    pub(crate) query: QueryArgs,
    /// Where the certificate goes, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Arguments of `getcrl`.
#[derive(Debug, Args)]
pub(crate) struct GetcrlArgs {
    #[command(flatten)]
    pub(crate) query: QueryArgs,
    /// Where the CRL goes, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Arguments of `nextca`.
#[derive(Debug, Args)]
pub(crate) struct NextcaArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Where the certificates go, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Allow SHA-1
    #[arg(long)]
    pub(crate) legacy: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
