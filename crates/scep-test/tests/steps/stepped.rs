//! Everything a node calls that is not itself, each call a step before and a step after: its keys, its store, Intune.

use std::sync::Arc;

use intune_client::service::{HttpRequest, HttpResponse};
use intune_client::{HttpSettings, Proxy, ReqwestTransport, Transport, TransportError};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_store::{EnrolmentStore, NewCertificate, StoreError};
use scep_test::keys;
use scep_test::stores::{Front, Fronted, Verb};
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, KeyTransport, SignatureScheme, SigningKey, hex,
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
    store: Arc<dyn EnrolmentStore>,
    steps: Arc<Steps>,
}

impl SteppedStore {
    pub(crate) fn new(store: Arc<dyn EnrolmentStore>, steps: &Arc<Steps>) -> Fronted<Self> {
        Fronted(Self { store, steps: Arc::clone(steps) })
    }
}

impl Front for SteppedStore {
    fn store(&self) -> &dyn EnrolmentStore {
        self.store.as_ref()
    }

    async fn around<T: Send>(
        &self,
        verb: Verb,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match step(verb) {
            Some(step) => self.steps.around(step, answer).await,
            None => answer.await,
        }
    }

    fn will_commit(&self, certificate: &NewCertificate) {
        say(format_args!("commit {}", hex::upper(certificate.id.serial.content())));
    }

    fn was_numbered(&self, number: u64) {
        say(format_args!("number {number}"));
    }
}

/// What a verb is called that is a step of one of the ways.
const fn step(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::Begin => Some("begin"),
        Verb::Recall => Some("recall"),
        Verb::Commit => Some("commit"),
        Verb::Release => Some("release"),
        Verb::Revoked => Some("reading what is revoked"),
        Verb::LeaseNotices => Some("leasing notices"),
        Verb::ClaimNotice => Some("claiming the notice"),
        Verb::SettleNotice => Some("settling the notice"),
        Verb::Password => Some("looking up the password"),
        Verb::NextCrlNumber => Some("drawing a CRL number"),
        _ => None,
    }
}
