use std::time::Duration;

use intune_challenge::service::ActivityId;
use scep_proto::{FailInfo, MessageType, TransactionId};
use scep_types::{Basis, Certificate, Name, UnixTime};

use crate::Error;

/// What an endpoint decided about one request, and on what.
///
/// It is lent: what an observer keeps, it copies, since the names are slices of a message that holds a challenge.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// The endpoint's name.
    pub endpoint: &'a str,
    /// When.
    pub at: UnixTime,
    /// Under which transactionID, if it could be read. It is no secret and proves nothing; print it, which escapes it.
    pub transaction_id: Option<&'a TransactionId>,
    /// What kind of message it was, if it verified.
    pub message_type: Option<MessageType>,
    /// For whom a signed challenge was made, if it verified.
    pub device: Option<&'a str>,
    /// The id of the last call to the Intune service about it, for Microsoft's support.
    pub activity_id: Option<ActivityId>,
    /// The code by which the Intune service decided against it; from outside.
    pub service_code: Option<&'a str>,
    /// The subject of the CSR, if it proved its key.
    pub subject: Option<&'a Name>,
    /// How many subjectAltNames the CSR asks for.
    pub subject_alt_names: usize,
    /// What was decided.
    pub outcome: Outcome<'a>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// A certificate was issued.
    Issued {
        /// The certificate.
        certificate: &'a Certificate,
        /// On which authorisation.
        basis: &'a Basis,
    },
    /// The certificate that this request had got before was given again.
    Repeated {
        /// The certificate.
        certificate: &'a Certificate,
    },
    /// A GetCert got its certificate, or a GetCRL its CRL.
    Answered,
    /// It waits for an operator.
    Pending,
    /// It was refused, by this failInfo.
    Refused {
        /// What the peer learns.
        fail_info: FailInfo,
        /// Why.
        error: &'a Error,
    },
    /// Nothing was decided; the peer may come again.
    Deferred {
        /// When.
        retry_after: Duration,
        /// Why.
        error: &'a Error,
    },
    /// It has no transactionID that could be answered.
    Unreadable {
        /// Why.
        error: &'a Error,
    },
    /// It failed, and no fault of the peer's.
    Broken {
        /// Why.
        error: &'a Error,
    },
}

impl<'a> Outcome<'a> {
    /// A stable label for metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Issued { .. } => "issued",
            Self::Repeated { .. } => "repeated",
            Self::Answered => "answered",
            Self::Pending => "pending",
            Self::Refused { .. } => "refused",
            Self::Deferred { .. } => "deferred",
            Self::Unreadable { .. } => "unreadable",
            Self::Broken { .. } => "broken",
        }
    }

    /// Why there is no certificate, if there is a reason.
    #[must_use]
    pub const fn error(&self) -> Option<&'a Error> {
        match self {
            Self::Issued { .. } | Self::Repeated { .. } | Self::Answered | Self::Pending => None,
            Self::Refused { error, .. }
            | Self::Deferred { error, .. }
            | Self::Unreadable { error }
            | Self::Broken { error } => Some(error),
        }
    }
}

/// Someone who wants to know of each decision: metrics, an audit trail, an operator's page.
///
/// It is called before the answer leaves, once for each request; it must not block.
pub trait Observer: Send + Sync {
    /// Is told of a decision.
    fn decided(&self, decision: &Decision<'_>);
}

/// Nobody.
impl Observer for () {
    fn decided(&self, _: &Decision<'_>) {}
}
