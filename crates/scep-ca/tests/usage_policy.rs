//! keyUsage and extended key usages, fixed or from the CSR within an allow-list.

use scep_ca::{
    EllipticKey, Error, ExtendedKeyUsagePolicy, KeyUsagePolicy, Profile, ProfileDefect, Refusal,
    Unlisted,
};
use scep_types::asn1::DerWriter;
use scep_types::oid::{self, Oid};
use scep_types::{KeyKind, KeyUsage};

use crate::support::{NOW, Request, ca_usage, config, criticality, csr_with_spki, vouched};

const SIGN: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
const ENCIPHER: KeyUsage = KeyUsage::KEY_ENCIPHERMENT;
const AGREE: KeyUsage = KeyUsage::KEY_AGREEMENT;
const EMAIL: Oid = Oid::new("1.3.6.1.5.5.7.3.4");

fn from_csr(allowed: KeyUsage, absent: KeyUsage, others: Unlisted) -> scep_ca::ProfileConfig {
    let mut config = config();
    config.key_usage = KeyUsagePolicy::FromCsr { allowed, absent, others };
    config
}

#[test]
fn a_fixed_key_usage_ignores_what_is_asked_for() {
    let request = Request::with_key_usage("rsa2048-device", ca_usage());
    let certificate = request.issue(config()).unwrap();
    assert_eq!(certificate.key_usage(), Some(SIGN.union(ENCIPHER)));
}

// R-5280-10
#[test]
fn requested_bits_within_the_allow_list_are_granted_if_the_key_can_do_them() {
    let both = SIGN.union(ENCIPHER);
    for (key, requested, granted) in [
        ("rsa2048-device", SIGN, SIGN),
        ("rsa2048-device", ENCIPHER, ENCIPHER),
        ("rsa2048-device", both, both),
        ("p256-device", both, SIGN),
        ("p256-device", AGREE, AGREE),
    ] {
        let config = from_csr(both.union(AGREE), SIGN, Unlisted::Refuse);
        let certificate = Request::with_key_usage(key, requested).issue(config).unwrap();
        assert_eq!(certificate.key_usage(), Some(granted), "{key} {requested}");
    }
}

#[test]
fn a_csr_without_key_usage_gets_the_default() {
    let config = from_csr(SIGN.union(ENCIPHER), ENCIPHER, Unlisted::Refuse);
    let certificate = Request::with_key("rsa2048-device").issue(config).unwrap();
    assert_eq!(certificate.key_usage(), Some(ENCIPHER));
}

#[test]
fn requested_bits_beyond_the_allow_list_are_refused_or_dropped() {
    for beyond in [KeyUsage::KEY_CERT_SIGN, KeyUsage::CRL_SIGN, KeyUsage::NON_REPUDIATION] {
        let requested = SIGN.union(beyond);
        let request = Request::with_key_usage("rsa2048-device", requested);
        let refused = request.issue(from_csr(SIGN, SIGN, Unlisted::Refuse));
        let refusal = Refusal::KeyUsage { requested, allowed: SIGN };
        assert_eq!(refused, Err(Error::Refused(refusal)));
        let certificate = request.issue(from_csr(SIGN, SIGN, Unlisted::Drop)).unwrap();
        assert_eq!(certificate.key_usage(), Some(SIGN));
    }
}

/// encipherOnly and decipherOnly have no name here, and are bits nevertheless.
#[test]
fn unnamed_bits_are_refused_or_dropped() {
    let decipher_only = [3, 3, 7, 0x80, 0x80];
    let request = Request::with_extension(&oid::KEY_USAGE, true, &decipher_only);
    let refused = request.issue(from_csr(SIGN, SIGN, Unlisted::Refuse));
    assert!(matches!(refused, Err(Error::Refused(Refusal::KeyUsage { .. }))));
    let certificate = request.issue(from_csr(SIGN, SIGN, Unlisted::Drop)).unwrap();
    assert_eq!(certificate.extension(&oid::KEY_USAGE).unwrap()[..], [3, 2, 7, 0x80]);
}

// R-5280-10
#[test]
fn a_certificate_never_has_an_empty_key_usage() {
    let mut only_encipher = config();
    only_encipher.key_usage = KeyUsagePolicy::Fixed(ENCIPHER);
    let refused = Request::new().issue(only_encipher);
    assert_eq!(refused, Err(Error::Refused(Refusal::NoKeyUsage(KeyKind::P256))));

    let request = Request::with_key_usage("p256-device", ENCIPHER);
    let refused = request.issue(from_csr(SIGN.union(ENCIPHER), SIGN, Unlisted::Drop));
    assert_eq!(refused, Err(Error::Refused(Refusal::NoKeyUsage(KeyKind::P256))));
}

// R-P10-07
#[test]
fn a_profile_cannot_grant_an_authoritys_key_usages() {
    for bits in [KeyUsage::KEY_CERT_SIGN, KeyUsage::CRL_SIGN, KeyUsage::empty()] {
        let mut fixed = config();
        fixed.key_usage = KeyUsagePolicy::Fixed(bits);
        let defect = Error::InvalidProfile(ProfileDefect::KeyUsage(bits));
        assert_eq!(Profile::new(fixed).unwrap_err(), defect);
        assert_eq!(Profile::new(from_csr(bits, SIGN, Unlisted::Drop)).unwrap_err(), defect);
    }
    let defect = Error::InvalidProfile(ProfileDefect::KeyUsage(ENCIPHER));
    assert_eq!(Profile::new(from_csr(SIGN, ENCIPHER, Unlisted::Drop)).unwrap_err(), defect);
}

fn extended(usages: &[Oid]) -> Vec<u8> {
    DerWriter::encode(|der| der.sequence(|der| usages.iter().for_each(|usage| der.oid(usage))))
}

fn asking_for(usages: &[Oid]) -> Request {
    Request::with_extension(&oid::EXTENDED_KEY_USAGE, false, &extended(usages))
}

fn extended_from_csr(others: Unlisted) -> scep_ca::ProfileConfig {
    let mut config = config();
    config.extended_key_usage = ExtendedKeyUsagePolicy::FromCsr {
        allowed: vec![oid::CLIENT_AUTH, EMAIL],
        absent: vec![oid::CLIENT_AUTH],
        others,
    };
    config
}

#[test]
fn extended_key_usage_is_client_authentication_by_default() {
    let certificate = asking_for(&[oid::SERVER_AUTH]).issue(config()).unwrap();
    let value = certificate.extension(&oid::EXTENDED_KEY_USAGE).unwrap();
    assert_eq!(value, extended(&[oid::CLIENT_AUTH]));
    assert_eq!(criticality(&certificate, &oid::EXTENDED_KEY_USAGE), Some(false));
}

#[test]
fn requested_usages_within_the_allow_list_are_granted_once_each() {
    for (requested, granted) in [
        (&[EMAIL][..], &[EMAIL][..]),
        (&[EMAIL, oid::CLIENT_AUTH], &[EMAIL, oid::CLIENT_AUTH]),
        (&[EMAIL, EMAIL], &[EMAIL]),
    ] {
        let certificate = asking_for(requested).issue(extended_from_csr(Unlisted::Refuse)).unwrap();
        let value = certificate.extension(&oid::EXTENDED_KEY_USAGE).unwrap();
        assert_eq!(value, extended(granted));
    }
    let certificate = Request::new().issue(extended_from_csr(Unlisted::Refuse)).unwrap();
    let value = certificate.extension(&oid::EXTENDED_KEY_USAGE).unwrap();
    assert_eq!(value, extended(&[oid::CLIENT_AUTH]));
}

#[test]
fn requested_usages_beyond_the_allow_list_are_refused_or_dropped() {
    let request = asking_for(&[oid::SERVER_AUTH, EMAIL]);
    let refused = request.issue(extended_from_csr(Unlisted::Refuse));
    assert_eq!(refused, Err(Error::Refused(Refusal::ExtendedKeyUsage(oid::SERVER_AUTH))));
    let certificate = request.issue(extended_from_csr(Unlisted::Drop)).unwrap();
    assert_eq!(certificate.extension(&oid::EXTENDED_KEY_USAGE).unwrap(), extended(&[EMAIL]));

    for nothing_left in [asking_for(&[oid::SERVER_AUTH]), asking_for(&[])] {
        let refused = nothing_left.issue(extended_from_csr(Unlisted::Drop));
        assert_eq!(refused, Err(Error::Refused(Refusal::NoExtendedKeyUsage)));
    }
}

#[test]
fn malformed_requested_usages_matter_only_where_they_are_read() {
    let request = Request::with_extension(&oid::EXTENDED_KEY_USAGE, false, b"rubbish");
    request.issue(config()).unwrap();
    let refused = request.issue(extended_from_csr(Unlisted::Drop));
    assert!(matches!(refused, Err(Error::Malformed(_))));
}

#[test]
fn a_certificate_for_every_purpose_must_be_asked_for_by_the_operator() {
    let mut unrestricted = config();
    unrestricted.extended_key_usage = ExtendedKeyUsagePolicy::Unrestricted;
    let certificate = Request::new().issue(unrestricted).unwrap();
    assert_eq!(certificate.extension(&oid::EXTENDED_KEY_USAGE), None);

    let (some, none) = (vec![EMAIL], Vec::new());
    let others = Unlisted::Drop;
    for policy in [
        ExtendedKeyUsagePolicy::Fixed(Vec::new()),
        ExtendedKeyUsagePolicy::FromCsr { allowed: some.clone(), absent: none.clone(), others },
        ExtendedKeyUsagePolicy::FromCsr { allowed: none, absent: some, others },
    ] {
        let mut config = config();
        config.extended_key_usage = policy;
        let defect = Error::InvalidProfile(ProfileDefect::NoExtendedKeyUsage);
        assert_eq!(Profile::new(config).unwrap_err(), defect);
    }
}

// R-5280-10
#[test]
fn ed25519_keys_only_sign() {
    let spki = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| der.oid(&oid::ED25519));
            der.bit_string_of(|der| der.raw(&[9; 32]));
        });
    });
    let csr = csr_with_spki(&spki);
    let mut config = config();
    config.keys.elliptic = vec![EllipticKey::Ed25519];
    config.key_usage = KeyUsagePolicy::Fixed(SIGN.union(ENCIPHER).union(AGREE));
    let admitted = Profile::new(config).unwrap().admit(&csr, vouched(&csr), NOW).unwrap();
    assert_eq!(admitted.key_usage(), SIGN);
}
