//! GetCACaps, written for strict readers and read from careless writers (RFC 8894 §3.5).

use proptest::prelude::*;
use scep_proto::Capabilities;
use scep_proto::client::HttpAnswer;
use scep_types::{ContentCipher, DigestAlgorithm};

const ALL: [(Capabilities, &str); 10] = [
    (Capabilities::AES, "AES"),
    (Capabilities::DES3, "DES3"),
    (Capabilities::GET_NEXT_CA_CERT, "GetNextCACert"),
    (Capabilities::POST_PKI_OPERATION, "POSTPKIOperation"),
    (Capabilities::RENEWAL, "Renewal"),
    (Capabilities::SHA_1, "SHA-1"),
    (Capabilities::SHA_256, "SHA-256"),
    (Capabilities::SHA_384, "SHA-384"),
    (Capabilities::SHA_512, "SHA-512"),
    (Capabilities::SCEP_STANDARD, "SCEPStandard"),
];

fn all() -> Capabilities {
    ALL.iter().fold(Capabilities::empty(), |all, (one, _)| all.union(*one))
}

// R-3.5.2-01
#[test]
fn keywords_are_written_in_the_case_of_the_rfc() {
    for (capability, keyword) in ALL {
        assert!(capability.to_answer().lines().any(|line| line == keyword), "{keyword}");
        assert_eq!(Capabilities::parse(keyword), capability);
    }
}

// R-3.5.2-11
#[test]
fn an_answer_is_a_keyword_a_line() {
    let answer = all().to_answer();
    let mut lines: Vec<_> = answer.split_terminator('\n').collect();
    assert!(answer.ends_with('\n') && !answer.contains([' ', '\r', '\t']));
    assert!(lines.len() <= 15);
    lines.sort_unstable();
    let mut expected = ALL.map(|(_, keyword)| keyword);
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert_eq!(Capabilities::empty().to_answer(), "");
}

// R-3.5.2-06, R-3.5.2-12
#[test]
fn what_scep_standard_implies_is_written_out_and_nothing_else_is() {
    let answer = Capabilities::SCEP_STANDARD.to_answer();
    assert_eq!(answer, "POSTPKIOperation\nSHA-256\nAES\nSCEPStandard\n");
    assert_eq!(Capabilities::AES.union(Capabilities::RENEWAL).to_string(), "Renewal AES");
}

// R-3.5.2-02
#[test]
fn keywords_are_read_in_any_case() {
    for answer in ["scepstandard\naes", "SCEPSTANDARD\nAES", "ScepStandard\naEs"] {
        let expected = Capabilities::SCEP_STANDARD.union(Capabilities::AES);
        assert_eq!(Capabilities::parse(answer), expected, "{answer}");
    }
}

// R-3.5.2-03
#[test]
fn lines_end_in_any_way() {
    let expected =
        Capabilities::AES.union(Capabilities::SHA_256).union(Capabilities::POST_PKI_OPERATION);
    for answer in [
        "AES\nSHA-256\nPOSTPKIOperation\n",
        "POSTPKIOperation\nAES\nSHA-256",
        "AES\r\nSHA-256\r\nPOSTPKIOperation\r\n",
        "AES\rSHA-256\rPOSTPKIOperation",
        "\u{FEFF}AES\n\n\n  SHA-256  \n\tPOSTPKIOperation",
        "AES\nAES\nSHA-256\nPOSTPKIOperation",
    ] {
        assert_eq!(Capabilities::parse(answer), expected, "{answer:?}");
    }
}

// R-3.5.2-04
#[test]
fn unknown_keywords_are_passed_over() {
    let answer =
        "Foo\nSHAng\nExample.com-X\nAES \u{0}\nUpdate\nMD5\nHTTP-GET\nSHA-224\nAESx\nAE\nS";
    assert_eq!(Capabilities::parse(answer), Capabilities::empty());
    assert_eq!(Capabilities::parse(&format!("{answer}\nAES")), Capabilities::AES);
}

// R-3.5.2-05
#[test]
fn scep_standard_implies_three_others() {
    let standard = Capabilities::parse("SCEPStandard");
    for implied in [Capabilities::AES, Capabilities::POST_PKI_OPERATION, Capabilities::SHA_256] {
        assert!(standard.contains(implied));
    }
    for other in [Capabilities::RENEWAL, Capabilities::DES3, Capabilities::SHA_512] {
        assert!(!standard.contains(other));
    }
    let implied = Capabilities::parse("AES\nPOSTPKIOperation\nSHA-256");
    assert!(!implied.contains(Capabilities::SCEP_STANDARD), "not the other way round");
}

// R-3.5.2-07, R-3.5.2-09, R-3.5.2-10
#[test]
fn errors_pages_and_floods_are_no_capabilities() {
    let answer =
        |status, body: &str| HttpAnswer { status, body: body.to_owned().into() }.capabilities();
    assert_eq!(answer(200, ""), Capabilities::empty());
    assert_eq!(answer(200, "<html><body>AES</body></html>"), Capabilities::empty());
    assert_eq!(answer(200, &format!("AES\n{}", "x".repeat(1_000_000))), Capabilities::empty());
    for status in [301, 400, 404, 500, 503] {
        assert_eq!(answer(status, "AES"), Capabilities::empty(), "{status}");
    }
    assert_eq!(answer(200, "AES"), Capabilities::AES);
    let octets = HttpAnswer { status: 200, body: vec![0xFF, b'\n', b'A', b'E', b'S'].into() };
    assert_eq!(octets.capabilities(), Capabilities::AES);
}

// R-3.5.2-20, R-3.5.2-14
#[test]
fn the_mandatory_algorithms_are_preferred_and_the_list_is_obeyed() {
    use ContentCipher::{Aes128Cbc, TripleDesCbc};
    use DigestAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    for (answer, digest, cipher) in [
        ("SHA-1\nSHA-512\nSHA-256\nDES3\nAES", Some(Sha256), Some(Aes128Cbc)),
        (
            "POSTPKIOperation\nRenewal\nSHA-512\nSHA-256\nSHA-1\nDES3",
            Some(Sha256),
            Some(TripleDesCbc),
        ),
        ("SHA-512\nSHA-384\nSHA-1", Some(Sha512), None),
        ("SHA-384\nSHA-1", Some(Sha384), None),
        ("SHA-1\nDES3", Some(Sha1), Some(TripleDesCbc)),
        ("SCEPStandard", Some(Sha256), Some(Aes128Cbc)),
        ("", None, None),
    ] {
        let capabilities = Capabilities::parse(answer);
        assert_eq!(capabilities.best_digest(), digest, "{answer}");
        assert_eq!(capabilities.best_cipher(), cipher, "{answer}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(chosen in prop::collection::vec(0..ALL.len(), 0..10)) {
        let set = chosen.iter().fold(Capabilities::empty(), |set, at| set.union(ALL[*at].0));
        let read = Capabilities::parse(&set.to_answer());
        for (capability, _) in ALL {
            prop_assert_eq!(read.contains(capability), set.contains(capability));
        }
    }
}
