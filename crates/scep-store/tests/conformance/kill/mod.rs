//! Nodes and servers that are killed at random moments: afterwards nothing is lost that was answered, and nothing is there twice.
//!
//! A child enrols, mints passwords, records events and says what it does; the parent kills it, opens the database itself, and holds it against what the child
//! said. `SCEP_STORE_KILLS` is how often (default 50), `SCEP_STORE_SEED` repeats a run.

mod alone;
mod child;
mod events;
mod journal;
mod passwords;
mod random;
mod world;

use std::any::Any;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use scep_test::servers::{Postgres, Redis, memory_folder};

use child::{Job, Place};
use journal::Journal;
use random::Random;

/// Longer than a child takes to its first answer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whom a round kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Node,
    Server,
}

#[test]
fn sqlite_survives_nodes_that_are_killed() {
    child::work_if_asked();
    let folder = memory_folder();
    let place = Place::Sqlite(folder.path().join("scep.sqlite"));
    kill_repeatedly("kill::sqlite_survives_nodes_that_are_killed", &place, Victim::Node, || ());
}

#[test]
#[ignore = "service: postgresql; CI runs it with --ignored"]
fn postgresql_survives_nodes_that_are_killed() {
    child::work_if_asked();
    let server = Postgres::start(memory_folder());
    let place = Place::Postgres(server.new_schema());
    let name = "kill::postgresql_survives_nodes_that_are_killed";
    kill_repeatedly(name, &place, Victim::Node, || ());
}

#[test]
#[ignore = "service: postgresql; CI runs it with --ignored"]
fn postgresql_survives_its_own_crashes() {
    child::work_if_asked();
    let mut server = Postgres::start(memory_folder());
    let place = Place::Postgres(server.new_schema());
    let crash = || server.crash_and_restart();
    kill_repeatedly("kill::postgresql_survives_its_own_crashes", &place, Victim::Server, crash);
}

#[test]
#[ignore = "service: redis; CI runs it with --ignored"]
fn redis_survives_nodes_that_are_killed() {
    child::work_if_asked();
    let server = Redis::start(memory_folder(), Redis::DURABLE);
    let place = Place::Redis(server.url());
    kill_repeatedly("kill::redis_survives_nodes_that_are_killed", &place, Victim::Node, || ());
}

#[test]
#[ignore = "service: redis; CI runs it with --ignored"]
fn redis_survives_its_own_crashes() {
    child::work_if_asked();
    let mut server = Redis::start(memory_folder(), Redis::DURABLE);
    let place = Place::Redis(server.url());
    let crash = || server.crash_and_restart();
    kill_repeatedly("kill::redis_survives_its_own_crashes", &place, Victim::Server, crash);
}

/// Works in children of this test, one after the other, and kills them or the server; always the same database.
fn kill_repeatedly(test: &str, place: &Place, victim: Victim, mut crash: impl FnMut()) {
    let (kills, seed) = (number("SCEP_STORE_KILLS").unwrap_or(50), seed());
    println!("{kills} kills, SCEP_STORE_SEED={seed}");
    let mut random = Random::new(seed);
    let mut journal = Journal::default();
    for round in 0..kills {
        let job = Job { place: place.clone(), round, seed: random.next() };
        let survived = catch_unwind(AssertUnwindSafe(|| {
            kill_once(test, &job, victim, (&mut random, &mut journal), &mut crash);
            journal.check(place, round, victim);
        }));
        if let Err(cause) = survived {
            let cause = cause_of(cause.as_ref());
            panic!(
                "{test}, round {round} of SCEP_STORE_SEED={seed}: {cause}; until then {journal}"
            );
        }
    }
    println!("{victim:?}: {journal}");
    assert!(journal.is_worth_something(), "SCEP_STORE_SEED={seed}: {journal}");
}

/// A child works for a moment, and then it is killed, or the server and then the child.
fn kill_once(
    test: &str,
    job: &Job,
    victim: Victim,
    (random, journal): (&mut Random, &mut Journal),
    crash: &mut impl FnMut(),
) {
    let (mut child, lines) = start(test, job);
    let opened = lines.recv_timeout(PATIENCE);
    journal.note(&opened.unwrap_or_else(|error| panic!("the child did not begin: {error}")));
    thread::sleep(Duration::from_micros(random.below(40_000)));
    if victim != Victim::Node {
        crash();
        // The node that lived on finds its way back.
        thread::sleep(Duration::from_micros(random.below(20_000)));
    }
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    lines.iter().for_each(|line| journal.note(&line));
    assert_eq!(ended.code(), None, "the child ended by itself");
}

/// What a panic said: the runner prints no more than the last one.
fn cause_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

/// Looking at all rounds in each would take the square of their number.
fn looks_at_all(round: u64) -> bool {
    (round + 1).is_multiple_of(50)
}

/// A child, and the lines it prints.
fn start(test: &str, job: &Job) -> (Child, Receiver<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored", "--test-threads=1"])
        .envs(job.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (said, heard) = channel();
    thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines
            .filter_map(|line| line.split_once("journal: ").map(|(_, line)| line.to_owned()))
            .try_for_each(|line| said.send(line))
    });
    (child, heard)
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    number("SCEP_STORE_SEED").unwrap_or_else(|| now.unwrap().as_nanos() as u64)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}
