//! Trees of what SCEP sends, through the library.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod conversation;
mod offsets;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use scep_cli::decode::{Context, Error, Node, Secrets, decode};
use scep_client::{self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{
    Algorithms, Payload, RequestSettings, build_with_password, subject_alt_name,
};
use scep_proto::http::encode_message;
use scep_proto::server::{ReplySettings, Unverified, Verified};
use scep_proto::{FailInfo, MessageRandom, TransactionId, write_ca_certificates};
use scep_types::asn1::DerWriter;
use scep_types::{
    AlgorithmPolicy, Certificate, Csr, GeneralName, GeneralNameValue, Name, Secret, SigningKey,
    UnixTime, oid,
};

const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);

fn key(name: &str) -> SoftwareKey {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    SoftwareKey::from_pkcs8_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn certificate(common_name: &str, key: &SoftwareKey) -> Certificate {
    let name = Name::build(&[(oid::COMMON_NAME, common_name)]);
    self_signed(key, &name, NOW, provider().random).unwrap()
}

fn csr() -> Csr {
    let names = ["a.example", "b.example"]
        .map(|name| GeneralName::new(GeneralNameValue::Dns(name.to_owned())).unwrap());
    let subject = Name::build(&[(oid::COMMON_NAME, "device")]);
    let (challenge, names) = (Secret::new("hunter2"), [subject_alt_name(&names)]);
    sign_csr(&key("rsa2048-device"), &subject, Some(&challenge), &names).unwrap()
}

/// A PKCSReq or CertPoll of CN=device to CN=RA.
fn request(payload: Payload<'_>) -> Bytes {
    request_to("rsa2048-ra", payload)
}

/// The same to an RA with this key; by the password `hunter2`, if it cannot decrypt.
fn request_to(ra: &str, payload: Payload<'_>) -> Bytes {
    let (device, ra) = (key("rsa2048-device"), key(ra));
    let (signer, recipient) = (certificate("device", &device), certificate("RA", &ra));
    let (id, provider) = (TransactionId::new("4711").unwrap(), provider());
    let settings = RequestSettings {
        transaction_id: &id,
        signer: &signer,
        recipient: &recipient,
        algorithms: Algorithms::default(),
        signing_time: Some(NOW),
        provider: &provider,
    };
    let random = MessageRandom::new(&[7; MessageRandom::OCTETS]);
    let password = Secret::new("hunter2");
    let (unsigned, _) = build_with_password(payload, settings, &password, &random).unwrap();
    let signature = device.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
    unsigned.finish(&signature)
}

/// The RA's refusal.
fn failure() -> Bytes {
    let (provider, ra) = (provider(), key("rsa2048-ra"));
    let unverified = Unverified::parse(request(Payload::Enrol(&csr()))).unwrap();
    let Verified::Sealed(sealed) = unverified.verify(&provider, AlgorithmPolicy::Modern).unwrap()
    else {
        panic!("a PKCSReq is no poll")
    };
    let signer = certificate("RA", &ra);
    let settings = ReplySettings { signer: &signer, provider: &provider, now: NOW };
    let random = MessageRandom::new(&[8; MessageRandom::OCTETS]);
    let reply = sealed.into_reply();
    let text = Some("no\u{1b}[2J such challenge");
    let unsigned = reply.fail(FailInfo::BAD_REQUEST, text, &random, settings).unwrap();
    let signature = ra.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
    unsigned.finish(&signature)
}

fn tree(input: &[u8], context: &Context<'_>) -> Node {
    let mut trees = decode(input, context).unwrap();
    assert_eq!(trees.len(), 1);
    trees.remove(0)
}

fn value<'a>(tree: &'a Node, label: &str) -> &'a str {
    tree.find(label).unwrap_or_else(|| panic!("no {label} in\n{tree}")).value().unwrap()
}

#[test]
fn a_request_is_shown_with_its_attributes_signer_and_recipient() {
    let tree = tree(&request(Payload::Enrol(&csr())), &Context::new(provider()));
    assert_eq!(tree.label(), "pkiMessage");
    let expected = [
        ("messageType", "PKCSReq (19)"),
        ("transactionID", "4711"),
        ("senderNonce", "07070707070707070707070707070707"),
        ("signingTime", "2026-11-21T00:00:00Z"),
        ("digest", "SHA-256"),
        ("signature algorithm", "RSA PKCS #1 v1.5 with SHA-256"),
        ("signature", "valid, by the self-signed certificate of CN=device in the message"),
        ("key transport", "RSA PKCS #1 v1.5"),
        ("cipher", "AES-128-CBC"),
    ];
    for (label, text) in expected {
        assert_eq!(value(&tree, label), text, "{label}");
    }
    assert!(value(&tree, "recipient").ends_with(" of CN=RA"));
    assert!(value(&tree, "encrypted content").ends_with("not decrypted: no key given (--key)"));
    assert!(tree.find("CSR").is_none());
}

#[test]
fn the_right_key_opens_the_envelope_and_others_do_not() {
    let message = request(Payload::Enrol(&csr()));
    let (wrong, ec, right) = (key("rsa2048-ca"), key("p256-device"), key("rsa2048-ra"));
    let mut context = Context::new(provider());
    context.keys = vec![&wrong, &ec];
    let closed = tree(&message, &context);
    assert!(closed.find("CSR").is_none());
    context.keys.push(&right);
    let open = tree(&message, &context);
    assert!(value(&open, "encrypted content").ends_with("decrypted with key 3"));
    assert_eq!(value(&open, "subject"), "CN=device");
    assert_eq!(value(&open, "subjectAltName"), "DNS:a.example, DNS:b.example");
    let csr = open.find("CSR").unwrap();
    assert_eq!(value(csr, "signature"), "valid");
    assert_eq!(value(csr, "key"), "RSA-2048");
    assert_eq!(value(csr, "challengePassword"), "hidden, 7 characters (--show-secrets)");
    assert!(!open.to_string().contains("hunter2"));
    assert!(!open.to_json().to_string().contains("hunter2"));
    context.secrets = Secrets::Shown;
    assert_eq!(value(&tree(&message, &context), "challengePassword"), "hunter2");
}

#[test]
fn a_changed_message_is_shown_with_what_is_wrong() {
    let mut message = request(Payload::Enrol(&csr())).to_vec();
    *message.last_mut().unwrap() ^= 1;
    let shown = tree(&message, &Context::new(provider()));
    assert!(value(&shown, "signature").starts_with("INVALID: signature does not verify"));

    let mut message = request(Payload::Enrol(&csr())).to_vec();
    let ciphertext = message.len() / 3;
    message[ciphertext] ^= 1;
    let shown = tree(&message, &Context::new(provider()));
    assert!(value(&shown, "signature").starts_with("INVALID: "), "{shown}");
}

#[test]
fn a_refusal_is_shown_and_its_text_escaped() {
    let shown = tree(&failure(), &Context::new(provider()));
    assert_eq!(value(&shown, "messageType"), "CertRep (3)");
    assert_eq!(value(&shown, "pkiStatus"), "FAILURE (2)");
    assert_eq!(value(&shown, "failInfo"), "badRequest (2)");
    assert_eq!(value(&shown, "failInfoText"), "no\\u{1b}[2J such challenge");
    assert_eq!(value(&shown, "recipientNonce"), "07".repeat(16));
    assert_eq!(value(&shown, "content of type id-data (1.2.840.113549.1.7.1)"), "none");
    assert!(!shown.to_string().contains('\u{1b}'));
}

#[test]
fn a_poll_is_shown_with_the_names_inside() {
    let names = [("CA", "issuer"), ("device", "subject")];
    let [issuer, subject] = names.map(|(name, _)| Name::build(&[(oid::COMMON_NAME, name)]));
    let message = request(Payload::Poll { issuer: &issuer, subject: &subject });
    let ra = key("rsa2048-ra");
    let mut context = Context::new(provider());
    context.keys = vec![&ra];
    let shown = tree(&message, &context);
    let inner = shown.find("issuer and subject").unwrap();
    assert_eq!((value(inner, "issuer"), value(inner, "subject")), ("CN=CA", "CN=device"));

    let message = request(Payload::GetCert { issuer: &issuer, serial: &[0x12, 0x34] });
    let shown = tree(&message, &context);
    let inner = shown.find("issuer and serial number").unwrap();
    assert_eq!((value(inner, "issuer"), value(inner, "serial number")), ("CN=CA", "1234"));
}

#[test]
fn a_signer_that_is_not_in_the_message_can_be_given() {
    // NDES leaves it out: take the certificates, [0], away. They stand before the SignerInfos.
    let message = request(Payload::Enrol(&csr()));
    let signer = certificate("device", &key("rsa2048-device"));
    let without = without_certificates(&message);
    let shown = tree(&without, &Context::new(provider()));
    assert!(value(&shown, "signature").starts_with("not verified: "), "{shown}");
    let mut context = Context::new(provider());
    context.certificates = vec![certificate("RA", &key("rsa2048-ra"))];
    assert!(value(&tree(&without, &context), "signature").starts_with("INVALID: by none"));
    context.certificates.push(signer);
    let shown = tree(&without, &context);
    assert_eq!(value(&shown, "signature"), "valid, by the self-signed certificate of CN=device");
}

/// The same SignedData without its certificates.
fn without_certificates(message: &[u8]) -> Vec<u8> {
    use scep_types::asn1::{Reader, Tag};
    let mut info = Reader::der(message).sequence().unwrap();
    let content_type = info.oid().unwrap();
    let mut explicit = info.expect(Tag::context(0)).unwrap().open().unwrap();
    let mut fields = explicit.sequence().unwrap();
    let kept: Vec<_> = (0..3).map(|_| fields.any().unwrap().raw).collect();
    fields.expect(Tag::context(0)).unwrap();
    let signers = fields.any().unwrap().raw;
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&content_type);
            der.constructed(Tag::context(0), |der| {
                der.sequence(|der| {
                    kept.iter().for_each(|field| der.raw(field));
                    der.raw(signers);
                });
            });
        });
    })
}

#[test]
fn a_list_of_certificates_and_a_certificate_are_shown() {
    let (one, two) = (key("rsa2048-ca"), key("p256-ca"));
    let (one, two) = (certificate("One", &one), certificate("Two", &two));
    let (_, list) = write_ca_certificates(&[&one, &two]);
    let shown = tree(&list, &Context::new(provider()));
    assert_eq!(shown.label(), "certificates and CRLs only");
    let text = shown.to_string();
    assert!(text.contains("  certificate: CN=One\n") && text.contains("  certificate: CN=Two\n"));

    let shown = tree(two.der(), &Context::new(provider()));
    assert_eq!((shown.label(), shown.value()), ("certificate", Some("CN=Two")));
    assert_eq!(value(&shown, "key"), "P-256");
    assert_eq!(value(&shown, "signature"), "valid, self-signed");
    assert_eq!(value(&shown, "keyUsage"), "digitalSignature");
}

#[test]
fn every_armour_is_taken_off() {
    let der = csr().der().to_vec();
    let context = Context::new(provider());
    let plain = tree(&der, &context);
    let base64 = STANDARD.encode(&der);
    let lines: Vec<_> =
        base64.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
    let lines = lines.join("\r\n");
    let pem = format!(
        "junk\n-----BEGIN CERTIFICATE REQUEST-----\n{lines}\n-----END CERTIFICATE REQUEST-----\n"
    );
    for armoured in [base64.as_str(), &lines, &pem, &base64.replace('+', "-").replace('/', "_")] {
        assert_eq!(tree(armoured.as_bytes(), &context), plain);
    }
    let message = request(Payload::Enrol(&csr()));
    let url = format!(
        "10.0.0.1 \"GET /scep?operation=PKIOperation&message={} HTTP/1.0\"",
        encode_message(&message)
    );
    assert_eq!(tree(url.as_bytes(), &context), tree(&message, &context));
}

#[test]
fn of_several_pem_blocks_each_is_shown_but_no_private_key() {
    let block = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    };
    let secret = key("rsa2048-device").to_pkcs8_pem().unwrap();
    let input = [
        block("CERTIFICATE", certificate("One", &key("rsa2048-ca")).der()),
        secret.to_string(),
        block("X509 CRL", &[0x30, 0]),
    ];
    let trees = decode(input.concat().as_bytes(), &Context::new(provider())).unwrap();
    let labels: Vec<_> = trees.iter().map(|tree| (tree.label(), tree.value())).collect();
    let nothing = "is no pkiMessage, envelope, CSR, certificate, CRL or list of certificates";
    let expected = [
        ("certificate", Some("CN=One")),
        ("PRIVATE KEY", Some("not shown")),
        ("block", Some(nothing)),
    ];
    assert_eq!(labels, expected);
}

#[test]
fn what_is_nothing_we_know_is_an_error() {
    let context = Context::new(provider());
    assert_eq!(decode(b"", &context), Err(Error::Empty));
    assert_eq!(decode(b"hello, world", &context), Err(Error::NoArmour));
    assert_eq!(decode(&[0x30, 3, 2, 1, 5], &context), Err(Error::Unknown));
    assert!(matches!(decode(&[0x30, 0x82, 9, 9, 0], &context), Err(Error::Malformed(_))));
}

#[test]
fn no_single_octet_changed_or_cut_off_panics() {
    let (message, ra) = (request(Payload::Enrol(&csr())), key("rsa2048-ra"));
    let mut context = Context::new(provider());
    context.keys = vec![&ra];
    for at in (0..message.len()).step_by(7) {
        let mut changed = message.to_vec();
        changed[at] ^= 0x41;
        let _ = decode(&changed, &context).map(|trees| trees[0].to_string());
        let _ = decode(&message[..at], &context).map(|trees| trees[0].to_string());
    }
}

#[test]
fn a_recipient_that_is_whoever_knows_a_password_is_named() {
    let message = request_to("p256-ca", Payload::Enrol(&csr()));
    let tree = decode(&message, &Context::new(provider())).unwrap();
    let recipient = tree[0].find("recipient").unwrap();
    assert_eq!(recipient.value(), Some("whoever knows a password"));
    let below = |label| recipient.find(label).and_then(Node::value);
    assert_eq!(below("key derivation"), Some("PBKDF2, HMAC with SHA-256"));
    assert_eq!(below("iterations"), Some("10000"));
    assert_eq!(below("key encryption"), Some("PWRI-KEK, AES-128-CBC"));
}
