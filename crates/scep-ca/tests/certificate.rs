//! The profile of RFC 5280 that each certificate keeps to.

use scep_ca::{EmptySubject, Error, Issuer, Refusal};
use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::oid;
use scep_types::{
    Certificate, CryptoError, Digest, DigestAlgorithm, DigestProvider, SignatureScheme, UnixTime,
    Validity,
};

use crate::support::{
    Ca, DAY, NOW, Request, YEAR, config, criticality, dns, has_octets, issue, key, name, provider,
    serial, vouched,
};

/// TBSCertificate, signatureAlgorithm, DER.
fn parts(certificate: &Certificate) -> (Vec<u8>, Vec<u8>) {
    let mut outer = Reader::der(certificate.der()).sequence().unwrap();
    let tbs = outer.any().unwrap().raw.to_vec();
    (tbs, outer.any().unwrap().raw.to_vec())
}

// R-5280-01
#[test]
fn certificates_are_version_3() {
    let (tbs, _) = parts(&Request::new().issue(config()).unwrap());
    let mut fields = Reader::der(&tbs).sequence().unwrap();
    assert_eq!(fields.any().unwrap().raw, [0xA0, 3, 2, 1, 2]);
}

// R-5280-03
#[test]
fn inner_and_outer_signature_algorithms_are_the_same_octets() {
    for (ca, scheme) in [
        ("rsa2048-ca", SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256)),
        ("rsa2048-ca", SignatureScheme::RsaPss(DigestAlgorithm::Sha384)),
        ("p256-ca", SignatureScheme::Ecdsa(DigestAlgorithm::Sha256)),
        ("p384-ca", SignatureScheme::Ecdsa(DigestAlgorithm::Sha384)),
    ] {
        let ca = Ca::with_key(ca);
        let issuer = ca.issuer().with_scheme(scheme).unwrap();
        let csr = Request::new().verified();
        let admitted = profile().admit(&csr, vouched(&csr), NOW).unwrap();
        let prepared = admitted.prepare(serial(1), &issuer, provider().digest).unwrap();
        assert_eq!(prepared.scheme(), scheme);
        let issued = prepared.sign_with(key(ca.key).as_ref()).unwrap();
        let (tbs, outer) = parts(issued.certificate());
        let mut fields = Reader::der(&tbs).sequence().unwrap();
        fields.any().unwrap();
        fields.any().unwrap();
        assert_eq!(fields.any().unwrap().raw, outer, "{scheme:?}");
        assert_eq!(outer, DerWriter::encode(|der| scheme.write(der)));
    }
}

fn profile() -> scep_ca::Profile {
    scep_ca::Profile::new(config()).unwrap()
}

// R-5280-04
#[test]
fn issuer_is_the_ca_subject_octet_by_octet() {
    let ca = Ca::new();
    let certificate = Request::new().issue_from(&ca, config()).unwrap();
    assert_eq!(certificate.issuer().der(), ca.subject);
}

// R-5280-05
#[test]
fn times_are_utc_through_2049_and_generalized_from_2050() {
    let ca = Ca {
        validity: Validity {
            not_before: NOW.minus(YEAR),
            not_after: UnixTime::from_secs(2_540_000_000), // 2050-06
        },
        ..Ca::new()
    };
    let last_of_2049 = UnixTime::from_secs(2_524_607_999);
    let lifetime = |not_after: UnixTime| {
        std::time::Duration::from_secs((not_after.as_secs() - NOW.as_secs()).unsigned_abs())
    };
    for (not_after, written) in [
        (last_of_2049, &b"\x17\x0d491231235959Z"[..]),
        (last_of_2049.plus(std::time::Duration::from_secs(1)), b"\x18\x0f20500101000000Z"),
    ] {
        let mut config = config();
        config.validity = lifetime(not_after);
        let certificate = Request::new().issue_from(&ca, config).unwrap();
        assert_eq!(certificate.validity().not_after, not_after);
        assert!(has_octets(&certificate, written));
    }
}

// R-5280-07
#[test]
fn an_empty_subject_makes_the_subject_alt_name_critical() {
    let request = Request { subject: name(&[]), ..Request::with_names(&[dns("device.example")]) };
    let mut config = config();
    config.empty_subject = EmptySubject::AllowWithSubjectAltName;
    let certificate = request.issue(config.clone()).unwrap();
    assert_eq!(certificate.subject().der(), [0x30, 0]);
    assert_eq!(criticality(&certificate, &oid::SUBJECT_ALT_NAME), Some(true));

    let named = Request::with_names(&[dns("device.example")]).issue(config).unwrap();
    assert_eq!(criticality(&named, &oid::SUBJECT_ALT_NAME), Some(false));
}

// R-5280-07, R-3.3.1-02
#[test]
fn an_empty_subject_is_refused_by_default_and_always_without_subject_alt_name() {
    let empty = Err(Error::Refused(Refusal::EmptySubject));
    let named = Request { subject: name(&[]), ..Request::with_names(&[dns("device.example")]) };
    assert_eq!(named.issue(config()), empty);

    let nameless = Request { subject: name(&[]), ..Request::new() };
    let mut allowed = config();
    allowed.empty_subject = EmptySubject::AllowWithSubjectAltName;
    assert_eq!(nameless.issue(allowed.clone()), empty);

    allowed.subject_alt_names.keep.clear();
    allowed.subject_alt_names.others = scep_ca::Unlisted::Drop;
    assert_eq!(named.issue(allowed), empty);
}

// R-5280-08
#[test]
fn authority_key_identifier_is_the_cas_key_identifier_and_not_critical() {
    let ca = Ca::new();
    let certificate = Request::new().issue_from(&ca, config()).unwrap();
    let value = certificate.extension(&oid::AUTHORITY_KEY_IDENTIFIER).unwrap();
    assert_eq!(value[..], [&[0x30, 22, 0x80, 20], &[7; 20][..]].concat());
    assert_eq!(&value[4..], &ca.certificate().subject_key_identifier().unwrap()[..]);
    assert_eq!(criticality(&certificate, &oid::AUTHORITY_KEY_IDENTIFIER), Some(false));
}

// R-5280-08
#[test]
fn a_ca_without_key_identifier_gets_the_one_of_method_1() {
    let mut ca = Ca::new();
    ca.extensions =
        crate::support::extension(&oid::BASIC_CONSTRAINTS, true, &crate::support::CA_TRUE);
    assert_eq!(ca.issuer().key_identifier(), sha1_of_key_bits(ca.certificate().spki()));
}

// R-5280-09
#[test]
fn subject_key_identifier_is_sha1_of_the_key_bits() {
    for key in ["p256-device", "rsa2048-device"] {
        let certificate = Request::with_key(key).issue(config()).unwrap();
        let expected = sha1_of_key_bits(certificate.spki());
        assert_eq!(certificate.subject_key_identifier().unwrap()[..], expected[..]);
        assert_eq!(criticality(&certificate, &oid::SUBJECT_KEY_IDENTIFIER), Some(false));
    }
}

fn sha1_of_key_bits(spki: &[u8]) -> Vec<u8> {
    let mut info = Reader::der(spki).sequence().unwrap();
    info.any().unwrap();
    let bits = info.bit_string_octets().unwrap();
    provider().digest.digest(DigestAlgorithm::Sha1, bits).unwrap().as_ref().to_vec()
}

/// A provider that has no SHA-1, as FIPS modules may.
struct WithoutSha1;

impl DigestProvider for WithoutSha1 {
    fn digest(&self, algorithm: DigestAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        match algorithm {
            DigestAlgorithm::Sha1 => Err(CryptoError::Unsupported),
            other => provider().digest.digest(other, data),
        }
    }
}

// R-5280-09
#[test]
fn without_sha1_the_key_identifier_is_sha256_cut_to_160_bits() {
    let csr = Request::new().verified();
    let issuer = Issuer::new(Ca::new().certificate(), &WithoutSha1, NOW).unwrap();
    let admitted = profile().admit(&csr, vouched(&csr), NOW).unwrap();
    let prepared = admitted.prepare(serial(1), &issuer, &WithoutSha1).unwrap();
    let issued = prepared.sign_with(key("p256-ca").as_ref()).unwrap();
    let mut info = Reader::der(csr.spki()).sequence().unwrap();
    info.any().unwrap();
    let bits = info.bit_string_octets().unwrap();
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, bits).unwrap();
    let identifier = issued.certificate().subject_key_identifier().unwrap();
    assert_eq!(identifier[..], digest.as_ref()[..20]);
}

// R-5280-10
#[test]
fn key_usage_is_critical_and_fits_the_key() {
    for (key, value) in [
        ("rsa2048-device", [3, 2, 5, 0xA0]), // digitalSignature, keyEncipherment
        ("p256-device", [3, 2, 7, 0x80]),    // digitalSignature
        ("p384-device", [3, 2, 7, 0x80]),
    ] {
        let certificate = Request::with_key(key).issue(config()).unwrap();
        assert_eq!(certificate.extension(&oid::KEY_USAGE).unwrap()[..], value, "{key}");
        assert_eq!(criticality(&certificate, &oid::KEY_USAGE), Some(true));
    }
}

// R-5280-11
#[test]
fn basic_constraints_of_an_end_entity_are_an_empty_sequence() {
    let certificate = Request::new().issue(config()).unwrap();
    assert_eq!(certificate.extension(&oid::BASIC_CONSTRAINTS).unwrap()[..], [0x30, 0]);
}

// R-5280-13
#[test]
fn the_subject_keeps_its_own_encoding() {
    let subject = name(&[
        &[(oid::COUNTRY_NAME, Tag::PRINTABLE_STRING, b"DE")],
        &[(oid::ORGANIZATION_NAME, Tag::T61_STRING, b"M\xFCller")],
        &[(oid::COMMON_NAME, Tag::BMP_STRING, b"\0d\0e\0v")],
        &[(oid::EMAIL_ADDRESS, Tag::IA5_STRING, b"a@example.org")],
    ]);
    let request = Request { subject: subject.clone(), ..Request::new() };
    assert_eq!(request.issue(config()).unwrap().subject().der(), subject);
}

#[test]
fn the_key_is_the_csrs_octet_by_octet_and_the_signature_is_the_cas() {
    for ca in ["p256-ca", "p384-ca", "rsa2048-ca"] {
        let ca = Ca::with_key(ca);
        let csr = Request::new().verified();
        let issued = issue(&csr, vouched(&csr), &ca, config()).unwrap();
        let certificate = issued.certificate();
        assert_eq!(certificate.spki(), &csr.spki()[..]);
        let policy = scep_types::AlgorithmPolicy::Modern;
        let issuer_spki = ca.certificate();
        certificate.verify_signature(issuer_spki.spki(), provider().verify, policy).unwrap();
    }
}

#[test]
fn constant_extensions_are_written_as_configured() {
    let mut config = config();
    config.ocsp_urls = vec!["http://ocsp.example/".to_owned()];
    config.ca_issuers_urls = vec!["http://ca.example/ca.cer".to_owned()];
    config.crl_urls =
        vec!["http://crl.example/1.crl".to_owned(), "ldap://crl.example/cn=ca".to_owned()];
    config.certificate_policies = vec![oid::Oid::new("1.3.6.1.4.1.99999.1")];
    let certificate = Request::new().issue(config).unwrap();
    let url = |text: &str| DerWriter::encode(|der| der.primitive(Tag::context(6), text.as_bytes()));
    let sequence =
        |content: Vec<u8>| DerWriter::encode(|der| der.sequence(|der| der.raw(&content)));
    let oid = |oid: oid::Oid| DerWriter::encode(|der| der.oid(&oid));
    let tagged = |content: Vec<u8>| {
        DerWriter::encode(|der| der.constructed(Tag::context(0), |der| der.raw(&content)))
    };

    let ocsp = [oid(oid::AD_OCSP), url("http://ocsp.example/")].concat();
    let issuers = [oid(oid::AD_CA_ISSUERS), url("http://ca.example/ca.cer")].concat();
    let access = sequence([sequence(ocsp), sequence(issuers)].concat());
    assert_eq!(certificate.extension(&oid::AUTHORITY_INFO_ACCESS).unwrap(), access);

    let urls = [url("http://crl.example/1.crl"), url("ldap://crl.example/cn=ca")].concat();
    let points = sequence(sequence(tagged(tagged(urls))));
    assert_eq!(certificate.extension(&oid::CRL_DISTRIBUTION_POINTS).unwrap(), points);

    let policies = sequence(sequence(oid(oid::Oid::new("1.3.6.1.4.1.99999.1"))));
    assert_eq!(certificate.extension(&oid::CERTIFICATE_POLICIES).unwrap(), policies);
    for oid in [oid::AUTHORITY_INFO_ACCESS, oid::CRL_DISTRIBUTION_POINTS, oid::CERTIFICATE_POLICIES]
    {
        assert_eq!(criticality(&certificate, &oid), Some(false));
    }
}

#[test]
fn without_urls_and_policies_their_extensions_are_absent() {
    let certificate = Request::new().issue(config()).unwrap();
    for oid in [oid::AUTHORITY_INFO_ACCESS, oid::CRL_DISTRIBUTION_POINTS, oid::CERTIFICATE_POLICIES]
    {
        assert_eq!(certificate.extension(&oid), None);
    }
}

#[test]
fn the_validity_is_the_profiles() {
    let mut config = config();
    config.validity = DAY * 30;
    config.backdate = DAY;
    let validity = Request::new().issue(config).unwrap().validity();
    assert_eq!(validity, Validity { not_before: NOW.minus(DAY), not_after: NOW.plus(DAY * 30) });
}
