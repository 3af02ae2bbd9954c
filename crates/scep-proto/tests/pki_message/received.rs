//! CertReps as the client takes them: odd where real servers are odd, and never believed for being there.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{CertRep, ReplyCheck};
use scep_proto::{
    CaAnchor, CaCertificates, Error, FailInfo, FallbackKey, MessageType, Misbehaviour, Refusal,
    UnauthenticatedCa, Unsupported, write_ca_certificates,
};
use scep_test::ber::{self, Style};
use scep_test::craft::{
    Attribute, Content, Envelope, Order, Signed, SignedMessage, constructed, content_key,
    issuer_and_serial, key_identifier, key_transport, key_transport_with, octets, primitive,
    printable,
};
use scep_test::keys;
use scep_test::pki::{NOW, Role, self_signed};
use scep_test::requests::{Draft, Sent};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, DigestAlgorithm, KeyTransport, SigningKey,
};

use crate::support::{attacker, device, pki};

const AES: ContentCipher = ContentCipher::Aes128Cbc;

static SENT: LazyLock<Sent> = LazyLock::new(|| device().enrol(&Draft::default(), pki()));
static RA_KEY: LazyLock<Arc<dyn SigningKey>> =
    LazyLock::new(|| Arc::new(keys::software("rsa2048-ra")));
static CA: LazyLock<CaCertificates> = LazyLock::new(|| {
    let (_, answer) = write_ca_certificates(&[&pki().ca, &pki().ra]);
    let anchor = CaAnchor::Certificate(Box::new(pki().ca.clone()));
    UnauthenticatedCa::parse(answer).unwrap().authenticate(&anchor, &provider(), NOW).unwrap()
});

fn receive(reply: impl Into<Bytes>) -> Result<CertRep, Error> {
    receive_under(reply, AlgorithmPolicy::Modern)
}

fn receive_under(reply: impl Into<Bytes>, policy: AlgorithmPolicy) -> Result<CertRep, Error> {
    let (provider, key) = (provider(), &*device().opening_key);
    let check = ReplyCheck { ca: &CA, key, provider: &provider, policy };
    SENT.awaiting.receive(reply, check, &FallbackKey::new([0x66; 32]))
}

fn issued() -> Certificate {
    pki().issue("device", &[0x11], Role::Device, device().key.spki())
}

/// A degenerate SignedData by the oracle of no library: by hand.
fn certs_only(certificates: &[&Certificate]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid::ID_SIGNED_DATA);
            der.constructed(Tag::context(0), |der| {
                der.sequence(|der| {
                    der.unsigned(1_u64);
                    der.set(|_| ());
                    der.sequence(|der| der.oid(&oid::ID_DATA));
                    der.constructed(Tag::context(0), |der| {
                        certificates.iter().for_each(|c| der.raw(c.der()));
                    });
                    der.set(|_| ());
                });
            });
        });
    })
}

fn to_device(plaintext: &[u8], cipher: ContentCipher) -> Envelope {
    Envelope::new(plaintext, &device().signer, cipher)
}

/// A reply of the RA, to be changed.
fn reply(pki_status: &str, content: Vec<u8>) -> SignedMessage {
    SignedMessage::reply(RA_KEY.clone(), &pki().ra, &SENT.message, pki_status, content)
}

fn pending() -> SignedMessage {
    reply("3", vec![])
}

fn success() -> SignedMessage {
    reply("0", to_device(&certs_only(&[&issued()]), AES).build())
}

#[track_caller]
fn is_granted(reply: impl Into<Bytes>) {
    let expected = CertRep::Success { certificates: vec![issued()], crls: vec![] };
    assert_eq!(receive(reply), Ok(expected));
}

fn refused(message: &SignedMessage) -> Error {
    receive(message.build()).unwrap_err()
}

// R-3.3.2-01
#[test]
fn a_success_is_opened() {
    is_granted(success().build());
}

// R-3.2.1.3-01
#[test]
fn a_status_that_rfc_8894_does_not_have_is_an_error() {
    assert_eq!(receive(pending().build()), Ok(CertRep::Pending));
    for status in ["1", "4", "5", "255"] {
        let refused = refused(&reply(status, vec![]));
        assert!(matches!(refused, Error::Misbehaved(Misbehaviour::UnexpectedStatus(_))));
    }
    for status in ["", "00", "x"] {
        let expected = Misbehaviour::InvalidAttribute(oid::PKI_STATUS);
        assert_eq!(refused(&reply(status, vec![])), expected.into());
    }
    let expected = Misbehaviour::MissingAttribute(oid::PKI_STATUS);
    assert_eq!(refused(&pending().without(oid::PKI_STATUS)), expected.into());
}

// R-3.2.1.2-04
#[test]
fn a_reply_has_message_type_3() {
    let request = pending().with(oid::MESSAGE_TYPE, &[printable("19")]);
    let expected = Misbehaviour::UnexpectedMessageType(MessageType::PKCS_REQ);
    assert_eq!(refused(&request), expected.into());
    let expected = Misbehaviour::MissingAttribute(oid::MESSAGE_TYPE);
    assert_eq!(refused(&pending().without(oid::MESSAGE_TYPE)), expected.into());
}

// R-3.2.1.5-03
#[test]
fn the_recipient_nonce_must_be_ours() {
    let mut nonce = [0; 16];
    for wrong in [octets(&nonce), octets(&nonce[..15])] {
        let expected = Misbehaviour::NonceMismatch;
        assert_eq!(refused(&pending().with(oid::RECIPIENT_NONCE, &[wrong])), expected.into());
    }
    nonce[0] = 1;
    let both = [octets(&nonce), octets(&nonce)];
    let expected = Misbehaviour::InvalidAttribute(oid::RECIPIENT_NONCE);
    assert_eq!(refused(&pending().with(oid::RECIPIENT_NONCE, &both)), expected.into());
    let expected = Misbehaviour::NonceMismatch;
    assert_eq!(refused(&pending().without(oid::RECIPIENT_NONCE)), expected.into());
}

// R-3.2.1.1-06
#[test]
fn the_transaction_id_must_be_ours_in_whatever_string_type() {
    let expected = |error| matches!(error, Error::Misbehaved(Misbehaviour::TransactionMismatch(_)));
    for other in ["1F3A5B7C9D", "1f3a5b7c9", "1f3a5b7c9d "] {
        assert!(expected(refused(&pending().with(oid::TRANSACTION_ID, &[printable(other)]))));
    }
    let utf8 = primitive(Tag::UTF8_STRING, b"1f3a5b7c9d");
    let reply = pending().with(oid::TRANSACTION_ID, &[utf8]);
    assert_eq!(receive(reply.build()), Ok(CertRep::Pending));
}

// R-3.2.1.5-04
#[test]
fn a_reply_without_sender_nonce_is_taken() {
    let reply = pending().without(oid::SENDER_NONCE);
    assert_eq!(receive(reply.build()), Ok(CertRep::Pending));
}

// R-3.2.1.4-02, R-3.2.1.4-03, R-3.2.1.4-05, R-3.2.1.4-06
#[test]
fn a_failure_is_one_with_or_without_a_reason() {
    let failure = |attributes: &[(Oid, Vec<u8>)]| {
        let message = attributes.iter().fold(reply("2", vec![]), |message, (oid, value)| {
            message.with(*oid, std::slice::from_ref(value))
        });
        match receive(message.build()).unwrap() {
            CertRep::Failure { fail_info, text } => (fail_info, text),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(failure(&[]), (None, None));
    for number in [0, 4, 7, 255] {
        let value = printable(&number.to_string());
        let expected = (Some(FailInfo::new(number)), None);
        assert_eq!(failure(&[(oid::FAIL_INFO, value)]), expected);
    }
    for tag in [Tag::UTF8_STRING, Tag::PRINTABLE_STRING] {
        let text = primitive(tag, "zu spät".as_bytes());
        assert_eq!(failure(&[(oid::FAIL_INFO_TEXT, text)]), (None, Some("zu spät".to_owned())));
    }
    let long = primitive(Tag::UTF8_STRING, "ä".repeat(50_000).as_bytes());
    let (_, text) = failure(&[(oid::FAIL_INFO_TEXT, long)]);
    assert_eq!(text.unwrap().chars().count(), 255);
    let (_, text) = failure(&[(oid::FAIL_INFO_TEXT, primitive(Tag::UTF8_STRING, b"a\xFF\r\nb"))]);
    let refusal = Refusal { fail_info: None, text };
    assert_eq!(refusal.to_string(), "refused without a failInfo, \"a\u{fffd}\\r\\nb\"");
}

// R-3.2-07
#[test]
fn pending_and_failure_come_with_no_content_with_an_empty_one_and_with_one_zero() {
    for status in ["2", "3"] {
        let expected = receive(reply(status, vec![]).build()).unwrap();
        assert_eq!(receive(reply(status, vec![0]).build()).unwrap(), expected, "NDES");
        let mut absent = reply(status, vec![]);
        absent.content = Content::Absent;
        assert_eq!(receive(absent.build()).unwrap(), expected, "jscep's server");
    }
}

// R-3.3.2.3-02
#[test]
fn an_envelope_in_a_failure_or_pending_is_not_looked_at() {
    for content in [to_device(&certs_only(&[&issued()]), AES).build(), vec![0x30, 0x80]] {
        assert_eq!(receive(reply("3", content.clone()).build()), Ok(CertRep::Pending));
        let failure = receive(reply("2", content).build()).unwrap();
        assert_eq!(failure, CertRep::Failure { fail_info: None, text: None });
    }
}

// R-3.3.2.1-07
#[test]
fn a_success_without_an_envelope_is_none() {
    assert_eq!(refused(&reply("0", vec![])), Misbehaviour::EnvelopeMissing.into());
    let mut absent = reply("0", vec![]);
    absent.content = Content::Absent;
    assert_eq!(refused(&absent), Misbehaviour::EnvelopeMissing.into());
    assert!(receive(reply("0", vec![0]).build()).is_err());
}

// R-3.2-09
#[test]
fn the_signer_is_looked_up_among_the_authenticated_certificates() {
    let mut without = success();
    without.certificates.clear();
    is_granted(without.build());
    let mut others = success();
    others.certificates = vec![attacker().signer.der().to_vec()];
    is_granted(others.build());
    let by_key_identifier = success().signed_by(|signer| signer.sid = key_identifier(&pki().ra));
    is_granted(by_key_identifier.build());
}

// R-3.2-10
#[test]
fn a_certificate_is_not_trusted_for_being_in_the_reply() {
    let strangers = [
        attacker().signer.clone(),
        self_signed("Test RA", &[2], Role::Ra, "rsa2048-signer"),
        pki().issue("attacker", &[0x31], Role::Ra, attacker().key.spki()),
    ];
    for stranger in strangers {
        let key = attacker().key.clone();
        let reply = SignedMessage::reply(key, &stranger, &SENT.message, "3", vec![]);
        assert_eq!(refused(&reply), Misbehaviour::UntrustedSigner.into());
    }
    // Its own certificate under the RA's name and number: found, and the signature does not fit.
    let key = attacker().key.clone();
    let reply = SignedMessage::reply(key, &pki().ra, &SENT.message, "3", vec![]);
    assert_eq!(refused(&reply), Misbehaviour::SignatureInvalid.into());
}

#[test]
fn the_ca_itself_may_sign() {
    let key: Arc<dyn SigningKey> = Arc::new(keys::software("rsa2048-ca"));
    let reply = SignedMessage::reply(key, &pki().ca, &SENT.message, "3", vec![]);
    assert_eq!(receive(reply.build()), Ok(CertRep::Pending));
}

// R-CMS5.6-01
#[test]
fn a_reply_must_verify() {
    let digest = pending().with(oid::MESSAGE_DIGEST, &[octets(&[0; 32])]);
    assert_eq!(refused(&digest), Misbehaviour::DigestMismatch.into());
    let content_type = pending().without(oid::CONTENT_TYPE);
    assert_eq!(refused(&content_type), Misbehaviour::ContentTypeMismatch.into());
    let tag = pending().signed_by(|signer| signer.signed = Signed::UnderContextTag);
    assert_eq!(refused(&tag), Misbehaviour::SignatureInvalid.into());
    let mut nobody = pending();
    nobody.signers.clear();
    assert_eq!(refused(&nobody), Misbehaviour::SignerCount(0).into());
}

// R-CMS5.3-03, R-3.2-06
#[test]
fn unsorted_attributes_and_ber_are_taken() {
    let unsorted = success().signed_by(|signer| signer.order = Order::Reversed);
    is_granted(unsorted.build());
    is_granted(ber::signed_data(&success().build(), &Style::streamed()));
    let envelope = to_device(&certs_only(&[&issued()]), AES).build();
    let envelope = ber::enveloped_data(&envelope, &Style::streamed());
    is_granted(reply("0", envelope).build());
}

// R-3.2.1-06
#[test]
fn attributes_of_ndes_change_nothing() {
    let issued =
        Attribute::one(Oid::new("1.3.6.1.4.1.311.21.38"), primitive(Tag::UTF8_STRING, b"Issued"));
    is_granted(success().with_another(issued).build());
}

// R-CMS6.2.1-06
#[test]
fn ndes_wraps_the_key_by_oaep() {
    let mut envelope = to_device(&certs_only(&[&issued()]), AES);
    let rid = issuer_and_serial(&device().signer);
    let spki = device().signer.spki();
    for digest in [DigestAlgorithm::Sha1, DigestAlgorithm::Sha256] {
        let transport = KeyTransport::Oaep(digest);
        envelope.recipients = vec![key_transport(&rid, transport, spki, &content_key(AES))];
        is_granted(reply("0", envelope.build()).build());
    }
}

// R-CMS6.2.1-02
#[test]
fn of_several_recipients_ours_is_taken() {
    let mut envelope = to_device(&certs_only(&[&issued()]), AES);
    let stranger = &attacker().signer;
    let key = content_key(AES);
    let transport = KeyTransport::Pkcs1v15;
    let pki_ca = &pki().ca;
    envelope
        .recipients
        .insert(0, key_transport(&issuer_and_serial(pki_ca), transport, stranger.spki(), &key));
    is_granted(reply("0", envelope.build()).build());
    envelope.recipients.truncate(1);
    envelope.recipients.push(envelope.recipients[0].clone());
    let expected = Misbehaviour::NotRecipient { recipients: 2 };
    assert_eq!(refused(&reply("0", envelope.build())), expected.into());
}

// R-2.9-05
#[test]
fn weak_ciphers_in_a_reply_are_named() {
    for (cipher, needed) in [
        (ContentCipher::TripleDesCbc, AlgorithmPolicy::Legacy),
        (ContentCipher::DesCbc, AlgorithmPolicy::Obsolete),
    ] {
        let message = reply("0", to_device(&certs_only(&[&issued()]), cipher).build());
        assert_eq!(refused(&message), Unsupported::ReplyCipher(cipher).into());
        assert!(receive_under(message.build(), needed).is_ok());
    }
}

// R-3218-04
#[test]
fn everything_wrong_inside_an_envelope_is_one_error() {
    let plaintext = certs_only(&[&issued()]);
    let honest = to_device(&plaintext, AES);
    let rid = issuer_and_serial(&device().signer);
    let pkcs1 = scep_test::craft::algorithm(oid::RSA_ENCRYPTION, Some(&[5, 0]));
    let mut wrong_key = honest.clone();
    wrong_key.recipients = vec![key_transport_with(&rid, &pkcs1, &[0x55; 256])];
    let mut short_key = honest.clone();
    short_key.recipients = vec![key_transport_with(&rid, &pkcs1, &[0x55; 3])];
    let mut no_block = honest.clone();
    no_block.encrypted_content = primitive(Tag::context(0), &[0; 17]);
    let garbage = to_device(b"no SignedData", AES);
    let other_content = to_device(device().csr.der(), AES);
    let envelope_inside = to_device(&honest.build(), AES);
    for envelope in [wrong_key, short_key, no_block, garbage, other_content, envelope_inside] {
        assert_eq!(refused(&reply("0", envelope.build())), Error::Undecipherable(None));
    }
}

// R-3.3.2-02
#[test]
fn a_degenerate_signed_data_without_content_info_is_taken() {
    let full = certs_only(&[&issued()]);
    let mut info = scep_types::asn1::Reader::der(&full).sequence().unwrap();
    info.oid().unwrap();
    let bare = info.expect(Tag::context(0)).unwrap().content.to_vec();
    is_granted(reply("0", to_device(&bare, AES).build()).build());
}

// R-CMS10-01
#[test]
fn what_is_no_certificate_in_a_reply_is_passed_over() {
    let issued = issued();
    let odd = constructed(Tag::context(2), &[2, 1, 1]);
    let list = [&odd[..], issued.der()].concat();
    let full = certs_only(&[&issued]);
    let at = full.windows(issued.der().len()).position(|window| window == issued.der()).unwrap();
    assert!(at > 0);
    let rewritten = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid::ID_SIGNED_DATA);
            der.constructed(Tag::context(0), |der| {
                der.sequence(|der| {
                    der.unsigned(1_u64);
                    der.set(|_| ());
                    der.sequence(|der| der.oid(&oid::ID_DATA));
                    der.constructed(Tag::context(0), |der| der.raw(&list));
                    der.set(|_| ());
                });
            });
        });
    });
    is_granted(reply("0", to_device(&rewritten, AES).build()).build());
}
