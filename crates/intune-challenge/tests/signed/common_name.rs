//! The commonName against `device_name`. Strictly.

use intune_challenge::Mismatch;
use scep_types::Name;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{COMMON_NAME, EMAIL_ADDRESS, ORGANIZATIONAL_UNIT_NAME};

use crate::support::*;

#[test]
fn the_only_common_name_is_the_device_name() {
    for subject in ["laptop-7f3b", "LAPTOP-7F3A", "laptop-7f3a ", " laptop-7f3a", "laptop-7f3a\0"] {
        let csr = csr_of(&Name::build(&[(COMMON_NAME, subject)]), &[]);
        let differs =
            Mismatch::CommonName { claimed: Some(DEVICE.to_owned()), requested: texts(&[subject]) };
        assert_eq!(mismatch(&claims(), &csr), differs);
    }
    for (subject, requested) in [
        (vec![], texts(&[])),
        (vec![(ORGANIZATIONAL_UNIT_NAME, DEVICE)], texts(&[])),
        (vec![(COMMON_NAME, DEVICE), (COMMON_NAME, DEVICE)], texts(&[DEVICE, DEVICE])),
        (vec![(COMMON_NAME, "admin"), (COMMON_NAME, DEVICE)], texts(&["admin", DEVICE])),
        (
            vec![(COMMON_NAME, DEVICE), (COMMON_NAME, "a"), (COMMON_NAME, "b")],
            texts(&[DEVICE, "a"]),
        ),
    ] {
        let csr = csr_of(&Name::build(&subject), &[]);
        let differs = Mismatch::CommonName { claimed: Some(DEVICE.to_owned()), requested };
        assert_eq!(mismatch(&claims(), &csr), differs);
    }
    // an RDN of several members hides none
    let rdn = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.set(|der| {
                for name in [DEVICE, "laptop-ffff"] {
                    der.sequence(|der| {
                        der.oid(&COMMON_NAME);
                        der.primitive(Tag::PRINTABLE_STRING, name.as_bytes());
                    });
                }
            });
        });
    });
    assert!(matches!(mismatch(&claims(), &raw_csr(&rdn, &[], None)), Mismatch::CommonName { .. }));
}

#[test]
fn a_common_name_that_no_claim_names_is_refused() {
    let mut claims = claims();
    claims.device_name = None;
    claims.san_dns = texts(&["a.example"]);
    let names = [dns("a.example")];
    let differs = Mismatch::CommonName { claimed: None, requested: texts(&[DEVICE]) };
    assert_eq!(mismatch(&claims, &csr(&names)), differs);
    bind(&claims, &csr_of(&Name::build(&[(ORGANIZATIONAL_UNIT_NAME, "x")]), &names)).unwrap();
    bind(&claims, &csr_of(&Name::build(&[]), &names)).unwrap();
}

#[test]
fn other_attributes_of_the_subject_are_not_compared() {
    let subject = Name::build(&[(COMMON_NAME, DEVICE), (EMAIL_ADDRESS, "eve@example.com")]);
    bind(&claims(), &csr_of(&subject, &[])).unwrap();
}

#[test]
fn a_common_name_may_be_any_string_of_the_same_text() {
    let utf16: Vec<u8> = DEVICE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf32: Vec<u8> = DEVICE.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    for (tag, value) in [
        (Tag::UTF8_STRING, DEVICE.as_bytes()),
        (Tag::PRINTABLE_STRING, DEVICE.as_bytes()),
        (Tag::IA5_STRING, DEVICE.as_bytes()),
        (Tag::T61_STRING, DEVICE.as_bytes()),
        (Tag::BMP_STRING, &utf16),
        (Tag::UNIVERSAL_STRING, &utf32),
    ] {
        let subject = raw_name(&[(COMMON_NAME, tag, value)]);
        bind(&claims(), &raw_csr(&subject, &[], None)).unwrap();
    }
    let mut umlaut = claims();
    umlaut.device_name = Some("b\u{fc}ro".to_owned());
    let subject = raw_name(&[(COMMON_NAME, Tag::UTF8_STRING, "b\u{fc}ro".as_bytes())]);
    bind(&umlaut, &raw_csr(&subject, &[], None)).unwrap();
}

#[test]
fn a_common_name_that_readers_could_read_in_two_ways_matches_nothing() {
    let constructed = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.set(|der| {
                der.sequence(|der| {
                    der.oid(&COMMON_NAME);
                    der.constructed(Tag::UTF8_STRING, |der| der.raw(DEVICE.as_bytes()));
                });
            });
        });
    });
    for (tag, value, claimed) in [
        (Tag::T61_STRING, "b\u{fc}ro".as_bytes(), "b\u{fc}ro"),
        (Tag::T61_STRING, b"b\xFCro".as_slice(), "b\u{fc}ro"),
        (Tag::PRINTABLE_STRING, "b\u{fc}ro".as_bytes(), "b\u{fc}ro"),
        (Tag::IA5_STRING, b"b\xFCro".as_slice(), "b\u{fc}ro"),
        (Tag::UTF8_STRING, b"b\xFCro".as_slice(), "b\u{fc}ro"),
        (Tag::OCTET_STRING, DEVICE.as_bytes(), DEVICE),
        (Tag::BMP_STRING, &[0xD8, 0x00], "\u{fffd}"),
        (Tag::UNIVERSAL_STRING, &[0, 0x11, 0, 0], "\u{fffd}"),
    ] {
        let mut claims = claims();
        claims.device_name = Some(claimed.to_owned());
        let csr = raw_csr(&raw_name(&[(COMMON_NAME, tag, value)]), &[], None);
        assert!(matches!(mismatch(&claims, &csr), Mismatch::CommonName { .. }), "{tag} {value:?}");
    }
    let csr = raw_csr(&constructed, &[], None);
    assert!(matches!(mismatch(&claims(), &csr), Mismatch::CommonName { .. }));
}
