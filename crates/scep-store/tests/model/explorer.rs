//! Every sequence of a few operations, not only random ones: in each state of the reference its promises hold, and from
//! each state, by each operation, a store goes where the reference goes.

use std::collections::HashSet;
use std::sync::Arc;

use scep_store::{EnrolmentStore, LimitScope, Withdrawn};

use super::alphabets::{ALLOWANCES, Alphabet, ENROLMENTS, PASSWORDS, Step};
use super::reference::{LIVE_PASSWORDS, Seen};
use super::{Op, Pair};

/// What an exploration saw.
struct Explored {
    states: usize,
    transitions: usize,
    /// Each different answer.
    answers: Vec<Seen>,
}

/// Visits every state that `depth` operations reach, breadth first, each by a store made for it.
async fn explore(
    alphabet: &Alphabet,
    depth: usize,
    store: impl AsyncFn() -> Arc<dyn EnrolmentStore>,
) -> Explored {
    let mut answers = Vec::new();
    let mut known = HashSet::from([visit(alphabet, store().await, &[], &mut answers).await]);
    let mut frontier = vec![Vec::new()];
    let mut transitions = 0;
    for _ in 0..depth {
        let mut next = Vec::new();
        for path in &frontier {
            for step in alphabet.steps {
                let path = [path.as_slice(), &[*step]].concat();
                transitions += 1;
                if known.insert(visit(alphabet, store().await, &path, &mut answers).await) {
                    next.push(path);
                }
            }
        }
        frontier = next;
    }
    let states = known.len();
    println!("{}, depth {depth}: {states} states, {transitions} transitions", alphabet.of);
    Explored { states, transitions, answers }
}

/// Walks both along a path, compares each answer, and returns the state there. A state that is known is not walked on from,
/// so what the store takes it for is asked at once.
async fn visit(
    alphabet: &Alphabet,
    store: Arc<dyn EnrolmentStore>,
    path: &[Step],
    answers: &mut Vec<Seen>,
) -> String {
    let mut pair = Pair::new(store);
    for step in path {
        let answer = pair.go(alphabet, *step, path).await;
        answers.extend(answer.filter(|answer| !answers.contains(answer)));
    }
    if let Some(promise) = pair.reference.broken_promise(alphabet.asks) {
        panic!("{promise}, after {path:?}");
    }
    let state = pair.state(alphabet);
    for probe in alphabet.probes {
        let answer = pair.go(alphabet, *probe, path).await;
        answers.extend(answer.filter(|answer| !answers.contains(answer)));
    }
    state
}

impl Pair {
    async fn go(&mut self, alphabet: &Alphabet, step: Step, path: &[Step]) -> Option<Seen> {
        let op = self.operation(alphabet, step)?;
        let op = self.resolved(op);
        let expected = self.expected(&op);
        assert_eq!(self.seen(&op).await, expected, "{step:?} at the end of {path:?}");
        assert_eq!(self.queue().await, self.reference.queue(), "{path:?}");
        assert_eq!(self.passwords().await, self.reference.passwords(), "{path:?}");
        Some(expected)
    }

    /// The step as an operation; `None` for what no store hears of.
    fn operation(&mut self, alphabet: &Alphabet, step: Step) -> Option<Op> {
        match step {
            Step::Begin(ask) => Some(Op::Begin(alphabet.asks[ask])),
            Step::Poll(ask) => Some(Op::Poll(alphabet.asks[ask])),
            Step::Mint(number) => Some(Op::AddPassword(number, LIVE_PASSWORDS)),
            Step::Withdraw(number) => Some(Op::WithdrawPassword(number)),
            Step::Enrol(ask) => Some(Op::Enrol(alphabet.asks[ask])),
            Step::Commit(nth) => {
                let serial = self.reference.issued() as u32;
                self.holding(nth).map(|attempt| Op::Commit { attempt, serial, notice: true })
            }
            Step::Pend => self.holding(0).map(Op::Pend),
            Step::Reject => self.holding(0).map(Op::Reject),
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
    fn state(&self, alphabet: &Alphabet) -> String {
        let held: Vec<_> = self.reservations.iter().map(Option::is_some).collect();
        let leases = &self.leases[self.leases.len().saturating_sub(2)..];
        format!("{} {leases:?}", self.reference.state(&held, alphabet.asks))
    }
}

/// So deep, or one step deeper where there is time (`SCEP_STORE_FULL`).
fn depth(most: usize) -> usize {
    if std::env::var_os("SCEP_STORE_FULL").is_some() { most + 1 } else { most }
}

/// With `SCEP_STORE_FULL` 84,528 transitions between 14,903 states.
#[tokio::test]
async fn every_state_within_reach_keeps_every_promise() {
    let explored = explore(&ENROLMENTS, depth(6), async || super::memory()).await;
    assert!(explored.states > 3_000 && explored.transitions > 20_000);
}

#[tokio::test]
async fn a_password_serves_once_while_it_is_good_and_no_more_are_live_than_may_be() {
    let explored = explore(&PASSWORDS, depth(5), async || super::memory()).await;
    assert!(explored.states > 900 && explored.transitions > 5_000);
    let [used, now] = [Withdrawn::Used, Withdrawn::Now].map(Seen::Withdrawn);
    let full = Seen::Full("live passwords");
    for answer in [used, now, full, Seen::Refused, Seen::Replayed, Seen::Issued(0)] {
        assert!(explored.answers.contains(&answer), "{answer:?} was never an answer");
    }
}

#[tokio::test]
async fn no_window_has_more_certificates_than_its_allowance() {
    let explored = explore(&ALLOWANCES, depth(4), async || super::memory()).await;
    assert!(explored.states > 2_000 && explored.transitions > 5_000);
    for scope in [LimitScope::Endpoint, LimitScope::Global] {
        let refused = |answer: &Seen| matches!(answer, Seen::UsedUp(by, _) if *by == scope);
        assert!(explored.answers.iter().any(refused), "{scope:?} was never used up");
    }
}

#[tokio::test]
async fn sqlite_goes_where_the_reference_goes() {
    let folder = scep_test::servers::memory_folder();
    let number = std::cell::Cell::new(0);
    let store = async || {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.sqlite", number.get()));
        let options = scep_store::SqliteOptions::default().with_limits(super::limits());
        Arc::new(scep_store::SqliteStore::open(path, options).unwrap()) as Arc<dyn EnrolmentStore>
    };
    let explored = explore(&ENROLMENTS, 3, store).await;
    assert!(explored.states > 80 && explored.transitions > 400);
    for alphabet in [&PASSWORDS, &ALLOWANCES] {
        let explored = explore(alphabet, depth(2), store).await;
        assert!(explored.states > 30 && explored.transitions > 90);
    }
}
