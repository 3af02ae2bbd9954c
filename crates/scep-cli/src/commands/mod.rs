//! One file for each command.

mod bench;
mod cacert;
mod caps;
mod conformance;
mod decode;
mod enroll;
mod enrolment;
mod mint;
mod nextca;
mod poll;
mod probe;
mod query;
mod renew;

use std::io::{ErrorKind, Write};
use std::time::Duration;

use scep_client::{Client, HttpSettings};
use scep_crypto::aws_lc_rs::provider;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command, ServerArgs};
use crate::error::Error;

/// Does what the command line says: results go to `out`, remarks to `notes`.
///
/// # Errors
/// [`Error`], whose exit code `scep --help` explains.
pub fn run(cli: &Cli, out: &mut dyn Write, notes: &mut dyn Write) -> Result<(), Error> {
    match &cli.command {
        Command::Caps(args) => wait_for(caps::run(args, out)),
        Command::Cacert(args) => wait_for(cacert::run(args, out, notes)),
        Command::Enroll(args) => wait_for(enroll::run(args, out, notes)),
        Command::Nextca(args) => wait_for(nextca::run(args, out, notes)),
        Command::Probe(args) => wait_for(probe::run(args, out, notes)),
        Command::Conformance(args) => conformance::run(args, out, notes),
        Command::Bench(args) => bench::run(args, out, notes),
        Command::Poll(args) => wait_for(poll::run(args, out, notes)),
        Command::Getcert(args) => wait_for(query::getcert(args, out, notes)),
        Command::Getcrl(args) => wait_for(query::getcrl(args, out, notes)),
        Command::Renew(args) => wait_for(renew::run(args, out, notes)),
        Command::Decode(args) => decode::run(args, out),
        Command::Mint(args) => mint::run(args, out),
    }
}

fn wait_for(command: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    runtime()?.block_on(command)
}

fn runtime() -> Result<Runtime, Error> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Output(error.kind()))
}

fn client(server: &ServerArgs) -> Result<Client, Error> {
    client_over(server, &http(server))
}

fn client_over(server: &ServerArgs, http: &HttpSettings) -> Result<Client, Error> {
    Ok(Client::with_http(&server.url, provider(), http)?)
}

fn http(server: &ServerArgs) -> HttpSettings {
    let timeout = Duration::from_secs(server.timeout.max(1));
    HttpSettings {
        timeout,
        connect_timeout: timeout.min(HttpSettings::default().connect_timeout),
        ..HttpSettings::default()
    }
}

/// A remark on standard error; nobody has to read it.
fn note(notes: &mut dyn Write, text: impl std::fmt::Display) -> Result<(), Error> {
    match writeln!(notes, "scep: {text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Output(error.kind())),
        _ => Ok(()),
    }
}
