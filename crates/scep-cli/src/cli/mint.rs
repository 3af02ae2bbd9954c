use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

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
