//! Random operations: each store answers as a naive reading of the rules does.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]
#![expect(clippy::print_stdout, reason = "figures of explorations are to be seen")]

#[path = "model/alphabets.rs"]
mod alphabets;
#[path = "model/explorer.rs"]
mod explorer;
#[path = "model/notices.rs"]
mod notices;
#[path = "model/operations.rs"]
mod operations;
#[path = "model/passwords.rs"]
mod passwords;
#[path = "model/reference.rs"]
mod reference;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use notices::{new_notice, nth_last};
use operations::{Change, Op, ops};
use proptest::prelude::*;
use reference::{ALL, Ask, Counts, Most, OWN, Reference, Seen};
use scep_store::{
    Allowance, Begin, Begun, Capacity, CertificateId, ChallengeUse, DeviceLimit, EndpointId,
    EnrolmentStore, LimitScope, MemoryStore, NewCertificate, NewPending, Operator, Outcome, Polled,
    Rejection, RequestId, Reservation, SerialNumber, Sha256, StoreError, StoreLimits, Submission,
    Terms, TransactionId, TransactionKey,
};
use scep_types::{Basis, UnixTime};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_memory_store_answers_as_the_reference_does(ops in ops()) {
        run(ops, async |ops| compare(Pair::new(memory()), ops).await)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sqlite_answers_as_the_reference_does(ops in ops()) {
        run(ops, async |ops| {
            let folder = scep_test::servers::memory_folder();
            let options = scep_store::SqliteOptions::default().with_limits(limits());
            let store = scep_store::SqliteStore::open(folder.path().join("scep.sqlite"), options);
            compare(Pair::new(Arc::new(store.unwrap())), ops).await
        })?;
    }
}

fn run(
    ops: Vec<(i64, Op)>,
    test: impl AsyncFnOnce(Vec<(i64, Op)>) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(ops))
}

async fn compare(mut pair: Pair, ops: Vec<(i64, Op)>) -> Result<(), TestCaseError> {
    for (elapsed, op) in ops {
        pair.reference.now += elapsed;
        let op = pair.resolved(op);
        let expected = pair.expected(&op);
        let seen = pair.seen(&op).await;
        prop_assert_eq!(seen, expected, "{:?} at {}", op, pair.reference.now);
        prop_assert_eq!(pair.queue().await, pair.reference.queue(), "after {:?}", op);
        prop_assert_eq!(pair.passwords().await, pair.reference.passwords(), "after {:?}", op);
    }
    Ok(())
}

fn memory() -> Arc<dyn EnrolmentStore> {
    Arc::new(MemoryStore::new(limits()))
}

fn limits() -> StoreLimits {
    let mut limits = StoreLimits::default();
    limits.challenges = reference::MAX_CHALLENGES;
    limits.transactions = reference::MAX_TRANSACTIONS;
    limits.pending_requests = reference::MAX_PENDING;
    limits.notices = reference::MAX_NOTICES;
    limits.passwords = reference::MAX_PASSWORDS;
    limits.clock_tolerance = seconds(reference::TOLERANCE);
    limits
}

/// The store and the reference, given the same operations.
struct Pair {
    store: Arc<dyn EnrolmentStore>,
    reference: Reference,
    /// The reservation of each attempt of the reference, until it is used up.
    reservations: Vec<Option<Reservation>>,
    asked: Vec<Ask>,
    /// Certificate and attempt of each lease of a notice.
    leases: Vec<(u32, u32)>,
}

impl Pair {
    fn new(store: Arc<dyn EnrolmentStore>) -> Self {
        let reference = Reference::default();
        let (reservations, asked, leases) = (Vec::new(), Vec::new(), Vec::new());
        Self { store, reference, reservations, asked, leases }
    }

    /// The operation, in full.
    fn resolved(&mut self, op: Op) -> Op {
        let waiting = self.reference.queue().first().map(|(transaction, key, csr)| Ask {
            transaction: *transaction,
            key: *key,
            csr: *csr,
            challenge: None,
            limited: false,
            counts: Counts::Nowhere,
        });
        let again = |back: usize, change| {
            let last = *self.asked.get(self.asked.len().checked_sub(back + 1)?)?;
            Some(match change {
                Change::Nothing => last,
                Change::Transaction(transaction) => Ask { transaction, ..last },
                Change::Key(key) => Ask { key, ..last },
                Change::Csr(csr) => Ask { csr, ..last },
                Change::TransactionAndKey(transaction, key) => Ask { transaction, key, ..last },
            })
        };
        let first = Ask {
            transaction: 0,
            key: 0,
            csr: 0,
            challenge: Some(2),
            limited: true,
            counts: Counts::Own,
        };
        let op = match op {
            Op::BeginAgain(back, change) => Op::Begin(again(back, change).unwrap_or(first)),
            Op::RecallAgain(back, change) => Op::Recall(again(back, change).unwrap_or(first)),
            Op::PollAgain(back, change) => Op::Poll(again(back, change).unwrap_or(first)),
            Op::ApproveWaiting => Op::Approve(waiting.unwrap_or(first)),
            Op::DenyWaiting => Op::Deny(waiting.unwrap_or(first)),
            other => other,
        };
        if let Op::Begin(ask) | Op::Enrol(ask) = op {
            self.asked.push(ask);
        }
        op
    }

    fn expected(&mut self, op: &Op) -> Seen {
        let attempt = |back: usize| self.reservations.len().checked_sub(back + 1);
        let unused =
            |back: usize| attempt(back).filter(|number| self.reservations[*number].is_some());
        let reference = &mut self.reference;
        match *op {
            Op::Begin(ask) => reference.begin(ask),
            Op::Recall(ask) => reference.recall(ask).unwrap_or(Seen::Nothing),
            Op::Poll(ask) => reference.poll(ask.transaction, ask.key),
            Op::Approve(ask) => reference.approve(ask),
            Op::Deny(ask) => reference.deny(ask),
            Op::Commit { attempt, serial, notice } => match unused(attempt) {
                Some(attempt) => reference.commit(attempt, serial, notice),
                None => Seen::Nothing,
            },
            Op::LeaseNotices(most) => reference.lease_notices(most),
            Op::ClaimNotice(back) => match nth_last(&self.leases, back) {
                Some((serial, _)) => reference.claim_notice(serial),
                None => Seen::Nothing,
            },
            Op::SettleNotice(back, sent) => match nth_last(&self.leases, back) {
                Some(lease) => reference.settle_notice(lease, sent),
                None => Seen::Nothing,
            },
            Op::Pend(back) => unused(back).map_or(Seen::Nothing, |a| reference.pend(a)),
            Op::Reject(back) => unused(back).map_or(Seen::Nothing, |a| reference.reject(a)),
            Op::Release(back) => unused(back).map_or(Seen::Nothing, |a| reference.release(a)),
            Op::AddPassword(number, most) => reference.add_password(number, most),
            Op::WithdrawPassword(number) => reference.withdraw_password(number),
            Op::Enrol(ask) => reference.enrol(ask),
            _ => Seen::Nothing, // resolved before
        }
    }

    async fn seen(&mut self, op: &Op) -> Seen {
        let now = UnixTime::from_secs(self.reference.now);
        match *op {
            Op::Begin(ask) => {
                let begun = self.store.begin(&begin(ask), now).await;
                self.begun(begun)
            }
            Op::Recall(ask) => {
                let recalled = self.store.recall(&request(ask), terms(), now).await;
                match recalled.transpose() {
                    Some(begun) => self.begun(begun),
                    None => Seen::Nothing,
                }
            }
            Op::Poll(ask) => {
                let transaction = transaction(ask.transaction);
                let key = digest(1, ask.key);
                let polled = self.store.poll(&transaction, &key, terms(), now).await;
                self.polled(polled)
            }
            Op::Approve(ask) => {
                let operator = Operator::new("ann").unwrap();
                done(self.store.approve(&request(ask), &operator, now).await)
            }
            Op::Deny(ask) => done(self.store.deny(&request(ask), REJECTION, terms(), now).await),
            Op::LeaseNotices(_) | Op::ClaimNotice(_) | Op::SettleNotice(..) => {
                self.notice(op, now).await
            }
            Op::AddPassword(..) | Op::WithdrawPassword(_) | Op::Enrol(_) => {
                self.password(op, now).await
            }
            Op::Commit { attempt: back, .. }
            | Op::Pend(back)
            | Op::Reject(back)
            | Op::Release(back) => match self.take(back) {
                Some(held) => self.settled(op, held, now).await,
                None => Seen::Nothing,
            },
            _ => Seen::Nothing, // resolved before
        }
    }

    async fn settled(&mut self, op: &Op, held: Reservation, now: UnixTime) -> Seen {
        match *op {
            Op::Commit { serial, notice, .. } => {
                let notice = notice.then(new_notice);
                let seen = done(self.store.commit(held, certificate(serial), notice, now).await);
                let recorded = notice_is_recorded(&seen, serial);
                self.leases.extend(recorded);
                seen
            }
            Op::Pend(_) => {
                let expires = now.plus(seconds(reference::PENDING));
                let pending = NewPending::new(b"CSR", expires).unwrap();
                done(self.store.pend(held, pending, now).await)
            }
            Op::Reject(_) => done(self.store.reject(held, REJECTION, now).await),
            Op::Release(_) => done(self.store.release(held, now).await),
            _ => Seen::Nothing, // needs no reservation
        }
    }

    async fn queue(&self) -> BTreeSet<(usize, u32, u32)> {
        let now = UnixTime::from_secs(self.reference.now);
        let endpoint = EndpointId::new("devices").unwrap();
        let waiting = self.store.list_pending(&endpoint, now).await.unwrap();
        let number = |digest: Sha256| u32::from(digest.octets()[1]);
        let shown = waiting.iter().map(|waiting| {
            let submission = waiting.request.submission;
            let id = waiting.request.transaction.transaction_id.octets()[0];
            (usize::from(id), number(submission.signer_key), number(submission.csr_info))
        });
        shown.collect()
    }

    fn take(&mut self, back: usize) -> Option<Reservation> {
        let attempt = self.reservations.len().checked_sub(back + 1)?;
        self.reservations[attempt].take()
    }

    fn keep(&mut self, reservation: Reservation) -> usize {
        self.reservations.push(Some(reservation));
        self.reservations.len() - 1
    }

    fn begun(&mut self, begun: Result<Begun, StoreError>) -> Seen {
        match begun {
            Ok(Begun::Fresh(reservation)) => Seen::Fresh(self.keep(reservation)),
            Ok(Begun::Approved { reservation, .. }) => Seen::Approved(self.keep(reservation)),
            Ok(Begun::Same(Outcome::Issued(issued))) => Seen::Issued(serial(&issued.certificate)),
            Ok(Begun::Same(Outcome::Pending)) => Seen::Pending,
            Ok(Begun::Same(Outcome::Rejected(_))) => Seen::Rejected,
            Ok(Begun::Busy { retry_after }) => Seen::Busy(whole(retry_after)),
            Ok(Begun::Replayed) => Seen::Replayed,
            Ok(Begun::RateLimited { by: LimitScope::Device, retry_after }) => {
                Seen::RateLimited(whole(retry_after))
            }
            Ok(Begun::RateLimited { by, retry_after }) => Seen::UsedUp(by, whole(retry_after)),
            Ok(Begun::Conflict) => Seen::Conflict,
            Err(error) => failed(&error),
        }
    }

    fn polled(&mut self, polled: Result<Polled, StoreError>) -> Seen {
        match polled {
            Ok(Polled::Issued(issued)) => Seen::Issued(serial(&issued.certificate)),
            Ok(Polled::Pending) => Seen::Pending,
            Ok(Polled::Rejected(_)) => Seen::Rejected,
            Ok(Polled::Approved { reservation, .. }) => Seen::Approved(self.keep(reservation)),
            Ok(Polled::Unknown) => Seen::Unknown,
            Err(error) => failed(&error),
        }
    }
}

const REJECTION: Rejection = Rejection { fail_info: 2 };

fn done(result: Result<(), StoreError>) -> Seen {
    result.map_or_else(|error| failed(&error), |()| Seen::Done)
}

fn failed(error: &StoreError) -> Seen {
    match error {
        StoreError::LeaseLost => Seen::LeaseLost,
        StoreError::NotPending => Seen::NotPending,
        StoreError::DuplicateSerial(_) | StoreError::DuplicatePassword => Seen::Duplicate,
        StoreError::ChallengeOver { .. } => Seen::ChallengeOver,
        StoreError::Full { what: Capacity::Challenges, .. } => Seen::Full("challenges"),
        StoreError::Full { what: Capacity::Transactions, .. } => Seen::Full("transactions"),
        StoreError::Full { what: Capacity::PendingRequests, .. } => Seen::Full("pending"),
        StoreError::Full { what: Capacity::Notices, .. } => Seen::Full("notices"),
        StoreError::Full { what: Capacity::Passwords, .. } => Seen::Full("passwords"),
        StoreError::Full { what: Capacity::LivePasswords, .. } => Seen::Full("live passwords"),
        other => panic!("{other}"),
    }
}

fn begin(ask: Ask) -> Begin {
    let begin = Begin::new(request(ask), terms());
    let begin = match ask.challenge {
        Some(number) => begin.with_challenge(ChallengeUse {
            key: digest(3, number as u32),
            remember_until: UnixTime::from_secs(reference::REMEMBER_UNTIL[number]),
        }),
        None => begin,
    };
    let limit = reference::DEVICE_LIMIT as u32;
    let limit = DeviceLimit::new(digest(4, 0), limit, seconds(reference::DEVICE_WINDOW));
    let begin = if ask.limited { begin.with_device_limit(limit.unwrap()) } else { begin };
    let (own, all) = (allowance(0, OWN), allowance(1, ALL));
    match ask.counts {
        Counts::Nowhere => begin,
        Counts::Own => begin.with_endpoint_allowance(own),
        Counts::All => begin.with_global_allowance(all),
        Counts::Both => begin.with_endpoint_allowance(own).with_global_allowance(all),
    }
}

fn allowance(number: u32, most: Most) -> Allowance {
    Allowance::new(digest(7, number), most.certificates as u32, seconds(most.window)).unwrap()
}

fn request(ask: Ask) -> RequestId {
    let submission = Submission { signer_key: digest(1, ask.key), csr_info: digest(2, ask.csr) };
    RequestId { transaction: transaction(ask.transaction), submission }
}

fn transaction(number: usize) -> TransactionKey {
    let transaction_id = TransactionId::new(&[number as u8]).unwrap();
    TransactionKey { endpoint: EndpointId::new("devices").unwrap(), transaction_id }
}

fn terms() -> Terms {
    Terms::new(seconds(reference::LEASE), seconds(reference::REPLAY_WINDOW)).unwrap()
}

fn certificate(serial: u32) -> NewCertificate {
    let serial = SerialNumber::new(&serial.to_be_bytes()).unwrap();
    let id = CertificateId { issuer: digest(5, 0), serial };
    let not_after = UnixTime::from_secs(1_000_000);
    NewCertificate::new(id, b"DER", digest(6, 0), not_after, Basis::StaticPassword).unwrap()
}

/// The recorder's own lease.
fn notice_is_recorded(seen: &Seen, serial: u32) -> Option<(u32, u32)> {
    (*seen == Seen::Done).then_some((serial, 1))
}

fn serial(certificate: &NewCertificate) -> u32 {
    u32::from_be_bytes(certificate.id.serial.content().try_into().unwrap())
}

fn digest(kind: u8, number: u32) -> Sha256 {
    let mut octets = [0; 32];
    octets[..2].copy_from_slice(&[kind, number as u8]);
    Sha256::new(octets)
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds as u64)
}

fn whole(duration: Duration) -> i64 {
    duration.as_secs() as i64
}
