//! Answers of the admin API.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// A JSON answer that nobody keeps.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

/// An answer or an error, which is an answer, too.
pub(super) type Answered = Result<Answer, Answer>;

impl Answer {
    pub(super) fn ok(body: impl Serialize) -> Answered {
        let body = serde_json::to_value(body);
        let body = body.map_err(|error| Self::error(StatusCode::INTERNAL_SERVER_ERROR, &error))?;
        Ok(Self { status: StatusCode::OK, body })
    }

    pub(super) fn error(status: StatusCode, why: &dyn ToString) -> Self {
        Self { status, body: json!({ "error": why.to_string() }) }
    }

    /// The store did not answer; the caller may try again.
    pub(super) fn store(error: &scep_store::StoreError) -> Self {
        match error {
            scep_store::StoreError::NotPending => Self::error(StatusCode::NOT_FOUND, error),
            _ => Self::error(StatusCode::SERVICE_UNAVAILABLE, error),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(format!("{}\n", self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
