//! `probe` and `conformance` against a server that does what it should not.

use scep_types::{Name, oid};

use crate::server::{Act, TestServer, key};
use crate::support::{Outcome, Work, fingerprint};

fn conformance(server: &TestServer, more: &[&str]) -> (Outcome, serde_json::Value) {
    let fingerprint = fingerprint(server);
    let fixed = ["conformance", &server.url, "--fingerprint", &fingerprint, "--yes", "--json"];
    let outcome = Work::new().scep(fixed.into_iter().chain(more.iter().copied()));
    let table = serde_json::from_str(&outcome.out).unwrap();
    (outcome, table)
}

fn verdict<'a>(table: &'a serde_json::Value, id: &str) -> &'a str {
    let mut rows = table["rows"].as_array().unwrap().iter();
    rows.find(|row| row["id"] == id).unwrap()["verdict"].as_str().unwrap()
}

#[test]
fn even_a_server_that_grants_all_gives_no_more_certificates_than_announced() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let fingerprint = fingerprint(&server);
    let arguments =
        ["conformance", &server.url, "--fingerprint", &fingerprint, "--challenge", "secret"];
    let outcome = work.scep(arguments);
    assert_eq!(outcome.code, 2, "{}", outcome.notes);
    let (_, rest) = outcome.notes.split_once("up to ").unwrap();
    let announced: usize = rest.split(' ').next().unwrap().parse().unwrap();
    assert_eq!((server.issued(), server.messages()), (0, 0));
    assert_eq!(work.scep(arguments.into_iter().chain(["--yes"])).code, 8);
    assert!((10..=announced).contains(&server.issued()), "{} of {announced}", server.issued());
}

// R-2.4-07
#[test]
fn a_server_that_grants_whatever_it_is_asked_fails() {
    let server = TestServer::start([Act::Well]);
    let (outcome, table) = conformance(&server, &["--only", "R-2.4", "--only", "R-4.3-05"]);
    assert_eq!(outcome.code, 8, "{}", outcome.notes);
    for id in ["R-2.4-07", "R-2.4-04", "R-2.4-08", "R-4.3-05"] {
        assert_eq!(verdict(&table, id), "fail", "{id}");
    }
}

/// As the jscep server does, which is made of Bouncy Castle.
#[test]
fn replies_that_are_streamed_are_read() {
    let server = TestServer::start([Act::Ber]);
    let (_, table) = conformance(&server, &["--only", "R-4.3-01", "--only", "R-5280"]);
    for id in ["R-4.3-01", "R-5280-01", "R-5280-03", "R-5280-04"] {
        assert_eq!(verdict(&table, id), "pass", "{id}");
    }
    // This one writes the name anew, as another kind of string.
    assert_eq!(verdict(&table, "R-5280-13"), "fail");
}

#[test]
fn a_server_that_is_down_for_messages_is_not_called_conformant() {
    let server = TestServer::start([Act::Http(500, b"no".to_vec())]);
    let (_, table) = conformance(&server, &["--challenge", "x"]);
    for id in ["R-3.2.1-01", "R-CMS5.6-01", "R-2.9-03", "R-3218-02", "R-5280-01", "R-4.3-05"] {
        assert_ne!(verdict(&table, id), "pass", "{id}");
    }
    assert_eq!(verdict(&table, "R-4.3-01"), "fail");
    assert_eq!(verdict(&table, "R-3.5-01"), "pass");
}

#[test]
fn a_probe_finds_the_media_type_and_the_capabilities_that_are_wrong() {
    let caps = Act::Http(200, b"Renewal \r\nSHA-1\r\n".to_vec());
    let server = TestServer::with(caps, Act::Well, [Act::Http(500, Vec::new())]);
    let outcome = Work::new().scep(["probe", &server.url]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let line = |family: &str| {
        let mut lines =
            outcome.out.lines().filter(|line| line.starts_with(&format!("  {family} ")));
        lines.next_back().unwrap().to_owned()
    };
    for family in ["Apple (iOS, macOS)", "Android and jscep", "ChromeOS", "sscep"] {
        assert!(line(family).ends_with("will not work"), "{family}: {}", outcome.out);
    }
    assert!(outcome.out.contains(r"as sent      Renewal \r | SHA-1\r"), "{}", outcome.out);
    assert!(outcome.out.contains("GetCACert      HTTP 200, text/html"), "{}", outcome.out);
}

#[test]
fn a_probe_of_a_ca_with_an_ec_key_alone_says_that_nobody_can_encrypt_to_it() {
    let (key, name) = (key("p256-ca"), Name::build(&[(oid::COMMON_NAME, "EC CA")]));
    let random = scep_crypto::aws_lc_rs::provider().random;
    let ca = scep_client::self_signed(&key, &name, scep_client::now(), random).unwrap();
    let answer = Act::Http(200, ca.der().to_vec());
    let server = TestServer::with(Act::Well, answer, [Act::Well]);
    let outcome = Work::new().scep(["probe", &server.url]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert!(outcome.out.contains("key            P-256"), "{}", outcome.out);
    assert!(outcome.out.contains("not so: requests are encrypted to an RSA key"));
    assert!(!outcome.out.contains("should work"), "{}", outcome.out);
    assert_eq!(server.messages(), 0);
}

#[test]
fn a_probe_of_a_page_that_is_no_scep_server_says_what_it_is() {
    let page = Act::Http(200, b"<html>Welcome</html>".to_vec());
    let server = TestServer::with(page.clone(), page.clone(), [page]);
    let outcome = Work::new().scep(["probe", &server.url]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert!(outcome.out.contains("as sent      <html>Welcome</html>"), "{}", outcome.out);
    assert!(outcome.out.contains("understood   (nothing)"), "{}", outcome.out);
}
