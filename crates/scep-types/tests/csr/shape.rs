//! The frame of a CSR: version, subject, attributes, sizes.

use scep_types::asn1::{Asn1Error, DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{AmbiguousCsr, Csr, EnrollmentPair, Error, KeyKind, Structure};

use crate::builder::{Request, extension_list, spki, string, utf16};

/// A name of one RDN with these attributes.
fn subject(attributes: &[(Oid, Tag, &[u8])]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.set(|der| {
                for (oid, tag, text) in attributes {
                    der.sequence(|der| {
                        der.oid(oid);
                        der.primitive(*tag, text);
                    });
                }
            });
        });
    })
}

#[test]
fn every_part_is_kept_as_received() {
    let request = Request::new().challenge(Tag::UTF8_STRING, b"x");
    let csr = request.parse().unwrap();
    assert_eq!(csr.der(), &request.encode());
    assert_eq!(csr.info(), &request.info());
    assert_eq!(csr.subject().der(), request.subject);
    assert_eq!(csr.spki(), &spki());
    assert_eq!(csr.key_kind(), KeyKind::P256);
}

// R-P10-01
#[test]
fn attributes_may_be_empty_or_absent() {
    let empty = Request::new();
    let absent = Request { attributes: None, ..Request::new() };
    for request in [empty, absent] {
        let csr = request.parse().unwrap();
        assert!(csr.attributes().is_empty() && csr.extensions().is_empty());
        assert_eq!(csr.challenge_password(), None);
    }
}

// R-P10-01
#[test]
fn any_version_is_read() {
    // Apple has sent 2.
    for version in [vec![0], vec![1], vec![2], vec![0x7F], vec![0xFF], vec![1; 20]] {
        let csr = Request { version: version.clone(), ..Request::new() }.parse();
        assert!(csr.is_ok(), "{version:02x?}: {csr:?}");
    }
    let none = Request { version: vec![], ..Request::new() };
    let invalid = Asn1Error::InvalidValue { tag: Tag::INTEGER };
    assert_eq!(none.parse(), Err(Error::Malformed(invalid)));
}

#[test]
fn attributes_out_of_der_order_are_read() {
    // strongSwan writes extensionRequest before challengePassword.
    let list = extension_list(&[(oid::SUBJECT_ALT_NAME, &[0x30, 3, 0x82, 1, b'a'])]);
    let request = Request::new()
        .attribute(oid::EXTENSION_REQUEST, &[&list])
        .challenge(Tag::UTF8_STRING, b"secret");
    let csr = request.parse().unwrap();
    assert!(csr.challenge_password().is_some());
    assert_eq!(csr.subject_alt_names().len(), 1);
    let order: Vec<_> = csr.attributes().iter().map(|attribute| attribute.oid).collect();
    assert_eq!(order, [oid::EXTENSION_REQUEST, oid::CHALLENGE_PASSWORD]);
}

#[test]
fn unknown_attributes_are_kept_and_ignored() {
    // friendlyName (certmonger), OS version and request client info (Windows)
    let friendly_name = Oid::new("1.2.840.113549.1.9.20");
    let csr = Request::new()
        .attribute(friendly_name, &[&string(Tag::BMP_STRING, &utf16("key"))])
        .attribute(Oid::new("1.3.6.1.4.1.311.13.2.3"), &[&string(Tag::IA5_STRING, b"10.0")])
        .attribute(Oid::new("1.3.6.1.4.1.311.21.20"), &[&[0x30, 3, 2, 1, 5]])
        .parse()
        .unwrap();
    assert_eq!(csr.attributes().len(), 3);
    assert_eq!(csr.attributes()[0].oid, friendly_name);
    assert_eq!(csr.attributes()[2].values, &[0x30, 3, 2, 1, 5][..]);
}

#[test]
fn any_attribute_that_stands_twice_is_refused() {
    let unknown = Oid::new("1.2.3.4");
    let request = Request::new().attribute(unknown, &[&[5, 0]]).attribute(unknown, &[&[5, 0]]);
    let expected = AmbiguousCsr::RepeatedAttribute(unknown);
    assert_eq!(request.parse(), Err(Error::Ambiguous(expected)));
}

#[test]
fn windows_enrolment_pairs_are_read_from_one_attribute_or_several() {
    let pair = |name: &str, value: &str| {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.primitive(Tag::BMP_STRING, &utf16(name));
                der.primitive(Tag::BMP_STRING, &utf16(value));
            });
        })
    };
    let (period, units) = (pair("ValidityPeriod", "Years"), pair("ValidityPeriodUnits", "2"));
    let pairs = oid::MS_ENROLLMENT_NAME_VALUE_PAIR;
    let together = Request::new().attribute(pairs, &[&period, &units]);
    let apart = Request::new().attribute(pairs, &[&period]).attribute(pairs, &[&units]);
    let expected =
        |name: &str, value: &str| EnrollmentPair { name: name.into(), value: value.into() };
    for request in [together, apart] {
        let read = request.parse().unwrap().enrollment_pairs();
        let wanted =
            vec![expected("ValidityPeriod", "Years"), expected("ValidityPeriodUnits", "2")];
        assert_eq!(read, Ok(wanted));
    }
    let broken = Request::new().attribute(pairs, &[&[0x30, 0]]).parse().unwrap();
    assert!(matches!(broken.enrollment_pairs(), Err(Error::Malformed(_))));
}

#[test]
fn a_csr_may_have_64_attributes() {
    let with = |count: u32| {
        let attribute = |request: Request, n| request.attribute(Oid::new(&format!("1.2.{n}")), &[]);
        (0..count).fold(Request::new(), attribute).parse()
    };
    assert_eq!(with(64).unwrap().attributes().len(), 64);
    let structure = Structure::Attributes;
    assert_eq!(with(65), Err(Error::TooMany { structure, found: 65, limit: 64 }));
}

#[test]
fn a_csr_may_have_64_kib() {
    let padded = |octets: usize| {
        let filler = string(Tag::OCTET_STRING, &vec![0; octets]);
        Request::new().attribute(Oid::new("1.2.3"), &[&filler]).encode()
    };
    let overhead = padded(60_000).len() - 60_000;
    assert!(Csr::parse(padded(65_536 - overhead)).is_ok());
    let (structure, limit) = (Structure::Octets, 65_536);
    let expected = Error::TooMany { structure, found: 65_537, limit };
    assert_eq!(Csr::parse(padded(65_537 - overhead)), Err(expected));
}

#[test]
fn a_subject_with_an_empty_rdn_is_refused() {
    // x509-parser stops silently before it and would show an empty name.
    let hidden = subject(&[(oid::COMMON_NAME, Tag::UTF8_STRING, b"hidden")]);
    let name = [&[0x30, hidden[1] + 2, 0x31, 0], &hidden[2..]].concat();
    let refused = Request::new().subject(&name).parse();
    assert_eq!(refused, Err(Error::Ambiguous(AmbiguousCsr::EmptyRdn)));
}

#[test]
fn an_empty_subject_is_read() {
    let csr = Request::new().subject(&[0x30, 0]).parse().unwrap();
    assert!(csr.subject().is_empty());
}

// R-P10-10
#[test]
fn subjects_unusual_for_the_web_are_read() {
    let unstructured = Oid::new("1.2.840.113549.1.9.2");
    for name in [
        // Cisco PIX: a multi-valued RDN
        subject(&[
            (oid::SERIAL_NUMBER, Tag::PRINTABLE_STRING, b"480AD1"),
            (unstructured, Tag::IA5_STRING, b"pix.example"),
        ]),
        // T61 beyond ASCII, a PrintableString beyond its alphabet
        subject(&[(oid::COMMON_NAME, Tag::T61_STRING, b"Ger\xE4t")]),
        subject(&[(oid::COMMON_NAME, Tag::PRINTABLE_STRING, b"host_1@example")]),
        subject(&[(oid::COMMON_NAME, Tag::BMP_STRING, &utf16("Gerät"))]),
    ] {
        let csr = Request::new().subject(&name).parse();
        let csr = csr.unwrap_or_else(|error| panic!("{name:02x?}: {error}"));
        assert_eq!(csr.subject().der(), name);
    }
}

#[test]
fn a_csr_in_ber_is_refused() {
    // What is matched and issued must have one encoding.
    let der = Request::new().encode();
    let content = &der[if der[1] == 0x81 { 3 } else { 2 }..];
    let indefinite = [&[0x30, 0x80], content, &[0, 0]].concat();
    assert_eq!(Csr::parse(indefinite), Err(Error::Malformed(Asn1Error::InvalidLength)));
}

#[test]
fn trailing_octets_and_prefixes_are_refused() {
    let der = Request::new()
        .challenge(Tag::PRINTABLE_STRING, b"secret")
        .extensions(&[(oid::SUBJECT_ALT_NAME, &[0x30, 3, 0x82, 1, b'a'])])
        .encode();
    assert!(Csr::parse(der.clone()).is_ok());
    let trailing = Csr::parse([&der[..], &[0]].concat());
    assert_eq!(trailing, Err(Error::Malformed(Asn1Error::TrailingData { octets: 1 })));
    for end in 0..der.len() {
        let refused = Csr::parse(der[..end].to_vec());
        assert!(matches!(refused, Err(Error::Malformed(_))), "prefix of {end}: {refused:?}");
    }
}
