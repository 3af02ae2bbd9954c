//! Enrolments a second over loopback, RSA-2048: our server on the memory store, on SQLite with durable commits, and micromdm's
//! `scepserver`, each a process of its own, in turn, on the same cores, by the same devices, first over connections that are kept, then with
//! one for each device; and how soon `scepd serve` has served its first one:
//! `cargo bench -p scep-benches --bench throughput [-- --json FILE]`; the figures go to `FILE` with `.throughput` in front of its
//! ending.
//!
//! Needs `scepserver` (Debian package `scep`). `SCEP_BENCH_FOLDER` is where databases are (default: the folder for temporary
//! files); `SCEP_BENCH_DEVICES` how many devices enrol in each turn (default 1500).

mod cold;
mod figures;
mod load;
mod ours;
mod scepserver;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use self::figures::{Figure, finish};
use self::load::{Connecting, Place, Run, Whose};
use self::ours::Ours;
use self::scepserver::ScepServer;

/// The servers take turns this often, so that a machine that slows down slows all of them.
const TURNS: usize = 3;
/// `scepserver` gets fewer devices: its depot is a text file that it reads through for each.
const FEWER: u32 = 5;
/// Devices at our server at a time: enough that it has work while it waits for the disk.
const AT_OURS: u32 = 64;
/// Devices at `scepserver` at a time: so it issues most. Of more it refuses more, up to five of six of 64,
/// since they race for its depot.
const AT_SCEPSERVER: u32 = 2;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(ours::SERVE) {
        return ours::serve_here(&arguments.next().context("no store")?);
    }
    let folder = folder()?;
    let database = folder.path().join("scep.sqlite");
    let memory = Ours::start(ours::MEMORY)?;
    let sqlite = Ours::start(database.to_str().context("a path that is no text")?)?;
    let scepserver = ScepServer::start()?;

    let devices = devices();
    let places = [
        memory.place(devices),
        sqlite.place(devices),
        scepserver.place((devices / FEWER).max(100)),
    ];
    let once = enrol_in_turns(&places, Connecting::Once)?;
    let anew = enrol_in_turns(&places, Connecting::Anew)?;
    let mut figures = figures("throughput", &once);
    figures.extend(self::figures("reconnecting", &anew));
    figures.push(Figure::start(
        "cold_start/first_enrolment",
        &cold::starts()?,
        Duration::from_millis(300),
    ));
    finish(&figures)
}

/// The run of each place that is the middle of its turns.
fn enrol_in_turns(places: &[Place; 3], connecting: Connecting) -> Result<[Run; 3]> {
    let mut runs: [Vec<Run>; 3] = Default::default();
    for _ in 0..TURNS {
        for (place, runs) in places.iter().zip(&mut runs) {
            runs.push(place.enrol_all(connecting)?);
        }
    }
    Ok(runs.map(|runs| Run::middle(&runs)))
}

fn figures(name: &str, [memory, sqlite, scepserver]: &[Run; 3]) -> Vec<Figure> {
    let rate = |server: &str, run| Figure::rate(&format!("{name}/{server}"), run);
    vec![
        rate("memory", memory).beside("scepserver", scepserver, 4.0),
        rate("sqlite", sqlite).beside("memory", memory, 0.7),
        rate("sqlite", sqlite).beside("scepserver", scepserver, 4.0),
        rate("scepserver", scepserver),
    ]
}

fn folder() -> Result<TempDir> {
    Ok(match std::env::var_os("SCEP_BENCH_FOLDER") {
        Some(folder) => TempDir::new_in(folder)?,
        None => TempDir::new()?,
    })
}

fn devices() -> u32 {
    let devices = std::env::var("SCEP_BENCH_DEVICES").ok().and_then(|devices| devices.parse().ok());
    devices.unwrap_or(1_500)
}

impl Ours {
    fn place(&self, devices: u32) -> Place {
        let (url, pid) = (self.url.clone(), self.pid());
        let (connections, whose) = (AT_OURS, Whose::Ours);
        Place { url, pid, challenge: ours::PASSWORD, devices, connections, whose }
    }
}

impl ScepServer {
    fn place(&self, devices: u32) -> Place {
        let (url, pid) = (self.url.clone(), self.pid());
        let (connections, whose) = (AT_SCEPSERVER, Whose::Another);
        Place { url, pid, challenge: scepserver::SECRET, devices, connections, whose }
    }
}
