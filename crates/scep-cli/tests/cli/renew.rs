//! `renew`.

use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_proto::FailInfo;
use scep_types::SigningKey;

use crate::server::{Act, TestServer, key, key_path};
use crate::support::{Outcome, Work, fingerprint};

/// A folder with a certificate to renew.
fn enrolled(server: &TestServer) -> Work {
    let work = Work::new();
    assert_eq!(work.enroll_pinned(server, &[]).code, 0);
    std::fs::rename(work.path("cert.pem"), work.path("old.pem")).unwrap();
    work
}

fn renew(work: &Work, server: &TestServer, key: &str, more: &[&str]) -> Outcome {
    let (key, fingerprint) = (key_path(key), fingerprint(server));
    let fixed = [
        "renew",
        &server.url,
        "--cert",
        "old.pem",
        "--key",
        &key,
        "--out",
        "new.pem",
        "--fingerprint",
        &fingerprint,
    ];
    work.scep(fixed.into_iter().chain(more.iter().copied()))
}

/// The tree of the last message that came.
fn last_message(work: &Work, server: &TestServer) -> String {
    work.write("message.der", &server.seen().last().unwrap().body);
    let ra = key_path("rsa2048-ra");
    work.scep(["decode", "message.der", "--key", &ra]).out
}

// R-2.3-06, R-2.4-05
#[test]
fn a_renewal_is_signed_with_the_old_certificate_and_has_no_challenge() {
    let server = TestServer::start([Act::Well]);
    let work = enrolled(&server);
    let outcome = renew(&work, &server, "rsa2048-device", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let (old, new) = (work.certificate("old.pem"), work.certificate("new.pem"));
    assert_eq!(new.spki(), old.spki());
    assert_ne!(new.serial(), old.serial());
    assert_eq!(new.subject(), old.subject());
    let message = last_message(&work, &server);
    assert!(message.contains("messageType: RenewalReq (17)"));
    assert!(message.contains("signature: valid, by the certificate of CN=device in the message"));
    assert!(!message.contains("challengePassword"));
}

// R-2.5-02
#[test]
fn a_renewal_can_have_a_new_key() {
    let server = TestServer::start([Act::Well]);
    let work = enrolled(&server);
    let outcome = renew(&work, &server, "rsa2048-device", &["--new-key", "new.key"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let new_key = std::fs::read_to_string(work.path("new.key")).unwrap();
    let new_key = SoftwareKey::from_pkcs8_pem(&new_key).unwrap();
    assert_eq!(work.certificate("new.pem").spki(), SigningKey::spki(&new_key));
    assert_ne!(SigningKey::spki(&new_key), SigningKey::spki(&key("rsa2048-device")));
}

#[test]
fn the_message_type_can_be_settled() {
    let server = TestServer::start([Act::Well]);
    let work = enrolled(&server);
    let outcome = renew(&work, &server, "rsa2048-device", &["--message-type", "pkcs"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert!(last_message(&work, &server).contains("messageType: PKCSReq (19)"));
}

#[test]
fn a_renewed_certificate_takes_the_place_of_the_old_one_unless_told_otherwise() {
    let server = TestServer::start([Act::Well]);
    let work = enrolled(&server);
    let old = work.certificate("old.pem");
    let (key, fingerprint) = (key_path("rsa2048-device"), fingerprint(&server));
    let outcome = work.scep([
        "renew",
        &server.url,
        "--cert",
        "old.pem",
        "--key",
        &key,
        "--fingerprint",
        &fingerprint,
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert_eq!(work.files(), ["old.pem"]);
    assert_ne!(work.certificate("old.pem").serial(), old.serial());
}

// R-2.5.1-04
#[test]
fn a_refused_renewal_leaves_the_old_certificate_alone() {
    let server = TestServer::start([Act::Well, Act::Fail(FailInfo::BAD_REQUEST, None)]);
    let work = enrolled(&server);
    let before = std::fs::read(work.path("old.pem")).unwrap();
    let outcome = renew(&work, &server, "rsa2048-device", &[]);
    assert_eq!(outcome.code, 1, "{}", outcome.notes);
    assert_eq!(std::fs::read(work.path("old.pem")).unwrap(), before);
    assert_eq!(work.files(), ["old.pem"]);
}

#[test]
fn the_key_of_another_certificate_is_refused_before_anything_is_sent() {
    let server = TestServer::start([Act::Well]);
    let work = enrolled(&server);
    let before = server.seen().len();
    let outcome = renew(&work, &server, "rsa2048-device2", &[]);
    assert_eq!(outcome.code, 6);
    assert!(outcome.error().ends_with("is not the key of the certificate"), "{}", outcome.notes);
    assert_eq!(server.seen().len(), before);
}
