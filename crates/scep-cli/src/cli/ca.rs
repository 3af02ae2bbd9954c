use std::path::PathBuf;

use clap::{ArgGroup, Args};
use scep_types::AlgorithmPolicy;

use crate::choices::{CipherName, DigestName, MethodName};

/// Where the server is.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server's URL; without a path, /cgi-bin/pkiclient.exe is asked
    pub(crate) url: String,
    /// How long one request may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u64,
}

/// How the CA is known; without any of these its fingerprint is shown, and nothing is sent.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("anchor").args(["fingerprint", "ca", "trust_unverified"]))]
pub(crate) struct TrustArgs {
    /// The CA's fingerprint: SHA-256, 64 hexadecimal digits; checked before anything is sent
    #[arg(long, value_name = "HEX")]
    pub(crate) fingerprint: Option<String>,
    /// Take a SHA-1 fingerprint of 40 digits too
    #[arg(long, requires = "fingerprint")]
    pub(crate) allow_sha1_fingerprint: bool,
    /// The CA's certificate, PEM or DER; checked before anything is sent
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Believe whatever answers: anyone on the way gets the challenge and can issue the certificate
    #[arg(long)]
    pub(crate) trust_unverified: bool,
    /// The CA's identifier, for servers with several
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_identifier: Option<String>,
}

/// How a message is made and sent, and what is taken for an answer.
#[derive(Debug, Args)]
pub(crate) struct MessageArgs {
    /// Digest of the messages [default: as the server says]
    #[arg(long, value_enum)]
    pub(crate) digest: Option<DigestName>,
    /// Cipher of the messages [default: as the server says]
    #[arg(long, value_enum)]
    pub(crate) cipher: Option<CipherName>,
    /// Allow SHA-1 and triple DES
    #[arg(long)]
    pub(crate) legacy: bool,
    /// Allow MD5 and single DES in answers too, which protect nothing: micromdm's scepserver, old NDES and EJBCA
    #[arg(long)]
    pub(crate) allow_obsolete: bool,
    /// How messages are sent
    #[arg(long, value_enum, default_value_t = MethodName::Auto)]
    pub(crate) method: MethodName,
}

impl MessageArgs {
    pub(crate) fn policy(&self) -> AlgorithmPolicy {
        match (self.allow_obsolete, self.legacy) {
            (true, _) => AlgorithmPolicy::Obsolete,
            (false, true) => AlgorithmPolicy::Legacy,
            (false, false) => AlgorithmPolicy::Modern,
        }
    }
}
