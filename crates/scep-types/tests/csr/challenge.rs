//! The challengePassword attribute.

use proptest::prelude::*;
use scep_types::asn1::Tag;
use scep_types::oid;
use scep_types::{AmbiguousCsr, Error, Secret, Structure};

use crate::builder::{Request, string, utf16};

fn challenge(request: &Request) -> Option<String> {
    request.parse().unwrap().challenge_password().map(|secret| secret.expose().to_owned())
}

// R-P10-03
#[test]
fn six_string_types_give_the_same_secret() {
    let text = "abc-123";
    let universal: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    for (tag, content) in [
        (Tag::PRINTABLE_STRING, text.as_bytes()),
        (Tag::UTF8_STRING, text.as_bytes()),
        (Tag::IA5_STRING, text.as_bytes()),
        (Tag::T61_STRING, text.as_bytes()),
        (Tag::BMP_STRING, &utf16(text)),
        (Tag::UNIVERSAL_STRING, &universal),
    ] {
        let csr = Request::new().challenge(tag, content).parse();
        let csr = csr.unwrap_or_else(|error| panic!("{tag}: {error}"));
        assert_eq!(csr.challenge_password(), Some(&Secret::new(text)), "{tag}");
    }
}

// R-P10-03
#[test]
fn characters_outside_ascii_survive_in_every_type_that_has_them() {
    let universal: Vec<u8> = "ü".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    for (tag, content) in [
        (Tag::UTF8_STRING, "ü".as_bytes()),
        (Tag::T61_STRING, b"\xFC"),
        (Tag::BMP_STRING, &utf16("ü")),
        (Tag::UNIVERSAL_STRING, &universal),
    ] {
        assert_eq!(challenge(&Request::new().challenge(tag, content)).as_deref(), Some("ü"));
    }
}

#[test]
fn a_printable_string_beyond_its_alphabet_is_read() {
    let request = Request::new().challenge(Tag::PRINTABLE_STRING, b"abc_1@*");
    assert_eq!(challenge(&request).as_deref(), Some("abc_1@*"));
}

// R-P10-02
#[test]
fn challenges_of_5000_characters_are_read() {
    let text = "A".repeat(5_000);
    let request = Request::new().challenge(Tag::PRINTABLE_STRING, text.as_bytes());
    assert_eq!(challenge(&request), Some(text));
}

// R-P10-02
#[test]
fn a_challenge_may_have_16_kib() {
    let longest = vec![b'A'; 16 * 1024];
    assert!(Request::new().challenge(Tag::UTF8_STRING, &longest).parse().is_ok());
    let longer = Request::new().challenge(Tag::UTF8_STRING, &vec![b'A'; 16 * 1024 + 1]);
    let (found, limit) = (16 * 1024 + 1, 16 * 1024);
    let structure = Structure::ChallengeOctets;
    assert_eq!(longer.parse(), Err(Error::TooMany { structure, found, limit }));
}

#[test]
fn no_challenge_and_an_empty_one_are_none() {
    assert_eq!(challenge(&Request::new()), None);
    assert_eq!(challenge(&Request::new().challenge(Tag::UTF8_STRING, b"")), None);
}

// R-P10-04
#[test]
fn two_challenge_attributes_are_refused() {
    let repeated = Error::Ambiguous(AmbiguousCsr::RepeatedAttribute(oid::CHALLENGE_PASSWORD));
    for second in [&b"one"[..], b"two"] {
        let request =
            Request::new().challenge(Tag::UTF8_STRING, b"one").challenge(Tag::UTF8_STRING, second);
        assert_eq!(request.parse(), Err(repeated.clone()));
    }
}

// R-P10-04
#[test]
fn a_challenge_attribute_has_exactly_one_value() {
    let (one, two) = (string(Tag::UTF8_STRING, b"one"), string(Tag::UTF8_STRING, b"two"));
    for values in [&[][..], &[&one[..], &two], &[&one[..], &one]] {
        let request = Request::new().attribute(oid::CHALLENGE_PASSWORD, values);
        let attribute = oid::CHALLENGE_PASSWORD;
        let expected = AmbiguousCsr::AttributeValues { attribute, values: values.len() };
        assert_eq!(request.parse(), Err(Error::Ambiguous(expected)));
    }
}

// R-P10-04
#[test]
fn challenges_compare_case_exact() {
    let csr = Request::new().challenge(Tag::UTF8_STRING, b"Abc").parse().unwrap();
    let challenge = csr.challenge_password().unwrap();
    assert_eq!(challenge, &Secret::new("Abc"));
    for other in ["abc", "Abc ", "Ab", "Abcd", ""] {
        assert_ne!(challenge, &Secret::new(other));
    }
}

#[test]
fn what_is_no_string_is_no_challenge() {
    for value in [&[2, 1, 5][..], &[4, 1, b'a'], &[0x30, 0], &[0x2C, 3, 0x0C, 1, b'a']] {
        let refused = Request::new().attribute(oid::CHALLENGE_PASSWORD, &[value]).parse();
        assert!(matches!(refused, Err(Error::Malformed(_))), "{value:02x?}: {refused:?}");
    }
}

#[test]
fn the_challenge_never_shows_in_debug_output() {
    let csr = Request::new().challenge(Tag::UTF8_STRING, b"hunter2").parse().unwrap();
    let shown = format!("{csr:?} {csr:#?} {:?} {:?}", csr.attributes(), csr.challenge_password());
    assert!(shown.contains("device-1") && shown.contains("Secret(..)"), "{shown}");
    // Neither as text nor as the numbers or escapes of its octets.
    for leak in ["hunter", "104, 117", "68, 75", "68756e", "\\x68"] {
        assert!(!shown.contains(leak), "{leak} in {shown}");
    }
}

proptest! {
    #[test]
    fn any_text_reads_back_from_utf8_and_bmp(text in "[^\u{10000}-\u{10FFFF}]{1,40}") {
        let utf8 = Request::new().challenge(Tag::UTF8_STRING, text.as_bytes());
        prop_assert_eq!(challenge(&utf8), Some(text.clone()));
        let bmp = Request::new().challenge(Tag::BMP_STRING, &utf16(&text));
        prop_assert_eq!(challenge(&bmp), Some(text));
    }
}
