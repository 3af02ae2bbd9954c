//! `scepd check` and `scepd config`: what is wrong with a configuration, and how one is written.

mod online;

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
use online::Examined;

use crate::serve::assembly::{Assembly, Door, Expiry, Generated};
use crate::serve::store;

/// Explains every mistake of a configuration and of the files it names; changes nothing.
pub(crate) fn check(args: &CheckArgs) -> Result<ExitCode> {
    let Checked { findings, doors } = find(&args.config)?;
    let examined = if args.online { Some(online::examine(&doors)?) } else { None };
    let set_up = examined.iter().flatten().all(Examined::is_set_up);
    let ok = findings.mistakes.is_empty() && set_up;
    if args.json {
        let Findings { mistakes, warnings, .. } = &findings;
        let mut report = json!({ "ok": ok, "mistakes": mistakes, "warnings": warnings });
        if let Some(examined) = &examined {
            report["online"] = json!(examined);
        }
        writeln!(io::stdout().lock(), "{report}")?;
    } else {
        show(&findings)?;
        online::show(examined.as_deref().unwrap_or_default())?;
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

/// What a check came to.
struct Checked {
    findings: Findings,
    /// The endpoints that could be built.
    doors: Vec<Door>,
}

fn find(file: &Path) -> Result<Checked> {
    let Loaded { config, mut findings } = Loaded::read(file)?;
    let mut doors = Vec::new();
    if let Some(config) = config {
        let host = Host::new(aws_lc_rs::provider(), Arc::new(MemoryStore::default()));
        let now = SystemClock.now();
        let assembly = Assembly::new(&config, host, Generated::Forgotten, now, &mut findings);
        doors = assembly.doors;
        doors.iter().for_each(|door| warn(door, now, &mut findings));
        let files = Files::beside(findings.file());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(store::probe(&config, &files, &mut findings));
    }
    Ok(Checked { findings: findings.sorted(), doors })
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
