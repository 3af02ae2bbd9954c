//! What a store answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use scep_types::UnixTime;

use crate::certificate::IssuedCertificate;
use crate::ids::{Operator, RequestId};
use crate::request::{Rejection, Reservation};

/// What a request may do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is the first of its kind: issue, then commit; or release.
    Fresh(Reservation),
    /// An operator approved it: issue on that authority, then commit; or release, and the approval stays.
    Approved {
        /// Nobody else gets one.
        reservation: Reservation,
        /// Who approved.
        operator: Operator,
    },
    /// It was answered before: give the same answer again, freshly signed.
    Same(Outcome),
    /// The transaction or the challenge is being worked on.
    Busy {
        /// When it will be settled or free at the latest.
        retry_after: Duration,
    },
    /// The challenge was used by another CSR.
    Replayed,
    /// The device, the endpoint, or all of them have had their certificates for now; nothing is taken of the other limits.
    RateLimited {
        /// Which limit refuses; of several, the narrowest.
        by: LimitScope,
        /// When there may be room again.
        retry_after: Duration,
    },
    /// Another key's request is pending under this transactionID; it is left as it is.
    Conflict,
}

/// For whom a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitScope {
    /// A device.
    Device,
    /// An endpoint.
    Endpoint,
    /// All endpoints of the store.
    Global,
}

/// How a request ended, or that it did not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With this certificate.
    Issued(Box<IssuedCertificate>),
    /// It waits for an operator.
    Pending,
    /// An operator denied it.
    Rejected(Rejection),
}

/// The answer to a CertPoll (RFC 8894 §4.4).
#[derive(PartialEq, Eq)]
pub enum Polled {
    /// The request was granted, now or before.
    Issued(Box<IssuedCertificate>),
    /// It waits for an operator, or is being worked on.
    Pending,
    /// It was refused.
    Rejected(Rejection),
    /// An operator approved it: issue on that authority, then commit; or release, and the approval stays.
    Approved {
        /// Nobody else gets one.
        reservation: Reservation,
        /// The CSR that was approved, DER.
        csr: Bytes,
        /// Who approved.
        operator: Operator,
    },
    /// No such transaction, or one of another key: the two cannot be told apart.
    Unknown,
}

/// Without the CSR, which may hold a challengePassword.
impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issued(certificate) => f.debug_tuple("Issued").field(certificate).finish(),
            Self::Pending => f.write_str("Pending"),
            Self::Rejected(rejection) => f.debug_tuple("Rejected").field(rejection).finish(),
            Self::Approved { reservation, csr, operator } => f
                .debug_struct("Approved")
                .field("reservation", reservation)
                .field("csr_octets", &csr.len())
                .field("operator", operator)
                .finish(),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

/// A request that an operator may decide.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingRequest {
    /// Which request; a decision names it, so that what was seen is what is decided.
    pub request: RequestId,
    /// The CSR, DER.
    pub csr: Bytes,
    /// Since when it waits.
    pub since: UnixTime,
    /// When it is forgotten.
    pub expires: UnixTime,
    /// Who approved it, if it waits only to be fetched.
    pub approved_by: Option<Operator>,
}

impl PendingRequest {
    /// For backends: a request that waits for a decision.
    #[must_use]
    pub const fn new(request: RequestId, csr: Bytes, since: UnixTime, expires: UnixTime) -> Self {
        Self { request, csr, since, expires, approved_by: None }
    }
}

/// Without the CSR, which may hold a challengePassword.
impl fmt::Debug for PendingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, csr, since, expires, approved_by } = self;
        f.debug_struct("PendingRequest")
            .field("request", request)
            .field("csr_octets", &csr.len())
            .field("since", since)
            .field("expires", expires)
            .field("approved_by", approved_by)
            .finish()
    }
}
