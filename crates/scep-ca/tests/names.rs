//! Names that other libraries tidy up, lose or refuse come out octet by octet.

use scep_types::asn1::Tag;
use scep_types::oid::{self, Oid};

use crate::support::{Ca, Request, config, name};

/// unstructuredName (RFC 2985 §5.4.3), which Cisco devices put into their subject.
const UNSTRUCTURED_NAME: Oid = Oid::new("1.2.840.113549.1.9.2");

/// Subjects that real devices send and that libraries have lost parts of.
pub(crate) fn odd_names() -> Vec<(&'static str, Vec<u8>)> {
    use oid::{COMMON_NAME, DOMAIN_COMPONENT, ORGANIZATIONAL_UNIT_NAME, SERIAL_NUMBER};
    let unsorted: &[_] = &[
        (SERIAL_NUMBER, Tag::PRINTABLE_STRING, &b"4711"[..]),
        (COMMON_NAME, Tag::UTF8_STRING, b"device"),
    ];
    vec![
        ("two-valued RDN", {
            name(&[&[
                (COMMON_NAME, Tag::UTF8_STRING, b"device"),
                (SERIAL_NUMBER, Tag::PRINTABLE_STRING, b"4711"),
            ]])
        }),
        ("RDN members not in DER order", name(&[unsorted])),
        ("repeated OU", {
            name(&[
                &[(ORGANIZATIONAL_UNIT_NAME, Tag::UTF8_STRING, b"one")],
                &[(ORGANIZATIONAL_UNIT_NAME, Tag::UTF8_STRING, b"two")],
                &[(COMMON_NAME, Tag::UTF8_STRING, b"device")],
            ])
        }),
        ("repeated DC", {
            name(&[
                &[(DOMAIN_COMPONENT, Tag::IA5_STRING, b"example")],
                &[(DOMAIN_COMPONENT, Tag::IA5_STRING, b"corp")],
            ])
        }),
        ("the same attribute twice in one RDN", {
            name(&[&[
                (COMMON_NAME, Tag::UTF8_STRING, b"device"),
                (COMMON_NAME, Tag::UTF8_STRING, b"device"),
            ]])
        }),
        ("T61String", name(&[&[(COMMON_NAME, Tag::T61_STRING, b"M\xFCller")]])),
        ("unstructuredName and serialNumber", {
            name(&[&[
                (SERIAL_NUMBER, Tag::PRINTABLE_STRING, b"FTX1234"),
                (UNSTRUCTURED_NAME, Tag::IA5_STRING, b"router.example"),
            ]])
        }),
        ("UniversalString", {
            name(&[&[(COMMON_NAME, Tag::UNIVERSAL_STRING, b"\0\0\0d\0\0\0e")]])
        }),
        ("private attribute", {
            name(&[&[(Oid::new("1.3.6.1.4.1.99999.7"), Tag::UTF8_STRING, b"4711")]])
        }),
        ("long commonName", name(&[&[(COMMON_NAME, Tag::UTF8_STRING, &[b'x'; 300])]])),
    ]
}

// R-P10-10, R-5280-13
#[test]
fn odd_subjects_come_out_octet_by_octet() {
    for (what, subject) in odd_names() {
        let request = Request { subject: subject.clone(), ..Request::new() };
        let certificate = request.issue(config()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(certificate.subject().der(), subject, "{what}");
    }
}

// R-5280-04
#[test]
fn odd_ca_names_come_out_octet_by_octet_as_issuer() {
    for (what, subject) in odd_names() {
        let ca = Ca { subject: subject.clone(), ..Ca::new() };
        let request = Request {
            subject: name(&[&[(oid::COMMON_NAME, Tag::UTF8_STRING, b"another")]]),
            ..Request::new()
        };
        let certificate =
            request.issue_from(&ca, config()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(certificate.issuer().der(), subject, "{what}");
        assert_eq!(certificate.issuer().der(), ca.certificate().subject().der());
    }
}
