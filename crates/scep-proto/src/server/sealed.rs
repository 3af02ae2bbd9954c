use std::sync::Arc;

use bytes::Bytes;
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, CryptoProvider, DecryptionKey, DigestAlgorithm,
    SignatureScheme, UnixTime, VerifyingKey,
};

use super::opened::Opened;
use super::reply::{Pending, Reply};
use crate::attributes::{MessageType, TransactionId};
use crate::cms::SignedData;
use crate::error::{Error, Misbehaviour};
use crate::random::FallbackKey;

/// A request whose transactionID can be read and about which nothing is known yet.
#[derive(Debug, Clone)]
#[must_use]
pub struct Unverified {
    signed: SignedData,
    transaction_id: TransactionId,
}

/// A request that is refused, and what is needed to say so.
#[derive(Debug, Clone)]
#[must_use]
pub struct Rejected {
    /// Why, for the log; its [`FailInfo`](crate::FailInfo) is what the peer sees.
    pub error: Error,
    /// The way to answer.
    pub reply: Reply,
}

/// A request whose signature verified: the signer vouches for the attributes, not for who it is.
#[derive(Debug, Clone)]
#[must_use]
pub enum Verified {
    /// A poll: answered from the transaction, its envelope is not needed (RFC 8894 §3.3.3).
    Poll(Poll),
    /// A request with an envelope to open.
    Sealed(Sealed),
}

/// A CertPoll.
#[derive(Debug, Clone)]
#[must_use]
pub struct Poll {
    /// Who signed.
    pub signer: Certificate,
    /// The way to answer.
    pub reply: Reply,
}

/// A request with an envelope that is still closed.
#[derive(Debug, Clone)]
#[must_use]
pub struct Sealed {
    kind: SealedKind,
    signer: Certificate,
    scheme: SignatureScheme,
    signer_key: Arc<dyn VerifyingKey>,
    signing_time: Option<UnixTime>,
    envelope: Bytes,
    reply: Reply,
}

/// What an envelope must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealedKind {
    /// PKCSReq: a CSR.
    Enrol,
    /// RenewalReq: a CSR, authorised by the signer's certificate.
    Renew,
    /// GetCert: issuer and serial number.
    GetCert,
    /// GetCRL: issuer and serial number.
    GetCrl,
}

/// One of our encryption certificates and its key.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    /// The certificate that GetCACert hands out.
    pub certificate: &'a Certificate,
    /// Its private key.
    pub key: &'a dyn DecryptionKey,
}

impl std::fmt::Debug for Recipient<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { certificate, key: _ } = self;
        f.debug_struct("Recipient").field("certificate", certificate).finish_non_exhaustive()
    }
}

/// What the signature vouches for.
struct Vouched {
    /// `None` for a poll.
    kind: Option<SealedKind>,
    signer: Certificate,
    scheme: SignatureScheme,
    signer_key: Arc<dyn VerifyingKey>,
    signing_time: Option<UnixTime>,
}

impl Unverified {
    /// Reads a pkiMessage, BER or DER.
    ///
    /// # Errors
    /// Whatever is wrong here cannot be answered by a CertRep, for want of a transactionID: the HTTP answer is 400 (R-4.3-09).
    pub fn parse(message: impl Into<Bytes>) -> Result<Self, Error> {
        let signed = SignedData::parse(&message.into())?;
        let transaction_id = signed.signer()?.attributes.transaction_id()?;
        Ok(Self { signed, transaction_id })
    }

    /// The transactionID, which nobody vouches for yet.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// Verifies algorithms, contentType, messageDigest and signature, then the SCEP attributes (RFC 8894 §3.2).
    ///
    /// # Errors
    /// [`Rejected`], to be answered by a FAILURE.
    pub fn verify(
        self,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<Verified, Box<Rejected>> {
        let mut reply = Reply {
            transaction_id: self.transaction_id.clone(),
            sender_nonce: None,
            digest: DigestAlgorithm::Sha256,
            cipher: ContentCipher::Aes128Cbc,
            recipient: None,
            password: None,
            pending: Pending::Possible,
        };
        match self.verified(provider, policy, &mut reply) {
            Ok(Vouched { kind, signer, scheme, signer_key, signing_time }) => {
                reply.recipient = Some(signer.clone());
                Ok(match kind {
                    None => Verified::Poll(Poll { signer, reply }),
                    Some(kind) => {
                        let envelope = self.signed.content;
                        Verified::Sealed(Sealed {
                            kind,
                            signer,
                            scheme,
                            signer_key,
                            signing_time,
                            envelope,
                            reply,
                        })
                    }
                })
            }
            Err(error) => Err(Box::new(Rejected { error, reply })),
        }
    }

    /// The checks in the order of the answers they give: badAlg, badMessageCheck, badRequest.
    fn verified(
        &self,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
        reply: &mut Reply,
    ) -> Result<Vouched, Error> {
        let info = self.signed.signer()?;
        // Unverified still, but echoing it tells the peer nothing it did not say.
        reply.sender_nonce = info.attributes.sender_nonce()?;
        let scheme = info.scheme(policy)?;
        reply.digest = info.digest()?;
        let signer = info.find(&self.signed.certificates).ok_or(Misbehaviour::SignerNotFound)?;
        let signer_key =
            info.verify(self.signed.content_type, &self.signed.content, signer, scheme, provider)?;
        let kind = match info.attributes.message_type()? {
            MessageType::PKCS_REQ => Some(SealedKind::Enrol),
            MessageType::RENEWAL_REQ => Some(SealedKind::Renew),
            MessageType::CERT_POLL => None,
            MessageType::GET_CERT => Some(SealedKind::GetCert),
            MessageType::GET_CRL => Some(SealedKind::GetCrl),
            other => return Err(Misbehaviour::UnexpectedMessageType(other).into()),
        };
        let signing_time = info.attributes.signing_time()?;
        Ok(Vouched {
            kind,
            signer: signer.clone(),
            scheme,
            signer_key: signer_key.into(),
            signing_time,
        })
    }
}

impl Sealed {
    /// What the envelope must hold.
    #[must_use]
    pub fn kind(&self) -> SealedKind {
        self.kind
    }

    /// Who signed. The certificate is not trusted by being there.
    #[must_use]
    pub fn signer(&self) -> &Certificate {
        &self.signer
    }

    /// How it was signed.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The signingTime, if the peer has a clock and says so.
    #[must_use]
    pub fn signing_time(&self) -> Option<UnixTime> {
        self.signing_time
    }

    /// The transactionID.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.reply.transaction_id
    }

    /// Gives up opening it.
    pub fn into_reply(self) -> Reply {
        self.reply
    }

    /// Opens the envelope with whichever of our keys it is for. One whose key a password wraps is refused:
    /// [`Sealed::lock`] is for hosts that know passwords.
    ///
    /// # Errors
    /// [`Rejected`], to be answered by a FAILURE; everything from key unwrap to CSR signature is one
    /// [`Error::Undecipherable`].
    pub fn open(
        self,
        recipients: &[Recipient<'_>],
        fallback: &FallbackKey,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<Opened, Box<Rejected>> {
        let ours: Vec<_> = recipients.iter().map(|recipient| recipient.certificate).collect();
        let wrapped = self.wrapped_key(&ours, policy)?;
        let fallback = wrapped.fallback(fallback);
        let Some(recipient) = recipients.get(wrapped.recipient()) else {
            let none_ours = Misbehaviour::NotRecipient { recipients: recipients.len() };
            return Err(wrapped.reject(none_ours.into()));
        };
        match recipient.key.unwrap_key(wrapped.transport(), wrapped.encrypted_key(), &fallback) {
            Ok(key) => wrapped.open_with(&key, provider, policy),
            Err(error) => Err(wrapped.reject(error.into())),
        }
    }

    pub(super) fn envelope(&self) -> &Bytes {
        &self.envelope
    }

    /// From now on the answer has the request's cipher.
    pub(super) fn answer_with(&mut self, cipher: ContentCipher) {
        self.reply.cipher = cipher;
    }

    /// The signer's key, which signs the CSR as well as a rule.
    pub(super) fn signer_key(&self) -> &dyn VerifyingKey {
        &*self.signer_key
    }

    pub(super) fn rejected(self, error: Error) -> Box<Rejected> {
        Box::new(Rejected { error, reply: self.reply })
    }

    pub(super) fn into_parts(self) -> (SealedKind, Certificate, Reply) {
        (self.kind, self.signer, self.reply)
    }
}
