use bytes::Bytes;
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, ContentKey, CryptoError, CryptoProvider,
    DecryptionKey, KeyTransport,
};
use zeroize::Zeroizing;

use crate::attributes::{FailInfo, MessageType, Nonce, PkiStatus, TransactionId};
use crate::ca_certificates::CaCertificates;
use crate::cms::{Envelope, SignedData, SignerInfo};
use crate::error::{Error, Misbehaviour, Refusal};
use crate::random::FallbackKey;

/// A request that was sent and what its reply must match. It may be given several replies; each is checked anew.
#[derive(Debug, Clone)]
pub struct Awaiting {
    pub(super) transaction_id: TransactionId,
    pub(super) sender_nonce: Nonce,
    pub(super) signer: Certificate,
}

/// A CertRep that verified and answers our request (RFC 8894 §3.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum CertRep {
    /// Granted.
    Success {
        /// The certificates, in the order of the reply; which one is ours, its key says.
        certificates: Vec<Certificate>,
        /// The CRLs, DER each.
        crls: Vec<Bytes>,
    },
    /// Refused.
    Failure {
        /// Why; `None` if the server does not say.
        fail_info: Option<FailInfo>,
        /// What a person should read.
        text: Option<String>,
    },
    /// Waiting for approval.
    Pending,
}

/// A CertRep that verified and answers our request; the envelope of a SUCCESS is still closed.
#[derive(Debug, Clone)]
#[must_use]
pub enum VerifiedReply {
    /// Granted.
    Success(SealedReply),
    /// Refused.
    Failure(Refusal),
    /// Waiting for approval.
    Pending,
}

/// The envelope of a SUCCESS that only lacks its content key, for keys that unwrap remotely.
#[derive(Debug, Clone)]
#[must_use]
pub struct SealedReply {
    envelope: Envelope,
    cipher: ContentCipher,
    iv: Bytes,
    transport: KeyTransport,
    encrypted_key: Bytes,
}

/// What checking a reply needs.
#[derive(Clone, Copy)]
pub struct ReplyCheck<'a> {
    /// The authenticated certificates of the CA.
    pub ca: &'a CaCertificates,
    /// The key of the certificate that signed the request.
    pub key: &'a dyn DecryptionKey,
    /// Digests, verification, decryption.
    pub provider: &'a CryptoProvider,
    /// Which algorithms are taken.
    pub policy: AlgorithmPolicy,
}

impl std::fmt::Debug for ReplyCheck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ca, key: _, provider: _, policy } = self;
        f.debug_struct("ReplyCheck").field("ca", ca).field("policy", policy).finish_non_exhaustive()
    }
}

impl Awaiting {
    /// For a request that was written elsewhere, such as in the dialect of a device family. What it sent as
    /// senderNonce (1 to 64 octets) must come back; `signer` is whose key opens the answer.
    #[must_use]
    pub fn new(transaction_id: TransactionId, sender_nonce: &[u8], signer: Certificate) -> Self {
        Self { transaction_id, sender_nonce: Nonce::new(sender_nonce), signer }
    }

    /// Verifies a reply: signed by the authenticated CA or RA, of this transaction, for this request; then opens it.
    ///
    /// A certificate is not trusted by being in the reply. Nothing in an unverified reply is believed, PENDING included.
    ///
    /// # Errors
    /// [`Error`]; decryption fails in one way only.
    pub fn receive(
        &self,
        reply: impl Into<Bytes>,
        check: ReplyCheck<'_>,
        fallback: &FallbackKey,
    ) -> Result<CertRep, Error> {
        match self.verify(reply, check.ca, check.provider, check.policy)? {
            VerifiedReply::Success(sealed) => {
                let (transport, encrypted_key) = (sealed.transport(), sealed.encrypted_key());
                let fallback = sealed.fallback(fallback);
                let key = check.key.unwrap_key(transport, encrypted_key, &fallback)?;
                let (certificates, crls) = sealed.open_with(&key, check.provider)?;
                Ok(CertRep::Success { certificates, crls })
            }
            VerifiedReply::Failure(Refusal { fail_info, text }) => {
                Ok(CertRep::Failure { fail_info, text })
            }
            VerifiedReply::Pending => Ok(CertRep::Pending),
        }
    }

    /// The first half of [`Awaiting::receive`]: everything but opening the envelope.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify(
        &self,
        reply: impl Into<Bytes>,
        ca: &CaCertificates,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<VerifiedReply, Error> {
        let signed = SignedData::parse(&reply.into())?;
        let info = signed.signer()?;
        let scheme = info.scheme(policy)?;
        // Only the authenticated set: any holder of a certificate from this CA could put its own into the reply.
        let signer = info.find(ca.certificates()).ok_or(Misbehaviour::UntrustedSigner)?;
        info.verify(signed.content_type, &signed.content, signer, scheme, provider)?;
        self.check_attributes(info)?;
        match info.attributes.pki_status()? {
            PkiStatus::SUCCESS => {
                SealedReply::read(&signed.content, &self.signer, policy).map(VerifiedReply::Success)
            }
            PkiStatus::FAILURE => Ok(VerifiedReply::Failure(Refusal {
                fail_info: info.attributes.fail_info()?,
                text: info.attributes.fail_info_text()?,
            })),
            PkiStatus::PENDING => Ok(VerifiedReply::Pending),
            other => Err(Misbehaviour::UnexpectedStatus(other).into()),
        }
    }

    fn check_attributes(&self, info: &SignerInfo) -> Result<(), Error> {
        let message_type = info.attributes.message_type()?;
        if message_type != MessageType::CERT_REP {
            return Err(Misbehaviour::UnexpectedMessageType(message_type).into());
        }
        let found = info.attributes.transaction_id()?;
        if found.octets() != self.transaction_id.octets() {
            return Err(Misbehaviour::TransactionMismatch(Box::new(found)).into());
        }
        if info.attributes.recipient_nonce()?.as_ref() != Some(&self.sender_nonce) {
            return Err(Misbehaviour::NonceMismatch.into());
        }
        Ok(())
    }
}

impl SealedReply {
    /// Finds the wrapped content key that is for `signer`, without using a key.
    fn read(content: &Bytes, signer: &Certificate, policy: AlgorithmPolicy) -> Result<Self, Error> {
        if content.is_empty() {
            return Err(Misbehaviour::EnvelopeMissing.into());
        }
        let envelope = Envelope::parse(content)?;
        let (cipher, iv) = envelope.cipher(policy)?;
        let (recipient, _) = envelope.find_recipient(&[signer])?;
        let (transport, encrypted_key) = (recipient.transport()?, recipient.encrypted_key.clone());
        Ok(Self { envelope, cipher, iv, transport, encrypted_key })
    }

    /// How the content key is wrapped.
    #[must_use]
    pub fn transport(&self) -> KeyTransport {
        self.transport
    }

    /// The wrapped content key.
    #[must_use]
    pub fn encrypted_key(&self) -> &[u8] {
        &self.encrypted_key
    }

    /// The key to go on with if unwrapping fails or gives another length (RFC 3218 §2.3.2).
    #[must_use]
    pub fn fallback(&self, drawn: &FallbackKey) -> ContentKey {
        drawn.key(self.cipher)
    }

    /// Decrypts the content: the certificates and the CRLs (DER each), in the order of the reply.
    ///
    /// # Errors
    /// [`Error::Undecipherable`], whatever went wrong; [`Error::Crypto`] if the provider does not have the cipher.
    pub fn open_with(
        self,
        key: &ContentKey,
        provider: &CryptoProvider,
    ) -> Result<(Vec<Certificate>, Vec<Bytes>), Error> {
        let plaintext = provider
            .envelope
            .decrypt(self.cipher, key, &self.iv, self.envelope.ciphertext())
            .map(Zeroizing::new)
            .map_err(|error| match error {
                CryptoError::Unsupported => error.into(),
                _ => Error::Undecipherable(None),
            })?;
        let inner = SignedData::parse(&Bytes::from_owner(plaintext))
            .map_err(|_| Error::Undecipherable(None))?;
        Ok((inner.certificates, inner.crls))
    }
}
