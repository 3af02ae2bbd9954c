use std::fmt;
use std::num::NonZeroU32;

use crate::{ContentCipher, ContentKey, DigestAlgorithm, KeyTransport, SignatureScheme, hex};

/// The crypto a host hands in: a plain struct of small traits, no process-wide default.
///
/// `scep-crypto` has two of them; an HSM, a FIPS module or a fuzzer brings its own.
#[derive(Clone, Copy)]
pub struct CryptoProvider {
    /// Message digests.
    pub digest: &'static dyn DigestProvider,
    /// Signature verification.
    pub verify: &'static dyn SignatureVerifier,
    /// Content encryption and key transport.
    pub envelope: &'static dyn EnvelopeProvider,
    /// Random octets. Pure crates never draw from it themselves; adapters do, and pass the octets in.
    pub random: &'static dyn SecureRandom,
}

impl fmt::Debug for CryptoProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoProvider").finish_non_exhaustive()
    }
}

/// Computes message digests.
pub trait DigestProvider: Send + Sync {
    /// The digest of `data`.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] if the provider does not have the algorithm.
    fn digest(&self, algorithm: DigestAlgorithm, data: &[u8]) -> Result<Digest, CryptoError>;
}

/// Verifies signatures.
pub trait SignatureVerifier: Send + Sync {
    /// Verifies `signature` over `message` under the key in `spki` (SubjectPublicKeyInfo, DER).
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for a scheme or key the provider does not have (an RSA modulus out of its bounds
    /// among them), [`CryptoError::InvalidKey`] for a key that is none, [`CryptoError::InvalidSignature`] otherwise.
    fn verify(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError>;

    /// Parses the key in `spki` once, for many verifications under one scheme.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] or [`CryptoError::InvalidKey`].
    fn verifying_key(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError>;
}

/// A public key parsed once, tied to one scheme.
pub trait VerifyingKey: Send + Sync + fmt::Debug {
    /// Verifies `signature` over `message`.
    ///
    /// # Errors
    /// [`CryptoError::InvalidSignature`].
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError>;
}

/// Encrypts and decrypts content, and wraps its keys.
pub trait EnvelopeProvider: Send + Sync {
    /// Encrypts `plaintext`, padding it (RFC 5652 §6.3). `iv` has the cipher's block length.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`], or [`CryptoError::InvalidKey`] for a key or `iv` of the wrong length.
    fn encrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError>;

    /// Decrypts `ciphertext` and removes the padding. The plaintext is secret: hosts zeroize it.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`], or [`CryptoError::DecryptionFailed`] for everything that is wrong with key or
    /// content, without saying what.
    fn decrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CryptoError>;

    /// Wraps `key` for the RSA key in `recipient_spki` (SubjectPublicKeyInfo, DER).
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] or [`CryptoError::InvalidKey`].
    fn wrap_key(
        &self,
        transport: KeyTransport,
        recipient_spki: &[u8],
        key: &ContentKey,
    ) -> Result<Vec<u8>, CryptoError>;

    /// Derives a key of `key_len` octets from a password by PBKDF2 (RFC 8018 §5.2), HMAC with `prf` as its function.
    ///
    /// The cost is `iterations`, which the caller has bounded. A provider without it leaves this method out.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for a function the provider does not have, or more than
    /// [`ContentKey::MAX_OCTETS`].
    fn derive_key(
        &self,
        prf: DigestAlgorithm,
        password: &[u8],
        salt: &[u8],
        iterations: NonZeroU32,
        key_len: usize,
    ) -> Result<ContentKey, CryptoError> {
        let _ = (prf, password, salt, iterations, key_len);
        Err(CryptoError::Unsupported)
    }

    /// Encrypts whole blocks in CBC mode without padding, which PWRI-KEK is made of (RFC 3211 §2.3).
    ///
    /// A provider without it leaves this method out.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`], or [`CryptoError::InvalidKey`] for a key, `iv` or `blocks` of the wrong length.
    fn encrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let _ = (cipher, key, iv, blocks);
        Err(CryptoError::Unsupported)
    }

    /// Decrypts whole blocks in CBC mode and takes no padding off. What comes out is secret: hosts zeroize it.
    ///
    /// A provider without it leaves this method out.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`], or [`CryptoError::InvalidKey`] for a key, `iv` or `blocks` of the wrong length.
    fn decrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let _ = (cipher, key, iv, blocks);
        Err(CryptoError::Unsupported)
    }
}

/// Draws cryptographically secure random octets.
pub trait SecureRandom: Send + Sync {
    /// Fills `out`.
    ///
    /// # Errors
    /// [`CryptoError::Unavailable`] if the source fails; the caller then does nothing that needs randomness.
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError>;
}

/// A digest value of 16 to 64 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    octets: [u8; 64],
    used: usize,
}

impl Digest {
    /// A digest value from its octets; more than 64 are cut off, which no algorithm here has.
    #[must_use]
    pub fn new(value: &[u8]) -> Self {
        let mut octets = [0; 64];
        octets.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        Self { octets, used: value.len().min(64) }
    }

    /// Upper-case hexadecimal, as fingerprints are shown.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::upper(self.as_ref())
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.octets.get(..self.used).unwrap_or_default()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// Why a crypto operation did not succeed; deliberately coarse where detail would be an oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The provider does not have this algorithm or key size.
    #[error("algorithm or key size not supported by the crypto provider")]
    Unsupported,
    /// The key is not one, or does not fit the algorithm.
    #[error("key is invalid for the algorithm")]
    InvalidKey,
    /// The signature does not verify.
    #[error("signature does not verify")]
    InvalidSignature,
    /// Key or content did not decrypt.
    #[error("decryption failed")]
    DecryptionFailed,
    /// The device or service that holds the key, or the random source, did not answer.
    #[error("key or random source is unavailable")]
    Unavailable,
}
