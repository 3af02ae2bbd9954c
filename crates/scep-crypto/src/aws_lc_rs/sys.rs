//! What AWS-LC has and aws-lc-rs does not offer: the only unsafe code of the workspace's libraries.
//!
//! Raw RSA decryption, since the padding must be checked where nothing tells how it failed; RSA signatures with SHA-1, and
//! verification with MD5; encryption for RSA keys below 2048 bits; MD5; scrypt.
#![expect(unsafe_code, reason = "calls into C; each call is wrapped here by a safe function")]

use std::ffi::{c_int, c_uint};
use std::fmt;
use std::ptr::NonNull;

use aws_lc_sys::{
    EVP_PBE_scrypt, MD5, NID_md5, NID_sha1, NID_sha256, NID_sha384, NID_sha512, RSA,
    RSA_NO_PADDING, RSA_PKCS1_PADDING, RSA_decrypt, RSA_encrypt, RSA_free,
    RSA_private_key_from_bytes, RSA_public_key_from_bytes, RSA_sign, RSA_size, RSA_verify,
};
use scep_types::{Digest, DigestAlgorithm};
use zeroize::Zeroizing;

/// The MD5 digest of `data`.
pub(super) fn md5(data: &[u8]) -> [u8; 16] {
    let mut digest = [0; 16];
    // SAFETY: `data` is readable for its length, and `digest` has the 16 octets that MD5 writes.
    unsafe { MD5(data.as_ptr(), data.len(), digest.as_mut_ptr()) };
    digest
}

/// What scrypt costs (RFC 7914 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScryptCost {
    /// N, a power of two.
    pub(super) cost: u64,
    /// r.
    pub(super) block_size: u64,
    /// p.
    pub(super) parallelization: u64,
}

/// Fills `key` with what scrypt derives from a password; `None` if the cost is none, or needs more than `max_memory` octets.
pub(super) fn scrypt(
    password: &[u8],
    salt: &[u8],
    cost: ScryptCost,
    max_memory: usize,
    key: &mut [u8],
) -> Option<()> {
    aws_lc_sys::init();
    // SAFETY: `password` and `salt` are readable and `key` is writable for the lengths given; the call keeps none of them.
    let status = unsafe {
        EVP_PBE_scrypt(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            cost.cost,
            cost.block_size,
            cost.parallelization,
            max_memory,
            key.as_mut_ptr(),
            key.len(),
        )
    };
    (status == 1).then_some(())
}

/// A public RSA key.
pub(super) struct RsaPublicKey(Rsa);

/// A private RSA key.
pub(super) struct RsaPrivateKey(Rsa);

impl RsaPublicKey {
    /// Reads an `RSAPublicKey` (RFC 8017 appendix A.1.1), DER; AWS-LC refuses exponents over 33 bits.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        aws_lc_sys::init();
        // SAFETY: `der` is readable for its length; the call copies what it keeps. The result is null or ours to free.
        let key = unsafe { RSA_public_key_from_bytes(der.as_ptr(), der.len()) };
        Rsa::own(key).map(Self)
    }

    /// Whether `signature` is a PKCS#1 v1.5 signature over `digest`, a value of `algorithm`.
    pub(super) fn verifies(
        &self,
        algorithm: DigestAlgorithm,
        digest: &Digest,
        signature: &[u8],
    ) -> bool {
        let Some(nid) = nid(algorithm) else { return false };
        let digest = digest.as_ref();
        // SAFETY: the key is live; both slices are readable for their lengths. Verifying does not mutate the key.
        let status = unsafe {
            RSA_verify(
                nid,
                digest.as_ptr(),
                digest.len(),
                signature.as_ptr(),
                signature.len(),
                self.0.as_ptr(),
            )
        };
        status == 1
    }

    /// Encrypts with PKCS#1 v1.5 padding; `None` if `plaintext` is too long.
    pub(super) fn encrypt(&self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let mut encrypted = vec![0; self.0.modulus_len()];
        let mut written = 0;
        // SAFETY: the key is live; `plaintext` is readable and `encrypted` writable for the lengths given, the latter being
        // RSA_size as the call demands. Encrypting does not mutate the key.
        let status = unsafe {
            RSA_encrypt(
                self.0.as_ptr(),
                &mut written,
                encrypted.as_mut_ptr(),
                encrypted.len(),
                plaintext.as_ptr(),
                plaintext.len(),
                RSA_PKCS1_PADDING,
            )
        };
        (status == 1 && written == encrypted.len()).then_some(encrypted)
    }
}

impl RsaPrivateKey {
    /// Reads an `RSAPrivateKey` (RFC 8017 appendix A.1.2), DER, and checks that its parts belong together.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        aws_lc_sys::init();
        // SAFETY: `der` is readable for its length; the call copies what it keeps. The result is null or ours to free.
        let key = unsafe { RSA_private_key_from_bytes(der.as_ptr(), der.len()) };
        Rsa::own(key).map(Self)
    }

    /// A PKCS#1 v1.5 signature over `digest`, a value of `algorithm`.
    pub(super) fn sign(&self, algorithm: DigestAlgorithm, digest: &Digest) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.modulus_len()];
        let mut written: c_uint = 0;
        let digest = digest.as_ref();
        // SAFETY: the key is live; `digest` is readable for its length and `signature` has the RSA_size octets that the call
        // writes at most. Signing does not mutate the key as far as other threads can see.
        let status = unsafe {
            RSA_sign(
                nid(algorithm)?,
                digest.as_ptr(),
                digest.len(),
                signature.as_mut_ptr(),
                &mut written,
                self.0.as_ptr(),
            )
        };
        (status == 1 && usize::try_from(written) == Ok(signature.len())).then_some(signature)
    }

    /// The block that `encrypted` decrypts to, as long as the modulus, padding and all.
    ///
    /// All zeros if `encrypted` has another length or is no number below the modulus, as anyone can see who has it.
    pub(super) fn decrypt_raw(&self, encrypted: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut block = Zeroizing::new(vec![0; self.0.modulus_len()]);
        let mut written = 0;
        // SAFETY: the key is live; `encrypted` is readable and `block` writable for the lengths given, the latter being
        // RSA_size as the call demands. Decrypting does not mutate the key as far as other threads can see.
        let status = unsafe {
            RSA_decrypt(
                self.0.as_ptr(),
                &mut written,
                block.as_mut_ptr(),
                block.len(),
                encrypted.as_ptr(),
                encrypted.len(),
                RSA_NO_PADDING,
            )
        };
        if status != 1 {
            block.fill(0);
        }
        block
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaPublicKey")
    }
}

/// An AWS-LC key object, freed when dropped; never null.
struct Rsa(NonNull<RSA>);

// SAFETY: the object is not tied to the thread that made it; its reference count and locks are AWS-LC's own.
unsafe impl Send for Rsa {}

// SAFETY: "A given object may be used concurrently on multiple threads by non-mutating functions" (openssl/rsa.h), which
// says so of RSA_sign, RSA_verify, RSA_encrypt and RSA_decrypt, and RSA_size takes a const pointer. No other function
// is called between reading a key and freeing it.
unsafe impl Sync for Rsa {}

impl Rsa {
    fn own(key: *mut RSA) -> Option<Self> {
        NonNull::new(key).map(Self)
    }

    fn as_ptr(&self) -> *mut RSA {
        self.0.as_ptr()
    }

    fn modulus_len(&self) -> usize {
        // SAFETY: the key is live, and read only.
        let octets = unsafe { RSA_size(self.as_ptr()) };
        usize::try_from(octets).unwrap_or_default()
    }
}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: the key is live, and this is its only owner; private parts are zeroized by the call.
        unsafe { RSA_free(self.as_ptr()) };
    }
}

/// AWS-LC's number for a digest.
fn nid(algorithm: DigestAlgorithm) -> Option<c_int> {
    match algorithm {
        DigestAlgorithm::Md5 => Some(NID_md5),
        DigestAlgorithm::Sha1 => Some(NID_sha1),
        DigestAlgorithm::Sha256 => Some(NID_sha256),
        DigestAlgorithm::Sha384 => Some(NID_sha384),
        DigestAlgorithm::Sha512 => Some(NID_sha512),
        _ => None,
    }
}
