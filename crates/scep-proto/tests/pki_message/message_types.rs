//! Only the message types of RFC 8894 are anything, and only two of them ask for a certificate.

use bytes::Bytes;
use scep_proto::server::{Opened, SealedKind, Verified};
use scep_proto::{Error, FailInfo, MessageType, Misbehaviour};
use scep_test::craft::{SignedMessage, name_and_serial, primitive, printable};
use scep_types::asn1::Tag;
use scep_types::{AlgorithmPolicy, ContentCipher, oid};

use crate::support::{device, envelope, pki, verify};

/// What a server makes of a message of this type: what it is, or why it is refused.
fn judge(value: &[u8], envelope: Vec<u8>) -> Result<&'static str, (Error, FailInfo)> {
    let message = SignedMessage::request(device(), "19", envelope);
    let message = message.with(oid::MESSAGE_TYPE, &[value.to_vec()]);
    match verify(&message) {
        Ok(Verified::Poll(_)) => Ok("poll"),
        Ok(Verified::Sealed(sealed)) => Ok(match sealed.kind() {
            SealedKind::Enrol => "enrol",
            SealedKind::Renew => "renew",
            SealedKind::GetCert => "certificate",
            SealedKind::GetCrl => "CRL",
        }),
        Err(rejected) => {
            let fail_info = FailInfo::from(&rejected.error);
            Err((rejected.error, fail_info))
        }
    }
}

// R-3.2.1.2-02, R-3.2.1.2-03, R-2.8-01
#[test]
fn of_all_numbers_five_are_requests_and_the_rest_is_nothing() {
    for number in 0..=255_u8 {
        let judged = judge(&printable(&number.to_string()), envelope());
        let expected = match number {
            17 => Ok("renew"),
            19 => Ok("enrol"),
            20 => Ok("poll"),
            21 => Ok("certificate"),
            22 => Ok("CRL"),
            other => {
                let unexpected = Misbehaviour::UnexpectedMessageType(MessageType::new(other));
                Err((unexpected.into(), FailInfo::BAD_REQUEST))
            }
        };
        assert_eq!(judged, expected, "{number}");
    }
}

// R-3.2.1.2-01
#[test]
fn no_other_spelling_of_a_number_is_that_number() {
    let invalid = Misbehaviour::InvalidAttribute(oid::MESSAGE_TYPE);
    for spelling in [
        "",
        " ",
        "0",
        "00",
        "019",
        "0019",
        "19 ",
        " 19",
        "19\u{0}",
        "\u{0}19",
        "19\n",
        "\t19",
        "+19",
        "-19",
        "19.",
        "19.0",
        "1 9",
        "1,9",
        "1e1",
        "0x13",
        "0o23",
        "XIX",
        "19;17",
        "19,17",
        "256",
        "275",
        "4294967315",
        "18446744073709551635",
        "99999999999999999999999",
        "PKCSReq",
        "１９",
        "١٩",
        "19\u{200B}",
        "\u{FEFF}19",
        "nineteen",
    ] {
        for tag in [Tag::PRINTABLE_STRING, Tag::UTF8_STRING, Tag::IA5_STRING, Tag::T61_STRING] {
            let judged = judge(&primitive(tag, spelling.as_bytes()), envelope());
            let (error, fail_info) = judged.unwrap_err();
            assert_eq!(fail_info, FailInfo::BAD_REQUEST, "{spelling:?}");
            if spelling != "0" {
                assert_eq!(error, invalid.clone().into(), "{spelling:?} as {tag}");
            }
        }
    }
}

// R-3.2.1.2-01
#[test]
fn no_other_type_of_value_is_a_number() {
    let wide = [0, 0, 0, 19];
    for value in [
        primitive(Tag::BMP_STRING, &[0, b'1', 0, b'9']),
        primitive(Tag::UNIVERSAL_STRING, &wide),
        primitive(Tag::OCTET_STRING, b"19"),
        primitive(Tag::BIT_STRING, &[0, 19]),
        primitive(Tag::ENUMERATED, &[19]),
        primitive(Tag::BOOLEAN, &[19]),
        primitive(Tag::NULL, &[]),
        primitive(Tag::INTEGER, &[]),
        primitive(Tag::INTEGER, &[0, 19]),
        primitive(Tag::INTEGER, &[1, 19]),
        primitive(Tag::INTEGER, &wide),
        primitive(Tag::VISIBLE_STRING, b"19"),
        primitive(Tag::context(0), b"19"),
        scep_test::craft::constructed(Tag::PRINTABLE_STRING, &printable("19")),
        scep_test::craft::constructed(Tag::SEQUENCE, &printable("19")),
    ] {
        let (_, fail_info) = judge(&value, envelope()).unwrap_err();
        assert_eq!(fail_info, FailInfo::BAD_REQUEST, "{value:02x?}");
    }
    for number in [18, 0, 3, 23, 0x7F, 0xFF] {
        let (_, fail_info) = judge(&primitive(Tag::INTEGER, &[number]), envelope()).unwrap_err();
        assert_eq!(fail_info, FailInfo::BAD_REQUEST, "{number}");
    }
    assert_eq!(judge(&primitive(Tag::INTEGER, &[19]), envelope()), Ok("enrol"), "one peer's");
}

// R-3.2-03, R-3.2.2-02
#[test]
fn a_csr_is_an_enrolment_under_two_types_only_and_a_query_under_two_others() {
    let query = name_and_serial(pki().ca.subject().der(), &[1]);
    let query =
        scep_test::craft::Envelope::new(&query, &pki().ra, ContentCipher::Aes128Cbc).build();
    let open = |number: &str, envelope: Vec<u8>| {
        let message: Bytes = SignedMessage::request(device(), number, envelope).build();
        pki().open(&message, AlgorithmPolicy::Modern)
    };
    assert!(matches!(open("19", envelope()), Ok(Opened::Enrol(_))));
    assert!(matches!(open("17", envelope()), Ok(Opened::Renew(_))));
    assert!(matches!(open("21", query.clone()), Ok(Opened::GetCert(_))));
    assert!(matches!(open("22", query.clone()), Ok(Opened::GetCrl(_))));
    for (number, envelope) in
        [("21", envelope()), ("22", envelope()), ("19", query.clone()), ("17", query)]
    {
        let refused = open(number, envelope).unwrap_err();
        assert!(matches!(refused.error, Error::Undecipherable(_)), "{number}");
    }
}
