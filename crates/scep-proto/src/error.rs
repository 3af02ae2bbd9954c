use scep_types::asn1::Asn1Error;
use scep_types::oid::Oid;
use scep_types::{ContentCipher, CryptoError, DigestAlgorithm};

use crate::attributes::{FailInfo, MessageType, PkiStatus, TransactionId};

/// Why a message is not accepted, grouped by who is to blame. It is for the log; the peer sees a [`FailInfo`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not the structure they should be.
    #[error("malformed: {0}")]
    Malformed(#[from] Asn1Error),
    /// A certificate, CSR or algorithm inside the message is refused.
    #[error(transparent)]
    Types(scep_types::Error),
    /// It decodes, but a peer must not send it.
    #[error(transparent)]
    Misbehaved(#[from] Misbehaviour),
    /// It is legal, but not offered here.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Something between key unwrap and the CSR's signature is wrong. One answer for all of it, on purpose (RFC 3218);
    /// the log may know what a CSR that did decrypt suffers from.
    #[error("the envelope does not hold what the message type promises")]
    Undecipherable(#[source] Option<scep_types::Error>),
    /// The crypto provider or a key failed; not the peer's fault.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The server refuses what a client asked for.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A client's exchange with the server came to no result.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// The caller's argument does not fit.
    #[error(transparent)]
    ApiMisuse(#[from] ApiMisuse),
}

/// A FAILURE that verified (RFC 8894 §3.2.1.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// Why; `None` if the server does not say.
    pub fail_info: Option<FailInfo>,
    /// What a person should read; programs make nothing of it.
    pub text: Option<String>,
}

/// The server's text is escaped, so it is safe in logs.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fail_info {
            Some(fail_info) => write!(f, "refused: {fail_info}")?,
            None => f.write_str("refused without a failInfo")?,
        }
        match &self.text {
            Some(text) => write!(f, ", \"{}\"", text.escape_debug()),
            None => Ok(()),
        }
    }
}

/// Why an enrolment has neither a certificate nor a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfinished {
    /// Nothing came back, however often the request was sent.
    #[error("no answer after {attempts} attempts")]
    NoAnswer {
        /// How often it was sent.
        attempts: u32,
    },
    /// An HTTP status without a pkiMessage.
    #[error("HTTP status {0} without an answer")]
    HttpStatus(u16),
    /// HTTP success without a body: NDES 2012 does so to a POST.
    #[error("empty answer")]
    EmptyAnswer,
    /// Still pending after as many polls as are allowed.
    #[error("still pending after {polls} polls")]
    PollLimit {
        /// How often it was asked for.
        polls: u32,
    },
    /// Still pending, and the next poll would be too late.
    #[error("still pending when time was up, after {polls} polls")]
    TimeLimit {
        /// How often it was asked for.
        polls: u32,
    },
}

/// What a peer must not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// A signed attribute that must be there is not.
    #[error("signed attribute {0} is missing")]
    MissingAttribute(Oid),
    /// A signed attribute stands twice.
    #[error("signed attribute {0} stands twice")]
    RepeatedAttribute(Oid),
    /// A signed attribute has no value, several, or one outside its range.
    #[error("signed attribute {0} has an invalid value")]
    InvalidAttribute(Oid),
    /// A pkiMessage has exactly one SignerInfo.
    #[error("{0} SignerInfos instead of one")]
    SignerCount(usize),
    /// More certificates than a message may carry.
    #[error("{found} certificates exceed the limit of {limit}")]
    TooManyCertificates {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// No certificate fits the SignerInfo.
    #[error("no certificate for the signer")]
    SignerNotFound,
    /// contentType is not the type of the content.
    #[error("contentType does not match the content")]
    ContentTypeMismatch,
    /// messageDigest is not the digest of the content.
    #[error("messageDigest does not match the content")]
    DigestMismatch,
    /// The signature does not verify.
    #[error("signature does not verify")]
    SignatureInvalid,
    /// The content is not of the type it must be.
    #[error("content of type {0}")]
    ContentType(Oid),
    /// A request without the envelope its message type needs.
    #[error("no envelope")]
    EnvelopeMissing,
    /// The envelope is for other recipients.
    #[error("none of {recipients} recipients is ours")]
    NotRecipient {
        /// How many recipients it has.
        recipients: usize,
    },
    /// A message of this type does not belong here.
    #[error("{0} is not expected here")]
    UnexpectedMessageType(MessageType),
    /// A self-signed signer whose key is not the CSR's: someone may have wrapped another's envelope.
    #[error("the signer's key is not the CSR's")]
    SignerBinding,
    /// The reply is for another transaction.
    #[error("reply for transaction {0}, which is not ours")]
    TransactionMismatch(Box<TransactionId>),
    /// The reply does not answer this request.
    #[error("recipientNonce is not the nonce we sent")]
    NonceMismatch,
    /// A pkiStatus outside RFC 8894.
    #[error("unexpected {0}")]
    UnexpectedStatus(PkiStatus),
    /// The signer of the reply is no authenticated CA or RA.
    #[error("the reply is signed by a certificate that is neither the CA's nor an RA's")]
    UntrustedSigner,
    /// SUCCESS without a certificate for our key.
    #[error("no certificate for the requested key in the reply")]
    NoCertificateForKey,
    /// A certificate in the reply was not issued by the authenticated CA.
    #[error("the issued certificate was not signed by the CA")]
    UntrustedCertificate,
    /// A FAILURE or PENDING with content, where that is not taken.
    #[error("content in a reply that is no SUCCESS")]
    StrayContent,
    /// Nothing in GetCACaps, where that is not taken.
    #[error("the server does not say what it can")]
    NoCapabilities,
    /// A SUCCESS without the certificate or CRL that a query asked for, or with more than one CRL.
    #[error("the reply does not hold what was asked for")]
    NotWhatWasAsked,
    /// A CRL in the reply was not signed by the authenticated CA.
    #[error("the CRL was not signed by the CA")]
    UntrustedCrl,
    /// The HTTP query is none.
    #[error("invalid query")]
    InvalidQuery,
    /// The base64 text is none.
    #[error("invalid base64")]
    InvalidBase64,
    /// The CA's certificate does not have the pinned fingerprint.
    #[error("no CA certificate with the pinned fingerprint; found {found}")]
    FingerprintMismatch {
        /// Fingerprints of what was sent, hexadecimal, separated by commas.
        found: FingerprintList,
    },
    /// GetCACert returned no certificate that can be used.
    #[error("no usable CA certificate")]
    NoCaCertificate,
}

/// Fingerprints in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FingerprintList(pub Vec<String>);

impl std::fmt::Display for FingerprintList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// What is legal but not offered, or not admitted by the algorithm policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// An algorithm we do not know.
    #[error("algorithm {0}")]
    Algorithm(Oid),
    /// A digest that the algorithm policy does not admit.
    #[error("{0:?} is not allowed by the algorithm policy")]
    Digest(DigestAlgorithm),
    /// A content cipher that the algorithm policy does not admit.
    #[error("{0:?} is not allowed by the algorithm policy")]
    Cipher(ContentCipher),
    /// A reply in a content cipher that the algorithm policy does not admit.
    ///
    /// step-ca and micromdm's server answer with single DES unless they are told otherwise.
    #[error(
        "the reply is encrypted with {0:?}, which the algorithm policy does not allow; have the server use AES \
         (step-ca: encryptionAlgorithmIdentifier 1 or 2)"
    )]
    ReplyCipher(ContentCipher),
    /// An initialisation vector that is not one block.
    #[error("initialisation vector of {0} octets")]
    InitialisationVector(usize),
    /// Neither KeyTransRecipientInfo nor, where a password may be asked for, PasswordRecipientInfo.
    #[error("recipients of no supported kind")]
    RecipientKind,
    /// A PasswordRecipientInfo whose password would be the key itself.
    #[error("no keyDerivationAlgorithm for the password")]
    MissingKeyDerivation,
    /// More PBKDF2 iterations than an unauthenticated peer may ask for, or none.
    #[error("number of PBKDF2 iterations is not from 1 to {limit}")]
    Iterations {
        /// How many there may be.
        limit: u32,
    },
    /// More octets of PBKDF2 salt than anybody needs.
    #[error("PBKDF2 salt of {0} octets")]
    Salt(usize),
    /// The signer's key cannot receive an encrypted reply, and there is no challengePassword to encrypt with instead.
    #[error("a reply cannot be encrypted to a {0} without a challengePassword")]
    ReplyKey(scep_types::KeyKind),
    /// The CA's key cannot receive an encrypted request, and the server does not say SCEPStandard, or there is no
    /// challengePassword to encrypt with instead.
    #[error("a request cannot be encrypted to a {0}")]
    CaKey(scep_types::KeyKind),
    /// An operation we do not know.
    #[error("unknown operation")]
    Operation,
    /// A method other than GET and POST.
    #[error("method not allowed")]
    Method,
}

/// What a caller of this crate must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// The signing key cannot sign here.
    #[error("the signing key has no signature scheme")]
    SigningKey,
    /// The encryption certificate has no RSA key, and there is no password.
    #[error("the recipient's key cannot encrypt, and there is no password")]
    RecipientKey,
    /// A SUCCESS needs at least one certificate.
    #[error("no certificate to send")]
    NoCertificate,
    /// GetCert and GetCRL are granted or refused at once.
    #[error("a query cannot be pending")]
    PendingQuery,
    /// Octets that are no persisted enrolment, or one of another version.
    #[error("not the state of an enrolment that this version understands")]
    PersistedState,
}

impl From<scep_types::Error> for Error {
    fn from(error: scep_types::Error) -> Self {
        match error {
            scep_types::Error::Malformed(error) => Self::Malformed(error),
            scep_types::Error::UnsupportedAlgorithm { oid } => Unsupported::Algorithm(oid).into(),
            scep_types::Error::DigestNotAllowed { digest } => Unsupported::Digest(digest).into(),
            scep_types::Error::Crypto(error) => Self::Crypto(error),
            other => Self::Types(other),
        }
    }
}

/// The one place where an error becomes what the peer sees (RFC 8894 §3.2.1.4).
impl From<&Error> for FailInfo {
    fn from(error: &Error) -> Self {
        match error {
            Error::Unsupported(Unsupported::Operation | Unsupported::Method) => Self::BAD_REQUEST,
            Error::Unsupported(_) | Error::Crypto(CryptoError::Unsupported) => Self::BAD_ALG,
            Error::Types(scep_types::Error::ContradictingDigest { .. })
            | Error::Undecipherable(_)
            | Error::Misbehaved(
                Misbehaviour::SignerNotFound
                | Misbehaviour::ContentTypeMismatch
                | Misbehaviour::DigestMismatch
                | Misbehaviour::SignatureInvalid,
            ) => Self::BAD_MESSAGE_CHECK,
            _ => Self::BAD_REQUEST,
        }
    }
}
