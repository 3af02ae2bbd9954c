//! SCEP over HTTP as data: operations, queries and the base64 of a message by GET (RFC 8894 §4.1).

use bytes::Bytes;
use proptest::prelude::*;
use scep_proto::http::{MAX_MESSAGE, Method, Request, decode_message, encode_message};
use scep_proto::server::Unverified;
use scep_proto::{Error, FailInfo, Misbehaviour, Unsupported};
use scep_test::captures::capture;
use scep_types::asn1::Asn1Error;

fn get(query: &str) -> Result<Request, Error> {
    Request::parse(Method::Get, Some(query), Bytes::new())
}

fn post(query: Option<&str>, body: &[u8]) -> Result<Request, Error> {
    Request::parse(Method::Post, query, Bytes::copy_from_slice(body))
}

fn operation(message: &[u8]) -> Request {
    Request::PkiOperation(Bytes::copy_from_slice(message))
}

/// A message whose base64 has `+`, `/` and `=`.
const MESSAGE: [u8; 7] = [0x30, 0xFB, 0xEF, 0xBE, 0xFF, 0xFF, 0xFE];

// R-4.1-04
#[test]
fn a_message_by_get_is_padded_base64_with_three_characters_escaped() {
    assert_eq!(encode_message(&MESSAGE), "MPvvvv///g%3D%3D".replace('/', "%2F"));
    assert_eq!(encode_message(&[0xFB, 0xEF]), "%2B%2B8%3D");
    assert_eq!(encode_message(b"abc"), "YWJj");
    assert_eq!(encode_message(&[0; 90]).len(), 120, "no line breaks");
}

// R-4.1-05
#[test]
fn a_message_by_get_is_read_in_each_encoding_of_the_field() {
    for text in [
        "MPvvvv%2F%2F%2Fg%3D%3D",           // certmonger
        "MPvvvv///g%3D%3D",                 // macOS: only the padding escaped
        "MPvvvv///g==",                     // jscep: nothing escaped
        "MPvvvv%2f%2f%2fg%3d%3d",           // lower-case escapes
        "MPvvvv___g%3D%3D",                 // micromdm: base64url
        "MPvvvv___g",                       // without padding
        "MPvv%0Avv//%0D%0A/g==%0A",         // Cisco: line breaks
        "MPvv\r\nvv//\t/g==",               // and raw ones
        "MPvvvv%252F%252F%252Fg%253D%253D", // escaped twice
    ] {
        assert_eq!(decode_message(text).unwrap(), MESSAGE[..], "{text}");
    }
    for text in ["--8=", "++8=", "  8=", "%2B%2B8%3D", "%20%208=", "+-8", "%2B 8"] {
        assert_eq!(decode_message(text).unwrap(), [0xFB, 0xEF][..], "{text}: plus or blank");
    }
}

// R-4.1-05, R-4.1-09
#[test]
fn captured_queries_hold_messages() {
    for file in [
        "scepclient/pkcsreq-get.query",
        "certmonger/pkcsreq.query",
        "certmonger/pkcsreq-again.query",
    ] {
        let query = capture(file);
        let Request::PkiOperation(message) = get(std::str::from_utf8(&query).unwrap()).unwrap()
        else {
            panic!("{file} is a PKIOperation")
        };
        assert!(Unverified::parse(message).is_ok(), "{file}");
    }
}

// R-4.3-09
#[test]
fn what_is_no_base64_is_a_bad_request() {
    for text in ["M", "MPvv!", "%", "%4", "MPvv=x", "=", "é", "MPv%3Z", "MPvv%ZD"] {
        let refused = get(&format!("operation=PKIOperation&message={text}")).unwrap_err();
        assert_eq!(refused, Misbehaviour::InvalidBase64.into(), "{text}");
        assert_eq!(FailInfo::from(&refused), FailInfo::BAD_REQUEST);
    }
    let missing = get("operation=PKIOperation").unwrap_err();
    assert_eq!(missing, Misbehaviour::InvalidQuery.into());
}

// R-4.1-09, R-4.2-02, R-3.5.2-17
#[test]
fn names_and_operations_have_no_case_and_no_order() {
    for query in [
        "operation=GetCACaps",
        "OPERATION=getcacaps",
        "message=ca1&operation=GetCACaps",
        "operation=GetCACaps&message=*",
        "operation=GetCACaps&message=",
        "operation=GetCACaps&message",
        "x=1&&operation=%47etCACaps&y",
    ] {
        assert_eq!(get(query), Ok(Request::GetCaCaps), "{query}");
    }
    for query in ["operation=GetCACert&message=CA%20name", "operation=GetCACertChain"] {
        assert_eq!(get(query), Ok(Request::GetCaCert), "{query}");
    }
    assert_eq!(get("operation=GetNextCACert"), Ok(Request::GetNextCaCert));
    let query = format!("Message={}&x=1&Operation=pkioperation", encode_message(&MESSAGE));
    assert_eq!(get(&query), Ok(operation(&MESSAGE)));
}

// R-4.1-11
#[test]
fn an_operation_that_nobody_knows_is_none() {
    for query in ["", "operation=", "operation=Foo", "operations=GetCACaps", "GetCACaps"] {
        assert_eq!(get(query), Err(Unsupported::Operation.into()), "{query}");
    }
    assert_eq!(Request::parse(Method::Get, None, Bytes::new()), Err(Unsupported::Operation.into()));
    let error = Error::from(Unsupported::Operation);
    assert_eq!(FailInfo::from(&error), FailInfo::BAD_REQUEST);
}

// R-4.3-03
#[test]
fn a_post_is_a_pki_operation_unless_it_says_something_else() {
    for query in [
        None,
        Some(""),
        Some("x=1"),
        Some("operation=PKIOperation"),
        Some("operation=pkioperation"),
    ] {
        assert_eq!(post(query, &MESSAGE), Ok(operation(&MESSAGE)), "{query:?}");
    }
    for query in ["operation=GetCACert", "operation=GetCACaps", "operation="] {
        assert_eq!(post(Some(query), &MESSAGE), Err(Unsupported::Operation.into()), "{query}");
    }
}

// R-4.3-08
#[test]
fn the_body_of_a_post_may_be_base64() {
    for body in ["MPvvvv///g==", "MPvvvv///g==\r\n", "MPvv\nvv//\n/g=="] {
        assert_eq!(post(None, body.as_bytes()), Ok(operation(&MESSAGE)), "{body}");
    }
    for body in [&b"<html>"[..], b"", &[0x31, 0]] {
        assert_eq!(post(None, body), Ok(operation(body)), "left to the parser");
    }
}

// R-4.1-06
#[test]
fn messages_are_bounded_by_either_method() {
    let largest = vec![0x30; MAX_MESSAGE];
    assert_eq!(post(None, &largest), Ok(operation(&largest)));
    assert_eq!(decode_message(&encode_message(&largest)).unwrap(), largest);
    let size = MAX_MESSAGE + 1;
    let larger = vec![0x30; size];
    let too_large = Asn1Error::TooLarge { size, limit: MAX_MESSAGE };
    assert_eq!(post(None, &larger), Err(too_large.into()));
    assert_eq!(decode_message(&encode_message(&larger)), Err(too_large.into()));
    let huge = "%41".repeat(4 * MAX_MESSAGE);
    assert!(matches!(decode_message(&huge), Err(Error::Malformed(Asn1Error::TooLarge { .. }))));
}

proptest! {
    // R-4.1-04, R-4.1-05
    #[test]
    fn what_is_encoded_decodes(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = encode_message(&message);
        prop_assert!(text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'%'));
        prop_assert_eq!(decode_message(&text).unwrap(), message);
    }
}
