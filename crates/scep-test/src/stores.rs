//! Stores in front of stores: each verb goes through one place, which may count it, fail it, die at it or choose who answers.

use std::ops::Deref;
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

/// What stands in front of one store, or of several.
pub trait Front: Send + Sync {
    /// The store that the next verb is for; asked once for each.
    fn store(&self) -> &dyn EnrolmentStore;

    /// Whatever is to happen before and after a verb; the store hears of it when `answer` is polled, and never if it is not.
    fn around<T: Send>(
        &self,
        _verb: Verb,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        answer
    }

    /// Hears which certificate is to be recorded, before anything else of its commit.
    fn will_commit(&self, _certificate: &NewCertificate) {}

    /// Hears which CRL number the store gave, before [`around`](Self::around) does.
    fn was_numbered(&self, _number: u64) {}
}

/// The verbs of a store by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as the methods are")]
pub enum Verb {
    Begin,
    Recall,
    Commit,
    Pend,
    Reject,
    Release,
    Poll,
    ListPending,
    Approve,
    Deny,
    CertificateBySerial,
    Certificates,
    Revoke,
    Revoked,
    LeaseNotices,
    ClaimNotice,
    SettleNotice,
    AddPassword,
    Password,
    ListPasswords,
    WithdrawPassword,
    RecordEvents,
    Events,
    NextCrlNumber,
}

/// A store behind a front.
#[derive(Debug)]
pub struct Fronted<F>(pub F);

/// The front itself, for those who tell it what to do.
impl<F> Deref for Fronted<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

#[async_trait]
impl<F: Front> EnrolmentStore for Fronted<F> {
    async fn begin(&self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError> {
        self.around(Verb::Begin, self.store().begin(begin, now)).await
    }

    async fn recall(
        &self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError> {
        self.around(Verb::Recall, self.store().recall(request, terms, now)).await
    }

    async fn commit(
        &self,
        reservation: Reservation,
        certificate: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.will_commit(&certificate);
        let committed = self.store().commit(reservation, certificate, notice, now);
        self.around(Verb::Commit, committed).await
    }

    async fn pend(
        &self,
        reservation: Reservation,
        pending: NewPending,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.around(Verb::Pend, self.store().pend(reservation, pending, now)).await
    }

    async fn reject(
        &self,
        reservation: Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.around(Verb::Reject, self.store().reject(reservation, rejection, now)).await
    }

    async fn release(&self, reservation: Reservation, now: UnixTime) -> Result<(), StoreError> {
        self.around(Verb::Release, self.store().release(reservation, now)).await
    }

    async fn poll(
        &self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        let polled = self.store().poll(transaction, signer_key, terms, now);
        self.around(Verb::Poll, polled).await
    }

    async fn list_pending(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<PendingRequest>, StoreError> {
        self.around(Verb::ListPending, self.store().list_pending(endpoint, now)).await
    }

    async fn approve(
        &self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.around(Verb::Approve, self.store().approve(request, operator, now)).await
    }

    async fn deny(
        &self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.around(Verb::Deny, self.store().deny(request, rejection, terms, now)).await
    }

    async fn certificate_by_serial(
        &self,
        id: &CertificateId,
    ) -> Result<Option<IssuedCertificate>, StoreError> {
        self.around(Verb::CertificateBySerial, self.store().certificate_by_serial(id)).await
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        self.around(Verb::Certificates, self.store().certificates(of, page, now)).await
    }

    async fn revoke(
        &self,
        id: &CertificateId,
        revocation: Revocation,
    ) -> Result<Revoked, StoreError> {
        self.around(Verb::Revoke, self.store().revoke(id, revocation)).await
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        self.around(Verb::Revoked, self.store().revoked(issuer)).await
    }

    async fn lease_notices(
        &self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError> {
        let leased = self.store().lease_notices(endpoint, most, lease, now);
        self.around(Verb::LeaseNotices, leased).await
    }

    async fn claim_notice(
        &self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError> {
        let claimed = self.store().claim_notice(certificate, lease, now);
        self.around(Verb::ClaimNotice, claimed).await
    }

    async fn settle_notice(
        &self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError> {
        self.around(Verb::SettleNotice, self.store().settle_notice(lease, outcome)).await
    }

    async fn add_password(
        &self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.around(Verb::AddPassword, self.store().add_password(new, most, now)).await
    }

    async fn password(&self, key: &Sha256) -> Result<Option<OneTimePassword>, StoreError> {
        self.around(Verb::Password, self.store().password(key)).await
    }

    async fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, StoreError> {
        self.around(Verb::ListPasswords, self.store().list_passwords(endpoint, now)).await
    }

    async fn withdraw_password(
        &self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Result<Withdrawn, StoreError> {
        let withdrawn = self.store().withdraw_password(endpoint, key, now);
        self.around(Verb::WithdrawPassword, withdrawn).await
    }

    async fn record_events(&self, events: &[NewEvent], now: UnixTime) -> Result<(), StoreError> {
        self.around(Verb::RecordEvents, self.store().record_events(events, now)).await
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        self.around(Verb::Events, self.store().events(kind, page, now)).await
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        let numbered = async {
            let number = self.store().next_crl_number(issuer).await?;
            self.was_numbered(number);
            Ok(number)
        };
        self.around(Verb::NextCrlNumber, numbered).await
    }
}
