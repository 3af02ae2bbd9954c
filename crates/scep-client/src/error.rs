use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use scep_proto::UnauthenticatedCa;
use scep_types::CryptoError;

/// Why an exchange with a SCEP server did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not one of a SCEP server.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// HTTP gave no answer.
    #[error("{failure}{}", cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    Transport {
        /// What happened.
        failure: Failure,
        /// What the HTTP library says about it.
        cause: Option<Cause>,
    },
    /// The server answers elsewhere. That is not followed: it is for whoever configures the URL to decide.
    #[error("HTTP {status} redirects{}", .location.as_ref().map(|to| format!(" to {}", to.escape_debug())).unwrap_or_default())]
    Redirected {
        /// The HTTP status code.
        status: u16,
        /// Where to.
        location: Option<String>,
    },
    /// What was answered, in SCEP's terms: refused, pending, not believed, not understood.
    #[error(transparent)]
    Protocol(scep_proto::Error),
    /// The CA is not known, and [`CaTrust::Ask`](scep_proto::client::CaTrust::Ask) left it to the caller, who has it here
    /// to decide. Nothing was sent.
    #[error("the CA is not authenticated")]
    CaNotTrusted(Box<UnauthenticatedCa>),
    /// A private key is not that of the signer's certificate.
    #[error("the private key does not belong to the signer's certificate")]
    KeyMismatch,
    /// The answer verified, and does not hold what was asked for.
    #[error(transparent)]
    Answer(#[from] AnswerFault),
    /// A private key or the random source failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What is wrong with what a verified answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// Not the certificate that was asked for.
    #[error("the answer does not hold the certificate that was asked for")]
    CertificateMissing,
    /// Not exactly one CRL.
    #[error("the answer holds {0} CRLs instead of one")]
    CrlCount(usize),
    /// The CRL is not that of the issuer, or the issuer is not among the authenticated certificates.
    #[error("the CRL is not one of the CA")]
    CrlIssuer,
    /// The CRL's signature does not verify.
    #[error("the signature of the CRL does not verify")]
    CrlSignature,
}

/// What happened instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No connection, or no TLS on it.
    #[error("cannot connect")]
    Connect,
    /// It took too long.
    #[error("timed out")]
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
    /// The HTTP client could not be set up.
    #[error("HTTP cannot be used here")]
    Setup,
}

/// Why a URL is not one of a SCEP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is no absolute URL.
    #[error("not a URL")]
    Invalid,
    /// Neither `http` nor `https`.
    #[error("not an http or https URL")]
    Scheme,
    /// A user name or password, which would stand in logs.
    #[error("the URL holds a user name or password")]
    Credentials,
    /// It names an operation, which is for the client to do.
    #[error("the URL names an operation")]
    Operation,
}

/// What the HTTP library says; two of them are equal only if they are the same one.
#[derive(Clone)]
pub struct Cause(Arc<reqwest::Error>);

impl Cause {
    pub(crate) fn new(error: reqwest::Error) -> Self {
        Self(Arc::new(error.without_url()))
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cause {}

/// The innermost reason: those around it say no more than [`Failure`].
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

impl Error {
    /// Whether the same request could be answered another time.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Transport {
                failure: Failure::Connect | Failure::Timeout | Failure::Interrupted,
                ..
            }
        )
    }
}

impl From<scep_proto::Error> for Error {
    fn from(error: scep_proto::Error) -> Self {
        match error {
            scep_proto::Error::Crypto(error) => Self::Crypto(error),
            other => Self::Protocol(other),
        }
    }
}

impl From<scep_types::Error> for Error {
    fn from(error: scep_types::Error) -> Self {
        scep_proto::Error::from(error).into()
    }
}
