//! The program `intune-sim`: the service to run beside a SCEP server, and devices that enrol at it.

mod cli;
mod device;
mod serve;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use intune_sim::{DeviceError, Error};

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return wrong_command_line(&error),
        Err(help) => help.exit(),
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, causes included; a closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "intune-sim: {error:#}");
            ExitCode::from(if is_refusal(&error) { 1 } else { 3 })
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match cli.command {
        Command::Serve(args) => runtime.block_on(serve::run(&args)),
        Command::Device(args) => runtime.block_on(device::run(&args)),
    }
}

/// Whether a server said no, rather than nothing.
fn is_refusal(error: &anyhow::Error) -> bool {
    let device = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(Error::Device(error)) => Some(error),
        _ => None,
    });
    device.is_some_and(|error| !matches!(error, DeviceError::Unanswered { .. }))
}

/// The first line of what clap has to say; the usage is a `--help` away.
fn wrong_command_line(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let _ = writeln!(std::io::stderr(), "intune-sim: {line}; see intune-sim --help");
    ExitCode::from(2)
}
