//! Every sequence of a few operations, not only random ones: in each state of the reference its promises hold, and from
//! each state, by each operation, a store goes where the reference goes.

use std::collections::HashSet;
use std::sync::Arc;

use scep_store::EnrolmentStore;

use super::reference::{Ask, LEASE, PENDING, Sent};
use super::{Op, Pair};

/// What a device or an attacker asks: the same request, its CSR under another transaction, another CSR with the same
/// challenge, and one without a challenge.
const ASKS: [Ask; 4] = [
    Ask { transaction: 0, key: 0, csr: 0, challenge: Some(2), limited: false, counted: false },
    Ask { transaction: 1, key: 0, csr: 0, challenge: Some(2), limited: false, counted: false },
    Ask { transaction: 2, key: 1, csr: 1, challenge: Some(2), limited: false, counted: false },
    Ask { transaction: 0, key: 0, csr: 2, challenge: None, limited: true, counted: false },
];

#[derive(Debug, Clone, Copy)]
enum Step {
    Begin(usize),
    Poll(usize),
    /// What the holder of a reservation does with it: the last one, or the one before.
    Commit(usize),
    Pend,
    Release(usize),
    /// The node with the last reservation dies.
    Die,
    Approve,
    Deny,
    LeaseNotice,
    Settle(usize, Sent),
    Wait(i64),
}

const STEPS: [Step; 18] = [
    Step::Begin(0),
    Step::Begin(1),
    Step::Begin(2),
    Step::Begin(3),
    Step::Poll(0),
    Step::Commit(0),
    Step::Commit(1),
    Step::Pend,
    Step::Release(0),
    Step::Die,
    Step::Approve,
    Step::Deny,
    Step::LeaseNotice,
    Step::Settle(0, Sent::Delivered),
    Step::Settle(0, Sent::Failed),
    Step::Settle(1, Sent::Failed),
    Step::Wait(LEASE),
    Step::Wait(PENDING),
];

/// What tells states apart.
const PROBES: [Step; 7] = [
    Step::LeaseNotice,
    Step::Poll(0),
    Step::Begin(0),
    Step::Begin(2),
    Step::Begin(1),
    Step::Begin(3),
    Step::Commit(0),
];

/// What an exploration saw.
struct Explored {
    states: usize,
    transitions: usize,
}

/// Visits every state that `depth` operations reach, breadth first, each by a store made for it.
async fn explore(depth: usize, store: impl AsyncFn() -> Arc<dyn EnrolmentStore>) -> Explored {
    let mut known = HashSet::from([visit(store().await, &[]).await]);
    let mut frontier = vec![Vec::new()];
    let mut transitions = 0;
    for _ in 0..depth {
        let mut next = Vec::new();
        for path in &frontier {
            for step in STEPS {
                let path = [path.as_slice(), &[step]].concat();
                transitions += 1;
                if known.insert(visit(store().await, &path).await) {
                    next.push(path);
                }
            }
        }
        frontier = next;
    }
    Explored { states: known.len(), transitions }
}

/// Walks both along a path, compares each answer, and returns the state there. A state that is known is not walked on from,
/// so what the store takes it for is asked at once.
async fn visit(store: Arc<dyn EnrolmentStore>, path: &[Step]) -> String {
    let mut pair = Pair::new(store);
    for step in path {
        pair.go(*step, path).await;
    }
    if let Some(promise) = pair.reference.broken_promise(&ASKS) {
        panic!("{promise}, after {path:?}");
    }
    let state = pair.state();
    for probe in PROBES {
        pair.go(probe, path).await;
    }
    state
}

impl Pair {
    async fn go(&mut self, step: Step, path: &[Step]) {
        let Some(op) = self.operation(step) else { return };
        let op = self.resolved(op);
        let expected = self.expected(&op);
        assert_eq!(self.seen(&op).await, expected, "{step:?} at the end of {path:?}");
        assert_eq!(self.queue().await, self.reference.queue(), "{path:?}");
    }

    /// The step as an operation; `None` for what no store hears of.
    fn operation(&mut self, step: Step) -> Option<Op> {
        match step {
            Step::Begin(ask) => Some(Op::Begin(ASKS[ask])),
            Step::Poll(ask) => Some(Op::Poll(ASKS[ask])),
            Step::Commit(nth) => {
                let serial = self.reference.issued() as u32;
                self.holding(nth).map(|attempt| Op::Commit { attempt, serial, notice: true })
            }
            Step::Pend => self.holding(0).map(Op::Pend),
            Step::Release(nth) => self.holding(nth).map(Op::Release),
            Step::Die => {
                self.holding(0).and_then(|back| self.take(back));
                None
            }
            Step::Approve => Some(Op::ApproveWaiting),
            Step::Deny => Some(Op::DenyWaiting),
            Step::LeaseNotice => Some(Op::LeaseNotices(1)),
            Step::Settle(nth, sent) => Some(Op::SettleNotice(nth, sent)),
            Step::Wait(seconds) => {
                self.reference.now += seconds;
                None
            }
        }
    }

    /// How far back the nth last reservation is that somebody still holds.
    fn holding(&self, nth: usize) -> Option<usize> {
        let held = self.reservations.iter().rev().enumerate().filter(|(_, held)| held.is_some());
        held.map(|(back, _)| back).nth(nth)
    }

    /// Equal where nothing that can follow differs.
    fn state(&self) -> String {
        let held: Vec<_> = self.reservations.iter().map(Option::is_some).collect();
        let leases = &self.leases[self.leases.len().saturating_sub(2)..];
        format!("{} {leases:?}", self.reference.state(&held))
    }
}

/// Six operations deep, seven where there is time (`SCEP_STORE_FULL`): 84,528 transitions between 14,903 states.
#[tokio::test]
async fn every_state_within_reach_keeps_every_promise() {
    let depth = if std::env::var_os("SCEP_STORE_FULL").is_some() { 7 } else { 6 };
    let explored = explore(depth, async || super::memory()).await;
    let Explored { states, transitions } = explored;
    println!("depth {depth}: {states} states, {transitions} transitions");
    assert!(states > 3_000 && transitions > 20_000);
}

#[tokio::test]
async fn sqlite_goes_where_the_reference_goes() {
    let folder = scep_test::servers::memory_folder();
    let number = std::cell::Cell::new(0);
    let explored = explore(3, async || {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.sqlite", number.get()));
        let options = scep_store::SqliteOptions::default().with_limits(super::limits());
        Arc::new(scep_store::SqliteStore::open(path, options).unwrap()) as Arc<dyn EnrolmentStore>
    });
    let Explored { states, transitions } = explored.await;
    println!("depth 3: {states} states, {transitions} transitions");
    assert!(states > 80 && transitions > 400);
}
