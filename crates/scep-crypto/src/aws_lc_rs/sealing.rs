use std::fmt;
use std::mem;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use scep_types::{CryptoError, SealingKey, Secret};
use zeroize::Zeroizing;

/// A software key that seals with AES-256-GCM (NIST SP 800-38D); nonce, ciphertext and tag are one after the other.
///
/// The nonce is random, so one key is good for some four thousand million seals.
pub struct Aes256GcmKey(RandomizedNonceKey);

impl Aes256GcmKey {
    /// Octets of the key.
    pub const OCTETS: usize = 32;

    /// The key of these octets, which should be random.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if the backend refuses it.
    pub fn new(key: &[u8; Self::OCTETS]) -> Result<Self, CryptoError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key);
        key.map(Self).map_err(|_| CryptoError::InvalidKey)
    }
}

impl SealingKey for Aes256GcmKey {
    fn seal(&self, context: &[u8], secret: &Secret) -> Result<Vec<u8>, CryptoError> {
        let secret = secret.expose().as_bytes();
        // Room for the tag: a buffer that grows leaves a copy of the secret behind.
        let capacity = secret.len().saturating_add(AES_256_GCM.tag_len());
        let mut in_out = Zeroizing::new(Vec::with_capacity(capacity));
        in_out.extend_from_slice(secret);
        let nonce = self.0.seal_in_place_append_tag(Aad::from(context), &mut *in_out);
        let nonce = nonce.map_err(|_| CryptoError::Unavailable)?;
        Ok([nonce.as_ref().as_slice(), &in_out].concat())
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Secret, CryptoError> {
        let failed = CryptoError::DecryptionFailed;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(failed)?;
        let mut in_out = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(context), &mut in_out);
        let length = opened.map_err(|_| failed)?.len();
        in_out.truncate(length);
        let secret = String::from_utf8(mem::take(&mut *in_out)).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            failed
        })?;
        Ok(Secret::new(secret))
    }
}

/// Nothing of it.
impl fmt::Debug for Aes256GcmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes256GcmKey(..)")
    }
}
