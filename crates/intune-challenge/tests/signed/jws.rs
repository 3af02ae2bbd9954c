//! The compact form and its header, before and apart from any signature.

use crate::support::*;
use intune_challenge::signed::{Algorithm, SignedChallenge};
use intune_challenge::{Error, Malformed, Part};

const HEADER: &str = r#"{"alg":"RS256"}"#;

/// A challenge of this header that nobody signed.
fn with_header(header: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", b64(header), b64("{}"), b64("signature"))
}

fn refusal(text: impl AsRef<[u8]>) -> Error {
    SignedChallenge::parse(text).unwrap_err()
}

fn malformed(text: impl AsRef<[u8]>) -> Malformed {
    match refusal(text) {
        Error::Malformed(malformed) => malformed,
        other => panic!("{other:?}"),
    }
}

// R-7515-01
#[test]
fn a_challenge_has_three_segments() {
    for (text, found) in [("", 1), ("abc", 1), ("abc.def", 2), ("a.b.c.d", 4), ("....", 5)] {
        assert_eq!(malformed(text), Malformed::Segments { found }, "{text}");
    }
    assert_eq!(SignedChallenge::parse(with_header(HEADER)).unwrap().algorithm(), Algorithm::Rs256);
}

// R-7515-01
#[test]
fn no_segment_is_empty() {
    let header = b64(HEADER);
    assert_eq!(malformed(".b.c"), Malformed::Empty(Part::Header));
    assert_eq!(malformed("..c"), Malformed::Empty(Part::Header));
    assert_eq!(malformed(format!("{header}..c")), Malformed::Empty(Part::Payload));
    assert_eq!(malformed(format!("{header}.e30.")), Malformed::Empty(Part::Signature));
}

// R-7515-01
#[test]
fn padding_white_space_and_the_other_alphabet_are_refused_anywhere() {
    let good = with_header(r#"{"alg":"RS256" }"#);
    let segments: Vec<_> = good.split('.').collect();
    for (at, part) in [Part::Header, Part::Payload, Part::Signature].into_iter().enumerate() {
        for wrong in ["=", "==", "\n", "\r\n", " ", "\t", "+", "/", "\u{e9}", "\0"] {
            for before in [true, false] {
                let mut segments: Vec<_> = segments.iter().map(|text| (*text).to_owned()).collect();
                let text = segments[at].clone();
                segments[at] = if before { wrong.to_owned() + &text } else { text + wrong };
                assert_eq!(malformed(segments.join(".")), Malformed::Base64(part), "{wrong:?}");
            }
        }
    }
}

// R-7515-01
#[test]
fn unused_bits_must_be_zero() {
    let header = b64(HEADER);
    assert!(SignedChallenge::parse(format!("{header}.e30.AA")).is_ok());
    assert_eq!(malformed(format!("{header}.e30.AB")), Malformed::Base64(Part::Signature));
    assert_eq!(malformed(format!("{header}.e31.AA")), Malformed::Base64(Part::Payload));
    let loose = format!("{}9", b64(r#"{"alg":"RS256"} "#).strip_suffix('A').unwrap());
    assert_eq!(malformed(format!("{loose}.e30.AA")), Malformed::Base64(Part::Header));
}

#[test]
fn a_challenge_has_at_most_16_kib() {
    let limit = 16 * 1024;
    let of = |characters: usize| {
        let start = format!("{}.e30.", b64(HEADER));
        let rest = "A".repeat(characters - start.len());
        start + &rest
    };
    assert!(SignedChallenge::parse(of(limit)).is_ok());
    for found in [limit + 1, limit + 2, 10 * limit] {
        let too_long = Malformed::TooLong { part: Part::Challenge, found, limit };
        assert_eq!(malformed(of(found)), too_long);
    }
}

#[test]
fn a_header_has_at_most_1_kib() {
    let of = |octets: usize| {
        let filling = " ".repeat(octets - HEADER.len());
        with_header(format!("{HEADER}{filling}"))
    };
    assert!(SignedChallenge::parse(of(1024)).is_ok());
    let too_long = Malformed::TooLong { part: Part::Header, found: 1367, limit: 1366 };
    assert_eq!(malformed(of(1025)), too_long);
}

#[test]
fn the_header_is_one_json_object_and_nothing_else() {
    for wrong in [
        "",
        "null",
        "[]",
        "\"RS256\"",
        "1",
        "{",
        "{\"alg\":\"RS256\"",
        "{\"alg\":\"RS256\",}",
        "{alg:\"RS256\"}",
        "{'alg':'RS256'}",
        "{\"alg\":\"RS256\"} {}",
        "{\"alg\":\"RS256\"}x",
        "\u{feff}{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\"}\0",
        "!!!",
        "{\"alg\":\"RS256\",\"x\":01}",
        "{\"alg\":\"RS256\",\"x\":\"\u{1}\"}",
        "{\"alg\":\"RS256\",\"x\":\"\\ud800\"}",
    ] {
        let text = if wrong.is_empty() { with_header(" ") } else { with_header(wrong) };
        assert_eq!(malformed(text), Malformed::Json(Part::Header), "{wrong:?}");
    }
    assert_eq!(
        malformed(with_header(b"{\"alg\":\"RS256\",\"x\":\"\xff\"}")),
        Malformed::Json(Part::Header)
    );
    assert!(SignedChallenge::parse(with_header(" \r\n\t{ \"alg\" : \"RS256\" } \n")).is_ok());
}

// R-7515-05
#[test]
fn no_header_member_stands_twice_at_any_level() {
    for twice in [
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"RS256","\u0061lg":"RS256"}"#,
        r#"{"x":1,"alg":"RS256","x":1}"#,
        r#"{"x":1,"alg":"RS256","\u0078":2}"#,
        r#"{"alg":"RS256","jwk":{"kty":"RSA","kty":"EC"}}"#,
        r#"{"alg":"RS256","x":[[{"a":{"b":1,"b":1}}]]}"#,
        r#"{"alg":"RS256","":1,"":1}"#,
    ] {
        assert_eq!(
            malformed(with_header(twice)),
            Malformed::DuplicateMember(Part::Header),
            "{twice}"
        );
    }
    let apart = r#"{"alg":"RS256","ALG":"HS256","a":{"x":1},"b":{"x":1},"x":[{"x":1},{"x":1}]}"#;
    assert_eq!(SignedChallenge::parse(with_header(apart)).unwrap().algorithm(), Algorithm::Rs256);
}

#[test]
fn json_is_nested_at_most_16_levels() {
    let nested = |levels: usize, open: &str, close: &str| {
        let inner = levels - 1;
        with_header(format!(
            "{{\"alg\":\"RS256\",\"x\":{}1{}}}",
            open.repeat(inner),
            close.repeat(inner)
        ))
    };
    let too_deep = Malformed::TooDeep { part: Part::Header, limit: 16 };
    for (open, close) in [("[", "]"), ("{\"y\":", "}")] {
        assert!(SignedChallenge::parse(nested(16, open, close)).is_ok());
        assert_eq!(malformed(nested(17, open, close)), too_deep);
        assert_eq!(malformed(nested(100, open, close)), too_deep);
    }
}

// R-7515-04
#[test]
fn members_that_change_what_is_signed_are_refused() {
    for name in ["crit", "b64", "zip", "enc"] {
        for value in ["[\"exp\"]", "[]", "null", "true", "false", "\"DEF\""] {
            let header = format!("{{\"alg\":\"RS256\",\"{name}\":{value}}}");
            assert_eq!(malformed(with_header(header)), Malformed::UnsupportedHeader(name));
        }
    }
}

#[test]
fn header_members_have_their_types() {
    let digest = b64([7; 32]);
    for (member, wrong) in [
        ("alg", "7"),
        ("alg", "null"),
        ("alg", "[\"RS256\"]"),
        ("kid", "7"),
        ("kid", "null"),
        ("typ", "7"),
        ("typ", "{}"),
        ("x5t#S256", "7"),
        ("x5t#S256", "\"\""),
        ("x5t#S256", "\"AAAA\""),
        ("x5t#S256", &format!("\"{digest}=\"")),
        ("x5t#S256", &format!("\"{digest}AA\"")),
    ] {
        let rest = if member == "alg" { "" } else { ",\"alg\":\"RS256\"" };
        let header = format!("{{\"{member}\":{wrong}{rest}}}");
        assert_eq!(malformed(with_header(&header)), Malformed::HeaderMember(member), "{header}");
    }
    let header = format!(r#"{{"alg":"RS256","kid":"k","typ":"anything","x5t#S256":"{digest}"}}"#);
    assert!(SignedChallenge::parse(with_header(header)).is_ok());
}

// R-7515-03, R-7518-03
#[test]
fn algorithms_that_no_verifier_takes_are_refused_while_parsing() {
    for algorithm in [
        "none", "None", "NONE", "HS256", "HS384", "HS512", "rs256", "RS512", "EdDSA", "ES512",
        "ES256K", "",
    ] {
        let refused = Error::AlgorithmNotAllowed { algorithm: algorithm.to_owned() };
        assert_eq!(refusal(with_header(format!("{{\"alg\":\"{algorithm}\"}}"))), refused);
        assert_eq!(refused.label(), "signature_invalid");
        assert!(refused.to_string().contains(algorithm));
    }
    for header in ["{}", r#"{"ALG":"RS256"}"#, r#"{"alg ":"RS256"}"#] {
        assert_eq!(refusal(with_header(header)), Error::MissingAlgorithm);
    }
    assert_eq!(Error::MissingAlgorithm.label(), "signature_invalid");
}

#[test]
fn text_may_come_as_octets_that_are_no_text() {
    assert_eq!(malformed(b"\xff.\xff.\xff"), Malformed::Base64(Part::Header));
    assert_eq!(malformed([0, 1, 2]), Malformed::Segments { found: 1 });
}
