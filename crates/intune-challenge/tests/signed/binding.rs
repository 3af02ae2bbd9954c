//! Claims against the CSR. Strictly, where nothing else is said.

use intune_challenge::signed::Claims;
use intune_challenge::{Claim, Error, Mismatch, NameKind};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{COMMON_NAME, ORGANIZATIONAL_UNIT_NAME, Oid};
use scep_types::{Basis, DigestAlgorithm, GeneralName, GeneralNameValue, Name, NameAssurance};

use crate::support::*;

/// Claims that list one name of each kind, and a CSR that asks for the same.
fn one_of_each() -> (Claims, Vec<GeneralNameValue>) {
    let mut claims = claims();
    claims.san_dns = texts(&["host.example"]);
    claims.san_rfc822 = texts(&["ada@example.com"]);
    claims.san_upn = texts(&["ada@corp.example"]);
    claims.san_uri = texts(&["tag:example,2027:device"]);
    claims.san_ip = vec!["192.0.2.7".parse().unwrap()];
    let names = vec![
        dns("host.example"),
        mail("ada@example.com"),
        upn("ada@corp.example"),
        uri("tag:example,2027:device"),
        ip("192.0.2.7"),
    ];
    (claims, names)
}

fn clear(claims: &mut Claims, kind: NameKind) {
    match kind {
        NameKind::Dns => claims.san_dns.clear(),
        NameKind::Rfc822 => claims.san_rfc822.clear(),
        NameKind::Upn => claims.san_upn.clear(),
        NameKind::Uri => claims.san_uri.clear(),
        _ => claims.san_ip.clear(),
    }
}

const KINDS: [NameKind; 5] =
    [NameKind::Dns, NameKind::Rfc822, NameKind::Upn, NameKind::Uri, NameKind::Ip];

#[test]
fn a_csr_with_exactly_the_claimed_names_binds() {
    let (claims, mut names) = one_of_each();
    assert_eq!(bind(&claims, &csr(&names)).unwrap().claims(), &claims);
    names.reverse();
    bind(&claims, &csr(&names)).unwrap();
}

#[test]
fn names_alone_are_matched_as_strictly_as_those_of_a_challenge() {
    let (claims, names) = one_of_each();
    assert_eq!(claims.match_names(&csr(&names)), Ok(()));
    let fewer = csr(&names[1..]);
    assert_eq!(claims.match_names(&fewer), Err(mismatch(&claims, &fewer)));
    let nothing = Claims::default().match_names(&csr(&[]));
    assert!(matches!(nothing, Err(Mismatch::CommonName { claimed: None, .. })), "{nothing:?}");
}

#[test]
fn a_name_that_is_not_claimed_is_refused_in_every_kind() {
    let more = [
        dns("x.example"),
        mail("eve@example.com"),
        upn("eve@corp.example"),
        uri("tag:x"),
        ip("192.0.2.8"),
    ];
    let (claims, names) = one_of_each();
    for (kind, name) in KINDS.into_iter().zip(more) {
        for at in [0, names.len()] {
            let mut names = names.clone();
            names.insert(at, name.clone());
            let requested = GeneralName::new(name.clone()).unwrap();
            assert_eq!(mismatch(&claims, &csr(&names)), Mismatch::Unclaimed { kind, requested });
        }
    }
}

#[test]
fn a_claimed_name_that_is_not_requested_is_refused_in_every_kind() {
    let (claims, names) = one_of_each();
    let said = [
        "host.example",
        "ada@example.com",
        "ada@corp.example",
        "tag:example,2027:device",
        "192.0.2.7",
    ];
    for (at, (kind, claimed)) in KINDS.into_iter().zip(said).enumerate() {
        let mut names = names.clone();
        names.remove(at);
        let claimed = claimed.to_owned();
        assert_eq!(mismatch(&claims, &csr(&names)), Mismatch::Unrequested { kind, claimed });
    }
    let first = Mismatch::Unrequested { kind: NameKind::Dns, claimed: "host.example".to_owned() };
    assert_eq!(mismatch(&claims, &csr(&[])), first);
}

#[test]
fn a_kind_that_the_claims_do_not_list_must_be_absent() {
    let (claims, names) = one_of_each();
    for (kind, name) in KINDS.into_iter().zip(&names) {
        let mut fewer = claims.clone();
        clear(&mut fewer, kind);
        let requested = GeneralName::new(name.clone()).unwrap();
        assert_eq!(mismatch(&fewer, &csr(&names)), Mismatch::Unclaimed { kind, requested });
        let rest: Vec<_> = names.iter().filter(|other| *other != name).cloned().collect();
        bind(&fewer, &csr(&rest)).unwrap();
    }
}

#[test]
fn a_name_of_another_kind_with_the_same_text_does_not_count() {
    // the type confusion by which other systems turn a URI or a mail address into a dNSName
    let mut claims = claims();
    claims.san_dns = texts(&["host.example"]);
    for name in [mail("host.example"), uri("host.example"), upn("host.example")] {
        assert!(matches!(
            mismatch(&claims, &csr(std::slice::from_ref(&name))),
            Mismatch::Unclaimed { .. }
        ));
        let both = csr(&[dns("host.example"), name]);
        assert!(matches!(mismatch(&claims, &both), Mismatch::Unclaimed { .. }));
    }
    claims.san_dns = texts(&["192.0.2.7"]);
    assert!(matches!(
        mismatch(&claims, &csr(&[ip("192.0.2.7")])),
        Mismatch::Unclaimed { kind: NameKind::Ip, .. }
    ));
    claims.san_dns.clear();
    claims.san_rfc822 = texts(&["ada@example.com"]);
    for name in [uri("mailto:ada@example.com"), upn("ada@example.com"), dns("ada@example.com")] {
        assert!(matches!(mismatch(&claims, &csr(&[name])), Mismatch::Unclaimed { .. }));
    }
}

#[test]
fn lists_are_sets() {
    let mut claims = claims();
    claims.san_dns = texts(&["a.example", "b.example", "A.EXAMPLE"]);
    bind(&claims, &csr(&[dns("b.example"), dns("a.example"), dns("b.example")])).unwrap();
    let one = Mismatch::Unrequested { kind: NameKind::Dns, claimed: "b.example".to_owned() };
    assert_eq!(mismatch(&claims, &csr(&[dns("a.example"), dns("a.example")])), one);
}

/// Whether one claimed and one requested name of a kind are the same.
fn same(kind: NameKind, claimed: &str, requested: &str) -> bool {
    let mut claims = claims();
    let (list, name) = match kind {
        NameKind::Dns => (&mut claims.san_dns, dns(requested)),
        NameKind::Rfc822 => (&mut claims.san_rfc822, mail(requested)),
        NameKind::Upn => (&mut claims.san_upn, upn(requested)),
        NameKind::Uri => (&mut claims.san_uri, uri(requested)),
        _ => {
            claims.san_ip = vec![claimed.parse().unwrap()];
            return bind(&claims, &csr(&[ip(requested)])).is_ok();
        }
    };
    list.push(claimed.to_owned());
    match bind(&claims, &csr(&[name])) {
        Ok(_) => true,
        Err(Error::Mismatch(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn dns_names_are_the_same_but_for_case_and_one_trailing_dot() {
    for (claimed, requested) in [
        ("a.example", "A.Example"),
        ("a.example.", "a.example"),
        ("a.example", "a.example."),
        ("A.EXAMPLE.", "a.example."),
        ("xn--bcher-kva.example", "XN--BCHER-KVA.example"),
        ("*.example", "*.example"),
        ("_sip.a.example", "_SIP.a.example"),
    ] {
        assert!(same(NameKind::Dns, claimed, requested), "{claimed} {requested}");
    }
    for (claimed, requested) in [
        ("a.example", "b.example"),
        ("a.example", "a.example.."),
        ("a.example", ".a.example"),
        ("a.example", " a.example"),
        ("a.example", "a.example "),
        ("a.example", "a.example\0.evil"),
        ("a.example", "xa.example"),
        ("*.example", "a.example"),
        ("a.example", "*.example"),
        ("a.example", ""),
        ("a.example", "."),
    ] {
        assert!(!same(NameKind::Dns, claimed, requested), "{claimed} {requested}");
    }
}

#[test]
fn mail_addresses_are_the_same_but_for_case() {
    assert!(same(NameKind::Rfc822, "Ada@Example.com", "ada@eXAMPLE.COM"));
    for requested in
        ["ada@example.com.", "ada@example.co", "<ada@example.com>", "ada+x@example.com", ""]
    {
        assert!(!same(NameKind::Rfc822, "ada@example.com", requested), "{requested}");
    }
}

#[test]
fn user_principal_names_are_the_same_but_for_case() {
    for (claimed, requested) in [
        ("Ada@corp.example", "aDA@CORP.example"),
        ("J\u{dc}RGEN@corp.example", "j\u{fc}rgen@corp.example"),
        ("\u{394}@corp.example", "\u{3b4}@corp.example"),
    ] {
        assert!(same(NameKind::Upn, claimed, requested), "{claimed} {requested}");
        assert!(same(NameKind::Upn, requested, claimed), "{claimed} {requested}");
    }
}

#[test]
fn letters_that_only_look_alike_stay_apart_in_user_principal_names() {
    for (claimed, requested) in [
        ("k@corp.example", "\u{212a}@corp.example"), // KELVIN SIGN
        ("K@corp.example", "\u{212a}@corp.example"),
        ("\u{e5}@corp.example", "\u{212b}@corp.example"), // ANGSTROM SIGN
        ("s@corp.example", "\u{17f}@corp.example"),       // LATIN SMALL LETTER LONG S
        ("i@corp.example", "\u{130}@corp.example"),       // CAPITAL I WITH DOT ABOVE
        ("i@corp.example", "\u{131}@corp.example"),       // DOTLESS I
        ("ss@corp.example", "\u{df}@corp.example"),
        ("\u{df}@corp.example", "\u{1e9e}@corp.example"),
        ("a@corp.example", "\u{430}@corp.example"), // CYRILLIC A
        ("jurgen@corp.example", "j\u{fc}rgen@corp.example"),
        ("ada@corp.example", "ada@corp.example "),
        ("\u{fc}@corp.example", "\u{fc}@corp.example2"),
        ("\u{fc}@corp.example2", "\u{fc}@corp.example"),
    ] {
        assert!(!same(NameKind::Upn, claimed, requested), "{claimed} {requested}");
        assert!(!same(NameKind::Upn, requested, claimed), "{claimed} {requested}");
    }
}

#[test]
fn uris_and_addresses_are_compared_exactly() {
    assert!(same(NameKind::Uri, "https://a.example/B", "https://a.example/B"));
    for requested in [
        "https://a.example/b",
        "HTTPS://a.example/B",
        "https://a.example/B/",
        "https://a.example/%42",
    ] {
        assert!(!same(NameKind::Uri, "https://a.example/B", requested), "{requested}");
    }
    assert!(same(NameKind::Ip, "2001:DB8:0:0::7", "2001:db8::7"));
    assert!(!same(NameKind::Ip, "192.0.2.7", "192.0.2.8"));
    assert!(!same(NameKind::Ip, "192.0.2.7", "::ffff:192.0.2.7"));
    assert!(!same(NameKind::Ip, "::ffff:192.0.2.7", "192.0.2.7"));
}

/// subjectAltNames of kinds that no claim can name.
fn incomparable() -> Vec<(&'static str, Vec<u8>)> {
    let other = |oid: &Oid, text: &str| {
        DerWriter::encode(|der| {
            der.constructed(Tag::context(0), |der| {
                der.oid(oid);
                der.constructed(Tag::context(0), |der| {
                    der.primitive(Tag::UTF8_STRING, text.as_bytes());
                });
            });
        })
    };
    let directory = Name::build(&[(COMMON_NAME, DEVICE)]);
    vec![
        ("otherName", other(&Oid::new("1.3.6.1.5.5.7.8.5"), "ada@example.com")),
        ("x400Address", DerWriter::encode(|der| der.constructed(Tag::context(3), |_| ()))),
        (
            "directoryName",
            DerWriter::encode(|der| {
                der.constructed(Tag::context(4), |der| der.raw(directory.der()));
            }),
        ),
        ("ediPartyName", DerWriter::encode(|der| der.constructed(Tag::context(5), |_| ()))),
        (
            "registeredID",
            DerWriter::encode(|der| der.primitive(Tag::context(8), Oid::new("1.2.3").content())),
        ),
        ("[9]", DerWriter::encode(|der| der.primitive(Tag::context(9), b"x"))),
        ("[30]", DerWriter::encode(|der| der.primitive(Tag::context(30), b"x"))),
    ]
}

#[test]
fn kinds_that_cannot_be_compared_are_refused() {
    let (claims, names) = one_of_each();
    let subject = Name::build(&[(COMMON_NAME, DEVICE)]);
    let good: Vec<_> = names.into_iter().map(|name| GeneralName::new(name).unwrap()).collect();
    for (what, odd) in incomparable() {
        let mut der: Vec<_> = good.iter().map(GeneralName::der).collect();
        der.push(&odd);
        let mismatch = mismatch(&claims, &raw_csr(subject.der(), &der, None));
        assert!(matches!(&mismatch, Mismatch::Incomparable(name) if name.der() == odd), "{what}");
    }
}

#[test]
fn a_high_tag_number_in_the_alt_names_makes_no_csr() {
    let high = [0xBF, 0x82, 0x02, 1, b'x']; // [258]
    let subject = Name::build(&[(COMMON_NAME, DEVICE)]);
    assert!(intune_challenge::Csr::parse(raw_csr_der(subject.der(), &[&high], None)).is_err());
}

#[test]
fn the_key_digest_is_of_the_whole_subject_public_key_info() {
    let csr = csr(&[]);
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, csr.spki()).unwrap();
    let mut claims = claims();
    claims.spki_sha256 = Some(digest.as_ref().try_into().unwrap());
    bind(&claims, &csr).unwrap();
    claims.spki_sha256 = claims.spki_sha256.map(|mut digest| {
        digest[31] ^= 1;
        digest
    });
    assert_eq!(mismatch(&claims, &csr), Mismatch::Key);
}

#[test]
fn names_are_vouched_for_if_claims_named_them() {
    let (all, names) = one_of_each();
    let bound = bind(&all, &csr(&names)).unwrap();
    let authorization = bound.authorization();
    assert!(authorization.covers(&csr(&names)));
    assert!(!authorization.covers(&csr(&[])));
    assert_eq!(authorization.names(), NameAssurance::Vouched);
    let hex: String = bound.replay_key().iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(authorization.basis(), &Basis::SignedChallenge(hex));

    // the key alone says nothing about names
    let bare = csr_of(&Name::build(&[(ORGANIZATIONAL_UNIT_NAME, "x")]), &[]);
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, bare.spki()).unwrap();
    let mut key_only = claims();
    key_only.device_name = None;
    key_only.spki_sha256 = Some(digest.as_ref().try_into().unwrap());
    let bound = bind(&key_only, &bare).unwrap();
    assert_eq!(bound.authorization().names(), NameAssurance::SelfAsserted);
}

#[test]
fn replay_key_and_device_tell_issuer_from_what_follows() {
    let facts = |issuer: Option<&str>, subject: &str, nonce: &str| {
        let mut claims = claims();
        claims.issuer = issuer.map(str::to_owned);
        claims.subject = Some(subject.to_owned());
        claims.nonce = Some(intune_challenge::Secret::new(nonce));
        let bound = bind(&claims, &csr(&[])).unwrap();
        (bound.replay_key(), bound.device().unwrap())
    };
    let (replay, device) = facts(Some("a"), "s", "n");
    assert_eq!(facts(Some("a"), "s", "n"), (replay, device));
    assert_eq!(facts(Some("a"), "other", "n").0, replay);
    assert_ne!(facts(Some("a"), "other", "n").1, device);
    assert_eq!(facts(Some("a"), "s", "other").1, device);
    assert_ne!(facts(Some("a"), "s", "other").0, replay);
    for issuer in [None, Some("b"), Some("A")] {
        assert_ne!(facts(issuer, "s", "n").0, replay);
        assert_ne!(facts(issuer, "s", "n").1, device);
    }
    // where one ends and the other starts matters, whatever stands between them
    assert_ne!(facts(Some("a|b"), "c", "c"), facts(Some("a"), "b|c", "b|c"));
    assert_ne!(facts(Some("ab"), "c", "c").0, facts(Some("a"), "bc", "bc").0);
    assert_ne!(facts(Some("ab"), "c", "c").1, facts(Some("a"), "bc", "bc").1);
    // and so does what it is
    let (replay, device) = facts(Some("a"), "same", "same");
    assert_ne!(replay, device);
}

#[test]
fn a_challenge_without_the_csr_attribute_is_absent() {
    let verifier = verifier();
    let subject = Name::build(&[(COMMON_NAME, DEVICE)]);
    let absent = Error::Malformed(intune_challenge::Malformed::Absent);
    assert_eq!(verifier.check(&raw_csr(subject.der(), &[], None), NOW).unwrap_err(), absent);
    assert_eq!(verifier.check(&raw_csr(subject.der(), &[], Some("")), NOW).unwrap_err(), absent);
    let challenge = mint(&claims());
    let csr = raw_csr(subject.der(), &[], Some(challenge.expose()));
    assert!(verifier.check(&csr, NOW).unwrap().authorization().covers(&csr));
}

#[test]
fn a_mismatch_says_what_differs() {
    let (claims, _) = one_of_each();
    let text = mismatch(&claims, &csr(&[dns("evil.example\n")])).to_string();
    assert_eq!(text, "DNS:evil.example\\n is not in san_dns");
    for kind in KINDS {
        assert!(kind.claim().name().starts_with("san_"));
        assert_eq!(Claim::from_name(kind.claim().name()), Some(kind.claim()));
    }
}
