//! The admin API: who may do what, and that it does it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Place, STATIC, Scepd, enrol, renew};

/// Each route, and the least role that may use it.
const ROUTES: [(&str, &str, &str); 11] = [
    ("GET", "/api/v1/endpoints", "viewer"),
    ("GET", "/api/v1/counters", "viewer"),
    ("GET", "/api/v1/decisions", "viewer"),
    ("GET", "/api/v1/actions", "viewer"),
    ("GET", "/api/v1/certificates", "viewer"),
    ("GET", "/api/v1/pending", "viewer"),
    ("GET", "/metrics", "viewer"),
    ("POST", "/api/v1/pending/00/approve", "operator"),
    ("POST", "/api/v1/pending/00/deny", "operator"),
    ("POST", "/api/v1/certificates/revoke", "operator"),
    ("POST", "/api/v1/reload", "admin"),
];

const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

#[tokio::test]
async fn each_route_is_for_its_role_and_those_above_it() {
    let place = Place::new(STATIC);
    let tokens: Vec<_> = ROLES.iter().map(|role| place.token(role, role)).collect();
    let scepd = place.serve();
    for (method, path, least) in ROUTES {
        for wrong in [None, Some(""), Some("scepd-"), Some(&tokens[2][..tokens[2].len() - 1])] {
            let (status, body) = scepd.ask(method, path, wrong, "").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {wrong:?}");
            assert_eq!(body, "{\"error\":\"a bearer token is needed\"}\n", "nothing is told");
        }
        let least = ROLES.iter().position(|role| *role == least).unwrap();
        for (role, token) in tokens.iter().enumerate() {
            let (status, body) = scepd.ask(method, path, Some(token), "").await;
            if role < least {
                assert_eq!(status, StatusCode::FORBIDDEN, "{path} {role}");
            } else {
                let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                assert!(!refused.contains(&status), "{path} {role}: {status} {body}");
            }
        }
        let other = if method == "GET" { "POST" } else { "GET" };
        let (status, _) = scepd.ask(other, path, Some(&tokens[2]), "").await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{other} {path}");
    }
    let (status, _) = scepd.ask("GET", "/api/v1/nothing", Some(&tokens[2]), "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(scepd.ask("GET", "/healthz", None, "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_admin_api_is_not_on_the_listeners_of_devices() {
    let place = Place::new(STATIC);
    let token = place.token("root", "admin");
    let scepd = place.serve();
    for (_, path, _) in ROUTES {
        let url = format!("http://{}{path}", scepd.address());
        let answer = crate::support::http().get(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_token_is_hashed_at_rest_and_ends_when_it_is_taken_away() {
    let place = Place::new(STATIC);
    let token = place.token("alice", "admin");
    let kept = place.read("state/admin-tokens.toml");
    assert!(kept.contains("alice") && !kept.contains(&token[6..]), "{kept}");
    let output = place.run(&["admin", "token", "new", "--name", "alice", "--role", "viewer"]);
    assert_eq!(output.status.code(), Some(3), "the name is taken");
    let mut scepd = place.serve();
    assert_eq!(scepd.ask("GET", "/metrics", Some(&token), "").await.0, StatusCode::OK);

    let bob = place.token("bob", "viewer");
    assert_eq!(scepd.ask("GET", "/metrics", Some(&bob), "").await.0, StatusCode::UNAUTHORIZED);
    assert!(place.run(&["admin", "token", "remove", "--name", "alice"]).status.success());
    scepd.hang_up("reloaded");
    assert_eq!(scepd.ask("GET", "/metrics", Some(&token), "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(scepd.ask("GET", "/metrics", Some(&bob), "").await.0, StatusCode::OK);
    let listed = String::from_utf8(place.run(&["admin", "token", "list"]).stdout).unwrap();
    assert!(listed.starts_with("bob\tviewer\t") && listed.lines().count() == 1, "{listed}");
}

#[cfg(unix)]
#[test]
fn a_file_of_tokens_that_others_may_read_is_refused() {
    let place = Place::new(STATIC);
    place.token("alice", "admin");
    place.write("state/admin-tokens.toml", &place.read("state/admin-tokens.toml"), 0o644);
    let output = place.run(&["serve", "--config", "scepd.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("chmod 600"));
}

#[tokio::test]
async fn endpoints_show_what_expires_and_when() {
    let place = Place::new(STATIC);
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    let shown = scepd.get("/api/v1/endpoints", &token).await;
    let endpoint = &shown["endpoints"][0];
    assert_eq!(endpoint["name"], "devices");
    assert_eq!(endpoint["path"], "/scep/devices");
    assert_eq!(endpoint["mode"], "static");
    let certificates = endpoint["certificates"].as_array().unwrap();
    let role = |certificate: &Value| certificate["role"].as_str().unwrap().to_owned();
    assert_eq!(certificates.iter().map(role).collect::<Vec<_>>(), ["ca", "ra"]);
    for certificate in certificates {
        let days = certificate["days_left"].as_i64().unwrap();
        assert!((88..=90).contains(&days), "{certificate}");
    }
}

#[tokio::test]
async fn decisions_are_shown_with_their_reasons_successes_and_failures() {
    let place = Place::new(STATIC);
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    let issued = enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    enrol(scepd.url(), "tablet", "wrong").await.unwrap_err();
    let shown = scepd.get("/api/v1/decisions", &token).await;
    let [refused, granted] = &shown["decisions"].as_array().unwrap()[..] else {
        panic!("{shown:#}");
    };
    assert_eq!(granted["outcome"], "issued");
    assert_eq!(granted["serial"], json!(issued.certificate.serial_hex()));
    assert_eq!(granted["basis"], "static_password");
    assert!(granted["subject"].as_str().unwrap().contains("phone"));
    assert_eq!(refused["outcome"], "refused");
    assert_eq!(refused["reason"], "password");
    assert!(refused["subject"].as_str().unwrap().contains("tablet"));
    assert!(refused["transaction_id"].is_string());
    let metrics = scepd.ask("GET", "/metrics", Some(&token), "").await.1;
    for line in [
        "scep_decisions_total{endpoint=\"devices\",outcome=\"issued\",reason=\"\"} 1",
        "scep_decisions_total{endpoint=\"devices\",outcome=\"refused\",reason=\"password\"} 1",
        "scep_not_after_seconds{endpoint=\"devices\",role=\"ra\"",
        "scep_pending_requests{endpoint=\"devices\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn each_metric_and_route_that_the_manual_names_is_there() {
    let place = crate::tls::tls_place();
    let token = place.token("root", "admin");
    place.replace("[admin]", "[[listener]]\naddress = \"127.0.0.2:0\"\n[admin]");
    let scepd = place.serve();
    enrol(&scepd.urls[1], "phone", PASSWORD).await.unwrap();
    let metrics = scepd.ask("GET", "/metrics", Some(&token), "").await.1;
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operate.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let names = manual.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    let names: Vec<_> = names.filter(|name| name.starts_with("scep_")).collect();
    assert!(names.len() > 10, "{names:?}");
    // The second is there where an endpoint has the mode `intune`; tests of that look for it.
    let elsewhere = ["scep_server", "scep_intune_denials_total"];
    for name in names.into_iter().filter(|name| !elsewhere.contains(name)) {
        let described = format!("# TYPE {} ", name.trim_end_matches("_total"));
        assert!(metrics.contains(&described), "{name}\n{metrics}");
    }
    for (_, path, _) in ROUTES {
        let path = path.replace("/pending/00/approve", "/pending/{id}/approve");
        assert!(manual.contains(&path) || path.ends_with("/deny"), "{path}");
    }
}

fn manual() -> (Place, String, String) {
    let place = Place::new(STATIC);
    place.replace(
        "mode = \"static\"\nstatic = { password = { file = \"password\" } }",
        "mode = \"manual\"\nmanual = { keep = \"1d\" }",
    );
    place.replace("[admin]", "[log]\naudit = { file = \"audit\" }\n[admin]");
    let (viewer, operator) = (place.token("victor", "viewer"), place.token("olga", "operator"));
    (place, viewer, operator)
}

/// Waits for the only request that is pending, and returns its id.
async fn pending(scepd: &Scepd, token: &str, name: &str) -> String {
    for _ in 0..3000 {
        let shown = scepd.get("/api/v1/pending", token).await;
        if let Some(request) = shown["pending"].as_array().unwrap().first() {
            assert!(request["subject"].as_str().unwrap().contains(name), "{shown:#}");
            assert!(request["approved_by"].is_null());
            return request["id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nothing is pending");
}

#[tokio::test]
async fn an_operator_approves_or_denies_what_waits_and_no_one_else_does() {
    let (place, viewer, operator) = manual();
    let scepd = place.serve();
    for (decision, name) in [("approve", "phone"), ("deny", "tablet")] {
        let url = scepd.url().to_owned();
        let device = tokio::spawn(async move { enrol(&url, name, "").await });
        let id = pending(&scepd, &viewer, name).await;
        let path = format!("/api/v1/pending/{id}/{decision}");
        assert_eq!(scepd.ask("POST", &path, Some(&viewer), "").await.0, StatusCode::FORBIDDEN);
        let unknown = format!("/api/v1/pending/{}/{decision}", "0".repeat(64));
        assert_eq!(scepd.ask("POST", &unknown, Some(&operator), "").await.0, StatusCode::NOT_FOUND);
        let (status, body) = scepd.ask("POST", &path, Some(&operator), "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let outcome = device.await.unwrap();
        assert_eq!(outcome.is_ok(), decision == "approve", "{outcome:?}");
        let audit = place.read("audit");
        let line = audit.lines().find(|line| line.contains(&format!("\"did\":\"{decision}\"")));
        assert!(line.unwrap().contains("\"who\":\"olga\""), "{audit}");
    }
    assert_eq!(scepd.get("/api/v1/pending", &viewer).await, json!({ "pending": [] }));
}

#[tokio::test]
async fn a_revoked_certificate_renews_nothing() {
    let place = Place::new(STATIC);
    let token = place.token("olga", "operator");
    let scepd = place.serve();
    let certificate = enrol(scepd.url(), "phone", PASSWORD).await.unwrap().certificate;
    let order = |serial: &str| {
        json!({ "endpoint": "devices", "serial": serial, "reason": "key-compromise" }).to_string()
    };
    let path = "/api/v1/certificates/revoke";
    let serial = certificate.serial_hex();
    for (body, expected) in [
        ("".to_owned(), StatusCode::BAD_REQUEST),
        (order("xyz"), StatusCode::BAD_REQUEST),
        (order(&serial).replace("devices", "others"), StatusCode::BAD_REQUEST),
        (order(&serial).replace("key-compromise", "no-reason"), StatusCode::BAD_REQUEST),
        ("x".repeat(17_000), StatusCode::BAD_REQUEST),
        (order("0102"), StatusCode::NOT_FOUND),
        (order(&serial), StatusCode::OK),
        (order(&serial.to_lowercase()), StatusCode::OK), // again changes nothing
    ] {
        let (status, answer) = scepd.ask("POST", path, Some(&token), &body).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
    assert!(renew(scepd.url(), &certificate).await.is_err());
}

#[tokio::test]
async fn a_reload_by_the_api_says_what_is_wrong() {
    let place = Place::new(STATIC);
    let token = place.token("root", "admin");
    let scepd = place.serve();
    let (status, body) = scepd.ask("POST", "/api/v1/reload", Some(&token), "").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "{\"at_restart\":[],\"ok\":true}\n"));
    place.replace("mode = \"static\"", "mode = \"statc\"");
    let (status, body) = scepd.ask("POST", "/api/v1/reload", Some(&token), "").await;
    assert_eq!(status, StatusCode::CONFLICT);
    let report: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["mistakes"][0]["line"], 13, "{report:#}");
    assert_eq!(report["mistakes"][0]["remedy"], "did you mean `static`?");
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    let counters = scepd.get("/api/v1/counters", &token).await;
    assert_eq!(counters["reloads"], json!({ "ok": 1, "failed": 1 }));
}
