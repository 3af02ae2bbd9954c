//! The SCEP server program: command line and wiring.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod cli;
mod demo;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
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
