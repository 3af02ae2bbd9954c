use scep_types::{ContentCipher, ContentKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The random octets one outgoing message needs, drawn by the host: nonce, content key and initialisation vector.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MessageRandom {
    nonce: [u8; 16],
    key: [u8; 32],
    iv: [u8; 16],
}

impl MessageRandom {
    /// Octets to draw.
    pub const OCTETS: usize = 64;

    /// Takes freshly drawn octets; never use the same ones twice.
    #[must_use]
    pub fn new(drawn: &[u8; Self::OCTETS]) -> Self {
        let mut random = Self { nonce: [0; 16], key: [0; 32], iv: [0; 16] };
        let slots = random.nonce.iter_mut().chain(&mut random.key).chain(&mut random.iv);
        slots.zip(drawn).for_each(|(slot, octet)| *slot = *octet);
        random
    }

    pub(crate) fn nonce(&self) -> &[u8; 16] {
        &self.nonce
    }

    /// A content key of the cipher's length.
    pub(crate) fn key(&self, cipher: ContentCipher) -> ContentKey {
        ContentKey::from_prefix(&self.key, cipher.key_len())
    }

    /// An initialisation vector of the cipher's block length.
    pub(crate) fn iv(&self, cipher: ContentCipher) -> &[u8] {
        self.iv.get(..cipher.block_len()).unwrap_or_default()
    }
}

impl std::fmt::Debug for MessageRandom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageRandom(..)")
    }
}

/// 32 random octets for the content key that stands in for one that does not unwrap (RFC 3218 §2.3.2).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FallbackKey([u8; 32]);

impl FallbackKey {
    /// Takes freshly drawn octets; never use the same ones twice.
    #[must_use]
    pub const fn new(drawn: [u8; 32]) -> Self {
        Self(drawn)
    }

    pub(crate) fn key(&self, cipher: ContentCipher) -> ContentKey {
        ContentKey::from_prefix(&self.0, cipher.key_len())
    }
}

impl std::fmt::Debug for FallbackKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FallbackKey(..)")
    }
}
