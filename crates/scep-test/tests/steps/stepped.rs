//! Everything a node calls that is not itself, each call a step before and a step after: its keys, its store, Intune.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use intune_client::service::{HttpRequest, HttpResponse};
use intune_client::{HttpSettings, Proxy, ReqwestTransport, Transport, TransportError};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_store::outbox::Attempted;
use scep_store::{
    Begin, Begun, CertificateId, CertificatePage, CertificatesOf, EndpointId, EnrolmentStore,
    Event, EventKind, EventPage, IssuedCertificate, LeasedNotice, NewCertificate, NewEvent,
    NewNotice, NewPending, NoticeClaim, NoticeLease, OneTimePassword, Operator, PendingRequest,
    Polled, Rejection, RequestId, Reservation, Revocation, Revoked, RevokedCertificate, Sha256,
    StoreError, Terms, TransactionKey, Withdrawn,
};
use scep_test::keys;
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, KeyTransport, SignatureScheme, SigningKey, UnixTime,
    hex,
};

use crate::steps::{Steps, say};

/// Whether a key answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtHand {
    Yes,
    No,
}

pub(crate) struct SteppedKey {
    key: SoftwareKey,
    /// What it signs.
    signs: &'static str,
    at_hand: AtHand,
    steps: Arc<Steps>,
}

impl SteppedKey {
    pub(crate) fn new(
        name: &str,
        signs: &'static str,
        at_hand: AtHand,
        steps: &Arc<Steps>,
    ) -> Arc<Self> {
        Arc::new(Self { key: keys::software(name), signs, at_hand, steps: Arc::clone(steps) })
    }
}

impl SigningKey for SteppedKey {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(&self.key)
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.steps.take(format_args!("before signing {}", self.signs));
        let signature = match self.at_hand {
            AtHand::Yes => self.key.sign(scheme, message),
            AtHand::No => Err(CryptoError::Unavailable),
        };
        self.steps.take(format_args!("after signing {}", self.signs));
        signature
    }
}

impl DecryptionKey for SteppedKey {
    fn spki(&self) -> &[u8] {
        DecryptionKey::spki(&self.key)
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        self.steps.take("before opening the request");
        let key = self.key.unwrap_key(transport, encrypted, fallback);
        self.steps.take("after opening the request");
        key
    }
}

/// The way to Microsoft's service; tokens and discovery are no steps.
pub(crate) struct SteppedTransport {
    http: ReqwestTransport,
    steps: Arc<Steps>,
}

impl SteppedTransport {
    pub(crate) fn new(steps: &Arc<Steps>) -> Self {
        let direct = HttpSettings { proxy: Proxy::Direct, ..HttpSettings::default() };
        Self { http: ReqwestTransport::new(&direct).unwrap(), steps: Arc::clone(steps) }
    }
}

impl Transport for SteppedTransport {
    async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let sent = self.http.send(request);
        match request.url().rsplit('/').next() {
            Some("validateRequest") => self.steps.around("the validation", sent).await,
            Some("successNotification") => self.steps.around("the notification", sent).await,
            Some("failureNotification") => {
                self.steps.around("the failure notification", sent).await
            }
            _ => sent.await,
        }
    }
}

/// A durable store. It says which certificates it was to record, and which CRL numbers it gave.
pub(crate) struct SteppedStore {
    pub(crate) store: Arc<dyn EnrolmentStore>,
    pub(crate) steps: Arc<Steps>,
}

#[async_trait]
impl EnrolmentStore for SteppedStore {
    async fn begin(&self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError> {
        self.steps.around("begin", self.store.begin(begin, now)).await
    }

    async fn recall(
        &self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError> {
        self.steps.around("recall", self.store.recall(request, terms, now)).await
    }

    async fn commit(
        &self,
        reservation: Reservation,
        certificate: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        say(format_args!("commit {}", hex::upper(certificate.id.serial.content())));
        let commit = self.store.commit(reservation, certificate, notice, now);
        self.steps.around("commit", commit).await
    }

    async fn pend(
        &self,
        reservation: Reservation,
        pending: NewPending,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.store.pend(reservation, pending, now).await
    }

    async fn reject(
        &self,
        reservation: Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.store.reject(reservation, rejection, now).await
    }

    async fn release(&self, reservation: Reservation, now: UnixTime) -> Result<(), StoreError> {
        self.steps.around("release", self.store.release(reservation, now)).await
    }

    async fn poll(
        &self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        self.store.poll(transaction, signer_key, terms, now).await
    }

    async fn list_pending(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<PendingRequest>, StoreError> {
        self.store.list_pending(endpoint, now).await
    }

    async fn approve(
        &self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.store.approve(request, operator, now).await
    }

    async fn deny(
        &self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.store.deny(request, rejection, terms, now).await
    }

    async fn certificate_by_serial(
        &self,
        id: &CertificateId,
    ) -> Result<Option<IssuedCertificate>, StoreError> {
        self.store.certificate_by_serial(id).await
    }

    async fn revoke(
        &self,
        id: &CertificateId,
        revocation: Revocation,
    ) -> Result<Revoked, StoreError> {
        self.store.revoke(id, revocation).await
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        self.steps.around("reading what is revoked", self.store.revoked(issuer)).await
    }

    async fn lease_notices(
        &self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError> {
        let leased = self.store.lease_notices(endpoint, most, lease, now);
        self.steps.around("leasing notices", leased).await
    }

    async fn claim_notice(
        &self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError> {
        let claimed = self.store.claim_notice(certificate, lease, now);
        self.steps.around("claiming the notice", claimed).await
    }

    async fn settle_notice(
        &self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError> {
        let settled = self.store.settle_notice(lease, outcome);
        self.steps.around("settling the notice", settled).await
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        self.store.certificates(of, page, now).await
    }

    async fn add_password(
        &self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.store.add_password(new, most, now).await
    }

    async fn password(&self, key: &Sha256) -> Result<Option<OneTimePassword>, StoreError> {
        self.steps.around("looking up the password", self.store.password(key)).await
    }

    async fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, StoreError> {
        self.store.list_passwords(endpoint, now).await
    }

    async fn withdraw_password(
        &self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Result<Withdrawn, StoreError> {
        self.store.withdraw_password(endpoint, key, now).await
    }

    async fn record_events(&self, events: &[NewEvent], now: UnixTime) -> Result<(), StoreError> {
        self.store.record_events(events, now).await
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        self.store.events(kind, page, now).await
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        let counted = async {
            let number = self.store.next_crl_number(issuer).await;
            if let Ok(number) = number {
                say(format_args!("number {number}"));
            }
            number
        };
        self.steps.around("drawing a CRL number", counted).await
    }
}
