use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use scep_types::{ContentCipher, ContentKey, CryptoError};

use super::legacy;

/// The key for this cipher; AWS-LC refuses weak DES keys, and triple DES keys of which two thirds are equal.
pub(super) fn unbound(
    cipher: ContentCipher,
    key: &ContentKey,
) -> Result<UnboundCipherKey, CryptoError> {
    UnboundCipherKey::new(algorithm(cipher)?, key.octets()).map_err(|_| CryptoError::InvalidKey)
}

/// The initialisation vector, if it has the block length of the cipher.
pub(super) fn encryption_context(cipher: ContentCipher, iv: &[u8]) -> Option<EncryptionContext> {
    match cipher.block_len() {
        8 => Some(EncryptionContext::Iv64(FixedLength::from(<[u8; 8]>::try_from(iv).ok()?))),
        16 => Some(EncryptionContext::Iv128(FixedLength::from(<[u8; 16]>::try_from(iv).ok()?))),
        _ => None,
    }
}

/// The initialisation vector, if it has the block length of the cipher.
pub(super) fn decryption_context(cipher: ContentCipher, iv: &[u8]) -> Option<DecryptionContext> {
    match cipher.block_len() {
        8 => Some(DecryptionContext::Iv64(FixedLength::from(<[u8; 8]>::try_from(iv).ok()?))),
        16 => Some(DecryptionContext::Iv128(FixedLength::from(<[u8; 16]>::try_from(iv).ok()?))),
        _ => None,
    }
}

fn algorithm(cipher: ContentCipher) -> Result<&'static Algorithm, CryptoError> {
    match cipher {
        ContentCipher::DesCbc | ContentCipher::TripleDesCbc => {
            legacy::des(cipher).ok_or(CryptoError::Unsupported)
        }
        ContentCipher::Aes128Cbc => Ok(&AES_128),
        ContentCipher::Aes192Cbc => Ok(&AES_192),
        ContentCipher::Aes256Cbc => Ok(&AES_256),
        _ => Err(CryptoError::Unsupported),
    }
}
