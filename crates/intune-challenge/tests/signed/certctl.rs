//! Challenges minted for certctl, and each leniency by itself.

use intune_challenge::signed::{Compatibility, Leniencies, Leniency};
use intune_challenge::{Claim, Error, Malformed, Mismatch, NameKind};
use scep_types::oid::{COMMON_NAME, ORGANIZATION_NAME};
use scep_types::{Name, NameAssurance};
use serde_json::{Value, json};

use crate::support::*;

fn only(leniency: Leniency) -> Leniencies {
    Leniencies::NONE.with(leniency)
}

/// Every set of leniencies that has, or has not, this one.
fn sets(leniency: Leniency, contained: bool) -> Vec<Leniencies> {
    let subsets = (0_u8..16).map(|bits| {
        let chosen =
            |(at, leniency): (usize, Leniency)| (bits & (1 << at) != 0).then_some(leniency);
        Leniency::ALL.into_iter().enumerate().filter_map(chosen).collect::<Leniencies>()
    });
    subsets.filter(|set| set.contains(leniency) == contained).collect()
}

fn verify_leniently(leniencies: Leniencies, payload: &Value) -> Result<(), Error> {
    verify(&lenient(leniencies), rs256_payload(payload.to_string())).map(|_| ())
}

fn padded(text: &str) -> String {
    let pad = |segment: &str| format!("{segment}{}", &"===="[..(4 - segment.len() % 4) % 4]);
    text.split('.').map(pad).collect::<Vec<_>>().join(".")
}

#[test]
fn a_set_holds_what_was_put_into_it() {
    assert_eq!(Leniencies::default(), Leniencies::NONE);
    assert_eq!(Leniency::ALL.into_iter().collect::<Leniencies>(), Leniencies::ALL);
    for leniency in Leniency::ALL {
        assert!(Leniencies::ALL.contains(leniency));
        assert!(!Leniencies::NONE.contains(leniency));
        for other in Leniency::ALL {
            assert_eq!(only(leniency).contains(other), leniency == other);
            assert_eq!(only(leniency).with(leniency).contains(other), leniency == other);
            assert_eq!(Compatibility::Certctl(only(leniency)).grants(other), leniency == other);
        }
        assert!(!Compatibility::Strict.grants(leniency));
        assert_eq!(Leniency::from_name(leniency.name()), Some(leniency));
    }
    assert_eq!(Leniency::from_name("Padding"), None);
    assert_eq!(Compatibility::default(), Compatibility::Strict);
}

#[test]
fn padded_segments_need_their_leniency() {
    // a header and a payload that both need padding, and the signature covers them with it
    let (header, payload) = (r#"{"alg":"RS256"}  "#, payload().to_string() + " ");
    let payload = if payload.len() % 3 == 0 { payload + " " } else { payload };
    let octets = padded(&format!("{}.{}", b64(header), b64(payload)));
    assert_eq!(octets.matches('=').count() % 4 % 3, octets.matches('=').count());
    assert!(octets.split('.').all(|segment| segment.ends_with('=')));
    let text = padded(&sign("rsa2048-anchor", intune_challenge::signed::Algorithm::Rs256, &octets));
    assert!(text.ends_with("=="));
    for leniencies in sets(Leniency::Padding, true) {
        verify(&lenient(leniencies), &text).unwrap();
        verify(&lenient(leniencies), mint(&claims()).expose()).unwrap();
    }
    for leniencies in sets(Leniency::Padding, false) {
        assert_eq!(verify(&lenient(leniencies), &text).unwrap_err().label(), "malformed");
    }
    // parsed by a lenient verifier, shown to a strict one
    let parsed = lenient(only(Leniency::Padding)).parse(&text).unwrap();
    let refused = verifier().verify(parsed, NOW).unwrap_err();
    assert_eq!(refused, Error::Malformed(Malformed::Padded));
    // padding that was not signed, and padding that is wrong
    let unsigned = padded(mint(&claims()).expose());
    let verifier = lenient(Leniencies::ALL);
    if unsigned.split_once('.').unwrap().0.ends_with('=') {
        assert_eq!(verify(&verifier, &unsigned).unwrap_err().label(), "signature_invalid");
    }
    for wrong in [text.clone() + "=", text.replacen('=', "", 1) + "===", text.replace('=', "\n")] {
        assert_eq!(verify(&verifier, wrong).unwrap_err().label(), "malformed");
    }
}

#[test]
fn every_claim_but_a_time_and_an_identity_may_be_absent_if_claims_are_optional() {
    for claim in [Claim::Nonce, Claim::Subject, Claim::Audience, Claim::IssuedAt, Claim::Expires] {
        let payload = payload_without(claim.name());
        for leniencies in sets(Leniency::OptionalClaims, true) {
            verify_leniently(leniencies, &payload).unwrap();
        }
        for leniencies in sets(Leniency::OptionalClaims, false) {
            assert!(verify_leniently(leniencies, &payload).is_err(), "{claim}");
        }
    }
    let optional = only(Leniency::OptionalClaims);
    for minimal in [
        json!({"device_name": DEVICE, "iat": NOW.as_secs()}),
        json!({"device_name": DEVICE, "exp": NOW.as_secs() + 60}),
        json!({"san_dns": ["a.example"], "exp": NOW.as_secs() + 60}),
    ] {
        verify_leniently(optional, &minimal).unwrap();
    }
}

#[test]
fn an_empty_claim_set_authorises_nothing_even_so() {
    let refusal = |payload: Value| verify_leniently(Leniencies::ALL, &payload).unwrap_err();
    assert_eq!(refusal(json!({})), Malformed::Unlimited.into());
    assert_eq!(refusal(json!({"device_name": DEVICE})), Malformed::Unlimited.into());
    assert_eq!(refusal(json!({"exp": NOW.as_secs() + 60})), Malformed::NoIdentity.into());
    assert_eq!(refusal(json!(null)).label(), "malformed");
}

#[test]
fn null_and_empty_and_times_up_to_zero_count_as_absent_if_claims_are_optional() {
    for claim in [Claim::Version, Claim::Issuer, Claim::Subject, Claim::Audience, Claim::Nonce] {
        for absent in [json!(null), json!("")] {
            let payload = payload_with(claim.name(), absent);
            for leniencies in sets(Leniency::OptionalClaims, true) {
                verify_leniently(leniencies, &payload).unwrap();
            }
            for leniencies in sets(Leniency::OptionalClaims, false) {
                assert!(verify_leniently(leniencies, &payload).is_err(), "{payload}");
            }
        }
    }
    let optional = only(Leniency::OptionalClaims);
    for claim in [
        Claim::SanDns,
        Claim::SanRfc822,
        Claim::SanUpn,
        Claim::SanUri,
        Claim::SanIp,
        Claim::SpkiSha256,
    ] {
        verify_leniently(optional, &payload_with(claim.name(), json!(null))).unwrap();
    }
    let mut nameless = payload_with("san_dns", json!(["a.example"]));
    nameless["device_name"] = json!("");
    verify_leniently(optional, &nameless).unwrap();
    for time in [0, -1, i64::MIN] {
        verify_leniently(optional, &payload_with("iat", time)).unwrap();
        verify_leniently(optional, &payload_with("exp", time)).unwrap();
    }
    assert_eq!(verify_leniently(optional, &payload_with("exp", 1)).unwrap_err().label(), "expired");
}

#[test]
fn types_and_repeated_members_stay_strict() {
    for payload in [
        payload_with("aud", json!(["a"])),
        payload_with("exp", json!("1")),
        payload_with("san_dns", json!([null])),
        payload_with("san_dns", json!([""])),
        payload_with("iat", json!(1.0)),
        payload_with("version", json!(1)),
    ] {
        assert_eq!(verify_leniently(Leniencies::ALL, &payload).unwrap_err().label(), "malformed");
    }
    let twice = payload().to_string().replacen('{', r#"{"aud":null,"#, 1);
    let refused = verify(&lenient(Leniencies::ALL), rs256_payload(twice)).unwrap_err();
    assert_eq!(refused.label(), "malformed");
    for other in ["v999", "V1", "v2"] {
        let refused =
            verify_leniently(Leniencies::ALL, &payload_with("version", other)).unwrap_err();
        assert_eq!(refused, Error::UnknownVersion { version: other.to_owned() });
    }
    let other = payload_with("aud", "https://other.example/");
    assert_eq!(verify_leniently(Leniencies::ALL, &other).unwrap_err().label(), "wrong_audience");
}

#[test]
fn a_time_that_is_absent_is_bounded_by_the_other_and_the_cap() {
    let check = |payload: &Value| {
        let verified = verify(&lenient(Leniencies::ALL), rs256_payload(payload.to_string()))?;
        verified.bind(&csr(&[]))
    };
    let issued = |offset| json!({"device_name": DEVICE, "iat": NOW.as_secs() + offset});
    assert_eq!(check(&issued(-10)).unwrap().expires(), at(CAP - 10 + 60));
    check(&issued(-CAP - 59)).unwrap();
    assert_eq!(check(&issued(-CAP - 60)).unwrap_err().label(), "expired");
    check(&issued(60)).unwrap();
    assert_eq!(check(&issued(61)).unwrap_err().label(), "not_yet_valid");
    let over = |offset| json!({"device_name": DEVICE, "exp": NOW.as_secs() + offset});
    assert_eq!(check(&over(10)).unwrap().expires(), at(10 + 60));
    check(&over(-59)).unwrap();
    assert_eq!(check(&over(-60)).unwrap_err().label(), "expired");
    check(&over(CAP + 60)).unwrap();
    assert_eq!(check(&over(CAP + 61)).unwrap_err().label(), "expired");
    assert_eq!(
        check(&json!({"device_name": DEVICE, "exp": i64::MAX})).unwrap_err().label(),
        "expired"
    );
}

#[test]
fn without_a_nonce_the_signed_octets_are_the_replay_key() {
    let check = |header: &str, payload: &Value| {
        let verified =
            verify(&lenient(Leniencies::ALL), rs256(header, payload.to_string())).unwrap();
        verified.bind(&csr(&[])).unwrap()
    };
    let (header, without) = (r#"{"alg":"RS256"}"#, payload_without("nonce"));
    let first = check(header, &without);
    assert_eq!(check(header, &without).replay_key(), first.replay_key());
    let mut other = without.clone();
    other["iat"] = json!(NOW.as_secs() - 59);
    assert_ne!(check(header, &other).replay_key(), first.replay_key());
    assert_ne!(check(r#"{"alg":"RS256","kid":"k"}"#, &without).replay_key(), first.replay_key());
    // with one, whatever else the challenge says
    let with = check(header, &payload());
    assert_eq!(check(r#"{"alg":"RS256","kid":"k"}"#, &payload()).replay_key(), with.replay_key());
    assert_ne!(with.replay_key(), first.replay_key());
}

#[test]
fn without_a_subject_there_is_no_device() {
    let device = |payload: &Value| {
        let verified =
            verify(&lenient(Leniencies::ALL), rs256_payload(payload.to_string())).unwrap();
        verified.bind(&csr(&[])).unwrap().device()
    };
    assert_eq!(device(&payload_without("sub")), None);
    assert!(device(&payload()).is_some());
}

#[test]
fn unlisted_names_may_be_anything_if_they_are_unconstrained() {
    let names =
        [dns("x.example"), mail("x@example"), upn("x@example"), uri("tag:x"), ip("192.0.2.9")];
    for leniencies in sets(Leniency::UnlistedNames, true) {
        let verified = verify(&lenient(leniencies), rs256_payload(payload().to_string())).unwrap();
        let bound = verified.bind(&csr(&names)).unwrap();
        assert_eq!(bound.authorization().names(), NameAssurance::SelfAsserted);
    }
    for leniencies in sets(Leniency::UnlistedNames, false) {
        let verified = verify(&lenient(leniencies), rs256_payload(payload().to_string())).unwrap();
        assert_eq!(verified.bind(&csr(&names)).unwrap_err().label(), "claim_mismatch");
    }
}

#[test]
fn listed_names_stay_constrained() {
    let verifier = lenient(Leniencies::ALL);
    let check = |payload: &Value, csr: &intune_challenge::Csr| {
        verify(&verifier, rs256_payload(payload.to_string())).unwrap().bind(csr)
    };
    let listed = payload_with("san_dns", json!(["a.example", "b.example"]));
    let (a, b, x) = (dns("a.example"), dns("b.example"), dns("x.example"));
    let vouched = check(&listed, &csr(&[b.clone(), a.clone()])).unwrap();
    assert_eq!(vouched.authorization().names(), NameAssurance::Vouched);
    let with_more = check(&listed, &csr(&[a.clone(), mail("x@example"), b.clone()])).unwrap();
    assert_eq!(with_more.authorization().names(), NameAssurance::SelfAsserted);
    let unclaimed = check(&listed, &csr(&[a.clone(), b, x])).unwrap_err();
    assert!(matches!(unclaimed, Error::Mismatch(Mismatch::Unclaimed { kind: NameKind::Dns, .. })));
    let unrequested = check(&listed, &csr(&[a])).unwrap_err();
    assert!(matches!(
        unrequested,
        Error::Mismatch(Mismatch::Unrequested { kind: NameKind::Dns, .. })
    ));

    let other = csr_of(&Name::build(&[(COMMON_NAME, "other")]), &[]);
    assert_eq!(check(&payload(), &other).unwrap_err().label(), "claim_mismatch");
    let none = csr_of(&Name::build(&[(ORGANIZATION_NAME, "x")]), &[]);
    assert_eq!(check(&payload(), &none).unwrap_err().label(), "claim_mismatch");
}

#[test]
fn a_common_name_that_no_claim_names_may_be_anything_if_unlisted_names_are_unconstrained() {
    let mut claims = claims();
    claims.device_name = None;
    claims.san_dns = vec!["a.example".to_owned()];
    let csr = csr(&[dns("a.example")]);
    let verified = |leniencies| verify(&lenient(leniencies), mint(&claims).expose()).unwrap();
    let bound = verified(only(Leniency::UnlistedNames)).bind(&csr).unwrap();
    assert_eq!(bound.authorization().names(), NameAssurance::SelfAsserted);
    assert!(verified(only(Leniency::OptionalClaims)).bind(&csr).is_err());
}

#[test]
fn a_user_principal_name_matches_where_certctl_sees_none() {
    let payload = payload_with("san_upn", json!(["Ada@corp.example"]));
    let check = |names: &[scep_types::GeneralNameValue]| {
        let verified =
            verify(&lenient(Leniencies::ALL), rs256_payload(payload.to_string())).unwrap();
        verified.bind(&csr(names))
    };
    check(&[upn("ada@corp.example")]).unwrap();
    assert!(check(&[]).is_err());
    assert!(check(&[mail("ada@corp.example")]).is_err());
}

#[test]
fn kinds_that_cannot_be_compared_are_refused_even_so() {
    let directory = scep_types::asn1::DerWriter::encode(|der| {
        der.constructed(scep_types::asn1::Tag::context(4), |der| {
            der.raw(Name::build(&[(COMMON_NAME, DEVICE)]).der());
        });
    });
    let csr = raw_csr(Name::build(&[(COMMON_NAME, DEVICE)]).der(), &[&directory], None);
    let verified = verify(&lenient(Leniencies::ALL), mint(&claims()).expose()).unwrap();
    assert!(matches!(verified.bind(&csr), Err(Error::Mismatch(Mismatch::Incomparable(_)))));
}
