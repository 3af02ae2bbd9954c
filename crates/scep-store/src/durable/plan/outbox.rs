//! Verbs of those who empty the outbox.

use std::time::Duration;

use scep_types::UnixTime;

use crate::StoreError;
use crate::certificate::IssuedCertificate;
use crate::durable::records::UnsentRecord;
use crate::durable::working::{Key, Stop, Verb, Working};
use crate::ids::CertificateId;
use crate::notice::{LeasedNotice, NewNotice, NoticeClaim, NoticeLease};
use crate::outbox::{Attempted, Claim, Notice};
use crate::time::from_until;

/// Leases the notice of a certificate if it is still due.
pub(crate) fn lease_notice(
    id: CertificateId,
    lease: Duration,
    now: UnixTime,
) -> Verb<Option<LeasedNotice>> {
    let plan = move |working: &mut Working| match working.notice(&id)? {
        Some(notice) if notice.is_due(now) => {
            working.take_notice(&id, notice, lease, now).map(Some)
        }
        _ => Ok(None),
    };
    Verb { now, first: keys(id), plan: Box::new(plan) }
}

pub(crate) fn claim_notice(id: CertificateId, lease: Duration, now: UnixTime) -> Verb<NoticeClaim> {
    let plan = move |working: &mut Working| {
        let Some(notice) = working.notice(&id)? else { return Ok(NoticeClaim::Nothing) };
        Ok(match notice.claim(now) {
            Claim::Take => NoticeClaim::Leased(working.take_notice(&id, notice, lease, now)?),
            Claim::Busy { until } => NoticeClaim::Busy { retry_after: from_until(now, until) },
            Claim::Delivered => NoticeClaim::Delivered,
            Claim::GivenUp => NoticeClaim::GivenUp,
        })
    };
    Verb { now, first: keys(id), plan: Box::new(plan) }
}

pub(crate) fn settle_notice(lease: NoticeLease, outcome: Attempted) -> Verb<()> {
    let id = lease.certificate;
    let plan = move |working: &mut Working| {
        let notice = working.notice(&id)?.ok_or(StoreError::LeaseLost)?;
        let settled = notice.settled(lease.attempt, outcome).ok_or(StoreError::LeaseLost)?;
        working.set_notice(&id, settled);
        Ok(())
    };
    Verb { now: super::NEVER, first: keys(id), plan: Box::new(plan) }
}

fn keys(id: CertificateId) -> Vec<Key> {
    vec![Key::Certificate(id), Key::Unsent(id)]
}

impl Working {
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
        self.unsent.put(UnsentRecord {
            certificate: issued.certificate.id,
            endpoint: issued.transaction.endpoint.clone(),
            body: new.body,
            due: notice.due().unwrap_or(now),
            ends,
        });
    }

    fn notice(&self, id: &CertificateId) -> Result<Option<Notice>, Stop> {
        self.need(keys(*id))?;
        Ok(self.certificates.get(id).and_then(|found| found.issued.notice))
    }

    fn take_notice(
        &mut self,
        id: &CertificateId,
        notice: Notice,
        lease: Duration,
        now: UnixTime,
    ) -> Result<LeasedNotice, Stop> {
        let notice = notice.leased(lease, now);
        let body = self.unsent.get(id).map(|unsent| unsent.body.clone());
        let body = body.ok_or(StoreError::Poisoned)?;
        self.set_notice(id, notice);
        let found = self.certificates.get(id).ok_or(StoreError::Poisoned)?;
        let lease = NoticeLease { certificate: *id, attempt: notice.attempts };
        Ok(LeasedNotice::new(lease, Box::new(found.issued.clone()), body))
    }

    fn set_notice(&mut self, id: &CertificateId, notice: Notice) {
        self.certificates.change(id, |found| found.issued.notice = Some(notice));
        match notice.due() {
            Some(due) => {
                self.unsent.change(id, |unsent| unsent.due = due);
            }
            None => self.unsent.remove(id),
        }
    }
}
