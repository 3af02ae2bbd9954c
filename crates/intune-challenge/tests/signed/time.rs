//! The exact inequalities of time.

use std::time::Duration;

use intune_challenge::Error;
use intune_challenge::signed::{Claims, VerifierConfig};
use serde_json::json;

use crate::support::*;

/// The refusal of a challenge issued and over at these offsets from now; `None` if it is taken.
fn refusal_of(config: &VerifierConfig, issued: i64, expires: i64) -> Option<Error> {
    let mut claims = claims();
    (claims.issued_at, claims.expires) = (Some(at(issued)), Some(at(expires)));
    refusal(config, &claims)
}

fn refusal(config: &VerifierConfig, claims: &Claims) -> Option<Error> {
    verify(&build(config.clone()), mint(claims).expose()).err()
}

fn with_tolerance(seconds: u64) -> VerifierConfig {
    let mut config = config(&["rsa2048-anchor"]);
    config.tolerance = Duration::from_secs(seconds);
    config
}

fn label(error: Option<Error>) -> &'static str {
    error.map_or("taken", |error| error.label())
}

#[test]
fn a_challenge_is_over_when_exp_and_the_tolerance_are() {
    for (tolerance, expires, expected) in [
        (0, 1, "taken"),
        (0, 0, "expired"),
        (0, -60, "expired"),
        (60, -30, "taken"),
        (60, -59, "taken"),
        (60, -60, "expired"),
        (60, -61, "expired"),
    ] {
        let refused = refusal_of(&with_tolerance(tolerance), -100, expires);
        if let Some(Error::Expired { expired, now, tolerance: said }) = &refused {
            assert_eq!((*expired, *now, said.as_secs()), (at(expires), NOW, tolerance));
        }
        assert_eq!(label(refused), expected, "{tolerance} {expires}");
    }
}

#[test]
fn a_challenge_is_not_taken_before_its_issuance_less_the_tolerance() {
    for (tolerance, issued, expected) in [
        (0, 0, "taken"),
        (0, 1, "not_yet_valid"),
        (0, 300, "not_yet_valid"),
        (60, 30, "taken"),
        (60, 60, "taken"),
        (60, 61, "not_yet_valid"),
        (60, 90, "not_yet_valid"),
    ] {
        let refused = refusal_of(&with_tolerance(tolerance), issued, 1_000);
        if let Some(error @ Error::NotYetValid { issued_at, .. }) = &refused {
            assert_eq!(*issued_at, at(issued));
            assert!(error.to_string().contains(&format!("tolerance={tolerance}s")), "{error}");
        }
        assert_eq!(label(refused), expected, "{tolerance} {issued}");
    }
}

#[test]
fn issuance_is_looked_at_before_expiry() {
    assert_eq!(label(refusal_of(&with_tolerance(0), 10, -10)), "not_yet_valid");
    assert_eq!(label(refusal_of(&with_tolerance(0), -10, -20)), "expired");
}

#[test]
fn a_challenge_lives_no_longer_than_the_cap() {
    let mut config = with_tolerance(60);
    assert_eq!(config.lifetime_cap, Duration::from_secs(3_600));
    for (issued, expires, expected) in [
        (0, CAP, "taken"),
        (0, CAP + 1, "expired"),
        (-60, CAP - 60, "taken"),
        (-60, CAP - 59, "expired"),
        (-CAP, 1, "expired"),
        (-CAP, 0, "taken"),        // within the tolerance
        (-CAP - 59, -59, "taken"), // as old as it can get
        (-CAP - 60, -60, "expired"),
        (60, CAP + 60, "taken"),
    ] {
        assert_eq!(label(refusal_of(&config, issued, expires)), expected, "{issued} {expires}");
    }
    let too_long = Error::LifetimeTooLong { expires: at(CAP + 1), cap: config.lifetime_cap };
    assert_eq!(refusal_of(&config, 0, CAP + 1), Some(too_long));
    config.lifetime_cap = Duration::from_secs(86_400);
    assert_eq!(refusal_of(&config, 0, CAP + 1), None);
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    for tolerance in [0, 60] {
        let config = with_tolerance(tolerance);
        for (issued, expires, expected) in [
            (NOW.as_secs(), i64::MAX, "expired"),
            (i64::MAX, i64::MAX, "not_yet_valid"),
            (i64::MIN, i64::MAX, "expired"),
            (i64::MIN, NOW.as_secs() + 1, "expired"),
            (i64::MIN, i64::MIN, "expired"),
            (i64::MAX, i64::MIN, "not_yet_valid"),
            (0, 0, "expired"),
            (-1, -1, "expired"),
        ] {
            let mut payload = payload_with("iat", issued);
            payload["exp"] = json!(expires);
            let refused = verify(&build(config.clone()), rs256_payload(payload.to_string())).err();
            assert_eq!(label(refused), expected, "{issued} {expires}");
        }
    }
    let verifier = build(with_tolerance(60));
    for now in [i64::MIN, i64::MAX] {
        let challenge = verifier.parse(mint(&claims()).expose()).unwrap();
        assert!(verifier.verify(challenge, intune_challenge::UnixTime::from_secs(now)).is_err());
    }
}

#[test]
fn a_store_remembers_until_the_challenge_is_refused_as_expired() {
    for tolerance in [0, 1, 60] {
        let verifier = build(with_tolerance(tolerance));
        let text = mint(&claims());
        let check = |now| verifier.verify(verifier.parse(text.expose())?, now)?.bind(&csr(&[]));
        let expires = check(NOW).unwrap().expires();
        let tolerance = i64::try_from(tolerance).unwrap();
        assert_eq!(expires, at(CAP - 60 + tolerance));
        let last = intune_challenge::UnixTime::from_secs(expires.as_secs() - 1);
        check(last).unwrap();
        assert_eq!(check(expires).unwrap_err().label(), "expired");
    }
}
