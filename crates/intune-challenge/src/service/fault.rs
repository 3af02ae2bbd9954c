//! What an answer with another status than 2xx says, and an answer that cannot be read.

use std::time::Duration;

use scep_types::UnixTime;

use super::json::{Json, Object};
use super::retry_after::retry_after;
use super::{
    Failure, Hint, HttpResponse, MalformedAnswer, Misconfiguration, Remark, ServiceMessage,
    Unavailable, UnavailableKind,
};

/// An answer, about to be read.
pub(super) struct Answer<'a> {
    pub(super) response: &'a HttpResponse,
    pub(super) now: UnixTime,
    /// What a status means at this peer in particular.
    pub(super) refusal: fn(u16) -> Option<Hint>,
    /// What must not be repeated if the peer does.
    pub(super) secrets: &'a [&'a str],
}

impl Answer<'_> {
    /// The JSON object of an answer with a status of 2xx.
    pub(super) fn success(&self) -> Result<Object, Failure> {
        if !matches!(self.response.status, 200..=299) {
            return Err(self.refused());
        }
        Object::read(&self.response.body).map_err(|problem| self.malformed(problem))
    }

    /// An answer that cannot be read.
    pub(super) fn malformed(&self, problem: MalformedAnswer) -> Failure {
        let kind = UnavailableKind::Malformed { status: self.response.status, problem };
        Failure::Unavailable(Unavailable { kind, retry_after: None, message: None })
    }

    /// An answer with another status than 2xx.
    pub(super) fn refused(&self) -> Failure {
        let said = self.said();
        let status = self.response.status;
        match (self.refusal)(status).or_else(|| general(status)) {
            Some(hint) => Failure::Misconfigured(Misconfiguration { hint, message: said.message }),
            None => Failure::Unavailable(Unavailable {
                kind: match status {
                    429 => UnavailableKind::Throttled,
                    404 | 410 | 421 => UnavailableKind::Moved { status },
                    _ => UnavailableKind::Status { status },
                },
                retry_after: said.retry_after,
                message: said.message,
            }),
        }
    }

    /// How long to wait by the header.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        retry_after(self.response.retry_after.as_deref()?, self.now)
    }

    pub(super) fn remark(&self, text: &str) -> Remark {
        Remark::new(text, self.secrets)
    }

    /// `{"error":{"code":…,"message":…}}`, where the message may be a JSON document again.
    fn said(&self) -> Said {
        let header = self.retry_after();
        let outer = Object::read(&self.response.body).unwrap_or_default();
        let Some(error) = outer.get("error").and_then(Json::object) else {
            return Said { message: None, retry_after: header };
        };
        let text = |name| error.get(name).and_then(Json::text).unwrap_or_default();
        let inner = Object::read(text("message").as_bytes()).unwrap_or_default();
        let words = inner.get("Message").and_then(Json::text).unwrap_or(text("message"));
        let message = ServiceMessage {
            code: self.remark(text("code")),
            text: self.remark(words),
            activity_id: activity_id(words).map(|id| self.remark(id)),
        };
        let nested = inner.get("RetryAfter").and_then(|value| match value {
            Json::Whole(seconds) => retry_after(&seconds.to_string(), self.now),
            Json::Text(text) => retry_after(text, self.now),
            _ => None,
        });
        Said { message: Some(Box::new(message)), retry_after: header.or(nested) }
    }
}

/// What an error says, in its header and its body.
struct Said {
    message: Option<Box<ServiceMessage>>,
    retry_after: Option<Duration>,
}

/// What a status means anywhere.
const fn general(status: u16) -> Option<Hint> {
    match status {
        300..=399 => Some(Hint::Redirected { status }),
        407 => Some(Hint::ProxyAuthentication),
        404 | 408 | 410 | 421 | 425 | 429 => None,
        400..=499 => Some(Hint::RequestRefused { status }),
        _ => None,
    }
}

/// `… - Activity ID: 00000000-0000-0000-0000-000000000000 - …`
fn activity_id(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("Activity ID: ")?;
    rest.split_whitespace().next()
}
