//! `poll`, `getcert`, `getcrl` and `nextca`.

use scep_proto::FailInfo;
use scep_types::Certificate;

use crate::server::{Act, TestServer, key_path};
use crate::support::{Outcome, Work, fingerprint, pem};

fn poll(work: &Work, server: &TestServer, more: &[&str]) -> Outcome {
    let (key, fingerprint) = (key_path("rsa2048-device"), fingerprint(server));
    let fixed = ["poll", &server.url, "--subject", "CN=device", "--key", &key, "--poll-interval"];
    let fixed = fixed.into_iter().chain(["0", "--fingerprint", &fingerprint]);
    work.scep(fixed.chain(more.iter().copied()))
}

fn query(work: &Work, server: &TestServer, command: &str, more: &[&str]) -> Outcome {
    let (key, fingerprint) = (key_path("rsa2048-device"), fingerprint(server));
    let fixed = [command, &server.url, "--cert", "cert.pem", "--key", &key, "--out", "found.pem"];
    let fixed = fixed.into_iter().chain(["--fingerprint", &fingerprint]);
    work.scep(fixed.chain(more.iter().copied()))
}

/// A folder with an issued certificate.
fn enrolled(server: &TestServer) -> Work {
    let work = Work::new();
    assert_eq!(work.enroll_pinned(server, &[]).code, 0);
    work
}

#[test]
fn a_pending_request_is_left_alone_and_fetched_later() {
    let server = TestServer::start([Act::Pend, Act::Pend, Act::Well]);
    let work = Work::new();
    let left = ["--transaction-id", "key-hash", "--max-polls", "0"];
    assert_eq!(work.enroll_pinned(&server, &left).code, 3);
    let outcome = poll(&work, &server, &[]);
    assert_eq!(outcome.code, 3, "{}", outcome.notes);
    assert_eq!(work.files(), [""; 0]);
    let outcome = poll(&work, &server, &["--max-polls", "2", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert!(outcome.out.contains("\"subject\": \"CN=device\""));
    assert_eq!(work.certificate("cert.pem").subject().to_string(), "CN=device");
    // The polls were of the transaction that enroll began.
    let ids: Vec<_> = server.seen().iter().filter(|seen| seen.has_message()).map(id).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

fn poll_state(work: &Work, server: &TestServer, more: &[&str]) -> Outcome {
    let key = key_path("rsa2048-device");
    let fixed = ["poll", &server.url, "--state", "pending", "--key", &key, "--poll-interval", "0"];
    work.scep(fixed.into_iter().chain(more.iter().copied()))
}

#[test]
fn a_pending_request_is_kept_and_gone_on_with_by_poll() {
    let server = TestServer::start([Act::Pend, Act::Pend, Act::Pend, Act::Well]);
    let work = Work::new();
    let outcome = work.enroll_pinned(&server, &["--state", "pending", "--max-polls", "0"]);
    assert_eq!(outcome.code, 3, "{}", outcome.notes);
    assert!(outcome.error().contains("scep poll --state pending"), "{}", outcome.notes);
    assert_eq!(work.files(), ["pending"]);
    assert_eq!(poll_state(&work, &server, &[]).code, 3);
    assert_eq!(work.files(), ["pending"]);
    let outcome = poll_state(&work, &server, &["--max-polls", "2"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert_eq!(work.certificate("cert.pem").subject().to_string(), "CN=device");
    assert_eq!(work.files(), ["cert.pem"], "the challenge is not kept any longer");
    let ids: Vec<_> = server.seen().iter().filter(|seen| seen.has_message()).map(id).collect();
    assert!(ids.len() == 4 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn what_is_kept_is_for_its_owner_and_in_place_of_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let server = TestServer::start([Act::Pend]);
    let work = Work::new();
    assert_eq!(work.enroll_pinned(&server, &["--state", "pending"]).code, 3);
    let mode = std::fs::metadata(work.path("pending")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let messages = server.messages();
    let outcome = work.enroll_pinned(&server, &["--state", "pending"]);
    assert_eq!(outcome.code, 6, "{}", outcome.notes);
    assert_eq!(server.messages(), messages, "nothing was asked for");
    let outcome = poll_state(&work, &server, &["--subject", "CN=device"]);
    assert_eq!(outcome.code, 2, "{}", outcome.notes);
    work.write("pending", "something else");
    assert_eq!(poll_state(&work, &server, &[]).code, 7);
}

fn id(seen: &crate::server::Seen) -> String {
    let message = scep_proto::inspect::Signed::parse(seen.body.clone()).unwrap();
    let id = message.signers().next().unwrap().attributes().transaction_id.unwrap();
    id.to_string()
}

#[test]
fn a_denied_or_unknown_request_ends_with_1() {
    let server = TestServer::start([Act::Fail(FailInfo::BAD_CERT_ID, None)]);
    let outcome = poll(&Work::new(), &server, &["--transaction-id", "no such"]);
    assert_eq!(outcome.code, 1, "{}", outcome.notes);
    assert!(outcome.error().contains("CertPoll: refused: badCertId (4)"), "{}", outcome.notes);
}

#[test]
fn getcert_fetches_a_certificate() {
    let server = TestServer::start([Act::Well]);
    let work = enrolled(&server);
    let outcome = query(&work, &server, "getcert", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert_eq!(work.certificate("found.pem"), work.certificate("cert.pem"));
    let outcome = query(&work, &server, "getcert", &["--serial", "1"]);
    assert_eq!(outcome.code, 1, "{}", outcome.notes);
    let outcome = query(&work, &server, "getcert", &["--serial", "what"]);
    assert_eq!(outcome.code, 2, "{}", outcome.notes);
}

#[test]
fn getcrl_fetches_the_crl_and_believes_only_the_cas() {
    let server = TestServer::start([Act::Well, Act::Well, Act::IssuedByStranger]);
    let work = enrolled(&server);
    let outcome = query(&work, &server, "getcrl", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert_eq!(pem(&work.path("found.pem")), server.pki.crl("rsa2048-ca"));
    let outcome = query(&work, &server, "getcrl", &["--json"]);
    assert_eq!(outcome.code, 5, "{}", outcome.notes);
    assert!(outcome.error().contains("the signature of the CRL does not verify"));
}

#[test]
fn a_server_that_does_not_offer_a_query_is_told_of() {
    for refusal in [Act::Fail(FailInfo::BAD_REQUEST, None), Act::Http(500, b"no".to_vec())] {
        let server = TestServer::start([Act::Well, refusal]);
        let work = enrolled(&server);
        let outcome = query(&work, &server, "getcert", &[]);
        assert!(matches!(outcome.code, 1 | 4), "{}", outcome.notes);
        assert!(outcome.error().contains("the server does not offer it"), "{}", outcome.notes);
        assert_eq!(work.files(), ["cert.pem"]);
    }
}

#[test]
fn nextca_shows_what_the_current_ca_signed_and_nothing_else() {
    let server = TestServer::start([Act::Well, Act::SignedByAttacker, Act::Http(404, Vec::new())]);
    let (work, fingerprint) = (Work::new(), fingerprint(&server));
    let arguments =
        ["nextca", &server.url, "--fingerprint", &fingerprint, "--out", "next.pem", "--json"];
    let outcome = work.scep(arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let next = Certificate::parse(pem(&work.path("next.pem"))).unwrap();
    assert_eq!(next.spki(), server.pki.next_ca().spki());
    let json: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(json["activation"], next.validity().not_before.to_string());
    assert_eq!(work.scep(arguments).code, 5);
    let outcome = work.scep(arguments);
    assert_eq!(outcome.code, 4);
    assert!(outcome.error().contains("the server has no next CA certificate"), "{}", outcome.notes);
}

#[test]
fn an_unknown_ca_gets_no_question() {
    let server = TestServer::start([Act::Well]);
    let work = enrolled(&server);
    let (key, before) = (key_path("rsa2048-device"), server.messages());
    for command in ["getcert", "getcrl"] {
        let fixed = [command, &server.url, "--cert", "cert.pem", "--key", &key, "--out", "x"];
        assert_eq!(work.scep(fixed).code, 5);
    }
    assert_eq!(server.messages(), before);
}
