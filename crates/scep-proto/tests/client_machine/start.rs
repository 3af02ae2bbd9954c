//! From the first request to the first message: capabilities, the CA, and what must not be sent before it.

use scep_proto::client::{
    CaTrust, Enrolment, EnrolmentSettings, HttpAnswer, State, Step, TransactionIdSource,
};
use scep_proto::http::Method;
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::{
    CaAnchor, Error, MessageType, Misbehaviour, UnauthenticatedCa, Unfinished, Unsupported,
    write_ca_certificates,
};
use scep_test::keys;
use scep_test::pki::{NOW, Pki, Role};
use scep_test::requests::CHALLENGE;
use scep_types::{DigestAlgorithm, KeyKind, SigningKey};

use crate::server::{Act, Server, ok};
use crate::support::{Host, device, fingerprint, pki, settings, start, stranger};

// R-2.2-01, R-3.5.1-01, R-4.2-01
#[test]
fn capabilities_come_first_then_the_ca_and_only_then_a_message() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut server = Server::new(pki, [Act::Succeed]);
    host.drive(&device, settings(pki), &mut server).unwrap();
    let queries: Vec<_> = host.requests.iter().map(|request| request.query.as_str()).collect();
    assert_eq!(queries, ["operation=GetCACaps", "operation=GetCACert", "operation=PKIOperation"]);
    assert_eq!(
        host.requests.iter().map(|request| request.method).collect::<Vec<_>>(),
        [Method::Get, Method::Get, Method::Post]
    );
}

// R-2.5.1-01, R-2.5.1-02
#[test]
fn the_state_is_pending_once_the_request_is_sent_and_issued_at_the_end() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut server = Server::new(pki, [Act::Pend, Act::Succeed]);
    host.drive(&device, settings(pki), &mut server).unwrap();
    use State::{CertIssued, CertNonExistent, CertReqPending};
    let expected = [
        [CertNonExistent; 3].as_slice(), // GetCACaps, GetCACert, sign
        &[CertReqPending; 5],            // send, wait, sign the poll, send it, decrypt
        &[CertIssued],
    ];
    assert_eq!(host.states, expected.concat());
}

// R-2.2-05
#[test]
fn with_a_wrong_fingerprint_not_one_octet_of_the_csr_is_sent() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut server = Server::new(pki, []);
    let wrong = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, vec![0; 32]);
    let settings = EnrolmentSettings::new(CaTrust::Anchor(wrong));
    let refused = host.drive(&device, settings, &mut server).unwrap_err();
    assert!(matches!(refused, Error::Misbehaved(Misbehaviour::FingerprintMismatch { .. })));
    assert_eq!(host.requests.len(), 2, "GetCACaps and GetCACert");
    for request in &host.requests {
        assert!(request.body.is_empty());
        assert!(!request.query.contains("message="));
    }
    assert!(server.seen.is_empty());
}

// R-2.2-04
#[test]
fn a_sha_1_fingerprint_authenticates_too() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let digests = scep_crypto::aws_lc_rs::provider().digest;
    let digest = digests.digest(DigestAlgorithm::Sha1, pki.ca.der()).unwrap();
    let anchor = CaAnchor::Fingerprint(DigestAlgorithm::Sha1, digest.as_ref().to_vec());
    let settings = EnrolmentSettings::new(CaTrust::Anchor(anchor));
    host.drive(&device, settings, &mut Server::new(pki, [Act::Succeed])).unwrap();
}

// R-2.2-06
#[test]
fn an_ra_certificate_of_a_stranger_gets_nothing_encrypted_to_it() {
    let (mut pki, device, mut host) = (Pki::new("rsa2048-ca", "rsa2048-ra"), device(), Host::new());
    pki.ra = stranger().ra;
    let mut server = Server::new(&pki, [Act::Succeed]);
    // The request goes to the CA itself; the stranger's answer is not believed.
    let refused = host.drive(&device, settings(&pki), &mut server).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::UntrustedSigner));
    let signed = Signed::parse(server.seen[0].message.clone()).unwrap();
    let envelope = Enveloped::parse(signed.content().clone()).unwrap();
    let recipients: Vec<_> = envelope.recipients().map(|r| r.identifier().to_string()).collect();
    assert_eq!(recipients, ["serial number 01 of CN=Test CA"]);
}

// R-2.2-03
#[test]
fn a_ca_known_before_is_not_asked_for() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let (_, answer) = write_ca_certificates(&[&pki.ca, &pki.ra]);
    let provider = scep_crypto::aws_lc_rs::provider();
    let known = UnauthenticatedCa::parse(answer).unwrap();
    let known = known.authenticate(&fingerprint(pki), &provider, NOW).unwrap();
    let settings = EnrolmentSettings::new(CaTrust::Known(Box::new(known)));
    host.drive(&device, settings, &mut Server::new(pki, [Act::Succeed])).unwrap();
    let queries: Vec<_> = host.requests.iter().map(|request| request.query.as_str()).collect();
    assert_eq!(queries, ["operation=GetCACaps", "operation=PKIOperation"]);
}

// R-2.1.1-01, R-2.2-09
#[test]
fn without_an_anchor_the_host_is_asked_and_may_go_on() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut server = Server::new(pki, [Act::Succeed]);
    let step = start(&device, EnrolmentSettings::new(CaTrust::Ask));
    let step = host.take(step, &device, &mut server).unwrap();
    let step = host.take(step, &device, &mut server).unwrap();
    let Step::AskTrust(question) = step else { panic!("{step:?} instead of a question") };
    assert_eq!(question.ca().certificates(), [pki.ca.clone(), pki.ra.clone()]);
    assert!(server.seen.is_empty(), "nothing was sent before the answer");
    let anchor = CaAnchor::Certificate(Box::new(pki.ca.clone()));
    let mut step = question.trust(&anchor, &host.turn()).unwrap();
    while !matches!(step, Step::Done(_)) {
        step = host.take(step, &device, &mut server).unwrap();
    }
}

// R-3.5.2-07, R-3.5.2-10
#[test]
fn whatever_getcacaps_answers_the_enrolment_goes_on() {
    let (pki, device) = (pki(), device());
    let html = format!("<html>{}</html>", "<p>AES\n".repeat(1000));
    for answer in [
        None,
        Some(HttpAnswer { status: 404, body: "Not Found".into() }),
        Some(HttpAnswer { status: 500, body: "AES\nSHA-512\n".into() }),
        Some(ok("")),
        Some(ok(html)),
    ] {
        let mut server = Server::new(pki, [Act::Succeed]);
        server.capabilities = answer;
        let mut host = Host::new();
        host.drive(&device, settings(pki), &mut server).unwrap();
        assert_eq!(server.seen[0].method, Method::Get, "no capability, so no POST");
    }
}

#[test]
fn no_answer_to_getcacert_ends_the_enrolment() {
    let (pki, device) = (pki(), device());
    let cases = [
        (None, Error::Unfinished(Unfinished::NoAnswer { attempts: 1 })),
        (
            Some(HttpAnswer { status: 403, body: "no".into() }),
            Error::Unfinished(Unfinished::HttpStatus(403)),
        ),
    ];
    for (answer, expected) in cases {
        let mut server = Server::new(pki, []);
        server.ca_answer = answer;
        let ended = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
        assert_eq!(ended, expected);
    }
}

#[test]
fn a_ca_identifier_is_sent_escaped() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut settings = settings(pki);
    settings.ca_identifier = Some("CA 1&x".to_owned());
    host.drive(&device, settings, &mut Server::new(pki, [Act::Succeed])).unwrap();
    assert_eq!(host.requests[1].query, "operation=GetCACert&message=CA%201%26x");
}

#[test]
fn a_signer_whose_key_cannot_receive_an_answer_is_refused_at_once() {
    let (pki, device) = (pki(), device());
    let ec = keys::software("p256-device");
    let signer = pki.issue("device", &[9], Role::Device, ec.spki());
    let provider = scep_crypto::aws_lc_rs::provider();
    let csr = scep_test::requests::csr("device", None, &[], &*device.key);
    let refused = Enrolment::start(settings(pki), csr, signer, provider);
    assert_eq!(refused.unwrap_err(), Error::Unsupported(Unsupported::ReplyKey(KeyKind::P256)));
}

// R-3.2.1.1-01, R-3.2.1.1-03
#[test]
fn transaction_ids_are_random_or_the_hash_of_the_key() {
    let (pki, device) = (pki(), device());
    let id = |source| {
        let mut settings = settings(pki);
        settings.transaction_id = source;
        let mut server = Server::new(pki, [Act::Succeed]);
        Host::new().drive(&device, settings, &mut server).unwrap();
        server.seen[0].transaction_id.clone()
    };
    // The host draws one octet repeated; the second turn is the one that begins the transaction.
    assert_eq!(id(TransactionIdSource::Random), "02".repeat(16));
    let digests = scep_crypto::aws_lc_rs::provider().digest;
    let hash = digests.digest(DigestAlgorithm::Sha256, device.csr.spki()).unwrap();
    assert_eq!(id(TransactionIdSource::KeyHash), hash.to_hex());
}

// R-7.1-01
#[test]
fn no_step_shows_the_challenge() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut server = Server::new(pki, [Act::Pend, Act::Succeed]);
    let mut step = start(&device, settings(pki));
    loop {
        assert!(!format!("{step:?}").contains(CHALLENGE));
        if matches!(step, Step::Done(_)) {
            break;
        }
        step = host.take(step, &device, &mut server).unwrap();
    }
}

// R-2.3-01
#[test]
fn a_first_enrolment_is_a_pkcsreq_whatever_the_server_can() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Succeed]);
    Host::new().drive(&device, settings(pki), &mut server).unwrap();
    assert_eq!(server.seen[0].message_type, MessageType::PKCS_REQ);
}

// R-2.1.2-02
#[test]
fn a_lone_ca_is_encrypted_to_whatever_its_key_usage() {
    let (mut pki, device) = (Pki::new("rsa2048-ca", "rsa2048-ca"), device());
    pki.ra = pki.ca.clone(); // keyCertSign and cRLSign only
    let mut server = Server::new(&pki, [Act::Succeed]);
    server.ca_answer = Some(ok(pki.ca.der().clone()));
    Host::new().drive(&device, settings(&pki), &mut server).unwrap();
}

// R-2.2-07, R-4.2.1-02
#[test]
fn the_order_of_the_bundle_and_strangers_in_it_do_not_matter() {
    let (pki, device, stranger) = (pki(), device(), stranger());
    let bundle = [&pki.ca, &pki.ra, &stranger.ca];
    for [a, b, c] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut server = Server::new(pki, [Act::Succeed]);
        let (_, answer) = write_ca_certificates(&[bundle[a], bundle[b], bundle[c], bundle[a]]);
        server.ca_answer = Some(ok(answer));
        let issued = Host::new().drive(&device, settings(pki), &mut server).unwrap();
        assert_eq!(issued.ca.encryption(), &pki.ra);
        assert_eq!(issued.ca.certificates(), [pki.ca.clone(), pki.ra.clone()]);
    }
}
