//! Several nodes on one database are as one: whatever comes to them at the same time, each thing happens once.
//!
//! `SCEP_STORE_FULL=1` makes the races as long as CI wants them, `SCEP_NODES_FULL=1` as long as anyone has patience for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scep_test::servers::{Postgres, Redis, memory_folder};
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::fleet::{Answer, Fleet, KEYS, Node, signed_place};

/// Requests on their way at a time.
const AT_ONCE: usize = 32;

// R-2.4-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn nodes_on_one_postgresql_issue_once_only() {
    let server = Postgres::start(memory_folder());
    for count in [2, 3] {
        Nodes::start("PostgreSQL", count, Backend::postgres(&server)).check().await;
    }
}

// R-2.4-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn nodes_on_one_redis_issue_once_only() {
    let server = Redis::start(memory_folder(), Redis::DURABLE);
    for count in [2, 3] {
        Nodes::start("Redis", count, Backend::redis(&server)).check().await;
    }
}

struct Nodes {
    name: String,
    fleet: Arc<Fleet>,
    urls: Arc<[String]>,
    backend: Backend,
    _running: Vec<Node>,
}

impl Nodes {
    fn start(kind: &str, count: usize, backend: Backend) -> Self {
        let place = signed_place(memory_folder(), &backend.settings());
        let fleet = Arc::new(Fleet::of(&place));
        let running: Vec<_> = (0..count).map(|_| Node::start(&place)).collect();
        let urls = running.iter().map(|node| node.url.clone()).collect();
        let name = format!("{count} nodes on one {kind}");
        Self { name, fleet, urls, backend, _running: running }
    }

    async fn check(&self) {
        // Two and three nodes on two databases: 20,000 races in all, which take a quarter of an hour.
        let (copies, races, devices) = match () {
            () if is_set("SCEP_NODES_FULL") => (10_000, 5_000, 100),
            () if is_set("SCEP_STORE_FULL") => (2_000, 500, 50),
            () => (600, 200, 20),
        };
        self.check_copies(copies).await;
        self.check_races(races).await;
        self.check_windows(devices).await;
        let expected = 1 + races + 5 * devices;
        assert_eq!(self.backend.certificates().await, expected, "{}", self.name);
    }

    /// Copies of one request, octet for octet, get one certificate.
    async fn check_copies(&self, copies: usize) {
        let challenge = self.fleet.challenge("copies", "copies");
        let order = Arc::new(self.fleet.order("copies", 0, &challenge));
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (fleet, urls) = (self.fleet.clone(), self.urls.clone());
            let (order, next) = (order.clone(), next.clone());
            tasks.spawn(async move {
                let mut serials = BTreeSet::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= copies {
                        return serials;
                    }
                    serials.insert(fleet.settle(&urls, number, &order).await.serial());
                }
            });
        }
        let serials: BTreeSet<String> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(serials.len(), 1, "{serials:?}");
        assert_eq!(self.backend.certificates().await, 1);
        println!("{}: {copies} copies of one request: one certificate, each got it", self.name);
    }

    /// Of four CSRs on one challenge exactly one gets a certificate.
    async fn check_races(&self, rounds: usize) {
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE / KEYS.len() {
            let (fleet, urls, next) = (self.fleet.clone(), self.urls.clone(), next.clone());
            tasks.spawn(async move {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        return;
                    }
                    assert_eq!(race(&fleet, &urls, round).await, 1, "in round {round}");
                }
            });
        }
        tasks.join_all().await;
        println!("{}: 4 CSRs on each of {rounds} challenges: one certificate each", self.name);
    }

    /// A device gets exactly as many certificates as it may have.
    async fn check_windows(&self, devices: usize) {
        for device in 0..devices {
            let device = format!("device-{device}");
            let mut tasks = JoinSet::new();
            for number in 0..20 {
                let id = format!("{device}/{number}");
                let order = self.fleet.order(&id, 0, &self.fleet.challenge(&id, &device));
                let (fleet, urls) = (self.fleet.clone(), self.urls.clone());
                tasks.spawn(async move { fleet.settle(&urls, number, &order).await });
            }
            assert_eq!(winners(&tasks.join_all().await), 5, "{device}");
        }
        println!(
            "{}: 20 challenges for each of {devices} devices that may have 5: 5 each",
            self.name
        );
    }
}

async fn race(fleet: &Arc<Fleet>, urls: &Arc<[String]>, round: usize) -> usize {
    let device = format!("race-{round}");
    let challenge = fleet.challenge(&device, &device);
    let mut tasks = JoinSet::new();
    for key in 0..KEYS.len() {
        let order = fleet.order(&format!("{device}/{key}"), key, &challenge);
        let (fleet, urls) = (fleet.clone(), urls.clone());
        tasks.spawn(async move { fleet.settle(&urls, round + key, &order).await });
    }
    winners(&tasks.join_all().await)
}

/// How many got a certificate; all others must have been refused.
fn winners(answers: &[Answer]) -> usize {
    let refused = answers.iter().filter(|answer| matches!(answer, Answer::Refused(_))).count();
    let issued = answers.iter().filter(|answer| matches!(answer, Answer::Issued(_))).count();
    assert_eq!(refused + issued, answers.len(), "{answers:?}");
    issued
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}
