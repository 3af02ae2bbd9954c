use std::fmt;

use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding,
};
use scep_types::{CryptoError, DigestAlgorithm, KeyKind, SignatureScheme, SigningKey};
use zeroize::Zeroizing;

use crate::private_key::{self, Described, KeyAlgorithm, Pkcs8};

/// A private key in memory that signs: RSA, P-256, P-384 or Ed25519.
///
/// P-256 signs with SHA-256, P-384 with SHA-384, RSA with SHA-256, SHA-384 and SHA-512.
pub struct SoftwareKey {
    described: Described,
    private: Private,
}

enum Private {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(DigestAlgorithm, Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl SoftwareKey {
    /// Makes a key: P-256, P-384 or Ed25519; *ring* makes no RSA keys.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for another kind, [`CryptoError::Unavailable`] if no randomness is to be had.
    pub fn generate(kind: KeyKind) -> Result<Self, CryptoError> {
        let random = SystemRandom::new();
        let document = match kind {
            KeyKind::P256 => EcdsaKeyPair::generate_pkcs8(P256.0, &random),
            KeyKind::P384 => EcdsaKeyPair::generate_pkcs8(P384.0, &random),
            KeyKind::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
            _ => return Err(CryptoError::Unsupported),
        };
        Self::from_pkcs8_der(document.map_err(|_| CryptoError::Unavailable)?.as_ref())
    }

    /// Reads an unencrypted key, PEM: the first `PRIVATE KEY` (PKCS #8), else `RSA PRIVATE KEY` (PKCS #1), else
    /// `EC PRIVATE KEY` (SEC 1, with its public key).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for what is no key, [`CryptoError::Unsupported`] for another kind, or an RSA key of
    /// fewer than 2048 bits.
    pub fn from_pem(text: &str) -> Result<Self, CryptoError> {
        Self::from_pkcs8(private_key::from_pem(text)?)
    }

    /// Reads an unencrypted PKCS #8 key, PEM.
    ///
    /// # Errors
    /// As [`SoftwareKey::from_pem`].
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, CryptoError> {
        Self::from_pkcs8(private_key::from_pkcs8_pem(text)?)
    }

    /// Reads an unencrypted PKCS #8 key, DER.
    ///
    /// # Errors
    /// As [`SoftwareKey::from_pem`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, CryptoError> {
        Self::from_pkcs8(Zeroizing::new(der.to_vec()))
    }

    /// The key as unencrypted PKCS #8, PEM.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if the key is too long for a text, which none is.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, CryptoError> {
        self.described.to_pkcs8_pem()
    }

    /// What kind of key it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.described.kind
    }

    fn from_pkcs8(pkcs8: Pkcs8) -> Result<Self, CryptoError> {
        let (algorithm, inner) = private_key::split(&pkcs8)?;
        let private = match algorithm {
            KeyAlgorithm::Rsa => {
                RsaKeyPair::from_der(inner).ok().map(|key| Private::Rsa(Box::new(key)))
            }
            KeyAlgorithm::P256 => read_ecdsa(P256, &pkcs8),
            KeyAlgorithm::P384 => read_ecdsa(P384, &pkcs8),
            KeyAlgorithm::P521 => return Err(CryptoError::Unsupported),
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8)
                .ok()
                .map(|key| Private::Ed25519(Box::new(key))),
        };
        let private = private.ok_or(CryptoError::InvalidKey)?;
        let described = Described::new(algorithm, private.public_key(), pkcs8)?;
        Ok(Self { described, private })
    }
}

impl SigningKey for SoftwareKey {
    fn spki(&self) -> &[u8] {
        &self.described.spki
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match (&self.private, scheme) {
            (Private::Rsa(key), scheme) => sign_rsa(key, scheme, message),
            (Private::Ecdsa(digest, key), SignatureScheme::Ecdsa(wanted)) if wanted == *digest => {
                let signature = key.sign(&SystemRandom::new(), message);
                signature
                    .map(|signature| signature.as_ref().to_vec())
                    .map_err(|_| CryptoError::Unavailable)
            }
            (Private::Ed25519(key), SignatureScheme::Ed25519) => {
                Ok(key.sign(message).as_ref().to_vec())
            }
            _ => Err(CryptoError::Unsupported),
        }
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { described, private: _ } = self;
        fmt::Debug::fmt(described, f)
    }
}

impl Private {
    fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(key) => key.public_key().as_ref(),
            Self::Ecdsa(_, key) => key.public_key().as_ref(),
            Self::Ed25519(key) => key.public_key().as_ref(),
        }
    }
}

fn read_ecdsa((algorithm, digest): Curve, pkcs8: &[u8]) -> Option<Private> {
    let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &SystemRandom::new()).ok()?;
    Some(Private::Ecdsa(digest, Box::new(key)))
}

fn sign_rsa(
    key: &RsaKeyPair,
    scheme: SignatureScheme,
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let encoding = encoding(scheme).ok_or(CryptoError::Unsupported)?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| CryptoError::Unavailable)?;
    Ok(signature)
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

/// A curve, and the one digest that a key on it signs with.
type Curve = (&'static EcdsaSigningAlgorithm, DigestAlgorithm);

const P256: Curve = (&signature::ECDSA_P256_SHA256_ASN1_SIGNING, DigestAlgorithm::Sha256);
const P384: Curve = (&signature::ECDSA_P384_SHA384_ASN1_SIGNING, DigestAlgorithm::Sha384);
