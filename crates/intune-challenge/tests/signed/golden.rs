//! Challenges and a CSR that other implementations made (`data/PROVENANCE.md`).

use intune_challenge::signed::{Algorithm, Claims, TrustAnchor, Verifier, VerifierConfig};
use intune_challenge::{Csr, Error, Secret};
use scep_types::AlgorithmPolicy;

use crate::support::*;

const ANCHORS: &str =
    concat!(include_str!("data/p256-anchor.pem"), include_str!("data/rsa2048-anchor.pem"));
const ES256: &str = include_str!("data/es256.txt");
const EXPIRED: &str = include_str!("data/es256-expired.txt");
const TAMPERED: &str = include_str!("data/es256-tampered.txt");
const UNKNOWN_VERSION: &str = include_str!("data/es256-unknown-version.txt");
const RS256: &str = include_str!("data/rs256.txt");
const OPENSSL_CSR: &[u8] = include_bytes!("data/openssl-csr.der");

fn golden_claims() -> Claims {
    let nonce = Secret::new("golden-0001");
    let mut claims = Claims::new("device-7f3a", nonce, at(-60), at(3_540));
    claims.issuer = Some("mdm.example".to_owned());
    claims.audience = Some(AUDIENCE.to_owned());
    claims.device_name = Some(DEVICE.to_owned());
    claims.san_dns = vec!["laptop-7f3a.corp.example".to_owned()];
    claims.san_rfc822 = vec!["ada@corp.example".to_owned()];
    claims
}

fn golden_verifier() -> Verifier {
    verifier_for(AUDIENCE)
}

fn verifier_for(audience: &str) -> Verifier {
    let anchors = TrustAnchor::all_from_pem(ANCHORS).unwrap();
    build(VerifierConfig::new(anchors, Some(audience.to_owned())))
}

#[test]
fn challenges_signed_by_pyca_verify() {
    for text in [ES256, RS256] {
        assert_eq!(verify(&golden_verifier(), text).unwrap().claims(), &golden_claims());
    }
}

#[test]
fn ours_is_octet_for_octet_the_challenge_that_pyca_made() {
    // RSASSA-PKCS1-v1_5 is deterministic
    let minted = issuer("rsa2048-anchor", Algorithm::Rs256).mint(&golden_claims()).unwrap();
    assert_eq!(minted.expose(), RS256);
}

#[test]
fn an_expired_challenge_of_pyca_is_expired() {
    let expired = verify(&golden_verifier(), EXPIRED).unwrap_err();
    assert!(matches!(expired, Error::Expired { expired, .. } if expired == at(-3_600)));
}

#[test]
fn a_tampered_challenge_of_pyca_does_not_verify() {
    let invalid = Error::SignatureInvalid { anchors: 1 };
    assert_eq!(verify(&golden_verifier(), TAMPERED).unwrap_err(), invalid);
    let (octets, _) = ES256.rsplit_once('.').unwrap();
    assert!(TAMPERED.starts_with(octets));
}

#[test]
fn another_audience_or_anchor_is_refused() {
    let other = verifier_for("https://other.example/");
    assert_eq!(verify(&other, ES256).unwrap_err().label(), "wrong_audience");
    let unrelated = build(config(&["p256-ca"]));
    assert_eq!(verify(&unrelated, ES256).unwrap_err().label(), "signature_invalid");
}

#[test]
fn an_unknown_version_of_pyca_names_itself() {
    let unknown = verify(&golden_verifier(), UNKNOWN_VERSION).unwrap_err();
    assert_eq!(unknown, Error::UnknownVersion { version: "v999".to_owned() });
}

#[test]
fn a_csr_of_openssl_carries_its_challenge_through_all_phases() {
    let csr = Csr::parse(OPENSSL_CSR).unwrap();
    let proven = csr.verify(provider().verify, AlgorithmPolicy::Modern).unwrap();
    let bound = golden_verifier().check(&proven, NOW).unwrap();
    assert_eq!(bound.claims(), &golden_claims());
    assert!(bound.authorization().covers(&csr));
    assert_eq!(bound.expires(), at(3_600));
}

#[test]
fn white_space_around_a_challenge_is_not_part_of_it() {
    assert_eq!(verify(&golden_verifier(), format!("{ES256}\n")).unwrap_err().label(), "malformed");
}
