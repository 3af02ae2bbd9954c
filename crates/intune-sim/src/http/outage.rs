//! What a failing endpoint answers.

use http::header;
use serde_json::json;

use super::answer::Answer;
use super::bearer::graph_error;
use super::route::{Incoming, Route};
use super::scep_actions::result_document;
use super::token::EntraError;
use crate::fault::{Fault, Host};
use crate::state::State;

/// What becomes of a request.
pub(super) enum Fate {
    /// It is answered so, and nothing is done.
    Instead(Answer),
    /// It is done, then treated so.
    Done(Fault),
    /// It is never answered.
    Silence,
    /// The connection ends.
    Dropped,
}

pub(super) fn fate(state: &State, fault: Fault, route: &Route, request: &Incoming) -> Fate {
    let plain = |status, code, message: &str| error(state, status, code, message, request);
    let retry = |answer: Answer, after: Option<u32>| match after {
        Some(seconds) => answer.with(header::RETRY_AFTER, seconds.to_string()),
        None => answer,
    };
    let ok = |text: &str| Answer::text(200, text.to_owned());
    Fate::Instead(match fault {
        Fault::Timeout => return Fate::Silence,
        Fault::Dropped => return Fate::Dropped,
        Fault::AnswerLost | Fault::LowerCaseSuccess | Fault::SlowBody(_) | Fault::Delay(_) => {
            return Fate::Done(fault);
        }
        Fault::InternalError => {
            plain(500, "InternalError", "An internal server error has occurred")
        }
        Fault::ServiceUnavailable(after) => {
            retry(plain(503, "ServiceUnavailable", "The service is unavailable"), after)
        }
        Fault::TooManyRequests(after) => {
            retry(plain(429, "TooManyRequests", "Too many requests"), after)
        }
        Fault::Status(status) => plain(status, "Injected", "An injected failure"),
        Fault::InvalidClient => EntraError::wrong_secret("injected").to_answer(state, Some(400)),
        Fault::MalformedJson => ok("{\"code\":\"Succ"),
        Fault::NotAnObject => ok("[\"Success\"]"),
        Fault::WithoutCode => ok("{}"),
        Fault::Code { code, description } => {
            let tenant = match route {
                Route::Token(tenant, _) => tenant.as_str(),
                _ => "00000000-0000-0000-0000-000000000000",
            };
            Answer::json(200, &result_document(state, tenant, &code, &description))
        }
        Fault::Redirect => {
            let there = format!("{}{}", state.urls.elsewhere, request.path);
            Answer::json(307, &json!({})).with(header::LOCATION, there)
        }
    })
}

/// An error in the shape of the host that is asked.
fn error(state: &State, status: u16, code: &str, message: &str, request: &Incoming) -> Answer {
    match request.host {
        Host::Login => EntraError::new(status, "temporarily_unavailable", 90_033, message)
            .to_answer(state, None),
        Host::Graph => graph_error(status, code, message, request),
        Host::Service | Host::Elsewhere | Host::Control => {
            Answer::intune_error(status, code, message, request.activity())
        }
    }
}

/// `success` instead of `Success`; other answers stay as they are.
pub(super) fn lower_case_success(mut answer: Answer) -> Answer {
    if let Ok(text) = std::str::from_utf8(&answer.body) {
        answer.body = text.replace("\"code\":\"Success\"", "\"code\":\"success\"").into();
    }
    answer
}
