//! The tables, and the ways by which entries come, change hands and go.

use std::collections::{BTreeMap, HashMap};

use scep_types::UnixTime;

use super::entries::{
    Certificate, Challenge, Device, Holder, Password, Queued, TransactionEntry, Used,
};
use super::journal::Journal;
use super::lookup::Index;
use super::outbox::Outbox;
use super::table::{Entry, Ref, Table};
use super::usage::MemoryUsage;
use crate::StoreError;
use crate::StoreLimits;
use crate::certificate::{IssuedCertificate, Revocation};
use crate::error::Capacity;
use crate::ids::{CertificateId, EndpointId, Sha256};
use crate::password::Shelved;
use crate::request::Reservation;
use crate::transition::{Hold, Settled};
use crate::work::Work;

/// Entries of each table that a `begin` sweeps if they have ended: more than it adds, few enough to cost nothing.
const SWEPT: usize = 2;

pub(super) struct State {
    pub(super) limits: StoreLimits,
    pub(super) challenges: Table<Challenge>,
    pub(super) transactions: Table<TransactionEntry>,
    pub(super) queue: Table<Queued>,
    pub(super) devices: Table<Device>,
    pub(super) allowances: Table<Used>,
    pub(super) certificates: Table<Certificate>,
    pub(super) index: Index,
    pub(super) revoked: BTreeMap<CertificateId, Revocation>,
    pub(super) outbox: Outbox,
    pub(super) passwords: Table<Password>,
    /// Those of each endpoint that may be live.
    pub(super) shelves: HashMap<EndpointId, Vec<Shelved>>,
    pub(super) journal: Journal,
    pub(super) crl_numbers: HashMap<Sha256, u64>,
    generation: u64,
}

impl State {
    pub(super) fn new(limits: StoreLimits) -> Self {
        Self {
            challenges: Table::new(limits.challenges),
            transactions: Table::new(limits.transactions),
            queue: Table::new(limits.pending_requests),
            devices: Table::new(limits.devices),
            allowances: Table::new(limits.devices),
            certificates: Table::new(limits.certificates),
            index: Index::default(),
            revoked: BTreeMap::new(),
            outbox: Outbox::new(limits.notices),
            passwords: Table::new(limits.passwords),
            shelves: HashMap::new(),
            journal: Journal::default(),
            crl_numbers: HashMap::new(),
            generation: 0,
            limits,
        }
    }

    pub(super) fn usage(&self) -> MemoryUsage {
        MemoryUsage {
            challenges: self.challenges.len(),
            transactions: self.transactions.len(),
            pending_requests: self.queue.len(),
            devices: self.devices.len().saturating_add(self.allowances.len()),
            certificates: self.certificates.len(),
            notices: self.outbox.len(),
            passwords: self.passwords.len(),
            issuers: self.crl_numbers.len(),
        }
    }

    /// Removes a few of the entries that have ended; what is left of them counts as absent all the same.
    pub(super) fn sweep(&mut self, now: UnixTime) {
        for _ in 0..SWEPT {
            self.challenges.remove_ended(now);
            self.transactions.remove_ended(now);
            self.queue.remove_ended(now);
            self.devices.remove_ended(now);
            self.passwords.remove_ended(now);
            self.allowances.remove_ended(now);
            self.outbox.sweep(now);
            self.sweep_certificate(now);
        }
    }

    /// Refuses if another certificate could not be kept.
    pub(super) fn certificate_room(&mut self, now: UnixTime) -> Result<(), StoreError> {
        while !self.certificates.has_room() {
            if !self.sweep_certificate(now) {
                let limit = self.certificates.limit();
                return Err(StoreError::Full { what: Capacity::Certificates, limit });
            }
        }
        Ok(())
    }

    /// Removes one certificate that has ended; whether there was one.
    fn sweep_certificate(&mut self, now: UnixTime) -> bool {
        let ended = self.certificates.remove_ended(now);
        ended.inspect(|ended| self.forget_certificate(&ended.issued)).is_some()
    }

    /// A certificate is not found any more.
    pub(super) fn forget_certificate(&mut self, issued: &IssuedCertificate) {
        self.revoked.remove(&issued.certificate.id);
        self.index.remove(issued);
    }

    /// Reserves a transaction: the hold and what settling it takes; its challenge is taken with it.
    pub(super) fn take_hold(
        &mut self,
        at: Ref,
        hold: Hold,
        work: impl FnOnce(u64) -> Work,
    ) -> Reservation {
        self.generation = self.generation.saturating_add(1);
        let generation = self.generation;
        self.transactions.update(at, |entry| {
            entry.transaction.hold = Some(hold);
            entry.work = Some(Box::new(work(generation)));
        });
        if let Some(key) = hold.challenge {
            self.keep_challenge(key, at);
        }
        Reservation::new(reservation_id(at), generation)
    }

    /// The transaction a reservation still holds.
    pub(super) fn held(&self, reservation: &Reservation, now: UnixTime) -> Result<Ref, StoreError> {
        let at = reserved_at(reservation.id());
        let entry = self.transactions.get(at).ok_or(StoreError::LeaseLost)?;
        let work = entry.work.as_ref().ok_or(StoreError::LeaseLost)?;
        let hold = entry.transaction.hold_at(now).ok_or(StoreError::LeaseLost)?;
        let current = work.generation == reservation.generation();
        if current && hold.challenge.is_none_or(|key| self.may_keep(&key, at)) {
            return Ok(at);
        }
        Err(StoreError::LeaseLost)
    }

    /// Whether nobody else has the challenge; a caller whose clock is ahead may have taken it.
    fn may_keep(&self, key: &Sha256, at: Ref) -> bool {
        let found = self.challenges.find_entry(key);
        found.is_none_or(|challenge| challenge.holder == Holder::Transaction(at))
    }

    /// Ends a hold; its challenge is free again unless what is settled keeps it.
    pub(super) fn end_hold(&mut self, at: Ref) -> Option<Box<Work>> {
        let (hold, work) = self
            .transactions
            .update(at, |entry| (entry.transaction.hold.take(), entry.work.take()))?;
        if let Some(key) = hold.and_then(|hold| hold.challenge) {
            self.leave_challenge(key, at);
        }
        work
    }

    /// Replaces the answer of a transaction; the challenge of one that waited is free again.
    pub(super) fn answer(&mut self, at: Ref, settled: Settled, certificate: Option<Ref>) {
        let before = self.transactions.update(at, |entry| {
            entry.certificate = certificate;
            entry.transaction.settled.replace(settled)
        });
        let key = self.transactions.get(at).map(|entry| &entry.key);
        if let Some(queued) = key.and_then(|key| self.queue.find(key)) {
            self.queue.remove(queued);
        }
        if let Some(key) = before.flatten().and_then(|before| before.challenge) {
            self.leave_challenge(key, at);
        }
    }

    /// Binds a challenge to a transaction, or prolongs that.
    pub(super) fn keep_challenge(&mut self, key: Sha256, at: Ref) {
        let entry = self.transactions.get(at);
        let kept = entry.and_then(|entry| entry.transaction.keeps_challenge_until(&key));
        if let Some(ends) = kept {
            self.set_challenge(Challenge { key, ends, holder: Holder::Transaction(at) });
        }
    }

    pub(super) fn set_challenge(&mut self, challenge: Challenge) {
        match self.challenges.find(&challenge.key) {
            Some(found) => {
                self.challenges.update(found, |entry| *entry = challenge);
            }
            None => {
                self.challenges.insert(challenge);
            }
        }
    }

    fn leave_challenge(&mut self, key: Sha256, at: Ref) {
        let Some(found) = self.challenges.find(&key) else { return };
        let holder = self.challenges.get(found).map(|challenge| challenge.holder);
        if holder != Some(Holder::Transaction(at)) {
            return;
        }
        let entry = self.transactions.get(at);
        match entry.and_then(|entry| entry.transaction.keeps_challenge_until(&key)) {
            Some(ends) => {
                self.challenges.update(found, |challenge| challenge.ends = ends);
            }
            None => {
                self.challenges.remove(found);
            }
        }
    }
}

/// Makes room for one more entry out of one that has ended, or refuses.
pub(super) fn room<E: Entry>(
    table: &mut Table<E>,
    what: Capacity,
    now: UnixTime,
) -> Result<(), StoreError> {
    if table.has_room() || (table.remove_ended(now).is_some() && table.has_room()) {
        return Ok(());
    }
    Err(StoreError::Full { what, limit: table.limit() })
}

fn reservation_id(at: Ref) -> u64 {
    u64::from(at.generation) << 32 | u64::from(at.index)
}

fn reserved_at(id: u64) -> Ref {
    let [g0, g1, g2, g3, i0, i1, i2, i3] = id.to_be_bytes();
    Ref {
        index: u32::from_be_bytes([i0, i1, i2, i3]),
        generation: u32::from_be_bytes([g0, g1, g2, g3]),
    }
}
