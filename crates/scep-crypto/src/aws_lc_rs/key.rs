use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, DigestAlgorithm, KeyKind, KeyTransport, Secret,
    SignatureScheme, SigningKey,
};
use zeroize::Zeroizing;

use super::encrypted::{self, EncryptedKeyError};
use super::rsa_key::RsaKey;
use crate::private_key::{self, Described, KeyAlgorithm, Pkcs8};

/// A private key in memory: RSA signs and unwraps keys; P-256, P-384, P-521 and Ed25519 sign.
///
/// An ECDSA key signs with the one digest of its curve's strength: P-256 with SHA-256, P-384 with SHA-384, P-521 with
/// SHA-512. RSA signs with SHA-256, SHA-384 and SHA-512, and by PKCS#1 v1.5 also with SHA-1.
pub struct SoftwareKey {
    described: Described,
    private: Private,
}

enum Private {
    Rsa(Box<RsaKey>),
    Ecdsa(DigestAlgorithm, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SoftwareKey {
    /// Makes a key: RSA of 2048, 3072 or 4096 bits, P-256, P-384, P-521 or Ed25519.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for another kind, [`CryptoError::Unavailable`] if no randomness is to be had.
    pub fn generate(kind: KeyKind) -> Result<Self, CryptoError> {
        Self::from_pkcs8(match kind {
            KeyKind::Rsa { bits: 2048 } => generate_rsa(KeySize::Rsa2048),
            KeyKind::Rsa { bits: 3072 } => generate_rsa(KeySize::Rsa3072),
            KeyKind::Rsa { bits: 4096 } => generate_rsa(KeySize::Rsa4096),
            KeyKind::P256 => generate_ecdsa(P256.0),
            KeyKind::P384 => generate_ecdsa(P384.0),
            KeyKind::P521 => generate_ecdsa(P521.0),
            KeyKind::Ed25519 => generate_ed25519(),
            _ => Err(CryptoError::Unsupported),
        }?)
    }

    /// Reads an unencrypted key, PEM: the first `PRIVATE KEY` (PKCS #8), else `RSA PRIVATE KEY` (PKCS #1), else
    /// `EC PRIVATE KEY` (SEC 1).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for what is no key, [`CryptoError::Unsupported`] for another kind, or an RSA key not of
    /// 2048 to 8192 bits.
    pub fn from_pem(text: &str) -> Result<Self, CryptoError> {
        Self::from_pkcs8(private_key::from_pem(text)?)
    }

    /// Reads an encrypted key, PEM: the first `ENCRYPTED PRIVATE KEY` (PKCS #8), by PBES2 with PBKDF2 or scrypt and AES-CBC,
    /// as `openssl pkcs8 -topk8` and `openssl genpkey -aes256` write it (RFC 8018 §6.2, RFC 7914 §7).
    ///
    /// What it may cost is bounded: ten million iterations of PBKDF2, 256 MiB worked on by scrypt.
    ///
    /// # Errors
    /// [`EncryptedKeyError`].
    pub fn from_encrypted_pem(text: &str, passphrase: &Secret) -> Result<Self, EncryptedKeyError> {
        let pkcs8 = encrypted::open(text, passphrase)?;
        Self::from_pkcs8(pkcs8).map_err(|error| match error {
            // One wrong passphrase in 256 leaves something that looks padded.
            CryptoError::InvalidKey => EncryptedKeyError::Passphrase,
            other => EncryptedKeyError::Key(other),
        })
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
            KeyAlgorithm::Rsa => RsaKey::new(&pkcs8, inner).map(|key| Private::Rsa(Box::new(key))),
            KeyAlgorithm::P256 => read_ecdsa(P256, &pkcs8),
            KeyAlgorithm::P384 => read_ecdsa(P384, &pkcs8),
            KeyAlgorithm::P521 => read_ecdsa(P521, &pkcs8),
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::from_pkcs8(&pkcs8).ok().map(Private::Ed25519),
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
            (Private::Rsa(key), scheme) => key.sign(scheme, message),
            (Private::Ecdsa(digest, key), SignatureScheme::Ecdsa(wanted)) if wanted == *digest => {
                let signature = key.sign(&SystemRandom::new(), message);
                signature
                    .map(|signature| signature.as_ref().to_vec())
                    .map_err(|_| CryptoError::Unavailable)
            }
            (Private::Ed25519(key), SignatureScheme::Ed25519) => key
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| CryptoError::Unavailable),
            _ => Err(CryptoError::Unsupported),
        }
    }
}

impl DecryptionKey for SoftwareKey {
    fn spki(&self) -> &[u8] {
        &self.described.spki
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        match &self.private {
            Private::Rsa(key) => key.unwrap_key(transport, encrypted, fallback),
            Private::Ecdsa(..) | Private::Ed25519(_) => Err(CryptoError::Unsupported),
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
            Self::Rsa(key) => key.public_key(),
            Self::Ecdsa(_, key) => key.public_key().as_ref(),
            Self::Ed25519(key) => key.public_key().as_ref(),
        }
    }
}

fn read_ecdsa((algorithm, digest): Curve, pkcs8: &[u8]) -> Option<Private> {
    let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).ok()?;
    Some(Private::Ecdsa(digest, key))
}

fn generate_rsa(size: KeySize) -> Result<Pkcs8, CryptoError> {
    let key = RsaKeyPair::generate(size).map_err(|_| CryptoError::Unavailable)?;
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| CryptoError::Unavailable)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

fn generate_ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Pkcs8, CryptoError> {
    let key = EcdsaKeyPair::generate(algorithm).map_err(|_| CryptoError::Unavailable)?;
    let der = key.to_pkcs8v1().map_err(|_| CryptoError::Unavailable)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

fn generate_ed25519() -> Result<Pkcs8, CryptoError> {
    let key = Ed25519KeyPair::generate().map_err(|_| CryptoError::Unavailable)?;
    let der = key.to_pkcs8v1().map_err(|_| CryptoError::Unavailable)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

/// A curve, and the one digest that a key on it signs with.
type Curve = (&'static EcdsaSigningAlgorithm, DigestAlgorithm);

const P256: Curve = (&signature::ECDSA_P256_SHA256_ASN1_SIGNING, DigestAlgorithm::Sha256);
const P384: Curve = (&signature::ECDSA_P384_SHA384_ASN1_SIGNING, DigestAlgorithm::Sha384);
const P521: Curve = (&signature::ECDSA_P521_SHA512_ASN1_SIGNING, DigestAlgorithm::Sha512);
