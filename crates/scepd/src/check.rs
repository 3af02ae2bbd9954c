//! `scepd check` and `scepd config`: what is wrong with a configuration, and how one is written.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use scep_crypto::aws_lc_rs;
use scep_server::{Clock as _, Host, SystemClock};
use scep_store::MemoryStore;
use scep_types::UnixTime;
use serde_json::json;

use crate::cli::{CheckArgs, ConfigCommand};
use crate::config::files::Files;
use crate::config::mistake::Findings;
use crate::config::{self, Loaded};
use crate::serve::assembly::{Assembly, Door, Expiry, Generated};
use crate::serve::store;

/// Explains every mistake of a configuration and of the files it names; changes nothing.
pub(crate) fn check(args: &CheckArgs) -> Result<ExitCode> {
    let findings = find(&args.config)?;
    let ok = findings.mistakes.is_empty();
    if args.json {
        let Findings { mistakes, warnings, .. } = &findings;
        let report = json!({ "ok": ok, "mistakes": mistakes, "warnings": warnings });
        writeln!(io::stdout().lock(), "{report}")?;
    } else {
        show(&findings)?;
    }
    Ok(ExitCode::from(u8::from(!ok)))
}

/// Prints a configuration, or the schema of one.
pub(crate) fn config(command: &ConfigCommand) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    match command {
        ConfigCommand::Example => out.write_all(config::EXAMPLE.as_bytes())?,
        ConfigCommand::Schema => writeln!(out, "{:#}", config::schema())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn find(file: &Path) -> Result<Findings> {
    let Loaded { config, mut findings } = Loaded::read(file)?;
    if let Some(config) = config {
        let host = Host::new(aws_lc_rs::provider(), Arc::new(MemoryStore::default()));
        let now = SystemClock.now();
        let assembly = Assembly::new(&config, host, Generated::Forgotten, now, &mut findings);
        assembly.doors.iter().for_each(|door| warn(door, now, &mut findings));
        let files = Files::beside(findings.file());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(store::probe(&config, &files, &mut findings));
    }
    Ok(findings.sorted())
}

/// What works today, but some devices stumble over, or ends soon.
fn warn(door: &Door, now: UnixTime, findings: &mut Findings) {
    let name = door.endpoint.name();
    for warning in door.endpoint.warnings() {
        findings.warning(door.at.clone(), format!("endpoint {name:?}: {warning}"), "");
    }
    for Expiry { role, subject, not_after } in &door.expiries {
        if (now..=now.plus(SOON)).contains(not_after) {
            let what = format!("endpoint {name:?}: the {role} {subject} ends at {not_after}");
            findings.warning(door.at.clone(), what, "rotate it");
        }
    }
}

/// When a certificate is said to end soon.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn show(findings: &Findings) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for warning in &findings.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    for mistake in &findings.mistakes {
        writeln!(out, "{mistake}")?;
    }
    match findings.mistakes.len() {
        0 => writeln!(out, "{}: no mistakes", findings.file().display()),
        1 => writeln!(out, "1 mistake"),
        many => writeln!(out, "{many} mistakes"),
    }
}
