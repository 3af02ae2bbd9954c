use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidText};

/// What can be asked of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Endpoint {
    /// Entra's token endpoints, v1 and v2.
    Token,
    /// Graph's list of service endpoints, in all its forms.
    Discovery,
    /// `ScepActions/validateRequest`.
    Validate,
    /// `ScepActions/successNotification`.
    #[serde(rename = "success")]
    SuccessNotification,
    /// `ScepActions/failureNotification`.
    #[serde(rename = "failure")]
    FailureNotification,
    /// `CertificateAuthorityRequests/downloadRevocationRequests`.
    #[serde(rename = "download")]
    DownloadRevocationRequests,
    /// `CertificateAuthorityRequests/uploadRevocationResults`.
    #[serde(rename = "upload")]
    UploadRevocationResults,
    /// Graph's managed devices.
    Compliance,
}

/// A host of the service; each listens on a port of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Host {
    /// Entra, `login.microsoftonline.com`.
    Login,
    /// Microsoft Graph, and Azure AD Graph.
    Graph,
    /// The tenant's scale unit, `fef.<unit>.manage.microsoft.com`.
    Service,
    /// Where [`Fault::Redirect`] points to: no host of Microsoft's, and no bearer token may ever come here.
    Elsewhere,
    /// The control API.
    Control,
}

/// How an endpoint fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No answer; the connection stays open.
    Timeout,
    /// The connection is closed without an answer, and nothing was done.
    Dropped,
    /// It is done, then the connection is closed without an answer.
    AnswerLost,
    /// 500 with JSON nested in the message, as Intune's incidents look.
    InternalError,
    /// 503, perhaps with Retry-After in seconds.
    ServiceUnavailable(Option<u32>),
    /// 429, perhaps with Retry-After in seconds.
    TooManyRequests(Option<u32>),
    /// Any other HTTP status: 401, 403, 404, 410.
    Status(u16),
    /// 400 with the OAuth error `invalid_client`.
    InvalidClient,
    /// 200 with half a JSON document.
    MalformedJson,
    /// 200 with a JSON array.
    NotAnObject,
    /// 200 with an empty JSON object.
    WithoutCode,
    /// 200 with this result code and description, and nothing was done.
    Code {
        /// The code, known or not.
        code: String,
        /// errorDescription.
        description: String,
    },
    /// It is done, and the code `Success` is spelled `success`.
    LowerCaseSuccess,
    /// It is done, and the body comes octet by octet group, so long apart.
    SlowBody(Duration),
    /// It is done after so long.
    Delay(Duration),
    /// 307 to [`Host::Elsewhere`].
    Redirect,
}

/// How often a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// So many times.
    N(u32),
    /// Until it is cleared.
    UntilCleared,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Token,
        Self::Discovery,
        Self::Validate,
        Self::SuccessNotification,
        Self::FailureNotification,
        Self::DownloadRevocationRequests,
        Self::UploadRevocationResults,
        Self::Compliance,
    ];

    /// On which host it is.
    #[must_use]
    pub const fn host(self) -> Host {
        match self {
            Self::Token => Host::Login,
            Self::Discovery | Self::Compliance => Host::Graph,
            Self::Validate
            | Self::SuccessNotification
            | Self::FailureNotification
            | Self::DownloadRevocationRequests
            | Self::UploadRevocationResults => Host::Service,
        }
    }

    /// Its name on the command line and in the control API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Discovery => "discovery",
            Self::Validate => "validate",
            Self::SuccessNotification => "success",
            Self::FailureNotification => "failure",
            Self::DownloadRevocationRequests => "download",
            Self::UploadRevocationResults => "upload",
            Self::Compliance => "compliance",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = Self::ALL.into_iter().find(|endpoint| endpoint.name() == text);
        named.ok_or_else(|| Error::invalid(InvalidText::Endpoint, text))
    }
}

/// By the names of the command line, such as `503`, `slow-body` or `code=ChallengeExpired`.
impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(code) = text.strip_prefix("code=") {
            return Ok(Self::Code { code: code.to_owned(), description: String::new() });
        }
        let invalid = || Error::invalid(InvalidText::Fault, text);
        Ok(match text {
            "timeout" => Self::Timeout,
            "dropped" => Self::Dropped,
            "answer-lost" => Self::AnswerLost,
            "500" => Self::InternalError,
            "503" => Self::ServiceUnavailable(Some(1)),
            "429" => Self::TooManyRequests(Some(1)),
            "invalid-client" => Self::InvalidClient,
            "malformed-json" => Self::MalformedJson,
            "not-an-object" => Self::NotAnObject,
            "without-code" => Self::WithoutCode,
            "unknown-code" => Self::unknown_code(),
            "lower-case-success" => Self::LowerCaseSuccess,
            "slow-body" => Self::SlowBody(Duration::from_millis(50)),
            "delay" => Self::Delay(Duration::from_millis(200)),
            "redirect" => Self::Redirect,
            status => match status.parse() {
                Ok(status @ 400..=599) => Self::Status(status),
                _ => return Err(invalid()),
            },
        })
    }
}

impl Fault {
    /// A result code that is in nobody's list.
    #[must_use]
    pub fn unknown_code() -> Self {
        Self::Code {
            code: "CodeOfTomorrow".to_owned(),
            description: "A result code that did not exist yesterday.".to_owned(),
        }
    }
}

impl FromStr for Times {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::N).map_err(|_| Error::invalid(InvalidText::Times, text))
    }
}

/// The faults that are to happen.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(Endpoint, Fault, Times)>);

impl Faults {
    pub(crate) fn add(&mut self, endpoint: Endpoint, fault: Fault, times: Times) {
        self.0.push((endpoint, fault, times));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The next fault of an endpoint; those that were added first come first.
    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.0.retain(|(.., times)| *times != Times::N(0));
        let (_, fault, times) = self.0.iter_mut().find(|(of, ..)| *of == endpoint)?;
        if let Times::N(left) = times {
            *left = left.saturating_sub(1);
        }
        Some(fault.clone())
    }
}
