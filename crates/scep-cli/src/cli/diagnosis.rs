use std::path::PathBuf;

use clap::Args;

use super::{ServerArgs, TrustArgs};
use crate::choices::LevelName;
use crate::secret::SecretSource;

/// Arguments of `caps`.
#[derive(Debug, Args)]
pub(crate) struct CapsArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `cacert`.
#[derive(Debug, Args)]
pub(crate) struct CacertArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The CA's identifier, for servers with several
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_identifier: Option<String>,
    /// The CA's fingerprint to check: SHA-256, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub(crate) fingerprint: Option<String>,
    /// Take a SHA-1 fingerprint of 40 digits too
    #[arg(long, requires = "fingerprint")]
    pub(crate) allow_sha1_fingerprint: bool,
    /// Write the certificates into this directory, PEM
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The CA's identifier, for servers with several
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_identifier: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `conformance`.
#[derive(Debug, Args)]
pub(crate) struct ConformanceArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// A challenge: its text, @FILE or env:NAME; may stand several times if each is good for one certificate only
    #[arg(long, value_name = "TEXT|@FILE|env:NAME")]
    pub(crate) challenge: Vec<SecretSource>,
    /// The subject to ask certificates for, as the challenges want it
    #[arg(long, value_name = "NAME", default_value = "CN=scep-conformance")]
    pub(crate) subject: String,
    /// Which rules decide the exit code; all are run
    #[arg(long, value_enum, default_value_t = LevelName::Must)]
    pub(crate) level: LevelName,
    /// Run only the rules whose id begins so; may stand several times
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Do not ask before certificates are requested
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
