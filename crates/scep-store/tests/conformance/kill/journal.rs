//! What children said, and whether a database agrees with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use scep_store::outbox::Attempted;
use scep_store::{Begin, Begun, EndpointId, EnrolmentStore, Outcome};

use super::child::Place;
use super::events::Events;
use super::passwords::Passwords;
use super::{Victim, looks_at_all, world};

#[derive(Default)]
pub(crate) struct Journal {
    passwords: Passwords,
    events: Events,
    /// Commits that were tried, by serial number.
    tried: BTreeMap<u64, Tried>,
    /// Serial numbers of commits that were answered.
    done: BTreeSet<u64>,
    /// The certificate of each challenge that has one, as far as the database was looked at.
    issued: BTreeMap<u64, u64>,
    /// CRL numbers that were answered.
    crl_numbers: BTreeSet<u64>,
    /// Certificates whose notice was delivered.
    delivered: BTreeSet<u64>,
    rounds: u64,
    /// Commits whose answer the child did not live to say, and that stand.
    unanswered: u64,
}

#[derive(Clone, Copy)]
struct Tried {
    challenge: u64,
    csr: u64,
    limited: bool,
    counted: bool,
    round: u64,
}

impl Journal {
    pub(crate) fn note(&mut self, line: &str) {
        if let Some(cause) = line.strip_prefix("panic ") {
            panic!("in the child: {cause}");
        }
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().unwrap();
        match words.as_slice() {
            ["open"] => {}
            ["try", challenge, csr, serial, limited, counted] => {
                let (challenge, csr) = (number(challenge), number(csr));
                let (limited, counted) = (*limited == "1", *counted == "1");
                let tried = Tried { challenge, csr, limited, counted, round: self.rounds };
                self.tried.insert(number(serial), tried);
            }
            ["done", serial] => assert!(self.done.insert(number(serial)), "{line}"),
            ["crl", number_of] => {
                assert!(self.crl_numbers.insert(number(number_of)), "{line} was given before");
            }
            [word @ ("record" | "recorded"), task, first, count] => {
                let numbers = [number(task), number(first), number(count)];
                self.events.note(self.rounds, word, numbers);
            }
            [word, challenge] => self.passwords.note(self.rounds, word, number(challenge)),
            _ => panic!("{line}"),
        }
    }

    /// Holds the database against all that was said.
    pub(crate) fn check(&mut self, place: &Place, round: u64, victim: Victim) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            place.wait_until_alone().await;
            let store = place.open().await;
            self.look(store.as_ref(), round).await;
            let issued: BTreeSet<u64> = self.issued.values().copied().collect();
            let lost: Vec<_> = self.done.difference(&issued).collect();
            assert!(lost.is_empty(), "{lost:?} were lost");
            self.unanswered = (issued.len() - self.done.len()) as u64;
            self.check_challenges(store.as_ref(), round).await;
            self.check_notices(store.as_ref(), round).await;
            self.check_limits(store.as_ref(), round).await;
            self.passwords.check(store.as_ref(), round, &self.issued).await;
            self.events.check(store.as_ref(), round, victim).await;
            let number = store.next_crl_number(&world::issuer()).await.unwrap();
            assert!(
                self.crl_numbers.last().is_none_or(|last| number > *last),
                "CRL number {number}"
            );
            self.crl_numbers.insert(number);
        });
        self.rounds = round + 1;
    }

    /// Looks for each certificate that the round tried or, now and then, for all that were ever tried.
    async fn look(&mut self, store: &dyn EnrolmentStore, round: u64) {
        for (serial, tried) in &self.tried {
            if !(looks_at_all(round) || tried.round == round) {
                continue;
            }
            let found = store.certificate_by_serial(&world::certificate_id(*serial)).await.unwrap();
            let Some(found) = found else {
                assert_ne!(self.issued.get(&tried.challenge), Some(serial), "{serial} was lost");
                continue;
            };
            assert_eq!(found.certificate, world::certificate(*serial));
            let other = self.issued.insert(tried.challenge, *serial);
            let once = other.is_none_or(|other| other == *serial);
            assert!(once, "challenge {} was used twice", tried.challenge);
        }
    }

    /// A used challenge leads to its certificate by the one CSR that has it; every other challenge is free for all.
    async fn check_challenges(&self, store: &dyn EnrolmentStore, round: u64) {
        for challenge in self.challenges(round) {
            match self.issued.get(&challenge) {
                Some(_) => {
                    for csr in 0..world::CSRS {
                        self.check_challenge(store, challenge, csr, round).await;
                    }
                }
                None => {
                    let any = (challenge + round) % world::CSRS;
                    self.check_challenge(store, challenge, any, round).await;
                }
            }
        }
        if looks_at_all(round) {
            for (challenge, serial) in &self.issued {
                self.check_challenge(store, *challenge, self.tried[serial].csr, round).await;
            }
        }
    }

    async fn check_challenge(
        &self,
        store: &dyn EnrolmentStore,
        challenge: u64,
        csr: u64,
        round: u64,
    ) {
        let now = world::check_time_of(round);
        let begin = world::request(challenge, csr, &format!("check/{round}"));
        match (store.begin(&begin, now).await.unwrap(), self.issued.get(&challenge)) {
            (Begun::Fresh(reservation), None) => store.release(reservation, now).await.unwrap(),
            (Begun::Same(Outcome::Issued(same)), Some(serial)) => {
                assert_eq!(self.tried[serial].csr, csr);
                assert_eq!(same.certificate, world::certificate(*serial));
            }
            (Begun::Replayed, Some(serial)) => assert_ne!(self.tried[serial].csr, csr),
            (other, issued) => panic!("challenge {challenge}: {other:?}, {issued:?}"),
        }
    }

    /// Those of the round, and those of earlier rounds that it tried.
    fn challenges(&self, round: u64) -> BTreeSet<u64> {
        let tried = self.tried.values().filter(|tried| tried.round == round);
        let of_round = round * world::CHALLENGES..(round + 1) * world::CHALLENGES;
        of_round.chain(tried.map(|tried| tried.challenge)).collect()
    }

    /// Each certificate that has a notice has it once, whatever became of those who recorded it; they are all delivered.
    async fn check_notices(&mut self, store: &dyn EnrolmentStore, round: u64) {
        let (endpoint, lease) = (EndpointId::new("devices").unwrap(), Duration::from_secs(60));
        loop {
            let now = world::check_time_of(round);
            let leased = store.lease_notices(&endpoint, 100, lease, now).await.unwrap();
            if leased.is_empty() {
                break;
            }
            for notice in leased {
                let serial = u64::from_be_bytes(notice.body.expose().try_into().unwrap());
                assert_eq!(notice.lease.certificate, world::certificate_id(serial));
                assert!(self.delivered.insert(serial), "the notice of {serial} came twice");
                store.settle_notice(&notice.lease, Attempted::Delivered).await.unwrap();
            }
        }
        let with_notice = self.issued.values().filter(|serial| world::notice(**serial).is_some());
        assert_eq!(self.delivered, with_notice.copied().collect());
    }

    /// The round's device and allowance have no more room than what was issued leaves. There may be less: what was refused
    /// counts too, and of an allowance what was dropped.
    async fn check_limits(&self, store: &dyn EnrolmentStore, round: u64) {
        let issued = |counts: fn(&Tried) -> bool| {
            let issued = self.issued.values().map(|serial| &self.tried[serial]);
            issued.filter(|tried| tried.round == round && counts(tried)).count() as u32
        };
        let (limited, counted) = (issued(|tried| tried.limited), issued(|tried| tried.counted));
        let by_device = |begin: Begin| begin.with_device_limit(world::device(round));
        let free = room(store, round, by_device, world::DEVICE_LIMIT).await;
        assert!(free + limited <= world::DEVICE_LIMIT, "device: {free} beside {limited}");
        let by_allowance = |begin: Begin| begin.with_endpoint_allowance(world::allowance(round));
        let free = room(store, round, by_allowance, world::ALLOWANCE).await;
        assert!(free + counted <= world::ALLOWANCE, "allowance: {free} beside {counted}");
    }

    /// Whether the children were killed in the middle of something.
    pub(crate) fn is_worth_something(&self) -> bool {
        4 * self.done.len() as u64 > self.rounds && self.tried.len() > self.done.len()
    }
}

/// How many more requests a limit of `most` admits, as far as one too many; they are all given up again.
async fn room(
    store: &dyn EnrolmentStore,
    round: u64,
    limited: impl Fn(Begin) -> Begin,
    most: u32,
) -> u32 {
    let now = world::check_time_of(round);
    let mut held = Vec::new();
    for number in 0..=u64::from(most) {
        let begin = limited(world::request(u64::MAX / 4 + number, 0, "room"));
        match store.begin(&begin, now).await.unwrap() {
            Begun::Fresh(reservation) => held.push(reservation),
            Begun::RateLimited { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    let room = held.len() as u32;
    for reservation in held {
        store.release(reservation, now).await.unwrap();
    }
    room
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tried, done, crl_numbers) =
            (self.tried.len(), self.done.len(), self.crl_numbers.len());
        write!(
            f,
            "{} kills: {tried} commits tried, {done} answered, {} stand unanswered, {} notices, {crl_numbers} CRL numbers, {} passwords, {} events",
            self.rounds,
            self.unanswered,
            self.delivered.len(),
            self.passwords.count(),
            self.events.count()
        )
    }
}
