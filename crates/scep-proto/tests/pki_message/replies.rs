//! CertReps as the server writes them: plain enough for every client (RFC 8894 §3.3.2).

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::Algorithms;
use scep_proto::inspect::Enveloped;
use scep_proto::server::{Opened, Reply, ReplySettings, Verified};
use scep_proto::{ApiMisuse, FailInfo, Unsupported};
use scep_test::craft::{NULL, SignedMessage, algorithm, octets, printable};
use scep_test::keys;
use scep_test::pki::{NOW, Pki, Role, finish};
use scep_test::requests::{Device, Draft, csr, random};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, DecryptionKey, DigestAlgorithm, KeyKind,
    KeyTransport, SigningKey,
};

use crate::oracle::{self, Envelope, SignedData, Signer, assert_der, integer};
use crate::support::{device, envelope, open, pkcs_req, pki, verify};

/// What a test wants the server to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    Success,
    Crl,
    Pending,
    Failure,
    FailureWithText,
}

const ALL: [Say; 5] = [Say::Success, Say::Crl, Say::Pending, Say::Failure, Say::FailureWithText];

fn issued() -> Certificate {
    pki().issue("device", &[0x11], Role::Device, device().key.spki())
}

fn reply_to(draft: &Draft) -> Reply {
    open(&device().enrol(draft, pki()).message, AlgorithmPolicy::Obsolete).reply
}

fn say(what: Say, reply: Reply) -> Bytes {
    let provider = provider();
    let (random, settings) = (random(0x21), pki().reply_settings(&provider));
    let certificate = issued();
    let unsigned = match what {
        Say::Success => reply.succeed(&[certificate.der()], &random, settings),
        Say::Crl => reply.succeed_with_crl(&pki().crl(), &random, settings),
        Say::Pending => reply.pend(&random, settings),
        Say::Failure => reply.fail(FailInfo::BAD_REQUEST, None, &random, settings),
        Say::FailureWithText => {
            reply.fail(FailInfo::BAD_CERT_ID, Some("niemals"), &random, settings)
        }
    };
    pki().sign_reply(unsigned.unwrap())
}

fn said(what: Say) -> Bytes {
    say(what, reply_to(&Draft::default()))
}

fn only_signer(message: &SignedData) -> &Signer {
    let [signer] = message.signers.as_slice() else { panic!("one signer") };
    signer
}

fn attribute(signer: &Signer, oid: Oid) -> Option<&[Vec<u8>]> {
    let dotted = oid.to_string();
    let found = signer.attributes.iter().find(|(other, _)| *other == dotted);
    found.map(|(_, values)| values.as_slice())
}

/// The envelope inside a reply, by both oracles.
fn envelope_in(reply: &Bytes) -> (Bytes, Envelope) {
    let content = Bytes::from(oracle::signed_data(reply).content.unwrap());
    assert_der(&content);
    let envelope = oracle::envelope(&content);
    (content, envelope)
}

/// What the device finds inside a SUCCESS.
fn plaintext(reply: &Bytes) -> Vec<u8> {
    let (content, _) = envelope_in(reply);
    let envelope = Enveloped::parse(content).unwrap();
    let recipient = envelope.recipients().next().unwrap();
    let cipher = envelope.cipher().unwrap();
    let zeros = scep_types::ContentKey::from_prefix(&[0; 32], cipher.key_len());
    let transport = recipient.transport().unwrap();
    let key =
        device().opening_key.unwrap_key(transport, recipient.encrypted_key(), &zeros).unwrap();
    envelope.decrypt(&key, &provider()).unwrap().to_vec()
}

// R-3.2-01, R-3.2-06, R-CMS5.1-01, R-CMS5.3-02
#[test]
fn every_reply_is_plain_der_and_two_other_libraries_read_it_alike() {
    for what in ALL {
        let reply = said(what);
        assert_der(&reply);
        let message = oracle::signed_data(&reply);
        assert_eq!(message.version, 1);
        assert_eq!(message.content_type, "1.2.840.113549.1.7.1");
        let sha_256 = algorithm(oid::SHA256, Some(&NULL));
        assert_eq!(message.digest_algorithms, std::slice::from_ref(&sha_256));
        let signer = only_signer(&message);
        assert_eq!(signer.version, 1);
        assert_eq!(signer.issuer, pki().ca.subject().der());
        assert_eq!(signer.serial, integer(pki().ra.serial()));
        assert_eq!(signer.digest_algorithm, sha_256);
    }
}

// R-3370-01
#[test]
fn an_rsa_signature_is_called_rsa_encryption_with_null_parameters() {
    for digest in [DigestAlgorithm::Sha1, DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
        let algorithms = Algorithms { digest, ..Algorithms::default() };
        let reply = say(Say::Pending, reply_to(&Draft { algorithms, ..Draft::default() }));
        let message = oracle::signed_data(&reply);
        let rsa = algorithm(oid::RSA_ENCRYPTION, Some(&NULL));
        assert_eq!(only_signer(&message).signature_algorithm, rsa);
    }
}

// R-3.2-08
#[test]
fn the_signers_certificate_travels_with_every_reply() {
    for what in ALL {
        assert_eq!(oracle::signed_data(&said(what)).certificates, [pki().ra.der().to_vec()]);
    }
}

// R-3.2.1-03, R-3.3.2.2-01, R-3.2.1.4-04, R-3.2.1.4-07
#[test]
fn each_status_has_exactly_its_attributes() {
    let always = [
        oid::CONTENT_TYPE,
        oid::MESSAGE_DIGEST,
        oid::SIGNING_TIME,
        oid::MESSAGE_TYPE,
        oid::PKI_STATUS,
        oid::SENDER_NONCE,
        oid::RECIPIENT_NONCE,
        oid::TRANSACTION_ID,
    ];
    for what in ALL {
        let message = oracle::signed_data(&said(what));
        let mut found: Vec<_> =
            only_signer(&message).attributes.iter().map(|(oid, _)| oid.clone()).collect();
        let mut expected: Vec<_> = always.iter().map(Oid::to_string).collect();
        if matches!(what, Say::Failure | Say::FailureWithText) {
            expected.push(oid::FAIL_INFO.to_string());
        }
        if what == Say::FailureWithText {
            expected.push(oid::FAIL_INFO_TEXT.to_string());
        }
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{what:?}");
    }
}

// R-3.2.1-03, R-3.2.1.4-01
#[test]
fn the_attributes_say_what_was_said() {
    for (what, status, fail_info) in [
        (Say::Success, "0", None),
        (Say::Crl, "0", None),
        (Say::Pending, "3", None),
        (Say::Failure, "2", Some("2")),
        (Say::FailureWithText, "2", Some("4")),
    ] {
        let message = oracle::signed_data(&said(what));
        let signer = only_signer(&message);
        let value = |oid| attribute(signer, oid).map(|values| values.to_vec());
        assert_eq!(value(oid::MESSAGE_TYPE), Some(vec![printable("3")]));
        assert_eq!(value(oid::PKI_STATUS), Some(vec![printable(status)]));
        assert_eq!(value(oid::FAIL_INFO), fail_info.map(|info| vec![printable(info)]));
        assert_eq!(value(oid::TRANSACTION_ID), Some(vec![printable("1f3a5b7c9d")]));
    }
}

// R-3.2.1.5-06, R-5.2-06
#[test]
fn two_replies_to_one_request_differ_in_nonce_key_and_signature() {
    let request = device().enrol(&Draft::default(), pki()).message;
    let provider = provider();
    let (first, second) = [1, 2]
        .map(|seed| {
            let reply = open(&request, AlgorithmPolicy::Modern).reply;
            let settings = pki().reply_settings(&provider);
            let unsigned = reply.succeed(&[issued().der()], &random(seed), settings).unwrap();
            let reply = pki().sign_reply(unsigned);
            let message = oracle::signed_data(&reply);
            let nonce = attribute(only_signer(&message), oid::SENDER_NONCE).unwrap().to_vec();
            let (_, envelope) = envelope_in(&reply);
            (nonce, envelope.encrypted_key, envelope.cipher, envelope.ciphertext)
        })
        .into();
    assert_ne!(first.0, second.0, "nonce");
    assert_ne!(first.1, second.1, "wrapped key");
    assert_ne!(first.2, second.2, "initialisation vector");
    assert_ne!(first.3, second.3, "ciphertext");
}

// R-3-01, R-3.2-07, R-3.3.2.2-01, R-3.3.2.3-01
#[test]
fn pending_and_failure_carry_an_empty_content_and_no_envelope() {
    for what in [Say::Pending, Say::Failure, Say::FailureWithText] {
        let reply = said(what);
        assert_eq!(oracle::signed_data(&reply).content, Some(Vec::new()), "empty, not absent");
        let enveloped = oid::ID_ENVELOPED_DATA;
        let content = enveloped.content();
        assert!(!reply.windows(content.len()).any(|window| window == content));
    }
}

// R-CMS5.4-02
#[test]
fn the_message_digest_is_that_of_the_content_octets() {
    for what in ALL {
        let message = oracle::signed_data(&said(what));
        let content = message.content.as_deref().unwrap();
        let digest = scep_test::craft::digest_of(DigestAlgorithm::Sha256, content);
        let expected = octets(digest.as_ref());
        assert_eq!(attribute(only_signer(&message), oid::MESSAGE_DIGEST).unwrap(), [expected]);
    }
}

// R-2.3-14, R-CMS6.2.1-05, R-3.1-02, R-CMS6.1-01, R-3.2.2-01, R-4.5-01
#[test]
fn a_success_is_encrypted_to_the_signer_of_the_request_in_the_plainest_form() {
    for what in [Say::Success, Say::Crl] {
        let (_, envelope) = envelope_in(&said(what));
        assert_eq!((envelope.version, envelope.recipient_version), (0, 0));
        assert_eq!(envelope.issuer, device().signer.issuer().der());
        assert_eq!(envelope.serial, integer(device().signer.serial()));
        assert_eq!(envelope.key_transport, algorithm(oid::RSA_ENCRYPTION, Some(&NULL)));
        assert_eq!(envelope.encrypted_key.len(), 256);
        assert_eq!(envelope.content_type, "1.2.840.113549.1.7.1");
        assert_eq!(envelope.ciphertext.len() % 16, 0);
    }
}

// R-2.3-14
#[test]
fn a_renewal_is_answered_to_the_old_key() {
    let (old, new) = (keys::software("rsa2048-device"), keys::software("rsa2048-device2"));
    let device = Device::renewing(pki(), "device", old, &new);
    let enrolment = open(&device.renew(&Draft::default(), pki()).message, AlgorithmPolicy::Modern);
    assert_eq!(enrolment.csr.spki(), SigningKey::spki(&new));
    let (_, envelope) = envelope_in(&say(Say::Success, enrolment.reply));
    assert_eq!(envelope.issuer, pki().ca.subject().der());
    assert_eq!(envelope.serial, integer(device.signer.serial()));
}

// R-3.3.2-01, R-3.3.2.1-01, R-3.3.2.1-06, R-3.4-01, R-CMS5.2-01
#[test]
fn inside_a_success_is_a_degenerate_signed_data_octet_by_octet() {
    for (what, set, member) in
        [(Say::Success, 0xA0, issued().der().to_vec()), (Say::Crl, 0xA1, pki().crl())]
    {
        let plaintext = plaintext(&said(what));
        assert_der(&plaintext);
        let seen = oracle::signed_data(&plaintext);
        let members = if set == 0xA0 {
            (&seen.certificates, &seen.crls)
        } else {
            (&seen.crls, &seen.certificates)
        };
        assert_eq!(members.0, std::slice::from_ref(&member));
        assert!(members.1.is_empty(), "certificates and CRLs are not mixed");
        assert_eq!((seen.version, seen.content, seen.signers.len()), (1, None, 0));
        // version 1, digestAlgorithms {}, encapContentInfo { id-data }, the set, signerInfos {}
        let head = [&[2, 1, 1, 0x31, 0, 0x30, 11, 6, 9][..], oid::ID_DATA.content(), &[set, 0x82]]
            .concat();
        let at = plaintext.windows(head.len()).position(|window| window == head).unwrap();
        assert_eq!(&plaintext[at + head.len() + 2..], [&member[..], &[0x31, 0]].concat());
    }
}

// R-3.3.2.1-01, R-3.3.2.1-05
#[test]
fn certificates_are_sent_in_the_order_given() {
    let (provider, leaf) = (provider(), issued());
    for order in [[leaf.der(), pki().ca.der()], [pki().ca.der(), leaf.der()]] {
        let reply = reply_to(&Draft::default());
        let certificates = order.map(|der| &der[..]);
        let unsigned =
            reply.succeed(&certificates, &random(3), pki().reply_settings(&provider)).unwrap();
        let plaintext = plaintext(&pki().sign_reply(unsigned));
        let all = order.map(|der| der.to_vec()).concat();
        assert!(plaintext.windows(all.len()).any(|window| window == all));
    }
}

#[test]
fn a_success_without_a_certificate_cannot_be_written() {
    let provider = provider();
    let reply = reply_to(&Draft::default());
    let refused = reply.succeed(&[], &random(3), pki().reply_settings(&provider)).unwrap_err();
    assert_eq!(refused, ApiMisuse::NoCertificate.into());
}

// R-3.5.2-22, R-3.5.2-21
#[test]
fn digest_and_cipher_are_those_of_the_request() {
    for digest in &DigestAlgorithm::ALL[1..] {
        for cipher in ContentCipher::ALL {
            let algorithms = Algorithms { digest: *digest, cipher };
            let reply = reply_to(&Draft { algorithms, ..Draft::default() });
            assert_eq!((reply.digest(), reply.cipher()), (*digest, cipher));
            let reply = say(Say::Success, reply);
            let message = oracle::signed_data(&reply);
            let expected = algorithm(digest.oid(), Some(&NULL));
            assert_eq!(only_signer(&message).digest_algorithm, expected);
            let (_, envelope) = envelope_in(&reply);
            let oid = cipher.oid();
            assert!(envelope.cipher.windows(oid.content().len()).any(|w| w == oid.content()));
        }
    }
}

// R-2.9-04
#[test]
fn a_refusal_of_weak_algorithms_is_signed_with_a_strong_one() {
    let sha_1 = DigestAlgorithm::Sha1;
    let message = SignedMessage::request_with(device(), "19", envelope(), sha_1);
    let reply = verify(&message).unwrap_err().reply;
    let message = oracle::signed_data(&say(Say::Failure, reply));
    let sha_256 = algorithm(oid::SHA256, Some(&NULL));
    assert_eq!(only_signer(&message).digest_algorithm, sha_256);
}

// R-5758-01
#[test]
fn an_ecdsa_signer_names_the_algorithm_without_parameters() {
    for (key, digest, name) in [
        ("p256-ca", DigestAlgorithm::Sha256, oid::ECDSA_WITH_SHA256),
        ("p384-ca", DigestAlgorithm::Sha384, oid::ECDSA_WITH_SHA384),
    ] {
        let (provider, key) = (provider(), keys::software(key));
        let signer = pki().issue("Test RA", &[3], Role::SigningRa, SigningKey::spki(&key));
        let settings = ReplySettings { signer: &signer, provider: &provider, now: NOW };
        let reply = reply_to(&Draft::default()).with_digest(digest);
        let message = finish(reply.pend(&random(3), settings).unwrap(), &key);
        assert_der(&message);
        let seen = oracle::signed_data(&message);
        assert_eq!(only_signer(&seen).signature_algorithm, algorithm(name, None));
        let view = scep_proto::inspect::Signed::parse(message).unwrap();
        assert_eq!(view.signers().next().unwrap().verify(&signer, &provider), Ok(()));
    }
}

// R-3.1-07, R-3.1-04
#[test]
fn a_signer_that_cannot_receive_a_success_is_known_before_anything_is_issued() {
    let mut device = Device::new("device", keys::software("p256-device"));
    device.csr = csr("device", None, &[], &*device.key);
    let enrolment = open(&device.enrol(&Draft::default(), pki()).message, AlgorithmPolicy::Modern);
    let refused = enrolment.reply.check_encryptable().unwrap_err();
    assert_eq!(refused, Unsupported::ReplyKey(KeyKind::P256).into());
    assert_eq!(FailInfo::from(&refused), FailInfo::BAD_ALG);
    let provider = provider();
    let settings = pki().reply_settings(&provider);
    let refused = enrolment.reply.clone().succeed(&[issued().der()], &random(3), settings);
    assert_eq!(refused.unwrap_err(), ApiMisuse::RecipientKey.into());
    assert!(enrolment.reply.pend(&random(3), settings).is_ok(), "the rest needs no encryption");
    assert!(reply_to(&Draft::default()).check_encryptable().is_ok());
}

#[test]
fn a_signer_with_a_small_key_gets_a_success_that_it_can_open() {
    let key = keys::textbook("rsa1024-device");
    let device = Device::new("device", key.clone());
    let sent = device.enrol(&Draft::default(), pki());
    let reply = say(Say::Success, open(&sent.message, AlgorithmPolicy::Modern).reply);
    let (content, envelope) = envelope_in(&reply);
    let zeros = scep_types::ContentKey::from_prefix(&[0; 32], 16);
    let content_key =
        key.unwrap_key(KeyTransport::Pkcs1v15, &envelope.encrypted_key, &zeros).unwrap();
    let plaintext = Enveloped::parse(content).unwrap().decrypt(&content_key, &provider()).unwrap();
    assert_eq!(oracle::signed_data(&plaintext).certificates, [issued().der().to_vec()]);
}

// R-3.3.3-02, R-3.3.3-03
#[test]
fn a_poll_is_answered_whatever_its_envelope_holds() {
    for envelope in [vec![], vec![0x30, 0x80], envelope()] {
        let message = SignedMessage::request(device(), "20", envelope);
        let Verified::Poll(poll) = verify(&message).unwrap() else { panic!("a poll") };
        assert_eq!(poll.signer, device().signer);
        assert_eq!(poll.reply.transaction_id().octets(), b"1f3a5b7c9d");
        let reply = say(Say::Success, poll.reply);
        assert_eq!(oracle::signed_data(&plaintext(&reply)).certificates.len(), 1);
    }
}

// R-3.2.1-01
#[test]
fn rejected_requests_can_be_answered_with_what_they_said() {
    let rejected = verify(&pkcs_req().with(oid::MESSAGE_TYPE, &[printable("18")])).unwrap_err();
    let message = oracle::signed_data(&say(Say::Failure, rejected.reply));
    let signer = only_signer(&message);
    assert_eq!(attribute(signer, oid::RECIPIENT_NONCE).unwrap(), [octets(&[0xAB; 16])]);
    assert_eq!(attribute(signer, oid::TRANSACTION_ID).unwrap(), [printable("1f3a5b7c9d")]);
}

#[test]
fn queries_are_answered_as_enrolments_are() {
    let issuer = pki().ca.subject();
    let serial = pki().ra.serial();
    let payload = scep_proto::client::Payload::GetCrl { issuer, serial };
    let sent = device().send(payload, &Draft::default(), &pki().ra);
    let Ok(Opened::GetCrl(query)) = pki().open(&sent.message, AlgorithmPolicy::Modern) else {
        panic!("a GetCRL")
    };
    let seen = oracle::signed_data(&plaintext(&say(Say::Crl, query.reply)));
    assert_eq!(seen.crls, [pki().crl()]);
    let poll = device().poll(&Draft::default(), pki()).message;
    assert!(matches!(Pki::verify(&poll, AlgorithmPolicy::Modern), Ok(Verified::Poll(_))));
}
