//! The SCEP server program: command line and wiring.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

mod check;
mod cli;
mod config;
mod demo;
mod password;
mod pki;
mod serve;
mod x509;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(help) if shows_help(&help) => help.exit(),
        Err(error) => return one_line(&error),
    };
    if !matches!(cli.command, cli::Command::Serve(_)) {
        log_to_stderr(); // a server's log is as its configuration says
    }
    let outcome = match cli.command {
        cli::Command::Demo(args) => demo::run(&args),
        cli::Command::Serve(args) => serve::run(&args),
        cli::Command::Admin(command) => serve::admin::command::run(&command),
        cli::Command::Password(command) => password::run(&command),
        cli::Command::Check(args) => check::check(&args),
        cli::Command::Config(command) => check::config(&command),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // One line, causes included; a closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "scepd: {error:#}");
            ExitCode::from(3)
        }
    }
}

/// Errors only, unless `RUST_LOG` says otherwise; standard output is for what was asked.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Whether clap wants to show a help or a version, asked for or because nothing was said at all.
fn shows_help(error: &clap::Error) -> bool {
    !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// What clap has to say, on one line; the usage is a `--help` away.
fn one_line(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let lines: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    let line = line.trim_start_matches("error: ");
    let _ = writeln!(std::io::stderr(), "scepd: {line}; see scepd --help");
    ExitCode::from(2)
}
