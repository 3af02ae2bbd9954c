//! Laws that hold for all challenges and CSRs.

use std::net::IpAddr;

use intune_challenge::signed::{Algorithm, Claims, SignedChallenge};
use intune_challenge::{Csr, Error, Secret};
use proptest::prelude::*;
use proptest::sample::Index;
use scep_types::oid::COMMON_NAME;
use scep_types::{GeneralNameValue, Name};

use crate::support::*;

fn label() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?"
}

fn domain() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 1..4).prop_map(|labels| labels.join("."))
}

fn address() -> impl Strategy<Value = String> {
    ("[a-z0-9._+-]{1,12}", domain()).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

fn principal() -> impl Strategy<Value = String> {
    ("[a-z\u{e0}-\u{f6}\u{3b1}-\u{3c1}\u{430}-\u{44f}]{1,12}", domain())
        .prop_map(|(local, domain)| format!("{local}@{domain}"))
}

fn name() -> impl Strategy<Value = GeneralNameValue> {
    prop_oneof![
        domain().prop_map(GeneralNameValue::Dns),
        address().prop_map(GeneralNameValue::Rfc822),
        principal().prop_map(GeneralNameValue::Upn),
        "[!-~]{1,30}".prop_map(GeneralNameValue::Uri),
        any::<IpAddr>().prop_map(GeneralNameValue::Ip),
    ]
}

fn names() -> impl Strategy<Value = Vec<GeneralNameValue>> {
    prop::collection::vec(name(), 0..8)
}

/// A text without control characters that is not blank.
fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}[^\\pC\\pZ]"
}

fn claims_for(device: &str, names: &[GeneralNameValue]) -> Claims {
    let mut claims = claims();
    claims.device_name = Some(device.to_owned());
    for name in names {
        match name.clone() {
            GeneralNameValue::Dns(name) => claims.san_dns.push(name),
            GeneralNameValue::Rfc822(name) => claims.san_rfc822.push(name),
            GeneralNameValue::Upn(name) => claims.san_upn.push(name),
            GeneralNameValue::Uri(name) => claims.san_uri.push(name),
            GeneralNameValue::Ip(address) => claims.san_ip.push(address),
            other => panic!("{other:?}"),
        }
    }
    claims
}

fn csr_for(device: &str, names: &[GeneralNameValue]) -> Csr {
    csr_of(&Name::build(&[(COMMON_NAME, device)]), names)
}

fn es256(claims: &Claims) -> Secret {
    issuer("p256-anchor", Algorithm::Es256).mint(claims).unwrap()
}

fn es256_binds(claims: &Claims, csr: &Csr) -> Result<(), Error> {
    verify(&verifier(), es256(claims).expose()).unwrap().bind(csr).map(|_| ())
}

/// The same name written in another way.
fn respell(name: GeneralNameValue, loud: bool) -> GeneralNameValue {
    match name {
        GeneralNameValue::Dns(name) if loud => GeneralNameValue::Dns(name.to_uppercase() + "."),
        GeneralNameValue::Rfc822(name) if loud => GeneralNameValue::Rfc822(name.to_uppercase()),
        GeneralNameValue::Upn(name) if loud => {
            // letters without an upper-case form of one letter stay
            let upper = name.chars().map(|letter| {
                let mut upper = letter.to_uppercase();
                let single = upper.next().filter(|_| upper.next().is_none());
                single.filter(|upper| upper.to_lowercase().eq([letter])).unwrap_or(letter)
            });
            GeneralNameValue::Upn(upper.collect())
        }
        same => same,
    }
}

/// Another name of the same kind.
fn alter(name: &GeneralNameValue) -> GeneralNameValue {
    match name {
        GeneralNameValue::Dns(name) => GeneralNameValue::Dns(format!("x{name}")),
        GeneralNameValue::Rfc822(name) => GeneralNameValue::Rfc822(format!("{name}x")),
        GeneralNameValue::Upn(name) => GeneralNameValue::Upn(format!("x{name}")),
        GeneralNameValue::Uri(name) => GeneralNameValue::Uri(format!("{name}/")),
        GeneralNameValue::Ip(IpAddr::V4(v4)) => {
            GeneralNameValue::Ip(IpAddr::V6(v4.to_ipv6_mapped()))
        }
        GeneralNameValue::Ip(IpAddr::V6(v6)) => {
            GeneralNameValue::Ip(IpAddr::from((u128::from(*v6) ^ 1).to_be_bytes()))
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_minted_verifies_and_binds_to_its_csr(
        device in text(),
        subject in text(),
        issuer_name in prop::option::of(text()),
        nonce in text(),
        names in names(),
        age in -60_i64..60,
        lifetime in 121..=CAP,
    ) {
        let mut claims = claims_for(&device, &names);
        claims.subject = Some(subject);
        claims.issuer = issuer_name;
        claims.nonce = Some(Secret::new(nonce));
        (claims.issued_at, claims.expires) = (Some(at(-age)), Some(at(-age + lifetime)));
        let verified = verify(&verifier(), es256(&claims).expose()).unwrap();
        prop_assert_eq!(verified.claims(), &claims);
        let csr = csr_for(&device, &names);
        let bound = verified.bind(&csr).unwrap();
        prop_assert!(bound.authorization().covers(&csr));
        prop_assert_eq!(bound.expires(), at(-age + lifetime + 60));
    }

    #[test]
    fn order_repetition_and_spelling_of_names_do_not_matter(
        names in names(),
        more in prop::collection::vec((any::<Index>(), any::<bool>()), 0..8),
        loud in prop::collection::vec(any::<bool>(), 8),
        seed in any::<u64>(),
        claims_repeat in any::<bool>(),
    ) {
        let mut asked: Vec<_> = names.iter().cloned().zip(loud).map(|(name, loud)| respell(name, loud)).collect();
        if !names.is_empty() {
            asked.extend(more.iter().map(|(at, loud)| respell(at.get(&names).clone(), *loud)));
        }
        let order = |at: usize| (at as u64 + 1).wrapping_mul(seed | 1);
        let mut order: Vec<_> = (0..asked.len()).map(order).zip(asked).collect();
        order.sort_by_key(|(key, _)| *key);
        let asked: Vec<_> = order.into_iter().map(|(_, name)| name).collect();
        let claimed = if claims_repeat { [&names[..], &names[..]].concat() } else { names };
        prop_assert_eq!(es256_binds(&claims_for(DEVICE, &claimed), &csr_for(DEVICE, &asked)), Ok(()));
    }

    #[test]
    fn one_name_more_or_less_or_other_is_refused(
        names in prop::collection::vec(name(), 1..8),
        extra in name(),
        at in any::<Index>(),
        place in any::<Index>(),
    ) {
        let claims = claims_for(DEVICE, &names);
        let refused = |asked: &[GeneralNameValue]| {
            matches!(es256_binds(&claims, &csr_for(DEVICE, asked)), Err(Error::Mismatch(_)))
        };
        if !names.contains(&extra) {
            let mut asked = names.clone();
            asked.insert(place.index(names.len() + 1), extra);
            prop_assert!(refused(&asked));
        }
        let chosen = at.get(&names).clone();
        let rest: Vec<_> = names.iter().filter(|name| **name != chosen).cloned().collect();
        prop_assert!(refused(&rest));
        let altered: Vec<_> =
            names.iter().map(|name| if *name == chosen { alter(name) } else { name.clone() }).collect();
        prop_assert!(refused(&altered));
    }

    #[test]
    fn another_common_name_is_refused(device in text(), other in text()) {
        prop_assume!(device != other);
        let refused = es256_binds(&claims_for(&device, &[]), &csr_for(&other, &[]));
        prop_assert!(matches!(refused, Err(Error::Mismatch(_))));
    }

    #[test]
    fn any_octets_at_all_parse_or_are_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = SignedChallenge::parse(&octets);
        let text = format!("{}.{}.{}", b64(br#"{"alg":"RS256"}"#), b64(&octets), b64("x"));
        prop_assert!(verify(&verifier(), text).is_err());
        let header = format!("{}.{}.{}", b64(&octets), b64("{}"), b64("x"));
        prop_assert!(verify(&verifier(), header).is_err());
    }

    #[test]
    fn any_signed_payload_is_verified_or_refused(payload in "[\\[\\]{}:,\" \\\\a-z0-9.eEu+-]{0,60}") {
        prop_assert!(verify(&verifier(), rs256_payload(payload)).is_err());
    }
}

#[test]
fn any_change_of_any_one_octet_is_refused() {
    let verifier = verifier();
    let good = es256(&claims_for(DEVICE, &[dns("a.example")]));
    verify(&verifier, good.expose()).unwrap();
    for at in 0..good.expose().len() {
        let octet = good.expose().as_bytes()[at];
        // one case, one bit, a dot, padding, white space, another alphabet, no text
        for other in [octet ^ 0x20, octet ^ 1, b'.', b'=', b'\n', b'+', b'A', b'_', 0xFF] {
            let mut changed = good.expose().as_bytes().to_vec();
            changed[at] = other;
            assert_eq!(verify(&verifier, &changed).is_ok(), other == octet, "{at} {other}");
        }
        let mut shorter = good.expose().as_bytes().to_vec();
        shorter.remove(at);
        assert!(verify(&verifier, &shorter).is_err());
        assert!(verify(&verifier, &good.expose().as_bytes()[..at]).is_err());
    }
}
