//! A crypto provider that counts what it is asked for: two requests that must not be told apart by time must at least ask
//! for the same operations.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scep_types::{
    ContentCipher, ContentKey, CryptoError, CryptoProvider, DecryptionKey, Digest, DigestAlgorithm,
    DigestProvider, EnvelopeProvider, KeyTransport, SignatureScheme, SignatureVerifier,
    VerifyingKey,
};

/// A provider, and a key, that pass everything on and count it.
#[derive(Debug)]
pub struct Counting {
    inner: CryptoProvider,
    digests: AtomicUsize,
    verifications: Arc<AtomicUsize>,
    encryptions: AtomicUsize,
    decryptions: AtomicUsize,
    wraps: AtomicUsize,
    unwraps: AtomicUsize,
    derivations: AtomicUsize,
    blocks: AtomicUsize,
}

/// How often each kind of operation was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Message digests.
    pub digests: usize,
    /// Signature verifications.
    pub verifications: usize,
    /// Content encryptions.
    pub encryptions: usize,
    /// Content decryptions.
    pub decryptions: usize,
    /// Key wraps.
    pub wraps: usize,
    /// Key unwraps, by a [`CountingKey`].
    pub unwraps: usize,
    /// Keys derived from passwords.
    pub derivations: usize,
    /// Encryptions and decryptions of blocks without padding.
    pub blocks: usize,
}

/// A decryption key whose unwraps are counted.
pub struct CountingKey<'a> {
    /// The key that unwraps.
    pub key: &'a dyn DecryptionKey,
    /// Who counts.
    pub counting: &'static Counting,
}

impl Counting {
    /// Counts the calls to `inner`. Lives for ever, as the traits of a provider want it.
    #[must_use]
    pub fn new(inner: CryptoProvider) -> &'static Self {
        let zero = || AtomicUsize::new(0);
        Box::leak(Box::new(Self {
            inner,
            digests: zero(),
            verifications: Arc::default(),
            encryptions: zero(),
            decryptions: zero(),
            wraps: zero(),
            unwraps: zero(),
            derivations: zero(),
            blocks: zero(),
        }))
    }

    /// The provider that counts.
    #[must_use]
    pub fn provider(&'static self) -> CryptoProvider {
        CryptoProvider { digest: self, verify: self, envelope: self, random: self.inner.random }
    }

    /// What was counted since the last time.
    pub fn take(&self) -> Calls {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        Calls {
            digests: take(&self.digests),
            verifications: take(&self.verifications),
            encryptions: take(&self.encryptions),
            decryptions: take(&self.decryptions),
            wraps: take(&self.wraps),
            unwraps: take(&self.unwraps),
            derivations: take(&self.derivations),
            blocks: take(&self.blocks),
        }
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl DigestProvider for Counting {
    fn digest(&self, algorithm: DigestAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        count(&self.digests);
        self.inner.digest.digest(algorithm, data)
    }
}

impl SignatureVerifier for Counting {
    fn verify(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        count(&self.verifications);
        self.inner.verify.verify(scheme, spki, message, signature)
    }

    fn verifying_key(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        let key = self.inner.verify.verifying_key(scheme, spki)?;
        Ok(Box::new(CountingVerifyingKey { key, verifications: Arc::clone(&self.verifications) }))
    }
}

/// A parsed key whose verifications are counted.
#[derive(Debug)]
struct CountingVerifyingKey {
    key: Box<dyn VerifyingKey>,
    verifications: Arc<AtomicUsize>,
}

impl VerifyingKey for CountingVerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        count(&self.verifications);
        self.key.verify(message, signature)
    }
}

impl EnvelopeProvider for Counting {
    fn encrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        count(&self.encryptions);
        self.inner.envelope.encrypt(cipher, key, iv, plaintext)
    }

    fn decrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        count(&self.decryptions);
        self.inner.envelope.decrypt(cipher, key, iv, ciphertext)
    }

    fn wrap_key(
        &self,
        transport: KeyTransport,
        recipient_spki: &[u8],
        key: &ContentKey,
    ) -> Result<Vec<u8>, CryptoError> {
        count(&self.wraps);
        self.inner.envelope.wrap_key(transport, recipient_spki, key)
    }

    fn derive_key(
        &self,
        prf: DigestAlgorithm,
        password: &[u8],
        salt: &[u8],
        iterations: NonZeroU32,
        key_len: usize,
    ) -> Result<ContentKey, CryptoError> {
        count(&self.derivations);
        self.inner.envelope.derive_key(prf, password, salt, iterations, key_len)
    }

    fn encrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        count(&self.blocks);
        self.inner.envelope.encrypt_blocks(cipher, key, iv, blocks)
    }

    fn decrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        count(&self.blocks);
        self.inner.envelope.decrypt_blocks(cipher, key, iv, blocks)
    }
}

impl DecryptionKey for CountingKey<'_> {
    fn spki(&self) -> &[u8] {
        self.key.spki()
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        count(&self.counting.unwraps);
        self.key.unwrap_key(transport, encrypted, fallback)
    }
}

impl std::fmt::Debug for CountingKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CountingKey(..)")
    }
}
