use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::service::{HttpRequest, HttpResponse};

#[cfg(feature = "reqwest")]
mod over_reqwest;

#[cfg(feature = "reqwest")]
pub use over_reqwest::{ExplicitProxy, HttpSettings, Proxy, ReqwestTransport, Roots, SetupError};

/// Carries one request and its answer; the one thing this crate needs of an HTTP client.
///
/// An implementation sends what it is given as it is, follows no redirect, reads no more than
/// [`MAX_BODY`](crate::service::MAX_BODY) octets, and leaves time limits and repeats to its caller, who drops the future.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and returns what comes back, whatever its status.
    ///
    /// # Errors
    /// There was no answer, or not all of it.
    fn send(
        &self,
        request: &HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse, TransportError>> + Send;
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    /// What happened.
    pub failure: TransportFailure,
    /// What the HTTP client says about it.
    pub cause: Option<Cause>,
}

/// What happened instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportFailure {
    /// No address, no connection, no proxy, or no TLS on it: the request was not sent.
    #[error("cannot connect")]
    Connect,
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke, or what came was no HTTP.
    #[error("the connection failed")]
    Interrupted,
    /// More than any answer may have.
    #[error("the answer has more than {limit} octets")]
    TooLarge {
        /// How many it may have.
        limit: usize,
    },
}

impl TransportFailure {
    /// The stable metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

/// What the HTTP client says; two of them are equal only if they are the same one.
#[derive(Clone)]
pub struct Cause(Arc<dyn StdError + Send + Sync>);

impl Cause {
    /// Takes over what an HTTP client says; it must hold no secret.
    #[must_use]
    pub fn new(error: impl StdError + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cause {}

/// The innermost reason: those around it say no more than [`TransportFailure`].
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut innermost: &dyn StdError = &*self.0;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        fmt::Display::fmt(innermost, f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {cause}", self.failure),
            None => fmt::Display::fmt(&self.failure, f),
        }
    }
}

impl StdError for TransportError {}

/// An error about which there is nothing more to say.
impl From<TransportFailure> for TransportError {
    fn from(failure: TransportFailure) -> Self {
        Self { failure, cause: None }
    }
}
