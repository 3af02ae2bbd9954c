//! Keys, digests and ciphers: what is taken, and what the answer is made with.

use std::sync::Arc;

use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_proto::FailInfo;
use scep_proto::client::Algorithms;
use scep_server::{SignerBinding, Signing};
use scep_types::{
    AlgorithmPolicy, ContentCipher, CryptoError, DigestAlgorithm, SignatureScheme, SigningKey,
};

use crate::support::device::{Device, granted, refused};
use crate::support::forge::{envelope_of, fail_info};
use crate::support::pki;
use crate::support::server::{PASSWORD, Server, challenge, signed};
use crate::support::{DAY, key};

// R-3.1-07
#[tokio::test]
async fn a_signer_that_cannot_decrypt_is_refused_before_anything_is_issued() {
    let server = Server::new(signed());
    let device = Device::with_key("phone", key("p256-device"));
    let answer = server.post(device.ask(&server).message).await;
    assert_eq!(fail_info(&answer.body), b"0", "badAlg, before anybody asks for the challenge");
    assert_eq!((server.certificates(), server.challenges()), (0, 0));
}

// R-3.1-03, R-3.1-04
#[tokio::test]
async fn a_signer_that_cannot_decrypt_is_answered_by_its_challenge() {
    let server = Server::new(signed());
    let device = Device::with_key("phone", key("p256-device"));
    let device = device.challenge(challenge("phone", &[], "n1").expose());
    let issued = granted(device.enrol(&server).await);
    assert_eq!(issued.spki(), device.key.spki());
    assert_eq!(granted(device.enrol(&server).await), issued, "and again, if that was lost");
    assert_eq!((server.certificates(), server.challenges()), (1, 1));
}

#[tokio::test]
async fn a_key_that_cannot_decrypt_is_enrolled_by_a_signer_that_can() {
    let server = Server::with_password(|config| config.signer_binding = SignerBinding::Any);
    let device = Device { key: key("p256-device"), ..Device::new("phone").challenge(PASSWORD) };
    assert_eq!(granted(device.enrol(&server).await).spki(), device.key.spki());
}

// R-P10-09
#[tokio::test]
async fn a_key_that_the_profile_does_not_take_is_a_bad_algorithm() {
    let server = Server::with_password(|config| config.signer_binding = SignerBinding::Any);
    let device = Device { key: key("p384-device"), ..Device::new("phone").challenge(PASSWORD) };
    granted(device.enrol(&server).await);
    let strict = Server::with_password(|config| {
        config.signer_binding = SignerBinding::Any;
        let mut profile = scep_ca::ProfileConfig::new(DAY);
        profile.keys.elliptic = Vec::new();
        config.authority.profiles = scep_ca::Profiles::new(scep_ca::Profile::new(profile).unwrap());
    });
    assert_eq!(refused(device.enrol(&strict).await), FailInfo::BAD_ALG);
    assert_eq!(strict.last().reason, Some("profile"));
}

// R-3.5.2-22
#[tokio::test]
async fn an_answer_mirrors_digest_and_cipher_of_the_request() {
    let server = Server::with_password(|config| config.algorithms = AlgorithmPolicy::Legacy);
    for (digest, cipher) in [
        (DigestAlgorithm::Sha256, ContentCipher::TripleDesCbc),
        (DigestAlgorithm::Sha512, ContentCipher::Aes256Cbc),
        (DigestAlgorithm::Sha384, ContentCipher::Aes192Cbc),
    ] {
        let mut device = Device::new("phone").challenge(PASSWORD);
        device.algorithms.digest = digest;
        device.algorithms.cipher = cipher;
        let sent = device.ask(&server);
        let answer = server.post(sent.message.clone()).await;
        granted(device.read(&server, &sent, &answer));
        assert!(contains(&envelope_of(&answer.body), cipher.oid().content()), "{cipher:?}");
        assert!(contains(&answer.body, digest.oid().content()), "{digest:?}");
    }
}

// R-2.9-02, R-7.9-01
#[tokio::test]
async fn an_old_device_is_answered_as_it_asks_where_a_policy_takes_it() {
    for (policy, cipher) in [
        (AlgorithmPolicy::Legacy, ContentCipher::TripleDesCbc),
        (AlgorithmPolicy::Obsolete, ContentCipher::DesCbc),
    ] {
        let server = Server::with_password(|config| config.algorithms = policy);
        let mut device = Device::new("phone").challenge(PASSWORD);
        device.algorithms = Algorithms { digest: DigestAlgorithm::Sha1, cipher };
        let sent = device.ask(&server);
        let answer = server.post(sent.message.clone()).await;
        granted(device.read(&server, &sent, &answer));
        assert!(contains(&answer.body, DigestAlgorithm::Sha1.oid().content()), "{policy:?}");
        assert!(contains(&envelope_of(&answer.body), cipher.oid().content()), "{policy:?}");
    }
}

#[tokio::test]
async fn a_key_that_does_not_sign_with_sha_1_answers_with_sha_256() {
    let server = Server::with_password(|config| {
        config.algorithms = AlgorithmPolicy::Legacy;
        config.authority.ra.signing = Signing::Local(Arc::new(ModernKey(key("rsa2048-ra"))));
    });
    let mut device = Device::new("phone").challenge(PASSWORD);
    device.algorithms.digest = DigestAlgorithm::Sha1;
    granted(device.enrol(&server).await);
    assert_eq!((server.last().outcome, server.certificates()), ("issued", 1));
}

#[tokio::test]
async fn ca_and_answers_may_be_signed_with_elliptic_keys() {
    for (ca_key, ra_key) in [("p256-ca", "p256-device"), ("p384-ca", "p384-device")] {
        let ca = pki::Template { key: ca_key, ..pki::Template::ca() };
        let signer = pki::Template { key: ra_key, ..pki::Template::ra() };
        let server = Server::with_password(|config| {
            config.authority = pki::with_ra(&ca, &pki::Template::ra());
            config.authority.ra.certificate = signer.issued_by(&ca);
            config.authority.ra.signing = Signing::Local(key(ra_key));
        });
        for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512] {
            let mut device = Device::new("phone").challenge(PASSWORD);
            device.algorithms.digest = digest;
            granted(device.enrol(&server).await);
        }
    }
}

/// An HSM that has given up SHA-1.
struct ModernKey(Arc<SoftwareKey>);

impl SigningKey for ModernKey {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(self.0.as_ref())
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match scheme.digest() {
            Some(DigestAlgorithm::Sha1) => Err(CryptoError::Unsupported),
            _ => self.0.sign(scheme, message),
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
