//! What nobody may read: passwords, challenges, tokens, keys; and what those may read who may.

use crate::support::{PASSWORD, Place, STATIC, enrol};

const WRONG: &str = "aWrongPasswordNobodyShouldSee";

#[tokio::test]
async fn no_secret_is_in_the_log_the_audit_trail_the_metrics_or_the_admin_api() {
    let place = Place::new(STATIC);
    place.replace("[admin]", "[log]\nlevel = \"trace\"\naudit = { file = \"audit\" }\n[admin]");
    let token = place.token("root", "admin");
    let mut scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    enrol(scepd.url(), "tablet", WRONG).await.unwrap_err();
    scepd.hang_up("reloaded");
    let mut seen = Vec::new();
    for path in ["endpoints", "counters", "decisions", "pending"] {
        seen.push(scepd.ask("GET", &format!("/api/v1/{path}"), Some(&token), "").await.1);
    }
    seen.push(scepd.ask("GET", "/metrics", Some(&token), "").await.1);
    seen.push(scepd.ask("POST", "/api/v1/reload", Some(&token), "").await.1);
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    seen.extend([scepd.log(), place.read("audit"), scepd.said.join("\n")]);
    assert!(scepd.log().len() > 1000 && place.read("audit").contains("refused"));
    let key = place.read("ra.key");
    let key = key.lines().nth(1).unwrap();
    for text in seen {
        for secret in [PASSWORD, WRONG, &token[6..], key] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_log_and_an_audit_trail_for_machines_are_json_a_line() {
    let place = Place::new(STATIC);
    place.replace("[admin]", "[log]\nformat = \"json\"\naudit = { file = \"audit\" }\n[admin]");
    let mut scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    enrol(scepd.url(), "tablet", WRONG).await.unwrap_err();
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    let lines = |text: String| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let log = lines(scepd.log());
    let refused = log.iter().find(|line| line["fields"]["reason"] == "password").unwrap();
    assert_eq!(refused["spans"][0]["client"], "127.0.0.1", "{refused:#}");
    assert_eq!(refused["spans"][1]["endpoint"], "devices", "{refused:#}");
    let audit = lines(place.read("audit"));
    let told =
        |key: &str| -> Vec<_> { audit.iter().filter_map(|line| line[key].as_str()).collect() };
    assert_eq!(told("did"), ["start", "stop"]);
    assert_eq!(told("outcome"), ["issued", "refused"]);
    assert!(audit.iter().all(|line| line["at"].is_string()));
}
