use std::collections::BTreeMap;
use std::time::Duration;

use scep_types::UnixTime;
use serde::Serialize;

/// A revocation that an administrator, or Intune itself, asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RevocationRequest {
    /// requestContext.
    pub context: String,
    /// The tenant's id.
    pub tenant: String,
    /// serialNumber, as it was notified.
    pub serial_number: String,
    /// issuerName, as it was notified.
    pub issuer_name: Option<String>,
    /// caConfiguration, as it was notified.
    pub ca_configuration: Option<String>,
    /// How often it was handed out.
    pub downloads: u32,
    /// How it stands.
    pub state: RevocationState,
}

/// How a revocation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RevocationState {
    /// It is handed out until a result comes back.
    Open,
    /// It was carried out.
    Succeeded,
    /// It failed for good, by this code.
    Failed(String),
}

/// What a CA says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RevocationResult {
    pub(crate) context: String,
    pub(crate) error: RevocationError,
}

/// `errorCode` of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RevocationError {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
}

/// All codes, by number and name.
const ERRORS: [RevocationError; 13] = {
    const fn error(number: u32, name: &'static str) -> RevocationError {
        RevocationError { number, name }
    }
    [
        error(0, "None"),
        error(4000, "NonRetryableServiceException"),
        error(4001, "DataSerializationError"),
        error(4002, "ParameterDataInvalidError"),
        error(4003, "CryptographyError"),
        error(4004, "CertificateNotFoundError"),
        error(4005, "ConflictError"),
        error(4006, "NotSupportedError"),
        error(4007, "PayloadTooLargeError"),
        error(4100, "RetryableServiceException"),
        error(4101, "ServiceUnavailableException"),
        error(4102, "ServiceTooBusyException"),
        error(4103, "AuthenticationException"),
    ]
};

impl RevocationError {
    /// A name, a number, or a number in a string, as one library or another sends it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = text.parse::<u32>().ok();
        ERRORS.into_iter().find(|error| match number {
            Some(number) => error.number == number,
            None => error.name.eq_ignore_ascii_case(text),
        })
    }

    pub(crate) fn is_none(self) -> bool {
        self.number == 0
    }

    /// Whether Intune offers the request again.
    fn is_retryable(self) -> bool {
        self.number >= 4100
    }
}

/// The queue, and when each tenant last took from it.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    pub(crate) requests: Vec<RevocationRequest>,
    pub(crate) cool_down: Option<Duration>,
    downloaded: BTreeMap<String, UnixTime>,
}

impl Revocations {
    /// At most `max` open requests of a tenant; nothing while it cools down. At least once: they stay open.
    pub(crate) fn download(
        &mut self,
        tenant: &str,
        max: usize,
        issuer: Option<&str>,
        now: UnixTime,
    ) -> Vec<RevocationRequest> {
        if let (Some(wait), Some(last)) = (self.cool_down, self.downloaded.get(tenant))
            && now < last.plus(wait)
        {
            return Vec::new();
        }
        self.downloaded.insert(tenant.to_owned(), now);
        let open = self.requests.iter_mut().filter(|request| {
            request.tenant == tenant
                && request.state == RevocationState::Open
                && issuer.is_none_or(|issuer| request.issuer_name.as_deref() == Some(issuer))
        });
        open.take(max)
            .map(|request| {
                request.downloads = request.downloads.saturating_add(1);
                request.clone()
            })
            .collect()
    }

    /// Takes results; the serial numbers of what was revoked, or `None` if one is for an unknown request.
    pub(crate) fn upload(
        &mut self,
        tenant: &str,
        results: &[RevocationResult],
    ) -> Option<Vec<String>> {
        let known = |context: &str| {
            let is = |r: &RevocationRequest| r.tenant == tenant && r.context == context;
            self.requests.iter().any(is)
        };
        if !results.iter().all(|result| known(&result.context)) {
            return None;
        }
        let mut revoked = Vec::new();
        for RevocationResult { context, error } in results {
            let request = self.requests.iter_mut().find(|request| request.context == *context)?;
            if error.is_none() {
                request.state = RevocationState::Succeeded;
                revoked.push(request.serial_number.clone());
            } else if !error.is_retryable() && request.state == RevocationState::Open {
                request.state = RevocationState::Failed(error.name.to_owned());
            }
        }
        Some(revoked)
    }
}
