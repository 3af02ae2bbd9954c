//! The command `scep`: command line and exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use scep_cli::{Cli, run};

fn main() -> ExitCode {
    let (mut out, mut notes) = (std::io::stdout().lock(), std::io::stderr());
    match run(&Cli::parse(), &mut out, &mut notes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, remedy included; a closed stderr leaves nobody to tell.
            let _ = writeln!(notes, "scep: {}", error.line());
            ExitCode::from(error.exit_code())
        }
    }
}
