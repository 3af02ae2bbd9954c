//! `enroll`.

use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_proto::FailInfo;
use scep_types::{KeyKind, SigningKey};

use crate::server::{Act, TestServer, key_path};
use crate::support::{Work, fingerprint};

#[test]
fn a_device_gets_a_certificate_for_a_key_made_for_it() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let fingerprint = fingerprint(&server);
    let outcome = work.scep([
        "enroll",
        &server.url,
        "--subject",
        "CN=device,O=Example",
        "--dns",
        "device.example",
        "--challenge",
        "do not print",
        "--key",
        "key.pem",
        "--out",
        "cert.pem",
        "--ca-out",
        "ca.pem",
        "--fingerprint",
        &fingerprint,
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert_eq!(work.files(), ["ca.pem", "cert.pem", "key.pem"]);
    let key = std::fs::read_to_string(work.path("key.pem")).unwrap();
    let key = SoftwareKey::from_pkcs8_pem(&key).unwrap();
    assert_eq!(key.kind(), KeyKind::Rsa { bits: 2048 });
    let certificate = work.certificate("cert.pem");
    assert_eq!(certificate.spki(), SigningKey::spki(&key));
    assert_eq!(work.certificate("ca.pem"), server.pki.ca);
    assert!(outcome.out.contains("issued         cert.pem"));
    assert!(outcome.notes.contains("made key.pem: RSA-2048"));
    assert!(!format!("{}{}", outcome.out, outcome.notes).contains("do not print"));
}

#[cfg(unix)]
#[test]
fn a_key_is_for_its_owner_only_and_a_certificate_for_everyone() {
    use std::os::unix::fs::PermissionsExt;
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let fingerprint = fingerprint(&server);
    work.scep([
        "enroll",
        &server.url,
        "--subject",
        "CN=device",
        "--key",
        "key.pem",
        "--out",
        "cert.pem",
        "--fingerprint",
        &fingerprint,
    ]);
    let mode = |name| std::fs::metadata(work.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("key.pem"), mode("cert.pem")), (0o600, 0o644));
}

#[test]
fn what_is_asked_for_arrives_at_the_server() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    work.write("challenge", "from a file\r\n");
    let more = [
        "--challenge",
        "@challenge",
        "--dns",
        "a.example",
        "--email",
        "a@b.example",
        "--upn",
        "a@corp",
        "--uri",
        "urn:a",
        "--ip",
        "192.0.2.1",
        "--ip",
        "2001:db8::1",
    ];
    assert_eq!(work.enroll_pinned(&server, &more).code, 0);
    work.write("message.der", &server.seen().last().unwrap().body);
    let ra = key_path("rsa2048-ra");
    let tree = work.scep(["decode", "message.der", "--key", &ra, "--show-secrets"]);
    assert!(tree.out.contains("challengePassword: from a file\n"), "{}", tree.out);
    let names = "subjectAltName: DNS:a.example, email:a@b.example, UPN:a@corp, URI:urn:a, \
                 IP:192.0.2.1, IP:2001:db8::1\n";
    assert!(tree.out.contains(names), "{}", tree.out);

    let challenge = ["--challenge", "env:SCEP_TEST_CHALLENGE"];
    assert_eq!(work.enroll_pinned(&server, &challenge).code, 0);
    work.write("message.der", &server.seen().last().unwrap().body);
    let tree = work.scep(["decode", "message.der", "--key", &ra, "--show-secrets"]);
    assert!(tree.out.contains("challengePassword: from the environment\n"), "{}", tree.out);
}

// R-2.1.1-01, R-2.2-05
#[test]
fn without_an_anchor_the_fingerprint_is_shown_and_nothing_sent() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let outcome = work.enroll(&server, &["--challenge", "secret"]);
    assert_eq!(outcome.code, 5);
    let remedy = format!("then give --fingerprint {} (CN=Test CA)", fingerprint(&server));
    assert!(outcome.error().ends_with(&remedy), "{}", outcome.notes);
    assert_eq!(server.messages(), 0);
    assert_eq!(work.files(), [""; 0], "no file is left behind");
}

// R-2.2-05
#[test]
fn with_a_wrong_fingerprint_nothing_is_sent() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let wrong = "12".repeat(32);
    let outcome = work.enroll(&server, &["--fingerprint", &wrong]);
    assert_eq!(outcome.code, 5);
    assert!(outcome.error().contains("nothing was sent"));
    assert_eq!(server.messages(), 0);
}

#[test]
fn the_ca_can_be_given_as_a_file_or_believed_with_a_warning() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    work.write("ca.der", server.pki.ca.der());
    assert_eq!(work.enroll(&server, &["--ca", "ca.der"]).code, 0);
    work.write("other.der", server.pki.ra.der());
    assert_eq!(work.enroll(&server, &["--ca", "other.der"]).code, 5);

    let outcome = work.enroll(&server, &["--trust-unverified"]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.notes.contains("WARNING: the CA is not verified"));
}

#[test]
fn a_refusal_ends_with_1_and_says_why() {
    let refused = Act::Fail(FailInfo::BAD_REQUEST, Some("challenge unknown"));
    let (server, work) = (TestServer::start([refused]), Work::new());
    work.write("cert.pem", "the old one");
    let outcome = work.enroll_pinned(&server, &["--challenge", "wrong"]);
    assert_eq!(outcome.code, 1);
    let expected = "scep: refused: badRequest (2), \"challenge unknown\"; check the challenge and \
                    the names; the server's log says more";
    assert_eq!(outcome.error(), expected);
    assert_eq!(work.files(), ["cert.pem"]);
    assert_eq!(std::fs::read(work.path("cert.pem")).unwrap(), b"the old one");
}

#[test]
fn pending_ends_with_3_unless_it_is_approved_in_time() {
    let (server, work) = (TestServer::start([Act::Pend]), Work::new());
    let polls = ["--poll-interval", "0", "--max-polls", "2"];
    let outcome = work.enroll_pinned(&server, &polls);
    assert_eq!(outcome.code, 3);
    assert!(
        outcome
            .error()
            .starts_with("scep: still pending after 2 polls; poll longer with --max-polls")
    );
    assert_eq!(server.messages(), 3);

    let (server, work) = (TestServer::start([Act::Pend]), Work::new());
    assert_eq!(work.enroll_pinned(&server, &["--max-polls", "0"]).code, 3);
    assert_eq!(server.messages(), 1);

    let server = TestServer::start([Act::Pend, Act::Pend, Act::Well]);
    let outcome = work.enroll_pinned(&server, &polls);
    assert_eq!(outcome.code, 0);
    assert!(outcome.notes.contains("pending after 1 polls"));
}

#[test]
fn by_the_hash_of_its_key_a_pending_request_is_asked_for_again() {
    let server = TestServer::start([Act::Pend, Act::Pend, Act::Well]);
    let work = Work::new();
    let ids = |source| {
        let more = ["--max-polls", "0", "--transaction-id", source];
        work.enroll_pinned(&server, &more);
        work.write("message.der", &server.seen().last().unwrap().body);
        let tree = work.scep(["decode", "message.der", "--key", &key_path("rsa2048-ra")]).out;
        let of = |label| tree.lines().find(|line| line.contains(label)).unwrap().to_owned();
        (of("transactionID: "), of("CSR: "))
    };
    let first = ids("key-hash");
    assert_eq!(first, ids("key-hash"));
    assert_ne!(first.0, ids("random").0);
}

#[test]
fn answers_that_are_not_authentic_end_with_5() {
    for script in [
        vec![Act::SignedByAttacker],
        vec![Act::IssuedByStranger],
        vec![Act::ReplyToAnother],
        vec![Act::Pend, Act::SameReplyAgain],
    ] {
        let (server, work) = (TestServer::start(script.clone()), Work::new());
        let outcome = work.enroll_pinned(&server, &["--poll-interval", "0"]);
        assert_eq!(outcome.code, 5, "{script:?}: {}", outcome.notes);
        assert_eq!(work.files(), [""; 0]);
    }
}

#[test]
fn answers_that_are_none_end_with_7_or_4() {
    let cases = [
        (Act::Http(200, b"<html>".to_vec()), 7),
        (Act::Http(500, b"<html>".to_vec()), 4),
        (Act::Redirect(302, "http://elsewhere.example/".to_owned()), 4),
    ];
    for (act, code) in cases {
        let (server, work) = (TestServer::start([act]), Work::new());
        let outcome = work.enroll_pinned(&server, &[]);
        assert_eq!(outcome.code, code, "{}", outcome.notes);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_found_out_before_anything_is_sent() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let fingerprint = fingerprint(&server);
    let key = key_path("rsa2048-device");
    for out in ["no/such/directory/cert.pem", "."] {
        let outcome = work.scep([
            "enroll",
            &server.url,
            "--subject",
            "CN=device",
            "--key",
            &key,
            "--out",
            out,
            "--fingerprint",
            &fingerprint,
        ]);
        assert_eq!(outcome.code, 6, "{}", outcome.notes);
        assert!(outcome.error().contains(out));
    }
    assert!(server.seen().is_empty());
}

#[test]
fn key_and_certificate_have_names_if_nobody_gives_any() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let fingerprint = fingerprint(&server);
    let outcome = work.scep([
        "enroll",
        &server.url,
        "--subject",
        "CN=device",
        "--fingerprint",
        &fingerprint,
        "--ca-identifier",
        "CA 1",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert_eq!(work.files(), ["cert.pem", "key.pem"]);
    assert!(server.seen()[1].target.ends_with("?operation=GetCACert&message=CA%201"));
}

#[test]
fn a_key_that_is_there_is_used_and_never_replaced() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let outcome = work.enroll_pinned(&server, &["--key-type", "rsa3072"]);
    assert_eq!(outcome.code, 6);
    assert!(outcome.error().contains("holds a key of type RSA-2048, not RSA-3072"));

    work.write("key.pem", "no key at all");
    let fingerprint = fingerprint(&server);
    let outcome = work.scep([
        "enroll",
        &server.url,
        "--subject",
        "CN=device",
        "--key",
        "key.pem",
        "--out",
        "cert.pem",
        "--fingerprint",
        &fingerprint,
    ]);
    assert_eq!(outcome.code, 6);
    assert_eq!(std::fs::read(work.path("key.pem")).unwrap(), b"no key at all");
    assert!(server.seen().is_empty());
}

#[test]
fn a_p256_key_is_signed_for_with_a_throw_away_key() {
    let (server, work) = (TestServer::start([Act::Well]), Work::new());
    let fingerprint = fingerprint(&server);
    let outcome = work.scep([
        "enroll",
        &server.url,
        "--subject",
        "CN=device",
        "--key",
        "key.pem",
        "--key-type",
        "p256",
        "--out",
        "cert.pem",
        "--fingerprint",
        &fingerprint,
        "--json",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert!(outcome.notes.contains("throw-away RSA key"));
    let json: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(json["key"], "P-256");
    assert_eq!(json["file"], "cert.pem");
    assert_eq!(json["subject"], "CN=device");
    assert_eq!(work.certificate("cert.pem").key_kind(), Ok(KeyKind::P256));
}

#[test]
fn weak_algorithms_need_to_be_allowed() {
    let weak = Act::Http(200, b"POSTPKIOperation\nSHA-256\nDES3\n".to_vec());
    let (server, work) = (TestServer::with(weak, Act::Well, [Act::Well]), Work::new());
    let outcome = work.enroll_pinned(&server, &[]);
    assert_eq!(outcome.code, 7);
    assert!(
        outcome.error().contains("try --cipher aes128; if it is the server that answers with it"),
        "{}",
        outcome.notes
    );
    assert_eq!(server.messages(), 0);
    assert_eq!(work.enroll_pinned(&server, &["--cipher", "aes128"]).code, 0);
}
