//! `decode` as a program; what the trees say, the tests of the library look at.

use crate::server::{Act, TestServer, key_path};
use crate::support::Work;

/// A folder with the message of an enrolment.
fn captured() -> Work {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    work.enroll_pinned(&server, &["--challenge", "hunter2"]);
    work.write("message.der", &server.seen().last().unwrap().body);
    work
}

#[test]
fn a_challenge_is_shown_on_request_only() {
    let (work, ra) = (captured(), key_path("rsa2048-ra"));
    let tree = work.scep(["decode", "message.der", "--key", &ra]);
    assert_eq!(tree.code, 0);
    assert!(tree.out.contains("challengePassword: hidden, 7 characters (--show-secrets)"));
    assert!(!tree.out.contains("hunter2"));
    let tree = work.scep(["decode", "message.der", "--key", &ra, "--show-secrets"]);
    assert!(tree.out.contains("challengePassword: hunter2\n"));
}

#[test]
fn a_tree_as_json() {
    let work = captured();
    let tree = work.scep(["decode", "message.der", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&tree.out).unwrap();
    assert_eq!(json[0]["label"], "pkiMessage");
    assert_eq!(json[0]["children"][0]["label"], "signer");
}

#[test]
fn what_cannot_be_decoded_ends_with_7() {
    let work = Work::new();
    for (name, content) in [("empty", ""), ("text", "hello, world"), ("cut", "0\u{7f}\u{1}")] {
        work.write(name, content);
        let outcome = work.scep(["decode", name]);
        assert_eq!(outcome.code, 7, "{name}: {}", outcome.notes);
        assert!(outcome.error().starts_with(&format!("scep: {name}: is ")), "{}", outcome.notes);
    }
}

#[test]
fn a_key_that_is_none_ends_with_6() {
    let work = captured();
    let outcome = work.scep(["decode", "message.der", "--key", "message.der"]);
    assert_eq!(outcome.code, 6);
    let outcome = work.scep(["decode", "message.der", "--cert", "missing.pem"]);
    assert_eq!(outcome.code, 6);
}

#[test]
fn a_folder_is_a_conversation_of_which_both_sides_are_shown() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let outcome = work.enroll_pinned(&server, &["--challenge", "hunter2"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    std::fs::create_dir(work.path("talk")).unwrap();
    work.write("talk/1-request", &server.seen().last().unwrap().body);
    work.write("talk/2-reply", server.last_reply());
    work.write("talk/3-note", "hello, world");
    let (device, ra) = (key_path("rsa2048-device"), key_path("rsa2048-ra"));
    let arguments = ["decode", "talk", "--key", &device, "--key", &ra, "--offsets"];
    let outcome = work.scep(arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    for part in [
        "talk/1-request\n",
        "talk/2-reply, which answers talk/1-request\n",
        "messageType: PKCSReq (19)",
        "messageType: CertRep (3)",
        "decrypted with key 1",
        "decrypted with key 2",
        "challengePassword: hidden, 7 characters",
        "  (is neither DER, PEM nor base64)",
        " tbsCertificate",
    ] {
        assert!(outcome.out.contains(part), "{part}: {}", outcome.out);
    }
    let outcome = work.scep(["decode", "talk/1-request", "talk/2-reply", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(json[1]["answers"], "talk/1-request");
    assert_eq!(json[0]["trees"][0]["label"], "pkiMessage");
    assert_eq!(work.scep(["decode", "talk/3-note", "talk/3-note"]).code, 7);
}
