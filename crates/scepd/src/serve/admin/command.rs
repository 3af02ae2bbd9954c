//! `scepd admin token`: makes, lists and takes away tokens in the state directory; scepd takes them over at a reload.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use scep_server::{Clock as _, SystemClock};

use super::tokens::Tokens;
use crate::cli::{AdminCommand, TokenCommand};
use crate::config::Loaded;

/// Does what was asked.
pub(crate) fn run(command: &AdminCommand) -> Result<ExitCode> {
    let AdminCommand::Token(command) = command;
    let mut out = io::stdout().lock();
    match command {
        TokenCommand::New(args) => {
            let (mut tokens, file) = read(&args.config)?;
            let token = tokens.add(&args.name, args.role, SystemClock.now())?;
            save(&tokens, &file)?;
            writeln!(out, "{}", token.expose())?;
            tell("This token is shown once. scepd takes it from its next reload on.");
        }
        TokenCommand::List(args) => {
            for token in read(&args.config)?.0.token {
                let role = serde_json::to_value(token.role)?;
                let role = role.as_str().unwrap_or_default();
                writeln!(out, "{}\t{role}\t{}", token.name, token.created)?;
            }
        }
        TokenCommand::Remove(args) => {
            let (mut tokens, file) = read(&args.config)?;
            tokens.remove(&args.name)?;
            save(&tokens, &file)?;
            tell("scepd refuses this token from its next reload on.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(configuration: &Path) -> Result<(Tokens, PathBuf)> {
    let loaded = Loaded::read(configuration)?;
    let config = loaded.config.filter(|_| loaded.findings.mistakes.is_empty());
    let config = config
        .ok_or_else(|| anyhow!("{} has mistakes; see scepd check", configuration.display()))?;
    let tokens = Tokens::of(&config, configuration);
    let tokens = tokens.map_err(|fault| anyhow!("{}: {}", fault.what, fault.remedy))?;
    Ok((tokens, Tokens::file(&config, configuration)))
}

fn save(tokens: &Tokens, file: &Path) -> Result<()> {
    tokens.save(file).with_context(|| format!("cannot write {}", file.display()))
}

/// Standard output is for the token alone.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
