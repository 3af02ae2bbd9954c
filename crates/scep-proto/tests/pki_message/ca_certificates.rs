//! GetCACert: which certificate is believed, and which is for what (RFC 8894 §2.2, §4.2).

use bytes::Bytes;
use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::http::{X509_CA_CERT, X509_CA_RA_CERT};
use scep_proto::{
    CaAnchor, CaCertificates, Error, Misbehaviour, UnauthenticatedCa, write_ca_certificates,
};
use scep_test::ber::{self, Style};
use scep_test::keys;
use scep_test::pki::{NOW, Pki, Role, self_signed};
use scep_types::{Certificate, DigestAlgorithm, SigningKey, UnixTime};

use crate::oracle;
use crate::support::{attacker, device, pki};

fn fingerprint(digest: DigestAlgorithm, certificate: &Certificate) -> CaAnchor {
    let value = provider().digest.digest(digest, certificate.der()).unwrap();
    CaAnchor::Fingerprint(digest, value.as_ref().to_vec())
}

fn pinned(certificate: &Certificate) -> CaAnchor {
    fingerprint(DigestAlgorithm::Sha256, certificate)
}

fn answer(certificates: &[&Certificate]) -> Bytes {
    write_ca_certificates(certificates).1
}

fn authenticate(
    answer: impl Into<Bytes>,
    anchor: &CaAnchor,
    now: UnixTime,
) -> Result<CaCertificates, Error> {
    UnauthenticatedCa::parse(answer)?.authenticate(anchor, &provider(), now)
}

fn trusted(certificates: &[&Certificate], anchor: &Certificate) -> CaCertificates {
    authenticate(answer(certificates), &pinned(anchor), NOW).unwrap()
}

/// A CA below [`pki`]'s, with the key of an anchor.
fn intermediate(role: Role) -> Certificate {
    let key = keys::software("rsa2048-anchor");
    pki().issue("Intermediate CA", &[0x51], role, SigningKey::spki(&key))
}

fn spki(key: &str) -> Vec<u8> {
    SigningKey::spki(&keys::software(key)).to_vec()
}

// R-2.2-02, R-4.2.1.1-01
#[test]
fn one_certificate_is_sent_bare() {
    let (media_type, body) = write_ca_certificates(&[&pki().ca]);
    assert_eq!(media_type, "application/x-x509-ca-cert");
    assert_eq!(media_type, X509_CA_CERT);
    assert_eq!(body, pki().ca.der());
}

// R-2.2-02, R-4.2.1.2-01, R-CMS5.2-01
#[test]
fn several_certificates_are_sent_as_a_degenerate_signed_data_in_their_order() {
    let (media_type, body) = write_ca_certificates(&[&pki().ra, &pki().ca]);
    assert_eq!(media_type, "application/x-x509-ca-ra-cert");
    assert_eq!(media_type, X509_CA_RA_CERT);
    let seen = oracle::signed_data(&body);
    assert_eq!((seen.version, seen.content, seen.signers.len()), (1, None, 0));
    assert_eq!(seen.certificates.len(), 2);
    let read = UnauthenticatedCa::parse(body).unwrap();
    assert_eq!(read.certificates(), [pki().ra.clone(), pki().ca.clone()]);
}

// R-4.2.1-01
#[test]
fn an_answer_is_read_by_its_content() {
    let pem = |der: &[u8], label: &str| {
        use base64_by_hand::encode;
        format!("\r\n-----BEGIN {label}-----\r\n{}\r\n-----END {label}-----\r\n", encode(der))
    };
    let der = pki().ca.der();
    let bundle = answer(&[&pki().ca, &pki().ra]);
    let parse = |octets: Vec<u8>| UnauthenticatedCa::parse(octets).unwrap().certificates().to_vec();
    assert_eq!(parse(der.to_vec()), [pki().ca.clone()]);
    assert_eq!(parse(pem(der, "CERTIFICATE").into_bytes()), [pki().ca.clone()]);
    let both = [pki().ca.clone(), pki().ra.clone()];
    assert_eq!(parse(bundle.to_vec()), both);
    assert_eq!(parse(pem(&bundle, "PKCS7").into_bytes()), both);
    assert_eq!(parse(ber::signed_data(&bundle, &Style::streamed())), both);
}

/// The tests' own encoder: the one under test only decodes here.
mod base64_by_hand {
    pub(super) fn encode(octets: &[u8]) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for (index, group) in octets.chunks(3).enumerate() {
            if index > 0 && index % 16 == 0 {
                text.push_str("\r\n");
            }
            let mut padded = [0; 4];
            padded[1..=group.len()].copy_from_slice(group);
            let number = u32::from_be_bytes(padded);
            for at in 0..4 {
                let sextet = number >> (18 - 6 * at) & 0x3F;
                let is_there = at <= group.len();
                text.push(if is_there { ALPHABET[sextet as usize].into() } else { '=' });
            }
        }
        text
    }
}

#[test]
fn what_holds_no_certificate_is_no_answer() {
    let none = answer(&[]);
    assert_eq!(UnauthenticatedCa::parse(none), Err(Misbehaviour::NoCaCertificate.into()));
    for octets in [&b""[..], b"<html>", &[0x30, 0], b"-----BEGIN CERTIFICATE-----"] {
        assert!(UnauthenticatedCa::parse(octets.to_vec()).is_err());
    }
    let many = vec![&pki().ca; 17];
    let expected = Misbehaviour::TooManyCertificates { found: 17, limit: 16 };
    assert_eq!(UnauthenticatedCa::parse(answer(&many)), Err(expected.into()));
}

// R-2.2-04, R-2.2-05
#[test]
fn a_fingerprint_is_over_the_whole_certificate() {
    let bundle = [&pki().ca, &pki().ra];
    for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha1, DigestAlgorithm::Sha512] {
        let anchor = fingerprint(digest, &pki().ca);
        let ca = authenticate(answer(&bundle), &anchor, NOW).unwrap();
        assert_eq!(ca.issuer(), &pki().ca);
    }
    let mut wrong = pinned(&pki().ca);
    if let CaAnchor::Fingerprint(_, value) = &mut wrong {
        value[31] ^= 1;
    }
    let refused = authenticate(answer(&bundle), &wrong, NOW).unwrap_err();
    let text = refused.to_string();
    let Error::Misbehaved(Misbehaviour::FingerprintMismatch { found }) = refused else {
        panic!("{text}")
    };
    let CaAnchor::Fingerprint(_, right) = pinned(&pki().ca) else { unreachable!() };
    let right: String = right.iter().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(found.0[0], right);
    assert!(text.contains(&right), "a person can compare: {text}");
    for short in [vec![], vec![0]] {
        let anchor = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, short);
        assert!(authenticate(answer(&bundle), &anchor, NOW).is_err());
    }
}

// R-2.2-06
#[test]
fn what_does_not_chain_to_the_anchor_is_dropped() {
    let forged_ra = self_signed("Test RA", &[2], Role::Ra, "rsa2048-signer");
    let other_ca = Pki::new("rsa2048-anchor", "rsa2048-signer");
    let bundle = [&forged_ra, &pki().ca, &other_ca.ra, &other_ca.ca, &pki().ra];
    let ca = trusted(&bundle, &pki().ca);
    assert_eq!(ca.certificates(), [pki().ca.clone(), pki().ra.clone()]);
    assert_eq!(ca.encryption(), &pki().ra);
}

// R-2.2-06, R-2.2-08
#[test]
fn an_ra_that_is_not_valid_now_is_dropped() {
    let bundle = answer(&[&pki().ca, &pki().ra]);
    let validity = pki().ra.validity();
    let second = std::time::Duration::from_secs(1);
    for outside in [validity.not_before.minus(second), validity.not_after.plus(second)] {
        let ca = authenticate(bundle.clone(), &pinned(&pki().ca), outside).unwrap();
        assert_eq!(ca.certificates(), [pki().ca.clone()]);
    }
}

#[test]
fn a_device_of_the_same_ca_is_no_ra() {
    let device = pki().issue("device", &[0x61], Role::Device, attacker().key.spki());
    let ca = trusted(&[&device, &pki().ca], &pki().ca);
    assert_eq!(ca.certificates(), [pki().ca.clone()]);
    assert_eq!(ca.encryption(), &pki().ca, "and reads no challenge");
}

#[test]
fn a_device_certificate_signs_no_ra() {
    let sub = Pki::new("rsa2048-signer", "rsa2048-device2");
    let device = pki().issue("Test CA", &[0x62], Role::Device, SigningKey::spki(&sub.ca_key));
    let ca = trusted(&[&pki().ca, &device, &sub.ra], &pki().ca);
    assert!(!ca.certificates().contains(&sub.ra));
}

// R-2.2-03
#[test]
fn the_anchor_may_be_known_and_not_sent() {
    let anchor = CaAnchor::Certificate(Box::new(pki().ca.clone()));
    let ca = authenticate(answer(&[&pki().ra]), &anchor, NOW).unwrap();
    assert_eq!(ca.certificates(), [pki().ca.clone(), pki().ra.clone()]);
    let other = CaAnchor::Certificate(Box::new(attacker().signer.clone()));
    let nothing = authenticate(answer(&[&pki().ra]), &other, NOW).unwrap();
    assert_eq!(nothing.certificates(), [attacker().signer.clone()]);
}

#[test]
fn trust_without_verification_has_its_own_name_and_takes_everything() {
    let bundle = [&attacker().signer, &pki().ca];
    let ca = authenticate(answer(&bundle), &CaAnchor::TrustUnverified, NOW).unwrap();
    assert_eq!(ca.certificates().len(), 2);
}

// R-4.2.1-02
#[test]
fn of_the_ndes_pair_the_one_for_encryption_is_taken() {
    let signing = pki().issue("RA S", &[0x71], Role::SigningRa, &spki("rsa2048-ra"));
    let encrypting = pki().issue("RA E", &[0x72], Role::EncryptingRa, &spki("rsa2048-signer"));
    let bundle = [&pki().ca, &signing, &encrypting];
    let ca = trusted(&bundle, &pki().ca);
    assert_eq!(ca.encryption(), &encrypting);
    assert_eq!(ca.issuer(), &pki().ca);
    assert_eq!(ca.certificates().len(), 3, "replies of either signer verify");
}

// R-2.1.2-02, R-4.2.1-02
#[test]
fn key_usage_is_a_hint_and_a_lone_ca_does_everything() {
    for role in [Role::Ca, Role::CaAndRa, Role::SigningRa, Role::Device] {
        let only = self_signed("Only CA", &[1], role, "rsa2048-ca");
        let ca = trusted(&[&only], &only);
        assert_eq!((ca.encryption(), ca.issuer()), (&only, &only), "{role:?}");
    }
}

// R-4.2.1-02, R-2.2-06
#[test]
fn of_root_and_intermediate_the_issuing_one_is_taken() {
    for role in [Role::Ca, Role::CaAndRa] {
        let intermediate = intermediate(role);
        let root = &pki().ca;
        for bundle in [[root, &intermediate], [&intermediate, root]] {
            let ca = trusted(&bundle, root);
            assert_eq!(ca.issuer(), &intermediate);
            assert_eq!(ca.encryption(), &intermediate);
        }
    }
}

// R-4.2.1-04
#[test]
fn encryption_is_to_an_rsa_key() {
    let key = keys::software("p256-ca");
    let ec_ca = self_signed("EC CA", &[1], Role::CaAndRa, "p256-ca");
    let rsa_ra = Pki::new("p256-ca", "rsa2048-ra").ra;
    assert_eq!(SigningKey::spki(&key), ec_ca.spki());
    let ca = authenticate(answer(&[&ec_ca, &rsa_ra]), &CaAnchor::TrustUnverified, NOW).unwrap();
    assert_eq!(ca.encryption(), &rsa_ra);
    let ca = authenticate(answer(&[&ec_ca]), &CaAnchor::TrustUnverified, NOW).unwrap();
    assert_eq!(ca.encryption(), &ec_ca, "there is no other; a password encrypts instead");
}

#[test]
fn issuance_is_by_one_of_the_cas_and_by_no_ra() {
    let ca = trusted(&[&pki().ca, &pki().ra], &pki().ca);
    let issued = pki().issue("device", &[0x11], Role::Device, device().key.spki());
    assert!(ca.issued(&issued, &provider()));
    assert!(!ca.issued(&device().signer, &provider()));
    let by_ra_key = Pki::new("rsa2048-ra", "rsa2048-signer");
    let forged = by_ra_key.issue("device", &[0x11], Role::Device, device().key.spki());
    assert!(!ca.issued(&forged, &provider()), "the RA's key signs no certificates");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    // R-2.2-07
    #[test]
    fn the_order_of_a_bundle_does_not_matter(
        order in Just(vec![0, 1, 2, 3, 0]).prop_shuffle(),
    ) {
        let key = keys::software("rsa2048-anchor");
        let intermediate = pki().issue("Intermediate CA", &[0x51], Role::Ca, SigningKey::spki(&key));
        let root = self_signed("Other root", &[1], Role::Ca, "rsa2048-signer");
        let all = [&pki().ca, &intermediate, &pki().ra, &root];
        let bundle: Vec<_> = order.iter().map(|at: &usize| all[*at]).collect();
        let ca = trusted(&bundle, &pki().ca);
        prop_assert_eq!(ca.encryption(), &pki().ra);
        prop_assert_eq!(ca.issuer(), &intermediate);
        prop_assert_eq!(ca.certificates().len(), 3);
    }
}
