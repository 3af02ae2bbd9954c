//! The second backend: *ring*, which verifies, signs and digests, and has no envelopes.

mod key;
mod verify;

use ring::{digest, rand};
use scep_types::{
    ContentCipher, ContentKey, CryptoError, CryptoProvider, Digest, DigestAlgorithm,
    DigestProvider, EnvelopeProvider, KeyTransport, SecureRandom,
};

pub use key::SoftwareKey;

/// The provider: digests, verification and random octets; its envelope answers [`CryptoError::Unsupported`] to everything,
/// since *ring* has neither CBC nor RSA encryption.
#[must_use]
pub fn provider() -> CryptoProvider {
    CryptoProvider { digest: &Ring, verify: &Ring, envelope: &Ring, random: &Ring }
}

#[derive(Debug)]
struct Ring;

impl DigestProvider for Ring {
    fn digest(&self, algorithm: DigestAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        let algorithm = match algorithm {
            DigestAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            DigestAlgorithm::Sha256 => &digest::SHA256,
            DigestAlgorithm::Sha384 => &digest::SHA384,
            DigestAlgorithm::Sha512 => &digest::SHA512,
            _ => return Err(CryptoError::Unsupported),
        };
        Ok(Digest::new(digest::digest(algorithm, data).as_ref()))
    }
}

impl EnvelopeProvider for Ring {
    fn encrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::Unsupported)
    }

    fn decrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::Unsupported)
    }

    fn wrap_key(&self, _: KeyTransport, _: &[u8], _: &ContentKey) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::Unsupported)
    }
}

impl SecureRandom for Ring {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        rand::SecureRandom::fill(&rand::SystemRandom::new(), out)
            .map_err(|_| CryptoError::Unavailable)
    }
}
