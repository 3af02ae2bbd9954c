use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{self, KeyPair, RsaEncoding, RsaKeyPair};
use scep_types::{ContentKey, CryptoError, DigestAlgorithm, KeyTransport, SignatureScheme};
use zeroize::Zeroizing;

use super::envelope::oaep;
use super::{legacy, sys};

/// An RSA key in the three forms that its uses ask for, parsed once.
pub(super) struct RsaKey {
    sign: RsaKeyPair,
    oaep: OaepPrivateDecryptingKey,
    raw: sys::RsaPrivateKey,
}

impl RsaKey {
    /// Reads a PKCS #8 key, and the `RSAPrivateKey` inside it.
    pub(super) fn new(pkcs8: &[u8], rsa_private_key: &[u8]) -> Option<Self> {
        let decrypt = PrivateDecryptingKey::from_pkcs8(pkcs8).ok()?;
        Some(Self {
            sign: RsaKeyPair::from_pkcs8(pkcs8).ok()?,
            oaep: OaepPrivateDecryptingKey::new(decrypt).ok()?,
            raw: sys::RsaPrivateKey::from_der(rsa_private_key)?,
        })
    }

    /// `RSAPublicKey`, DER.
    pub(super) fn public_key(&self) -> &[u8] {
        self.sign.public_key().as_ref()
    }

    pub(super) fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        if scheme == SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1) {
            return legacy::sign_sha1(&self.raw, message);
        }
        let encoding = encoding(scheme).ok_or(CryptoError::Unsupported)?;
        let mut signature = vec![0; self.sign.public_modulus_len()];
        self.sign
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| CryptoError::Unavailable)?;
        Ok(signature)
    }

    pub(super) fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        match transport {
            KeyTransport::Pkcs1v15 => {
                // Not aws-lc-rs's PKCS#1 decryption: the error that it returns for bad padding is the oracle.
                Ok(ContentKey::from_pkcs1_block(&self.raw.decrypt_raw(encrypted), fallback))
            }
            KeyTransport::Oaep(digest) => Ok(self.unwrap_oaep(oaep(digest)?, encrypted, fallback)),
            _ => Err(CryptoError::Unsupported),
        }
    }

    fn unwrap_oaep(
        &self,
        algorithm: &'static OaepAlgorithm,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> ContentKey {
        let mut plaintext = Zeroizing::new(vec![0; self.oaep.min_output_size()]);
        let unwrapped = self.oaep.decrypt(algorithm, encrypted, &mut plaintext, None);
        ContentKey::or_fallback(unwrapped.ok().map(|key| &*key), fallback)
    }
}

fn encoding(scheme: SignatureScheme) -> Option<&'static dyn RsaEncoding> {
    Some(match scheme {
        SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256) => &signature::RSA_PKCS1_SHA256,
        SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha384) => &signature::RSA_PKCS1_SHA384,
        SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha512) => &signature::RSA_PKCS1_SHA512,
        SignatureScheme::RsaPss(DigestAlgorithm::Sha256) => &signature::RSA_PSS_SHA256,
        SignatureScheme::RsaPss(DigestAlgorithm::Sha384) => &signature::RSA_PSS_SHA384,
        SignatureScheme::RsaPss(DigestAlgorithm::Sha512) => &signature::RSA_PSS_SHA512,
        _ => return None,
    })
}
