//! The outbox, and the verbs of those who empty it.

use std::collections::BTreeSet;
use std::time::Duration;

use scep_types::UnixTime;

use super::entries::Unsent;
use super::state::State;
use super::table::Table;
use crate::StoreError;
use crate::certificate::IssuedCertificate;
use crate::error::{Argument, Capacity, within};
use crate::ids::{CertificateId, EndpointId, SerialNumber, Sha256};
use crate::notice::{LeasedNotice, NewNotice, NoticeBody, NoticeClaim, NoticeLease};
use crate::outbox::{Attempted, Claim, Notice};
use crate::store::MAX_LEASED_NOTICES;
use crate::time::from_until;

/// The bodies of notices that are not over, and when each is due.
pub(super) struct Outbox {
    unsent: Table<Unsent>,
    due: BTreeSet<(EndpointId, UnixTime, CertificateId)>,
}

impl State {
    /// Records a notice with its certificate, for which there is room; it is over when the certificate is.
    pub(super) fn queue_notice(
        &mut self,
        issued: &mut IssuedCertificate,
        new: NewNotice,
        certificate_ends: UnixTime,
        now: UnixTime,
    ) {
        let ends = now.plus(new.keep).min(certificate_ends);
        let notice = Notice::recorded(new.lease, ends, now);
        issued.notice = Some(notice);
        self.outbox.insert(Unsent {
            certificate: issued.certificate.id,
            endpoint: issued.transaction.endpoint.clone(),
            body: new.body,
            due: notice.due().unwrap_or(now),
            ends,
        });
    }

    pub(super) fn lease_notices(
        &mut self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError> {
        within(Argument::NoticeBatch, most as u64, 1, MAX_LEASED_NOTICES as u64)?;
        within(Argument::Lease, lease.as_secs(), 1, u64::MAX)?;
        self.outbox.sweep(now);
        let mut leased = Vec::new();
        for certificate in self.due(endpoint, most, now) {
            leased.extend(self.lease_notice(&certificate, lease, now));
        }
        Ok(leased)
    }

    pub(super) fn claim_notice(
        &mut self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError> {
        within(Argument::Lease, lease.as_secs(), 1, u64::MAX)?;
        let Some(notice) = self.notice(certificate) else { return Ok(NoticeClaim::Nothing) };
        Ok(match notice.claim(now) {
            Claim::Take => {
                let leased = self.lease_notice(certificate, lease, now);
                NoticeClaim::Leased(leased.ok_or(StoreError::Poisoned)?)
            }
            Claim::Busy { until } => NoticeClaim::Busy { retry_after: from_until(now, until) },
            Claim::Delivered => NoticeClaim::Delivered,
            Claim::GivenUp => NoticeClaim::GivenUp,
        })
    }

    pub(super) fn settle_notice(
        &mut self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError> {
        let notice = self.notice(&lease.certificate).ok_or(StoreError::LeaseLost)?;
        let settled = notice.settled(lease.attempt, outcome).ok_or(StoreError::LeaseLost)?;
        self.set_notice(&lease.certificate, settled);
        Ok(())
    }

    fn due(&self, endpoint: &EndpointId, most: usize, now: UnixTime) -> Vec<CertificateId> {
        let is_due = |certificate: &CertificateId| {
            self.notice(certificate).is_some_and(|notice| notice.is_due(now))
        };
        self.outbox.up_to(endpoint, now).filter(is_due).take(most).collect()
    }

    fn notice(&self, certificate: &CertificateId) -> Option<Notice> {
        self.certificates.find_entry(certificate)?.issued.notice
    }

    fn lease_notice(
        &mut self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Option<LeasedNotice> {
        let notice = self.notice(certificate)?.leased(lease, now);
        let body = self.outbox.body(certificate)?;
        self.set_notice(certificate, notice);
        let issued = Box::new(self.certificates.find_entry(certificate)?.issued.clone());
        let lease = NoticeLease { certificate: *certificate, attempt: notice.attempts };
        Some(LeasedNotice::new(lease, issued, body))
    }

    fn set_notice(&mut self, certificate: &CertificateId, notice: Notice) {
        if let Some(at) = self.certificates.find(certificate) {
            self.certificates.update(at, |found| found.issued.notice = Some(notice));
        }
        match notice.due() {
            Some(due) => self.outbox.postpone(certificate, due),
            None => self.outbox.forget(certificate),
        }
    }
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { unsent: Table::new(limit), due: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.unsent.len()
    }

    /// Whether another notice could be kept.
    pub(super) fn has_room(&mut self, now: UnixTime) -> bool {
        if !self.unsent.has_room() {
            self.sweep(now);
        }
        self.unsent.has_room()
    }

    pub(super) fn full(&self) -> StoreError {
        StoreError::Full { what: Capacity::Notices, limit: self.unsent.limit() }
    }

    /// Forgets one notice that is over, if there is one.
    pub(super) fn sweep(&mut self, now: UnixTime) {
        if let Some(ended) = self.unsent.remove_ended(now) {
            self.due.remove(&ended.place());
        }
    }

    fn insert(&mut self, unsent: Unsent) {
        self.forget(&unsent.certificate); // of one that ended and had the same serial number
        self.due.insert(unsent.place());
        self.unsent.insert(unsent);
    }

    fn forget(&mut self, certificate: &CertificateId) {
        let found = self.unsent.find(certificate);
        if let Some(unsent) = found.and_then(|at| self.unsent.remove(at)) {
            self.due.remove(&unsent.place());
        }
    }

    fn postpone(&mut self, certificate: &CertificateId, due: UnixTime) {
        let Some(at) = self.unsent.find(certificate) else { return };
        let moved = self.unsent.update(at, |unsent| {
            let before = unsent.place();
            unsent.due = due;
            (before, unsent.place())
        });
        if let Some((before, after)) = moved {
            self.due.remove(&before);
            self.due.insert(after);
        }
    }

    fn body(&self, certificate: &CertificateId) -> Option<NoticeBody> {
        self.unsent.find_entry(certificate).map(|unsent| unsent.body.clone())
    }

    /// The notices of an endpoint whose time has come, those due for longest first.
    fn up_to(&self, endpoint: &EndpointId, now: UnixTime) -> impl Iterator<Item = CertificateId> {
        let first = CertificateId { issuer: Sha256::new([0; 32]), serial: SerialNumber::FIRST };
        let from = (endpoint.clone(), UnixTime::from_secs(i64::MIN), first);
        let of_endpoint = self.due.range(from..);
        let due = of_endpoint.take_while(move |(of, at, _)| of == endpoint && *at <= now);
        due.map(|(_, _, certificate)| *certificate)
    }
}

impl Unsent {
    fn place(&self) -> (EndpointId, UnixTime, CertificateId) {
        (self.endpoint.clone(), self.due, self.certificate)
    }
}
