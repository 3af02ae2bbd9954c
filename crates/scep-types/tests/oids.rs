//! Object identifiers encode and print as an independent implementation does; unknown ones survive.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use proptest::prelude::*;
use scep_types::oid::{self, Oid};
use x509_parser::asn1_rs::Oid as Oracle;

/// The content octets that an independent encoder writes for a dotted OID.
fn oracle(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    Oracle::from(&arcs).unwrap().as_bytes().to_vec()
}

#[test]
fn constants_equal_the_oracle() {
    for (ours, dotted) in [
        (oid::ID_SIGNED_DATA, "1.2.840.113549.1.7.2"),
        (oid::TRANSACTION_ID, "2.16.840.1.113733.1.9.7"),
        (oid::CHALLENGE_PASSWORD, "1.2.840.113549.1.9.7"),
        (oid::MS_ENROLLMENT_NAME_VALUE_PAIR, "1.3.6.1.4.1.311.13.2.1"),
        (oid::DOMAIN_COMPONENT, "0.9.2342.19200300.100.1.25"),
        (oid::SECP384R1, "1.3.132.0.34"),
        (oid::SUBJECT_ALT_NAME, "2.5.29.17"),
    ] {
        assert_eq!(ours.content(), oracle(dotted), "{dotted}");
        assert_eq!(ours.to_string(), dotted);
        assert_eq!(Oid::from_content(&oracle(dotted)), Some(ours));
    }
}

#[test]
fn arcs_at_the_edge_of_a_digit_keep_all_their_digits() {
    // Some encoders drop the leading digit of these.
    assert_eq!(Oid::new("1.2.2097152").content(), [0x2A, 0x81, 0x80, 0x80, 0x00]);
    assert_eq!(Oid::new("1.2.268435456").content(), [0x2A, 0x81, 0x80, 0x80, 0x80, 0x00]);
}

#[test]
fn text_that_is_no_object_identifier_is_refused() {
    for text in [
        "",
        ".",
        "1",
        "1.",
        ".1",
        "1..2",
        "3.1",
        "0.40",
        "1.40",
        "01.2",
        "1.02",
        "1.2.x",
        "1.2 ",
        "-1.2",
        "1.2.4294967296",
    ] {
        assert_eq!(Oid::parse(text), None, "{text:?}");
    }
    assert!(Oid::parse("2.999").is_some());
    assert!(Oid::parse("1.2.4294967295").is_some());
}

#[test]
fn text_longer_than_the_limit_is_refused() {
    let longest = format!("1.2{}", ".1".repeat(Oid::MAX_OCTETS - 1));
    assert_eq!(Oid::parse(&longest).unwrap().content().len(), Oid::MAX_OCTETS);
    assert_eq!(Oid::parse(&format!("{longest}.1")), None);
}

#[test]
fn content_octets_that_are_no_object_identifier_are_refused() {
    for content in [&[][..], &[0x2A, 0x80], &[0x2A, 0x80, 1], &[0x80, 1], &[0xFF], &[1; 40]] {
        assert_eq!(Oid::from_content(content), None, "{content:02x?}");
    }
}

#[test]
fn arcs_too_long_to_count_print_as_their_octets() {
    // Two such OIDs must not print alike, least of all as a known one.
    let uuid = [&[0x69, 0x83][..], &[0xFF; 17], &[0x7F]].concat();
    assert_eq!(
        Oid::from_content(&uuid).unwrap().to_string(),
        "2.25.340282366920938463463374607431768211455"
    );
    let huge = [&[0x2A][..], &[0xFF; 25], &[0x01]].concat();
    let printed = Oid::from_content(&huge).unwrap().to_string();
    assert_eq!(printed, format!("0x2a{}01", "ff".repeat(25)));
}

proptest! {
    #[test]
    fn parse_and_display_are_inverse_and_equal_the_oracle(
        root in 0_u32..3,
        second in 0_u32..40,
        arcs in prop::collection::vec(any::<u32>(), 1..6),
    ) {
        let dotted = arcs.iter().fold(format!("{root}.{second}"), |text, arc| format!("{text}.{arc}"));
        let ours = Oid::parse(&dotted).unwrap();
        prop_assert_eq!(ours.to_string(), dotted.as_str());
        prop_assert_eq!(ours.content(), oracle(&dotted));
        prop_assert_eq!(Oid::from_content(ours.content()), Some(ours));
    }

    #[test]
    fn content_octets_survive(content in prop::collection::vec(any::<u8>(), 0..48)) {
        if let Some(oid) = Oid::from_content(&content) {
            prop_assert_eq!(oid.content(), content);
            prop_assert!(!oid.to_string().is_empty());
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[0-9.]{0,80}") {
        if let Some(oid) = Oid::parse(&text) {
            prop_assert_eq!(oid.to_string(), text);
        }
    }
}

/// A fuzzer found that other readers keep the low 32 bits of an arc, and so take one OID for another.
#[test]
fn an_arc_of_more_than_32_bits_is_not_cut() {
    let content = [42, 0xA0, 0x81, 0xF7, 0x8D, 13, 1, 7, 1];
    let arc = content[1..6].iter().fold(0_u64, |arc, digit| arc << 7 | u64::from(digit & 0x7F));
    assert!(arc > u64::from(u32::MAX));
    let found = Oid::from_content(&content).unwrap();
    assert_eq!(found.to_string(), format!("1.2.{arc}.1.7.1"));
    assert_ne!(found.to_string(), format!("1.2.{}.1.7.1", arc & 0xFFFF_FFFF));
}
