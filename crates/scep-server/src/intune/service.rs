//! What an endpoint asks of the Intune SCEP service, whoever carries it there.

use std::time::Duration;

use async_trait::async_trait;
use intune_challenge::service::{
    ActivityId, Denial, Enrolment, ErrorDescription, Failure, HResult, Validated,
};
use scep_proto::FailInfo;
use scep_store::Cause;
use scep_types::Certificate;

/// The Intune SCEP service of one tenant: it alone can tell whether a challenge is good.
///
/// Each call comes to an end within a budget of its own, retries included. It is called from a task of the host's
/// runtime and must not block. Notifications must bear being sent twice.
#[async_trait]
pub trait IntuneService: Send + Sync {
    /// Asks whether the CSR may be certified (validateRequest); only `Ok` issues, and only for this very CSR.
    ///
    /// # Errors
    /// In the answer: [`ServiceError`]. On any of them nothing is issued and nothing is burnt.
    async fn validate(&self, enrolment: &Enrolment) -> Answered<Validated>;

    /// Tells that the certificate was issued (successNotification).
    ///
    /// # Errors
    /// In the answer: [`ServiceError`]. [`ServiceError::Denied`] is final.
    async fn notify_issued(&self, enrolment: &Enrolment, certificate: &Certificate)
    -> Answered<()>;

    /// Tells that no certificate was issued, for a reason of the host's own (failureNotification).
    ///
    /// # Errors
    /// In the answer: [`ServiceError`]. It is not tried again.
    async fn notify_failed(&self, enrolment: &Enrolment, report: &FailureReport) -> Answered<()>;
}

/// What came of a call, and under which id Microsoft's support finds it.
#[derive(Debug, Clone)]
pub struct Answered<T> {
    /// The client-request-id.
    pub activity_id: ActivityId,
    /// The answer.
    pub result: Result<T, ServiceError>,
}

/// Why a valid request got no certificate, as the administrator sees it in the Intune console.
///
/// | failure | told |
/// |---|---|
/// | the profile does not admit the CSR | `0x80094012` |
/// | the compliance check denies, the device had its certificates | `0x80070005` |
/// | the CA's key does not answer | `0x800706BA` |
/// | the certificate cannot be made, a key misbehaves, a worker gave up | `0x8000FFFF` |
/// | no room in the store, a serial number taken | `0x80004005` |
/// | the service's own answers | nothing: it knows |
/// | the challenge was used by another CSR | nothing: it would tell of the enrolment that succeeded |
/// | another attempt is at work, or took over | nothing: that one will tell |
/// | the store does not answer | nothing: the certificate may be recorded |
///
/// A request that comes again after that is validated afresh; it is issued only if the service says yes again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureReport {
    /// The code that the administrator sees.
    pub hresult: HResult,
    /// The text beside it.
    pub description: ErrorDescription,
}

impl FailureReport {
    /// A report.
    #[must_use]
    pub const fn new(hresult: HResult, description: ErrorDescription) -> Self {
        Self { hresult, description }
    }
}

/// Why the service's answer is not the one that was hoped for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The service decided against the request.
    #[error("denied: {0}")]
    Denied(Denial),
    /// The service could not be asked, or could not answer: the device may come again.
    #[error("unavailable: {cause}")]
    Unavailable {
        /// When, if the service said so.
        retry_after: Option<Duration>,
        /// What happened.
        cause: Cause,
    },
    /// The service cannot be asked like this: an administrator must act. The device may come again.
    #[error("misconfigured: {cause}")]
    Misconfigured {
        /// What to do about it.
        cause: Cause,
    },
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        let retry_after = failure.retry_after();
        match failure {
            Failure::Denied(denial) => Self::Denied(denial),
            Failure::Misconfigured(found) => Self::Misconfigured { cause: Cause::new(found) },
            other => Self::Unavailable { retry_after, cause: Cause::new(other) },
        }
    }
}

impl ServiceError {
    /// The service's code, if it decided, such as `ChallengeExpired`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Denied(denial) => Some(denial.code.name()),
            Self::Unavailable { .. } | Self::Misconfigured { .. } => None,
        }
    }

    /// What the device learns, or `None` if it may come again.
    pub(crate) fn fail_info(&self) -> Option<FailInfo> {
        match self {
            Self::Denied(denial) => Some(FailInfo::new(denial.code.failure().code())),
            Self::Unavailable { .. } | Self::Misconfigured { .. } => None,
        }
    }

    /// When to come again.
    pub(crate) fn retry_after(&self) -> Duration {
        match self {
            Self::Unavailable { retry_after: Some(retry_after), .. } => {
                (*retry_after).clamp(SOONEST, LATEST)
            }
            _ => OTHERWISE,
        }
    }
}

/// No sooner, whatever the service says.
const SOONEST: Duration = Duration::from_secs(5);
/// No later: a device that is told to wait for hours gives up.
const LATEST: Duration = Duration::from_secs(10 * 60);
/// If the service does not say.
const OTHERWISE: Duration = Duration::from_secs(30);
