//! Verbs that use a reservation up: commit, pend, reject, release.

use scep_types::UnixTime;

use crate::StoreError;
use crate::certificate::{IssuedCertificate, NewCertificate};
use crate::durable::records::{CertificateRecord, ChallengeRecord, Holder, QueuedRecord};
use crate::durable::working::{Key, Stop, Verb, Working};
use crate::error::Capacity;
use crate::ids::{Submission, TransactionKey};
use crate::notice::NewNotice;
use crate::request::{ChallengeUse, NewPending, Rejection, Reservation};
use crate::time::after;
use crate::transition::{Settled, State};
use crate::work::TakenSlot;

/// A reservation that was found to be held.
struct Held {
    id: u64,
    key: TransactionKey,
    submission: Submission,
    challenge: Option<ChallengeUse>,
    replay_ends: UnixTime,
}

pub(crate) fn commit(
    held: Reservation,
    new: NewCertificate,
    notice: Option<NewNotice>,
    now: UnixTime,
) -> Verb<()> {
    let (id, unsent) = (new.id, notice.as_ref().map(|_| Key::Unsent(new.id)));
    let first = [Key::TransactionById(held.id()), Key::Certificate(id)];
    let first = first.into_iter().chain(unsent).collect();
    let plan = move |working: &mut Working| working.commit(&held, &new, notice.as_ref(), now);
    Verb { now, first, plan: Box::new(plan) }
}

pub(crate) fn pend(held: Reservation, pending: NewPending, now: UnixTime) -> Verb<()> {
    let first = vec![Key::TransactionById(held.id()), Key::Queued(held.id())];
    Verb { now, first, plan: Box::new(move |working| working.pend(&held, &pending, now)) }
}

pub(crate) fn reject(held: Reservation, rejection: Rejection, now: UnixTime) -> Verb<()> {
    let first = vec![Key::TransactionById(held.id())];
    Verb { now, first, plan: Box::new(move |working| working.reject(&held, rejection, now)) }
}

pub(crate) fn release(held: Reservation, now: UnixTime) -> Verb<()> {
    let first = vec![Key::TransactionById(held.id())];
    Verb { now, first, plan: Box::new(move |working| working.release(&held, now)) }
}

impl Working {
    fn commit(
        &mut self,
        reservation: &Reservation,
        new: &NewCertificate,
        notice: Option<&NewNotice>,
        now: UnixTime,
    ) -> Result<(), Stop> {
        let held = self.use_up(reservation, now)?;
        let id = new.id;
        self.need([Key::Certificate(id)].into_iter().chain(notice.map(|_| Key::Unsent(id))))?;
        // One that ended long ago gives way.
        if self.certificates.get(&id).is_some_and(|found| now < found.ends) {
            self.undo(held.id)?;
            return Err(StoreError::DuplicateSerial(id).into());
        }
        if notice.is_some() {
            self.room_or_undo(Capacity::Notices, held.id)?;
        }
        let ends = after(new.not_after.plus(self.limits.certificate_retention));
        let csr_info = held.submission.csr_info;
        let mut issued = IssuedCertificate::new(new.clone(), held.key, now);
        if let Some(notice) = notice {
            self.queue_notice(&mut issued, notice.clone(), ends, now);
        }
        self.certificates.put(CertificateRecord { issued, csr_info, ends });
        if let Some(used) = held.challenge {
            // Kept by its own end, not by the time of its use; so it outlives every moment at which it is accepted.
            let ends = after(used.remember_until.plus(self.limits.clock_tolerance));
            let holder = Holder::Certificate { id, csr_info };
            self.challenges.put(ChallengeRecord { key: used.key, ends, holder });
        }
        self.settle_slot(held.id);
        self.end_hold(held.id);
        let settled = Settled {
            submission: held.submission,
            state: State::Issued,
            challenge: None,
            ends: held.replay_ends.min(ends),
        };
        self.answer(held.id, settled, Some(id));
        Ok(())
    }

    fn pend(
        &mut self,
        reservation: &Reservation,
        pending: &NewPending,
        now: UnixTime,
    ) -> Result<(), Stop> {
        let Held { id, key, submission, challenge, .. } = self.use_up(reservation, now)?;
        self.need([Key::Queued(id)])?;
        if self.queue.get(&id).is_none() {
            self.room_or_undo(Capacity::PendingRequests, id)?;
        }
        let NewPending { csr, expires: ends } = pending.clone();
        let challenge_key = challenge.map(|used| used.key);
        let state = State::Pending;
        self.settle_slot(id);
        self.end_hold(id);
        self.answer(id, Settled { submission, state, challenge: challenge_key, ends }, None);
        self.queue.put(QueuedRecord {
            id,
            key,
            submission,
            csr,
            since: now,
            ends,
            challenge,
            operator: None,
        });
        if let Some(key) = challenge_key {
            self.keep_challenge(key, id);
        }
        Ok(())
    }

    fn reject(
        &mut self,
        reservation: &Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), Stop> {
        let Held { id, submission, replay_ends: ends, .. } = self.use_up(reservation, now)?;
        let state = State::Rejected(rejection);
        self.settle_slot(id);
        self.end_hold(id);
        self.answer(id, Settled { submission, state, challenge: None, ends }, None);
        Ok(())
    }

    fn release(&mut self, reservation: &Reservation, now: UnixTime) -> Result<(), Stop> {
        let id = self.held(reservation, now)?;
        self.undo(id)
    }

    /// Finds what a reservation holds.
    fn use_up(&self, reservation: &Reservation, now: UnixTime) -> Result<Held, Stop> {
        let id = self.held(reservation, now)?;
        let entry = self.transactions.get(&id).ok_or(StoreError::LeaseLost)?;
        let hold = entry.transaction.hold.ok_or(StoreError::LeaseLost)?;
        let work = entry.work.as_ref().ok_or(StoreError::LeaseLost)?;
        if work.slot.is_some_and(|taken| !self.has_slot(&taken)) {
            return Err(StoreError::LeaseLost.into());
        }
        Ok(Held {
            id,
            key: entry.key.clone(),
            submission: hold.submission,
            challenge: work.challenge,
            replay_ends: now.plus(work.replay_window),
        })
    }

    fn room_or_undo(&mut self, what: Capacity, id: u64) -> Result<(), Stop> {
        match self.room(what) {
            Ok(()) => Ok(()),
            Err(full) => {
                self.undo(id)?;
                Err(full.into())
            }
        }
    }

    /// Gives back all that a reservation took. Allowances, which many requests change, are loaded only here.
    fn undo(&mut self, id: u64) -> Result<(), Stop> {
        let taken = self.taken_allowances(id);
        self.need(taken.iter().map(|taken| Key::Allowance(taken.key)))?;
        self.give_allowances_back(&taken);
        if let Some(taken) = self.end_hold(id).and_then(|work| work.slot) {
            self.give_slot_back(&taken);
        }
        let entry = self.transactions.get(&id);
        if entry.is_some_and(|entry| entry.transaction.settled.is_none()) {
            self.transactions.remove(&id);
        }
        Ok(())
    }

    /// Whether the slot was not given to another; a caller whose clock is ahead may have taken it.
    fn has_slot(&self, taken: &TakenSlot) -> bool {
        let device = self.devices.get(&taken.device);
        device.is_some_and(|device| device.slots.contains(&taken.slot))
    }

    /// From now on the slot counts for its whole window.
    fn settle_slot(&mut self, id: u64) {
        let work = self.transactions.get(&id).and_then(|entry| entry.work.as_ref());
        let Some(TakenSlot { device, slot, window }) = work.and_then(|work| work.slot) else {
            return;
        };
        self.devices.change(&device, |device| {
            if let Some(found) = device.slots.iter_mut().find(|found| **found == slot) {
                *found = slot.settled(window);
            }
        });
    }

    fn give_slot_back(&mut self, taken: &TakenSlot) {
        self.devices.change(&taken.device, |device| {
            if let Some(index) = device.slots.iter().position(|found| *found == taken.slot) {
                device.slots.swap_remove(index);
            }
        });
        if self.devices.get(&taken.device).is_some_and(|device| device.slots.is_empty()) {
            self.devices.remove(&taken.device);
        }
    }
}
