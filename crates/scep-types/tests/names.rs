//! Names keep their octets, compare as RFC 5280 says, and print on one line whatever they hold.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use bytes::Bytes;
use proptest::prelude::*;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{AmbiguousCsr, Error, GeneralName, GeneralNameValue, Name, Structure};

type Attribute<'a> = (Oid, Tag, &'a [u8]);

/// A name of these RDNs, members in the given order.
fn encode(rdns: &[&[Attribute<'_>]]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            for rdn in rdns {
                der.set(|der| rdn.iter().for_each(|attribute| write_attribute(der, attribute)));
            }
        });
    })
}

fn write_attribute(der: &mut DerWriter, (oid, tag, value): &Attribute<'_>) {
    der.sequence(|der| {
        der.oid(oid);
        der.primitive(*tag, value);
    });
}

fn name(rdns: &[&[Attribute<'_>]]) -> Name {
    Name::parse(encode(rdns)).unwrap()
}

fn common_name(tag: Tag, value: &[u8]) -> Name {
    name(&[&[(oid::COMMON_NAME, tag, value)]])
}

#[test]
fn display_puts_the_most_specific_first() {
    let subject = name(&[
        &[(oid::COUNTRY_NAME, Tag::PRINTABLE_STRING, b"DE")],
        &[
            (oid::COMMON_NAME, Tag::UTF8_STRING, "Gerät 1".as_bytes()),
            (oid::SERIAL_NUMBER, Tag::PRINTABLE_STRING, b"0042"),
        ],
    ]);
    assert_eq!(subject.to_string(), "serialNumber=0042+CN=Gerät 1,C=DE");
    assert_eq!(format!("{subject:?}"), subject.to_string());
}

#[test]
fn unknown_attribute_types_print_their_oid() {
    let unstructured = Oid::new("1.2.840.113549.1.9.2");
    let subject = name(&[&[(unstructured, Tag::IA5_STRING, b"router.example")]]);
    assert_eq!(subject.to_string(), "1.2.840.113549.1.9.2=router.example");
}

#[test]
fn display_cannot_be_broken_out_of() {
    for (value, printed) in [
        ("a\nlevel=ERROR msg=forged", r"CN=a\nlevel\=ERROR msg\=forged"),
        ("a\r\u{b}\u{1b}[31m", r"CN=a\r\u{b}\u{1b}[31m"),
        ("a\u{85}\u{2028}\u{2029}b", r"CN=a\u{85}\u{2028}\u{2029}b"),
        ("\u{202e}evil", r"CN=\u{202e}evil"),
        ("nul\0", r"CN=nul\0"),
        ("x,O=Example", r"CN=x\,O\=Example"),
        (r#"a+b"c\<d>;"#, r#"CN=a\+b\"c\\\<d\>\;"#),
        ("O'Brien", "CN=O'Brien"),
    ] {
        assert_eq!(common_name(Tag::UTF8_STRING, value.as_bytes()).to_string(), printed);
    }
}

// R-P10-10
#[test]
fn every_string_type_is_read_as_text() {
    let bmp = [0, b'G', 0, b'e', 0, b'r', 0, 0xE4, 0, b't'];
    let universal: Vec<u8> = "Gerät".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    for (tag, value) in [
        (Tag::UTF8_STRING, "Gerät".as_bytes()),
        (Tag::T61_STRING, b"Ger\xE4t"),
        (Tag::BMP_STRING, &bmp),
        (Tag::UNIVERSAL_STRING, &universal),
    ] {
        let texts: Vec<_> = common_name(tag, value).common_names().collect();
        assert_eq!(texts, ["Gerät"], "{tag}");
    }
}

#[test]
fn broken_wide_strings_show_replacement_characters() {
    let lone_surrogate_and_half = [0xD8, 0, 0, b'a', 0];
    let texts: Vec<_> =
        common_name(Tag::BMP_STRING, &lone_surrogate_and_half).common_names().collect();
    assert_eq!(texts, ["\u{FFFD}a\u{FFFD}"]);
    let no_scalar_and_rest = [0, 0x11, 0, 0, 7];
    let texts: Vec<_> =
        common_name(Tag::UNIVERSAL_STRING, &no_scalar_and_rest).common_names().collect();
    assert_eq!(texts, ["\u{FFFD}\u{FFFD}"]);
}

// R-CMS6.2.1-04
#[test]
fn names_match_across_string_types_case_and_blanks() {
    let printable = common_name(Tag::PRINTABLE_STRING, b"Issuing CA");
    let bmp: Vec<u8> = "Issuing CA".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for other in [
        common_name(Tag::UTF8_STRING, b"Issuing CA"),
        common_name(Tag::BMP_STRING, &bmp),
        common_name(Tag::PRINTABLE_STRING, b"ISSUING ca"),
        common_name(Tag::PRINTABLE_STRING, b"  Issuing   CA "),
    ] {
        assert!(printable.matches(&other) && other.matches(&printable), "{other}");
        assert_ne!(printable, other, "equality is of octets");
    }
}

#[test]
fn different_names_do_not_match() {
    let cn: Attribute<'_> = (oid::COMMON_NAME, Tag::UTF8_STRING, b"a");
    let o: Attribute<'_> = (oid::ORGANIZATION_NAME, Tag::UTF8_STRING, b"b");
    let both = name(&[&[cn], &[o]]);
    for other in [
        name(&[&[cn]]),
        name(&[&[o], &[cn]]),
        name(&[&[cn, o]]),
        name(&[&[cn], &[o], &[o]]),
        name(&[&[(oid::COMMON_NAME, Tag::UTF8_STRING, b"ab")], &[o]]),
        name(&[]),
    ] {
        assert!(!both.matches(&other) && !other.matches(&both), "{other}");
    }
}

#[test]
fn attributes_keep_order_and_rdn() {
    let ou = |text: &'static [u8]| (oid::ORGANIZATIONAL_UNIT_NAME, Tag::UTF8_STRING, text);
    let subject = name(&[&[ou(b"z"), ou(b"a")], &[ou(b"z")]]);
    let seen: Vec<_> = subject
        .attributes()
        .map(|attribute| (attribute.rdn, attribute.text().into_owned()))
        .collect();
    assert_eq!(seen, [(0, "z".into()), (0, "a".into()), (1, "z".into())]);
}

#[test]
fn an_empty_name_is_a_name_and_an_empty_rdn_is_ambiguous() {
    assert!(name(&[]).is_empty());
    assert_eq!(name(&[]).to_string(), "");
    let cn: Attribute<'_> = (oid::COMMON_NAME, Tag::UTF8_STRING, b"hidden");
    for rdns in [&[&[][..]][..], &[&[], &[cn]], &[&[cn], &[]]] {
        let refused = Name::parse(encode(rdns));
        assert_eq!(refused, Err(Error::Ambiguous(AmbiguousCsr::EmptyRdn)));
    }
}

#[test]
fn a_name_may_have_128_attributes() {
    let cn: &[Attribute<'_>] = &[(oid::COMMON_NAME, Tag::UTF8_STRING, b"x")];
    assert_eq!(name(&[cn; 128]).attributes().count(), 128);
    let structure = Structure::NameAttributes;
    let expected = Err(Error::TooMany { structure, found: 129, limit: 128 });
    assert_eq!(Name::parse(encode(&[cn; 129])), expected);
}

#[test]
fn built_names_take_the_narrowest_string_type() {
    let built = Name::build(&[
        (oid::COMMON_NAME, "Device 1"),
        (oid::ORGANIZATION_NAME, "a_b"),
        (oid::EMAIL_ADDRESS, "a@b.example"),
        (oid::DOMAIN_COMPONENT, "example"),
        (oid::DOMAIN_COMPONENT, "exämple"),
    ]);
    let tags: Vec<_> = built.attributes().map(|attribute| attribute.value.tag).collect();
    let expected = [
        Tag::PRINTABLE_STRING,
        Tag::UTF8_STRING,
        Tag::IA5_STRING,
        Tag::IA5_STRING,
        Tag::UTF8_STRING,
    ];
    assert_eq!(tags, expected);
    assert_eq!(Name::parse(built.der().to_vec()), Ok(built));
}

#[test]
fn what_an_ia5_string_cannot_hold_is_not_written() {
    let text = || "bücher.example".to_owned();
    for value in [
        GeneralNameValue::Rfc822(text()),
        GeneralNameValue::Dns(text()),
        GeneralNameValue::Uri(text()),
    ] {
        assert_eq!(GeneralName::new(value), None);
    }
    assert!(GeneralName::new(GeneralNameValue::Upn(text())).is_some(), "a UTF8String");
}

fn general_names(content: impl FnOnce(&mut DerWriter)) -> Result<Vec<GeneralName>, Error> {
    GeneralName::parse_all(&Bytes::from(DerWriter::encode(|der| der.sequence(content))))
}

#[test]
fn general_names_are_typed_and_keep_their_octets() {
    let address = "2001:db8::1".parse().unwrap();
    let values = [
        (GeneralNameValue::Rfc822("a@b.example".into()), "email:a@b.example"),
        (GeneralNameValue::Dns("host.example".into()), "DNS:host.example"),
        (GeneralNameValue::Uri("urn:x".into()), "URI:urn:x"),
        (GeneralNameValue::Ip([192, 0, 2, 1].into()), "IP:192.0.2.1"),
        (GeneralNameValue::Ip(address), "IP:2001:db8::1"),
        (GeneralNameValue::Upn("ü@b.example".into()), "UPN:ü@b.example"),
    ];
    for (value, printed) in values {
        let made = GeneralName::new(value.clone()).unwrap();
        let read = general_names(|der| der.raw(made.der())).unwrap();
        assert_eq!(read, std::slice::from_ref(&made));
        assert_eq!(read[0].value(), &value);
        assert_eq!(read[0].der(), made.der());
        assert_eq!(read[0].to_string(), printed);
    }
}

#[test]
fn kinds_that_cannot_be_compared_are_kept_as_they_are() {
    let other_name = DerWriter::encode(|der| {
        der.constructed(Tag::context(0), |der| {
            der.oid(&oid::MS_NTDS_OBJECTSID);
            der.constructed(Tag::context(0), DerWriter::null);
        });
    });
    let directory = [0xA4, 2, 0x30, 0];
    let registered = [0x88, 1, 0x2A];
    let edi_party = [0xA5, 0];
    let names = general_names(|der| {
        [&other_name[..], &directory, &registered, &edi_party].iter().for_each(|raw| der.raw(raw));
    })
    .unwrap();
    let values: Vec<_> = names.iter().map(GeneralName::value).collect();
    let expected = [
        &GeneralNameValue::OtherName(oid::MS_NTDS_OBJECTSID),
        &GeneralNameValue::Directory,
        &GeneralNameValue::RegisteredId,
        &GeneralNameValue::Unknown(5),
    ];
    assert_eq!(values, expected);
    assert_eq!(names[0].der(), other_name);
    assert!(GeneralName::new(GeneralNameValue::Directory).is_none());
}

#[test]
fn malformed_general_names_are_refused() {
    for entry in [
        &[0x82, 2, b'a', 0xC3][..],         // dNSName that is not ASCII
        &[0x86, 1, 0x80],                   // URI that is not ASCII
        &[0xA2, 3, 0x16, 1, b'a'],          // constructed dNSName
        &[0x87, 3, 1, 2, 3],                // address of three octets
        &[0x87, 8, 1, 2, 3, 4, 5, 6, 7, 8], // address and mask
        &[0xA0, 0],                         // otherName without type
        &[0x80, 0],                         // primitive otherName
        &[0x0C, 1, b'a'],                   // no GeneralName at all
        &[0x82, 9, b'a'],                   // cut off
    ] {
        let refused = general_names(|der| der.raw(entry));
        assert!(matches!(refused, Err(Error::Malformed(_))), "{entry:02x?}: {refused:?}");
    }
    assert!(matches!(general_names(|_| ()), Err(Error::Malformed(_))), "SIZE (1..MAX)");
}

#[test]
fn a_upn_is_a_utf8_string_and_nothing_else() {
    let upn = |tag: Tag, text: &[u8], trailing: &[u8]| {
        general_names(|der| {
            der.constructed(Tag::context(0), |der| {
                der.oid(&oid::MS_UPN);
                der.constructed(Tag::context(0), |der| {
                    der.primitive(tag, text);
                    der.raw(trailing);
                });
            });
        })
    };
    assert!(upn(Tag::UTF8_STRING, b"a@b", b"").is_ok());
    assert!(upn(Tag::UTF8_STRING, b"\xFF", b"").is_err());
    assert!(upn(Tag::IA5_STRING, b"a@b", b"").is_err());
    assert!(upn(Tag::UTF8_STRING, b"a@b", &[5, 0]).is_err());
}

#[test]
fn a_subject_alt_name_may_have_256_names() {
    let list = |count: usize| general_names(|der| der.raw(&[0x82, 1, b'a'].repeat(count)));
    assert_eq!(list(256).unwrap().len(), 256);
    let structure = Structure::GeneralNames;
    assert_eq!(list(257), Err(Error::TooMany { structure, found: 257, limit: 256 }));
}

#[test]
fn general_names_print_on_one_line() {
    let names = general_names(|der| der.primitive(Tag::context(2), b"a\nb\0\x1b")).unwrap();
    assert_eq!(names[0].to_string(), r"DNS:a\nb\0\u{1b}");
    assert_eq!(format!("{names:?}"), r"[DNS:a\nb\0\u{1b}]");
}

proptest! {
    #[test]
    fn whatever_a_name_holds_it_prints_printable_text(
        value in prop::collection::vec(any::<u8>(), 0..60),
        tag in prop::sample::select(vec![
            Tag::UTF8_STRING, Tag::T61_STRING, Tag::BMP_STRING, Tag::UNIVERSAL_STRING,
        ]),
    ) {
        let printed = common_name(tag, &value).to_string();
        prop_assert!(!printed.chars().any(char::is_control), "{printed:?}");
    }

    #[test]
    fn a_name_matches_itself_in_upper_case(text in "[a-z ]{1,20}") {
        let lower = common_name(Tag::UTF8_STRING, text.as_bytes());
        let upper = common_name(Tag::PRINTABLE_STRING, text.to_uppercase().as_bytes());
        prop_assert!(lower.matches(&upper));
    }

    #[test]
    fn arbitrary_octets_never_panic(input in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Name::parse(input.clone()).map(|name| name.to_string());
        let _ = GeneralName::parse_all(&Bytes::from(input));
    }

    #[test]
    fn single_octet_changes_never_panic(position in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let cn: Attribute<'_> = (oid::COMMON_NAME, Tag::BMP_STRING, &[0, b'a']);
        let o: Attribute<'_> = (oid::ORGANIZATION_NAME, Tag::UTF8_STRING, b"Example");
        let mut der = encode(&[&[o], &[cn, o]]);
        let position = position.index(der.len());
        der[position] = octet;
        if let Ok(name) = Name::parse(der.clone()) {
            prop_assert_eq!(name.der(), der);
            prop_assert!(name.matches(&name));
            let _ = name.to_string();
        }
    }
}
