use super::answer::Answer;
use super::route::Incoming;
use crate::directory::Resource;
use crate::state::{State, Token};

/// Why a bearer token does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unauthorized {
    /// There is none.
    Missing,
    /// Nobody issued it, or it ended.
    Invalid,
    /// It is for another resource.
    Audience,
}

impl Unauthorized {
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Missing => "Access token is empty.",
            Self::Invalid => "Lifetime validation failed, the token is expired.",
            Self::Audience => "Access token validation failure. Invalid audience.",
        }
    }
}

impl State {
    /// The token of a request, if it is one for this resource.
    pub(super) fn bearer(
        &self,
        request: &Incoming,
        resource: Resource,
    ) -> Result<&Token, Unauthorized> {
        let text = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let text = text.filter(|text| !text.is_empty()).ok_or(Unauthorized::Missing)?;
        let token = self.tokens.get(text).ok_or(Unauthorized::Invalid)?;
        if token.expires <= self.clock.now() {
            return Err(Unauthorized::Invalid);
        }
        // A scope with one slash and one with two give audiences that differ by a slash; both are taken.
        if token.audience.trim_end_matches('/') != self.urls.resource(resource) {
            return Err(Unauthorized::Audience);
        }
        Ok(token)
    }
}

/// Graph's 401.
pub(super) fn graph_unauthorized(why: Unauthorized, request: &Incoming) -> Answer {
    graph_error(401, "InvalidAuthenticationToken", why.message(), request)
}

/// An error as Graph writes it.
pub(super) fn graph_error(status: u16, code: &str, message: &str, request: &Incoming) -> Answer {
    let id = request.activity();
    Answer::json(
        status,
        &serde_json::json!({ "error": {
            "code": code,
            "message": message,
            "innerError": { "request-id": id, "client-request-id": id },
        }}),
    )
}
