//! Verbs of operators: pending requests, certificates, revocation, CRL numbers.

use scep_types::UnixTime;

use super::entries::Queued;
use super::state::State;
use super::table::Ref;
use crate::StoreError;
use crate::answer::PendingRequest;
use crate::certificate::{IssuedCertificate, Revocation, Revoked, RevokedCertificate};
use crate::error::Capacity;
use crate::ids::{CertificateId, EndpointId, Operator, RequestId, SerialNumber, Sha256};
use crate::request::{Rejection, Terms};
use crate::transition::{Settled, State as Settlement};

impl State {
    pub(super) fn list_pending(&self, endpoint: &EndpointId, now: UnixTime) -> Vec<PendingRequest> {
        let live = self.queue.by_end().filter(|queued| now < queued.ends);
        live.filter(|queued| queued.key.endpoint == *endpoint).map(Queued::shown).collect()
    }

    pub(super) fn approve(
        &mut self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let (at, _) = self.awaiting(request, now)?;
        let queued = self.queue.find(&request.transaction).ok_or(StoreError::NotPending)?;
        self.queue.update(queued, |queued| {
            queued.operator.get_or_insert_with(|| operator.clone());
        });
        self.transactions.update(at, |entry| {
            if let Some(settled) = &mut entry.transaction.settled {
                settled.state = Settlement::Approved;
            }
        });
        Ok(())
    }

    pub(super) fn deny(
        &mut self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let (at, waiting) = self.awaiting(request, now)?;
        let state = Settlement::Denied(rejection);
        let ends = now.plus(terms.replay_window());
        self.answer(at, Settled { state, ends, challenge: None, ..waiting }, None);
        Ok(())
    }

    fn awaiting(&self, request: &RequestId, now: UnixTime) -> Result<(Ref, Settled), StoreError> {
        let at = self.transactions.find(&request.transaction).ok_or(StoreError::NotPending)?;
        let entry = self.transactions.get(at).ok_or(StoreError::NotPending)?;
        let waiting = entry.transaction.awaiting(&request.submission, now);
        Ok((at, *waiting.ok_or(StoreError::NotPending)?))
    }

    pub(super) fn certificate(&self, id: &CertificateId) -> Option<IssuedCertificate> {
        self.certificates.find_entry(id).map(|found| found.issued.clone())
    }

    pub(super) fn revoke(&mut self, id: &CertificateId, revocation: Revocation) -> Revoked {
        let Some(at) = self.certificates.find(id) else { return Revoked::Unknown };
        let before = self.certificates.update(at, |found| {
            let before = found.issued.revocation;
            found.issued.revocation = before.or(Some(revocation));
            before
        });
        self.revoked.entry(*id).or_insert(revocation);
        before.flatten().map_or(Revoked::Now, Revoked::Already)
    }

    pub(super) fn revoked(&self, issuer: &Sha256) -> Vec<RevokedCertificate> {
        let first = CertificateId { issuer: *issuer, serial: SerialNumber::FIRST };
        let of_issuer = self.revoked.range(first..).take_while(|(id, _)| id.issuer == *issuer);
        of_issuer
            .map(|(id, revocation)| RevokedCertificate {
                serial: id.serial,
                revocation: *revocation,
            })
            .collect()
    }

    pub(super) fn next_crl_number(&mut self, issuer: &Sha256) -> Result<u64, StoreError> {
        let limit = self.limits.issuers;
        let full = |what| StoreError::Full { what, limit };
        if !self.crl_numbers.contains_key(issuer) && self.crl_numbers.len() >= limit {
            return Err(full(Capacity::Issuers));
        }
        let last = self.crl_numbers.entry(*issuer).or_default();
        *last = last.checked_add(1).ok_or(full(Capacity::CrlNumbers))?;
        Ok(*last)
    }
}

impl Queued {
    fn shown(&self) -> PendingRequest {
        let request = RequestId { transaction: self.key.clone(), submission: self.submission };
        PendingRequest {
            approved_by: self.operator.clone(),
            ..PendingRequest::new(request, self.csr.clone(), self.since, self.ends)
        }
    }
}
