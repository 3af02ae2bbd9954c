use std::time::Duration;

use scep_types::{CryptoError, KeyKind};

use crate::signed::Algorithm;

/// Why a verifier or an issuer cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misconfigured {
    /// There is no trust anchor.
    #[error("no trust anchor")]
    NoAnchor,
    /// A PEM block does not decode.
    #[error("PEM block {block} does not decode")]
    Pem {
        /// Its number, from 1.
        block: usize,
    },
    /// A PEM block that holds neither a certificate nor a public key.
    #[error("PEM block {label:?} is neither CERTIFICATE nor PUBLIC KEY")]
    PemLabel {
        /// What it says it is.
        label: String,
    },
    /// A private key among the trust anchors, where it has no business.
    #[error("private key in a bundle of trust anchors")]
    PrivateKey,
    /// A certificate or a public key does not decode.
    #[error("certificate or public key: {0}")]
    Key(scep_types::Error),
    /// No allowed algorithm fits the key: RSA below 2048 bits, or a curve that was not opted in.
    #[error("no allowed algorithm fits a trust anchor with {key}")]
    AnchorKey {
        /// The key.
        key: KeyKind,
    },
    /// The provider does not take the key, or has no SHA-256.
    #[error("crypto provider: {0}")]
    Provider(CryptoError),
    /// The audience is the empty text.
    #[error("empty audience")]
    EmptyAudience,
    /// The tolerance is not below the lifetime cap.
    #[error("tolerance of {}s is not below the lifetime cap of {}s", tolerance.as_secs(), cap.as_secs())]
    Tolerance {
        /// The tolerance between clocks.
        tolerance: Duration,
        /// The lifetime cap.
        cap: Duration,
    },
    /// The issuer's key does not fit its algorithm.
    #[error("{key} does not fit {algorithm}")]
    IssuerKey {
        /// The key.
        key: KeyKind,
        /// The algorithm.
        algorithm: Algorithm,
    },
}
