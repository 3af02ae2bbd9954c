use scep_types::asn1::{DerWriter, Tag};
use scep_types::{
    Certificate, ContentCipher, CryptoProvider, Csr, DigestAlgorithm, Name, Secret, UnixTime,
};
use zeroize::Zeroizing;

use super::quirks::ServerQuirks;
use super::reply::Awaiting;
use crate::attributes::{MessageType, Nonce, TransactionId};
use crate::cms::{EnvelopeFor, write_envelope};
use crate::error::Error;
use crate::message::{Header, ToBeSigned};
use crate::random::MessageRandom;

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// PKCSReq (RFC 8894 §3.3.1).
    Enrol(&'a Csr),
    /// RenewalReq, signed with the certificate to renew (RFC 8894 §3.3.1).
    Renew(&'a Csr),
    /// CertPoll for a pending request (RFC 8894 §3.3.3).
    Poll {
        /// The CA's subject.
        issuer: &'a Name,
        /// The subject of the request that waits.
        subject: &'a Name,
    },
    /// GetCert (RFC 8894 §3.3.4).
    GetCert {
        /// The issuer.
        issuer: &'a Name,
        /// Content octets of the serialNumber INTEGER.
        serial: &'a [u8],
    },
    /// GetCRL (RFC 8894 §3.3.4).
    GetCrl {
        /// The issuer of the certificate whose status is wanted.
        issuer: &'a Name,
        /// Content octets of its serialNumber INTEGER.
        serial: &'a [u8],
    },
}

/// The algorithms of a request; the answer mirrors them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithms {
    /// For the signature.
    pub digest: DigestAlgorithm,
    /// For the content.
    pub cipher: ContentCipher,
}

/// Exactly what RFC 8894 §2.9 makes mandatory.
impl Default for Algorithms {
    fn default() -> Self {
        Self { digest: DigestAlgorithm::Sha256, cipher: ContentCipher::Aes128Cbc }
    }
}

/// What all requests of a transaction share.
#[derive(Debug, Clone, Copy)]
pub struct RequestSettings<'a> {
    /// The same for all messages of a transaction.
    pub transaction_id: &'a TransactionId,
    /// Whose key signs, and receives the answer.
    pub signer: &'a Certificate,
    /// Whose key the content is encrypted to; if that key cannot encrypt, the challengePassword encrypts instead.
    pub recipient: &'a Certificate,
    /// Digest and cipher.
    pub algorithms: Algorithms,
    /// The signingTime; `None` for a device without a clock.
    pub signing_time: Option<UnixTime>,
    /// Digests and encryption.
    pub provider: &'a CryptoProvider,
}

/// Builds a request up to its signature, and what is needed to check the answer.
///
/// Where the CA's key or the signer's cannot encrypt, the challengePassword of the CSR takes its place (RFC 8894 §3.1).
///
/// # Errors
/// [`ApiMisuse::RecipientKey`](crate::ApiMisuse::RecipientKey) without either, or what the provider says.
pub fn build(
    payload: Payload<'_>,
    settings: RequestSettings<'_>,
    random: &MessageRandom,
) -> Result<(ToBeSigned, Awaiting), Error> {
    build_for(payload, settings, payload.challenge(), random)
}

/// As [`build`], for messages without a CSR: `password` is the challengePassword of the transaction's request.
///
/// # Errors
/// As [`build`].
pub fn build_with_password(
    payload: Payload<'_>,
    settings: RequestSettings<'_>,
    password: &Secret,
    random: &MessageRandom,
) -> Result<(ToBeSigned, Awaiting), Error> {
    build_for(payload, settings, Some(password), random)
}

fn build_for(
    payload: Payload<'_>,
    settings: RequestSettings<'_>,
    password: Option<&Secret>,
    random: &MessageRandom,
) -> Result<(ToBeSigned, Awaiting), Error> {
    let Algorithms { digest, cipher } = settings.algorithms;
    let recipient = EnvelopeFor::choose(settings.recipient, password)?;
    let envelopes = settings.provider.envelope;
    let envelope = write_envelope(&payload.to_der(), recipient, cipher, random, envelopes)?;
    let header = Header {
        message_type: payload.message_type(),
        transaction_id: settings.transaction_id,
        sender_nonce: random.nonce(),
        signing_time: settings.signing_time,
        reply: None,
    };
    let message = header.prepare(envelope, settings.signer, digest, settings.provider.digest)?;
    let awaiting = Awaiting {
        transaction_id: settings.transaction_id.clone(),
        sender_nonce: Nonce::new(random.nonce()),
        signer: settings.signer.clone(),
        password: password.cloned(),
        quirks: ServerQuirks::default(),
    };
    Ok((message, awaiting))
}

impl Payload<'_> {
    fn message_type(&self) -> MessageType {
        match self {
            Self::Enrol(_) => MessageType::PKCS_REQ,
            Self::Renew(_) => MessageType::RENEWAL_REQ,
            Self::Poll { .. } => MessageType::CERT_POLL,
            Self::GetCert { .. } => MessageType::GET_CERT,
            Self::GetCrl { .. } => MessageType::GET_CRL,
        }
    }

    fn challenge(&self) -> Option<&Secret> {
        match self {
            Self::Enrol(csr) | Self::Renew(csr) => csr.challenge_password(),
            Self::Poll { .. } | Self::GetCert { .. } | Self::GetCrl { .. } => None,
        }
    }

    /// Zeroized: a CSR holds the challenge.
    fn to_der(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Enrol(csr) | Self::Renew(csr) => csr.der().to_vec(),
            Self::Poll { issuer, subject } => DerWriter::encode(|der| {
                der.sequence(|der| {
                    der.raw(issuer.der());
                    der.raw(subject.der());
                });
            }),
            Self::GetCert { issuer, serial } | Self::GetCrl { issuer, serial } => {
                DerWriter::encode(|der| {
                    der.sequence(|der| {
                        der.raw(issuer.der());
                        der.primitive(Tag::INTEGER, serial);
                    });
                })
            }
        })
    }
}
