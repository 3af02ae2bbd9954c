use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use intune_challenge::signed::Issuer;
use scep_client::{Client, HttpSettings, now};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::CaCertificates;
use scep_proto::client::{Algorithms, EnrolmentSettings, HttpRequest};
use scep_proto::http::Method;
use scep_types::{UnixTime, hex};
use tokio::runtime::Runtime;

use super::conformance::ask;
use super::enrolment::message_settings;
use super::mint;
use crate::bench::{
    Challenges, Fleet, Mint, Plan, Report, ServerCpu, is_loopback, judge, run as enrol_all,
};
use crate::cli::{BenchArgs, BenchChallengeArgs};
use crate::error::Error;
use crate::files;
use crate::output;

pub(super) fn run(
    args: &BenchArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let (now, url) = (now(), &args.server.url);
    let settings = message_settings(&args.trust, &args.message, notes)?;
    let challenges = challenges(&args.challenge, now)?;
    let cpu = args.server_pid.map(ServerCpu::of);
    cpu.as_ref().map(ServerCpu::taken).transpose()?; // a wrong PID is better known now than after the run
    let client = client(args)?;
    super::note(notes, format_args!("requests {} certificates from {url}", args.devices))?;
    if !args.yes && !is_loopback(url) {
        ask(args.devices, url, notes)?;
    }
    let runtime = super::runtime()?;
    let server = Server::ask(&runtime, &client, &settings)?;
    let (algorithms, name) = (server.algorithms, format!("{}-{}", args.name, run_name()?));
    let plan = Plan { ca: server.ca, algorithms, challenges, name, now };

    let building = progress("making messages", args.devices);
    let fleet = Fleet::build(&plan, args.devices, args.keys, &building)?;
    building.finish_and_clear();
    let enrolling = progress("enrolling", args.devices);
    let before = cpu.as_ref().map(ServerCpu::taken).transpose()?;
    let load = enrol_all(&client, server.method, &fleet, args.connections, &enrolling);
    let (elapsed, answered) = runtime.block_on(load);
    let after = cpu.as_ref().map(ServerCpu::taken).transpose()?;
    enrolling.finish_and_clear();

    let verdicts = judge(&fleet, &plan.ca, settings.policy, &answered)?;
    let taken = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    let report = Report::new(args.connections, elapsed, &verdicts, taken);
    if args.json {
        output::json_value(out, &report.json())?;
    } else {
        report.text(out)?;
    }
    conclude(&report, notes)
}

fn client(args: &BenchArgs) -> Result<Client, Error> {
    let connections = usize::try_from(args.connections).unwrap_or(usize::MAX);
    let http = HttpSettings {
        idle_connections: if args.reconnect { 0 } else { connections },
        ..super::http(&args.server)
    };
    super::client_over(&args.server, &http)
}

/// What the server said before the run, and what follows from it for the messages.
struct Server {
    ca: CaCertificates,
    algorithms: Algorithms,
    method: Method,
}

impl Server {
    fn ask(
        runtime: &Runtime,
        client: &Client,
        settings: &EnrolmentSettings,
    ) -> Result<Self, Error> {
        let answer = runtime.block_on(client.send(&HttpRequest::get_ca_caps()))?;
        let capabilities = answer.capabilities();
        let identifier = settings.ca_identifier.as_deref();
        let ca = runtime.block_on(client.authenticated_ca(&settings.trust, identifier))?;
        Ok(Self {
            ca,
            algorithms: settings.algorithms(capabilities).map_err(scep_client::Error::from)?,
            method: settings.method.first(capabilities),
        })
    }
}

fn challenges(args: &BenchChallengeArgs, now: UnixTime) -> Result<Challenges, Error> {
    if let Some(source) = &args.challenge {
        return Ok(Challenges::Shared(source.read()?));
    }
    let Some(path) = &args.challenge_signer else { return Ok(Challenges::None) };
    let signer: Issuer =
        mint::issuer(files::read_key(path)?, args.alg.as_deref(), args.kid.clone())?;
    Ok(Challenges::Minted(Mint {
        signer,
        issuer: args.issuer.clone(),
        audience: args.audience.clone(),
        expires: now.plus(Duration::from_secs(args.ttl)),
    }))
}

/// What tells the devices of this run from those of another.
fn run_name() -> Result<String, Error> {
    let mut drawn = [0; 4];
    provider().random.fill(&mut drawn)?;
    Ok(hex::lower(&drawn))
}

/// A bar on standard error if that is a terminal, else nothing.
fn progress(what: &'static str, devices: u32) -> ProgressBar {
    let bar = ProgressBar::new(devices.into()).with_message(what);
    match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar, // its own style will do
    }
}

/// Whether all is well; if the server wanted less at a time, what to do about it.
fn conclude(report: &Report, notes: &mut dyn Write) -> Result<(), Error> {
    if report.limited() > 0 {
        let text = "HTTP 429 and 503 are limits of the server: to measure what it can, raise them for this address";
        super::note(notes, text)?;
    }
    match report.failures() {
        0 => Ok(()),
        failed => Err(Error::NotAllIssued { failed }),
    }
}
