use std::time::Duration;

use scep_types::oid::Oid;
use scep_types::{CryptoError, GeneralName, KeyKind, KeyUsage, SignatureScheme, UnixTime};

use crate::SanType;

/// Why a certificate or CRL is not made, grouped by who is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The requester's CSR has a part that the profile must read and that is malformed.
    #[error(transparent)]
    Malformed(#[from] scep_types::Error),
    /// The requester's key is not one the profile takes.
    #[error("key not allowed: {0}")]
    KeyNotAllowed(KeyRefusal),
    /// The requester asks for what the profile does not grant.
    #[error("not granted by the profile: {0}")]
    Refused(Refusal),
    /// The operator's configuration makes no profile.
    #[error("invalid profile: {0}")]
    InvalidProfile(ProfileDefect),
    /// The operator's CA certificate cannot issue what is asked of it.
    #[error("issuer cannot be used: {0}")]
    UnusableIssuer(IssuerDefect),
    /// The host called with arguments that do not belong together.
    #[error("misuse: {0}")]
    ApiMisuse(Misuse),
    /// Our own bytes failed the last look before signing; nothing was signed.
    #[error("lint before signing: {0}")]
    Lint(LintFinding),
    /// The digest provider or the key refused.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What is wrong with the key in a CSR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// The profile does not take this kind of key.
    #[error("{0}")]
    Kind(KeyKind),
    /// An RSA modulus out of bounds.
    #[error("RSA modulus of {bits} bits, {min} to {max} are allowed")]
    RsaBits {
        /// Bits it has.
        bits: usize,
        /// Fewest bits allowed.
        min: usize,
        /// Most bits allowed.
        max: usize,
    },
    /// An RSA modulus that is even or not positive.
    #[error("RSA modulus is even or not positive")]
    RsaModulus,
    /// An RSA public exponent that is even, not positive, or one.
    #[error("RSA public exponent is even, not positive, or one")]
    RsaExponent,
    /// The key is the issuer's own.
    #[error("key of the issuer")]
    OfIssuer,
}

/// What a CSR asks for and does not get.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An empty subject where the profile demands one, or without a subjectAltName.
    #[error("empty subject")]
    EmptySubject,
    /// The subject is the issuer's own.
    #[error("subject of the issuer")]
    SubjectOfIssuer,
    /// A subjectAltName of a type that the profile does not keep.
    #[error("subjectAltName {0}")]
    Name(GeneralName),
    /// A strong mapping URI that nobody vouches for.
    #[error("subjectAltName {0} is not vouched for")]
    UnvouchedSidUri(GeneralName),
    /// More than one strong mapping URI, so the SID is not known.
    #[error("{0} strong mapping URIs")]
    SeveralSids(usize),
    /// A strong mapping URI whose SID is none.
    #[error("malformed SID in {0}")]
    MalformedSid(GeneralName),
    /// Key usages beyond the allow-list.
    #[error("keyUsage {requested}, of which {allowed} are allowed")]
    KeyUsage {
        /// What is asked for.
        requested: KeyUsage,
        /// What the profile allows.
        allowed: KeyUsage,
    },
    /// No key usage is left for this kind of key.
    #[error("no keyUsage is left for {0}")]
    NoKeyUsage(KeyKind),
    /// An extended key usage beyond the allow-list.
    #[error("extended key usage {0}")]
    ExtendedKeyUsage(Oid),
    /// No extended key usage is left.
    #[error("no extended key usage is left")]
    NoExtendedKeyUsage,
    /// A requested extension that would be copied, but whose value is not one DER element.
    #[error("malformed extension {0}")]
    MalformedExtension(Oid),
}

/// Why a [`ProfileConfig`](crate::ProfileConfig) makes no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileDefect {
    /// RSA bounds that are empty or outside of 1024 to 8192 bits.
    #[error("RSA bounds {min} to {max}")]
    RsaBits {
        /// Fewest bits.
        min: usize,
        /// Most bits.
        max: usize,
    },
    /// No kind of key is allowed.
    #[error("no key allowed")]
    NoKey,
    /// A text that names no subjectAltName type.
    #[error("subjectAltName type {0:?} is unknown")]
    UnknownName(String),
    /// A subjectAltName type that is never kept.
    #[error("subjectAltName type {0} is never kept")]
    ForbiddenName(SanType),
    /// No key usage, keyCertSign or cRLSign, or a default beyond the allow-list.
    #[error("keyUsage [{0}]")]
    KeyUsage(KeyUsage),
    /// No extended key usage where one is needed.
    #[error("no extended key usage")]
    NoExtendedKeyUsage,
    /// A default extended key usage beyond the allow-list.
    #[error("extended key usage {0} is not in the allow-list")]
    ExtendedKeyUsage(Oid),
    /// A validity that is zero or longer than a century.
    #[error("validity of {0:?}")]
    Validity(Duration),
    /// Bounds of the requested validity that are empty or out of range.
    #[error("requested validity from {min:?} to {max:?}")]
    RequestedValidity {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// notBefore back-dated by more than a week.
    #[error("back-dated by {0:?}")]
    Backdate(Duration),
    /// A URL that is not an absolute `http`, `https` or `ldap` URI in visible ASCII.
    #[error("URL {0:?}")]
    Url(String),
    /// An extension that is never copied from a CSR.
    #[error("extension {0} is never copied")]
    ForbiddenExtension(Oid),
    /// A SID extension from URIs that the profile does not keep.
    #[error("SID extension without URI subjectAltNames")]
    SidWithoutUri,
}

/// Why a certificate cannot be the issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerDefect {
    /// basicConstraints does not say cA TRUE.
    #[error("not a CA certificate")]
    NotCa,
    /// keyUsage is present and lacks what is needed.
    #[error("keyUsage lacks {0}")]
    KeyUsage(KeyUsage),
    /// The keyUsage extension is malformed.
    #[error("malformed keyUsage")]
    MalformedKeyUsage,
    /// The subjectKeyIdentifier extension is malformed or empty.
    #[error("malformed subjectKeyIdentifier")]
    MalformedKeyIdentifier,
    /// The subject is empty (RFC 5280 §4.1.2.6).
    #[error("empty subject")]
    EmptySubject,
    /// Another reader sees another subject or key.
    #[error("two readers disagree about the certificate")]
    ReadersDisagree,
    /// It is not valid at that time.
    #[error("not valid at {0}")]
    NotValid(UnixTime),
    /// No signature can be made with this kind of key.
    #[error("cannot sign with {0}")]
    Key(KeyKind),
    /// The signature scheme does not fit the key or uses a weak digest.
    #[error("cannot sign by {0:?}")]
    Scheme(SignatureScheme),
}

/// Arguments that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The authorisation is for another CSR.
    #[error("authorisation for another CSR")]
    AuthorizationForAnotherCsr,
    /// The key is not the issuer's.
    #[error("signing key is not the issuer's")]
    KeyOfAnotherIssuer,
    /// The signature is none of the issuer's scheme.
    #[error("{octets} octets are no signature by {scheme:?}")]
    Signature {
        /// The scheme to sign by.
        scheme: SignatureScheme,
        /// Octets of the signature.
        octets: usize,
    },
    /// Octets that are no positive serial number of at most 20 octets.
    #[error("not a serial number")]
    Serial,
    /// A certificate is revoked twice in one CRL.
    #[error("certificate {0} revoked twice")]
    RevokedTwice(crate::Serial),
    /// nextUpdate is not after thisUpdate.
    #[error("nextUpdate {next_update} is not after thisUpdate {this_update}")]
    Updates {
        /// When the CRL is made.
        this_update: UnixTime,
        /// When the next one comes.
        next_update: UnixTime,
    },
}

/// What the independent reader found wrong with bytes about to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LintFinding {
    /// The bytes do not parse, or something follows them.
    #[error("not readable")]
    Unreadable,
    /// The version is not the one that extensions need.
    #[error("version")]
    Version,
    /// The serial number is another one, not positive, or too long.
    #[error("serial number")]
    Serial,
    /// The signature algorithm is another one.
    #[error("signature algorithm")]
    SignatureAlgorithm,
    /// The issuer is not the CA's subject, octet by octet.
    #[error("issuer")]
    Issuer,
    /// The validity is not the one decided, or outlives the issuer.
    #[error("validity")]
    Validity,
    /// The subject is not the CSR's, octet by octet.
    #[error("subject")]
    Subject,
    /// The key is not the CSR's, octet by octet.
    #[error("subjectPublicKeyInfo")]
    PublicKey,
    /// An issuerUniqueID or subjectUniqueID.
    #[error("unique identifier")]
    UniqueId,
    /// The extension stands twice.
    #[error("extension {0} more than once")]
    RepeatedExtension(Oid),
    /// The extension has no reason to be there.
    #[error("unexpected extension {0}")]
    UnexpectedExtension(Oid),
    /// The extension is missing.
    #[error("missing extension {0}")]
    MissingExtension(Oid),
    /// The extension does not say what was decided, or not as critical as it must.
    #[error("wrong extension {0}")]
    WrongExtension(Oid),
    /// The list of revoked certificates is another one.
    #[error("revoked certificates")]
    Revoked,
}
