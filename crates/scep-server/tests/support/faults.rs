//! Keys and stores that fail on demand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use async_trait::async_trait;
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_server::Signer;
use scep_store::outbox::Attempted;
use scep_store::{
    Begin, Begun, CertificateId, EndpointId, EnrolmentStore, IssuedCertificate, LeasedNotice,
    MemoryStore, NewCertificate, NewNotice, NewPending, NoticeClaim, NoticeLease, OneTimePassword,
    Operator, PendingRequest, Polled, Rejection, RequestId, Reservation, Revocation, Revoked,
    RevokedCertificate, SerialNumber, Sha256, StoreError, Terms, TransactionKey, Withdrawn,
};
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, KeyTransport, SignatureScheme, SigningKey, UnixTime,
};

use super::crash::Crash;

/// A key that does not answer while it is off.
pub(crate) struct FailingKey {
    pub(crate) key: Arc<SoftwareKey>,
    pub(crate) failing: AtomicBool,
    pub(crate) panicking: AtomicBool,
    pub(crate) signed: AtomicUsize,
}

impl FailingKey {
    pub(crate) fn new(key: Arc<SoftwareKey>) -> Arc<Self> {
        let (failing, panicking) = (AtomicBool::new(true), AtomicBool::new(false));
        Arc::new(Self { key, failing, panicking, signed: AtomicUsize::new(0) })
    }

    pub(crate) fn recover(&self) {
        self.failing.store(false, Ordering::SeqCst);
        self.panicking.store(false, Ordering::SeqCst);
    }

    fn try_sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        assert!(!self.panicking.load(Ordering::SeqCst), "a driver's bug");
        if self.failing.load(Ordering::SeqCst) {
            return Err(CryptoError::Unavailable);
        }
        self.signed.fetch_add(1, Ordering::SeqCst);
        self.key.sign(scheme, message)
    }
}

impl SigningKey for FailingKey {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(self.key.as_ref())
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.try_sign(scheme, message)
    }
}

/// The same key somewhere else.
#[async_trait]
impl Signer for FailingKey {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(self.key.as_ref())
    }

    async fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        tokio::task::yield_now().await;
        self.try_sign(scheme, message)
    }
}

/// A remote key that answers anything but its signature, or nothing at all.
pub(crate) enum BadSigner {
    Lies(Arc<SoftwareKey>),
    Hangs(Arc<SoftwareKey>),
}

#[async_trait]
impl Signer for BadSigner {
    fn spki(&self) -> &[u8] {
        let (Self::Lies(key) | Self::Hangs(key)) = self;
        SigningKey::spki(key.as_ref())
    }

    async fn sign(&self, scheme: SignatureScheme, _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match self {
            Self::Lies(key) => key.sign(scheme, b"something else"),
            Self::Hangs(_) => std::future::pending().await,
        }
    }
}

/// A decryption key that says when it is at work, and goes on when it is told to.
pub(crate) struct BlockingKey {
    key: Arc<SoftwareKey>,
    at_work: Sender<ThreadId>,
    go_on: Mutex<Receiver<()>>,
}

impl BlockingKey {
    pub(crate) fn new(key: Arc<SoftwareKey>) -> (Arc<Self>, Receiver<ThreadId>, Sender<()>) {
        let (at_work, seen) = channel();
        let (release, go_on) = channel();
        (Arc::new(Self { key, at_work, go_on: Mutex::new(go_on) }), seen, release)
    }
}

impl DecryptionKey for BlockingKey {
    fn spki(&self) -> &[u8] {
        DecryptionKey::spki(self.key.as_ref())
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        self.at_work.send(std::thread::current().id()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        self.key.unwrap_key(transport, encrypted, fallback)
    }
}

impl SigningKey for BlockingKey {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(self.key.as_ref())
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.at_work.send(std::thread::current().id()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        self.key.sign(scheme, message)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Begin,
    Recall,
    Commit,
    Poll,
    Release,
    CertificateBySerial,
    Password,
    ListPasswords,
    LeaseNotices,
    ClaimNotice,
    SettleNotice,
    Revoke,
    Revoked,
}

/// A store one of whose verbs does not answer.
pub(crate) struct FailingStore {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) failing: Mutex<Option<Verb>>,
    pub(crate) crash: Arc<Crash>,
    /// What stands on each CRL besides.
    pub(crate) also_revoked: Vec<RevokedCertificate>,
}

impl FailingStore {
    pub(crate) fn new(store: Arc<MemoryStore>, failing: Verb) -> Arc<Self> {
        let (failing, also_revoked) = (Mutex::new(Some(failing)), Vec::new());
        Arc::new(Self { store, failing, crash: Crash::never(), also_revoked })
    }

    /// A store that answers, to a process that may die.
    pub(crate) fn crashing(store: Arc<MemoryStore>, crash: Arc<Crash>) -> Arc<Self> {
        Arc::new(Self { store, failing: Mutex::new(None), crash, also_revoked: Vec::new() })
    }

    /// A store in which so many more certificates are revoked.
    pub(crate) fn with_revoked(store: Arc<MemoryStore>, count: u32) -> Arc<Self> {
        let revocation = Revocation { at: super::NOW, reason: 1 };
        let line = |number: u32| {
            let serial = [&[1; 12][..], &number.to_be_bytes()].concat();
            RevokedCertificate { serial: SerialNumber::new(&serial).unwrap(), revocation }
        };
        let also_revoked = (0..count).map(line).collect();
        Arc::new(Self { store, failing: Mutex::new(None), crash: Crash::never(), also_revoked })
    }

    pub(crate) fn recover(&self) {
        *self.failing.lock().unwrap() = None;
    }

    async fn answers(&self, verb: Verb) -> Result<(), StoreError> {
        self.crash.step().await;
        if *self.failing.lock().unwrap() == Some(verb) {
            return Err(StoreError::Unavailable(scep_store::Cause::new("connection reset")));
        }
        Ok(())
    }
}

#[async_trait]
impl EnrolmentStore for FailingStore {
    async fn begin(&self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError> {
        self.answers(Verb::Begin).await?;
        let answer = self.store.begin(begin, now).await;
        self.crash.step().await;
        answer
    }

    async fn recall(
        &self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError> {
        self.answers(Verb::Recall).await?;
        let answer = self.store.recall(request, terms, now).await;
        self.crash.step().await;
        answer
    }

    async fn commit(
        &self,
        reservation: Reservation,
        certificate: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.answers(Verb::Commit).await?;
        let answer = self.store.commit(reservation, certificate, notice, now).await;
        self.crash.step().await;
        answer
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
        self.answers(Verb::Release).await?;
        let answer = self.store.release(reservation, now).await;
        self.crash.step().await;
        answer
    }

    async fn poll(
        &self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        self.answers(Verb::Poll).await?;
        let answer = self.store.poll(transaction, signer_key, terms, now).await;
        self.crash.step().await;
        answer
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
        self.answers(Verb::CertificateBySerial).await?;
        let answer = self.store.certificate_by_serial(id).await;
        self.crash.step().await;
        answer
    }

    async fn certificates(
        &self,
        of: &scep_store::CertificatesOf,
        page: &scep_store::CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        self.store.certificates(of, page, now).await
    }

    async fn revoke(
        &self,
        id: &CertificateId,
        revocation: Revocation,
    ) -> Result<Revoked, StoreError> {
        self.answers(Verb::Revoke).await?;
        let answer = self.store.revoke(id, revocation).await;
        self.crash.step().await;
        answer
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        self.answers(Verb::Revoked).await?;
        let answer = self.store.revoked(issuer).await;
        self.crash.step().await;
        answer.map(|revoked| [revoked, self.also_revoked.clone()].concat())
    }

    async fn lease_notices(
        &self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError> {
        self.answers(Verb::LeaseNotices).await?;
        let answer = self.store.lease_notices(endpoint, most, lease, now).await;
        self.crash.step().await;
        answer
    }

    async fn claim_notice(
        &self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError> {
        self.answers(Verb::ClaimNotice).await?;
        let answer = self.store.claim_notice(certificate, lease, now).await;
        self.crash.step().await;
        answer
    }

    async fn settle_notice(
        &self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError> {
        self.answers(Verb::SettleNotice).await?;
        let answer = self.store.settle_notice(lease, outcome).await;
        self.crash.step().await;
        answer
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
        self.answers(Verb::Password).await?;
        let answer = self.store.password(key).await;
        self.crash.step().await;
        answer
    }

    async fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, StoreError> {
        self.answers(Verb::ListPasswords).await?;
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

    async fn record_events(
        &self,
        events: &[scep_store::NewEvent],
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.store.record_events(events, now).await
    }

    async fn events(
        &self,
        kind: scep_store::EventKind,
        page: &scep_store::EventPage,
        now: UnixTime,
    ) -> Result<Vec<scep_store::Event>, StoreError> {
        self.store.events(kind, page, now).await
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        self.store.next_crl_number(issuer).await
    }
}
