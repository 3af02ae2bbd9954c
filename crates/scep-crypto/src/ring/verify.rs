use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use scep_types::{
    CryptoError, DigestAlgorithm, KeyKind, SignatureScheme, SignatureVerifier, VerifyingKey,
};

use super::Ring;
use crate::spki;

impl SignatureVerifier for Ring {
    fn verify(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let (algorithm, key) = select(scheme, spki)?;
        UnparsedPublicKey::new(algorithm, key)
            .verify(message, signature)
            .map_err(|_| CryptoError::InvalidSignature)
    }

    fn verifying_key(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        let (algorithm, key) = select(scheme, spki)?;
        Ok(Box::new(Selected(UnparsedPublicKey::new(algorithm, key.to_vec()))))
    }
}

/// *ring* parses a key anew for each verification.
#[derive(Debug)]
struct Selected(UnparsedPublicKey<Vec<u8>>);

impl VerifyingKey for Selected {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.0.verify(message, signature).map_err(|_| CryptoError::InvalidSignature)
    }
}

/// The algorithm, and the key if it has the length of one: *ring* finds out the rest, a point off its curve or an even
/// modulus, only when it verifies, and then the signature is invalid.
fn select(
    scheme: SignatureScheme,
    spki: &[u8],
) -> Result<(&'static dyn VerificationAlgorithm, &[u8]), CryptoError> {
    let (kind, key) = spki::split(spki)?;
    let algorithm = algorithm(scheme, kind).ok_or(CryptoError::Unsupported)?;
    let fits = match kind {
        KeyKind::P256 => key.len() == 65,
        KeyKind::P384 => key.len() == 97,
        KeyKind::Ed25519 => key.len() == 32,
        _ => true,
    };
    if fits { Ok((algorithm, key)) } else { Err(CryptoError::InvalidKey) }
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
    Some(match (curve, digest) {
        (KeyKind::P256, DigestAlgorithm::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, DigestAlgorithm::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P384, DigestAlgorithm::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, DigestAlgorithm::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        _ => return None,
    })
}
