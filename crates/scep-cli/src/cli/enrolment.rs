use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use scep_proto::client::PollBy;

use super::{MessageArgs, ServerArgs, TrustArgs};
use crate::choices::{KeyType, RenewalName, TransactionIdName};
use crate::secret::SecretSource;

/// What `enroll` and `renew` have in common.
#[derive(Debug, Args)]
pub(crate) struct EnrolmentArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The challenge: its text, @FILE or env:NAME. Text can be seen in the list of processes
    #[arg(long, value_name = "TEXT|@FILE|env:NAME")]
    pub(crate) challenge: Option<SecretSource>,
    /// Where the certificates of the CA go, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
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
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl EnrolmentArgs {
    pub(crate) fn poll_by(&self) -> PollBy {
        if self.poll_by_resubmission { PollBy::CertPollThenResubmission } else { PollBy::CertPoll }
    }
}

/// Arguments of `enroll`.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    pub(crate) common: EnrolmentArgs,
    /// The subject, most specific part first: "CN=device,O=Example"
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) names: NameArgs,
    /// The private key, PEM; made if the file does not exist, for its owner only
    #[arg(long, value_name = "FILE", default_value = "key.pem")]
    pub(crate) key: PathBuf,
    /// What key is made [default: rsa2048]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) key_type: Option<KeyType>,
    /// Where the certificate goes, PEM
    #[arg(long, value_name = "FILE", default_value = "cert.pem")]
    pub(crate) out: PathBuf,
    /// Do not poll a request that waits for approval, but keep it in this file, for `poll --state`; the challenge is in it
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
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
    pub(crate) common: EnrolmentArgs,
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
    /// The message type
    #[arg(long, value_enum, default_value_t = RenewalName::Auto)]
    pub(crate) message_type: RenewalName,
    /// Where the next certificate goes, PEM [default: the file of the old one, which it replaces]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `poll`.
#[derive(Debug, Args)]
pub(crate) struct PollArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Where `enroll --state` kept the request that waits; removed once its certificate is there
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subject", "transaction_id", "anchor", "ca_identifier"])]
    pub(crate) state: Option<PathBuf>,
    /// The subject of the request that waits: "CN=device,O=Example"
    #[arg(long, value_name = "NAME", required_unless_present = "state")]
    pub(crate) subject: Option<String>,
    /// The private key of that request, PEM
    #[arg(long, value_name = "FILE", default_value = "key.pem")]
    pub(crate) key: PathBuf,
    /// The transactionID of that request [default: that of `enroll --transaction-id key-hash`]
    #[arg(long, value_name = "TEXT")]
    pub(crate) transaction_id: Option<String>,
    /// Where the certificate goes, PEM
    #[arg(long, value_name = "FILE", default_value = "cert.pem")]
    pub(crate) out: PathBuf,
    /// How long to wait before each further poll
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) poll_interval: u64,
    /// How often to ask
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) max_polls: u32,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
