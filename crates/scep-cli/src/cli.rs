//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use scep_proto::client::PollBy;
use scep_types::AlgorithmPolicy;

use crate::choices::{CipherName, DigestName, KeyType, MethodName, RenewalName, TransactionIdName};
use crate::secret::SecretSource;

/// A SCEP client, and a diagnosis of what SCEP peers say.
#[derive(Debug, Parser)]
#[command(name = "scep", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server refuses (FAILURE)
  2  the command line is wrong
  3  the request is still pending
  4  no answer: connection, time-out, HTTP status, redirect
  5  not believed: the CA, or an answer in its name, is not authentic
  6  a local file or key
  7  not understood: malformed input or answer, or an algorithm that is not allowed";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows what a server says it can (GetCACaps)
    Caps(CapsArgs),
    /// Shows the certificates of the CA and their fingerprints (GetCACert)
    Cacert(CacertArgs),
    /// Gets a certificate for a key
    Enroll(Box<EnrollArgs>),
    /// Gets the next certificate, signed for by the one that runs out
    Renew(Box<RenewArgs>),
    /// Shows a pkiMessage, envelope, CSR, certificate or list of certificates as a tree
    Decode(DecodeArgs),
    /// Makes a signed challenge
    Mint(MintArgs),
}

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

/// How messages are made and sent.
#[derive(Debug, Args)]
pub(crate) struct ProtocolArgs {
    /// Digest of the messages [default: as the server says]
    #[arg(long, value_enum)]
    pub(crate) digest: Option<DigestName>,
    /// Cipher of the messages [default: as the server says]
    #[arg(long, value_enum)]
    pub(crate) cipher: Option<CipherName>,
    /// Allow SHA-1 and triple DES
    #[arg(long)]
    pub(crate) legacy: bool,
    /// How messages are sent
    #[arg(long, value_enum, default_value_t = MethodName::Auto)]
    pub(crate) method: MethodName,
    /// Where the transactionID comes from
    #[arg(long, value_enum, default_value_t = TransactionIdName::Random)]
    pub(crate) transaction_id: TransactionIdName,
    /// How long to wait before each poll of a pending request
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) poll_interval: u64,
    /// How often to poll; 0 leaves a pending request alone
    #[arg(long, value_name = "COUNT", default_value_t = 60)]
    pub(crate) max_polls: u32,
    /// Send the request again if the server knows no polls
    #[arg(long)]
    pub(crate) poll_by_resubmission: bool,
}

/// Arguments of `enroll`.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The subject, most specific part first: "CN=device,O=Example"
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) names: NameArgs,
    /// The challenge: its text, @FILE or env:NAME. Text can be seen in the list of processes
    #[arg(long, value_name = "TEXT|@FILE|env:NAME")]
    pub(crate) challenge: Option<SecretSource>,
    /// The private key, PEM; made if the file does not exist, for its owner only
    #[arg(long, value_name = "FILE", default_value = "key.pem")]
    pub(crate) key: PathBuf,
    /// What key is made [default: rsa2048]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) key_type: Option<KeyType>,
    /// Where the certificate goes, PEM
    #[arg(long, value_name = "FILE", default_value = "cert.pem")]
    pub(crate) out: PathBuf,
    /// Where the certificates of the CA go, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Names in the subjectAltName; each may stand several times.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// A DNS name
    #[arg(long, value_name = "NAME")]
    pub(crate) dns: Vec<String>,
    /// A mail address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Vec<String>,
    /// A user principal name
    #[arg(long, value_name = "NAME")]
    pub(crate) upn: Vec<String>,
    /// A URI
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Vec<String>,
    /// An IP address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Vec<IpAddr>,
}

/// Arguments of `renew`.
#[derive(Debug, Args)]
pub(crate) struct RenewArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The certificate to renew, PEM or DER; subject and names of the next one are its
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The key of the next certificate, made if the file does not exist [default: the old key]
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key: Option<PathBuf>,
    /// What new key is made [default: rsa2048]
    #[arg(long, value_enum, value_name = "KIND", requires = "new_key")]
    pub(crate) key_type: Option<KeyType>,
    /// A challenge, if the server wants one again: its text, @FILE or env:NAME
    #[arg(long, value_name = "TEXT|@FILE|env:NAME")]
    pub(crate) challenge: Option<SecretSource>,
    /// The message type
    #[arg(long, value_enum, default_value_t = RenewalName::Auto)]
    pub(crate) message_type: RenewalName,
    /// Where the next certificate goes, PEM [default: the file of the old one, which it replaces]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Where the certificates of the CA go, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `decode`.
#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// The file, or - for standard input: DER, BER, PEM, base64, or the URL of a PKIOperation by GET
    pub(crate) file: PathBuf,
    /// A private key that may open an envelope, PEM; may stand several times
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// A certificate that may have signed, for messages that do not bring it along; may stand several times
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Vec<PathBuf>,
    /// Show challenge passwords
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `mint`.
#[derive(Debug, Args)]
pub(crate) struct MintArgs {
    /// The signing key, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The JWS algorithm [default: the one that goes with the key: RS256, ES256 or ES384]
    #[arg(long, value_name = "NAME")]
    pub(crate) alg: Option<String>,
    /// The key's identifier (kid)
    #[arg(long, value_name = "ID")]
    pub(crate) kid: Option<String>,
    /// Who makes the challenge (iss)
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// The device or user it is made for (sub)
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: String,
    /// The server it is made for (aud)
    #[arg(long, value_name = "URL")]
    pub(crate) audience: Option<String>,
    /// The only commonName of the CSR
    #[arg(long, value_name = "NAME")]
    pub(crate) device_name: Option<String>,
    /// A DNS name of the CSR; may stand several times, as all of these
    #[arg(long, value_name = "NAME")]
    pub(crate) san_dns: Vec<String>,
    /// A mail address of the CSR
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) san_email: Vec<String>,
    /// A user principal name of the CSR
    #[arg(long, value_name = "NAME")]
    pub(crate) san_upn: Vec<String>,
    /// A URI of the CSR
    #[arg(long, value_name = "URI")]
    pub(crate) san_uri: Vec<String>,
    /// An IP address of the CSR
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) san_ip: Vec<IpAddr>,
    /// How long it is good for, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) ttl: u64,
    /// Print JSON: the challenge and what it says
    #[arg(long)]
    pub(crate) json: bool,
}

impl ProtocolArgs {
    pub(crate) fn policy(&self) -> AlgorithmPolicy {
        if self.legacy { AlgorithmPolicy::Legacy } else { AlgorithmPolicy::Modern }
    }

    pub(crate) fn poll_by(&self) -> PollBy {
        if self.poll_by_resubmission { PollBy::CertPollThenResubmission } else { PollBy::CertPoll }
    }
}
