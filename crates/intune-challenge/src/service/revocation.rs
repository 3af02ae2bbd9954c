use scep_types::UnixTime;

use super::fault::Answer;
use super::json::{Json, Object};
use super::json_writer::JsonWriter;
use super::outcome::refusal;
use super::{
    Absent, Call, ErrorCodeStyle, ErrorDescription, Failure, HttpRequest, HttpResponse,
    MalformedAnswer, RevocationError, SerialFormat, SerialNumber, Setting, Unavailable,
    UnavailableKind, input,
};
use crate::{Error, Field, InvalidInput};

/// Revocation requests that one call may ask for.
const MAX_REQUESTS: usize = 500;
/// Characters that the name of an issuer may have.
const MAX_ISSUER: usize = 2048;
/// Characters that the context of a request may have; what is longer is not ours to send back.
const MAX_CONTEXT: usize = 16 * 1024;

/// Asks for certificates to be revoked (`CertificateAuthorityRequests/downloadRevocationRequests`).
///
/// Microsoft recommends 100 a call at most, and an hour between calls. What was downloaded and not answered comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationDownload {
    most: u16,
    issuer: Option<String>,
}

/// A certificate that is to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationRequest {
    /// What to name the request by in its result; opaque.
    pub context: String,
    /// The serial number as it was notified.
    pub serial_number: String,
    /// The issuing authority as it was notified.
    pub issuer_name: Option<String>,
    /// The CA's configuration as it was notified.
    pub ca_configuration: Option<String>,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationResult {
    context: String,
    failure: Option<(RevocationError, ErrorDescription)>,
}

/// Tells what came of requests (`CertificateAuthorityRequests/uploadRevocationResults`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationUpload(Vec<RevocationResult>);

impl RevocationDownload {
    /// At most so many requests, 1 to 500, for certificates of this issuing authority or of all.
    ///
    /// # Errors
    /// [`InvalidInput::OutOfRange`], or [`InvalidInput`] for an issuer that is blank or has more than 2048 characters.
    pub fn new(most: u16, issuer: Option<&str>) -> Result<Self, Error> {
        within(Field::MaxRequests, usize::from(most))?;
        if let Some(issuer) = issuer {
            input::filled(Field::IssuingAuthority, issuer, MAX_ISSUER)?;
        }
        Ok(Self { most, issuer: issuer.map(str::to_owned) })
    }

    /// The request; [`Call::service`] is the one of [`ServiceName::PkiConnector`](super::ServiceName::PkiConnector).
    #[must_use]
    pub fn to_http(&self, call: &Call<'_>) -> HttpRequest {
        let body = JsonWriter::object(256 + 6 * MAX_ISSUER, |json| {
            json.member_object("downloadParameters", |json| {
                json.number("maxRequests", self.most);
                let absent = call.settings.issuer_name_absent();
                json.optional("issuerName", self.issuer.as_deref(), absent);
            });
        });
        let suffix = "CertificateAuthorityRequests/downloadRevocationRequests";
        call.post(Setting::ConnectorVersion, suffix, body)
    }

    /// Reads the answer to it; an empty list is normal. Names of members are compared without regard to case.
    ///
    /// # Errors
    /// [`Failure`], also if one of the requests lacks context or serial number, or there are more than 500.
    pub fn read(response: &HttpResponse, now: UnixTime) -> Result<Vec<RevocationRequest>, Failure> {
        let answer = Answer { response, now, refusal, secrets: &[] };
        let object = answer.success()?;
        let of_member = |name| answer.malformed(MalformedAnswer::Member(name));
        let list = object.get_any_case("value").and_then(Json::list);
        let list = list.filter(|list| list.len() <= MAX_REQUESTS);
        let list = list.ok_or_else(|| of_member("value"))?;
        let requests = list.iter().map(|item| {
            item.object().ok_or("value").and_then(RevocationRequest::read).map_err(of_member)
        });
        requests.collect()
    }
}

impl RevocationRequest {
    /// The serial number, if it is one in the format of our notifications.
    #[must_use]
    pub fn serial(&self, format: SerialFormat) -> Option<SerialNumber> {
        SerialNumber::parse(&self.serial_number, format)
    }

    /// `{"requestContext":…,"serialNumber":…,"issuerName":…,"caConfiguration":…}`, or the member that is wrong.
    fn read(item: &Object) -> Result<Self, &'static str> {
        let needed = |name| {
            let text = item.get_any_case(name).and_then(Json::text);
            text.filter(|text| input::filled(Field::RequestContext, text, MAX_CONTEXT).is_ok())
                .map(str::to_owned)
                .ok_or(name)
        };
        let optional = |name| match item.get_any_case(name) {
            None | Some(Json::Null) => Ok(None),
            Some(other) => other.text().map(|text| Some(text.to_owned())).ok_or(name),
        };
        Ok(Self {
            context: needed("requestContext")?,
            serial_number: needed("serialNumber")?,
            issuer_name: optional("issuerName")?,
            ca_configuration: optional("caConfiguration")?,
        })
    }
}

impl RevocationResult {
    /// The certificate is revoked, now or since long.
    #[must_use]
    pub fn succeeded(request: &RevocationRequest) -> Self {
        Self { context: request.context.clone(), failure: None }
    }

    /// The certificate is not revoked.
    #[must_use]
    pub fn failed(
        request: &RevocationRequest,
        error: RevocationError,
        description: ErrorDescription,
    ) -> Self {
        Self { context: request.context.clone(), failure: Some((error, description)) }
    }

    fn write(&self, json: &mut JsonWriter, style: ErrorCodeStyle) {
        json.text("requestContext", &self.context);
        json.boolean("succeeded", self.failure.is_none());
        let (name, number, message) = match &self.failure {
            Some((error, message)) => (error.name(), error.number(), Some(message.as_str())),
            None => ("None", 0, None),
        };
        match style {
            ErrorCodeStyle::Name => json.text("errorCode", name),
            ErrorCodeStyle::Number => json.text("errorCode", &number.to_string()),
        }
        json.optional("errorMessage", message, Absent::Null);
    }
}

impl RevocationUpload {
    /// These results, 1 to 500 of them.
    ///
    /// # Errors
    /// [`InvalidInput::OutOfRange`].
    pub fn new(results: Vec<RevocationResult>) -> Result<Self, Error> {
        within(Field::Results, results.len())?;
        Ok(Self(results))
    }

    /// The request; [`Call::service`] is the one of [`ServiceName::PkiConnector`](super::ServiceName::PkiConnector).
    #[must_use]
    pub fn to_http(&self, call: &Call<'_>) -> HttpRequest {
        let style = call.settings.error_code_style();
        let body = JsonWriter::object(0, |json| {
            json.member_list("results", &self.0, |json, result| result.write(json, style));
        });
        let suffix = "CertificateAuthorityRequests/uploadRevocationResults";
        call.post(Setting::ConnectorVersion, suffix, body)
    }

    /// Reads the answer to it: `{"value":true}`, or the same as text.
    ///
    /// # Errors
    /// [`UnavailableKind::NotAccepted`] for `false`, else [`Failure`]; in either case the requests come again.
    pub fn read(response: &HttpResponse, now: UnixTime) -> Result<(), Failure> {
        let answer = Answer { response, now, refusal, secrets: &[] };
        let object = answer.success()?;
        let value = match object.get_any_case("value") {
            Some(Json::Bool(value)) => Some(*value),
            Some(Json::Text(text)) if text.eq_ignore_ascii_case("true") => Some(true),
            Some(Json::Text(text)) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        match value {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::Unavailable(Unavailable {
                kind: UnavailableKind::NotAccepted,
                retry_after: None,
                message: None,
            })),
            None => Err(answer.malformed(MalformedAnswer::Member("value"))),
        }
    }
}

fn within(field: Field, found: usize) -> Result<(), InvalidInput> {
    let (least, most) = (1, MAX_REQUESTS);
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(InvalidInput::OutOfRange { field, found, least, most })
}
