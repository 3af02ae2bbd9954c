//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A SCEP server: devices enrol by static password, signed challenge, or an operator's approval.
#[derive(Debug, Parser)]
#[command(name = "scepd", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the whole way on this machine: a fresh CA, a device that enrols, and the attacks that fail
    Demo(DemoArgs),
}

/// Settings of the demo.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after the demonstration, with 0 only if every line came out as it should
    #[arg(long)]
    pub(crate) exit: bool,
    /// Show the same under Microsoft Intune, with a simulator in Microsoft's place
    #[arg(long)]
    pub(crate) intune: bool,
    /// Print one JSON object a line instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Where to listen [default: 127.0.0.1:8894, or any free port with --exit]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where certificates and keys are written
    #[arg(long, value_name = "DIRECTORY", default_value = "demo")]
    pub(crate) dir: PathBuf,
}

impl DemoArgs {
    /// The address to bind.
    pub(crate) fn address(&self) -> SocketAddr {
        let port = if self.exit { 0 } else { 8894 };
        self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  as asked
  1  a line of the demonstration did not come out as it should
  2  the command line is wrong
  3  the address cannot be bound, a directory not written, or another fault of the machine";
