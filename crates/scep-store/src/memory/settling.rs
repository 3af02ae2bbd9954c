//! Verbs that use a reservation up: commit, pend, reject, release.

use scep_types::UnixTime;

use super::entries::{Certificate, Challenge, Holder, Queued};
use super::state::{State, room};
use super::table::Ref;
use crate::StoreError;
use crate::certificate::{IssuedCertificate, NewCertificate};
use crate::error::Capacity;
use crate::ids::{CertificateId, Submission, TransactionKey};
use crate::notice::NewNotice;
use crate::request::{ChallengeUse, NewPending, Rejection, Reservation};
use crate::time::after;
use crate::transition::{Settled, State as Settlement};
use crate::work::{TakenSlot, Work};

/// A reservation that was found to be held.
struct Held {
    at: Ref,
    key: TransactionKey,
    submission: Submission,
    challenge: Option<ChallengeUse>,
    replay_ends: UnixTime,
}

impl State {
    pub(super) fn commit(
        &mut self,
        reservation: &Reservation,
        new: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let held = self.use_up(reservation, now)?;
        let id = new.id;
        if self.is_issued(&id, now) {
            self.undo(held.at);
            return Err(StoreError::DuplicateSerial(id));
        }
        if notice.is_some() && !self.outbox.has_room(now) {
            self.undo(held.at);
            return Err(self.outbox.full());
        }
        let ends = after(new.not_after.plus(self.limits.certificate_retention));
        let mut issued = IssuedCertificate::new(new, held.key, now);
        if let Some(notice) = notice {
            self.queue_notice(&mut issued, notice, ends, now);
        }
        let csr_info = held.submission.csr_info;
        self.index.insert(&issued);
        let entry = Certificate { issued, csr_info, ends };
        let certificate = self.certificates.insert(entry).ok_or(StoreError::Poisoned)?;
        if let Some(used) = held.challenge {
            // Kept by its own end, not by the time of its use; so it outlives every moment at which it is accepted.
            let ends = after(used.remember_until.plus(self.limits.clock_tolerance));
            let holder = Holder::Certificate(certificate);
            self.set_challenge(Challenge { key: used.key, ends, holder });
        }
        self.settle_slot(held.at);
        self.end_hold(held.at);
        let settled = Settled {
            submission: held.submission,
            state: Settlement::Issued,
            challenge: None,
            ends: held.replay_ends.min(ends),
        };
        self.answer(held.at, settled, Some(certificate));
        Ok(())
    }

    pub(super) fn pend(
        &mut self,
        reservation: &Reservation,
        pending: NewPending,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let Held { at, key, submission, challenge, .. } = self.use_up(reservation, now)?;
        if self.queue.find(&key).is_none() {
            let full = room(&mut self.queue, Capacity::PendingRequests, now);
            full.inspect_err(|_| self.undo(at))?;
        }
        let NewPending { csr, expires: ends } = pending;
        let challenge_key = challenge.map(|used| used.key);
        let state = Settlement::Pending;
        self.settle_slot(at);
        self.end_hold(at);
        self.answer(at, Settled { submission, state, challenge: challenge_key, ends }, None);
        self.queue.insert(Queued {
            key,
            submission,
            csr,
            since: now,
            ends,
            challenge,
            operator: None,
        });
        if let Some(key) = challenge_key {
            self.keep_challenge(key, at);
        }
        Ok(())
    }

    pub(super) fn reject(
        &mut self,
        reservation: &Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let Held { at, submission, replay_ends: ends, .. } = self.use_up(reservation, now)?;
        let state = Settlement::Rejected(rejection);
        self.settle_slot(at);
        self.end_hold(at);
        self.answer(at, Settled { submission, state, challenge: None, ends }, None);
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        reservation: &Reservation,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let at = self.held(reservation, now)?;
        self.undo(at);
        Ok(())
    }

    /// Finds what a reservation holds.
    fn use_up(&self, reservation: &Reservation, now: UnixTime) -> Result<Held, StoreError> {
        let at = self.held(reservation, now)?;
        let entry = self.transactions.get(at).ok_or(StoreError::LeaseLost)?;
        let hold = entry.transaction.hold.ok_or(StoreError::LeaseLost)?;
        let work: &Work = entry.work.as_ref().ok_or(StoreError::LeaseLost)?;
        if work.slot.is_some_and(|taken| !self.has_slot(&taken)) {
            return Err(StoreError::LeaseLost);
        }
        Ok(Held {
            at,
            key: entry.key.clone(),
            submission: hold.submission,
            challenge: work.challenge,
            replay_ends: now.plus(work.replay_window),
        })
    }

    /// Whether a certificate has this id; one that ended long ago gives way.
    fn is_issued(&mut self, id: &CertificateId, now: UnixTime) -> bool {
        let Some(at) = self.certificates.find(id) else { return false };
        if self.certificates.get(at).is_some_and(|found| now < found.ends) {
            return true;
        }
        if let Some(ended) = self.certificates.remove(at) {
            self.forget_certificate(&ended.issued);
        }
        false
    }

    /// Gives back all that a reservation took.
    fn undo(&mut self, at: Ref) {
        let work = self.end_hold(at);
        if let Some(work) = work {
            self.give_allowances_back(&work.allowances);
            if let Some(taken) = work.slot {
                self.give_slot_back(&taken);
            }
        }
        let entry = self.transactions.get(at);
        if entry.is_some_and(|entry| entry.transaction.settled.is_none()) {
            self.transactions.remove(at);
        }
    }

    /// Whether the slot was not given to another; a caller whose clock is ahead may have taken it.
    fn has_slot(&self, taken: &TakenSlot) -> bool {
        let device = self.devices.find_entry(&taken.device);
        device.is_some_and(|device| device.slots.contains(&taken.slot))
    }

    /// From now on the slot counts for its whole window.
    fn settle_slot(&mut self, at: Ref) {
        let work = self.transactions.get(at).and_then(|entry| entry.work.as_ref());
        let Some(TakenSlot { device, slot, window }) = work.and_then(|work| work.slot) else {
            return;
        };
        if let Some(at) = self.devices.find(&device) {
            self.devices.update(at, |device| {
                if let Some(found) = device.slots.iter_mut().find(|found| **found == slot) {
                    *found = slot.settled(window);
                }
            });
        }
    }

    fn give_slot_back(&mut self, taken: &TakenSlot) {
        let Some(at) = self.devices.find(&taken.device) else { return };
        self.devices.update(at, |device| {
            if let Some(index) = device.slots.iter().position(|found| *found == taken.slot) {
                device.slots.swap_remove(index);
            }
        });
        if self.devices.get(at).is_some_and(|device| device.slots.is_empty()) {
            self.devices.remove(at);
        }
    }
}
