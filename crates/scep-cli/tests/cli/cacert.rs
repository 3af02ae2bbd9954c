//! `caps` and `cacert`.

use scep_types::DigestAlgorithm;

use crate::server::{Act, TestServer};
use crate::support::{Work, fingerprint, hex};

#[test]
fn caps_shows_what_is_known_and_what_is_not() {
    let answer = b"SCEPStandard\r\nrenewal\r\nShould-Not-\x1b[31mColour\r\n".to_vec();
    let server = TestServer::with(Act::Http(200, answer), Act::Well, []);
    let outcome = Work::new().scep(["caps", &server.url]);
    assert_eq!(outcome.code, 0);
    let expected = "POSTPKIOperation\nRenewal\nSHA-256\nAES\nSCEPStandard\n\
                    Should-Not-\\u{1b}[31mColour  (unknown)\n";
    assert_eq!(outcome.out, expected);
}

#[test]
fn caps_as_json() {
    let server = TestServer::start([Act::Well]);
    let outcome = Work::new().scep(["caps", &server.url, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert!(json["capabilities"].as_array().unwrap().contains(&"SCEPStandard".into()));
    assert_eq!(json["unknown"], serde_json::json!([]));
}

#[test]
fn a_server_without_getcacaps_is_told_of() {
    let server = TestServer::with(Act::Http(404, b"<html>".to_vec()), Act::Well, []);
    let outcome = Work::new().scep(["caps", &server.url]);
    assert_eq!(outcome.code, 4);
    assert_eq!(
        outcome.error(),
        "scep: HTTP status 404 without an answer; check the path of the URL"
    );

    let server = TestServer::with(Act::Http(200, Vec::new()), Act::Well, []);
    let outcome = Work::new().scep(["caps", &server.url]);
    assert_eq!((outcome.code, outcome.out.as_str()), (0, "(none)\n"));
}

#[test]
fn plain_http_needs_no_root_certificates() {
    let server = TestServer::start([Act::Well]);
    let none = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let outcome = Work::new().scep_with(&none, ["caps", &server.url]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
}

#[test]
fn nobody_there_ends_with_4() {
    let outcome = Work::new().scep(["caps", "http://127.0.0.1:1/scep"]);
    assert_eq!(outcome.code, 4);
    assert!(outcome.error().starts_with("scep: cannot connect: "), "{}", outcome.notes);
    assert!(outcome.error().ends_with("; check the URL and that the server runs"));
}

#[test]
fn cacert_shows_fingerprints_and_says_that_nobody_vouches_for_them() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let outcome = work.scep(["cacert", &server.url, "--out", "ca"]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.out.contains(&format!("SHA-256        {}", fingerprint(&server))));
    assert!(outcome.out.contains("subject        CN=Test RA"));
    assert!(outcome.notes.contains("not authenticated"));
    assert_eq!(work.certificate("ca/ca-1.pem"), server.pki.ca);
    assert_eq!(work.certificate("ca/ca-2.pem"), server.pki.ra);
}

// R-2.2-04, R-2.2-05
#[test]
fn cacert_checks_a_fingerprint() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let sha256 = fingerprint(&server).to_lowercase();
    let outcome = work.scep(["cacert", &server.url, "--fingerprint", &sha256]);
    assert_eq!((outcome.code, outcome.notes.as_str()), (0, ""));
    assert!(outcome.out.contains("role           RA, requests are encrypted to it"));

    let wrong = "00".repeat(32);
    let outcome = work.scep(["cacert", &server.url, "--fingerprint", &wrong, "--out", "ca"]);
    assert_eq!(outcome.code, 5);
    assert!(outcome.error().contains("no CA certificate with the pinned fingerprint"));
    assert_eq!(work.files(), [""; 0]);

    let sha1 = hex(&server.pki.fingerprint(DigestAlgorithm::Sha1));
    let outcome = work.scep(["cacert", &server.url, "--fingerprint", &sha1]);
    assert_eq!(outcome.code, 2);
    let outcome =
        work.scep(["cacert", &server.url, "--fingerprint", &sha1, "--allow-sha1-fingerprint"]);
    assert_eq!(outcome.code, 0);
}

#[test]
fn an_answer_that_is_no_certificate_ends_with_7() {
    let page = Act::Http(200, b"<html>Welcome</html>".to_vec());
    let server = TestServer::with(Act::Well, page, []);
    let outcome = Work::new().scep(["cacert", &server.url]);
    assert_eq!(outcome.code, 7, "{}", outcome.notes);
}
