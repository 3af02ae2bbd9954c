//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::serve::admin::tokens::Role;

/// A SCEP server: devices enrol by static password, signed challenge, Microsoft Intune, or an operator's approval.
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
    /// Serves devices; in a directory without a configuration, with a fresh CA and a random password
    Serve(ServeArgs),
    /// Explains every mistake of a configuration and of the files it names, and changes nothing
    Check(CheckArgs),
    /// Shows how a configuration is written
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Manages who may use the admin API
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Makes, lists and withdraws one-time passwords of a scepd that runs, through its admin API
    #[command(subcommand)]
    Password(PasswordCommand),
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration; without it that of --dir, which is written if there is none
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "listen"])]
    pub(crate) config: Option<PathBuf>,
    /// Where a first configuration, a CA and a password are written
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The address in a first configuration [default: 127.0.0.1:8894]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}

/// What is managed.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Bearer tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token and prints it, once
    New(NewTokenArgs),
    /// Lists names, roles and times
    List(TokensArgs),
    /// Takes a token away
    Remove(RemoveTokenArgs),
}

/// What is done with one-time passwords.
#[derive(Debug, Subcommand)]
pub(crate) enum PasswordCommand {
    /// Makes a password and prints it, once
    Mint(MintArgs),
    /// Lists those that wait for being used
    List(EndpointArgs),
    /// Takes a password back that was not used
    Withdraw(WithdrawArgs),
}

/// Which server, and in whose name.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// The configuration that says where the admin API is
    #[arg(long, value_name = "FILE", default_value = "scepd.toml")]
    pub(crate) config: PathBuf,
    /// Where the admin API is instead, such as http://127.0.0.1:8895
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The bearer token, in a file that only its owner may read; without it the environment variable SCEPD_TOKEN is taken
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print the answer's JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// A password to be made.
#[derive(Debug, Args)]
pub(crate) struct MintArgs {
    /// The endpoint that it is for
    pub(crate) endpoint: String,
    /// How long it is to be good, such as 15m, if not as the endpoint says
    #[arg(long)]
    pub(crate) lifetime: Option<String>,
    /// The only commonName that the CSR may have
    #[arg(long, value_name = "NAME")]
    pub(crate) common_name: Option<String>,
    /// One of its only dNSNames; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) dns: Vec<String>,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// Whose passwords.
#[derive(Debug, Args)]
pub(crate) struct EndpointArgs {
    /// The endpoint
    pub(crate) endpoint: String,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// A password to be taken back.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// The endpoint
    pub(crate) endpoint: String,
    /// Its id: the first six symbols
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// A token to be made.
#[derive(Debug, Args)]
pub(crate) struct NewTokenArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "scepd.toml")]
    pub(crate) config: PathBuf,
    /// Whose it is: decisions are recorded under this name
    #[arg(long)]
    pub(crate) name: String,
    /// What it allows
    #[arg(long, value_enum)]
    pub(crate) role: Role,
}

/// Which tokens.
#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "scepd.toml")]
    pub(crate) config: PathBuf,
}

/// A token to be taken away.
#[derive(Debug, Args)]
pub(crate) struct RemoveTokenArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "scepd.toml")]
    pub(crate) config: PathBuf,
    /// Whose it is
    #[arg(long)]
    pub(crate) name: String,
}

/// What is checked.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "scepd.toml")]
    pub(crate) config: PathBuf,
    /// Also ask Microsoft whether the endpoints in the mode "intune" are set up there, and show what to choose in profiles
    #[arg(long)]
    pub(crate) online: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is shown.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints a commented configuration with every setting
    Example,
    /// Prints the JSON schema of configurations
    Schema,
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
  1  a line of the demonstration did not come out as it should, the configuration has mistakes,
     Microsoft's half is not set up (check --online), or the admin API refused
  2  the command line is wrong
  3  the address cannot be bound, a directory not written, or another fault of the machine";
