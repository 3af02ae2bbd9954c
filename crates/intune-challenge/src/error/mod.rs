mod invalid_input;
mod malformed;
mod misconfigured;
mod mismatch;
mod reason;

use std::time::Duration;

use scep_types::{CryptoError, UnixTime};

use crate::signed::Algorithm;

pub use invalid_input::{Field, InvalidInput};
pub use malformed::{Malformed, Part};
pub use misconfigured::Misconfigured;
pub use mismatch::Mismatch;
pub use reason::{PeerFailure, Reason};

/// Why a challenge is refused, why a verifier or issuer cannot be built, or why a request to the Intune service cannot.
///
/// The values are for the log. What the peer may learn is [`Error::failure`], and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The challenge does not decode, or lacks what every challenge must say.
    #[error("malformed challenge: {0}")]
    Malformed(#[from] Malformed),
    /// The CSR does not decode.
    #[error("CSR: {0}")]
    Csr(#[from] scep_types::Error),

    /// The header names no `alg` (RFC 7515 §4.1.1).
    #[error("the header names no algorithm")]
    MissingAlgorithm,
    /// The `alg` is one we never take, or one this verifier was not told to take.
    #[error("algorithm {algorithm:?} is not allowed")]
    AlgorithmNotAllowed {
        /// The `alg` of the header.
        algorithm: String,
    },
    /// No trust anchor fits the header, or those that do are not valid now.
    #[error("no usable trust anchor for {algorithm}; {outside_validity} fit but are not valid now")]
    NoUsableAnchor {
        /// The algorithm of the header.
        algorithm: Algorithm,
        /// Anchors that fit but whose certificate is expired or not yet valid.
        outside_validity: usize,
    },
    /// An ECDSA signature that is not r‖s of the curve's length (RFC 7518 §3.4).
    #[error("ECDSA signature of {found} octets instead of {expected}")]
    SignatureLength {
        /// Octets there are.
        found: usize,
        /// Octets there must be.
        expected: usize,
    },
    /// The signature verifies under none of the anchors that fit.
    #[error("the signature verifies under none of {anchors} trust anchors")]
    SignatureInvalid {
        /// How many were tried.
        anchors: usize,
    },
    /// The crypto provider did not answer.
    #[error("crypto provider: {0}")]
    Crypto(#[from] CryptoError),

    /// A `version` we do not know; a known version may mean something else by the same claims.
    #[error("unknown version {version:?}")]
    UnknownVersion {
        /// The `version` claim.
        version: String,
    },
    /// `iat` lies in the future.
    #[error("issued at {issued_at}, now is {now}, tolerance={}s", tolerance.as_secs())]
    NotYetValid {
        /// The `iat` claim.
        issued_at: UnixTime,
        /// The time of the check.
        now: UnixTime,
        /// The tolerance between clocks.
        tolerance: Duration,
    },
    /// The challenge is over.
    #[error("expired at {expired}, now is {now}, tolerance={}s", tolerance.as_secs())]
    Expired {
        /// The `exp` claim, or `iat` and the lifetime cap if there is none.
        expired: UnixTime,
        /// The time of the check.
        now: UnixTime,
        /// The tolerance between clocks.
        tolerance: Duration,
    },
    /// The challenge was made to live longer than the verifier's cap.
    #[error("lives until {expires}, {}s after its issuance at most are allowed", cap.as_secs())]
    LifetimeTooLong {
        /// The `exp` claim.
        expires: UnixTime,
        /// The cap.
        cap: Duration,
    },
    /// `aud` is absent or another one than the verifier's.
    #[error("audience {found:?} instead of {expected:?}")]
    WrongAudience {
        /// The `aud` claim.
        found: Option<String>,
        /// The verifier's audience.
        expected: String,
    },

    /// Claims and CSR differ.
    #[error("claims and CSR differ: {0}")]
    Mismatch(#[from] Mismatch),

    /// The challenge was used before. For hosts: this crate keeps no memory.
    #[error("the challenge was used before")]
    Replayed,
    /// The device asked too often. For hosts: this crate keeps no memory.
    #[error("too many challenges for this device")]
    RateLimited,
    /// The host's own check said no. For hosts.
    #[error("the device does not comply")]
    NotCompliant,

    /// A verifier or issuer cannot be built like this.
    #[error("misconfigured: {0}")]
    Misconfigured(#[from] Misconfigured),

    /// What is to be sent to the Intune service is not what it must be.
    #[error("Intune service: {0}")]
    Service(#[from] InvalidInput),
}

impl Error {
    /// The class of the refusal, which metrics count and from which the peer's answer follows.
    ///
    /// [`Error::Misconfigured`] and [`Error::Service`] come from no challenge and count as [`Reason::Malformed`].
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::MissingAlgorithm
            | Self::AlgorithmNotAllowed { .. }
            | Self::NoUsableAnchor { .. }
            | Self::SignatureLength { .. }
            | Self::SignatureInvalid { .. }
            | Self::Crypto(_) => Reason::SignatureInvalid,
            Self::Mismatch(_) => Reason::ClaimMismatch,
            Self::Expired { .. } | Self::LifetimeTooLong { .. } => Reason::Expired,
            Self::NotYetValid { .. } => Reason::NotYetValid,
            Self::WrongAudience { .. } => Reason::WrongAudience,
            Self::Replayed => Reason::Replay,
            Self::RateLimited => Reason::RateLimited,
            Self::UnknownVersion { .. } => Reason::UnknownVersion,
            Self::Malformed(_) | Self::Csr(_) | Self::Misconfigured(_) | Self::Service(_) => {
                Reason::Malformed
            }
            Self::NotCompliant => Reason::ComplianceFailed,
        }
    }

    /// The stable metric label of [`Error::reason`].
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.reason().label()
    }

    /// What the peer learns, and all it learns.
    #[must_use]
    pub const fn failure(&self) -> PeerFailure {
        self.reason().failure()
    }
}
