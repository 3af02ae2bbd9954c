//! Verbs of operators: approval, denial, certificates, revocation.

use scep_types::UnixTime;

use super::NEVER;
use crate::StoreError;
use crate::answer::PendingRequest;
use crate::certificate::{IssuedCertificate, Revocation, Revoked};
use crate::durable::records::QueuedRecord;
use crate::durable::working::{Key, Stop, Verb, Working};
use crate::ids::{CertificateId, Operator, RequestId};
use crate::request::{Rejection, Terms};
use crate::transition::{Settled, State};

pub(crate) fn approve(request: RequestId, operator: Operator, now: UnixTime) -> Verb<()> {
    let first = vec![Key::Transaction(request.transaction.clone())];
    Verb { now, first, plan: Box::new(move |working| working.approve(&request, &operator, now)) }
}

pub(crate) fn deny(
    request: RequestId,
    rejection: Rejection,
    terms: Terms,
    now: UnixTime,
) -> Verb<()> {
    let first = vec![Key::Transaction(request.transaction.clone())];
    Verb {
        now,
        first,
        plan: Box::new(move |working| working.deny(&request, rejection, terms, now)),
    }
}

pub(crate) fn certificate(id: CertificateId) -> Verb<Option<IssuedCertificate>> {
    let plan = move |working: &mut Working| {
        working.need([Key::Certificate(id)])?;
        Ok(working.certificates.get(&id).map(|found| found.issued.clone()))
    };
    Verb { now: NEVER, first: vec![Key::Certificate(id)], plan: Box::new(plan) }
}

pub(crate) fn revoke(id: CertificateId, revocation: Revocation) -> Verb<Revoked> {
    let plan = move |working: &mut Working| {
        working.need([Key::Certificate(id)])?;
        let before = working.certificates.change(&id, |found| {
            let before = found.issued.revocation;
            found.issued.revocation = before.or(Some(revocation));
            before
        });
        Ok(match before {
            None => Revoked::Unknown,
            Some(before) => before.map_or(Revoked::Now, Revoked::Already),
        })
    };
    Verb { now: NEVER, first: vec![Key::Certificate(id)], plan: Box::new(plan) }
}

impl Working {
    fn approve(
        &mut self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), Stop> {
        let (id, _) = self.awaiting(request, now)?;
        self.queue
            .change(&id, |queued| {
                queued.operator.get_or_insert_with(|| operator.clone());
            })
            .ok_or(StoreError::NotPending)?;
        self.transactions.change(&id, |entry| {
            if let Some(settled) = &mut entry.transaction.settled {
                settled.state = State::Approved;
            }
        });
        Ok(())
    }

    fn deny(
        &mut self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), Stop> {
        let (id, waiting) = self.awaiting(request, now)?;
        let state = State::Denied(rejection);
        let ends = now.plus(terms.replay_window());
        self.answer(id, Settled { state, ends, challenge: None, ..waiting }, None);
        Ok(())
    }

    fn awaiting(&self, request: &RequestId, now: UnixTime) -> Result<(u64, Settled), Stop> {
        self.need([Key::Transaction(request.transaction.clone())])?;
        let entry = self.named(&request.transaction).ok_or(StoreError::NotPending)?;
        let waiting = entry.transaction.awaiting(&request.submission, now);
        let waiting = *waiting.ok_or(StoreError::NotPending)?;
        let challenge = waiting.challenge.map(Key::Challenge);
        self.need(challenge.into_iter().chain([Key::Queued(entry.id)]))?;
        Ok((entry.id, waiting))
    }
}

impl QueuedRecord {
    pub(crate) fn shown(self) -> PendingRequest {
        let request = RequestId { transaction: self.key, submission: self.submission };
        PendingRequest {
            approved_by: self.operator,
            ..PendingRequest::new(request, self.csr, self.since, self.ends)
        }
    }
}
