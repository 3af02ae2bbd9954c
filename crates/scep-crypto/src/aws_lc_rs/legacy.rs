//! What protects little or nothing, and the devices that know no better; whether a peer may use it is the caller's
//! `AlgorithmPolicy`.

use aws_lc_rs::cipher::Algorithm;
use scep_types::{
    ContentCipher, ContentKey, CryptoError, Digest, DigestAlgorithm, DigestProvider, KeyKind,
    SignatureScheme,
};

use super::{AwsLc, sys};

/// MD5: Cisco PIX and IOS, RouterOS, and sscep where a server advertises nothing.
pub(super) fn md5(data: &[u8]) -> Digest {
    Digest::new(&sys::md5(data))
}

/// Triple DES, of older Apple and Cisco devices, and single DES, of old Cisco images and micromdm's client.
#[expect(deprecated, reason = "marked so upstream for what they are, which is why they are here")]
pub(super) fn des(cipher: ContentCipher) -> Option<&'static Algorithm> {
    match cipher {
        ContentCipher::DesCbc => Some(&aws_lc_rs::cipher::DES_FOR_LEGACY_USE_ONLY),
        ContentCipher::TripleDesCbc => Some(&aws_lc_rs::cipher::DES_EDE3_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}

/// A PKCS#1 v1.5 signature with SHA-1: Cisco images refuse a reply whose digest is not the one they asked with.
pub(super) fn sign_sha1(key: &sys::RsaPrivateKey, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let digest = AwsLc.digest(DigestAlgorithm::Sha1, message)?;
    key.sign(DigestAlgorithm::Sha1, &digest).ok_or(CryptoError::Unavailable)
}

/// Wraps for an `RSAPublicKey` below 2048 bits, as Apple devices had them in 2016; PKCS#1 v1.5 is all they read.
pub(super) fn wrap_for_small_key(
    rsa_public_key: &[u8],
    key: &ContentKey,
) -> Result<Vec<u8>, CryptoError> {
    sys::RsaPublicKey::from_der(rsa_public_key)
        .and_then(|recipient| recipient.encrypt(key.octets()))
        .ok_or(CryptoError::InvalidKey)
}

/// Verifies what aws-lc-rs has no constant for: MD5, and SHA-384 under keys below 2048 bits.
#[derive(Debug)]
pub(super) struct RsaVerifier {
    key: sys::RsaPublicKey,
    digest: DigestAlgorithm,
}

impl RsaVerifier {
    /// Reads an `RSAPublicKey` if scheme and key are such ones.
    pub(super) fn new(
        scheme: SignatureScheme,
        kind: KeyKind,
        rsa_public_key: &[u8],
    ) -> Option<Result<Self, CryptoError>> {
        let SignatureScheme::RsaPkcs1(digest) = scheme else { return None };
        match (digest, kind) {
            (DigestAlgorithm::Md5, KeyKind::Rsa { bits: 1024..=8192 })
            | (DigestAlgorithm::Sha384, KeyKind::Rsa { bits: 1024..=2047 }) => {
                let key = sys::RsaPublicKey::from_der(rsa_public_key);
                Some(key.map(|key| Self { key, digest }).ok_or(CryptoError::InvalidKey))
            }
            _ => None,
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let digest = AwsLc.digest(self.digest, message)?;
        if self.key.verifies(self.digest, &digest, signature) {
            Ok(())
        } else {
            Err(CryptoError::InvalidSignature)
        }
    }
}
