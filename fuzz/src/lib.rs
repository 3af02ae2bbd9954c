//! What the fuzz targets share: a crypto provider that believes everything, so that fuzzing reaches the code behind it.

use scep_types::{
    ContentCipher, ContentKey, CryptoError, CryptoProvider, DecryptionKey, Digest, DigestAlgorithm,
    DigestProvider, EnvelopeProvider, KeyTransport, SecureRandom, SignatureScheme,
    SignatureVerifier, VerifyingKey,
};

/// All digests are zeros, all signatures verify, and ciphertext is plaintext.
pub static NULL: CryptoProvider =
    CryptoProvider { digest: &Null, verify: &Null, envelope: &Null, random: &Null };

/// See [`NULL`]; as a decryption key it unwraps nothing and takes the fallback.
#[derive(Debug)]
pub struct Null;

impl DigestProvider for Null {
    fn digest(&self, algorithm: DigestAlgorithm, _: &[u8]) -> Result<Digest, CryptoError> {
        Ok(Digest::new(&[0; 64][..algorithm.output_len()]))
    }
}

impl SignatureVerifier for Null {
    fn verify(&self, _: SignatureScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }

    fn verifying_key(
        &self,
        _: SignatureScheme,
        _: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Ok(Box::new(Self))
    }
}

impl VerifyingKey for Null {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }
}

impl EnvelopeProvider for Null {
    fn encrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(plaintext.to_vec())
    }

    fn decrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(ciphertext.to_vec())
    }

    fn wrap_key(
        &self,
        _: KeyTransport,
        _: &[u8],
        key: &ContentKey,
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(key.octets().to_vec())
    }
}

impl SecureRandom for Null {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        out.fill(0);
        Ok(())
    }
}

impl DecryptionKey for Null {
    fn spki(&self) -> &[u8] {
        &[]
    }

    fn unwrap_key(
        &self,
        _: KeyTransport,
        _: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        Ok(fallback.clone())
    }
}
