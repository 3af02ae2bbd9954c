//! What scepd knew before it ended, it knows when it is started again.

use reqwest::StatusCode;
use scep_types::Secret;

use crate::backend::Backend;
use crate::fleet::{Answer, Fleet, signed_place};
use crate::support::{Place, Scepd, renew};

#[tokio::test]
async fn after_a_stop_or_a_kill_requests_challenges_and_what_waits_are_as_before() {
    for (signal, clean) in [("TERM", true), ("KILL", false)] {
        let (place, token) = place();
        let fleet = Fleet::of(&place);
        let challenge = fleet.challenge("1", "device-1");
        let enrolment = fleet.order("enrolment", 0, &challenge);
        let waiting = fleet.order("waiting", 1, &Secret::new("unused"));

        let mut before = place.serve();
        let issued = fleet.settle(&before.urls[..1], 0, &enrolment).await;
        assert_eq!(fleet.settle(&before.urls[1..], 0, &waiting).await, Answer::Pending);
        before.signal(signal);
        assert_eq!(before.ended().success(), clean);

        let after = place.serve();
        assert_eq!(fleet.settle(&after.urls[..1], 0, &enrolment).await, issued, "{signal}");
        let other = fleet.order("other", 2, &challenge);
        let other = fleet.settle(&after.urls[..1], 0, &other).await;
        assert!(matches!(other, Answer::Refused(_)), "{signal}: {other:?}");
        let Answer::Issued(certificate) = issued else { panic!("{issued:?}") };
        renew(&after.urls[0], &certificate).await.unwrap();

        assert_eq!(fleet.settle(&after.urls[1..], 0, &waiting).await, Answer::Pending, "{signal}");
        approve(&after, &token).await;
        let granted = fleet.settle(&after.urls[1..], 0, &waiting).await;
        assert!(matches!(granted, Answer::Issued(_)), "{signal}: {granted:?}");
    }
}

/// An endpoint for signed challenges, one for an operator, and an operator's token.
fn place() -> (Place, String) {
    let dir = tempfile::tempdir().unwrap();
    let backend = Backend::Sqlite("scepd.sqlite".into()); // beside the configuration
    let place = signed_place(dir, &backend.settings());
    let manual = r#"
[[endpoint]]
name = "lab"
mode = "manual"
manual = { keep = "1d" }
[admin]
address = "127.0.0.1:0"
"#;
    place.write("scepd.toml", &(place.read("scepd.toml") + manual), 0o644);
    let token = place.token("olga", "operator");
    (place, token)
}

/// Approves the one request that waits.
async fn approve(scepd: &Scepd, token: &str) {
    let shown = scepd.get("/api/v1/pending", token).await;
    let [request] = &shown["pending"].as_array().unwrap()[..] else { panic!("{shown:#}") };
    let path = format!("/api/v1/pending/{}/approve", request["id"].as_str().unwrap());
    let (status, body) = scepd.ask("POST", &path, Some(token), "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
}
