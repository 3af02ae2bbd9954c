//! Messages that no honest client sends.

use bytes::Bytes;
use proptest::prelude::*;
use scep_server::Response;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{AlgorithmPolicy, DigestAlgorithm};

use crate::support::NOW;
use crate::support::device::{Device, MessageKind, challenged};
use crate::support::forge::{
    Forged, attributes_of, envelope, envelope_of, fail_info, octets, printable,
};
use crate::support::server::{PASSWORD, Server, manual, signed, static_password};

// R-3.2.1.2-02, R-3.2.1.2-03
#[tokio::test]
async fn no_message_type_leads_around_the_authorisation() {
    let policy = scep_server::RenewalPolicy::AllowIssuedByUs { grace: std::time::Duration::ZERO };
    for mode in [static_password(), signed(), manual()] {
        let server = Server::with(mode, |config| config.renewal = policy);
        let device = Device::new("phone");
        let envelope = envelope_of(&device.ask(&server).message);
        for message_type in 0..=255 {
            let message = Forged::new(&device, message_type, &envelope).build();
            let answer = server.post(message).await;
            assert_eq!(answer.status, 200, "{message_type}");
            let outcome = server.last().outcome;
            assert!(["refused", "pending"].contains(&outcome), "{message_type}: {outcome}");
        }
        assert_eq!(server.certificates(), 0);
    }
}

// R-3.2.1.2-02
#[tokio::test]
async fn no_message_type_but_pkcs_req_enrols_a_device_that_knows_the_password() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let envelope = envelope_of(&device.ask(&server).message);
    for message_type in (0..=255).filter(|message_type| *message_type != 19) {
        let answer = server.post(Forged::new(&device, message_type, &envelope).build()).await;
        let expected = if message_type == 20 { b"4" } else { b"2" };
        assert_eq!(fail_info(&answer.body), expected, "{message_type}");
    }
    assert_eq!(server.certificates(), 0);
    server.post(Forged::new(&device, 19, &envelope).build()).await;
    assert_eq!(server.certificates(), 1);
}

// R-2.9-02, R-2.9-03, R-2.9-04, R-CMS6-03
#[tokio::test]
async fn weak_algorithms_are_bad_algorithms_unless_a_policy_takes_them() {
    let device = Device::new("phone").challenge(PASSWORD);
    let modern = Server::new(static_password());
    let recipient = modern.ca().encryption().clone();
    for digest in [DigestAlgorithm::Md5, DigestAlgorithm::Sha1] {
        let envelope = envelope_of(&device.ask(&modern).message);
        let message = Forged { digest, ..Forged::new(&device, 19, &envelope) };
        assert_bad_alg(&modern, message.build()).await;
    }
    let ciphers: [(Oid, usize); 3] =
        [(oid::DES_CBC, 8), (oid::DES_EDE3_CBC, 8), (Oid::new("2.16.840.1.101.3.4.1.6"), 12)];
    for (cipher, block) in ciphers {
        let envelope = envelope(&recipient, &cipher, &vec![1; block]);
        assert_bad_alg(&modern, Forged::new(&device, 19, &envelope).build()).await;
    }
    let legacy = Server::with_password(|config| config.algorithms = AlgorithmPolicy::Legacy);
    let des = envelope(&recipient, &oid::DES_CBC, &[1; 8]);
    assert_bad_alg(&legacy, Forged::new(&device, 19, &des).build()).await;
    let triple = envelope(&recipient, &oid::DES_EDE3_CBC, &[1; 8]);
    let answer = legacy.post(Forged::new(&device, 19, &triple).build()).await;
    assert_eq!(fail_info(&answer.body), b"1", "taken, but it holds nothing");
}

async fn assert_bad_alg(server: &Server, message: Bytes) {
    let answer = server.post(message).await;
    assert_eq!(fail_info(&answer.body), b"0");
    assert_eq!(server.last().reason, Some("algorithm"));
    // Signed with SHA-256, whatever was asked for.
    let sha256 = DerWriter::encode(|der| der.oid(&oid::SHA256));
    assert!(answer.body.windows(sha256.len()).any(|window| window == sha256));
}

// R-3.2.1-01, R-3.2.1-02, R-3.2.1-05, R-3.2.1.1-04, R-3.2.1.2-01, R-3.2.1.5-05
#[tokio::test]
async fn attributes_that_are_missing_or_wrong_are_refused_each_in_its_way() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let envelope = envelope_of(&device.ask(&server).message);
    let honest = || Forged::new(&device, 19, &envelope);
    let message_type = |text: &[u8]| {
        honest().without(oid::MESSAGE_TYPE).with(oid::MESSAGE_TYPE, vec![printable(text)])
    };
    let twice = |oid| honest().with(oid, vec![printable(b"19")]);
    for (message, status, expected) in [
        (honest().without(oid::TRANSACTION_ID), 400, ""),
        (honest().without(oid::TRANSACTION_ID).with(oid::TRANSACTION_ID, vec![]), 400, ""),
        (
            honest()
                .without(oid::TRANSACTION_ID)
                .with(oid::TRANSACTION_ID, vec![printable(&[b'a'; 10_000])]),
            400,
            "",
        ),
        (twice(oid::TRANSACTION_ID), 400, ""),
        (twice(oid::MESSAGE_TYPE), 400, ""),
        (honest().without(oid::MESSAGE_TYPE), 200, "2"),
        (message_type(b"019"), 200, "2"),
        (message_type(b"19 "), 200, "2"),
        (message_type(b""), 200, "2"),
        (message_type(b"275"), 200, "2"),
        (
            honest().with(
                oid::CONTENT_TYPE,
                vec![DerWriter::encode(|der| der.oid(&oid::ID_SIGNED_DATA))],
            ),
            200,
            "1",
        ),
        (honest().with(oid::MESSAGE_DIGEST, vec![octets(&[0; 32])]), 200, "1"),
        (Forged { content: Vec::new(), ..honest() }, 200, "2"),
        (Forged { content: device.csr().der().to_vec(), ..honest() }, 200, "2"),
        (Forged { certificates: Vec::new(), ..honest() }, 200, "1"),
    ] {
        let answer = server.post(message.build()).await;
        assert_eq!(answer.status.as_u16(), status, "{expected}");
        if status == 200 {
            assert_eq!(fail_info(&answer.body), expected.as_bytes(), "{:?}", server.last());
        }
    }
    assert_eq!(server.certificates(), 0);
    // Old clients leave the nonce out; they are answered without a recipientNonce.
    let answer = server.post(honest().without(oid::SENDER_NONCE).build()).await;
    assert_eq!(server.last().outcome, "issued");
    assert!(attributes_of(&answer.body).iter().all(|(oid, _)| *oid != oid::RECIPIENT_NONCE));
}

// R-3.2.1-09, R-3.2.1.1-02, R-3.2.1.5-02
#[tokio::test]
async fn transaction_id_and_nonce_are_echoed_as_they_came() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let envelope = envelope_of(&device.ask(&server).message);
    let utf8 = |text: &[u8]| DerWriter::encode(|der| der.primitive(Tag::UTF8_STRING, text));
    for (id, nonce) in [
        (utf8("Gerät/../1".as_bytes()), vec![9; 8]),
        (printable(b"1"), vec![9; 20]),
        (printable(b"7XXEY-ERLPU-2JDR9"), vec![9; 32]),
        (printable(b"SSCEP transactionId"), vec![9; 16]),
    ] {
        let message = Forged::new(&device, 19, &envelope)
            .without(oid::TRANSACTION_ID)
            .without(oid::SENDER_NONCE)
            .with(oid::TRANSACTION_ID, vec![id.clone()])
            .with(oid::SENDER_NONCE, vec![octets(&nonce)]);
        let answer = server.post(message.build()).await;
        let attributes = attributes_of(&answer.body);
        assert!(attributes.contains(&(oid::TRANSACTION_ID, id)));
        assert!(attributes.contains(&(oid::RECIPIENT_NONCE, octets(&nonce))));
    }
}

// R-2.3-12, R-2.3-13
#[tokio::test]
async fn the_signer_is_found_among_other_certificates() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&server);
    let others = server.ca().certificates().to_vec();
    let message = Forged::new(&device, 19, &envelope_of(&sent.message));
    let certificates = others.into_iter().chain([device.signer.clone()]).collect();
    let answer = server.post(Forged { certificates, ..message }.build()).await;
    assert_eq!((answer.status.as_u16(), server.last().outcome), (200, "issued"));
}

// R-3218-01, R-3218-02, R-3.2-03
#[tokio::test]
async fn whatever_is_wrong_inside_the_envelope_the_answer_is_the_same() {
    let server = Server::new(signed());
    let device = challenged("phone", "n1");
    let honest = envelope_of(&device.ask(&server).message);
    let flip = |at: usize| {
        let mut envelope = honest.clone();
        envelope[at] ^= 0x01;
        envelope
    };
    // Wrapped key, initialisation vector or first block, a block in the middle, the last block.
    let find = |needle: &[u8]| honest.windows(needle.len()).position(|w| w == needle).unwrap();
    let key_at = find(&[0x04, 0x82, 0x01, 0x00]) + 4;
    let ciphertext_at = find(oid::AES128_CBC.content()) + 40;
    let garbage = envelope(server.ca().encryption(), &oid::AES128_CBC, &[1; 16]);
    let query = device.clone().message(MessageKind::GetCert);
    let not_a_csr = envelope_of(&query.ask(&server).message);
    let mut answers = Vec::new();
    for envelope in [
        flip(key_at),
        flip(key_at + 255),
        flip(ciphertext_at),
        flip(honest.len() / 2 + 200),
        flip(honest.len() - 1),
        garbage,
        not_a_csr,
    ] {
        let answer = server.post(Forged::new(&device, 19, &envelope).build()).await;
        assert_eq!(server.last().reason, Some("undecipherable"));
        let fixed: Vec<_> = attributes_of(&answer.body)
            .into_iter()
            .filter(|(oid, _)| *oid != oid::SENDER_NONCE)
            .collect();
        answers.push(fixed);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.certificates(), 0);
}

// R-CMS6.2.1-03
#[tokio::test]
async fn an_envelope_whose_only_recipient_we_do_not_know_is_tried_in_vain() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let stranger = envelope(&device.signer, &oid::AES128_CBC, &[1; 16]);
    let answer = server.post(Forged::new(&device, 19, &stranger).build()).await;
    assert_eq!(fail_info(&answer.body), b"1");
    assert_eq!(server.last().reason, Some("undecipherable"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // R-CMS5.6-01
    #[test]
    fn no_change_of_an_octet_gets_another_certificate_or_a_panic(at in 0.0..1.0_f64, xor in 1..=255_u8) {
        let (server, device) = honest();
        let sent = device.ask(&server);
        let mut message = sent.message.to_vec();
        let index = ((message.len() - 1) as f64 * at) as usize;
        message[index] ^= xor;
        check(&server, &device, message)?;
    }

    #[test]
    fn no_truncation_or_extension_gets_another_certificate_or_a_panic(at in 0.0..1.0_f64, more in proptest::collection::vec(any::<u8>(), 0..20)) {
        let (server, device) = honest();
        let sent = device.ask(&server);
        let length = (sent.message.len() as f64 * at) as usize;
        check(&server, &device, [&sent.message[..length], &more].concat())?;
        check(&server, &device, [&sent.message[..], &more].concat())?;
    }

    #[test]
    fn no_change_inside_the_envelope_gets_another_certificate_or_a_panic(at in 0.0..1.0_f64, xor in 1..=255_u8) {
        let (server, device) = honest();
        let mut envelope = envelope_of(&device.ask(&server).message);
        let index = ((envelope.len() - 1) as f64 * at) as usize;
        envelope[index] ^= xor;
        check(&server, &device, Forged::new(&device, 19, &envelope).build().to_vec())?;
    }

    #[test]
    fn no_octets_whatever_panic(message in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (server, device) = honest();
        check(&server, &device, message)?;
    }
}

fn honest() -> (Server, Device) {
    (Server::new(static_password()), Device::new("phone").challenge(PASSWORD))
}

/// Handles a message: if it is answered with a certificate, it is the one that the device asked for.
fn check(server: &Server, device: &Device, message: Vec<u8>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(server.endpoint.handle(message.into(), NOW));
    let issued = ["issued", "repeated"].contains(&server.last().outcome);
    prop_assert!(matches!(response, Response::Message(_) | Response::Unreadable));
    prop_assert_eq!(server.certificates(), usize::from(issued));
    if issued {
        prop_assert_eq!(server.last().subject, Some(device.subject.to_string()));
    }
    Ok(())
}
