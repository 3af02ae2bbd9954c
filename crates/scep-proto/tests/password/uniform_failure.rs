//! A wrong password, a wrong key and a wrong CSR are one thing to the peer, and cost the same.

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::server::Rejected;
use scep_proto::{Error, FailInfo};
use scep_test::counting::{Calls, Counting};
use scep_test::craft::{Envelope, PasswordRecipient, content_key, primitive};
use scep_test::requests::{CHALLENGE, Draft, Sent, csr, random};
use scep_types::ContentKey;
use scep_types::asn1::Tag;

use crate::support::{
    AES, MODERN, around, derivation, ec_device, ec_pki, envelope, lock, open_with, rsa_device,
    secrets,
};

/// What went wrong, the message, and the passwords that the host has.
type Case = (&'static str, Bytes, Vec<&'static str>);

fn with_key(encrypted_key: Vec<u8>) -> Bytes {
    let honest = PasswordRecipient::new(&derivation(), CHALLENGE, &content_key(AES));
    let recipient = PasswordRecipient { encrypted_key, ..honest };
    around(&Envelope::around(rsa_device().csr.der(), recipient.build(), AES))
}

fn wrapping(key: &[u8]) -> Bytes {
    with_key(derivation().wrap(CHALLENGE, key))
}

fn holding(plaintext: &[u8]) -> Bytes {
    around(&Envelope::by_password(plaintext, &derivation(), CHALLENGE, AES))
}

fn cases() -> Vec<Case> {
    let honest = derivation().wrap(CHALLENGE, content_key(AES).octets());
    let mut cases: Vec<Case> = (0..honest.len())
        .map(|at| {
            let mut encrypted_key = honest.clone();
            encrypted_key[at] ^= 1;
            ("octet of the wrapped key", with_key(encrypted_key), vec![CHALLENGE])
        })
        .collect();
    let key = content_key(AES);
    let key = key.octets();
    let honest_head = [16, !key[0], !key[1], !key[2]];
    for at in 0..4 {
        let mut head = honest_head;
        head[at] ^= 1;
        let what = ["length", "first complement", "second complement", "third complement"][at];
        let encrypted_key = derivation().wrap_with(CHALLENGE, head, key);
        cases.push((what, with_key(encrypted_key), vec![CHALLENGE]));
    }
    let mut bad_signature = rsa_device().csr.der().to_vec();
    *bad_signature.last_mut().unwrap() ^= 1;
    let cut_off =
        Envelope { encrypted_content: primitive(Tag::context(0), &[7; 15]), ..envelope() };
    cases.extend([
        ("no password", around(&envelope()), vec![]),
        ("an empty password", around(&envelope()), vec![""]),
        ("another password", around(&envelope()), vec!["another"]),
        ("another key", wrapping(ContentKey::new(&[0x42; 16]).unwrap().octets()), vec![CHALLENGE]),
        ("a shorter key", wrapping(&[0x42; 15]), vec![CHALLENGE]),
        ("a longer key", wrapping(&[0x42; 24]), vec![CHALLENGE]),
        ("no whole block of content", around(&cut_off), vec![CHALLENGE]),
        ("no CSR", holding(b"nothing of the kind"), vec![CHALLENGE]),
        ("a CSR with a bad signature", holding(&bad_signature), vec![CHALLENGE]),
    ]);
    cases
}

fn reject((what, message, candidates): &Case) -> (Rejected, Calls) {
    let counting = Counting::new(provider());
    let opened = open_with(message, &secrets(candidates), &counting.provider(), MODERN);
    (*opened.map(|_| what).unwrap_err(), counting.take())
}

// R-3218-02, R-3211-03
#[test]
fn whatever_is_wrong_the_answer_is_the_same_octet_by_octet() {
    let provider = provider();
    let mut answers = cases().into_iter().map(|case| {
        let (Rejected { error, reply }, _) = reject(&case);
        assert!(matches!(error, Error::Undecipherable(_)), "{}: {error}", case.0);
        let fail_info = FailInfo::from(&error);
        assert_eq!(fail_info, FailInfo::BAD_MESSAGE_CHECK);
        let settings = ec_pki().reply_settings(&provider);
        let unsigned = reply.fail(fail_info, None, &random(3), settings).unwrap();
        (case.0, unsigned.bytes().to_vec())
    });
    let (_, expected) = answers.next().unwrap();
    for (what, answer) in answers {
        assert_eq!(answer, expected, "{what}");
    }
}

// R-3218-02, R-3211-07
#[test]
fn whatever_is_wrong_the_same_is_computed() {
    let expected = Calls {
        digests: 1,
        verifications: 2,
        decryptions: 1,
        derivations: 1,
        blocks: 3,
        ..Calls::default()
    };
    for case in cases() {
        assert_eq!(reject(&case).1, expected, "{}", case.0);
    }
}

// R-3211-07
#[test]
fn which_candidate_fits_costs_nothing_more_or_less() {
    let message = around(&envelope());
    let calls = |candidates: [&str; 3]| {
        let counting = Counting::new(provider());
        let opened = open_with(&message, &secrets(&candidates), &counting.provider(), MODERN);
        assert!(opened.is_ok());
        counting.take()
    };
    let first = calls([CHALLENGE, "one", "two"]);
    assert_eq!((first.derivations, first.blocks), (3, 9));
    assert_eq!(calls(["one", CHALLENGE, "two"]), first);
    assert_eq!(calls(["one", "two", CHALLENGE]), first);
}

#[test]
fn nobodys_password_opens_nothing() {
    // What stands in for a missing candidate must never be one.
    let csr = csr("device", Some("nobody's"), &[], &*rsa_device().key);
    let envelope = Envelope::by_password(csr.der(), &derivation(), "nobody's", AES);
    let message = around(&envelope);
    let rejected = open_with(&message, &[], &provider(), MODERN).unwrap_err();
    assert_eq!(rejected.error, Error::Undecipherable(None));
}

#[test]
fn no_password_is_in_what_is_printed() {
    let Sent { message, awaiting } = ec_device().enrol(&Draft::default(), ec_pki());
    let secrets = secrets(&[CHALLENGE]);
    let wrapped = lock(&message, &provider(), MODERN).unwrap();
    let opened = open_with(&message, &secrets, &provider(), MODERN).unwrap();
    let printed = format!("{secrets:?} {wrapped:?} {opened:?} {awaiting:?}");
    assert!(!printed.contains(CHALLENGE), "{printed}");
}
