//! Requests as the client writes them, and the credentials inside (RFC 8894 §2.3, §3.3.1, §3.3.3, §3.3.4).

use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Payload, csr, subject_alt_name};
use scep_proto::inspect::Enveloped;
use scep_proto::{ApiMisuse, Error};
use scep_test::craft::{
    Attribute, NULL, algorithm, issuer_and_serial, octets, primitive, printable,
};
use scep_test::keys;
use scep_test::pki::Role;
use scep_test::requests::{self, CHALLENGE, Device, Draft, random, scheme};
use scep_types::asn1::Tag;
use scep_types::oid;
use scep_types::{
    AlgorithmPolicy, BasicConstraints, ContentKey, DecryptionKey, GeneralName, GeneralNameValue,
    Name, Secret, SigningKey,
};

use crate::oracle::{self, assert_der, integer};
use crate::support::{device, open, pki};

fn all_payloads() -> [Payload<'static>; 5] {
    let (csr, issuer) = (&device().csr, pki().ca.subject());
    let serial = pki().ra.serial();
    [
        Payload::Enrol(csr),
        Payload::Renew(csr),
        Payload::Poll { issuer, subject: csr.subject() },
        Payload::GetCert { issuer, serial },
        Payload::GetCrl { issuer, serial },
    ]
}

/// What the RA finds in a request to it.
fn plaintext(message: &[u8]) -> Vec<u8> {
    let content = oracle::signed_data(message).content.unwrap();
    let envelope = Enveloped::parse(content).unwrap();
    let recipient = envelope.recipients().next().unwrap();
    let fallback = ContentKey::from_prefix(&[0; 32], 16);
    let transport = recipient.transport().unwrap();
    let key = pki().ra_key.unwrap_key(transport, recipient.encrypted_key(), &fallback).unwrap();
    envelope.decrypt(&key, &provider()).unwrap().to_vec()
}

// R-3.2-01, R-3.2-06, R-3.2.1-01, R-2.3-12
#[test]
fn every_request_is_plain_der_and_two_other_libraries_read_it_alike() {
    for (payload, message_type) in all_payloads().into_iter().zip(["19", "17", "20", "21", "22"]) {
        let message = device().send(payload, &Draft::default(), &pki().ra).message;
        assert_der(&message);
        let seen = oracle::signed_data(&message);
        assert_eq!((seen.version, seen.content_type.as_str()), (1, "1.2.840.113549.1.7.1"));
        assert_eq!(seen.certificates, [device().signer.der().to_vec()]);
        let [signer] = seen.signers.as_slice() else { panic!("one signer") };
        assert_eq!(signer.issuer, device().signer.issuer().der());
        assert_eq!(signer.serial, integer(device().signer.serial()));
        assert_eq!(signer.signature_algorithm, algorithm(oid::RSA_ENCRYPTION, Some(&NULL)));
        let has = |attribute: &Attribute| {
            let (oid, values) = (attribute.oid.to_string(), attribute.values.clone());
            signer.attributes.contains(&(oid, values))
        };
        assert!(has(&Attribute::one(oid::MESSAGE_TYPE, printable(message_type))));
        assert!(has(&Attribute::one(oid::TRANSACTION_ID, printable("1f3a5b7c9d"))));
        assert_eq!(signer.attributes.len(), 5, "and contentType, messageDigest, senderNonce");
    }
}

// R-CMS6.2.1-05, R-3.1-02, R-CMS6.1-01, R-3.2.2-01
#[test]
fn every_envelope_is_of_the_plainest_form() {
    for payload in all_payloads() {
        let message = device().send(payload, &Draft::default(), &pki().ra).message;
        let content = oracle::signed_data(&message).content.unwrap();
        assert_der(&content);
        let envelope = oracle::envelope(&content);
        assert_eq!((envelope.version, envelope.recipient_version), (0, 0));
        assert_eq!(envelope.issuer, pki().ra.issuer().der());
        assert_eq!(envelope.serial, integer(pki().ra.serial()));
        assert_eq!(envelope.key_transport, algorithm(oid::RSA_ENCRYPTION, Some(&NULL)));
        assert_eq!(envelope.content_type, "1.2.840.113549.1.7.1");
        let iv = envelope.cipher.get(envelope.cipher.len() - 16..).unwrap();
        assert_eq!(envelope.cipher, algorithm(oid::AES128_CBC, Some(&octets(iv))));
    }
}

// R-2.5-01, R-3.2.2-02
#[test]
fn enrolment_and_renewal_hold_the_csr() {
    for payload in [Payload::Enrol(&device().csr), Payload::Renew(&device().csr)] {
        let message = device().send(payload, &Draft::default(), &pki().ra).message;
        assert_eq!(plaintext(&message), device().csr.der().to_vec());
    }
}

// R-3.3.3-01
#[test]
fn a_poll_holds_issuer_and_subject() {
    let plaintext = plaintext(&device().poll(&Draft::default(), pki()).message);
    let names = [pki().ca.subject().der(), device().csr.subject().der()].concat();
    assert_eq!(plaintext, scep_test::craft::constructed(Tag::SEQUENCE, &names));
}

// R-3.3.4-01, R-2.7-02
#[test]
fn queries_hold_issuer_and_serial_number() {
    for payload in &all_payloads()[3..] {
        let message = device().send(*payload, &Draft::default(), &pki().ra).message;
        assert_eq!(plaintext(&message), issuer_and_serial(&pki().ra));
    }
}

// R-3.2.1.5-01, R-CMS6.3-02
#[test]
fn two_messages_differ_in_nonce_and_initialisation_vector() {
    let parts = |seed| {
        let draft = Draft { seed, ..Draft::default() };
        let message = device().enrol(&draft, pki()).message;
        let seen = oracle::signed_data(&message);
        let nonce = oid::SENDER_NONCE.to_string();
        let attributes = &seen.signers[0].attributes;
        let nonce = attributes.iter().find(|(oid, _)| *oid == nonce).unwrap().1.clone();
        assert_eq!(nonce[0].len(), 2 + 16);
        (nonce, oracle::envelope(&seen.content.unwrap()).cipher)
    };
    let (one, other) = (parts(1), parts(2));
    assert_ne!(one.0, other.0);
    assert_ne!(one.1, other.1);
}

// R-CMS11.3-01
#[test]
fn signing_time_is_written_if_it_is_given() {
    let draft = Draft { signing_time: Some(scep_test::pki::NOW), ..Draft::default() };
    let message = device().enrol(&draft, pki()).message;
    let seen = oracle::signed_data(&message);
    let time = primitive(Tag::UTC_TIME, b"261121000000Z");
    let attribute = (oid::SIGNING_TIME.to_string(), vec![time]);
    assert!(seen.signers[0].attributes.contains(&attribute));
}

// R-4.2.1-04
#[test]
fn nothing_is_encrypted_to_a_key_that_cannot_decrypt() {
    let ra = pki().issue("EC RA", &[3], Role::Ra, SigningKey::spki(&keys::software("p256-ca")));
    let settings = scep_proto::client::RequestSettings {
        transaction_id: &scep_proto::TransactionId::new("1").unwrap(),
        signer: &device().signer,
        recipient: &ra,
        algorithms: Default::default(),
        signing_time: None,
        provider: &provider(),
    };
    let csr = requests::csr("device", None, &[], &*device().key);
    let refused = scep_proto::client::build(Payload::Enrol(&csr), settings, &random(1));
    assert_eq!(refused.unwrap_err(), Error::ApiMisuse(ApiMisuse::RecipientKey));
}

// R-2.3-01, R-2.3-02, R-2.3-03
#[test]
fn the_self_signed_certificate_has_the_csrs_subject_and_key_and_says_what_the_key_is_for() {
    for (key, key_usage) in [
        ("rsa2048-device", &[3, 2, 5, 0xA0][..]),
        ("rsa3072-device", &[3, 2, 5, 0xA0]),
        ("p256-device", &[3, 2, 7, 0x80]),
        ("p384-device", &[3, 2, 7, 0x80]),
    ] {
        let Device { signer, csr, .. } = Device::new("device", keys::software(key));
        assert_eq!(signer.subject().der(), csr.subject().der());
        assert_eq!(signer.issuer().der(), csr.subject().der());
        assert_eq!(signer.spki(), csr.spki().as_ref());
        assert_eq!(signer.extension(&oid::KEY_USAGE).unwrap(), key_usage);
        assert_eq!(signer.basic_constraints(), BasicConstraints::EndEntity);
        let policy = AlgorithmPolicy::Modern;
        assert_eq!(signer.verify_signature(signer.spki(), provider().verify, policy), Ok(()));
        let oracle: x509_cert::Certificate = der::Decode::from_der(signer.der()).unwrap();
        assert_eq!(oracle.tbs_certificate.version, x509_cert::Version::V3);
        assert_eq!(oracle.tbs_certificate.signature, oracle.signature_algorithm);
        assert_eq!(der::Encode::to_der(&oracle).unwrap(), signer.der().to_vec());
    }
}

// R-2.4-01, R-3.3.1-01, R-P10-01
#[test]
fn a_csr_has_subject_key_and_challenge() {
    let csr = &device().csr;
    assert_eq!(csr.challenge_password().unwrap().expose(), CHALLENGE);
    assert_eq!(csr.subject().to_string(), "CN=device");
    assert_eq!(csr.spki().as_ref(), device().key.spki());
    assert_eq!(csr.verify(provider().verify, AlgorithmPolicy::Modern).as_deref(), Ok(csr));
    let oracle: x509_cert::request::CertReq = der::Decode::from_der(csr.der()).unwrap();
    assert_eq!(der::Encode::to_der(&oracle).unwrap(), csr.der().to_vec(), "DER, attributes sorted");
    let bare = requests::csr("device", None, &[], &*device().key);
    let empty = [0xA0, 0x00];
    assert_eq!(&bare.info()[bare.info().len() - 2..], empty, "attributes are there, if empty");
}

// R-P10-02
#[test]
fn a_challenge_is_a_printable_string_if_its_alphabet_allows() {
    let value = |challenge: &str| {
        let csr = requests::csr("device", Some(challenge), &[], &*device().key);
        assert_eq!(csr.challenge_password().unwrap().expose(), challenge);
        csr.attributes()[0].values.clone()
    };
    assert_eq!(value("Abc-1"), printable("Abc-1"));
    assert_eq!(value("abc_1"), primitive(Tag::UTF8_STRING, b"abc_1"));
    assert_eq!(value("Schlüssel"), primitive(Tag::UTF8_STRING, "Schlüssel".as_bytes()));
    let long = "x".repeat(5_000);
    assert_eq!(value(&long), printable(&long), "Intune's are that long");
}

// R-P10-05
#[test]
fn requested_names_and_the_challenge_come_back() {
    let name = GeneralName::new(GeneralNameValue::Dns("device.example".into())).unwrap();
    let extension = subject_alt_name(std::slice::from_ref(&name));
    let csr = requests::csr("device", Some(CHALLENGE), &[extension], &*device().key);
    assert_eq!(csr.subject_alt_names(), [name]);
    let device = Device { csr, ..device().clone() };
    let enrolment = open(&device.enrol(&Draft::default(), pki()).message, AlgorithmPolicy::Modern);
    assert_eq!(*enrolment.csr, device.csr);
    let oracle: x509_cert::request::CertReq = der::Decode::from_der(device.csr.der()).unwrap();
    assert_eq!(der::Encode::to_der(&oracle).unwrap(), device.csr.der().to_vec());
}

// R-P10-08, R-7.1-01
#[test]
fn nothing_shows_the_challenge() {
    let key = &*device().key;
    let challenge = Secret::new("Very-Secret");
    let subject = Name::build(&[(oid::COMMON_NAME, "device")]);
    let unsigned = csr(&subject, key.spki(), Some(&challenge), &[], scheme(key));
    let text = format!("{unsigned:?}");
    assert!(text.starts_with("CsrToBeSigned"));
    let csr = requests::csr("device", Some("Very-Secret"), &[], key);
    let sealed = Device { csr, ..device().clone() };
    let opened = pki()
        .open(&sealed.enrol(&Draft::default(), pki()).message, AlgorithmPolicy::Modern)
        .unwrap();
    let shown = format!("{text} {opened:?} {:?} {:?}", sealed.csr, random(1));
    assert!(!shown.contains("Very-Secret") && shown.contains("CN=device"), "{shown}");
    assert!(!shown.contains("86, 101, 114, 121"), "nor as octets: {shown}");
}
