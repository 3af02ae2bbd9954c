//! Devices and the requests they send, built with the client of `scep-proto`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{self, Algorithms, Awaiting, Payload, RequestSettings};
use scep_proto::{MessageRandom, TransactionId};
use scep_types::oid;
use scep_types::{
    Certificate, Csr, DecryptionKey, DigestAlgorithm, Extension, Name, Secret, SignatureScheme,
    SigningKey, UnixTime, Validity, spki_key_kind,
};

use crate::pki::{NOW, Pki, Role, finish};

/// The challengePassword of the devices here.
pub const CHALLENGE: &str = "a challenge nobody may see";

/// A device: a key, the certificate it signs with, and the CSR it sends.
#[derive(Clone)]
pub struct Device {
    /// Signs messages.
    pub key: Arc<dyn SigningKey>,
    /// The same key, which opens replies.
    pub opening_key: Arc<dyn DecryptionKey>,
    /// The certificate of that key.
    pub signer: Certificate,
    /// What the device asks for.
    pub csr: Csr,
}

/// What all messages of a device share, as a test wants it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The transactionID.
    pub transaction_id: String,
    /// Digest and cipher.
    pub algorithms: Algorithms,
    /// The signingTime.
    pub signing_time: Option<UnixTime>,
    /// From this the octets of nonce, content key and initialisation vector are made.
    pub seed: u8,
}

/// A request, and what its sender remembers of it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The pkiMessage.
    pub message: Bytes,
    /// Checks the reply.
    pub awaiting: Awaiting,
}

impl Device {
    /// A device with a self-signed certificate for the key that its CSR has, too.
    #[must_use]
    pub fn new<K: SigningKey + DecryptionKey + 'static>(common_name: &str, key: K) -> Self {
        let signer = self_signed(common_name, &key);
        let csr = csr(common_name, Some(CHALLENGE), &[], &key);
        let key = Arc::new(key);
        Self { key: key.clone(), opening_key: key, signer, csr }
    }

    /// A device with a certificate of this CA, which asks for one for another key.
    #[must_use]
    pub fn renewing<K: SigningKey + DecryptionKey + 'static>(
        pki: &Pki,
        common_name: &str,
        key: K,
        next: &dyn SigningKey,
    ) -> Self {
        let signer = pki.issue(common_name, &[9], Role::Device, SigningKey::spki(&key));
        let csr = csr(common_name, None, &[], next);
        let key = Arc::new(key);
        Self { key: key.clone(), opening_key: key, signer, csr }
    }

    /// Sends a PKCSReq to the RA.
    #[must_use]
    pub fn enrol(&self, draft: &Draft, pki: &Pki) -> Sent {
        self.send(Payload::Enrol(&self.csr), draft, &pki.ra)
    }

    /// Sends a RenewalReq to the RA.
    #[must_use]
    pub fn renew(&self, draft: &Draft, pki: &Pki) -> Sent {
        self.send(Payload::Renew(&self.csr), draft, &pki.ra)
    }

    /// Sends a CertPoll to the RA.
    #[must_use]
    pub fn poll(&self, draft: &Draft, pki: &Pki) -> Sent {
        let payload = Payload::Poll { issuer: pki.ca.subject(), subject: self.csr.subject() };
        self.send(payload, draft, &pki.ra)
    }

    /// Sends anything to anyone with an RSA key.
    #[must_use]
    pub fn send(&self, payload: Payload<'_>, draft: &Draft, recipient: &Certificate) -> Sent {
        let settings = RequestSettings {
            transaction_id: &TransactionId::new(&draft.transaction_id).unwrap(),
            signer: &self.signer,
            recipient,
            algorithms: draft.algorithms,
            signing_time: draft.signing_time,
            provider: &provider(),
        };
        let (message, awaiting) = client::build(payload, settings, &random(draft.seed)).unwrap();
        Sent { message: finish(message, &*self.key), awaiting }
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key: _, opening_key: _, signer, csr } = self;
        f.debug_struct("Device").field("signer", signer).field("csr", csr).finish_non_exhaustive()
    }
}

/// The mandatory algorithms and nothing that need not be there.
impl Default for Draft {
    fn default() -> Self {
        Self {
            transaction_id: "1f3a5b7c9d".to_owned(),
            algorithms: Algorithms::default(),
            signing_time: None,
            seed: 1,
        }
    }
}

/// Octets that differ from each other and from seed to seed; a test has no use for chance.
#[must_use]
pub fn random(seed: u8) -> MessageRandom {
    let octet = |at: usize| {
        seed.wrapping_mul(64).wrapping_add(seed / 4)
            ^ u8::try_from(at).unwrap_or(0).wrapping_mul(37)
    };
    MessageRandom::new(&std::array::from_fn(octet))
}

/// A CSR.
#[must_use]
pub fn csr(
    common_name: &str,
    challenge: Option<&str>,
    extensions: &[Extension],
    key: &dyn SigningKey,
) -> Csr {
    let subject = Name::build(&[(oid::COMMON_NAME, common_name)]);
    let challenge = challenge.map(Secret::new);
    let scheme = scheme(key);
    let unsigned = client::csr(&subject, key.spki(), challenge.as_ref(), extensions, scheme);
    let signature = key.sign(scheme, unsigned.bytes()).unwrap();
    unsigned.finish(&signature).unwrap()
}

/// A device's self-signed certificate, as our client writes it.
#[must_use]
pub fn self_signed(common_name: &str, key: &dyn SigningKey) -> Certificate {
    const DAY: Duration = Duration::from_secs(86_400);
    let subject = Name::build(&[(oid::COMMON_NAME, common_name)]);
    let validity = Validity { not_before: NOW.minus(DAY), not_after: NOW.plus(DAY) };
    let scheme = scheme(key);
    let unsigned =
        client::signer_certificate(&subject, key.spki(), &[7], validity, scheme).unwrap();
    let signature = key.sign(scheme, unsigned.bytes()).unwrap();
    unsigned.finish(&signature).unwrap()
}

/// The scheme that a key signs CSRs and certificates with.
#[must_use]
pub fn scheme(key: &dyn SigningKey) -> SignatureScheme {
    use scep_types::KeyKind::{P384, P521};
    let kind = spki_key_kind(key.spki()).unwrap();
    let digest = match kind {
        P384 => DigestAlgorithm::Sha384,
        P521 => DigestAlgorithm::Sha512,
        _ => DigestAlgorithm::Sha256,
    };
    SignatureScheme::for_key(kind, digest).unwrap()
}
