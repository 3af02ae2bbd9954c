//! Whatever is wrong between key unwrap and the CSR's signature, the peer sees the same and we do the same (RFC 3218).

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::server::{Recipient, Rejected, Unverified, Verified};
use scep_proto::{Error, FailInfo, FallbackKey, Misbehaviour};
use scep_test::counting::{Calls, Counting, CountingKey};
use scep_test::craft::{
    Envelope, NULL, SignedMessage, algorithm, content_key, issuer_and_serial, key_transport,
    key_transport_with, octets, primitive,
};
use scep_test::keys;
use scep_test::legacy_rsa::padded;
use scep_test::requests::csr;
use scep_types::asn1::Tag;
use scep_types::oid;
use scep_types::{
    AlgorithmPolicy, ContentCipher, ContentKey, DigestAlgorithm, KeyTransport, SignatureScheme,
    SigningKey,
};

use crate::support::{attacker, because, device, envelope, failure, open, pkcs_req, pki};

const AES: ContentCipher = ContentCipher::Aes128Cbc;

/// What a request did to a server.
struct Outcome {
    rejected: Rejected,
    calls: Calls,
}

fn outcome(envelope: &Envelope) -> Outcome {
    outcome_of(&SignedMessage::request(device(), "19", envelope.build()).build())
}

fn outcome_of(message: &Bytes) -> Outcome {
    let counting = Counting::new(provider());
    let key = CountingKey { key: &pki().ra_key, counting };
    let recipient = Recipient { certificate: &pki().ra, key: &key };
    let (provider, policy) = (counting.provider(), AlgorithmPolicy::Modern);
    let unverified = Unverified::parse(message.clone()).unwrap();
    let Verified::Sealed(sealed) = unverified.verify(&provider, policy).unwrap() else {
        panic!("no poll");
    };
    let fallback = FallbackKey::new([0x3C; 32]);
    let rejected = *sealed.open(&[recipient], &fallback, &provider, policy).unwrap_err();
    Outcome { rejected, calls: counting.take() }
}

fn honest() -> Envelope {
    Envelope::new(device().csr.der(), &pki().ra, AES)
}

/// An envelope whose RSA block is `block`, under PKCS #1 v1.5.
fn with_block(block: &[u8]) -> Envelope {
    with_encrypted_key(&keys::textbook("rsa2048-ra").encrypt_block(block))
}

fn with_encrypted_key(encrypted_key: &[u8]) -> Envelope {
    let rid = issuer_and_serial(&pki().ra);
    let pkcs1 = algorithm(oid::RSA_ENCRYPTION, Some(&NULL));
    Envelope { recipients: vec![key_transport_with(&rid, &pkcs1, encrypted_key)], ..honest() }
}

fn with_key(transport: KeyTransport, key: &ContentKey) -> Envelope {
    let rid = issuer_and_serial(&pki().ra);
    Envelope { recipients: vec![key_transport(&rid, transport, pki().ra.spki(), key)], ..honest() }
}

fn with_ciphertext(ciphertext: &[u8]) -> Envelope {
    Envelope { encrypted_content: primitive(Tag::context(0), ciphertext), ..honest() }
}

fn holding(plaintext: &[u8]) -> Envelope {
    Envelope::new(plaintext, &pki().ra, AES)
}

/// Everything that can be wrong with the wrapped key.
fn corrupt_keys() -> Vec<(&'static str, Envelope)> {
    let key = content_key(AES);
    let block = padded(2, 0xA5, key.octets(), 256);
    let changed = |at: usize, octet: u8| {
        let mut block = block.clone();
        block[at] = octet;
        with_block(&block)
    };
    let short = padded(2, 0xA5, &[0x11; 15], 256);
    let long = padded(2, 0xA5, &[0x11; 32], 256);
    let no_separator: Vec<u8> = [0, 2].into_iter().chain([0xA5; 254]).collect();
    let mut early = block.clone();
    early[5] = 0; // a key of 250 octets after padding of three
    let wrong = ContentKey::new(&[0x42; 16]).unwrap();
    let other = ContentKey::new(&[0x42; 24]).unwrap();
    vec![
        ("first octet of the block", changed(0, 1)),
        ("block type", changed(1, 1)),
        ("zero among the padding", changed(100, 0)),
        ("separator", changed(239, 7)),
        ("no separator", with_block(&no_separator)),
        ("padding of three octets", with_block(&early)),
        ("key too short", with_block(&short)),
        ("key too long", with_block(&long)),
        ("key of no octets", with_block(&padded(2, 0xA5, &[], 256))),
        ("block of zeros", with_block(&[0; 256])),
        ("wrong key", with_key(KeyTransport::Pkcs1v15, &wrong)),
        ("key of another cipher", with_key(KeyTransport::Pkcs1v15, &other)),
        ("number beyond the modulus", with_encrypted_key(&[0xFF; 256])),
        ("encrypted key too short", with_encrypted_key(&[0x55; 255])),
        ("encrypted key too long", with_encrypted_key(&[0x55; 257])),
        ("no encrypted key", with_encrypted_key(&[])),
        ("wrong key under OAEP", with_key(KeyTransport::Oaep(DigestAlgorithm::Sha256), &wrong)),
        ("longer key under OAEP", with_key(KeyTransport::Oaep(DigestAlgorithm::Sha1), &other)),
        ("OAEP around PKCS #1", oaep_around_pkcs1()),
    ]
}

/// A key wrapped by PKCS #1 v1.5 and said to be wrapped by OAEP.
fn oaep_around_pkcs1() -> Envelope {
    let rid = issuer_and_serial(&pki().ra);
    let wrapped = keys::textbook("rsa2048-ra").encrypt_block(&padded(
        2,
        0xA5,
        content_key(AES).octets(),
        256,
    ));
    let oaep = algorithm(oid::RSAES_OAEP, Some(&[0x30, 0]));
    Envelope { recipients: vec![key_transport_with(&rid, &oaep, &wrapped)], ..honest() }
}

/// Everything that can be wrong with the content.
fn corrupt_contents() -> Vec<(&'static str, Envelope)> {
    let ciphertext = provider()
        .envelope
        .encrypt(AES, &content_key(AES), &[0x11; 16], device().csr.der())
        .unwrap();
    let flipped = |at: usize| {
        let mut ciphertext = ciphertext.clone();
        ciphertext[at] ^= 1;
        with_ciphertext(&ciphertext)
    };
    let last = ciphertext.len() - 1;
    vec![
        ("no content", with_ciphertext(&[])),
        ("no whole block", with_ciphertext(&ciphertext[..last])),
        ("one block", with_ciphertext(&ciphertext[..16])),
        ("last block missing", with_ciphertext(&ciphertext[..ciphertext.len() - 16])),
        ("first block", flipped(0)),
        ("middle block", flipped(160)),
        ("padding", flipped(last)),
        ("padding, by the block before", flipped(last - 16)),
        (
            "another initialisation vector",
            Envelope { algorithm: algorithm(AES.oid(), Some(&octets(&[0x12; 16]))), ..honest() },
        ),
    ]
}

/// Everything that can be wrong with what was encrypted.
fn corrupt_requests() -> Vec<(&'static str, Envelope)> {
    let honest = device().csr.der();
    let mut bad_signature = honest.to_vec();
    *bad_signature.last_mut().unwrap() ^= 1;
    let mut bad_subject = honest.to_vec();
    let at = honest.windows(6).position(|window| window == b"device").unwrap();
    bad_subject[at] = b'D';
    let other_key = csr("device", None, &[], &*attacker().key);
    let mut swapped = other_key.der().to_vec();
    let from = swapped.len() - 256;
    swapped[from..].copy_from_slice(&honest[honest.len() - 256..]);
    let weak = sha_1_csr();
    vec![
        ("nothing", holding(&[])),
        ("text", holding(b"a challenge nobody may see")),
        ("truncated CSR", holding(&honest[..honest.len() - 1])),
        ("octet behind the CSR", holding(&[&honest[..], &[0]].concat())),
        ("CSR with a bad signature", holding(&bad_signature)),
        ("CSR with another subject", holding(&bad_subject)),
        ("CSR with another's signature", holding(&swapped)),
        ("CSR signed with SHA-1", holding(&weak)),
    ]
}

fn sha_1_csr() -> Vec<u8> {
    let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1);
    let key = keys::software("rsa2048-device");
    let subject = scep_types::Name::build(&[(oid::COMMON_NAME, "device")]);
    let spki = SigningKey::spki(&key);
    let unsigned = scep_proto::client::csr(&subject, spki, None, &[], scheme);
    let signature = key.sign(scheme, unsigned.bytes()).unwrap();
    unsigned.finish(&signature).unwrap().der().to_vec()
}

// R-3218-01, R-3218-02, R-3.3.1-03, R-2.9-07
#[test]
fn whatever_is_corrupt_the_answer_is_the_same_octet_by_octet() {
    let mut answers = Vec::new();
    for (what, envelope) in [corrupt_keys(), corrupt_contents(), corrupt_requests()].concat() {
        let Outcome { rejected, .. } = outcome(&envelope);
        assert!(matches!(rejected.error, Error::Undecipherable(_)), "{what}: {}", rejected.error);
        assert_eq!(FailInfo::from(&rejected.error), FailInfo::BAD_MESSAGE_CHECK, "{what}");
        answers.push((what, failure(rejected)));
    }
    assert!(answers.len() >= 36);
    let (_, expected) = &answers[0];
    for (what, answer) in &answers {
        assert_eq!(answer, expected, "{what}");
    }
}

// R-3218-02
#[test]
fn whatever_is_corrupt_the_same_is_computed() {
    let expected =
        Calls { digests: 1, verifications: 2, decryptions: 1, unwraps: 1, ..Calls::default() };
    for (what, envelope) in [corrupt_keys(), corrupt_contents(), corrupt_requests()].concat() {
        assert_eq!(outcome(&envelope).calls, expected, "{what}");
    }
}

// R-3218-01
#[test]
fn the_log_does_not_tell_a_bad_key_from_bad_content() {
    for (what, envelope) in [corrupt_keys(), corrupt_contents()].concat() {
        let text = outcome(&envelope).rejected.error.to_string();
        assert_eq!(text, "the envelope does not hold what the message type promises", "{what}");
    }
}

// R-3.3.1-04
#[test]
fn a_renewal_must_prove_the_new_key_too() {
    let mut bad_signature = device().csr.der().to_vec();
    *bad_signature.last_mut().unwrap() ^= 1;
    let message = SignedMessage::request(device(), "17", holding(&bad_signature).build()).build();
    let (error, fail_info) = because(Box::new(outcome_of(&message).rejected));
    assert!(matches!(error, Error::Undecipherable(Some(_))), "{error}");
    assert_eq!(fail_info, FailInfo::BAD_MESSAGE_CHECK);
}

// R-3218-03, R-2.3-05
#[test]
fn a_captured_envelope_wrapped_anew_is_told_by_its_key() {
    let rewrapped = SignedMessage::request(attacker(), "19", envelope()).build();
    let enrolment = open(&rewrapped, AlgorithmPolicy::Modern);
    assert_eq!(*enrolment.csr, device().csr);
    assert_eq!(enrolment.check_same_key(), Err(Misbehaviour::SignerBinding.into()));
}

#[test]
fn a_failure_of_our_own_key_is_not_blamed_on_the_peer() {
    #[derive(Debug)]
    struct Unavailable;
    impl scep_types::DecryptionKey for Unavailable {
        fn spki(&self) -> &[u8] {
            &[]
        }
        fn unwrap_key(
            &self,
            _: KeyTransport,
            _: &[u8],
            _: &ContentKey,
        ) -> Result<ContentKey, scep_types::CryptoError> {
            Err(scep_types::CryptoError::Unavailable)
        }
    }
    let recipient = Recipient { certificate: &pki().ra, key: &Unavailable };
    let (provider, policy) = (provider(), AlgorithmPolicy::Modern);
    let unverified = Unverified::parse(pkcs_req().build()).unwrap();
    let Verified::Sealed(sealed) = unverified.verify(&provider, policy).unwrap() else {
        panic!("no poll");
    };
    let fallback = FallbackKey::new([3; 32]);
    let rejected = sealed.open(&[recipient], &fallback, &provider, policy).unwrap_err();
    assert_eq!(rejected.error, Error::Crypto(scep_types::CryptoError::Unavailable));
}
