//! Whether the certificates a server hands out are such that Windows and Apple devices enrol.

use scep_ca::CertificateRole::{CaAsRa, CaBehindRa, DecryptingRa, Ra, SigningRa};
use scep_ca::{CertificateRole, Incompatibility, incompatibilities};
use scep_types::asn1::DerWriter;
use scep_types::oid::{self, Oid};
use scep_types::{DigestAlgorithm, KeyUsage, SignatureScheme};

use crate::support::{CA_TRUE, Ca, NOW, YEAR, ca_usage, extension, key};

const SIGN: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
const ENCIPHER: KeyUsage = KeyUsage::KEY_ENCIPHERMENT;

fn usage(bits: KeyUsage) -> Vec<u8> {
    extension(&oid::KEY_USAGE, true, &bits.to_extension())
}

fn extended(usage: &Oid) -> Vec<u8> {
    let value = DerWriter::encode(|der| der.sequence(|der| der.oid(usage)));
    extension(&oid::EXTENDED_KEY_USAGE, false, &value)
}

fn ca_true() -> Vec<u8> {
    extension(&oid::BASIC_CONSTRAINTS, true, &CA_TRUE)
}

fn with(key: &'static str, extensions: &[Vec<u8>]) -> Ca {
    Ca { extensions: extensions.concat(), ..Ca::with_key(key) }
}

fn found(certificate: &Ca, role: CertificateRole) -> Vec<Incompatibility> {
    incompatibilities(&certificate.certificate(), role, NOW)
}

// R-2.1.2-01
#[test]
fn a_ca_that_is_its_own_ra_needs_digital_signature_and_key_encipherment() {
    let all = ca_usage().union(SIGN).union(ENCIPHER);
    assert_eq!(all.to_extension(), [3, 2, 1, 0xA6]);
    assert_eq!(found(&with("rsa2048-ca", &[ca_true(), usage(all)]), CaAsRa), []);

    let only_ca = with("rsa2048-ca", &[ca_true(), usage(ca_usage())]);
    let lacks = [Incompatibility::LacksDigitalSignature, Incompatibility::LacksKeyEncipherment];
    assert_eq!(found(&only_ca, CaAsRa), lacks);
    assert_eq!(found(&only_ca, CaBehindRa), []);
}

// R-4.2.1-03
#[test]
fn an_ra_is_a_leaf_with_the_usages_of_its_work() {
    let agent = extended(&oid::MS_CERTIFICATE_REQUEST_AGENT);
    let ra = |bits: KeyUsage| with("rsa2048-ra", &[usage(bits), agent.clone()]);
    assert_eq!(found(&ra(SIGN.union(ENCIPHER)), Ra), []);
    assert_eq!(found(&ra(SIGN), SigningRa), []);
    assert_eq!(found(&ra(ENCIPHER), DecryptingRa), []);
    assert_eq!(found(&ra(SIGN), Ra), [Incompatibility::LacksKeyEncipherment]);
    assert_eq!(found(&ra(ENCIPHER), Ra), [Incompatibility::LacksDigitalSignature]);

    let bits = usage(SIGN.union(ENCIPHER));
    let ca = with("rsa2048-ra", &[ca_true(), bits.clone(), agent.clone()]);
    assert_eq!(found(&ca, Ra), [Incompatibility::RaIsCa]);
    let server = with("rsa2048-ra", &[bits.clone(), extended(&oid::SERVER_AUTH)]);
    assert_eq!(found(&server, Ra), []);
    for lacking in [vec![bits.clone()], vec![bits, extended(&oid::CLIENT_AUTH)]] {
        let lack = [Incompatibility::LacksRaExtendedKeyUsage];
        assert_eq!(found(&with("rsa2048-ra", &lacking), Ra), lack);
    }
}

#[test]
fn a_certificate_without_key_usage_or_with_an_ec_key_is_reported() {
    let bare = with("p256-ca", &[ca_true()]);
    assert_eq!(found(&bare, CaAsRa), [Incompatibility::KeyNotRsa, Incompatibility::NoKeyUsage]);
    assert_eq!(found(&bare, CaBehindRa), [Incompatibility::NoKeyUsage]);
}

#[test]
fn a_ca_that_is_none_or_restricted_is_reported() {
    let usages = usage(ca_usage());
    let leaf = with("rsa2048-ca", std::slice::from_ref(&usages));
    assert_eq!(found(&leaf, CaBehindRa), [Incompatibility::NotCa]);
    let server = with("rsa2048-ca", &[ca_true(), usages, extended(&oid::SERVER_AUTH)]);
    let restricted = [Incompatibility::CaRestrictedByExtendedKeyUsage];
    assert_eq!(found(&server, CaBehindRa), restricted);
    let lacks = with("rsa2048-ca", &[ca_true(), usage(SIGN)]);
    assert_eq!(found(&lacks, CaBehindRa), [Incompatibility::LacksKeyCertSign]);
}

#[test]
fn certificates_out_of_date_or_signed_by_what_ios_refuses_are_reported() {
    let ca = with("rsa2048-ca", &[ca_true(), usage(ca_usage())]);
    let late = NOW.plus(YEAR * 20);
    let expired = incompatibilities(&ca.certificate(), CaBehindRa, late);
    assert_eq!(expired, [Incompatibility::NotValid(late)]);

    let pss = SignatureScheme::RsaPss(DigestAlgorithm::Sha256);
    let by_pss = ca.certificate_signed_by(key("rsa2048-ca").as_ref(), pss);
    assert_eq!(incompatibilities(&by_pss, CaBehindRa, NOW), [Incompatibility::SignedByPss]);
    let by_sha1 = ca.certificate_claiming(SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1));
    let weak = Incompatibility::SignedByWeakDigest(DigestAlgorithm::Sha1);
    assert_eq!(incompatibilities(&by_sha1, CaBehindRa, NOW), [weak]);
}

#[test]
fn an_incompatibility_prints_what_to_look_at() {
    let late = Incompatibility::NotValid(NOW).to_string();
    assert_eq!(late, "not valid at 2026-11-21T00:00:00Z");
    let lacks = Incompatibility::LacksKeyEncipherment.to_string();
    assert!(lacks.contains("keyEncipherment"));
}
