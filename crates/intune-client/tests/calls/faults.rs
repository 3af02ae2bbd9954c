//! The fault matrix: what goes wrong where, how often it is asked, how long that takes, and what is told.

use std::time::Duration;

use crate::microsoft::{Act, Microsoft, Place};
use crate::support::{client, enrolment, tenant, verdict};

/// What a fault that does not pass costs.
struct Row {
    place: Place,
    name: &'static str,
    act: Act,
    /// How often this place is asked.
    sent: usize,
    /// Milliseconds that the call takes.
    spent: u64,
    /// What it is told.
    told: &'static str,
    /// How often the service is asked to validate.
    validations: usize,
}

const NESTED_500: &str = r#"{"error":{"code":"InternalError","message":"{ \"_version\":3,\"Message\":\"An internal server error has occurred - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: 3b2c - Url: https://fef.msub06.manage.microsoft.com\",\"CustomApiErrorPhrase\":\"\",\"RetryAfter\":null,\"ErrorSourceService\":\"\",\"HttpHeaders\":\"{}\"}"}}"#;
const INVALID_CLIENT: &str = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.","error_codes":[7000222]}"#;

fn answer(status: u16, body: &str) -> Act {
    Act::Answer(status, body.to_owned())
}

async fn holds(rows: Vec<Row>) {
    for row in rows {
        let microsoft = Microsoft::new();
        microsoft.always(row.place, row.act);
        let called = client(&microsoft).validate(&tenant(), &enrolment()).await;
        let (spent, title) = (called.duration, format!("{} at {:?}", row.name, row.place));
        let activity = called.activity_id.to_string();
        assert_eq!(verdict(called), row.told, "{title}");
        assert_eq!(microsoft.count(row.place), row.sent, "{title}: sent");
        assert_eq!(spent, Duration::from_millis(row.spent), "{title}: spent");
        assert_eq!(microsoft.count(Place::Validate), row.validations, "{title}: validations");
        assert_eq!(microsoft.count(Place::Success) + microsoft.count(Place::Failure), 0, "{title}");
        assert!(microsoft.seen().iter().all(|seen| seen.activity() == activity), "{title}");
    }
}

/// A row for a place without which the service is not asked at all.
fn supply(
    place: Place,
    name: &'static str,
    act: Act,
    sent: usize,
    spent: u64,
    told: &'static str,
) -> Row {
    Row { place, name, act, sent, spent, told, validations: 0 }
}

/// A row for the service itself.
fn service(name: &'static str, act: Act, sent: usize, spent: u64, told: &'static str) -> Row {
    Row { place: Place::Validate, name, act, sent, spent, told, validations: sent }
}

fn faults_of_supply(place: Place) -> Vec<Row> {
    vec![
        supply(place, "no answer", Act::Hang, 3, 20_000, "timeout"),
        supply(place, "connection refused", Act::Refuse, 3, 1_500, "connect"),
        supply(place, "connection broken", Act::BreakOff, 3, 1_500, "interrupted"),
        supply(place, "500", answer(500, NESTED_500), 3, 1_500, "500"),
        supply(place, "502", answer(502, "<html>"), 3, 1_500, "502"),
        supply(place, "503 + Retry-After", Act::ComeAgain(503, "2"), 3, 4_000, "503"),
        supply(
            place,
            "503 + Retry-After beyond the budget",
            Act::ComeAgain(503, "60"),
            1,
            0,
            "503",
        ),
        supply(place, "429", answer(429, ""), 3, 1_500, "throttled"),
        supply(place, "malformed JSON", answer(200, "{\"value"), 1, 0, "malformed"),
        supply(place, "JSON that is no object", answer(200, "[]"), 1, 0, "malformed"),
        supply(place, "JSON without what was asked for", answer(200, "{}"), 1, 0, "malformed"),
        supply(place, "too much", Act::Flood, 1, 0, "too_large"),
        supply(place, "redirect", Act::Redirect, 1, 0, "redirected"),
    ]
}

#[tokio::test(start_paused = true)]
async fn at_entra_for_graph() {
    holds(faults_of_supply(Place::GraphToken)).await;
    holds(vec![supply(
        Place::GraphToken,
        "invalid_client",
        answer(401, INVALID_CLIENT),
        1,
        0,
        "expired_secret",
    )])
    .await;
}

#[tokio::test(start_paused = true)]
async fn at_entra_for_intune() {
    holds(faults_of_supply(Place::IntuneToken)).await;
    holds(vec![supply(
        Place::IntuneToken,
        "invalid_client",
        answer(400, INVALID_CLIENT),
        1,
        0,
        "expired_secret",
    )])
    .await;
}

#[tokio::test(start_paused = true)]
async fn at_the_directory() {
    holds(faults_of_supply(Place::Discovery)).await;
    holds(vec![
        supply(Place::Discovery, "401", answer(401, "{}"), 2, 0, "graph_token_refused"),
        supply(Place::Discovery, "403", answer(403, "{}"), 1, 0, "graph_permission"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn at_the_service() {
    holds(vec![
        service("no answer", Act::Hang, 3, 20_000, "timeout"),
        service("connection refused", Act::Refuse, 4, 1_500, "connect"),
        service("connection broken", Act::BreakOff, 3, 1_500, "interrupted"),
        service("500", answer(500, NESTED_500), 3, 1_500, "500"),
        service("504", answer(504, "<html>"), 3, 1_500, "504"),
        service("503 + Retry-After", Act::ComeAgain(503, "2"), 3, 4_000, "503"),
        service("503 + Retry-After beyond the budget", Act::ComeAgain(503, "60"), 1, 0, "503"),
        service("429", answer(429, ""), 3, 1_500, "throttled"),
        service("401", answer(401, "{}"), 2, 0, "intune_token_refused"),
        service("403", answer(403, "{}"), 1, 0, "intune_permission"),
        service("malformed JSON", answer(200, "{\"code"), 1, 0, "malformed"),
        service("JSON that is no object", answer(200, "\"Success\""), 1, 0, "malformed"),
        service("no code", answer(200, r#"{"errorDescription":""}"#), 1, 0, "malformed"),
        service("a code that is a number", answer(200, r#"{"code":0}"#), 1, 0, "malformed"),
        service("an unknown code", answer(200, r#"{"code":"FluxMissing"}"#), 1, 0, "FluxMissing"),
        service("success in lower case", answer(200, r#"{"code":"success"}"#), 1, 0, "well"),
        service("slow", Act::Slow(Duration::from_secs(7)), 1, 7_000, "well"),
        service("too slow", Act::Slow(Duration::from_secs(9)), 3, 20_000, "timeout"),
        service("too much", Act::Flood, 1, 0, "too_large"),
        service("redirect", Act::Redirect, 1, 0, "redirected"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_passes_is_not_told() {
    for place in [Place::GraphToken, Place::Discovery, Place::IntuneToken, Place::Validate] {
        let acts = [Act::BreakOff, answer(503, "")];
        let microsoft = Microsoft::new().then(place, acts);
        let called = client(&microsoft).validate(&tenant(), &enrolment()).await;
        assert_eq!(called.duration, Duration::from_millis(1_500));
        assert_eq!(verdict(called), "well");
        assert_eq!(microsoft.count(place), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_one_for_all_that_a_call_takes() {
    let microsoft = Microsoft::new();
    microsoft.set_latency(Duration::from_secs(6));
    let called = client(&microsoft).validate(&tenant(), &enrolment()).await;
    // Graph's token at 6 s, the directory at 12 s, Intune's token at 18 s.
    assert_eq!(called.duration, Duration::from_secs(20));
    assert_eq!(verdict(called), "out_of_time");
    assert_eq!(microsoft.count(Place::Validate), 1);
}
