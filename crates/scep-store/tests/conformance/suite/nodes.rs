//! Several handles on one database, used in turn: what one node began, the next one settles.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scep_store::outbox::Attempted;
use scep_store::{
    Begin, Begun, CertificateId, CertificatePage, CertificatesOf, EndpointId, EnrolmentStore,
    Event, EventKind, EventPage, IssuedCertificate, LeasedNotice, NewCertificate, NewEvent,
    NewNotice, NewPending, NoticeClaim, NoticeLease, OneTimePassword, Operator, PendingRequest,
    Polled, Rejection, RequestId, Reservation, Revocation, Revoked, RevokedCertificate, Sha256,
    StoreError, Terms, TransactionKey, Withdrawn,
};
use scep_types::UnixTime;

use super::fixtures::Store;

pub struct Nodes {
    nodes: Vec<Store>,
    next: AtomicUsize,
    _until_the_end: Box<dyn Any + Send + Sync>,
}

/// These handles as one store; what they need lives as long.
pub fn in_turn(nodes: Vec<Store>, until_the_end: impl Any + Send + Sync) -> Arc<Nodes> {
    assert!(!nodes.is_empty());
    let _until_the_end = Box::new(until_the_end);
    Arc::new(Nodes { nodes, next: AtomicUsize::new(0), _until_the_end })
}

impl Nodes {
    fn node(&self) -> &Store {
        &self.nodes[self.next.fetch_add(1, Ordering::Relaxed) % self.nodes.len()]
    }
}

#[async_trait]
impl EnrolmentStore for Nodes {
    async fn begin(&self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError> {
        self.node().begin(begin, now).await
    }

    async fn recall(
        &self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError> {
        self.node().recall(request, terms, now).await
    }

    async fn commit(
        &self,
        reservation: Reservation,
        certificate: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.node().commit(reservation, certificate, notice, now).await
    }

    async fn pend(
        &self,
        reservation: Reservation,
        pending: NewPending,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.node().pend(reservation, pending, now).await
    }

    async fn reject(
        &self,
        reservation: Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.node().reject(reservation, rejection, now).await
    }

    async fn release(&self, reservation: Reservation, now: UnixTime) -> Result<(), StoreError> {
        self.node().release(reservation, now).await
    }

    async fn poll(
        &self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        self.node().poll(transaction, signer_key, terms, now).await
    }

    async fn list_pending(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<PendingRequest>, StoreError> {
        self.node().list_pending(endpoint, now).await
    }

    async fn approve(
        &self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.node().approve(request, operator, now).await
    }

    async fn deny(
        &self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.node().deny(request, rejection, terms, now).await
    }

    async fn certificate_by_serial(
        &self,
        id: &CertificateId,
    ) -> Result<Option<IssuedCertificate>, StoreError> {
        self.node().certificate_by_serial(id).await
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        self.node().certificates(of, page, now).await
    }

    async fn revoke(
        &self,
        id: &CertificateId,
        revocation: Revocation,
    ) -> Result<Revoked, StoreError> {
        self.node().revoke(id, revocation).await
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        self.node().revoked(issuer).await
    }

    async fn lease_notices(
        &self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError> {
        self.node().lease_notices(endpoint, most, lease, now).await
    }

    async fn claim_notice(
        &self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError> {
        self.node().claim_notice(certificate, lease, now).await
    }

    async fn settle_notice(
        &self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError> {
        self.node().settle_notice(lease, outcome).await
    }

    async fn add_password(
        &self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.node().add_password(new, most, now).await
    }

    async fn password(&self, key: &Sha256) -> Result<Option<OneTimePassword>, StoreError> {
        self.node().password(key).await
    }

    async fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, StoreError> {
        self.node().list_passwords(endpoint, now).await
    }

    async fn withdraw_password(
        &self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Result<Withdrawn, StoreError> {
        self.node().withdraw_password(endpoint, key, now).await
    }

    async fn record_events(&self, events: &[NewEvent], now: UnixTime) -> Result<(), StoreError> {
        self.node().record_events(events, now).await
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        self.node().events(kind, page, now).await
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        self.node().next_crl_number(issuer).await
    }
}
