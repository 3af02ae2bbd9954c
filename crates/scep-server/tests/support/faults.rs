//! Keys and stores that fail on demand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use async_trait::async_trait;
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_server::Signer;
use scep_store::{EnrolmentStore, MemoryStore, StoreError};
use scep_test::stores::Front;
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, KeyTransport, SignatureScheme, SigningKey,
};

use super::crash::Crash;

pub(crate) use scep_test::stores::{Fronted, Verb};

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

/// A store one of whose verbs does not answer.
pub(crate) struct FailingStore {
    store: Arc<MemoryStore>,
    failing: Mutex<Option<Verb>>,
    crash: Arc<Crash>,
}

impl FailingStore {
    pub(crate) fn new(store: Arc<MemoryStore>, failing: Verb) -> Arc<Fronted<Self>> {
        let (failing, crash) = (Mutex::new(Some(failing)), Crash::never());
        Arc::new(Fronted(Self { store, failing, crash }))
    }

    /// A store that answers, to a process that may die.
    pub(crate) fn crashing(store: Arc<MemoryStore>, crash: Arc<Crash>) -> Arc<Fronted<Self>> {
        Arc::new(Fronted(Self { store, failing: Mutex::new(None), crash }))
    }

    pub(crate) fn recover(&self) {
        *self.failing.lock().unwrap() = None;
    }

    /// From now on this verb fails, and no other.
    pub(crate) fn fail(&self, verb: Verb) {
        *self.failing.lock().unwrap() = Some(verb);
    }

    fn fails(&self, verb: Verb) -> bool {
        *self.failing.lock().unwrap() == Some(verb)
    }
}

impl Front for FailingStore {
    fn store(&self) -> &dyn EnrolmentStore {
        self.store.as_ref()
    }

    async fn around<T: Send>(
        &self,
        verb: Verb,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.crash.step().await;
        if self.fails(verb) {
            return Err(StoreError::Unavailable(scep_store::Cause::new("connection reset")));
        }
        let answer = answer.await;
        self.crash.step().await;
        answer
    }
}
