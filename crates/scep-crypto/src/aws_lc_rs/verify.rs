use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use scep_types::{
    CryptoError, DigestAlgorithm, KeyKind, SignatureScheme, SignatureVerifier, VerifyingKey,
};

use super::AwsLc;
use super::legacy::RsaVerifier;
use crate::spki;

impl SignatureVerifier for AwsLc {
    fn verify(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        Parsed::new(scheme, spki)?.verify(message, signature)
    }

    fn verifying_key(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Ok(Box::new(Parsed::new(scheme, spki)?))
    }
}

#[derive(Debug)]
enum Parsed {
    Key(ParsedPublicKey),
    Legacy(RsaVerifier),
}

impl Parsed {
    fn new(scheme: SignatureScheme, spki: &[u8]) -> Result<Self, CryptoError> {
        let (kind, key) = spki::split(spki)?;
        if let Some(legacy) = RsaVerifier::new(scheme, kind, key) {
            return legacy.map(Self::Legacy);
        }
        let algorithm = algorithm(scheme, kind).ok_or(CryptoError::Unsupported)?;
        ParsedPublicKey::new(algorithm, key).map(Self::Key).map_err(|_| CryptoError::InvalidKey)
    }
}

impl VerifyingKey for Parsed {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match self {
            Self::Key(key) => {
                key.verify_sig(message, signature).map_err(|_| CryptoError::InvalidSignature)
            }
            Self::Legacy(key) => key.verify(message, signature),
        }
    }
}

fn algorithm(scheme: SignatureScheme, kind: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
    match (scheme, kind) {
        (SignatureScheme::RsaPkcs1(digest), KeyKind::Rsa { bits: 2048..=8192 }) => pkcs1(digest),
        (SignatureScheme::RsaPkcs1(digest), KeyKind::Rsa { bits: 1024..=2047 }) => {
            pkcs1_with_small_key(digest)
        }
        (SignatureScheme::RsaPss(digest), KeyKind::Rsa { bits: 2048..=8192 }) => pss(digest),
        (SignatureScheme::Ecdsa(digest), curve) => ecdsa(curve, digest),
        (SignatureScheme::Ed25519, KeyKind::Ed25519) => Some(&signature::ED25519),
        _ => None,
    }
}

fn pkcs1(digest: DigestAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match digest {
        DigestAlgorithm::Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        DigestAlgorithm::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        DigestAlgorithm::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        DigestAlgorithm::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        _ => return None,
    })
}

fn pkcs1_with_small_key(digest: DigestAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match digest {
        DigestAlgorithm::Sha1 => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        DigestAlgorithm::Sha256 => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        DigestAlgorithm::Sha512 => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        _ => return None,
    })
}

fn pss(digest: DigestAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match digest {
        DigestAlgorithm::Sha256 => &signature::RSA_PSS_2048_8192_SHA256,
        DigestAlgorithm::Sha384 => &signature::RSA_PSS_2048_8192_SHA384,
        DigestAlgorithm::Sha512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn ecdsa(curve: KeyKind, digest: DigestAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    use DigestAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    Some(match (curve, digest) {
        (KeyKind::P256, Sha1) => &signature::ECDSA_P256_SHA1_ASN1,
        (KeyKind::P256, Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, Sha1) => &signature::ECDSA_P521_SHA1_ASN1,
        (KeyKind::P521, Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}
