use std::fmt;

use scep_types::{DigestAlgorithm, KeyKind, SignatureScheme};

/// A JWS signature algorithm (RFC 7518 §3.1). MACs and `none` do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PSS with SHA-256 and a salt of 32 octets.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

/// Bits an RSA key must have (RFC 7518 §3.3).
const MIN_RSA_BITS: usize = 2048;

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Rs384, Self::Ps256, Self::Es256, Self::Es384];

    /// The value of `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }

    /// The algorithm with this `alg`, compared exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// How its signatures are made.
    #[must_use]
    pub const fn scheme(self) -> SignatureScheme {
        match self {
            Self::Rs256 => SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256),
            Self::Rs384 => SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha384),
            Self::Ps256 => SignatureScheme::RsaPss(DigestAlgorithm::Sha256),
            Self::Es256 => SignatureScheme::Ecdsa(DigestAlgorithm::Sha256),
            Self::Es384 => SignatureScheme::Ecdsa(DigestAlgorithm::Sha384),
        }
    }

    /// Whether the key is of the algorithm's type and size: RSA of at least 2048 bits, or exactly its curve.
    #[must_use]
    pub const fn fits(self, key: KeyKind) -> bool {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Ps256 => {
                matches!(key, KeyKind::Rsa { bits } if bits >= MIN_RSA_BITS)
            }
            Self::Es256 => matches!(key, KeyKind::P256),
            Self::Es384 => matches!(key, KeyKind::P384),
        }
    }

    /// Octets of r and of s in an ECDSA signature (RFC 7518 §3.4), `None` for RSA.
    pub(super) const fn coordinate_len(self) -> Option<usize> {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Ps256 => None,
            Self::Es256 => Some(32),
            Self::Es384 => Some(48),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
