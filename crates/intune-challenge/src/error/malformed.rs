use std::fmt;

use crate::Claim;

/// Why a challenge does not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The CSR carries no challengePassword.
    #[error("the CSR carries none")]
    Absent,
    /// It is longer than it may be.
    #[error("{part} of {found} characters, at most {limit} are allowed")]
    TooLong {
        /// What is too long.
        part: Part,
        /// Characters there are.
        found: usize,
        /// Characters there may be.
        limit: usize,
    },
    /// It is not three segments joined by two dots (RFC 7515 §3.1).
    #[error("{found} segments instead of three")]
    Segments {
        /// How many there are.
        found: usize,
    },
    /// A segment is empty.
    #[error("empty {0}")]
    Empty(Part),
    /// A segment is not canonical base64url without padding (RFC 7515 §2).
    #[error("{0} is not canonical base64url")]
    Base64(Part),
    /// Padded base64url, given to a verifier without that leniency.
    #[error("base64url with padding")]
    Padded,
    /// A segment is not a JSON object and nothing else.
    #[error("{0} is not a JSON object")]
    Json(Part),
    /// A member stands twice in one object (RFC 7515 §4).
    #[error("a member stands twice in the {0}")]
    DuplicateMember(Part),
    /// JSON is nested more deeply than it may be.
    #[error("{part} is nested more deeply than {limit} levels")]
    TooDeep {
        /// Where.
        part: Part,
        /// Levels there may be.
        limit: usize,
    },
    /// A header member that would change what the signature means: `crit`, `b64`, `zip`, `enc` (RFC 7515 §4.1.11, RFC 7797).
    #[error("header member {0:?} is not supported")]
    UnsupportedHeader(&'static str),
    /// A header member has the wrong type or form.
    #[error("header member {0:?} is not what it must be")]
    HeaderMember(&'static str),
    /// A claim has the wrong type or a value it cannot have.
    #[error("claim {0} is not what it must be")]
    Claim(Claim),
    /// More names than a subjectAltName may have.
    #[error("{found} names, at most {limit} are allowed")]
    TooManyNames {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A required claim is absent.
    #[error("claim {0} is absent")]
    MissingClaim(Claim),
    /// No claim says what the CSR must look like.
    #[error("no claim names an identity")]
    NoIdentity,
    /// Neither `iat` nor `exp`: it would never be over.
    #[error("claims neither iat nor exp")]
    Unlimited,
}

/// A part of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// All of it.
    Challenge,
    /// The protected header.
    Header,
    /// The payload.
    Payload,
    /// The signature.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Challenge => "challenge",
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}
