//! PWRI-KEK: a content key under a key-encryption key, by two passes of a block cipher (RFC 3211 §2.3).

use scep_types::{ContentCipher, ContentKey, CryptoError, EnvelopeProvider};
use zeroize::Zeroizing;

/// Octets in front of the key: its length, and the complement of its first three octets.
const HEAD: usize = 4;

/// Octets of padding that a key needs at most: two blocks are filled, of 16 octets each.
pub(crate) const MAX_PADDING: usize = 32;

/// A block cipher with a key and an initialisation vector.
#[derive(Clone, Copy)]
pub(crate) struct Kek<'a> {
    pub(crate) cipher: ContentCipher,
    pub(crate) key: &'a ContentKey,
    pub(crate) iv: &'a [u8],
    pub(crate) envelopes: &'a dyn EnvelopeProvider,
}

impl Kek<'_> {
    /// Wraps `key`; `padding` is random and as long as [`MAX_PADDING`].
    pub(crate) fn wrap(
        &self,
        key: &ContentKey,
        padding: &[u8; MAX_PADDING],
    ) -> Result<Vec<u8>, CryptoError> {
        let formatted = formatted(key, padding, self.cipher.block_len())?;
        let first = self.encrypt(self.iv, &formatted)?;
        let (_, last) = split_last(&first, self.cipher).ok_or(CryptoError::InvalidKey)?;
        self.encrypt(last, &first)
    }

    /// Unwraps a key of `key_len` octets; `None` for whatever does not hold one. The calls are the same either way.
    pub(crate) fn unwrap(
        &self,
        encrypted: &[u8],
        key_len: usize,
    ) -> Result<Option<ContentKey>, CryptoError> {
        let Some((before, last)) = split_last(encrypted, self.cipher) else { return Ok(None) };
        let Some((_, previous)) = split_last(before, self.cipher) else { return Ok(None) };
        let inner_iv = self.decrypt(previous, last)?;
        let mut first = self.decrypt(&inner_iv, before)?;
        first.extend_from_slice(&inner_iv);
        let formatted = self.decrypt(self.iv, &first)?;
        Ok(key_in(&formatted, key_len))
    }

    fn encrypt(&self, iv: &[u8], blocks: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.envelopes.encrypt_blocks(self.cipher, self.key, iv, blocks)
    }

    fn decrypt(&self, iv: &[u8], blocks: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let blocks = self.envelopes.decrypt_blocks(self.cipher, self.key, iv, blocks)?;
        Ok(Zeroizing::new(blocks))
    }
}

/// `length || complement of three octets || key || padding`, whole blocks and at least two of them.
fn formatted(
    key: &ContentKey,
    padding: &[u8; MAX_PADDING],
    block: usize,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let key = key.octets();
    let length = u8::try_from(key.len()).map_err(|_| CryptoError::InvalidKey)?;
    let filled = HEAD.saturating_add(key.len());
    let total = filled.next_multiple_of(block).max(block.saturating_mul(2));
    let missing = padding.get(..total.saturating_sub(filled)).ok_or(CryptoError::InvalidKey)?;
    let mut formatted = Zeroizing::new(Vec::with_capacity(total));
    formatted.push(length);
    formatted.extend(key.iter().take(3).map(|octet| !octet));
    formatted.extend_from_slice(key);
    formatted.extend_from_slice(missing);
    Ok(formatted)
}

/// The key in formatted blocks, if length and complement say that there is one.
fn key_in(formatted: &[u8], key_len: usize) -> Option<ContentKey> {
    let (head, rest) = formatted.split_at_checked(HEAD)?;
    let key = rest.get(..key_len)?;
    let [length, complement @ ..] = head else { return None };
    let differs = complement.iter().zip(key).fold(0, |bits, (not, octet)| bits | (not ^ !octet));
    let fits = usize::from(*length) == key_len && differs == 0;
    ContentKey::new(key).filter(|_| fits)
}

/// The last block, and what stands before it.
fn split_last(blocks: &[u8], cipher: ContentCipher) -> Option<(&[u8], &[u8])> {
    blocks.split_at_checked(blocks.len().checked_sub(cipher.block_len())?)
}
