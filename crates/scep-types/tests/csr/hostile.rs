//! No octets make the parser panic, and no change makes it show other octets than it was given.

use proptest::prelude::*;
use scep_types::Csr;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;

use crate::builder::{Request, extension_list, utf16};

/// A request with everything that is parsed: challenge, SAN of several kinds, usages, Windows' pairs.
fn rich_request() -> Vec<u8> {
    let pair = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.primitive(Tag::BMP_STRING, &utf16("ValidityPeriod"));
            der.primitive(Tag::BMP_STRING, &utf16("Years"));
        });
    });
    let usages = DerWriter::encode(|der| der.sequence(|der| der.oid(&oid::CLIENT_AUTH)));
    let names = [0x30, 14, 0x82, 1, b'a', 0x87, 4, 192, 0, 2, 1, 0x81, 3, b'a', b'@', b'b'];
    Request::new()
        .challenge(Tag::PRINTABLE_STRING, b"secret")
        .attribute(oid::MS_ENROLLMENT_NAME_VALUE_PAIR, &[&pair])
        .extensions(&[
            (oid::SUBJECT_ALT_NAME, &names),
            (oid::KEY_USAGE, &[3, 2, 5, 0xA0]),
            (oid::EXTENDED_KEY_USAGE, &usages),
            (oid::BASIC_CONSTRAINTS, &[0x30, 3, 2, 1, 0]),
        ])
        .encode()
}

/// Touches everything a CSR offers and checks that what it shows lies in what was received.
fn explore(csr: &Csr) {
    let within = |part: &[u8]| csr.der().windows(part.len().max(1)).any(|seen| seen == part);
    assert!(within(csr.info()) && within(csr.spki()) && within(csr.subject().der()));
    assert!(csr.subject_alt_names().iter().all(|name| within(name.der())));
    let _ = (csr.extended_key_usages(), csr.enrollment_pairs(), format!("{csr:?}"));
}

#[test]
fn every_single_octet_change_is_survived() {
    let der = rich_request();
    let original = Csr::parse(der.clone()).unwrap();
    explore(&original);
    for position in 0..der.len() {
        for octet in [0x00, 0x01, 0x30, 0x31, 0x7F, 0x80, 0x81, 0xA0, 0xFF, der[position] ^ 1] {
            let mut changed = der.clone();
            changed[position] = octet;
            if let Ok(csr) = Csr::parse(changed.clone()) {
                assert_eq!(csr.der(), &changed);
                assert_eq!(csr == original, changed == der);
                explore(&csr);
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(input in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(csr) = Csr::parse(input) {
            explore(&csr);
        }
    }

    #[test]
    fn arbitrary_attributes_never_panic(
        attributes in prop::collection::vec(any::<u8>(), 0..200),
        subject in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let whole = Request { attributes: Some(vec![attributes]), ..Request::new() };
        if let Ok(csr) = whole.parse() {
            explore(&csr);
        }
        let subject = DerWriter::encode(|der| der.sequence(|der| der.raw(&subject)));
        if let Ok(csr) = Request::new().subject(&subject).parse() {
            explore(&csr);
        }
    }

    #[test]
    fn arbitrary_extension_values_never_panic(
        value in prop::collection::vec(any::<u8>(), 0..80),
        oid in prop::sample::select(vec![
            oid::SUBJECT_ALT_NAME, oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE, oid::BASIC_CONSTRAINTS,
            oid::CERTIFICATE_POLICIES, oid::CRL_DISTRIBUTION_POINTS, oid::AUTHORITY_KEY_IDENTIFIER,
        ]),
    ) {
        let list = extension_list(&[(oid, &value)]);
        if let Ok(csr) = Request::new().attribute(oid::EXTENSION_REQUEST, &[&list]).parse() {
            prop_assert_eq!(&csr.extensions()[0].value[..], &value[..]);
            explore(&csr);
        }
    }

    #[test]
    fn several_changed_octets_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut der = rich_request();
        for (position, octet) in changes {
            let position = position.index(der.len());
            der[position] = octet;
        }
        if let Ok(csr) = Csr::parse(der) {
            explore(&csr);
        }
    }
}
