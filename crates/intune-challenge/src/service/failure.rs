use std::fmt;
use std::time::Duration;

use super::{Denial, Hint, MalformedAnswer, Remark};

/// Why an answer is not the one that was hoped for; in each case nothing is issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The service says no to this request, for good.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The service does not answer as it should; the same request may succeed later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Nothing will succeed before an administrator acts.
    #[error(transparent)]
    Misconfigured(#[from] Misconfiguration),
}

/// The service does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", Said(message.as_deref()))]
pub struct Unavailable {
    /// How so.
    pub kind: UnavailableKind,
    /// After how long to ask again, a day at most, if the service says so.
    pub retry_after: Option<Duration>,
    /// What it says.
    pub message: Option<Box<ServiceMessage>>,
}

/// How a service does not answer as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UnavailableKind {
    /// It has too much to do (HTTP 429).
    #[error("throttled (HTTP 429)")]
    Throttled,
    /// It is not here any more (HTTP 404, 410, 421): ask the directory again.
    #[error("not at this address (HTTP {status})")]
    Moved {
        /// The status.
        status: u16,
    },
    /// Any other status that says nothing about the request.
    #[error("HTTP {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The answer cannot be read.
    #[error("unreadable answer with HTTP {status}: {problem}")]
    Malformed {
        /// The status.
        status: u16,
        /// What is wrong with it.
        problem: MalformedAnswer,
    },
    /// The service took the results, and says that it does not accept them.
    #[error("not accepted")]
    NotAccepted,
}

/// An administrator must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{hint}{}", Said(message.as_deref()))]
pub struct Misconfiguration {
    /// On what.
    pub hint: Hint,
    /// What Microsoft's side says.
    pub message: Option<Box<ServiceMessage>>,
}

/// What an error of Microsoft's side says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ServiceMessage {
    /// Its code, such as `InternalError` or `Authorization_RequestDenied`; maybe empty.
    pub code: Remark,
    /// Its text; maybe empty.
    pub text: Remark,
    /// The id under which Microsoft logged it, if it tells one.
    pub activity_id: Option<Remark>,
}

impl Failure {
    /// The stable metric label of its class: `denied`, `unavailable` or `misconfigured`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
            Self::Misconfigured(_) => "misconfigured",
        }
    }

    /// After how long to ask again, if the service says so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable(unavailable) => unavailable.retry_after,
            Self::Denied(_) | Self::Misconfigured(_) => None,
        }
    }
}

impl From<Hint> for Failure {
    fn from(hint: Hint) -> Self {
        Self::Misconfigured(Misconfiguration { hint, message: None })
    }
}

impl fmt::Display for ServiceMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, text, activity_id } = self;
        write!(f, "{code}: {text}")?;
        match activity_id {
            Some(activity_id) => write!(f, " (activity {activity_id})"),
            None => Ok(()),
        }
    }
}

/// ` (message)`, or nothing.
struct Said<'a>(Option<&'a ServiceMessage>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |message| write!(f, " [{message}]"))
    }
}
