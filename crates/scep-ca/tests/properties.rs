//! Whatever a CSR looks like: if it is accepted, its own octets are what is issued.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scep_ca::{EmptySubject, Error, ProfileConfig, Refusal, SanType};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{AlgorithmPolicy, Certificate, Csr, KeyUsage};
use x509_cert::der::{Decode, Encode};

use crate::support::{
    Ca, Request, config, extension, general_name, issue, name, other_name, provider, upn, vouched,
};

const OTHER: Oid = Oid::new("1.3.6.1.4.1.99999.3");

/// A member of an RDN.
fn member() -> impl Strategy<Value = (Oid, Tag, Vec<u8>)> {
    let kinds = vec![
        oid::COMMON_NAME,
        oid::ORGANIZATIONAL_UNIT_NAME,
        oid::DOMAIN_COMPONENT,
        oid::SERIAL_NUMBER,
        oid::EMAIL_ADDRESS,
        Oid::new("1.2.840.113549.1.9.2"),
    ];
    let values = prop_oneof![
        ".{0,20}".prop_map(|text| (Tag::UTF8_STRING, text.into_bytes())),
        "[A-Za-z0-9 '()+,./:=?-]{0,20}".prop_map(|text| (Tag::PRINTABLE_STRING, text.into_bytes())),
        "[ -~]{0,20}".prop_map(|text| (Tag::IA5_STRING, text.into_bytes())),
        vec(any::<u8>(), 0..20).prop_map(|octets| (Tag::T61_STRING, octets)),
        ".{0,20}".prop_map(|text| {
            (Tag::BMP_STRING, text.encode_utf16().flat_map(u16::to_be_bytes).collect())
        }),
    ];
    (select(kinds), values).prop_map(|(kind, (tag, value))| (kind, tag, value))
}

/// A name of so many RDNs of up to three members, in any order.
fn any_name(rdns: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(vec(member(), 1..=3), rdns).prop_map(|rdns| {
        let borrowed: Vec<Vec<_>> = rdns
            .iter()
            .map(|rdn| rdn.iter().map(|(oid, tag, value)| (*oid, *tag, &value[..])).collect())
            .collect();
        name(&borrowed.iter().map(Vec::as_slice).collect::<Vec<_>>())
    })
}

fn any_general_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~]{0,30}".prop_map(|text| general_name(1, text.as_bytes())),
        "[a-zA-Z0-9.*-]{0,30}".prop_map(|text| general_name(2, text.as_bytes())),
        "(tag|https|urn):[ -~]{0,30}".prop_map(|text| general_name(6, text.as_bytes())),
        any::<[u8; 4]>().prop_map(|octets| general_name(7, &octets)),
        any::<[u8; 16]>().prop_map(|octets| general_name(7, &octets)),
        ".{0,20}".prop_map(|text| upn(&text)),
        vec(any::<u8>(), 0..20).prop_map(|octets| {
            other_name(&OTHER, |der| der.primitive(Tag::OCTET_STRING, &octets))
        }),
        any_name(0..=3).prop_map(|name| {
            DerWriter::encode(|der| der.constructed(Tag::context(4), |der| der.raw(&name)))
        }),
    ]
}

fn any_request() -> impl Strategy<Value = Request> {
    let keys = vec!["p256-device", "p384-device", "rsa2048-device"];
    let usages = select(vec![
        None,
        Some(KeyUsage::DIGITAL_SIGNATURE),
        Some(KeyUsage::KEY_CERT_SIGN),
        Some(KeyUsage::KEY_ENCIPHERMENT.union(KeyUsage::DIGITAL_SIGNATURE)),
    ]);
    (select(keys), any_name(0..=5), vec(any_general_name(), 0..6), usages).prop_map(
        |(key, subject, names, usage)| {
            let usage = usage.map(|bits| extension(&oid::KEY_USAGE, true, &bits.to_extension()));
            let ca = extension(&oid::BASIC_CONSTRAINTS, true, &crate::support::CA_TRUE);
            let extensions = usage.into_iter().chain([ca]).collect();
            Request { key, subject, names, extensions, ..Request::new() }
        },
    )
}

/// A profile that keeps all that can be kept.
fn generous() -> ProfileConfig {
    let mut config = config();
    config.empty_subject = EmptySubject::AllowWithSubjectAltName;
    config.subject_alt_names.keep.extend([SanType::OtherName(OTHER), SanType::Directory]);
    config
}

/// A foreign library reads it, and writes the same octets where the names are in DER order.
fn oracle_agrees(certificate: &Certificate, csr: &Csr) -> Result<(), TestCaseError> {
    let Ok(decoded) = x509_cert::Certificate::from_der(certificate.der()) else {
        // It refuses what it cannot read in the name, and then in the CSR's name as well.
        prop_assert!(x509_cert::name::Name::from_der(csr.subject().der()).is_err());
        return Ok(());
    };
    let subject = decoded.tbs_certificate.subject.to_der().unwrap();
    if subject == csr.subject().der() {
        prop_assert_eq!(&decoded.to_der().unwrap()[..], &certificate.der()[..]);
    }
    prop_assert_eq!(decoded.tbs_certificate.serial_number.as_bytes(), certificate.serial());
    prop_assert_eq!(&decoded.tbs_certificate.signature, &decoded.signature_algorithm);
    let spki = decoded.tbs_certificate.subject_public_key_info.to_der().unwrap();
    prop_assert_eq!(&spki[..], &csr.spki()[..]);
    let (_, basic): (bool, x509_cert::ext::pkix::BasicConstraints) =
        decoded.tbs_certificate.get().unwrap().unwrap();
    prop_assert!(!basic.ca && basic.path_len_constraint.is_none());
    let (critical, usage): (bool, x509_cert::ext::pkix::KeyUsage) =
        decoded.tbs_certificate.get().unwrap().unwrap();
    prop_assert!(critical && !usage.key_cert_sign() && !usage.crl_sign());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // R-5280-12, R-5280-13
    #[test]
    fn subject_key_and_names_are_the_csrs_octet_by_octet(request in any_request()) {
        let csr = request.verified();
        let ca = Ca::new();
        let issued = issue(&csr, vouched(&csr), &ca, generous());
        if csr.subject().is_empty() && csr.subject_alt_names().is_empty() {
            prop_assert_eq!(issued.unwrap_err(), Error::Refused(Refusal::EmptySubject));
            return Ok(());
        }
        let issued = issued.unwrap();
        let certificate = issued.certificate();
        prop_assert_eq!(certificate.subject().der(), csr.subject().der());
        prop_assert_eq!(certificate.issuer().der(), &ca.subject[..]);
        prop_assert_eq!(certificate.spki(), &csr.spki()[..]);
        let requested = csr.extension(&oid::SUBJECT_ALT_NAME).map(|extension| &extension.value);
        let granted = certificate.extension(&oid::SUBJECT_ALT_NAME);
        prop_assert_eq!(granted.as_ref(), requested);
        let issuer = ca.certificate();
        let policy = AlgorithmPolicy::Modern;
        certificate.verify_signature(issuer.spki(), provider().verify, policy).unwrap();
        let (rest, read) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
        prop_assert!(rest.is_empty() && !read.is_ca());
        oracle_agrees(certificate, &csr)?;
    }

    // R-5280-04
    #[test]
    fn the_issuer_is_the_ca_subject_whatever_it_looks_like(subject in any_name(1..=5)) {
        let ca = Ca { subject: subject.clone(), ..Ca::new() };
        let request = Request {
            subject: name(&[&[(Oid::new("1.3.6.1.4.1.99999.7"), Tag::UTF8_STRING, b"other")]]),
            ..Request::new()
        };
        let certificate = request.issue_from(&ca, config()).unwrap();
        prop_assert_eq!(certificate.issuer().der(), &subject[..]);
    }
}
