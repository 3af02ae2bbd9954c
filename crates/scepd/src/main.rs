//! The SCEP server program: command line and wiring.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

mod cli;
mod demo;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return one_line(&error),
        Err(help) => help.exit(),
    };
    log_to_stderr();
    let outcome = match cli.command {
        cli::Command::Demo(args) => demo::run(&args),
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

/// The first line of what clap has to say; the usage is a `--help` away.
fn one_line(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let _ = writeln!(std::io::stderr(), "scepd: {line}; see scepd --help");
    ExitCode::from(2)
}
