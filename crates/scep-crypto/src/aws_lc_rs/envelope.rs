use std::mem;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    DecryptingKey, EncryptingKey, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
};
use aws_lc_rs::pbkdf2;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey,
};
use scep_types::{
    ContentCipher, ContentKey, CryptoError, DigestAlgorithm, EnvelopeProvider, KeyKind,
    KeyTransport,
};
use zeroize::Zeroizing;

use super::ciphers::{decryption_context, encryption_context, unbound};
use super::{AwsLc, legacy};
use crate::spki;

impl EnvelopeProvider for AwsLc {
    fn encrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let invalid = |_| CryptoError::InvalidKey;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(unbound(cipher, key)?).map_err(invalid)?;
        let context = encryption_context(cipher, iv).ok_or(CryptoError::InvalidKey)?;
        // Room for the padding: a buffer that grows leaves a copy of the plaintext behind.
        let capacity = plaintext.len().saturating_add(cipher.block_len());
        let mut in_out = Zeroizing::new(Vec::with_capacity(capacity));
        in_out.extend_from_slice(plaintext);
        key.less_safe_encrypt(&mut *in_out, context).map_err(invalid)?;
        Ok(mem::take(&mut *in_out))
    }

    fn decrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let failed = |_| CryptoError::DecryptionFailed;
        let key = match unbound(cipher, key) {
            Err(CryptoError::Unsupported) => return Err(CryptoError::Unsupported),
            unbound => PaddedBlockDecryptingKey::cbc_pkcs7(unbound.map_err(failed)?),
        };
        let context = decryption_context(cipher, iv).ok_or(CryptoError::DecryptionFailed)?;
        let key = key.map_err(|_| CryptoError::DecryptionFailed)?;
        let mut in_out = Zeroizing::new(ciphertext.to_vec());
        let plaintext =
            key.decrypt(&mut in_out, context).map_err(|_| CryptoError::DecryptionFailed)?;
        let length = plaintext.len();
        in_out.truncate(length);
        Ok(mem::take(&mut *in_out))
    }

    fn wrap_key(
        &self,
        transport: KeyTransport,
        recipient_spki: &[u8],
        key: &ContentKey,
    ) -> Result<Vec<u8>, CryptoError> {
        let (kind, public_key) = spki::split(recipient_spki)?;
        match (transport, kind) {
            (KeyTransport::Pkcs1v15, KeyKind::Rsa { bits: 1024..=2047 }) => {
                legacy::wrap_for_small_key(public_key, key)
            }
            (KeyTransport::Pkcs1v15, KeyKind::Rsa { bits: 2048..=8192 }) => {
                wrap_pkcs1(recipient_spki, key)
            }
            (KeyTransport::Oaep(digest), KeyKind::Rsa { bits: 2048..=8192 }) => {
                wrap_oaep(oaep(digest)?, recipient_spki, key)
            }
            _ => Err(CryptoError::Unsupported),
        }
    }

    fn derive_key(
        &self,
        prf: DigestAlgorithm,
        password: &[u8],
        salt: &[u8],
        iterations: NonZeroU32,
        key_len: usize,
    ) -> Result<ContentKey, CryptoError> {
        let mut derived = Zeroizing::new([0; ContentKey::MAX_OCTETS]);
        let key = derived.get_mut(..key_len).filter(|key| !key.is_empty());
        let key = key.ok_or(CryptoError::Unsupported)?;
        pbkdf2::derive(pbkdf2_with(prf)?, iterations, salt, password, key);
        ContentKey::new(key).ok_or(CryptoError::Unsupported)
    }

    fn encrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let invalid = |_| CryptoError::InvalidKey;
        let key = EncryptingKey::cbc(unbound(cipher, key)?).map_err(invalid)?;
        let context = encryption_context(cipher, iv).ok_or(CryptoError::InvalidKey)?;
        let mut in_out = Zeroizing::new(blocks.to_vec());
        key.less_safe_encrypt(&mut in_out, context).map_err(invalid)?;
        Ok(mem::take(&mut *in_out))
    }

    fn decrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let invalid = |_| CryptoError::InvalidKey;
        let key = DecryptingKey::cbc(unbound(cipher, key)?).map_err(invalid)?;
        let context = decryption_context(cipher, iv).ok_or(CryptoError::InvalidKey)?;
        let mut in_out = Zeroizing::new(blocks.to_vec());
        key.decrypt(&mut in_out, context).map_err(invalid)?;
        Ok(mem::take(&mut *in_out))
    }
}

fn pbkdf2_with(prf: DigestAlgorithm) -> Result<pbkdf2::Algorithm, CryptoError> {
    match prf {
        DigestAlgorithm::Sha1 => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        DigestAlgorithm::Sha256 => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        DigestAlgorithm::Sha384 => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        DigestAlgorithm::Sha512 => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => Err(CryptoError::Unsupported),
    }
}

/// OAEP with this digest in both its places.
pub(super) fn oaep(digest: DigestAlgorithm) -> Result<&'static OaepAlgorithm, CryptoError> {
    match digest {
        DigestAlgorithm::Sha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        DigestAlgorithm::Sha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        DigestAlgorithm::Sha384 => Ok(&OAEP_SHA384_MGF1SHA384),
        DigestAlgorithm::Sha512 => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(CryptoError::Unsupported),
    }
}

fn wrap_pkcs1(recipient_spki: &[u8], key: &ContentKey) -> Result<Vec<u8>, CryptoError> {
    let invalid = |_| CryptoError::InvalidKey;
    let recipient =
        PublicEncryptingKey::from_der(recipient_spki).map_err(|_| CryptoError::InvalidKey)?;
    let mut wrapped = vec![0; recipient.key_size_bytes()];
    let recipient = Pkcs1PublicEncryptingKey::new(recipient).map_err(invalid)?;
    recipient.encrypt(key.octets(), &mut wrapped).map_err(invalid)?;
    Ok(wrapped)
}

fn wrap_oaep(
    algorithm: &'static OaepAlgorithm,
    recipient_spki: &[u8],
    key: &ContentKey,
) -> Result<Vec<u8>, CryptoError> {
    let invalid = |_| CryptoError::InvalidKey;
    let recipient =
        PublicEncryptingKey::from_der(recipient_spki).map_err(|_| CryptoError::InvalidKey)?;
    let mut wrapped = vec![0; recipient.key_size_bytes()];
    let recipient = OaepPublicEncryptingKey::new(recipient).map_err(invalid)?;
    recipient.encrypt(algorithm, key.octets(), &mut wrapped, None).map_err(invalid)?;
    Ok(wrapped)
}
