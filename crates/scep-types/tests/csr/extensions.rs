//! The extensionRequest attribute: read in three forms, refused where two readers could see two requests.

use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{AmbiguousCsr, Error, GeneralNameValue, KeyUsage, Structure};

use crate::builder::{Request, extension_list, string};

const DNS: &[u8] = &[0x30, 3, 0x82, 1, b'a'];
const SIGN_AND_ENCIPHER: &[u8] = &[3, 2, 5, 0xA0];
const FORMS: [Oid; 3] =
    [oid::EXTENSION_REQUEST, oid::MS_CERT_EXTENSIONS, oid::VERISIGN_EXTENSION_REQUEST];

// R-P10-05
#[test]
fn san_ku_and_eku_are_read() {
    let usages = DerWriter::encode(|der| der.sequence(|der| der.oid(&oid::CLIENT_AUTH)));
    let csr = Request::new()
        .extensions(&[
            (oid::SUBJECT_ALT_NAME, DNS),
            (oid::KEY_USAGE, SIGN_AND_ENCIPHER),
            (oid::EXTENDED_KEY_USAGE, &usages),
        ])
        .parse()
        .unwrap();
    assert_eq!(csr.subject_alt_names()[0].value(), &GeneralNameValue::Dns("a".into()));
    assert!(csr.key_usage().unwrap().contains(KeyUsage::KEY_ENCIPHERMENT));
    assert_eq!(csr.extended_key_usages(), Ok(vec![oid::CLIENT_AUTH]));
    let order: Vec<_> = csr.extensions().iter().map(|extension| extension.oid).collect();
    assert_eq!(order, [oid::SUBJECT_ALT_NAME, oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE]);
    assert_eq!(csr.extension(&oid::KEY_USAGE).unwrap().value, SIGN_AND_ENCIPHER);
}

// R-P10-06
#[test]
fn the_microsoft_and_verisign_forms_are_read_alike() {
    let list = extension_list(&[(oid::SUBJECT_ALT_NAME, DNS)]);
    for form in FORMS {
        let csr = Request::new().attribute(form, &[&list]).parse().unwrap();
        assert_eq!(csr.subject_alt_names().len(), 1, "{form}");
    }
}

// R-P10-05
// R-P10-06
#[test]
fn two_extension_requests_are_refused_whatever_their_forms() {
    let list = extension_list(&[(oid::KEY_USAGE, SIGN_AND_ENCIPHER)]);
    for first in FORMS {
        for second in FORMS {
            let request = Request::new().attribute(first, &[&list]).attribute(second, &[&list]);
            let expected = AmbiguousCsr::RepeatedAttribute(second);
            assert_eq!(request.parse(), Err(Error::Ambiguous(expected)), "{first} {second}");
        }
    }
}

// R-P10-05
#[test]
fn an_extension_request_has_exactly_one_value() {
    let list = extension_list(&[]);
    for attribute in FORMS {
        for values in [&[][..], &[&list[..], &list]] {
            let request = Request::new().attribute(attribute, values);
            let expected = AmbiguousCsr::AttributeValues { attribute, values: values.len() };
            assert_eq!(request.parse(), Err(Error::Ambiguous(expected)));
        }
    }
}

#[test]
fn an_extension_request_is_a_sequence() {
    let as_set = DerWriter::encode(|der| {
        der.set(|der| {
            let list = extension_list(&[(oid::SUBJECT_ALT_NAME, DNS)]);
            der.raw(&list[2..]);
        });
    });
    for attribute in FORMS {
        for value in [&as_set[..], &[5, 0], &[0xA0, 0]] {
            let refused = Request::new().attribute(attribute, &[value]).parse();
            assert!(matches!(refused, Err(Error::Malformed(_))), "{refused:?}");
        }
    }
}

#[test]
fn an_extension_asked_for_twice_is_refused() {
    let request = Request::new().extensions(&[
        (oid::SUBJECT_ALT_NAME, DNS),
        (oid::KEY_USAGE, SIGN_AND_ENCIPHER),
        (oid::SUBJECT_ALT_NAME, &[0x30, 3, 0x82, 1, b'b']),
    ]);
    let expected = AmbiguousCsr::RepeatedExtension(oid::SUBJECT_ALT_NAME);
    assert_eq!(request.parse(), Err(Error::Ambiguous(expected)));
}

#[test]
fn a_csr_may_ask_for_64_extensions() {
    let numbered = |count: u32| {
        let oids: Vec<_> = (0..count).map(|n| Oid::new(&format!("2.5.29.{}", 200 + n))).collect();
        let extensions: Vec<_> = oids.iter().map(|oid| (*oid, &[5, 0][..])).collect();
        Request::new().extensions(&extensions).parse()
    };
    assert_eq!(numbered(64).unwrap().extensions().len(), 64);
    let structure = Structure::Extensions;
    assert_eq!(numbered(65), Err(Error::TooMany { structure, found: 65, limit: 64 }));
}

#[test]
fn criticality_is_read() {
    let flagged = |flag: &[u8]| {
        let list = DerWriter::encode(|der| {
            der.sequence(|der| {
                der.sequence(|der| {
                    der.oid(&oid::KEY_USAGE);
                    der.raw(flag);
                    der.primitive(Tag::OCTET_STRING, SIGN_AND_ENCIPHER);
                });
            });
        });
        Request::new().attribute(oid::EXTENSION_REQUEST, &[&list]).parse()
    };
    assert!(flagged(&[1, 1, 0xFF]).unwrap().extensions()[0].critical);
    assert!(!flagged(&[]).unwrap().extensions()[0].critical);
    assert!(!flagged(&[1, 1, 0]).unwrap().extensions()[0].critical);
    assert!(flagged(&[2, 1, 0]).is_err());
}

#[test]
fn a_malformed_san_is_fatal() {
    for value in [
        &[0x30, 0][..],
        &[0x30, 3, 0x82, 2, b'a'],
        &[0x30, 3, 0x87, 1, 1],
        &[0x30, 3, 0x82, 1, 0xFF],
        &[0x31, 3, 0x82, 1, b'a'],
        &[0x30, 3, 0x82, 1, b'a', 0],
        &[],
    ] {
        let refused = Request::new().extensions(&[(oid::SUBJECT_ALT_NAME, value)]).parse();
        assert!(matches!(refused, Err(Error::Malformed(_))), "{value:02x?}: {refused:?}");
    }
}

#[test]
fn a_malformed_key_usage_is_fatal() {
    let refused = Request::new().extensions(&[(oid::KEY_USAGE, &[2, 1, 1])]).parse();
    assert!(matches!(refused, Err(Error::Malformed(_))), "{refused:?}");
}

#[test]
fn malformed_extended_key_usages_are_an_error_when_asked_for() {
    let csr = Request::new().extensions(&[(oid::EXTENDED_KEY_USAGE, &[0x30, 2, 2, 0])]);
    let csr = csr.parse().unwrap();
    assert!(matches!(csr.extended_key_usages(), Err(Error::Malformed(_))));
    assert_eq!(Request::new().parse().unwrap().extended_key_usages(), Ok(vec![]));
}

#[test]
fn basic_constraints_with_path_length_alone_are_tolerated() {
    // Windows asks for them so; we never grant them, but keep what was asked.
    let value = [0x30, 3, 2, 1, 0];
    let csr = Request::new().extensions(&[(oid::BASIC_CONSTRAINTS, &value)]).parse().unwrap();
    assert_eq!(csr.extension(&oid::BASIC_CONSTRAINTS).unwrap().value, &value[..]);
}

#[test]
fn unknown_extensions_and_their_order_are_kept() {
    let template = Oid::new("1.3.6.1.4.1.311.21.7");
    let csr = Request::new()
        .extensions(&[(template, b"not even DER"), (oid::MS_NTDS_CA_SECURITY_EXT, &[0x30, 0])])
        .parse()
        .unwrap();
    assert_eq!(csr.extensions()[0].value, &b"not even DER"[..]);
    assert_eq!(csr.extensions()[1].oid, oid::MS_NTDS_CA_SECURITY_EXT);
}

#[test]
fn sans_of_all_kinds_are_typed_and_keep_their_octets() {
    let upn = DerWriter::encode(|der| {
        der.constructed(Tag::context(0), |der| {
            der.oid(&oid::MS_UPN);
            der.constructed(Tag::context(0), |der| der.raw(&string(Tag::UTF8_STRING, b"u@x")));
        });
    });
    let sid = b"\x86\x0btag:example"; // URI
    let entries: [&[u8]; 5] =
        [&upn, sid, &[0x87, 4, 192, 0, 2, 1], &[0x81, 3, b'a', b'@', b'b'], &[0xA4, 2, 0x30, 0]];
    let csr = Request::new().subject_alt_name(&entries.concat()).parse().unwrap();
    let names = csr.subject_alt_names();
    let octets: Vec<_> = names.iter().map(|name| name.der()).collect();
    assert_eq!(octets, entries);
    let values: Vec<_> = names.iter().map(|name| name.value().clone()).collect();
    let expected = [
        GeneralNameValue::Upn("u@x".into()),
        GeneralNameValue::Uri("tag:example".into()),
        GeneralNameValue::Ip([192, 0, 2, 1].into()),
        GeneralNameValue::Rfc822("a@b".into()),
        GeneralNameValue::Directory,
    ];
    assert_eq!(values, expected);
}
