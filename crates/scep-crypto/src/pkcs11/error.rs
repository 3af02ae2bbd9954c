use std::path::{Path, PathBuf};

use cryptoki::error::{Error as Failure, RvError};
use scep_types::CryptoError;

use super::KeyName;

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
    /// There is no such private key.
    NoKey {
        /// Which one.
        key: KeyName,
    },
    /// More than one private key is called so.
    SeveralKeys {
        /// Which one.
        key: KeyName,
    },
    /// The token does not tell the public half: there is no public key of the same id or label, or it is not one to work with.
    NoPublicKey {
        /// The private key.
        key: KeyName,
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

    /// Whether the token, or what it held, is not there any more, so that a new session may help, or the module's new start.
    pub(super) fn is_away(&self) -> bool {
        match self {
            Self::NoToken { .. } | Self::NoKey { .. } => true,
            Self::Token(value) => matches!(
                value,
                RvError::SessionHandleInvalid
                    | RvError::SessionClosed
                    | RvError::UserNotLoggedIn
                    | RvError::KeyHandleInvalid
                    | RvError::ObjectHandleInvalid
                    | RvError::SlotIdInvalid
                    | RvError::DeviceRemoved
                    | RvError::DeviceError
                    | RvError::TokenNotPresent
                    | RvError::TokenNotRecognized
                    | RvError::CryptokiNotInitialized
            ),
            _ => false,
        }
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
            Self::NoKey { key } => write!(f, "the token has no private key {key}"),
            Self::SeveralKeys { key } => write!(f, "the token has several private keys {key}"),
            Self::NoPublicKey { key } => {
                write!(f, "the token has no public key {key} that can be used")
            }
            Self::Token(value) => write!(f, "the token answers {value:?}"),
            Self::Unusable => f.write_str("the module lacks what PKCS #11 demands"),
        }
    }
}

impl std::error::Error for Error {}
