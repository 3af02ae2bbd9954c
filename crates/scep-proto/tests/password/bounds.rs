//! What nobody authenticated costs little, whatever it asks for.

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::{Error, FailInfo, Unsupported};
use scep_test::counting::{Calls, Counting};
use scep_test::craft::{
    Derivation, Envelope, NULL, PasswordRecipient, algorithm, content_key, octets, pbkdf2,
    primitive,
};
use scep_test::requests::CHALLENGE;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{ContentCipher, DigestAlgorithm};

use crate::support::{
    AES, MODERN, around, derivation, enrolment, envelope, lock, open_with, rsa_device, secrets,
};

fn honest() -> PasswordRecipient {
    PasswordRecipient::new(&derivation(), CHALLENGE, &content_key(AES))
}

fn message(recipient: &PasswordRecipient) -> Bytes {
    around(&Envelope::around(rsa_device().csr.der(), recipient.build(), AES))
}

/// Why a message is refused, and that nothing was derived for it.
#[track_caller]
fn refused_at_once(recipient: &PasswordRecipient) -> (Error, FailInfo) {
    let counting = Counting::new(provider());
    let rejected = lock(&message(recipient), &counting.provider(), MODERN).unwrap_err();
    let expected = Calls { digests: 1, verifications: 1, ..Calls::default() };
    assert_eq!(counting.take(), expected);
    let fail_info = FailInfo::from(&rejected.error);
    (rejected.error, fail_info)
}

fn integer(content: &[u8]) -> Vec<u8> {
    primitive(Tag::INTEGER, content)
}

fn sha_256() -> Vec<u8> {
    algorithm(oid::HMAC_WITH_SHA256, Some(&NULL))
}

fn with_iterations(content: &[u8]) -> PasswordRecipient {
    let fields = [octets(&[0x33; 16]), integer(content), sha_256()];
    PasswordRecipient { derivation: Some(pbkdf2(&fields)), ..honest() }
}

// R-3211-05
#[test]
fn more_iterations_than_a_stranger_may_ask_for_are_not_even_begun() {
    let limit = Unsupported::Iterations { limit: 1_000_000 };
    for content in [
        &[0][..],
        &[0x0F, 0x42, 0x41],       // 1,000,001
        &[0x00, 0x80, 0, 0, 0],    // 2^31
        &[0x7F, 0xFF, 0xFF, 0xFF], // 2^31 - 1
        &[1, 0, 0, 0, 0],          // 2^32
        &[0x7F; 40],
        &[0xFF], // -1
        &[0xFF, 0, 0, 1],
    ] {
        let refused = refused_at_once(&with_iterations(content));
        assert_eq!(refused, (limit.clone().into(), FailInfo::BAD_ALG), "{content:02x?}");
    }
    let most = lock(&message(&with_iterations(&[0x0F, 0x42, 0x40])), &provider(), MODERN).unwrap();
    assert_eq!(most.derivation(), (DigestAlgorithm::Sha256, 1_000_000));
}

// R-3211-05
#[test]
fn so_is_more_salt_than_anybody_needs() {
    let with_salt = |octets_of_salt: usize| {
        let salt = octets(&vec![0x33; octets_of_salt]);
        let fields = [salt, integer(&[10]), sha_256()];
        PasswordRecipient { derivation: Some(pbkdf2(&fields)), ..honest() }
    };
    let refused = refused_at_once(&with_salt(129));
    assert_eq!(refused, (Unsupported::Salt(129).into(), FailInfo::BAD_ALG));
    assert!(lock(&message(&with_salt(128)), &provider(), MODERN).is_ok());
}

// R-3211-05
#[test]
fn as_many_iterations_as_are_asked_for_are_made_and_no_more_than_the_limit_is_claimed() {
    for iterations in [1, 2_500, 10_000] {
        let asked = Derivation { iterations, ..derivation() };
        let recipient = PasswordRecipient::new(&asked, CHALLENGE, &content_key(AES));
        let message = message(&recipient);
        let opened = open_with(&message, &secrets(&[CHALLENGE]), &provider(), MODERN);
        assert_eq!(*enrolment(opened).csr, rsa_device().csr, "{iterations}");
        // The key was wrapped by one derivation; another one unwraps nothing.
        let another = Derivation { iterations: iterations + 1, ..asked };
        let mut recipient = recipient;
        recipient.derivation = Some(another.pbkdf2());
        let secrets = secrets(&[CHALLENGE]);
        assert!(open_with(&self::message(&recipient), &secrets, &provider(), MODERN).is_err());
    }
    let claimed = Derivation { iterations: u32::MAX, ..derivation() };
    let refused =
        refused_at_once(&PasswordRecipient { derivation: Some(claimed.pbkdf2()), ..honest() });
    let limit = Unsupported::Iterations { limit: 1_000_000 };
    assert_eq!(refused, (limit.into(), FailInfo::BAD_ALG));
}

// R-3211-04
#[test]
fn a_password_that_would_be_the_key_itself_is_refused() {
    let refused = refused_at_once(&PasswordRecipient { derivation: None, ..honest() });
    assert_eq!(refused, (Unsupported::MissingKeyDerivation.into(), FailInfo::BAD_ALG));
}

// R-3211-06
#[test]
fn unknown_algorithms_are_named() {
    let unknown = Oid::new("1.2.3");
    let salt_and_count = [octets(&[0x33; 16]), integer(&[10])];
    let derivation = DerWriter::encode(|der| {
        der.oid(&unknown);
        der.sequence(|_| ());
    });
    let prf = [&salt_and_count[..], &[algorithm(unknown, Some(&NULL))]].concat();
    let cipher = algorithm(AES.oid(), Some(&octets(&[0; 16])));
    for recipient in [
        PasswordRecipient { derivation: Some(derivation), ..honest() },
        PasswordRecipient { derivation: Some(pbkdf2(&prf)), ..honest() },
        PasswordRecipient { key_encryption: algorithm(unknown, Some(&cipher)), ..honest() },
        PasswordRecipient {
            key_encryption: algorithm(oid::PWRI_KEK, Some(&algorithm(unknown, Some(&NULL)))),
            ..honest()
        },
    ] {
        let refused = refused_at_once(&recipient);
        assert_eq!(refused, (Unsupported::Algorithm(unknown).into(), FailInfo::BAD_ALG));
    }
}

#[test]
fn a_key_length_that_is_not_the_ciphers_is_refused() {
    let fields = |len: u8| [octets(&[0x33; 16]), integer(&[10]), integer(&[len]), sha_256()];
    let with = |len| PasswordRecipient { derivation: Some(pbkdf2(&fields(len))), ..honest() };
    assert!(lock(&message(&with(16)), &provider(), MODERN).is_ok());
    for len in [0, 15, 32] {
        let refused = refused_at_once(&with(len));
        assert_eq!(refused, (Unsupported::Algorithm(oid::PBKDF2).into(), FailInfo::BAD_ALG));
    }
}

#[test]
fn the_policy_decides_about_the_key_encryption_cipher_too() {
    for cipher in [ContentCipher::TripleDesCbc, ContentCipher::DesCbc] {
        let key_encryption = Derivation::new(DigestAlgorithm::Sha256, cipher).pwri_kek();
        let refused = refused_at_once(&PasswordRecipient { key_encryption, ..honest() });
        assert_eq!(refused, (Unsupported::Cipher(cipher).into(), FailInfo::BAD_ALG));
    }
    let cipher = algorithm(AES.oid(), Some(&octets(&[0; 15])));
    let key_encryption = algorithm(oid::PWRI_KEK, Some(&cipher));
    let refused = refused_at_once(&PasswordRecipient { key_encryption, ..honest() });
    assert_eq!(refused, (Unsupported::InitialisationVector(15).into(), FailInfo::BAD_ALG));
}

// R-3211-03
#[test]
fn a_wrapped_key_of_no_whole_blocks_or_too_many_is_none() {
    for length in [1, 15, 17, 33, 80, 4096] {
        let encrypted_key = vec![0x5A; length];
        let refused = refused_at_once(&PasswordRecipient { encrypted_key, ..honest() });
        assert_eq!(refused, (Error::Undecipherable(None), FailInfo::BAD_MESSAGE_CHECK), "{length}");
    }
}

/// How many derivations these candidates cost, and whether the message opened.
fn trials(message: &Bytes, candidates: &[&str]) -> (usize, bool) {
    let counting = Counting::new(provider());
    let opened = open_with(message, &secrets(candidates), &counting.provider(), MODERN);
    let derivations = counting.take().derivations;
    (derivations, opened.is_ok())
}

// R-3211-07
#[test]
fn a_few_candidates_are_tried_and_no_more() {
    let message = around(&envelope());
    let filled = |others: usize| {
        let mut candidates = vec!["another"; others];
        candidates.push(CHALLENGE);
        candidates
    };
    assert_eq!(trials(&message, &filled(1)), (2, true), "the second fits");
    assert_eq!(trials(&message, &filled(63)), (64, true), "the last one that is tried");
    assert_eq!(trials(&message, &filled(64)), (64, false));
    assert_eq!(trials(&message, &filled(1000)), (64, false));
    assert_eq!(trials(&message, &["", "", CHALLENGE]), (1, true), "no password is none");
    let wrapped = lock(&message, &provider(), MODERN).unwrap();
    assert_eq!(wrapped.max_candidates(), 64);
}

// R-3211-05, R-3211-07
#[test]
fn the_more_one_costs_the_fewer_are_tried() {
    for (iterations, candidates) in
        [(1_u32, 64), (31_250, 64), (31_251, 63), (250_001, 7), (1_000_000, 2)]
    {
        let recipient = with_iterations(&iterations.to_be_bytes());
        let wrapped = lock(&message(&recipient), &provider(), MODERN).unwrap();
        assert_eq!(wrapped.max_candidates(), candidates, "{iterations}");
        assert_eq!(wrapped.check_candidates(candidates), Ok(()));
        let limit = 2_000_000 / u32::try_from(candidates + 1).unwrap();
        let refused = Err(Unsupported::Iterations { limit }.into());
        assert_eq!(wrapped.check_candidates(candidates + 1), refused);
    }
}

// R-3211-07
#[test]
fn the_host_is_asked_with_transaction_and_signer_before_anything_is_computed() {
    let counting = Counting::new(provider());
    let wrapped = lock(&around(&envelope()), &counting.provider(), MODERN).unwrap();
    assert_eq!(counting.take().derivations, 0);
    assert_eq!(wrapped.transaction_id().octets(), b"1f3a5b7c9d");
    assert_eq!(wrapped.signer(), &rsa_device().signer);
    assert_eq!(wrapped.derivation(), (DigestAlgorithm::Sha256, 1000));
    let opened = open_with(&around(&envelope()), &secrets(&[CHALLENGE]), &provider(), MODERN);
    let opened = enrolment(opened);
    assert_eq!((opened.recipient, opened.password), (None, Some(secrets(&[CHALLENGE]).remove(0))));
}
