//! Tokens, secrets and challenges are in no Debug, Display or error.

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intune_challenge::Secret;
use intune_challenge::service::*;

use crate::support::*;

/// That no secret, and no form of one, is in this text.
fn assert_clean(what: &str, text: &str) {
    let base64 = STANDARD.encode(csr(Some(CHALLENGE)).der());
    for secret in [CHALLENGE, TOKEN, CLIENT_SECRET, &base64, "a-signed.client-assertion"] {
        assert!(!text.contains(secret), "{what}: {text}");
    }
}

fn assert_debug(what: &str, value: &impl Debug) {
    assert_clean(what, &format!("{value:?}"));
    assert_clean(what, &format!("{value:#?}"));
}

#[test]
fn nothing_that_is_sent_prints_a_secret() {
    let (settings, application) = (settings(), application());
    let secret = Secret::new(CLIENT_SECRET);
    let assertion = Secret::new("a-signed.client-assertion");
    for credential in [TokenCredential::Secret(&secret), TokenCredential::Assertion(&assertion)] {
        let request =
            TokenRequest::new(&settings, &application, Audience::Intune, credential).unwrap();
        assert_debug("TokenCredential", &credential);
        assert_debug("TokenRequest", &request);
        assert_debug("HttpRequest", &request.to_http(ACTIVITY));
    }
    let issued =
        SuccessNotification::new(&enrolment(), &certificate(&[1]), provider().digest).unwrap();
    let description = ErrorDescription::new("x").unwrap();
    let failed = FailureNotification::new(&enrolment(), HResult::FAIL, description);
    assert_debug("Enrolment", &enrolment());
    assert_debug("SuccessNotification", &issued);
    assert_debug("FailureNotification", &failed);
    assert_debug("validation", &send(&settings, |call| enrolment().validate(call)));
    assert_debug("success", &send(&settings, |call| issued.to_http(call)));
    assert_debug("failure", &send(&settings, |call| failed.to_http(call)));
    send(&settings, |call| {
        assert_debug("Call", call);
        assert_debug("AccessToken", call.token);
        Discovery::new(&settings).to_http(call.token, ACTIVITY)
    });
    assert_debug("discovery", &Discovery::new(&settings).to_http(&token(), ACTIVITY));
}

#[test]
fn secrets_are_in_no_url() {
    let (settings, application) = (settings(), application());
    let secret = Secret::new(CLIENT_SECRET);
    let credential = TokenCredential::Secret(&secret);
    let request = TokenRequest::new(&settings, &application, Audience::Intune, credential).unwrap();
    assert_clean("token", request.to_http(ACTIVITY).url());
    assert_clean("validation", send(&settings, |call| enrolment().validate(call)).url());
}

#[test]
fn nothing_that_is_received_prints_a_secret() {
    let body = format!(r#"{{"expires_in":1,"access_token":"{TOKEN}"}}"#);
    let response = ok(body);
    assert_debug("HttpResponse", &response);
    let (settings, application) = (settings(), application());
    let secret = Secret::new(CLIENT_SECRET);
    let credential = TokenCredential::Secret(&secret);
    let request = TokenRequest::new(&settings, &application, Audience::Intune, credential).unwrap();
    assert_debug("AccessToken", &request.read(&response, NOW).unwrap());
    assert_debug("Outcome", &outcome(&ok(r#"{"code":"Success"}"#)));
}

#[test]
fn a_service_that_repeats_the_challenge_is_not_repeated() {
    let base64 = STANDARD.encode(csr(Some(CHALLENGE)).der());
    for (status, body) in [
        (200, serde_json::json!({ "code": CHALLENGE, "errorDescription": "x" })),
        (
            200,
            serde_json::json!({ "code": "Unknown", "errorDescription": format!("<{CHALLENGE}>") }),
        ),
        (
            500,
            serde_json::json!({ "error": { "code": CHALLENGE, "message": format!("a {CHALLENGE}") } }),
        ),
        (403, serde_json::json!({ "error": { "message": format!("request {base64} refused") } })),
    ] {
        let outcome = outcome(&answer(status, body.to_string()));
        assert_debug("Outcome", &outcome);
        assert_clean("Display", &outcome.into_result().unwrap_err().to_string());
    }
}

#[test]
fn an_entra_that_repeats_the_secret_is_not_repeated() {
    let (settings, application) = (settings(), application());
    let secret = Secret::new(CLIENT_SECRET);
    let credential = TokenCredential::Secret(&secret);
    let request = TokenRequest::new(&settings, &application, Audience::Intune, credential).unwrap();
    for (status, body) in [
        (
            401,
            format!(
                r#"{{"error":"{CLIENT_SECRET}","error_description":"{CLIENT_SECRET}","correlation_id":"{CLIENT_SECRET}"}}"#
            ),
        ),
        (503, format!(r#"{{"error":{{"code":"{CLIENT_SECRET}","message":"{CLIENT_SECRET}"}}}}"#)),
    ] {
        let failure = request.read(&answer(status, body), NOW).unwrap_err();
        assert_debug("Failure", &failure);
        assert_clean("Display", &failure.to_string());
    }
}

/// What fuzzing found: the mark in the secret's place was cut in two, so it must not be made of what it hides.
#[test]
fn a_challenge_at_the_edge_of_what_is_kept_is_not_repeated() {
    for before in 100..=140 {
        let code = format!("{} {CHALLENGE}", "x".repeat(before));
        let body = serde_json::json!({ "code": code, "errorDescription": code.repeat(30) });
        let outcome = outcome(&ok(body.to_string()));
        assert_debug("Outcome", &outcome);
    }
}
