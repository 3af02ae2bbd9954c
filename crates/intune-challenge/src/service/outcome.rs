use scep_types::{Authorization, Basis, NameAssurance, Secret, UnixTime};

use super::fault::Answer;
use super::json::{Json, Object};
use super::{
    ActivityId, Code, Enrolment, Failure, Hint, HttpResponse, KnownCode, MalformedAnswer,
    Misconfiguration, Remark, Unavailable,
};

/// What came of a validation; only [`Outcome::Valid`] entitles to issue, and only for that very CSR.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The service vouches for CSR and challenge.
    Valid(Validated),
    /// The service says no, for good: the device needs a new challenge.
    Denied(Denial),
    /// The service does not answer as it should; the same request may succeed later.
    Unavailable(Unavailable),
    /// Nothing will succeed before an administrator acts.
    Misconfigured(Misconfiguration),
}

/// An enrolment that the service found valid.
#[derive(Debug, Clone)]
pub struct Validated {
    enrolment: Enrolment,
    activity_id: ActivityId,
}

/// The proof that the service took note of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Notified;

/// The service says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description} (activity {activity_id})")]
#[non_exhaustive]
pub struct Denial {
    /// Why.
    pub code: Code,
    /// Why, in the service's words; maybe empty.
    pub description: Remark,
    /// By which Microsoft finds the call.
    pub activity_id: ActivityId,
}

impl Outcome {
    /// Reads the answer to [`Enrolment::validate`]; never [`Outcome::Valid`] unless the status is 2xx, the body one JSON
    /// object without repeated members, and its `code` the text `Success`.
    #[must_use]
    pub fn from_http(
        enrolment: &Enrolment,
        response: &HttpResponse,
        activity_id: ActivityId,
        now: UnixTime,
    ) -> Self {
        match read_result(enrolment, response, activity_id, now) {
            Ok(()) => Self::Valid(Validated { enrolment: enrolment.clone(), activity_id }),
            Err(Failure::Denied(denial)) => Self::Denied(denial),
            Err(Failure::Unavailable(unavailable)) => Self::Unavailable(unavailable),
            Err(Failure::Misconfigured(misconfigured)) => Self::Misconfigured(misconfigured),
        }
    }

    /// The same as a `Result`, for `?`.
    ///
    /// # Errors
    /// [`Failure`], unless it is valid.
    pub fn into_result(self) -> Result<Validated, Failure> {
        match self {
            Self::Valid(validated) => Ok(validated),
            Self::Denied(denial) => Err(denial.into()),
            Self::Unavailable(unavailable) => Err(unavailable.into()),
            Self::Misconfigured(misconfigured) => Err(misconfigured.into()),
        }
    }

    /// The stable metric label: `valid`, `denied`, `unavailable` or `misconfigured`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Valid(_) => "valid",
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
            Self::Misconfigured(_) => "misconfigured",
        }
    }
}

impl Validated {
    /// That Microsoft Intune validated this CSR, its names compared with the profile.
    ///
    /// That the sender holds the CSR's private key is not looked at here: [`Csr::verify`](scep_types::Csr::verify) does.
    #[must_use]
    pub fn authorization(&self) -> Authorization {
        let csr = self.enrolment.csr();
        Authorization::assertion(csr, Basis::IntuneService, NameAssurance::Vouched)
    }

    /// What the notification must be about.
    #[must_use]
    pub const fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// By which Microsoft finds the call.
    #[must_use]
    pub const fn activity_id(&self) -> ActivityId {
        self.activity_id
    }
}

impl Notified {
    /// Reads the answer to a success or failure notification about this enrolment.
    ///
    /// # Errors
    /// [`Failure`] for everything but a `code` of `Success`.
    pub fn from_http(
        enrolment: &Enrolment,
        response: &HttpResponse,
        activity_id: ActivityId,
        now: UnixTime,
    ) -> Result<Self, Failure> {
        read_result(enrolment, response, activity_id, now).map(|()| Self)
    }
}

impl Denial {
    /// What an administrator can do about it, if it is not the device's business.
    #[must_use]
    pub const fn hint(&self) -> Option<Hint> {
        match self.code {
            Code::Known(KnownCode::BadTenantIdInChallenge) => Some(Hint::WrongTenant),
            _ => None,
        }
    }
}

/// `{"code":"Success","errorDescription":""}`
fn read_result(
    enrolment: &Enrolment,
    response: &HttpResponse,
    activity_id: ActivityId,
    now: UnixTime,
) -> Result<(), Failure> {
    let challenge = enrolment.csr().challenge_password().map_or("", Secret::expose);
    let answer = Answer { response, now, refusal, secrets: &[challenge] };
    let result = answer.success()?;
    let of_member = |name| answer.malformed(MalformedAnswer::Member(name));
    let code = result.get("code").and_then(Json::text).filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| of_member("code"))?;
    let description = description(&result).ok_or_else(|| of_member("errorDescription"))?;
    if code.eq_ignore_ascii_case(Code::SUCCESS) {
        return Ok(());
    }
    Err(Failure::Denied(Denial {
        code: Code::from_name(code, answer.secrets),
        description: answer.remark(description),
        activity_id,
    }))
}

/// Absent and `null` are the empty text.
fn description(result: &Object) -> Option<&str> {
    match result.get("errorDescription") {
        None | Some(Json::Null) => Some(""),
        Some(other) => other.text(),
    }
}

/// What a status means at the Intune SCEP service.
pub(super) const fn refusal(status: u16) -> Option<Hint> {
    match status {
        401 => Some(Hint::IntuneTokenRefused),
        403 => Some(Hint::IntunePermission),
        _ => None,
    }
}
