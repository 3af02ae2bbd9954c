use std::path::PathBuf;

use clap::{Args, value_parser};

use super::{MessageArgs, ServerArgs, TrustArgs};
use crate::secret::SecretSource;

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Devices that enrol: so many certificates are requested
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) devices: u32,
    /// How many of them are at it at a time, each on one of so many connections that are kept
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// Connect for each device anew, as devices do
    #[arg(long)]
    pub(crate) reconnect: bool,
    /// RSA-2048 keys that the devices share, since making a key takes longer than an enrolment
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = value_parser!(u32).range(1..=1_000))]
    pub(crate) keys: u32,
    /// What the devices are called: CN=NAME-RUN-NUMBER
    #[arg(long, value_name = "NAME", default_value = "scep-bench")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) challenge: BenchChallengeArgs,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    /// The process of the server, if it runs here: what CPU time it takes
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Do not ask before certificates are requested from a server that is not on this machine
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The challenges of the devices: one that all share, or one minted for each.
#[derive(Debug, Args)]
pub(crate) struct BenchChallengeArgs {
    /// A challenge that all devices share: its text, @FILE or env:NAME
    #[arg(long, visible_alias = "password", value_name = "TEXT|@FILE|env:NAME")]
    pub(crate) challenge: Option<SecretSource>,
    /// A signing key, PEM: each device gets a signed challenge of its own, as `scep mint` makes them
    #[arg(long, value_name = "FILE", conflicts_with = "challenge")]
    pub(crate) challenge_signer: Option<PathBuf>,
    /// The JWS algorithm [default: the one that goes with the key: RS256, ES256 or ES384]
    #[arg(long, value_name = "NAME", requires = "challenge_signer")]
    pub(crate) alg: Option<String>,
    /// The signing key's identifier (kid)
    #[arg(long, value_name = "ID", requires = "challenge_signer")]
    pub(crate) kid: Option<String>,
    /// Who makes the challenges (iss)
    #[arg(long, value_name = "NAME", requires = "challenge_signer")]
    pub(crate) issuer: Option<String>,
    /// The server they are made for (aud)
    #[arg(long, value_name = "URL", requires = "challenge_signer")]
    pub(crate) audience: Option<String>,
    /// How long they are good for, in seconds, from before the messages are made
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, requires = "challenge_signer")]
    pub(crate) ttl: u64,
}
