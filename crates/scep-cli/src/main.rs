//! The command `scep`: command line and exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use scep_cli::{Cli, run};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help) if shows_help(&help) => help.exit(),
        Err(error) => return one_line(&error),
    };
    let (mut out, mut notes) = (std::io::stdout().lock(), std::io::stderr());
    match run(&cli, &mut out, &mut notes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, remedy included; a closed stderr leaves nobody to tell.
            let _ = writeln!(notes, "scep: {}", error.line());
            ExitCode::from(error.exit_code())
        }
    }
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
    let _ = writeln!(std::io::stderr(), "scep: {line}; see scep --help");
    ExitCode::from(2)
}
