//! Public vectors that are not part of the repository; `SCEP_REQUIRE_VECTORS=1` makes their absence a failure.

use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::server::{Opened, Recipient, Unverified, Verified};
use scep_proto::{Error, FailInfo, FallbackKey, UnauthenticatedCa, Unsupported};
use scep_test::legacy_rsa::RsaKey;
use scep_test::vectors::vector;
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, ContentKey, DecryptionKey, DigestAlgorithm,
    KeyKind, KeyTransport,
};

use crate::support::because;

const LEGACY: AlgorithmPolicy = AlgorithmPolicy::Legacy;

fn text(path: &str) -> Option<String> {
    Some(String::from_utf8(vector(path)?).unwrap())
}

/// The Apple device's request of 2016, and the test CA it was sent to.
fn apple() -> Option<(Vec<u8>, Certificate, SoftwareKey)> {
    let message = vector("micromdm+scep/PKCSReq.der")?;
    let answer = vector("micromdm+scep/testca/ca.crt")?;
    let key = text("micromdm+scep/testca/ca.key.decrypted-empty-passphrase.pem")?;
    let ca = UnauthenticatedCa::parse(answer).unwrap().certificates()[0].clone();
    Some((message, ca, SoftwareKey::from_pem(&key).unwrap()))
}

fn open_apples(policy: AlgorithmPolicy) -> Option<Result<Opened, (Error, FailInfo)>> {
    let (message, certificate, key) = apple()?;
    let recipient = Recipient { certificate: &certificate, key: &key };
    let provider = provider();
    let verified = match Unverified::parse(message).unwrap().verify(&provider, policy) {
        Ok(Verified::Sealed(sealed)) => sealed,
        Ok(Verified::Poll(poll)) => panic!("{poll:?}"),
        Err(rejected) => return Some(Err(because(rejected))),
    };
    let fallback = FallbackKey::new([4; 32]);
    Some(verified.open(&[recipient], &fallback, &provider, policy).map_err(because))
}

#[test]
fn a_request_of_an_apple_device_opens_under_the_legacy_policy() {
    let Some(opened) = open_apples(LEGACY) else { return };
    let Ok(Opened::Enrol(enrolment)) = opened else { panic!("{opened:?}") };
    let csr = &enrolment.csr;
    assert_eq!(csr.key_kind(), KeyKind::Rsa { bits: 1024 });
    assert!(csr.challenge_password().is_none());
    assert!(csr.key_usage().is_some());
    // CertificationRequestInfo SEQUENCE { version INTEGER 2, ..
    assert_eq!(csr.info()[4..7], [2, 1, 2], "PKCS #10 has version 0 only");
    let reply = enrolment.reply;
    assert_eq!(reply.transaction_id().octets().len(), 40);
    assert_eq!(
        (reply.digest(), reply.cipher()),
        (DigestAlgorithm::Sha1, ContentCipher::TripleDesCbc)
    );
    assert_eq!(enrolment.signer.subject().to_string(), "C=US,CN=MDM SCEP SIGNER");
    assert_ne!(enrolment.signer.spki(), csr.spki().as_ref(), "a signer of 2048 bits");
}

// R-3.2.1.5-02
#[test]
fn the_apple_device_sends_a_nonce_of_eight_octets() {
    let Some((message, ..)) = apple() else { return };
    let signed = Signed::parse(message).unwrap();
    let attributes = signed.signers().next().unwrap().attributes();
    assert_eq!(attributes.sender_nonce.unwrap().unwrap().octets().len(), 8);
}

// R-2.9-02
#[test]
fn a_request_of_an_apple_device_is_a_bad_algorithm_under_the_modern_policy() {
    let Some(opened) = open_apples(AlgorithmPolicy::Modern) else { return };
    let expected = Unsupported::Digest(DigestAlgorithm::Sha1);
    assert_eq!(opened.unwrap_err(), (expected.into(), FailInfo::BAD_ALG));
}

/// The plaintext of one of the four envelopes, and how its key is wrapped.
fn decrypt(
    number: u8,
    name: &str,
    key: impl Fn(&str) -> Box<dyn DecryptionKey>,
) -> Option<(Vec<u8>, KeyTransport)> {
    let folder = "smallstep+pkcs7";
    let envelope = vector(&format!("{folder}/decrypt_test-{number}-{name}.p7.der"))?;
    let pem = text(&format!("{folder}/decrypt_test-key{number}-{name}.pem"))?;
    let envelope = Enveloped::parse(envelope).unwrap();
    let recipient = envelope.recipients().next().unwrap();
    let transport = recipient.transport().unwrap();
    let cipher = envelope.cipher().unwrap();
    let fallback = ContentKey::from_prefix(&[0xEE; 32], cipher.key_len());
    let key = key(&pem).unwrap_key(transport, recipient.encrypted_key(), &fallback).unwrap();
    let plaintext = envelope.decrypt(&key, &provider()).unwrap();
    Some((plaintext.to_vec(), transport))
}

fn software(pem: &str) -> Box<dyn DecryptionKey> {
    Box::new(SoftwareKey::from_pem(pem).unwrap())
}

fn textbook(pem: &str) -> Box<dyn DecryptionKey> {
    Box::new(RsaKey::from_pem(pem))
}

#[test]
fn the_envelope_for_a_key_of_1024_bits_opens() {
    let Some((plaintext, transport)) = decrypt(0, "EncryptedTestFixture", textbook) else { return };
    assert_eq!(transport, KeyTransport::Pkcs1v15);
    assert_eq!(String::from_utf8_lossy(&plaintext), "This is a test");
}

// R-CMS6.2.1-06
#[test]
fn the_envelopes_with_pkcs1_and_oaep_open() {
    type Key = fn(&str) -> Box<dyn DecryptionKey>;
    let cases: [(u8, &str, KeyTransport, Key); 3] = [
        (1, "RSAPKCS1v15EncryptedTestFixture", KeyTransport::Pkcs1v15, software),
        (2, "RSAOAEPSHA1EncryptedTestFixture", KeyTransport::Oaep(DigestAlgorithm::Sha1), software),
        // A modulus of 2047 bits, which no backend takes.
        (
            3,
            "RSAOAEPSHA256EncryptedTestFixture",
            KeyTransport::Oaep(DigestAlgorithm::Sha256),
            textbook,
        ),
    ];
    for (number, name, expected, key) in cases {
        let Some((plaintext, transport)) = decrypt(number, name, key) else { return };
        assert_eq!(transport, expected);
        assert_eq!(String::from_utf8_lossy(&plaintext), "This is a test", "{name}");
    }
}

#[test]
fn a_signed_data_in_ber_is_read_and_verifies() {
    let Some(block) = vector("smallstep+pkcs7/ber_test-0-block.p7.der") else { return };
    let signed = Signed::parse(block).unwrap();
    assert!(signed.content().starts_with(b"{\"AgentActionOverrides\":"));
    assert_eq!(signed.content().len(), 893);
    let signers: Vec<_> = signed.signers().collect();
    let [signer] = signers.as_slice() else { panic!("one signer") };
    let certificate = signer.certificate().unwrap();
    assert_eq!(signer.verify(certificate, &provider()), Ok(()));
}
