use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use scep_client::now;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::UnauthenticatedCa;
use scep_proto::client::{CaTrust, HttpRequest};

use super::enrolment::verified_or_warned;
use crate::cli::ConformanceArgs;
use crate::conformance::{self, Lab, Setting};
use crate::error::{Error, Usage};
use crate::{output, subject};

pub(super) fn run(
    args: &ConformanceArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let rows = conformance::chosen(&args.only);
    if rows.is_empty() {
        return Err(Usage::NoRow(args.only.join(", ")).into());
    }
    let certificates = conformance::certificates(&rows);
    let setting = setting(args, certificates, notes)?;
    if !args.yes {
        ask(certificates, &setting.url, notes)?;
    }
    let mut lab = Lab::new(setting)?;
    let lines = conformance::run(&mut lab, &rows);
    if args.json {
        output::json_value(out, &conformance::json(&lines))?;
    } else {
        conformance::text(&lines, out)?;
    }
    let level = args.level.level();
    let failed = lines.iter().filter(|line| line.fails(level)).count();
    if failed > 0 { Err(Error::NotConformant { failed, level }) } else { Ok(()) }
}

/// Asks the server what it shows to anyone, and authenticates the CA: it will see the challenges.
fn setting(args: &ConformanceArgs, budget: u32, notes: &mut dyn Write) -> Result<Setting, Error> {
    let trust = verified_or_warned(&args.trust, notes)?;
    let subject = subject::parse(&args.subject)?;
    let challenges = args.challenge.iter().map(|source| source.read());
    let challenges = challenges.collect::<Result<_, _>>()?;
    let client = super::client(&args.server)?;
    let runtime = super::runtime()?;
    let caps = runtime.block_on(client.observe(&HttpRequest::get_ca_caps())).ok();
    let request = HttpRequest::get_ca_cert(args.trust.ca_identifier.as_deref());
    let ca_answer = runtime.block_on(client.observe(&request))?;
    let found = UnauthenticatedCa::parse(ca_answer.answer.body);
    let found = found.map_err(scep_client::Error::from)?;
    let CaTrust::Anchor(anchor) = trust else {
        return Err(scep_client::Error::CaNotTrusted(Box::new(found)).into());
    };
    let ca = found.authenticate(&anchor, &provider(), now()).map_err(scep_client::Error::from)?;
    let (url, timeout) = (args.server.url.clone(), Duration::from_secs(args.server.timeout.max(1)));
    Ok(Setting { url, client, runtime, timeout, ca, caps, subject, challenges, budget })
}

/// Says what it will cost, and goes on only with a yes.
pub(super) fn ask(certificates: u32, url: &str, notes: &mut dyn Write) -> Result<(), Error> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Usage::NotAsked { certificates }.into());
    }
    let failed = |error: std::io::Error| Error::Output(error.kind());
    write!(notes, "scep: this may get up to {certificates} certificates from {url}; go on? [y/N] ")
        .and_then(|()| notes.flush())
        .map_err(failed)?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(failed)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Usage::NotAsked { certificates }.into()),
    }
}
