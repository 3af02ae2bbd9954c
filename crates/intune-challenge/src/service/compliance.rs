use std::fmt;

use scep_types::{Csr, GeneralNameValue, UnixTime};

use super::fault::Answer;
use super::http::Method;
use super::ids::is_guid;
use super::json::Json;
use super::{
    AccessToken, ActivityId, Failure, Hint, HttpRequest, HttpResponse, MalformedAnswer, Remark,
    Setting, Settings,
};

/// A device by Intune's own id, the one that profiles write as `{{DeviceId}}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ManagedDeviceId(String);

/// Asks Graph whether a device complies (`deviceManagement/managedDevices/<id>`).
#[derive(Debug, Clone, Copy)]
pub struct ComplianceQuery<'a> {
    settings: &'a Settings,
    device: &'a ManagedDeviceId,
}

/// What Graph says of a device: its `complianceState`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ComplianceState {
    /// `compliant`.
    Compliant,
    /// `inGracePeriod`: it does not comply, and has time to.
    InGracePeriod,
    /// There is no such device in this tenant.
    NotManaged,
    /// Any other: `noncompliant`, `conflict`, `error`, `configManager`, `unknown`, or a new one.
    Other(Remark),
}

impl ManagedDeviceId {
    /// A GUID, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_guid(text).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The one that a CSR names by the subjectAltName `IntuneDeviceId://{{DeviceId}}`; `None` if it names none, or two.
    ///
    /// It is the device's only if someone vouches for the names of the CSR.
    #[must_use]
    pub fn of(csr: &Csr) -> Option<Self> {
        let mut ids = csr.subject_alt_names().iter().filter_map(|name| match name.value() {
            GeneralNameValue::Uri(uri) => Self::parse(without_scheme(uri)?),
            _ => None,
        });
        let first = ids.next()?;
        ids.all(|other| other == first).then_some(first)
    }
}

/// What stands behind `IntuneDeviceId://`, in any case.
fn without_scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    scheme.eq_ignore_ascii_case("IntuneDeviceId").then_some(rest)
}

impl<'a> ComplianceQuery<'a> {
    /// About this device.
    #[must_use]
    pub const fn new(settings: &'a Settings, device: &'a ManagedDeviceId) -> Self {
        Self { settings, device }
    }

    /// The request; the token is one for [`Audience::Graph`](super::Audience::Graph).
    #[must_use]
    pub fn to_http(&self, token: &AccessToken, activity_id: ActivityId) -> HttpRequest {
        let version = self.settings.get(Setting::GraphVersion);
        let path = format!("{version}/deviceManagement/managedDevices/{}", self.device);
        let url = self.settings.graph().join(&path);
        HttpRequest::new(Method::Get, url, self.settings, activity_id)
            .header("Authorization", token.bearer())
    }

    /// Reads the answer to it.
    ///
    /// # Errors
    /// [`Failure`], also for an answer about another device.
    pub fn read(&self, response: &HttpResponse, now: UnixTime) -> Result<ComplianceState, Failure> {
        let answer = Answer { response, now, refusal, secrets: &[] };
        if response.status == 404 {
            return Ok(ComplianceState::NotManaged);
        }
        let device = answer.success()?;
        let text = |name: &'static str| {
            let text = device.get(name).and_then(Json::text);
            text.ok_or_else(|| answer.malformed(MalformedAnswer::Member(name)))
        };
        if !text("id")?.eq_ignore_ascii_case(&self.device.0) {
            return Err(answer.malformed(MalformedAnswer::Member("id")));
        }
        Ok(match text("complianceState")? {
            "compliant" => ComplianceState::Compliant,
            "inGracePeriod" => ComplianceState::InGracePeriod,
            other => ComplianceState::Other(answer.remark(other)),
        })
    }
}

/// What a status means at Graph.
const fn refusal(status: u16) -> Option<Hint> {
    match status {
        401 => Some(Hint::GraphTokenRefused),
        403 => Some(Hint::DevicePermission),
        _ => None,
    }
}

impl fmt::Display for ManagedDeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ComplianceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compliant => f.write_str("compliant"),
            Self::InGracePeriod => f.write_str("inGracePeriod"),
            Self::NotManaged => f.write_str("not managed in this tenant"),
            Self::Other(state) => fmt::Display::fmt(state, f),
        }
    }
}
