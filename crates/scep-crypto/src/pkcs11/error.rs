use std::path::{Path, PathBuf};

use cryptoki::error::{Error as Failure, RvError};
use scep_types::CryptoError;

/// Why a token or a key in it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The module does not load or start.
    Module {
        /// Its path.
        path: PathBuf,
        /// What the loader or the module says.
        reason: String,
    },
    /// No token has this label.
    NoToken {
        /// The label.
        label: String,
    },
    /// More than one token has this label.
    SeveralTokens {
        /// The label.
        label: String,
    },
    /// The token refuses the PIN, or has locked it.
    Pin,
    /// No private key has this label.
    NoKey {
        /// The label.
        label: String,
    },
    /// More than one private key has this label.
    SeveralKeys {
        /// The label.
        label: String,
    },
    /// The token does not tell the public half: there is no public key of the same label, or it is not one to work with.
    NoPublicKey {
        /// The label of the private key.
        label: String,
    },
    /// The token answered a call with an error.
    Token(RvError),
    /// The module does not do what PKCS #11 demands of all.
    Unusable,
}

impl Error {
    pub(super) fn module(path: &Path, failure: &Failure) -> Self {
        Self::Module { path: path.to_owned(), reason: failure.to_string() }
    }

    /// Whether a new session may help.
    pub(super) fn is_lost_session(&self) -> bool {
        matches!(
            self,
            Self::Token(
                RvError::SessionHandleInvalid
                    | RvError::SessionClosed
                    | RvError::UserNotLoggedIn
                    | RvError::KeyHandleInvalid
                    | RvError::ObjectHandleInvalid
                    | RvError::DeviceRemoved
                    | RvError::DeviceError
                    | RvError::TokenNotPresent
                    | RvError::CryptokiNotInitialized
            )
        )
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Pkcs11(
                RvError::PinIncorrect
                | RvError::PinLocked
                | RvError::PinInvalid
                | RvError::PinLenRange,
                _,
            ) => Self::Pin,
            Failure::Pkcs11(value, _) => Self::Token(value),
            _ => Self::Unusable,
        }
    }
}

/// The key does not answer; why, the log of the token says.
impl From<Error> for CryptoError {
    fn from(error: Error) -> Self {
        match error {
            Error::Token(RvError::MechanismInvalid | RvError::MechanismParamInvalid) => {
                Self::Unsupported
            }
            Error::Token(RvError::KeyTypeInconsistent | RvError::KeyFunctionNotPermitted) => {
                Self::InvalidKey
            }
            _ => Self::Unavailable,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Module { path, reason } => {
                write!(f, "the PKCS #11 module {} does not load: {reason}", path.display())
            }
            Self::NoToken { label } => write!(f, "no token has the label {label:?}"),
            Self::SeveralTokens { label } => write!(f, "several tokens have the label {label:?}"),
            Self::Pin => f.write_str("the token refuses the PIN"),
            Self::NoKey { label } => write!(f, "the token has no private key {label:?}"),
            Self::SeveralKeys { label } => {
                write!(f, "the token has several private keys {label:?}")
            }
            Self::NoPublicKey { label } => {
                write!(f, "the token has no public key {label:?} that can be used")
            }
            Self::Token(value) => write!(f, "the token answers {value:?}"),
            Self::Unusable => f.write_str("the module lacks what PKCS #11 demands"),
        }
    }
}

impl std::error::Error for Error {}
