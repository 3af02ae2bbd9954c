use std::time::Duration;

use scep_types::CryptoError;

use crate::service::{Failure, ServiceUrl};
use crate::{CredentialError, TransportError};

/// Why a call gave no answer of the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Entra, Graph or the service answers, and not as was hoped for; only the service itself denies.
    #[error(transparent)]
    Service(#[from] Failure),
    /// There was no answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The budget is spent, and nothing was heard.
    #[error("no answer within the time for a call")]
    OutOfTime,
    /// The directory lists the service at a place where no token may go.
    #[error("no token may go to {place}; if that is Microsoft's, add its domain to those allowed")]
    PlaceRefused {
        /// Where that is.
        place: ServiceUrl,
    },
    /// A credential or a setting cannot be sent.
    #[error(transparent)]
    Input(#[from] intune_challenge::Error),
    /// There is no credential to ask for a token with.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A private key or the random source failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl Error {
    /// After how long to ask again, if the service says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Service(failure) => failure.retry_after(),
            _ => None,
        }
    }

    /// Whether the same call may succeed another time, without anybody's doing.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Service(failure) => matches!(failure, Failure::Unavailable(_)),
            Self::Transport(_) | Self::OutOfTime | Self::Crypto(_) => true,
            _ => false,
        }
    }

    /// The stable metric label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Service(failure) => failure.label(),
            Self::Transport(error) => error.failure.label(),
            Self::OutOfTime => "out_of_time",
            Self::PlaceRefused { .. } => "place_refused",
            Self::Input(_) => "input",
            Self::Credential(_) => "credential",
            Self::Crypto(_) => "crypto",
        }
    }
}
