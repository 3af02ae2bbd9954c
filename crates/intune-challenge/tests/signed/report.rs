//! What a refusal says to whom, and what is never said.

use std::fmt;

use intune_challenge::signed::{Algorithm, Issuer, UnsignedChallenge};
use intune_challenge::{Claim, Error, Malformed, Misconfigured, Part, PeerFailure, Reason, Secret};
use scep_types::CryptoError;

use crate::support::*;

#[test]
fn each_reason_has_one_label_and_one_fail_info() {
    use PeerFailure::{BadMessageCheck, BadRequest};
    let table = [
        (Reason::SignatureInvalid, "signature_invalid", BadMessageCheck),
        (Reason::ClaimMismatch, "claim_mismatch", BadRequest),
        (Reason::Expired, "expired", BadMessageCheck),
        (Reason::NotYetValid, "not_yet_valid", BadMessageCheck),
        (Reason::WrongAudience, "wrong_audience", BadMessageCheck),
        (Reason::Replay, "replay", BadMessageCheck),
        (Reason::RateLimited, "rate_limited", BadRequest),
        (Reason::UnknownVersion, "unknown_version", BadRequest),
        (Reason::Malformed, "malformed", BadRequest),
        (Reason::ComplianceFailed, "compliance_failed", BadRequest),
    ];
    assert_eq!(table.map(|(reason, ..)| reason), Reason::ALL);
    for (reason, label, failure) in table {
        assert_eq!((reason.label(), reason.failure()), (label, failure));
    }
    assert_eq!((BadMessageCheck.code(), BadRequest.code()), (1, 2));
}

#[test]
fn errors_of_hosts_and_of_set_up_have_their_reason() {
    for (error, reason) in [
        (Error::Replayed, Reason::Replay),
        (Error::RateLimited, Reason::RateLimited),
        (Error::NotCompliant, Reason::ComplianceFailed),
        (Error::Crypto(CryptoError::Unavailable), Reason::SignatureInvalid),
        (Error::Misconfigured(Misconfigured::NoAnchor), Reason::Malformed),
        (Error::Malformed(Malformed::NoIdentity), Reason::Malformed),
    ] {
        assert_eq!((error.reason(), error.label()), (reason, reason.label()));
        assert_eq!(error.failure(), reason.failure());
    }
    let no_csr = intune_challenge::Csr::parse(vec![0x30, 0]).unwrap_err();
    assert_eq!(Error::from(no_csr).label(), "malformed");
}

#[test]
fn each_claim_is_found_by_its_name() {
    for claim in Claim::ALL {
        assert_eq!(Claim::from_name(claim.name()), Some(claim));
        assert_eq!(claim.to_string(), claim.name());
    }
    assert_eq!(Claim::from_name("AUD"), None);
}

#[test]
fn nothing_prints_challenge_or_nonce() {
    let mut claims = claims();
    claims.nonce = Some(Secret::new("s3cr3t-n0nce"));
    let text = mint(&claims);
    let shown = |value: &dyn fmt::Debug, expected: &str| {
        let printed = format!("{value:?}");
        assert!(printed.contains(expected), "{printed}");
        assert!(!printed.contains("s3cr3t"), "{printed}");
        assert!(text.expose().split('.').all(|segment| !printed.contains(segment)), "{printed}");
    };
    let verifier = verifier();
    shown(&claims, DEVICE);
    shown(&text, "Secret");
    shown(&verifier, AUDIENCE);
    let parsed = verifier.parse(text.expose()).unwrap();
    shown(&parsed, "Rs256");
    let verified = verifier.verify(parsed, NOW).unwrap();
    shown(&verified, DEVICE);
    let bound = verified.bind(&csr(&[])).unwrap();
    shown(&bound, DEVICE);
    shown(&bound.authorization(), DEVICE);
    shown(&UnsignedChallenge::new(&claims, Algorithm::Rs256, None).unwrap(), "Rs256");
    shown(
        &Issuer::new(key("p256-anchor"), Algorithm::Es256, Some("kid-1".to_owned())).unwrap(),
        "kid-1",
    );
}

#[test]
fn each_part_of_a_challenge_prints() {
    for (part, text) in [
        (Part::Challenge, "challenge of 9 characters, at most 8 are allowed"),
        (Part::Header, "header of 9 characters, at most 8 are allowed"),
        (Part::Payload, "payload of 9 characters, at most 8 are allowed"),
        (Part::Signature, "signature of 9 characters, at most 8 are allowed"),
    ] {
        assert_eq!(Malformed::TooLong { part, found: 9, limit: 8 }.to_string(), text);
    }
}

#[test]
fn errors_quote_what_came_from_outside() {
    let error = Error::AlgorithmNotAllowed { algorithm: "a\nb\u{1b}[31m".to_owned() };
    assert!(!error.to_string().contains(char::is_control));
    let error = Error::UnknownVersion { version: "v\n9".to_owned() };
    assert!(!error.to_string().contains(char::is_control));
}
