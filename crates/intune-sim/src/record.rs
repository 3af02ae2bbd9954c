use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use bytes::Bytes;
use scep_types::UnixTime;
use serde::Serialize;
use serde_json::Value;

use crate::fault::{Endpoint, Host};

/// A request as it was received.
///
/// Secrets are in it, as they were sent; its `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// When.
    pub at: UnixTime,
    /// By which host.
    pub host: Host,
    /// What it asked for; `None` for a path that is none of the service's.
    pub endpoint: Option<Endpoint>,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, undecoded.
    pub query: Option<String>,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The HTTP status of the answer; `None` while there is none, and if there never is one.
    pub status: Option<u16>,
    /// The result code of the answer, if it has one.
    pub code: Option<String>,
}

/// What a successNotification said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IssuedRecord {
    /// The tenant's id.
    pub tenant: String,
    /// The device that the challenge was for.
    pub device: String,
    /// transactionId.
    pub transaction_id: String,
    /// certificateThumbprint.
    pub thumbprint: String,
    /// certificateSerialNumber.
    pub serial_number: String,
    /// certificateExpirationDateUtc.
    pub expires: String,
    /// issuingCertificateAuthority.
    pub issuing_certificate_authority: String,
    /// callerInfo.
    pub caller_info: String,
    /// caConfiguration, if it was sent.
    pub ca_configuration: Option<String>,
    /// certificateAuthority, if it was sent.
    pub certificate_authority: Option<String>,
    /// How often it was notified.
    pub notifications: u32,
    /// Whether its revocation was reported.
    pub is_revoked: bool,
}

/// What a failureNotification said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordedFailure {
    /// The tenant's id.
    pub tenant: String,
    /// The device that the challenge was for.
    pub device: String,
    /// transactionId.
    pub transaction_id: String,
    /// hResult.
    pub h_result: i64,
    /// errorDescription.
    pub description: String,
    /// callerInfo.
    pub caller_info: String,
}

impl Received {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The activity id: `client-request-id`.
    #[must_use]
    pub fn activity_id(&self) -> Option<&str> {
        self.header("client-request-id")
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// All but secrets, for the control API.
    pub(crate) fn to_public(&self) -> Value {
        serde_json::json!({
            "at": self.at.to_string(),
            "host": self.host,
            "endpoint": self.endpoint,
            "method": self.method,
            "path": self.path,
            "activity_id": self.activity_id(),
            "user_agent": self.header("user-agent"),
            "status": self.status,
            "code": self.code,
            "transaction_id": self.transaction_id(),
        })
    }

    fn transaction_id(&self) -> Option<String> {
        let json = self.json();
        let of = |member: &str| json.get(member)?.get("transactionId")?.as_str().map(str::to_owned);
        of("request").or_else(|| of("notification"))
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, endpoint, method, path, body, status, code, .. } = self;
        f.debug_struct("Received")
            .field("host", host)
            .field("endpoint", endpoint)
            .field("method", method)
            .field("path", path)
            .field("body_octets", &body.len())
            .field("status", status)
            .field("code", code)
            .finish_non_exhaustive()
    }
}

/// The newest requests, and numbers about all of them.
#[derive(Debug)]
pub(crate) struct Records {
    limit: usize,
    forgotten: u64,
    newest: VecDeque<Received>,
    counts: BTreeMap<Endpoint, u64>,
    in_flight: BTreeMap<Endpoint, u64>,
    peaks: BTreeMap<Endpoint, u64>,
}

/// Which request it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordId(u64);

impl Records {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            forgotten: 0,
            newest: VecDeque::new(),
            counts: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            peaks: BTreeMap::new(),
        }
    }

    pub(crate) fn received(&mut self, received: Received) -> RecordId {
        if let Some(endpoint) = received.endpoint {
            add(&mut self.counts, endpoint);
            let now = add(&mut self.in_flight, endpoint);
            let peak = self.peaks.entry(endpoint).or_default();
            *peak = now.max(*peak);
        }
        if self.newest.len() >= self.limit {
            self.newest.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
        self.newest.push_back(received);
        RecordId(self.forgotten.saturating_add(self.newest.len() as u64).saturating_sub(1))
    }

    /// What was answered, if the request is still remembered.
    pub(crate) fn answered(&mut self, id: RecordId, status: u16, code: Option<String>) {
        let index = id.0.checked_sub(self.forgotten).and_then(|at| usize::try_from(at).ok());
        if let Some(received) = index.and_then(|at| self.newest.get_mut(at)) {
            received.status = Some(status);
            received.code = code;
        }
    }

    /// A request is at an end, answered or not.
    pub(crate) fn left(&mut self, endpoint: Endpoint) {
        let now = self.in_flight.entry(endpoint).or_default();
        *now = now.saturating_sub(1);
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.newest.iter().cloned().collect()
    }

    pub(crate) fn forget(&mut self) {
        self.forgotten = self.forgotten.saturating_add(self.newest.len() as u64);
        self.newest.clear();
        self.counts.clear();
        self.peaks.clear();
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        self.counts.get(&endpoint).copied().unwrap_or(0)
    }

    pub(crate) fn peak(&self, endpoint: Endpoint) -> u64 {
        self.peaks.get(&endpoint).copied().unwrap_or(0)
    }
}

fn add(numbers: &mut BTreeMap<Endpoint, u64>, endpoint: Endpoint) -> u64 {
    let number = numbers.entry(endpoint).or_default();
    *number = number.saturating_add(1);
    *number
}
