//! Verbs that ask: begin, recall, poll.

use scep_types::UnixTime;

use super::entries::{Device, Holder, TransactionEntry};
use super::state::{State, room};
use super::table::Ref;
use crate::StoreError;
use crate::answer::{Begun, LimitScope, Outcome, Polled};
use crate::certificate::IssuedCertificate;
use crate::error::Capacity;
use crate::ids::{Operator, RequestId, Sha256, TransactionKey};
use crate::rate::{self, RateDecision, Slot};
use crate::request::{Begin, DeviceLimit, Reservation, Terms};
use crate::time::from_until;
use crate::transition::{
    Answer, ChallengeHolder, Decision, Found, Hold, PollDecision, Transaction,
};
use crate::work::{TakenSlot, Work};

/// Where a request's state was found.
#[derive(Clone, Copy)]
struct Places {
    here: Option<Ref>,
    challenge: Option<Holder>,
}

struct Taken {
    reservation: Reservation,
    csr: bytes::Bytes,
    operator: Operator,
}

impl State {
    pub(super) fn begin(&mut self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError> {
        if let Some(challenge) = begin.challenge.filter(|used| used.remember_until < now) {
            let remember_until = challenge.remember_until;
            return Err(StoreError::ChallengeOver { remember_until, now });
        }
        self.sweep(now);
        let places = self.places(begin, now);
        match self.decide(begin, places, now) {
            Decision::Fresh => self.reserve(begin, places.here, now),
            decision => self.repeat(decision, places, begin.terms, now),
        }
    }

    pub(super) fn recall(
        &mut self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError> {
        let here = self.transactions.find(&request.transaction);
        let entry = here.and_then(|at| self.transactions.get(at));
        let decision = entry.and_then(|entry| entry.transaction.recall(&request.submission, now));
        let places = Places { here, challenge: None };
        decision.map(|decision| self.repeat(decision, places, terms, now)).transpose()
    }

    pub(super) fn poll(
        &mut self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        let Some(at) = self.transactions.find(transaction) else { return Ok(Polled::Unknown) };
        let entry = self.transactions.get(at).ok_or(StoreError::Poisoned)?;
        Ok(match entry.transaction.poll(signer_key, now) {
            PollDecision::Unknown => Polled::Unknown,
            PollDecision::Same(Answer::Pending) => Polled::Pending,
            PollDecision::Same(Answer::Rejected(rejection)) => Polled::Rejected(rejection),
            PollDecision::Same(Answer::Issued) => Polled::Issued(self.issued(entry.certificate)?),
            PollDecision::Approved => {
                let Taken { reservation, csr, operator } = self.take_approved(at, terms, now)?;
                Polled::Approved { reservation, csr, operator }
            }
        })
    }

    fn places(&self, begin: &Begin, now: UnixTime) -> Places {
        let here = self.transactions.find(&begin.request.transaction);
        let used = begin.challenge.and_then(|used| self.challenges.find_entry(&used.key));
        let live = used.filter(|challenge| now < challenge.ends);
        Places { here, challenge: live.map(|challenge| challenge.holder) }
    }

    fn decide(&self, begin: &Begin, places: Places, now: UnixTime) -> Decision {
        let transaction = |at: Ref| self.transactions.get(at).map(|entry| &entry.transaction);
        let holder = match places.challenge {
            None => ChallengeHolder::Nobody,
            Some(Holder::Transaction(at)) if Some(at) == places.here => ChallengeHolder::This,
            Some(Holder::Transaction(at)) => {
                transaction(at).map_or(ChallengeHolder::Nobody, ChallengeHolder::Other)
            }
            Some(Holder::Certificate(at)) => {
                match self.certificates.get(at).filter(|certificate| now < certificate.ends) {
                    Some(found) => ChallengeHolder::Certificate { csr_info: found.csr_info },
                    None => ChallengeHolder::ForgottenCertificate,
                }
            }
        };
        let challenge = begin.challenge.as_ref().map(|used| (&used.key, holder));
        let here = places.here.and_then(transaction).copied().unwrap_or_default();
        here.begin(&begin.request.submission, challenge, now)
    }

    /// Whatever is decided but to reserve afresh.
    fn repeat(
        &mut self,
        decision: Decision,
        places: Places,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Begun, StoreError> {
        Ok(match decision {
            Decision::Approved(found) => {
                let at = places.transaction(found).ok_or(StoreError::Poisoned)?;
                let Taken { reservation, operator, .. } = self.take_approved(at, terms, now)?;
                Begun::Approved { reservation, operator }
            }
            Decision::Same(_, Answer::Pending) => Begun::Same(Outcome::Pending),
            Decision::Same(_, Answer::Rejected(rejection)) => {
                Begun::Same(Outcome::Rejected(rejection))
            }
            Decision::Same(found, Answer::Issued) => {
                Begun::Same(Outcome::Issued(self.issued(self.certificate_at(found, places))?))
            }
            Decision::Busy { until } => Begun::Busy { retry_after: from_until(now, until) },
            Decision::Replayed => Begun::Replayed,
            Decision::Conflict => Begun::Conflict,
            Decision::Fresh => return Err(StoreError::Poisoned), // `begin` has reserved it
        })
    }

    fn certificate_at(&self, found: Found, places: Places) -> Option<Ref> {
        match (found, places.challenge) {
            (Found::ByTransaction, _) => self.transactions.get(places.here?)?.certificate,
            (Found::ByChallenge, Some(Holder::Certificate(at))) => Some(at),
            (Found::ByChallenge, _) => None,
        }
    }

    fn issued(&self, at: Option<Ref>) -> Result<Box<IssuedCertificate>, StoreError> {
        let found = at.and_then(|at| self.certificates.get(at));
        found.map(|found| Box::new(found.issued.clone())).ok_or(StoreError::Poisoned)
    }

    /// Checks everything that can refuse, then reserves.
    fn reserve(
        &mut self,
        begin: &Begin,
        here: Option<Ref>,
        now: UnixTime,
    ) -> Result<Begun, StoreError> {
        if let Some(limit) = &begin.device_limit {
            let device = self.devices.find_entry(&limit.key());
            let slots = device.map_or(&[][..], |device| &device.slots);
            if let RateDecision::Refuse { retry_after } = rate::decide(slots, limit, now) {
                return Ok(Begun::RateLimited { by: LimitScope::Device, retry_after });
            }
        }
        if let Some(refused) = self.used_up(begin, now) {
            return Ok(refused);
        }
        self.room_for(begin, here, now)?;

        let ends = now.plus(begin.terms.lease());
        let (submission, challenge) = (begin.request.submission, begin.challenge);
        let key = challenge.map(|used| used.key);
        let at = match here {
            Some(at) => at,
            None => self.transactions.insert(empty(&begin.request)).ok_or(StoreError::Poisoned)?,
        };
        let slot = begin.device_limit.map(|limit| self.take_slot(&limit, ends, now));
        let replay_window = begin.terms.replay_window();
        let hold = Hold { submission, challenge: key, ends };
        let allowances = self.take_allowances(begin, now);
        let work = |generation| Work { generation, replay_window, challenge, slot, allowances };
        Ok(Begun::Fresh(self.take_hold(at, hold, work)))
    }

    fn room_for(
        &mut self,
        begin: &Begin,
        here: Option<Ref>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        if here.is_none() {
            room(&mut self.transactions, Capacity::Transactions, now)?;
        }
        if begin.challenge.is_some_and(|used| self.challenges.find(&used.key).is_none()) {
            room(&mut self.challenges, Capacity::Challenges, now)?;
        }
        if begin.device_limit.is_some_and(|limit| self.devices.find(&limit.key()).is_none()) {
            room(&mut self.devices, Capacity::Devices, now)?;
        }
        self.room_for_allowances(begin, now)?;
        self.certificate_room(now)
    }

    fn take_slot(&mut self, limit: &DeviceLimit, lease_ends: UnixTime, now: UnixTime) -> TakenSlot {
        let (device, window) = (limit.key(), limit.window());
        let slot = Slot::reserved(now, lease_ends, window);
        match self.devices.find(&device) {
            Some(at) => {
                self.devices.update(at, |device| {
                    device.slots.retain(|slot| slot.counts(now));
                    device.slots.push(slot);
                });
            }
            None => {
                self.devices.insert(Device { key: device, slots: vec![slot] });
            }
        }
        TakenSlot { device, slot, window }
    }

    /// Reserves an approved request; it took what it takes of the limits when it was first reserved.
    fn take_approved(&mut self, at: Ref, terms: Terms, now: UnixTime) -> Result<Taken, StoreError> {
        self.certificate_room(now)?;
        let entry = self.transactions.get(at).ok_or(StoreError::Poisoned)?;
        let settled = entry.transaction.settled_at(now).ok_or(StoreError::Poisoned)?;
        let queued = self.queue.find_entry(&entry.key).ok_or(StoreError::Poisoned)?;
        let operator = queued.operator.clone().ok_or(StoreError::Poisoned)?;
        let (csr, challenge) = (queued.csr.clone(), queued.challenge);

        let ends = now.plus(terms.lease());
        let hold = Hold { submission: settled.submission, challenge: settled.challenge, ends };
        let replay_window = terms.replay_window();
        let work = |generation| Work {
            generation,
            replay_window,
            challenge,
            slot: None,
            allowances: Vec::new(),
        };
        Ok(Taken { reservation: self.take_hold(at, hold, work), csr, operator })
    }
}

impl Places {
    fn transaction(&self, found: Found) -> Option<Ref> {
        match (found, self.challenge) {
            (Found::ByTransaction, _) => self.here,
            (Found::ByChallenge, Some(Holder::Transaction(at))) => Some(at),
            (Found::ByChallenge, _) => None,
        }
    }
}

fn empty(request: &RequestId) -> TransactionEntry {
    TransactionEntry {
        key: request.transaction.clone(),
        transaction: Transaction::default(),
        certificate: None,
        work: None,
    }
}
