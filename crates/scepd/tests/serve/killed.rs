//! scepd is killed at random moments under load: no challenge is used up without a certificate, none gives two, and what a
//! client received stands.
//!
//! Devices send what was not answered again, octet for octet, as real ones do. `SCEP_STORE_KILLS` is how often (default 25),
//! `SCEP_STORE_SEED` repeats a run.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use scep_test::servers::{Postgres, Redis, memory_folder};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::fleet::{Answer, Fleet, Node, Order, signed_place};

const DEVICES: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_nothing_is_lost_and_nothing_issued_twice() {
    let folder = memory_folder();
    let backend = Backend::Sqlite(folder.path().join("scepd.sqlite"));
    kill_repeatedly("SQLite", &backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn on_postgresql_nothing_is_lost_and_nothing_issued_twice() {
    let server = Postgres::start(memory_folder());
    kill_repeatedly("PostgreSQL", &Backend::postgres(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn on_redis_nothing_is_lost_and_nothing_issued_twice() {
    let server = Redis::start(memory_folder(), Redis::DURABLE);
    kill_repeatedly("Redis", &Backend::redis(&server)).await;
}

async fn kill_repeatedly(name: &str, backend: &Backend) {
    let (kills, seed) = (number("SCEP_STORE_KILLS").unwrap_or(25), seed());
    println!("{name}: {kills} kills, SCEP_STORE_SEED={seed}");
    let place = signed_place(memory_folder(), &backend.settings());
    let crowd = Arc::new(Crowd { fleet: Fleet::of(&place), journal: Mutex::default() });
    let mut random = Random(seed);
    for _ in 0..kills {
        let mut node = Node::start(&place);
        let (said, mut heard) = channel(1);
        let mut devices = JoinSet::new();
        for _ in 0..DEVICES {
            let (crowd, url, random) = (crowd.clone(), node.url.clone(), Random(random.next()));
            devices.spawn(crowd.enrol_until_it_is_gone(url, random, said.clone()));
        }
        drop(said);
        if random.below(8) > 0 {
            heard.recv().await; // it is under load
        }
        tokio::time::sleep(Duration::from_micros(random.below(40_000))).await;
        node.kill();
        devices.join_all().await;
    }
    let (found, answered) = (backend.certificates().await, crowd.journal().answered());
    assert!(found >= answered, "{found} certificates are left of {answered}");
    crowd.check(&Node::start(&place), backend).await;
    let unanswered = found - answered;
    println!("{name}: {kills} kills: {}, {unanswered} issued unanswered", crowd.journal());
    assert!(crowd.journal().cut_off > 0, "nothing was at work when it was killed");
}

/// All devices, and what became of their requests.
struct Crowd {
    fleet: Fleet,
    journal: Mutex<Journal>,
}

#[derive(Default)]
struct Journal {
    entries: Vec<Entry>,
    /// How often a kill cut a request off.
    cut_off: u64,
    /// Answers that were compared with an earlier one.
    repeated: u64,
}

struct Entry {
    order: Arc<Order>,
    /// The certificate that the device received.
    serial: Option<String>,
}

impl Crowd {
    async fn enrol_until_it_is_gone(
        self: Arc<Self>,
        url: String,
        mut random: Random,
        said: Sender<()>,
    ) {
        loop {
            let place = self.choose(&mut random);
            let order = self.journal().entries[place].order.clone();
            match self.fleet.send(&url, &order).await {
                Answer::Gone => {
                    self.journal().cut_off += 1;
                    return;
                }
                Answer::ComeAgain => tokio::time::sleep(Duration::from_millis(2)).await,
                answer => {
                    self.journal().note(place, answer.serial());
                    let _ = said.try_send(()); // the first one counts
                }
            }
        }
    }

    /// Mostly a new request, sometimes one that was or was not answered before.
    fn choose(&self, random: &mut Random) -> usize {
        let kind = random.below(8);
        if kind < 4 {
            let journal = self.journal();
            let answered = |entry: &Entry| entry.serial.is_some() == (kind == 0);
            let places = 0..journal.entries.len();
            let places: Vec<_> =
                places.filter(|place| answered(&journal.entries[*place])).collect();
            if !places.is_empty() {
                return places[random.below(places.len() as u64) as usize];
            }
        }
        let id = format!("{:016x}", random.next());
        let order = Arc::new(self.fleet.order(&id, 0, &self.fleet.challenge(&id, &id)));
        let mut journal = self.journal();
        journal.entries.push(Entry { order, serial: None });
        journal.entries.len() - 1
    }

    /// Every request gets the one certificate of its challenge, and there are no others.
    async fn check(&self, node: &Node, backend: &Backend) {
        let urls = [node.url.clone()];
        let orders: Vec<_> =
            self.journal().entries.iter().map(|entry| entry.order.clone()).collect();
        for (place, order) in orders.iter().enumerate() {
            let answer = self.fleet.settle(&urls, 0, order).await;
            self.journal().note(place, answer.serial());
        }
        let serials: BTreeSet<_> =
            self.journal().entries.iter().filter_map(|entry| entry.serial.clone()).collect();
        assert_eq!(serials.len(), orders.len());
        assert_eq!(backend.certificates().await, orders.len());
        for order in orders.iter().rev().take(20) {
            let other = self.fleet.order(&format!("{}-other", order.id), 1, &order.challenge);
            let answer = self.fleet.settle(&urls, 0, &other).await;
            assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
        }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap()
    }
}

impl Journal {
    fn answered(&self) -> usize {
        self.entries.iter().filter(|entry| entry.serial.is_some()).count()
    }

    fn note(&mut self, place: usize, serial: String) {
        let entry = &mut self.entries[place];
        match &entry.serial {
            None => entry.serial = Some(serial),
            Some(earlier) => {
                assert_eq!(*earlier, serial, "{} got another certificate", entry.order.id);
                self.repeated += 1;
            }
        }
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, cut_off, repeated } = self;
        let requests = entries.len();
        write!(
            f,
            "{requests} requests, {cut_off} times cut off, {repeated} times asked again after an answer"
        )
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    number("SCEP_STORE_SEED").unwrap_or_else(|| now.unwrap().as_nanos() as u64)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}
