//! `mint`.

use intune_challenge::signed::{TrustAnchor, Verifier, VerifierConfig};
use intune_challenge::{Csr, Error};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::subject_alt_name;
use scep_types::{GeneralName, GeneralNameValue, Name, Secret, SigningKey, UnixTime, oid};

use crate::server::{key, key_path};
use crate::support::{Outcome, Work};

fn mint(anchor: &str, more: &[&str]) -> Outcome {
    let key = key_path(anchor);
    let fixed = ["mint", "--key", &key, "--subject", "device-1"];
    Work::new().scep(fixed.into_iter().chain(more.iter().copied()))
}

/// A server's verifier that trusts this key.
fn verifier(anchor: &str, audience: &str) -> Verifier {
    let anchor = TrustAnchor::from_public_key(SigningKey::spki(&key(anchor))).unwrap();
    let config = VerifierConfig::new(vec![anchor], Some(audience.to_owned()));
    Verifier::new(config, &provider()).unwrap()
}

/// A CSR of CN=device-1 with this DNS name and challenge.
fn csr(dns: &str, challenge: &str) -> Csr {
    let name = GeneralName::new(GeneralNameValue::Dns(dns.to_owned())).unwrap();
    let subject = Name::build(&[(oid::COMMON_NAME, "device-1")]);
    let challenge = Secret::new(challenge);
    let names = [subject_alt_name(&[name])];
    scep_client::sign_csr(&key("rsa2048-device"), &subject, Some(&challenge), &names).unwrap()
}

#[test]
fn a_minted_challenge_lets_exactly_its_device_in() {
    for anchor in ["p256-anchor", "rsa2048-anchor"] {
        let minted = mint(
            anchor,
            &[
                "--audience",
                "https://scep.example/",
                "--device-name",
                "device-1",
                "--san-dns",
                "device-1.example",
            ],
        );
        assert_eq!(minted.code, 0, "{}", minted.notes);
        let challenge = minted.out.trim_end();
        let verifier = verifier(anchor, "https://scep.example/");
        let now = scep_client::now();
        verifier.check(&csr("device-1.example", challenge), now).unwrap();
        let refused = verifier.check(&csr("other.example", challenge), now).unwrap_err();
        assert_eq!(refused.label(), "claim_mismatch");
    }
}

#[test]
fn a_minted_challenge_ends_with_its_time_to_live() {
    let minted =
        mint("p256-anchor", &["--audience", "a", "--device-name", "device-1", "--ttl", "60"]);
    let (verifier, now) = (verifier("p256-anchor", "a"), scep_client::now());
    let challenge = verifier.parse(minted.out.trim_end()).unwrap();
    let later = UnixTime::from_secs(now.as_secs() + 3600);
    let refused: Error = verifier.verify(challenge, later).unwrap_err();
    assert_eq!(refused.label(), "expired");
}

#[test]
fn the_challenge_as_json() {
    let minted = mint("p256-anchor", &["--device-name", "device-1", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&minted.out).unwrap();
    assert_eq!(json["algorithm"], "ES256");
    assert_eq!(json["challenge"].as_str().unwrap().split('.').count(), 3);
}

#[test]
fn what_cannot_be_minted_ends_with_2() {
    let identity = ["--device-name", "device-1"];
    let no_identity = mint("p256-anchor", &[]);
    assert_eq!(no_identity.code, 2, "{}", no_identity.notes);
    let other_key = mint("p256-anchor", &[&identity[..], &["--alg", "RS256"]].concat());
    assert_eq!(other_key.code, 2, "{}", other_key.notes);
    let unknown = mint("p256-anchor", &[&identity[..], &["--alg", "HS256"]].concat());
    assert_eq!(unknown.code, 2);
    assert!(unknown.error().contains("none of RS256"), "{}", unknown.notes);
}
