//! `bench` against our server: every figure is of certificates that the server really issued.

use scep_types::DigestAlgorithm;

use crate::ours::{PASSWORD, Server};
use crate::program::scep;

fn anchor() -> String {
    format!("{}/../../testdata/keys/rsa2048-anchor.pem", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn all_devices_of_a_bench_get_a_certificate_by_the_shared_challenge() {
    let server = Server::start();
    let (url, pin) = (server.url("static"), server.fingerprint(DigestAlgorithm::Sha256));
    let pid = std::process::id().to_string(); // the server runs in this process
    let outcome = scep(&[
        "bench",
        &url,
        "--fingerprint",
        &pin,
        "--challenge",
        PASSWORD,
        "--devices",
        "30",
        "--connections",
        "5",
        "--keys",
        "2",
        "--server-pid",
        &pid,
        "--json",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let json = outcome.json();
    assert_eq!((&json["devices"], &json["issued"]), (&30.into(), &30.into()));
    assert_eq!((&json["failed"], &json["connections"]), (&0.into(), &5.into()));
    assert_eq!(server.certificates(), 30);
    let rate = json["enrolments_per_second"].as_f64().unwrap();
    let seconds = json["seconds"].as_f64().unwrap();
    assert!((rate * seconds - 30.0).abs() < 0.01, "{json}");
    let latency = |name: &str| json["latency_ms"][name].as_f64().unwrap();
    assert!(latency("p50") > 0.0 && latency("p50") <= latency("p95"));
    assert!(latency("p95") <= latency("p99") && latency("p99") <= latency("max"));
    assert!(latency("max") <= seconds * 1e3);
    assert!(json["server_cpu"]["seconds"].as_f64().unwrap() > 0.0);
    assert!(outcome.notes.contains("requests 30 certificates from"), "{}", outcome.notes);
    assert!(!outcome.notes.contains("making messages"), "no bar where there is no terminal");
}

#[test]
fn devices_share_connections_unless_each_is_to_have_its_own() {
    let server = Server::start();
    let url = server.url("static");
    let bench = |more: &[&str]| {
        let before = server.connections();
        let args = ["bench", &url, "--trust-unverified", "--challenge", PASSWORD];
        let sizes = ["--devices", "24", "--connections", "3", "--keys", "1"];
        let outcome = scep(&[&args[..], &sizes, more].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.notes);
        server.connections() - before
    };
    let (kept, anew) = (bench(&[]), bench(&["--reconnect"]));
    assert!((1..=4).contains(&kept), "{kept}: one asks what the server can do, three enrol");
    assert!(anew >= 24, "{anew}");
}

#[test]
fn each_device_of_a_bench_has_a_signed_challenge_of_its_own() {
    let server = Server::start();
    let url = server.url("signed");
    let outcome = scep(&[
        "bench",
        &url,
        "--trust-unverified",
        "--challenge-signer",
        &anchor(),
        "--audience",
        &url,
        "--devices",
        "12",
        "--connections",
        "12",
    ]);
    assert_eq!(outcome.code, 0, "{} {}", outcome.out, outcome.notes);
    assert_eq!(server.certificates(), 12);
    assert!(outcome.out.contains("issued         12\n"), "{}", outcome.out);
    assert!(outcome.out.contains("\nenrolments/s "), "{}", outcome.out);
    assert!(outcome.out.contains("\np99 "), "{}", outcome.out);
}

#[test]
fn failures_are_counted_by_kind_and_end_with_9() {
    let server = Server::start();
    let url = server.url("static");
    let outcome = scep(&[
        "bench",
        &url,
        "--trust-unverified",
        "--password",
        "wrong",
        "--devices",
        "6",
        "--json",
    ]);
    assert_eq!(outcome.code, 9, "{}", outcome.notes);
    let json = outcome.json();
    assert_eq!(json["failures"], serde_json::json!({ "FAILURE, badRequest (2)": 6 }));
    assert_eq!((&json["issued"], &json["enrolments_per_second"]), (&0.into(), &0.0.into()));
    assert!(json["latency_ms"]["p50"].is_null());
    assert!(outcome.notes.ends_with("scep: 6 devices got no certificate\n"), "{}", outcome.notes);
    assert_eq!(server.certificates(), 0);
}

#[test]
fn nothing_is_requested_from_another_machine_without_a_yes() {
    let outcome = scep(&["bench", "http://192.0.2.1/scep", "--trust-unverified", "--devices", "7"]);
    assert_eq!(outcome.code, 2, "{}", outcome.notes);
    assert!(outcome.notes.contains("up to 7 certificates would be requested"), "{}", outcome.notes);
}

#[test]
fn a_bench_without_an_anchor_shows_the_fingerprint_and_sends_nothing() {
    let server = Server::start();
    let outcome = scep(&["bench", &server.url("static"), "--challenge", PASSWORD]);
    assert_eq!(outcome.code, 5, "{}", outcome.notes);
    assert!(outcome.notes.contains(&server.fingerprint(DigestAlgorithm::Sha256)));
    assert_eq!(server.certificates(), 0);
}

#[test]
fn what_a_bench_cannot_do_is_said_before_anything_is_sent() {
    let bench = ["bench", "http://127.0.0.1:9/", "--trust-unverified"];
    let with = |more: &[&str]| scep(&[&bench[..], more].concat());
    for (more, code) in [
        (&["--devices", "0"][..], 2),
        (&["--devices", "100001"], 2),
        (&["--connections", "0"], 2),
        (&["--audience", "x"], 2),
        (&["--challenge", "a", "--challenge-signer", "b"], 2),
        (&["--challenge-signer", "nothing-here.pem"], 6),
        (&["--digest", "sha1"], 4), // nobody listens there
    ] {
        let outcome = with(more);
        assert_eq!(outcome.code, code, "{more:?}: {}", outcome.notes);
    }
    let server = Server::start();
    let url = server.url("static");
    let outcome = scep(&["bench", &url, "--trust-unverified", "--digest", "sha1"]);
    assert_eq!(outcome.code, 7, "SHA-1 needs --legacy: {}", outcome.notes);
    let outcome = scep(&["bench", &url, "--trust-unverified", "--server-pid", "4294967295"]);
    assert_eq!(outcome.code, 6, "{}", outcome.notes);
    assert_eq!(server.certificates(), 0);
}
