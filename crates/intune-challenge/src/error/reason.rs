/// The class of a refusal; its [label](Reason::label) is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Algorithm, trust anchor or signature.
    SignatureInvalid,
    /// Claims and CSR differ.
    ClaimMismatch,
    /// Too old, or made to live too long.
    Expired,
    /// Issued in the future.
    NotYetValid,
    /// For someone else, or for no one in particular.
    WrongAudience,
    /// Used before.
    Replay,
    /// Too many for one device.
    RateLimited,
    /// A version we do not know.
    UnknownVersion,
    /// Does not decode, or lacks a claim.
    Malformed,
    /// The host's own check said no.
    ComplianceFailed,
}

impl Reason {
    /// All of them, for metrics that start at zero.
    pub const ALL: [Self; 10] = [
        Self::SignatureInvalid,
        Self::ClaimMismatch,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongAudience,
        Self::Replay,
        Self::RateLimited,
        Self::UnknownVersion,
        Self::Malformed,
        Self::ComplianceFailed,
    ];

    /// The stable metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::SignatureInvalid => "signature_invalid",
            Self::ClaimMismatch => "claim_mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongAudience => "wrong_audience",
            Self::Replay => "replay",
            Self::RateLimited => "rate_limited",
            Self::UnknownVersion => "unknown_version",
            Self::Malformed => "malformed",
            Self::ComplianceFailed => "compliance_failed",
        }
    }

    /// The failInfo for it.
    #[must_use]
    pub const fn failure(self) -> PeerFailure {
        match self {
            Self::SignatureInvalid
            | Self::Expired
            | Self::NotYetValid
            | Self::WrongAudience
            | Self::Replay => PeerFailure::BadMessageCheck,
            Self::ClaimMismatch
            | Self::RateLimited
            | Self::UnknownVersion
            | Self::Malformed
            | Self::ComplianceFailed => PeerFailure::BadRequest,
        }
    }
}

/// A failInfo of SCEP (RFC 8894 §3.2.1.4), of which refused challenges need three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerFailure {
    /// badMessageCheck: the integrity check failed.
    BadMessageCheck,
    /// badRequest: the transaction is not permitted.
    BadRequest,
    /// badTime: the time is not close enough to the server's.
    BadTime,
}

impl PeerFailure {
    /// The number that the failInfo attribute carries in decimal digits.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::BadMessageCheck => 1,
            Self::BadRequest => 2,
            Self::BadTime => 3,
        }
    }
}
