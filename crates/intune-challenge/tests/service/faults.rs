//! Answers with another status than 2xx.

use std::collections::BTreeSet;
use std::time::Duration;

use intune_challenge::service::*;

use crate::support::*;

/// IRA #48, with ids made up.
const INTERNAL_ERROR: &str = r#"{"error":{"code":"InternalError","message":"{ \"_version\":3,\"Message\":\"An internal server error has occurred - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: 12345678-1234-1234-1234-123456789012 - Url: https://fef.amsub0202.manage.microsoft.com/RACerts\",\"CustomApiErrorPhrase\":\"\",\"RetryAfter\":null,\"ErrorSourceService\":\"\",\"HttpHeaders\":\"{}\"}"}}"#;

fn unavailable(response: &HttpResponse) -> Unavailable {
    match failure(response) {
        Failure::Unavailable(unavailable) => unavailable,
        other => panic!("{other:?}"),
    }
}

fn retry_after(value: &str) -> Option<Duration> {
    let header = Some(value.to_owned());
    unavailable(&HttpResponse { retry_after: header, ..answer(503, "") }).retry_after
}

fn hint(status: u16) -> Hint {
    match failure(&answer(status, "{}")) {
        Failure::Misconfigured(problem) => problem.hint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_message_inside_the_message_is_found() {
    let failed = unavailable(&answer(500, INTERNAL_ERROR));
    assert_eq!(failed.kind, UnavailableKind::Status { status: 500 });
    assert_eq!(failed.retry_after, None);
    let message = failed.message.clone().unwrap();
    assert_eq!(message.code.as_str(), "InternalError");
    assert!(message.text.as_str().starts_with("An internal server error has occurred - Operation"));
    let activity = message.activity_id.as_ref().unwrap();
    assert_eq!(activity.as_str(), "12345678-1234-1234-1234-123456789012");
    assert!(failed.to_string().starts_with("HTTP 500 [InternalError: An internal server error"));
}

#[test]
fn the_wait_inside_the_message_is_found_and_the_header_counts_more() {
    for (written, seconds) in [("30", 30), (r#"\"45\""#, 45)] {
        let body = INTERNAL_ERROR
            .replace(r#"\"RetryAfter\":null"#, &format!(r#"\"RetryAfter\":{written}"#));
        let failed = unavailable(&answer(503, body.clone()));
        assert_eq!(failed.retry_after, Some(Duration::from_secs(seconds)));
        let header = Some("7".to_owned());
        let failed = unavailable(&HttpResponse { retry_after: header, ..answer(503, body) });
        assert_eq!(failed.retry_after, Some(Duration::from_secs(7)));
    }
}

#[test]
fn a_plain_message_is_taken_as_it_is() {
    let body = r#"{"error":{"code":"ServiceUnavailable","message":"Try again later."}}"#;
    let message = unavailable(&answer(503, body)).message.unwrap();
    assert_eq!(message.to_string(), "ServiceUnavailable: Try again later.");
}

#[test]
fn retry_after_is_seconds_or_a_date_in_each_of_its_forms() {
    assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
    assert_eq!(retry_after(" 0 "), Some(Duration::ZERO));
    for date in [
        "Fri, 15 Jan 2027 08:01:30 GMT",
        "Friday, 15-Jan-27 08:01:30 GMT",
        "Fri Jan 15 08:01:30 2027",
    ] {
        assert_eq!(retry_after(date), Some(Duration::from_secs(90)), "{date}");
    }
    assert_eq!(retry_after("Fri, 15 Jan 2027 07:00:00 GMT"), Some(Duration::ZERO), "in the past");
}

#[test]
fn no_wait_is_longer_than_a_day() {
    let day = Some(Duration::from_secs(86_400));
    assert_eq!(retry_after("99999999999999999999999999"), day);
    assert_eq!(retry_after("Sun, 15 Jan 2040 08:01:30 GMT"), day);
}

#[test]
fn what_is_neither_seconds_nor_a_date_is_no_wait() {
    for value in [
        "",
        "-5",
        "1.5",
        "soon",
        "Fri, 32 Jan 2027 08:01:30 GMT",
        "Fri, 15 Jam 2027 08:01:30 GMT",
        "Fri, 15 Jan 2027 08:01 GMT",
        "Fri, 15 Jan 2027 08:01:30:00 GMT",
        "Fri, 15 Jan 2027 08:01:30 CET",
        "Fri, 15 Jan 2027 25:01:30 GMT",
    ] {
        assert_eq!(retry_after(value), None, "{value}");
    }
}

#[test]
fn each_status_has_its_meaning() {
    let kind = |status| unavailable(&answer(status, "")).kind;
    assert_eq!(kind(429), UnavailableKind::Throttled);
    for status in [404, 410, 421] {
        assert_eq!(kind(status), UnavailableKind::Moved { status });
    }
    for status in [408, 500, 502, 503, 504, 599, 100, 0, 999] {
        assert_eq!(kind(status), UnavailableKind::Status { status });
    }
    assert_eq!(hint(301), Hint::Redirected { status: 301 });
    assert_eq!(hint(307), Hint::Redirected { status: 307 });
    assert_eq!(hint(400), Hint::RequestRefused { status: 400 });
    assert_eq!(hint(415), Hint::RequestRefused { status: 415 });
    assert_eq!(hint(407), Hint::ProxyAuthentication);
}

// library test 4.3-03
#[test]
fn a_refused_token_is_the_administrators_business() {
    assert_eq!(hint(401), Hint::IntuneTokenRefused);
    assert_eq!(hint(403), Hint::IntunePermission);
    for status in [401, 403] {
        let sentence = hint(status).to_string();
        assert!(sentence.contains("scep_challenge_provider") && sentence.contains("admin consent"));
    }
}

#[test]
fn an_error_page_of_something_else_is_no_message() {
    for body in ["<html>502</html>", "", "[]", r#"{"error":"no"}"#, r#"{"error":[]}"#] {
        let failed = unavailable(&answer(502, body));
        assert_eq!((failed.message, failed.retry_after), (None, None));
    }
}

#[test]
fn what_looks_like_a_token_is_not_repeated() {
    let token = "eyJ0".repeat(100);
    let body = format!(r#"{{"error":{{"code":"{token}","message":"bad token {token} there"}}}}"#);
    let message = unavailable(&answer(500, body)).message.unwrap();
    assert_eq!(message.to_string(), "[long] : bad token [long] there");
}

#[test]
fn each_hint_has_a_sentence_and_a_label_of_its_own() {
    let service = ServiceName::PkiConnector;
    let hints = [
        Hint::Entra(EntraRefusal::WrongSecret),
        Hint::GraphTokenRefused,
        Hint::GraphPermission,
        Hint::DevicePermission,
        Hint::IntuneNotInTenant,
        Hint::DirectoryEmpty,
        Hint::ServiceNotListed(service),
        Hint::ServiceAddress(service),
        Hint::IntuneTokenRefused,
        Hint::IntunePermission,
        Hint::WrongTenant,
        Hint::Redirected { status: 302 },
        Hint::ProxyAuthentication,
        Hint::RequestRefused { status: 400 },
    ];
    let sentences: BTreeSet<_> = hints.iter().map(Hint::to_string).collect();
    let labels: BTreeSet<_> = hints.iter().map(|hint| hint.label()).collect();
    assert_eq!((sentences.len(), labels.len()), (hints.len(), hints.len()));
    // What is wrong, and what to do about it.
    assert!(sentences.iter().all(|sentence| sentence.contains(": ")), "{sentences:?}");
}
