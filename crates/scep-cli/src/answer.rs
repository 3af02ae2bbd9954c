//! What an answer to a PKIOperation is, told without believing it.

use std::fmt;

use bytes::Bytes;
use scep_proto::inspect::Signed;
use scep_proto::{FailInfo, PkiStatus};

/// What came back for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// A CertRep, with its pkiStatus and, of a FAILURE, its failInfo.
    CertRep(PkiStatus, Option<FailInfo>),
    /// An HTTP status and nothing that is a CertRep.
    Http(u16),
    /// No HTTP answer.
    Nothing,
}

impl AnswerKind {
    pub(crate) fn of(status: u16, body: &Bytes) -> Self {
        Self::cert_rep(body).unwrap_or(Self::Http(status))
    }

    fn cert_rep(body: &Bytes) -> Option<Self> {
        let signed = Signed::parse(body.clone()).ok()?;
        let attributes = signed.signers().next()?.attributes();
        let status = attributes.pki_status.ok()?;
        Some(Self::CertRep(status, attributes.fail_info.ok().flatten()))
    }

    pub(crate) fn is_cert_rep(&self) -> bool {
        matches!(self, Self::CertRep(..))
    }

    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::CertRep(PkiStatus::SUCCESS, _))
    }

    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::CertRep(PkiStatus::FAILURE, _))
    }

    pub(crate) fn fail_info(&self) -> Option<FailInfo> {
        match self {
            Self::CertRep(_, fail_info) => *fail_info,
            Self::Http(_) | Self::Nothing => None,
        }
    }
}

impl fmt::Display for AnswerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CertRep(status, Some(fail_info)) => write!(f, "{status}, {fail_info}"),
            Self::CertRep(status, None) => write!(f, "{status}"),
            Self::Http(status) => write!(f, "HTTP {status} without a CertRep"),
            Self::Nothing => f.write_str("no answer"),
        }
    }
}
