//! Requested extensions are dropped unless named, and some can never be named.

use scep_ca::{Error, Profile, ProfileDefect, Refusal};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{BasicConstraints, Certificate, KeyUsage};

use crate::support::{
    CA_TRUE, Ca, NOW, Request, attribute, ca_usage, config, criticality, extension, has_octets,
    key, provider, serial, vouched,
};

const TEMPLATE: Oid = Oid::new("1.3.6.1.4.1.311.21.7");

fn oids(certificate: &Certificate) -> Vec<String> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
    read.extensions().iter().map(|extension| extension.oid.to_id_string()).collect()
}

// R-P10-07
#[test]
fn a_csr_that_asks_to_be_a_ca_becomes_an_end_entity() {
    let mut request = Request::with_extension(&oid::BASIC_CONSTRAINTS, true, &CA_TRUE);
    request.extensions.push(extension(&oid::KEY_USAGE, true, &ca_usage().to_extension()));
    let certificate = request.issue(config()).unwrap();
    assert_eq!(certificate.basic_constraints(), BasicConstraints::EndEntity);
    assert_eq!(certificate.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
}

// R-P10-07
#[test]
fn requested_identifiers_urls_and_sids_are_not_copied() {
    let forged = DerWriter::encode(|der| {
        der.sequence(|der| der.primitive(Tag::context(0), b"forged by the requester"));
    });
    for oid in [
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::SUBJECT_KEY_IDENTIFIER,
        oid::CRL_DISTRIBUTION_POINTS,
        oid::AUTHORITY_INFO_ACCESS,
        oid::CERTIFICATE_POLICIES,
        oid::MS_NTDS_CA_SECURITY_EXT,
        TEMPLATE,
    ] {
        let certificate = Request::with_extension(&oid, false, &forged).issue(config()).unwrap();
        assert!(!has_octets(&certificate, b"forged by the requester"), "{oid}");
    }
}

#[test]
fn nothing_unasked_for_comes_into_a_certificate() {
    let request = Request::with_extension(&TEMPLATE, false, &[5, 0]);
    assert_eq!(
        oids(&request.issue(config()).unwrap()),
        ["2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.37"]
    );
}

// R-P10-08
#[test]
fn the_challenge_and_other_attributes_never_reach_certificate_or_log() {
    let mut request = Request::new();
    request.attributes.push(attribute(&oid::CHALLENGE_PASSWORD, |der| {
        der.primitive(Tag::PRINTABLE_STRING, b"the-secret-challenge");
    }));
    request.attributes.push(attribute(&Oid::new("1.3.6.1.4.1.311.13.2.3"), |der| {
        der.primitive(Tag::IA5_STRING, b"10.0.22631.2");
    }));
    let csr = request.verified();
    let profile = Profile::new(config()).unwrap();
    let admitted = profile.admit(&csr, vouched(&csr), NOW).unwrap();
    let mut log = format!("{admitted:?}");
    let prepared = admitted.prepare(serial(1), &Ca::new().issuer(), provider().digest).unwrap();
    log += &format!("{prepared:?}");
    let issued = prepared.sign_with(key("p256-ca").as_ref()).unwrap();
    log += &format!("{issued:?}");
    for secret in ["the-secret-challenge", "10.0.22631.2"] {
        assert!(!has_octets(issued.certificate(), secret.as_bytes()));
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn named_extensions_are_copied_with_value_and_criticality() {
    let value =
        DerWriter::encode(|der| der.sequence(|der| der.oid(&Oid::new("1.3.6.1.4.1.311.1"))));
    for critical in [false, true] {
        let mut config = config();
        config.copied_extensions = vec![TEMPLATE];
        let request = Request::with_extension(&TEMPLATE, critical, &value);
        let certificate = request.issue(config).unwrap();
        assert_eq!(certificate.extension(&TEMPLATE).unwrap(), value);
        assert_eq!(criticality(&certificate, &TEMPLATE), Some(critical));
    }
}

#[test]
fn a_named_extension_that_is_not_asked_for_is_absent() {
    let mut config = config();
    config.copied_extensions = vec![TEMPLATE];
    assert_eq!(Request::new().issue(config).unwrap().extension(&TEMPLATE), None);
}

#[test]
fn a_named_extension_whose_value_is_not_one_element_is_refused() {
    for value in [&b""[..], b"\x30", b"\x05\x00\x05\x00", b"\x30\x80\x00\x00", b"not DER"] {
        let mut config = config();
        config.copied_extensions = vec![TEMPLATE];
        let refused = Request::with_extension(&TEMPLATE, false, value).issue(config);
        assert_eq!(
            refused,
            Err(Error::Refused(Refusal::MalformedExtension(TEMPLATE))),
            "{value:?}"
        );
    }
}

// R-P10-07
#[test]
fn extensions_that_give_power_cannot_be_named() {
    for oid in [
        oid::BASIC_CONSTRAINTS,
        oid::KEY_USAGE,
        oid::EXTENDED_KEY_USAGE,
        oid::SUBJECT_ALT_NAME,
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::SUBJECT_KEY_IDENTIFIER,
        oid::CRL_DISTRIBUTION_POINTS,
        oid::CERTIFICATE_POLICIES,
        oid::AUTHORITY_INFO_ACCESS,
        oid::MS_NTDS_CA_SECURITY_EXT,
        Oid::new("2.5.29.30"),             // nameConstraints
        Oid::new("2.5.29.36"),             // policyConstraints
        Oid::new("1.3.6.1.5.5.7.1.14"),    // proxyCertInfo
        Oid::new("1.3.6.1.5.5.7.48.1.5"),  // OCSP no-check
        Oid::new("1.3.6.1.4.1.311.21.10"), // application policies
        Oid::new("2.16.840.1.113730.1.1"), // Netscape certificate type
    ] {
        let mut config = config();
        config.copied_extensions = vec![TEMPLATE, oid];
        let defect = Profile::new(config).unwrap_err();
        assert_eq!(defect, Error::InvalidProfile(ProfileDefect::ForbiddenExtension(oid)));
    }
}

/// Windows sends basicConstraints with cA FALSE and a pathLenConstraint, which RFC 5280 forbids.
#[test]
fn malformed_extensions_that_are_not_copied_do_no_harm() {
    let path_length = [0x30, 3, 2, 1, 0];
    for value in [&path_length[..], b"", b"rubbish"] {
        let request = Request::with_extension(&oid::BASIC_CONSTRAINTS, false, value);
        let certificate = request.issue(config()).unwrap();
        assert_eq!(certificate.extension(&oid::BASIC_CONSTRAINTS).unwrap()[..], [0x30, 0]);
    }
}
