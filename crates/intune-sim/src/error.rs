use std::io;

use scep_types::CryptoError;

/// What went wrong, by who is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No tenant has this id or domain.
    #[error("there is no tenant {0}")]
    UnknownTenant(String),
    /// No device has this id.
    #[error("there is no device {0}")]
    UnknownDevice(String),
    /// No profile has this id.
    #[error("there is no profile {0}")]
    UnknownProfile(String),
    /// A variable in the profile is empty for this device: Intune fails the profile before any SCEP traffic.
    #[error("the variable {{{{{0}}}}} of the profile is empty for this device")]
    EmptyVariable(String),
    /// A text that is not what it should be.
    #[error("{text:?} is no {expected}")]
    Invalid {
        /// What it should be.
        expected: InvalidText,
        /// The text.
        text: String,
    },
    /// The system has no socket for us, or another fault of input and output.
    #[error("input or output: {0}")]
    Io(io::ErrorKind),
    /// The crypto provider or a key.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A structure of ASN.1.
    #[error(transparent)]
    Types(#[from] scep_types::Error),
    /// A simulated device did not get its certificate.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// What a text should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidText {
    /// A subject name of a profile.
    #[error("subject name such as CN={{{{DeviceName}}}},O=Example")]
    Subject,
    /// An object identifier.
    #[error("object identifier")]
    Oid,
    /// An endpoint of the service.
    #[error(
        "endpoint: token, discovery, validate, success, failure, download, upload or compliance"
    )]
    Endpoint,
    /// A kind of failure.
    #[error(
        "kind of failure: timeout, refused, dropped, answer-lost, 500, 503, 429, 401, 403, 404, invalid-client, \
         malformed-json, not-an-object, without-code, unknown-code, lower-case-success, slow-body, delay or redirect"
    )]
    Fault,
    /// A number of times.
    #[error("number of times")]
    Times,
    /// A family of devices.
    #[error("family: windows, apple or android")]
    Family,
}

/// Why a simulated device has no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The server did not answer.
    #[error("{url} did not answer: {cause}")]
    Unanswered {
        /// Which URL, without its query.
        url: String,
        /// Why.
        cause: String,
    },
    /// The server answered with an HTTP status that is no success.
    #[error("the server answered HTTP {status}")]
    Http {
        /// The status.
        status: u16,
        /// What Retry-After says, in seconds.
        retry_after: Option<u64>,
    },
    /// A FAILURE.
    #[error("the server refused: {}", in_words(*fail_info))]
    Refused {
        /// The failInfo.
        fail_info: Option<u8>,
    },
    /// PENDING, which Intune's devices do not poll for.
    #[error("the server has not decided yet")]
    Pending,
    /// The answer holds no certificate for the key of the CSR.
    #[error("the server's answer holds no certificate for the key of the CSR")]
    NoCertificate,
    /// What the server sent is not SCEP.
    #[error(transparent)]
    Protocol(#[from] scep_proto::Error),
}

fn in_words(fail_info: Option<u8>) -> String {
    match fail_info {
        Some(number) => format!("failInfo {number}"),
        None => "no failInfo".to_owned(),
    }
}

impl Error {
    pub(crate) fn invalid(expected: InvalidText, text: &str) -> Self {
        Self::Invalid { expected, text: text.to_owned() }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

impl From<scep_proto::Error> for Error {
    fn from(error: scep_proto::Error) -> Self {
        Self::Device(error.into())
    }
}
