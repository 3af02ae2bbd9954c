//! The payload: JSON, version, types, required claims, audience. All of it strictly.

use intune_challenge::{Claim, Error, Malformed, Part};
use serde_json::{Value, json};

use crate::support::*;

fn refusal(payload: &Value) -> Error {
    verify_payload(payload).unwrap_err()
}

fn raw_refusal(payload: impl AsRef<[u8]>) -> Error {
    verify(&verifier(), rs256_payload(payload)).unwrap_err()
}

/// The good payload with this text in front of its first member.
fn prefixed(members: &str) -> String {
    payload().to_string().replacen('{', &format!("{{{members},"), 1)
}

fn malformed(malformed: Malformed) -> Error {
    let error = Error::Malformed(malformed);
    assert_eq!(error.label(), "malformed");
    error
}

#[test]
fn good_claims_come_out_as_they_went_in() {
    let mut all = claims();
    all.san_dns = vec!["a.example".to_owned(), "b.example".to_owned()];
    all.san_rfc822 = vec!["ada@example.com".to_owned()];
    all.san_upn = vec!["ada@corp.example".to_owned()];
    all.san_uri = vec!["tag:microsoft.com,2022-09-14:sid:S-1-5-21-1".to_owned()];
    all.san_ip = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    all.spki_sha256 = Some([7; 32]);
    let mut payload = payload();
    payload["san_dns"] = json!(["a.example", "b.example"]);
    payload["san_rfc822"] = json!(["ada@example.com"]);
    payload["san_upn"] = json!(["ada@corp.example"]);
    payload["san_uri"] = json!(["tag:microsoft.com,2022-09-14:sid:S-1-5-21-1"]);
    payload["san_ip"] = json!(["192.0.2.7", "2001:DB8:0::7"]);
    payload["spki_sha256"] = json!(b64([7; 32]));
    assert_eq!(verify_payload(&payload).unwrap().claims(), &all);
}

#[test]
fn the_payload_is_one_json_object_and_nothing_else() {
    let good = payload().to_string();
    let not_json = malformed(Malformed::Json(Part::Payload));
    for wrong in [
        "null".to_owned(),
        "[]".to_owned(),
        format!("[{good}]"),
        "\"{}\"".to_owned(),
        "not json".to_owned(),
        " ".to_owned(),
        format!("\u{feff}{good}"),
        format!("{good}{good}"),
        format!("{good},"),
        format!("{good}\0"),
        good[..good.len() - 1].to_owned(),
        prefixed("\"x\":1e999"),
        prefixed("\"x\":.5"),
        prefixed("\"x\":\"\\udc00\""),
        prefixed("\"x\":\"\n\""),
        prefixed("\"x\":NaN"),
        prefixed("\"x\":[1,]"),
        prefixed("\"x\":tru"),
    ] {
        assert_eq!(raw_refusal(&wrong), not_json, "{wrong}");
    }
    let not_utf8 =
        [prefixed("\"x\":\"").as_bytes().strip_suffix(b"}").unwrap(), b"\xC0\x80\"}"].concat();
    assert_eq!(raw_refusal(not_utf8), not_json);
    verify(&verifier(), rs256_payload(format!("\r\n {good}\t"))).unwrap();
}

#[test]
fn an_empty_or_null_claim_set_authorises_nothing() {
    assert_eq!(raw_refusal("{}"), malformed(Malformed::MissingClaim(Claim::Expires)));
    assert_eq!(raw_refusal("null"), malformed(Malformed::Json(Part::Payload)));
}

#[test]
fn no_member_stands_twice_at_any_level() {
    let twice = malformed(Malformed::DuplicateMember(Part::Payload));
    for members in [
        r#""aud":"https://scep.example/""#,
        r#""\u0061ud":"https://other.example/""#,
        r#""san_dns":[],"san_dns":["a.example"]"#,
        r#""exp":1,"e\u0078p":1"#,
        r#""version":"v1""#,
        r#""x":1,"x":1"#,
        r#""x":{"y":1,"y":1}"#,
        r#""x":[{"y":{"z":1,"z":1}}]"#,
        r#""":1,"":1"#,
    ] {
        assert_eq!(raw_refusal(prefixed(members)), twice, "{members}");
    }
}

#[test]
fn unknown_members_are_ignored_and_names_compared_exactly() {
    for members in [
        r#""x":{"a":[1,2.5,-3,1e3,18446744073709551615,null,true,"\ud83d\ude00\\"]}"#,
        r#""AUD":"https://other.example/""#,
        r#""Exp":1,"EXP":2,"ſub":"x","sub ":"x""#,
        r#""nbf":9999999999,"jti":7,"csr":[]"#,
    ] {
        let verified = verify(&verifier(), rs256_payload(prefixed(members))).unwrap();
        assert_eq!(verified.claims(), &claims());
    }
}

#[test]
fn unknown_members_are_nested_at_most_16_levels() {
    let nested = |levels: usize| {
        prefixed(&format!("\"x\":{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1)))
    };
    verify(&verifier(), rs256_payload(nested(16))).unwrap();
    let too_deep = malformed(Malformed::TooDeep { part: Part::Payload, limit: 16 });
    for levels in [17, 130, 5_000] {
        assert_eq!(raw_refusal(nested(levels)), too_deep);
    }
    let text_list_of_lists = format!("\"san_dns\":{}", "[".repeat(5_000));
    assert_eq!(
        raw_refusal(prefixed(&text_list_of_lists)),
        malformed(Malformed::Claim(Claim::SanDns))
    );
}

#[test]
fn claims_have_their_types() {
    let texts = [
        Claim::Version,
        Claim::Issuer,
        Claim::Subject,
        Claim::Audience,
        Claim::Nonce,
        Claim::DeviceName,
        Claim::SpkiSha256,
    ];
    for claim in texts {
        for wrong in [json!(7), json!(null), json!(true), json!(["x"]), json!({"x": 1})] {
            let payload = payload_with(claim.name(), wrong);
            assert_eq!(refusal(&payload), malformed(Malformed::Claim(claim)), "{payload}");
        }
    }
    for claim in [Claim::SanDns, Claim::SanRfc822, Claim::SanUpn, Claim::SanUri, Claim::SanIp] {
        for wrong in
            [json!("a@b"), json!(null), json!(7), json!([null]), json!([7]), json!([["a@b"]])]
        {
            let payload = payload_with(claim.name(), wrong);
            assert_eq!(refusal(&payload), malformed(Malformed::Claim(claim)), "{payload}");
        }
    }
    for claim in [Claim::IssuedAt, Claim::Expires] {
        for wrong in [
            "\"1800000000\"",
            "1800000000.0",
            "1.8e9",
            "1800000000.5",
            "null",
            "[]",
            "9223372036854775808",
            "-9223372036854775809",
            "1e999",
            "00",
            "+1",
            "99999999999999999999999999",
            "true",
        ] {
            let rest = payload_without(claim.name()).to_string();
            let raw = rest.replacen('{', &format!("{{\"{claim}\":{wrong},"), 1);
            assert_eq!(raw_refusal(&raw).label(), "malformed", "{raw}");
        }
    }
}

#[test]
fn texts_are_not_empty_and_names_not_blank() {
    let wrong_of = |claim, value: Value| {
        assert_eq!(
            refusal(&payload_with(Claim::name(claim), value)),
            malformed(Malformed::Claim(claim))
        );
    };
    for claim in [Claim::Issuer, Claim::Subject, Claim::Nonce, Claim::DeviceName, Claim::SpkiSha256]
    {
        wrong_of(claim, json!(""));
    }
    wrong_of(Claim::Audience, json!(""));
    for name in [" ", "\t", "\u{3000}", "a\0b", "a\nb", "a\u{7f}", "a\u{85}"] {
        wrong_of(Claim::DeviceName, json!(name));
        for claim in [Claim::SanDns, Claim::SanRfc822, Claim::SanUpn, Claim::SanUri] {
            wrong_of(claim, json!(["good@example", name]));
        }
    }
    for claim in [Claim::SanDns, Claim::SanRfc822, Claim::SanUpn, Claim::SanUri, Claim::SanIp] {
        wrong_of(claim, json!([""]));
    }
    wrong_of(Claim::SanDns, json!(["."]));
}

#[test]
fn names_that_the_csr_could_never_hold_are_malformed() {
    for claim in [Claim::SanDns, Claim::SanRfc822, Claim::SanUri] {
        let payload = payload_with(claim.name(), json!(["b\u{fc}cher@example"]));
        assert_eq!(refusal(&payload), malformed(Malformed::Claim(claim)));
    }
    verify_payload(&payload_with("san_upn", json!(["b\u{fc}cher@example"]))).unwrap();
    verify_payload(&payload_with("device_name", "b\u{fc}cher")).unwrap();
    for wrong in [
        "host",
        "1.2.3",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4/32",
        "::1%eth0",
        "[::1]",
        " ::1",
        "1.2.3.4:80",
    ] {
        let payload = payload_with("san_ip", json!([wrong]));
        assert_eq!(refusal(&payload), malformed(Malformed::Claim(Claim::SanIp)), "{wrong}");
    }
    let digest = b64([7; 32]);
    for wrong in [
        format!("{digest}="),
        b64([7; 31]),
        b64([7; 33]),
        "07".repeat(32),
        digest.replacen('B', "+", 1),
    ] {
        let payload = payload_with("spki_sha256", wrong.clone());
        assert_eq!(refusal(&payload), malformed(Malformed::Claim(Claim::SpkiSha256)), "{wrong}");
    }
}

#[test]
fn all_lists_together_have_at_most_256_names() {
    let of = |count: usize| {
        let names = |kind: &str, count| {
            (0..count).map(|n| format!("{kind}{n}@example")).collect::<Vec<_>>()
        };
        let mut payload = payload_with("san_dns", names("d", count - 100));
        payload["san_upn"] = json!(names("u", 100));
        payload
    };
    verify_payload(&of(256)).unwrap();
    assert_eq!(refusal(&of(257)), malformed(Malformed::TooManyNames { found: 257, limit: 256 }));
}

#[test]
fn versions_are_absent_or_v1() {
    verify_payload(&payload_without("version")).unwrap();
    verify_payload(&payload_with("version", "v1")).unwrap();
    for version in ["v999", "v2", "V1", "1", "1.0", "v1 ", ""] {
        let unknown = Error::UnknownVersion { version: version.to_owned() };
        assert_eq!(unknown.label(), "unknown_version");
        assert!(unknown.to_string().contains(version));
        assert_eq!(refusal(&payload_with("version", version)), unknown);
    }
}

#[test]
fn an_unknown_version_is_told_before_claims_that_we_misread() {
    let unknown = Error::UnknownVersion { version: "v2".to_owned() };
    for (name, value) in
        [("aud", json!(["a", "b"])), ("san_ip", json!({"v4": []})), ("exp", json!("tomorrow"))]
    {
        let mut payload = payload_with("version", "v2");
        payload[name] = value;
        assert_eq!(refusal(&payload), unknown);
    }
    assert_eq!(raw_refusal(r#"{"version":"v2"}"#), unknown);
    // but not before JSON that is none
    let twice = prefixed(r#""version":"v2","x":1,"x":1"#).replace(r#","version":"v1""#, "");
    assert_eq!(raw_refusal(twice), malformed(Malformed::DuplicateMember(Part::Payload)));
    assert_eq!(raw_refusal(r#"{"version":"v2""#), malformed(Malformed::Json(Part::Payload)));
}

#[test]
fn what_a_store_and_a_clock_need_is_required() {
    for claim in [Claim::Expires, Claim::IssuedAt, Claim::Nonce, Claim::Subject] {
        let missing = malformed(Malformed::MissingClaim(claim));
        assert!(missing.to_string().contains(claim.name()));
        assert_eq!(refusal(&payload_without(claim.name())), missing);
    }
    verify_payload(&payload_without("iss")).unwrap();
}

#[test]
fn a_claim_must_name_an_identity() {
    let mut nameless = payload_without("device_name");
    assert_eq!(refusal(&nameless), malformed(Malformed::NoIdentity));
    for claim in [Claim::SanDns, Claim::SanRfc822, Claim::SanUpn, Claim::SanUri, Claim::SanIp] {
        nameless[claim.name()] = json!([]);
        assert_eq!(refusal(&nameless), malformed(Malformed::NoIdentity));
    }
    for (claim, value) in [
        (Claim::SanDns, json!(["a.example"])),
        (Claim::SanRfc822, json!(["a@example"])),
        (Claim::SanUpn, json!(["a@example"])),
        (Claim::SanUri, json!(["tag:a"])),
        (Claim::SanIp, json!(["192.0.2.1"])),
        (Claim::SpkiSha256, json!(b64([7; 32]))),
        (Claim::DeviceName, json!("a")),
    ] {
        let mut named = nameless.clone();
        named[claim.name()] = value;
        verify_payload(&named).unwrap();
    }
}

#[test]
fn the_audience_is_the_configured_one() {
    let wrong = |found: Option<&str>| {
        let found = found.map(str::to_owned);
        let error = Error::WrongAudience { found, expected: AUDIENCE.to_owned() };
        assert_eq!(error.label(), "wrong_audience");
        error
    };
    for found in [
        "https://other.example/",
        "https://scep.example",
        "HTTPS://scep.example/",
        " https://scep.example/",
    ] {
        assert_eq!(refusal(&payload_with("aud", found)), wrong(Some(found)));
    }
    assert_eq!(refusal(&payload_without("aud")), wrong(None));
}

#[test]
fn without_a_configured_audience_any_or_none_will_do() {
    let mut config = config(&["rsa2048-anchor"]);
    config.audience = None;
    let verifier = build(config);
    for payload in
        [payload(), payload_without("aud"), payload_with("aud", "https://other.example/")]
    {
        verify(&verifier, rs256_payload(payload.to_string())).unwrap();
    }
}
