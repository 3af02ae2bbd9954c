use scep_types::{ContentCipher, ContentKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cms::MAX_PADDING;

/// The random octets one outgoing message needs, drawn by the host: nonce, content key and initialisation vector; salt,
/// initialisation vector and padding of a key wrapped by a password.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MessageRandom {
    nonce: [u8; 16],
    key: [u8; 32],
    iv: [u8; 16],
    salt: [u8; 16],
    kek_iv: [u8; 16],
    padding: [u8; MAX_PADDING],
}

impl MessageRandom {
    /// Octets to draw.
    pub const OCTETS: usize = 128;

    /// Takes freshly drawn octets; never use the same ones twice.
    #[must_use]
    pub fn new(drawn: &[u8; Self::OCTETS]) -> Self {
        let mut random = Self {
            nonce: [0; 16],
            key: [0; 32],
            iv: [0; 16],
            salt: [0; 16],
            kek_iv: [0; 16],
            padding: [0; MAX_PADDING],
        };
        let of_envelope = random.nonce.iter_mut().chain(&mut random.key).chain(&mut random.iv);
        let of_password = random.salt.iter_mut().chain(&mut random.kek_iv);
        let slots = of_envelope.chain(of_password).chain(&mut random.padding);
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

    /// The salt of a password.
    pub(crate) fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// An initialisation vector for wrapping a key by a password.
    pub(crate) fn kek_iv(&self, cipher: ContentCipher) -> &[u8] {
        self.kek_iv.get(..cipher.block_len()).unwrap_or_default()
    }

    /// What fills the blocks of a key wrapped by a password.
    pub(crate) fn padding(&self) -> &[u8; MAX_PADDING] {
        &self.padding
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
