//! The minting half.

use intune_challenge::signed::{Algorithm, Claims, Issuer, SignedChallenge, UnsignedChallenge};
use intune_challenge::{Claim, Error, Malformed, Misconfigured, Part, Secret};
use scep_types::{CryptoError, KeyKind};
use serde_json::Value;

use crate::support::*;

fn unsigned(claims: &Claims) -> Result<UnsignedChallenge, Error> {
    UnsignedChallenge::new(claims, Algorithm::Rs256, None)
}

fn segment(text: &str, at: usize) -> String {
    use base64::Engine as _;
    let segment = text.split('.').nth(at).unwrap();
    String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(segment).unwrap())
        .unwrap()
}

#[test]
fn what_is_minted_verifies_under_every_algorithm() {
    for (name, algorithm) in [
        ("rsa2048-anchor", Algorithm::Rs256),
        ("rsa2048-anchor", Algorithm::Rs384),
        ("rsa2048-anchor", Algorithm::Ps256),
        ("p256-anchor", Algorithm::Es256),
        ("p384-anchor", Algorithm::Es384),
    ] {
        let mut config = config(&[name]);
        config.algorithms = vec![algorithm];
        let text = issuer(name, algorithm).mint(&claims()).unwrap();
        let verified = verify(&build(config), text.expose()).unwrap();
        assert_eq!(verified.claims(), &claims());
    }
}

#[test]
fn header_and_payload_hold_what_there_is_and_nothing_else() {
    let text = issuer("p256-anchor", Algorithm::Es256).mint(&claims()).unwrap();
    assert_eq!(segment(text.expose(), 0), r#"{"alg":"ES256","typ":"JWT"}"#);
    let payload_text = segment(text.expose(), 1);
    assert_eq!(serde_json::from_str::<Value>(&payload_text).unwrap(), payload());
    let names: Vec<_> =
        Claim::ALL.iter().filter_map(|claim| payload_text.find(&format!("\"{claim}\":"))).collect();
    assert!(names.is_sorted());
    let named =
        Issuer::new(key("p256-anchor"), Algorithm::Es256, Some("2027-01".to_owned())).unwrap();
    let header = segment(named.mint(&claims()).unwrap().expose(), 0);
    assert_eq!(header, r#"{"alg":"ES256","typ":"JWT","kid":"2027-01"}"#);
}

#[test]
fn a_remote_key_signs_in_two_steps() {
    for (name, algorithm) in
        [("rsa2048-anchor", Algorithm::Rs256), ("p256-anchor", Algorithm::Es256)]
    {
        let unsigned = UnsignedChallenge::new(&claims(), algorithm, None).unwrap();
        assert_eq!(unsigned.scheme(), algorithm.scheme());
        let signature = key(name).sign(unsigned.scheme(), unsigned.to_be_signed()).unwrap();
        let text = unsigned.assemble(&signature).unwrap();
        verify(&verifier(), text.expose()).unwrap();
    }
}

#[test]
fn an_issuer_needs_a_key_of_its_algorithm() {
    for (name, algorithm, key_kind) in [
        ("p256-anchor", Algorithm::Rs256, KeyKind::P256),
        ("p256-anchor", Algorithm::Es384, KeyKind::P256),
        ("p384-anchor", Algorithm::Es256, KeyKind::P384),
        ("rsa2048-anchor", Algorithm::Es256, KeyKind::Rsa { bits: 2048 }),
    ] {
        let refused = Issuer::new(key(name), algorithm, None).unwrap_err();
        assert_eq!(refused, Misconfigured::IssuerKey { key: key_kind, algorithm }.into());
    }
}

#[test]
fn what_a_strict_verifier_always_refuses_is_not_minted() {
    let refusal = |change: &dyn Fn(&mut Claims)| {
        let mut claims = claims();
        change(&mut claims);
        unsigned(&claims).unwrap_err()
    };
    let missing = |claim| Error::Malformed(Malformed::MissingClaim(claim));
    let wrong = |claim| Error::Malformed(Malformed::Claim(claim));
    assert_eq!(refusal(&|claims| claims.expires = None), missing(Claim::Expires));
    assert_eq!(refusal(&|claims| claims.issued_at = None), missing(Claim::IssuedAt));
    assert_eq!(refusal(&|claims| claims.nonce = None), missing(Claim::Nonce));
    assert_eq!(refusal(&|claims| claims.subject = None), missing(Claim::Subject));
    assert_eq!(refusal(&|claims| claims.device_name = None), Malformed::NoIdentity.into());
    assert_eq!(refusal(&|claims| claims.nonce = Some(Secret::new(""))), wrong(Claim::Nonce));
    assert_eq!(refusal(&|claims| claims.san_dns = vec![String::new()]), wrong(Claim::SanDns));
    assert_eq!(
        refusal(&|claims| claims.san_dns = vec!["b\u{fc}ro".to_owned()]),
        wrong(Claim::SanDns)
    );
    assert_eq!(
        refusal(&|claims| claims.device_name = Some("a\0".to_owned())),
        wrong(Claim::DeviceName)
    );
}

#[test]
fn what_would_be_too_long_for_a_verifier_is_not_minted() {
    let mut long = claims();
    long.subject = Some("x".repeat(11_500));
    assert!(unsigned(&long).unwrap().assemble(&[0; 256]).is_ok());
    long.subject = Some("x".repeat(12_288));
    let refused = unsigned(&long).unwrap().assemble(&[0; 256]).unwrap_err();
    assert!(matches!(refused, Error::Malformed(Malformed::TooLong { part: Part::Challenge, .. })));
    let key_id = "x".repeat(1_000);
    let named = UnsignedChallenge::new(&claims(), Algorithm::Rs256, Some(&key_id)).unwrap();
    let refused = named.assemble(&[0; 256]).unwrap_err();
    assert!(matches!(refused, Error::Malformed(Malformed::TooLong { part: Part::Header, .. })));
}

#[test]
fn a_signature_that_is_none_is_refused() {
    let es256 = || UnsignedChallenge::new(&claims(), Algorithm::Es256, None).unwrap();
    let der = key("p256-anchor").sign(es256().scheme(), es256().to_be_signed()).unwrap();
    let long = [&[0x30, 38, 2, 33, 1][..], &[0; 32], &[2, 1, 1]].concat();
    for wrong in [
        &b""[..],
        &[7; 64],
        &der[..der.len() - 1],
        &[&der[..], &[0]].concat(),
        &long,
        &[0x30, 3, 2, 1, 1],
        &[0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1],
    ] {
        let refused = es256().assemble(wrong).unwrap_err();
        assert_eq!(refused, Error::Crypto(CryptoError::InvalidSignature));
    }
    let small = es256().assemble(&[0x30, 6, 2, 1, 1, 2, 1, 2]).unwrap();
    let expected = [&[0; 31][..], &[1], &[0; 31], &[2]].concat();
    assert!(small.expose().ends_with(&b64(expected)));
    let empty = unsigned(&claims()).unwrap().assemble(b"").unwrap_err();
    assert_eq!(empty, Malformed::Empty(Part::Signature).into());
}

#[test]
fn minting_takes_nonce_and_times_from_its_caller_alone() {
    let mint = || issuer("rsa2048-anchor", Algorithm::Rs256).mint(&claims()).unwrap();
    assert_eq!(mint(), mint());
    assert!(SignedChallenge::parse(mint().expose()).is_ok());
}
