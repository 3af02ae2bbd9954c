//! The signed attributes that make a SignedData a pkiMessage (RFC 8894 §3.2.1).

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::inspect::Signed;
use scep_proto::server::{Reply, Unverified, Verified};
use scep_proto::{Error, FailInfo, MessageType, Misbehaviour, TransactionId};
use scep_test::craft::{Attribute, SignedMessage, octets, primitive, printable};
use scep_test::requests::random;
use scep_types::UnixTime;
use scep_types::asn1::{Asn1Error, DerWriter, Tag};
use scep_types::oid::{self, Oid};

use crate::support::{opens, pkcs_req, pki, refusal, unanswerable, verify};

const SCEP_ATTRIBUTES: [Oid; 3] = [oid::TRANSACTION_ID, oid::MESSAGE_TYPE, oid::SENDER_NONCE];

fn missing(oid: Oid) -> Error {
    Misbehaviour::MissingAttribute(oid).into()
}

fn invalid(oid: Oid) -> Error {
    Misbehaviour::InvalidAttribute(oid).into()
}

/// The way to answer a message that verified.
fn reply(message: &SignedMessage) -> Reply {
    match verify(message).unwrap() {
        Verified::Sealed(sealed) => sealed.into_reply(),
        Verified::Poll(poll) => poll.reply,
    }
}

/// A PENDING for this message, and the values of its attributes.
fn pending(message: &SignedMessage) -> Vec<(Oid, Bytes)> {
    let provider = provider();
    let unsigned = reply(message).pend(&random(5), pki().reply_settings(&provider)).unwrap();
    values(&pki().sign_reply(unsigned))
}

fn values(message: &Bytes) -> Vec<(Oid, Bytes)> {
    let signed = Signed::parse(message.clone()).unwrap();
    let signer = signed.signers().next().unwrap();
    signer.attribute_values().map(|(oid, values)| (oid, values.clone())).collect()
}

fn value(values: &[(Oid, Bytes)], oid: Oid) -> Option<&Bytes> {
    values.iter().find(|(other, _)| *other == oid).map(|(_, value)| value)
}

// R-3.2.1-01
#[test]
fn without_transaction_id_there_is_nothing_to_answer_with() {
    let message = pkcs_req().without(oid::TRANSACTION_ID);
    assert_eq!(unanswerable(&message), missing(oid::TRANSACTION_ID));
}

// R-3.2.1-01
#[test]
fn without_message_type_it_is_a_bad_request() {
    let (error, fail_info) = refusal(&pkcs_req().without(oid::MESSAGE_TYPE));
    assert_eq!(error, missing(oid::MESSAGE_TYPE));
    assert_eq!(fail_info, FailInfo::BAD_REQUEST);
}

// R-3.2.1.5-05
#[test]
fn without_sender_nonce_the_answer_has_no_recipient_nonce() {
    let answer = pending(&pkcs_req().without(oid::SENDER_NONCE));
    assert_eq!(value(&answer, oid::RECIPIENT_NONCE), None);
    assert_eq!(value(&answer, oid::SENDER_NONCE).map(Bytes::len), Some(2 + 16));
}

// R-3.2.1-02
#[test]
fn the_attributes_that_cms_demands_are_demanded() {
    for (oid, expected) in [
        (oid::CONTENT_TYPE, Misbehaviour::ContentTypeMismatch),
        (oid::MESSAGE_DIGEST, Misbehaviour::DigestMismatch),
    ] {
        let (error, fail_info) = refusal(&pkcs_req().without(oid));
        assert_eq!(error, expected.into());
        assert_eq!(fail_info, FailInfo::BAD_MESSAGE_CHECK);
    }
}

// R-3.2.1-04
#[test]
fn attributes_that_nobody_signed_do_not_count() {
    let message = pkcs_req().without(oid::TRANSACTION_ID).signed_by(|signer| {
        let attribute = Attribute::one(oid::TRANSACTION_ID, printable("1f3a5b7c9d"));
        signer.unsigned_attributes.push(attribute);
    });
    assert_eq!(unanswerable(&message), missing(oid::TRANSACTION_ID));

    let other = Attribute::one(oid::TRANSACTION_ID, printable("other"));
    let message = pkcs_req().signed_by(|signer| signer.unsigned_attributes.push(other));
    assert_eq!(reply(&message).transaction_id().octets(), b"1f3a5b7c9d");
}

// R-3.2.1-05, R-CMS11-01
#[test]
fn an_attribute_that_stands_twice_is_refused() {
    let all = SCEP_ATTRIBUTES.into_iter().chain([oid::CONTENT_TYPE, oid::MESSAGE_DIGEST]);
    for oid in all {
        let value = match oid {
            oid::CONTENT_TYPE => DerWriter::encode(|der| der.oid(&oid::ID_DATA)),
            oid::SENDER_NONCE | oid::MESSAGE_DIGEST => octets(&[1; 32]),
            _ => printable("19"),
        };
        let message = pkcs_req().with_another(Attribute::one(oid, value));
        assert_eq!(unanswerable(&message), Misbehaviour::RepeatedAttribute(oid).into());
    }
}

// R-3.2.1-05
#[test]
fn a_scep_attribute_has_exactly_one_value() {
    let one = |oid| if oid == oid::SENDER_NONCE { octets(&[7; 16]) } else { printable("19") };
    for oid in SCEP_ATTRIBUTES {
        for values in [vec![], vec![one(oid), one(oid)]] {
            let message = pkcs_req().with(oid, &values);
            if oid == oid::TRANSACTION_ID {
                assert_eq!(unanswerable(&message), invalid(oid));
            } else {
                assert_eq!(refusal(&message), (invalid(oid), FailInfo::BAD_REQUEST));
            }
        }
    }
}

// R-CMS11-01
#[test]
fn a_cms_attribute_has_exactly_one_value() {
    let id_data = DerWriter::encode(|der| der.oid(&oid::ID_DATA));
    let time = DerWriter::encode(|der| scep_test::pki::NOW.write(der));
    for (oid, value) in [
        (oid::CONTENT_TYPE, id_data),
        (oid::MESSAGE_DIGEST, octets(&[1; 32])),
        (oid::SIGNING_TIME, time),
    ] {
        for values in [vec![], vec![value.clone(), value.clone()]] {
            assert!(verify(&pkcs_req().with(oid, &values)).is_err(), "{oid}: {values:?}");
        }
    }
}

// R-3.2.1-06
#[test]
fn unknown_attributes_change_nothing() {
    const HRESULT: Oid = Oid::new("1.3.6.1.4.1.311.21.33");
    const SMIME_CAPABILITIES: Oid = Oid::new("1.2.840.113549.1.9.15");
    let message = pkcs_req()
        .with(HRESULT, &[printable("-2147024809")])
        .with(SMIME_CAPABILITIES, &[vec![0x30, 0], vec![0x30, 0]]);
    opens(&message);
}

#[test]
fn attributes_are_bounded_in_number() {
    let with = |count: u32| {
        (0..count).fold(pkcs_req(), |message, index| {
            let oid = Oid::parse(&format!("1.2.3.{index}")).unwrap();
            message.with_another(Attribute::one(oid, vec![5, 0]))
        })
    };
    opens(&with(59));
    let limit = Asn1Error::TooManyElements { limit: 64 };
    assert_eq!(unanswerable(&with(60)), limit.into());
}

// R-3.2.1-08
#[test]
fn texts_come_in_any_of_four_string_types() {
    for tag in [Tag::PRINTABLE_STRING, Tag::UTF8_STRING, Tag::IA5_STRING, Tag::T61_STRING] {
        let message = pkcs_req()
            .with(oid::TRANSACTION_ID, &[primitive(tag, b"id")])
            .with(oid::MESSAGE_TYPE, &[primitive(tag, b"19")]);
        opens(&message);
    }
    for tag in [Tag::BMP_STRING, Tag::OCTET_STRING, Tag::UTC_TIME] {
        let message = pkcs_req().with(oid::TRANSACTION_ID, &[primitive(tag, b"id")]);
        assert_eq!(unanswerable(&message), invalid(oid::TRANSACTION_ID));
        let message = pkcs_req().with(oid::MESSAGE_TYPE, &[primitive(tag, b"19")]);
        assert_eq!(refusal(&message).0, invalid(oid::MESSAGE_TYPE));
    }
}

#[test]
fn one_peer_sends_message_type_as_an_integer() {
    opens(&pkcs_req().with(oid::MESSAGE_TYPE, &[primitive(Tag::INTEGER, &[19])]));
    for odd in [&[0, 19][..], &[], &[0x01, 0x13]] {
        let message = pkcs_req().with(oid::MESSAGE_TYPE, &[primitive(Tag::INTEGER, odd)]);
        assert_eq!(refusal(&message).0, invalid(oid::MESSAGE_TYPE));
    }
}

// R-3.2.1-09
#[test]
fn the_transaction_id_is_echoed_octet_by_octet_with_its_string_type() {
    for id in [printable("ABC"), primitive(Tag::UTF8_STRING, "Gerät".as_bytes())] {
        let answer = pending(&pkcs_req().with(oid::TRANSACTION_ID, std::slice::from_ref(&id)));
        assert_eq!(value(&answer, oid::TRANSACTION_ID).unwrap(), &id);
    }
}

// R-3.2.1.1-02
#[test]
fn a_transaction_id_is_any_text() {
    let key_hash = "F0930105DA295DCC297E580972903746D7342367";
    for id in ["1", "SSCEP transactionId", "7XXEY-ERLPU", "EOb2L8aFF26sYIa1vEJ9FSwURz8=", key_hash]
    {
        let message = pkcs_req().with(oid::TRANSACTION_ID, &[printable(id)]);
        assert_eq!(reply(&message).transaction_id().octets(), id.as_bytes());
        opens(&message);
    }
}

// R-3.2.1.1-04
#[test]
fn a_transaction_id_is_bounded_and_printed_escaped() {
    let with = |octets: &[u8]| {
        pkcs_req().with(oid::TRANSACTION_ID, &[primitive(Tag::UTF8_STRING, octets)])
    };
    opens(&with(&[b'x'; TransactionId::MAX_OCTETS]));
    for length in [0, 256, 10_000] {
        assert_eq!(unanswerable(&with(&vec![b'x'; length])), invalid(oid::TRANSACTION_ID));
    }
    let id = Unverified::parse(with(b"../\r\n\x1b[31m\"\xFF").build()).unwrap();
    assert_eq!(id.transaction_id().to_string(), r#"../\r\n\x1b[31m\"\xff"#);
    assert_eq!(format!("{:?}", id.transaction_id()), r#"../\r\n\x1b[31m\"\xff"#);
}

// R-3.2.1.1-01
#[test]
fn our_own_transaction_ids_are_printable_strings() {
    for text in ["", "a_b", "a@b", "\u{e9}", &"x".repeat(256)] {
        assert_eq!(TransactionId::new(text), Err(invalid(oid::TRANSACTION_ID)), "{text}");
    }
    let alphabet = "AZaz09 '()+,-./:=?";
    assert_eq!(TransactionId::new(alphabet).unwrap().octets(), alphabet.as_bytes());
}

// R-3.2.1.2-01
#[test]
fn message_type_is_plain_decimal_text() {
    opens(&pkcs_req().with(oid::MESSAGE_TYPE, &[printable("19")]));
    for text in ["", "019", "19 ", " 19", "+19", "-19", "0x13", "1 9", "275", "99999999999", "۱۹"]
    {
        let text = primitive(Tag::UTF8_STRING, text.as_bytes());
        let message = pkcs_req().with(oid::MESSAGE_TYPE, &[text]);
        assert_eq!(refusal(&message), (invalid(oid::MESSAGE_TYPE), FailInfo::BAD_REQUEST));
    }
}

// R-3.2.1.2-02, R-2.8-01
#[test]
fn message_types_that_rfc_8894_does_not_have_are_bad_requests() {
    for number in [0, 1, 2, 4, 16, 18, 23, 99, 255] {
        let message = pkcs_req().with(oid::MESSAGE_TYPE, &[printable(&number.to_string())]);
        let expected = Misbehaviour::UnexpectedMessageType(MessageType::new(number));
        assert_eq!(refusal(&message), (expected.into(), FailInfo::BAD_REQUEST));
    }
}

// R-3.2.1.2-03
#[test]
fn a_reply_sent_to_a_server_is_a_bad_request() {
    let (error, fail_info) = refusal(&pkcs_req().with(oid::MESSAGE_TYPE, &[printable("3")]));
    assert_eq!(error, Misbehaviour::UnexpectedMessageType(MessageType::CERT_REP).into());
    assert_eq!(fail_info, FailInfo::BAD_REQUEST);
}

// R-3.2.1.5-02
#[test]
fn the_nonce_comes_back_as_it_was_sent() {
    for length in [1, 8, 16, 20, 32, 64] {
        let nonce = octets(&vec![0xE7; length]);
        let answer = pending(&pkcs_req().with(oid::SENDER_NONCE, std::slice::from_ref(&nonce)));
        assert_eq!(value(&answer, oid::RECIPIENT_NONCE).unwrap(), &nonce);
    }
    for length in [0, 65, 1000] {
        let message = pkcs_req().with(oid::SENDER_NONCE, &[octets(&vec![0xE7; length])]);
        assert_eq!(refusal(&message), (invalid(oid::SENDER_NONCE), FailInfo::BAD_REQUEST));
    }
}

// R-3.2.1.5-06
#[test]
fn the_servers_nonce_is_its_own_and_as_long_as_the_peer_understands() {
    for (sent, answered) in [(1, 8), (8, 8), (12, 12), (16, 16), (64, 16)] {
        let nonce = octets(&vec![0xE7; sent]);
        let answer = pending(&pkcs_req().with(oid::SENDER_NONCE, &[nonce]));
        let own = value(&answer, oid::SENDER_NONCE).unwrap();
        assert_eq!(own.len(), 2 + answered);
        assert!(!own[2..].contains(&0xE7), "not a copy of the peer's");
    }
}

// R-3.2.1-07
#[test]
fn we_write_the_string_types_of_table_1() {
    let provider = provider();
    let reply = reply(&pkcs_req());
    let (random, settings) = (random(5), pki().reply_settings(&provider));
    let unsigned = reply.fail(FailInfo::BAD_TIME, Some("zu spät"), &random, settings).unwrap();
    let answer = values(&pki().sign_reply(unsigned));
    for (oid, expected) in [
        (oid::TRANSACTION_ID, printable("1f3a5b7c9d")),
        (oid::MESSAGE_TYPE, printable("3")),
        (oid::PKI_STATUS, printable("2")),
        (oid::FAIL_INFO, printable("3")),
        (oid::FAIL_INFO_TEXT, primitive(Tag::UTF8_STRING, "zu spät".as_bytes())),
        (oid::RECIPIENT_NONCE, octets(&[0xAB; 16])),
    ] {
        assert_eq!(value(&answer, oid).unwrap(), &expected, "{oid}");
    }
}

// R-CMS11.3-01, R-3.2.1.4-09
#[test]
fn signing_time_is_optional_and_comes_in_both_time_types() {
    let time_of = |message: &SignedMessage| match verify(message).unwrap() {
        Verified::Sealed(sealed) => sealed.signing_time(),
        Verified::Poll(_) => panic!("no poll"),
    };
    assert_eq!(time_of(&pkcs_req()), None);
    let utc = primitive(Tag::UTC_TIME, b"491231235959Z");
    let generalized = primitive(Tag::GENERALIZED_TIME, b"20500101000000Z");
    for (value, seconds) in [(utc, 2_524_607_999), (generalized, 2_524_608_000)] {
        let message = pkcs_req().with(oid::SIGNING_TIME, &[value]);
        assert_eq!(time_of(&message), Some(UnixTime::from_secs(seconds)));
    }
    let noon = primitive(Tag::UTC_TIME, b"noon");
    assert_eq!(refusal(&pkcs_req().with(oid::SIGNING_TIME, &[noon])).1, FailInfo::BAD_REQUEST);
}
