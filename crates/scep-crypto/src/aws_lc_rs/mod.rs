//! The default backend: AWS-LC through `aws-lc-rs`.

mod ciphers;
mod encrypted;
mod envelope;
mod key;
mod legacy;
mod rsa_key;
mod sealing;
mod sys;
mod verify;

use aws_lc_rs::{digest, rand};
use scep_types::{
    CryptoError, CryptoProvider, Digest, DigestAlgorithm, DigestProvider, SecureRandom,
};

pub use encrypted::EncryptedKeyError;
pub use key::SoftwareKey;
pub use sealing::Aes256GcmKey;

/// The provider: digests, verification, envelopes and random octets.
#[must_use]
pub fn provider() -> CryptoProvider {
    CryptoProvider { digest: &AwsLc, verify: &AwsLc, envelope: &AwsLc, random: &AwsLc }
}

#[derive(Debug)]
struct AwsLc;

impl DigestProvider for AwsLc {
    fn digest(&self, algorithm: DigestAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        let algorithm = match algorithm {
            DigestAlgorithm::Md5 => return Ok(legacy::md5(data)),
            DigestAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            DigestAlgorithm::Sha256 => &digest::SHA256,
            DigestAlgorithm::Sha384 => &digest::SHA384,
            DigestAlgorithm::Sha512 => &digest::SHA512,
            _ => return Err(CryptoError::Unsupported),
        };
        Ok(Digest::new(digest::digest(algorithm, data).as_ref()))
    }
}

impl SecureRandom for AwsLc {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        rand::fill(out).map_err(|_| CryptoError::Unavailable)
    }
}
