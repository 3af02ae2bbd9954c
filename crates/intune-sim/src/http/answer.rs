use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::body::{AnswerBody, Pace};

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A JSON document.
    pub(crate) fn json(status: u16, document: &Value) -> Self {
        Self::text(status, document.to_string())
    }

    /// A text that claims to be JSON.
    pub(crate) fn text(status: u16, text: String) -> Self {
        let json = (header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned());
        Self { status, headers: vec![json], body: text.into() }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// An error of Intune's gateway: a JSON document in a string in a JSON document.
    pub(crate) fn intune_error(status: u16, code: &str, message: &str, activity: &str) -> Self {
        let zero = "00000000-0000-0000-0000-000000000000";
        let message = format!(
            "{message} - Operation ID (for customer support): {zero} - Activity ID: {activity} - Url: https://fef"
        );
        let nested = json!({
            "_version": 3,
            "Message": message,
            "CustomApiErrorPhrase": "",
            "RetryAfter": null,
            "ErrorSourceService": "",
            "HttpHeaders": "{}",
        });
        Self::json(status, &json!({ "error": { "code": code, "message": nested.to_string() } }))
    }

    /// The `code` of a result, if the answer is one.
    pub(crate) fn code(&self) -> Option<String> {
        let json: Value = serde_json::from_slice(&self.body).ok()?;
        Some(json.get("code")?.as_str()?.to_owned())
    }

    pub(crate) fn into_response(self, pace: Pace) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::new(self.body, pace));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
