//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use intune_sim::device::Family;
use intune_sim::{Endpoint, Error, Fault, Times};

/// A stand-in for Entra, Graph and the Intune SCEP service, and devices that enrol as Windows, Apple and Android do.
#[derive(Debug, Parser)]
#[command(name = "intune-sim", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answers as Entra, Graph and Intune until it is interrupted
    Serve(ServeArgs),
    /// Gets a challenge from a running simulator and enrols at a SCEP server
    Device(DeviceArgs),
}

/// Settings of the service.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where the control API listens; Entra, Graph, Intune and a redirect trap take the next four ports
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8900")]
    pub(crate) listen: SocketAddr,
    /// Another tenant, with an app registration of its own
    #[arg(long, value_name = "ID=DOMAIN", value_parser = pair)]
    pub(crate) tenant: Vec<(String, String)>,
    /// Makes an endpoint fail, N times or until it is cleared: token=invalid-client, validate=503:2, success=timeout
    #[arg(long, value_name = "ENDPOINT=KIND[:N]")]
    pub(crate) fail: Vec<Failure>,
    /// Takes notifications only for what was validated
    #[arg(long)]
    pub(crate) strict: bool,
    /// How long the revocation queue stays empty after a download
    #[arg(long, value_name = "MINUTES", default_value_t = 0)]
    pub(crate) cool_down: u64,
    /// How long tokens live
    #[arg(long, value_name = "SECONDS", default_value_t = 3599)]
    pub(crate) token_lifetime: u64,
}

/// Settings of a device.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    /// windows, apple or android
    #[arg(long)]
    pub(crate) family: Family,
    /// The SCEP server, as it would stand in the profile
    #[arg(long, value_name = "SCEP_URL")]
    pub(crate) url: String,
    /// The control API of the simulator
    #[arg(long, value_name = "CONTROL_URL", default_value = "http://127.0.0.1:8900")]
    pub(crate) sim: String,
    /// Which device of the simulator it is
    #[arg(long, value_name = "ID", default_value = "device-1")]
    pub(crate) device: String,
    /// By which profile
    #[arg(long, value_name = "ID", default_value = "profile-1")]
    pub(crate) profile: String,
    /// SHA-256 of the CA's certificate, in hexadecimal; without it, any CA is believed
    #[arg(long, value_name = "HEX", value_parser = fingerprint)]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Asks for another subject than the profile says, as a device that cheats would
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// Where key and certificate are written; without it, nowhere
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) out: Option<PathBuf>,
}

/// A fault on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) endpoint: Endpoint,
    pub(crate) kind: FailureKind,
}

/// What fails, and how.
#[derive(Debug, Clone)]
pub(crate) enum FailureKind {
    /// The port of its host is closed.
    Refused,
    /// An injected fault.
    Fault(Fault, Times),
}

/// SHA-256 of a certificate.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint(pub(crate) Vec<u8>);

impl FromStr for Failure {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (endpoint, kind) = text.split_once('=').unwrap_or((text, ""));
        let endpoint = endpoint.parse()?;
        let (kind, times) = match kind.rsplit_once(':') {
            Some((kind, times)) => (kind, times.parse()?),
            None => (kind, Times::UntilCleared),
        };
        let kind = match (kind, times) {
            ("refused", Times::UntilCleared) => FailureKind::Refused,
            (kind, times) => FailureKind::Fault(kind.parse()?, times),
        };
        Ok(Self { endpoint, kind })
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(id, domain)| !id.is_empty() && !domain.is_empty());
    let (id, domain) = pair.ok_or("write ID=DOMAIN")?;
    Ok((id.to_owned(), domain.to_owned()))
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| *character != ':')
        .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or("a fingerprint is hexadecimal")?;
    let octets: Vec<u8> =
        digits.chunks(2).filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect();
    if digits.len() == 64 {
        Ok(Fingerprint(octets))
    } else {
        Err("SHA-256 has 64 digits".to_owned())
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  as asked
  1  the SCEP server refused the device
  2  the command line is wrong
  3  nobody answers, an address cannot be bound, or another fault of the machine";
