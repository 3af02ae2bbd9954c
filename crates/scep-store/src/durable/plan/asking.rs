//! Verbs that ask: begin, recall, poll.

use bytes::Bytes;
use scep_types::UnixTime;

use crate::StoreError;
use crate::answer::{Begun, LimitScope, Outcome, Polled};
use crate::certificate::IssuedCertificate;
use crate::durable::records::{DeviceRecord, Holder, TransactionRecord};
use crate::durable::working::{Key, Stop, Verb, Working};
use crate::error::Capacity;
use crate::ids::{CertificateId, Operator, RequestId, Sha256, TransactionKey};
use crate::rate::{self, RateDecision, Slot};
use crate::request::{Begin, DeviceLimit, Reservation, Terms};
use crate::time::from_until;
use crate::transition::{
    Answer, ChallengeHolder, Decision, Found, Hold, PollDecision, Transaction,
};
use crate::work::{TakenSlot, Work};

/// Where a request's state was found.
#[derive(Clone)]
struct Places {
    here: Option<u64>,
    challenge: Option<Holder>,
}

struct Taken {
    reservation: Reservation,
    csr: Bytes,
    operator: Operator,
}

pub(crate) fn begin(begin: Begin, now: UnixTime) -> Verb<Begun> {
    let name = Key::Transaction(begin.request.transaction.clone());
    let challenge = begin.challenge.map(|used| Key::Challenge(used.key));
    let device = begin.device_limit.map(|limit| Key::Device(limit.key()));
    let allowances = begin.allowances().map(|(_, allowance)| Key::Allowance(allowance.key()));
    let first = [Some(name), challenge, device].into_iter().flatten().chain(allowances).collect();
    Verb { now, first, plan: Box::new(move |working| working.begin(&begin, now)) }
}

pub(crate) fn recall(request: RequestId, terms: Terms, now: UnixTime) -> Verb<Option<Begun>> {
    let first = vec![Key::Transaction(request.transaction.clone())];
    Verb { now, first, plan: Box::new(move |working| working.recall(&request, terms, now)) }
}

pub(crate) fn poll(
    name: TransactionKey,
    signer_key: Sha256,
    terms: Terms,
    now: UnixTime,
) -> Verb<Polled> {
    let first = vec![Key::Transaction(name.clone())];
    Verb { now, first, plan: Box::new(move |working| working.poll(&name, &signer_key, terms, now)) }
}

impl Working {
    fn begin(&mut self, begin: &Begin, now: UnixTime) -> Result<Begun, Stop> {
        if let Some(challenge) = begin.challenge.filter(|used| used.remember_until < now) {
            let remember_until = challenge.remember_until;
            return Err(StoreError::ChallengeOver { remember_until, now }.into());
        }
        let places = self.places(begin, now)?;
        match self.decide(begin, &places, now)? {
            Decision::Fresh => self.reserve(begin, places.here, now),
            decision => self.repeat(decision, &places, begin.terms, now),
        }
    }

    fn recall(
        &mut self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, Stop> {
        self.need([Key::Transaction(request.transaction.clone())])?;
        let here = self.named(&request.transaction);
        let decision = here.and_then(|here| here.transaction.recall(&request.submission, now));
        let places = Places { here: here.map(|here| here.id), challenge: None };
        decision.map(|decision| self.repeat(decision, &places, terms, now)).transpose()
    }

    fn poll(
        &mut self,
        name: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, Stop> {
        self.need([Key::Transaction(name.clone())])?;
        let Some(here) = self.named(name) else { return Ok(Polled::Unknown) };
        let (id, certificate) = (here.id, here.certificate);
        Ok(match here.transaction.poll(signer_key, now) {
            PollDecision::Unknown => Polled::Unknown,
            PollDecision::Same(Answer::Pending) => Polled::Pending,
            PollDecision::Same(Answer::Rejected(rejection)) => Polled::Rejected(rejection),
            PollDecision::Same(Answer::Issued) => Polled::Issued(self.issued(certificate)?),
            PollDecision::Approved => {
                let Taken { reservation, csr, operator } = self.take_approved(id, terms, now)?;
                Polled::Approved { reservation, csr, operator }
            }
        })
    }

    fn places(&self, begin: &Begin, now: UnixTime) -> Result<Places, Stop> {
        self.need([Key::Transaction(begin.request.transaction.clone())])?;
        self.need(begin.challenge.map(|used| Key::Challenge(used.key)))?;
        let here = self.named(&begin.request.transaction).map(|here| here.id);
        let used = begin.challenge.and_then(|used| self.challenges.get(&used.key));
        let live = used.filter(|challenge| now < challenge.ends);
        Ok(Places { here, challenge: live.map(|challenge| challenge.holder.clone()) })
    }

    fn decide(&self, begin: &Begin, places: &Places, now: UnixTime) -> Result<Decision, Stop> {
        let holder = match &places.challenge {
            None => ChallengeHolder::Nobody,
            Some(Holder::Transaction(id)) if Some(*id) == places.here => ChallengeHolder::This,
            Some(Holder::Transaction(id)) => {
                self.need([Key::TransactionById(*id)])?;
                let other = self.transactions.get(id).map(|other| &other.transaction);
                other.map_or(ChallengeHolder::Nobody, ChallengeHolder::Other)
            }
            Some(Holder::Certificate { id, csr_info }) => {
                self.need([Key::Certificate(*id)])?;
                match self.certificates.get(id).filter(|found| now < found.ends) {
                    Some(_) => ChallengeHolder::Certificate { csr_info: *csr_info },
                    None => ChallengeHolder::ForgottenCertificate,
                }
            }
        };
        let challenge = begin.challenge.as_ref().map(|used| (&used.key, holder));
        let here = places.here.and_then(|id| self.transactions.get(&id));
        let here = here.map(|here| here.transaction).unwrap_or_default();
        Ok(here.begin(&begin.request.submission, challenge, now))
    }

    /// Whatever is decided but to reserve afresh.
    fn repeat(
        &mut self,
        decision: Decision,
        places: &Places,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Begun, Stop> {
        Ok(match decision {
            Decision::Approved(found) => {
                let id = places.transaction(found).ok_or(StoreError::Poisoned)?;
                let Taken { reservation, operator, .. } = self.take_approved(id, terms, now)?;
                Begun::Approved { reservation, operator }
            }
            Decision::Same(_, Answer::Pending) => Begun::Same(Outcome::Pending),
            Decision::Same(_, Answer::Rejected(rejection)) => {
                Begun::Same(Outcome::Rejected(rejection))
            }
            Decision::Same(found, Answer::Issued) => {
                let certificate = self.certificate_at(found, places);
                Begun::Same(Outcome::Issued(self.issued(certificate)?))
            }
            Decision::Busy { until } => Begun::Busy { retry_after: from_until(now, until) },
            Decision::Replayed => Begun::Replayed,
            Decision::Conflict => Begun::Conflict,
            Decision::Fresh => return Err(StoreError::Poisoned.into()), // `begin` has reserved it
        })
    }

    fn certificate_at(&self, found: Found, places: &Places) -> Option<CertificateId> {
        match (found, &places.challenge) {
            (Found::ByTransaction, _) => self.transactions.get(&places.here?)?.certificate,
            (Found::ByChallenge, Some(Holder::Certificate { id, .. })) => Some(*id),
            (Found::ByChallenge, _) => None,
        }
    }

    fn issued(&self, id: Option<CertificateId>) -> Result<Box<IssuedCertificate>, Stop> {
        let id = id.ok_or(StoreError::Poisoned)?;
        self.need([Key::Certificate(id)])?;
        let found = self.certificates.get(&id).ok_or(StoreError::Poisoned)?;
        Ok(Box::new(found.issued.clone()))
    }

    /// Checks everything that can refuse, then reserves.
    fn reserve(&mut self, begin: &Begin, here: Option<u64>, now: UnixTime) -> Result<Begun, Stop> {
        self.need(begin.device_limit.map(|limit| Key::Device(limit.key())))?;
        if let Some(limit) = &begin.device_limit {
            let device = self.devices.get(&limit.key());
            let slots = device.map_or(&[][..], |device| &device.slots);
            if let RateDecision::Refuse { retry_after } = rate::decide(slots, limit, now) {
                return Ok(Begun::RateLimited { by: LimitScope::Device, retry_after });
            }
        }
        if let Some(refused) = self.used_up(begin, now)? {
            return Ok(refused);
        }
        self.room_for(begin, here)?;

        let ends = now.plus(begin.terms.lease());
        let (submission, challenge) = (begin.request.submission, begin.challenge);
        let id = here.unwrap_or_else(|| self.open(&begin.request));
        let slot = begin.device_limit.map(|limit| self.take_slot(&limit, ends, now));
        let replay_window = begin.terms.replay_window();
        let hold = Hold { submission, challenge: challenge.map(|used| used.key), ends };
        let allowances = self.take_allowances(begin, now);
        let work = |generation| Work { generation, replay_window, challenge, slot, allowances };
        Ok(Begun::Fresh(self.take_hold(id, hold, work)?))
    }

    fn room_for(&self, begin: &Begin, here: Option<u64>) -> Result<(), StoreError> {
        if here.is_none() {
            self.room(Capacity::Transactions)?;
        }
        if begin.challenge.is_some_and(|used| self.challenges.get(&used.key).is_none()) {
            self.room(Capacity::Challenges)?;
        }
        if begin.device_limit.is_some_and(|limit| self.devices.get(&limit.key()).is_none()) {
            self.room(Capacity::Devices)?;
        }
        self.room_for_allowances(begin)?;
        self.room(Capacity::Certificates)
    }

    fn open(&mut self, request: &RequestId) -> u64 {
        let id = self.fresh.id;
        self.transactions.put(TransactionRecord {
            id,
            key: request.transaction.clone(),
            transaction: Transaction::default(),
            certificate: None,
            work: None,
        });
        id
    }

    fn take_slot(&mut self, limit: &DeviceLimit, lease_ends: UnixTime, now: UnixTime) -> TakenSlot {
        let (key, window) = (limit.key(), limit.window());
        let slot = Slot::reserved(now, lease_ends, window);
        let device = self.devices.get(&key);
        let live = device.into_iter().flat_map(|device| &device.slots);
        let mut slots: Vec<Slot> = live.filter(|slot| slot.counts(now)).copied().collect();
        slots.push(slot);
        self.devices.put(DeviceRecord { key, slots });
        TakenSlot { device: key, slot, window }
    }

    /// Reserves an approved request; it took what it takes of the limits when it was first reserved.
    fn take_approved(&mut self, id: u64, terms: Terms, now: UnixTime) -> Result<Taken, Stop> {
        self.need([Key::Queued(id)])?;
        self.room(Capacity::Certificates)?;
        let entry = self.transactions.get(&id).ok_or(StoreError::Poisoned)?;
        let settled = *entry.transaction.settled_at(now).ok_or(StoreError::Poisoned)?;
        let queued = self.queue.get(&id).ok_or(StoreError::Poisoned)?;
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
        Ok(Taken { reservation: self.take_hold(id, hold, work)?, csr, operator })
    }
}

impl Places {
    fn transaction(&self, found: Found) -> Option<u64> {
        match (found, &self.challenge) {
            (Found::ByTransaction, _) => self.here,
            (Found::ByChallenge, Some(Holder::Transaction(id))) => Some(*id),
            (Found::ByChallenge, _) => None,
        }
    }
}
