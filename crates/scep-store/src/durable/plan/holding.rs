//! How a transaction and a challenge are taken, kept and left.

use scep_types::UnixTime;

use crate::StoreError;
use crate::durable::records::{ChallengeRecord, Holder};
use crate::durable::working::{Key, Stop, Working};
use crate::ids::{CertificateId, Sha256};
use crate::request::Reservation;
use crate::transition::{Hold, Settled};
use crate::work::Work;

impl Working {
    /// Reserves a transaction: the hold and what settling it takes; its challenge is taken with it.
    pub(super) fn take_hold(
        &mut self,
        id: u64,
        hold: Hold,
        work: impl FnOnce(u64) -> Work,
    ) -> Result<Reservation, Stop> {
        self.need(hold.challenge.map(Key::Challenge))?;
        let generation = self.fresh.generation;
        self.transactions.change(&id, |entry| {
            entry.transaction.hold = Some(hold);
            entry.work = Some(work(generation));
        });
        if let Some(key) = hold.challenge {
            self.keep_challenge(key, id);
        }
        Ok(Reservation::new(id, generation))
    }

    /// The transaction a reservation still holds; all that settling it may change is loaded.
    pub(super) fn held(&self, reservation: &Reservation, now: UnixTime) -> Result<u64, Stop> {
        let id = reservation.id();
        self.need([Key::TransactionById(id)])?;
        let entry = self.transactions.get(&id).ok_or(StoreError::LeaseLost)?;
        let work = entry.work.as_ref().ok_or(StoreError::LeaseLost)?;
        let hold = entry.transaction.hold_at(now).ok_or(StoreError::LeaseLost)?;
        if work.generation != reservation.generation() {
            return Err(StoreError::LeaseLost.into());
        }
        let settled = entry.transaction.settled.as_ref();
        let waits = settled.is_some_and(Settled::waits);
        let freed = settled.and_then(|settled| settled.challenge);
        let challenges = hold.challenge.into_iter().chain(freed).map(Key::Challenge);
        let device = work.slot.map(|taken| Key::Device(taken.device));
        self.need(challenges.chain(device).chain(waits.then_some(Key::Queued(id))))?;
        if hold.challenge.is_none_or(|key| self.may_keep(&key, id)) {
            return Ok(id);
        }
        Err(StoreError::LeaseLost.into())
    }

    /// Whether nobody else has the challenge; a caller whose clock is ahead may have taken it.
    fn may_keep(&self, key: &Sha256, id: u64) -> bool {
        let found = self.challenges.get(key);
        found.is_none_or(|challenge| challenge.holder == Holder::Transaction(id))
    }

    /// Ends a hold; its challenge is free again unless what is settled keeps it.
    pub(super) fn end_hold(&mut self, id: u64) -> Option<Work> {
        let (hold, work) = self
            .transactions
            .change(&id, |entry| (entry.transaction.hold.take(), entry.work.take()))?;
        if let Some(key) = hold.and_then(|hold| hold.challenge) {
            self.leave_challenge(key, id);
        }
        work
    }

    /// Replaces the answer of a transaction; the challenge of one that waited is free again.
    pub(super) fn answer(&mut self, id: u64, settled: Settled, certificate: Option<CertificateId>) {
        let before = self.transactions.change(&id, |entry| {
            entry.certificate = certificate;
            entry.transaction.settled.replace(settled)
        });
        self.queue.remove(&id);
        if let Some(key) = before.flatten().and_then(|before| before.challenge) {
            self.leave_challenge(key, id);
        }
    }

    /// Binds a challenge to a transaction, or prolongs that.
    pub(super) fn keep_challenge(&mut self, key: Sha256, id: u64) {
        let entry = self.transactions.get(&id);
        let kept = entry.and_then(|entry| entry.transaction.keeps_challenge_until(&key));
        if let Some(ends) = kept {
            let holder = Holder::Transaction(id);
            self.challenges.put(ChallengeRecord { key, ends, holder });
        }
    }

    fn leave_challenge(&mut self, key: Sha256, id: u64) {
        let holder = self.challenges.get(&key).map(|challenge| &challenge.holder);
        if holder != Some(&Holder::Transaction(id)) {
            return;
        }
        let entry = self.transactions.get(&id);
        match entry.and_then(|entry| entry.transaction.keeps_challenge_until(&key)) {
            Some(ends) => {
                self.challenges.change(&key, |challenge| challenge.ends = ends);
            }
            None => self.challenges.remove(&key),
        }
    }
}
