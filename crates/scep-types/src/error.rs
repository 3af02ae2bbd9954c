use crate::asn1::Asn1Error;
use crate::oid::Oid;
use crate::{CryptoError, DigestAlgorithm};

/// Why a certificate, a CSR or a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not the structure they should be.
    #[error("malformed: {0}")]
    Malformed(#[from] Asn1Error),
    /// A structure that decodes but that two readers could read in two ways.
    #[error("ambiguous CSR: {0}")]
    Ambiguous(AmbiguousCsr),
    /// More of something than the limit.
    #[error("{found} {structure} exceed the limit of {limit}")]
    TooMany {
        /// Of what.
        structure: Structure,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An algorithm we do not know.
    #[error("unsupported algorithm {oid}")]
    UnsupportedAlgorithm {
        /// Its OID.
        oid: Oid,
    },
    /// A digest that the [`AlgorithmPolicy`](crate::AlgorithmPolicy) does not admit.
    #[error("{digest:?} is not allowed by the algorithm policy")]
    DigestNotAllowed {
        /// The digest.
        digest: DigestAlgorithm,
    },
    /// A SignerInfo names two digests.
    #[error("signature says {found:?}, the digest algorithm beside it {digest:?}")]
    ContradictingDigest {
        /// The digestAlgorithm.
        digest: DigestAlgorithm,
        /// The digest of the signatureAlgorithm.
        found: DigestAlgorithm,
    },
    /// The provider refused.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Structure {
    /// Octets of a CSR or certificate.
    Octets,
    /// Attributes of a CSR.
    Attributes,
    /// Requested or present extensions.
    Extensions,
    /// Names in a subjectAltName.
    GeneralNames,
    /// Attributes of a distinguished name.
    NameAttributes,
    /// Octets of a challengePassword.
    ChallengeOctets,
}

impl std::fmt::Display for Structure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Octets => "octets",
            Self::Attributes => "CSR attributes",
            Self::Extensions => "extensions",
            Self::GeneralNames => "subjectAltNames",
            Self::NameAttributes => "name attributes",
            Self::ChallengeOctets => "octets of challengePassword",
        })
    }
}

/// What makes a CSR ambiguous; each of these has split a check from an issuance somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmbiguousCsr {
    /// The attribute stands twice, or extensions are requested by two attributes.
    #[error("attribute {0} more than once")]
    RepeatedAttribute(Oid),
    /// The attribute must have exactly one value.
    #[error("attribute {attribute} with {values} values instead of one")]
    AttributeValues {
        /// The attribute.
        attribute: Oid,
        /// How many values it has.
        values: usize,
    },
    /// The extension is requested twice.
    #[error("extension {0} more than once")]
    RepeatedExtension(Oid),
    /// A relative distinguished name without attributes, at which other readers stop.
    #[error("empty relative distinguished name")]
    EmptyRdn,
    /// A second, independent reader sees another subject, key or list of requested extensions.
    #[error("two readers disagree")]
    ReadersDisagree,
}
