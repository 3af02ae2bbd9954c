use std::fmt;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::algorithm::read_algorithm;
use crate::asn1::{Asn1Error, Reader};
use crate::oid::{self, Oid};
use crate::{CryptoError, DigestAlgorithm, Error, KeyTransport, Secret, SignatureScheme};

/// A private key that signs; software, HSM or remote.
///
/// Where signing is remote and asynchronous, hosts use the two-step interfaces (`to_be_signed`, then the signature)
/// and need no implementation of this trait.
pub trait SigningKey: Send + Sync {
    /// The public half as SubjectPublicKeyInfo, DER.
    fn spki(&self) -> &[u8];

    /// Signs `message`; ECDSA signatures are DER `SEQUENCE { r, s }`.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for a scheme the key does not have, [`CryptoError::Unavailable`] if it does not answer.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// A private RSA key that unwraps content-encryption keys; software or HSM.
pub trait DecryptionKey: Send + Sync {
    /// The public half as SubjectPublicKeyInfo, DER.
    fn spki(&self) -> &[u8];

    /// Unwraps `encrypted`, or returns `fallback` if it does not unwrap to a key of the same length as `fallback`.
    ///
    /// Implicit rejection (RFC 3218 §2.3.2): the caller cannot tell the two apart, so there is no error for bad padding.
    /// `fallback` must be random, of the content cipher's key length. Implementations choose between the two with
    /// [`ContentKey::from_pkcs1_block`] where they can decrypt without removing the padding, else with
    /// [`ContentKey::or_fallback`]; both in constant time.
    ///
    /// # Errors
    /// Only what does not depend on `encrypted`'s plaintext: [`CryptoError::Unsupported`], [`CryptoError::Unavailable`].
    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError>;
}

/// A secret key that seals what must be kept and read again, by authenticated encryption; software, HSM or remote.
///
/// What it sealed opens with the same key for the same context, and not otherwise.
pub trait SealingKey: Send + Sync {
    /// Encrypts `secret` and binds it to `context`, which need not be secret; never twice to the same octets.
    ///
    /// # Errors
    /// [`CryptoError::Unavailable`] if the key or the random source does not answer.
    fn seal(&self, context: &[u8], secret: &Secret) -> Result<Vec<u8>, CryptoError>;

    /// What was sealed.
    ///
    /// # Errors
    /// [`CryptoError::DecryptionFailed`] for another key, another context, or anything that was not sealed or was changed,
    /// without saying which; [`CryptoError::Unavailable`] if the key does not answer.
    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Secret, CryptoError>;
}

/// A content-encryption key of at most 32 octets, zeroized when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ContentKey {
    octets: [u8; Self::MAX_OCTETS],
    used: usize,
}

impl ContentKey {
    /// Octets of the longest key (AES-256).
    pub const MAX_OCTETS: usize = 32;

    /// A key from its octets, or `None` for more than [`ContentKey::MAX_OCTETS`].
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        let mut octets = [0; Self::MAX_OCTETS];
        octets.get_mut(..key.len())?.copy_from_slice(key);
        Some(Self { octets, used: key.len() })
    }

    /// A key of the first `len` octets, of all 32 if `len` is more.
    #[must_use]
    pub fn from_prefix(octets: &[u8; Self::MAX_OCTETS], len: usize) -> Self {
        let used = len.min(Self::MAX_OCTETS);
        let mut key = Self { octets: [0; Self::MAX_OCTETS], used };
        key.octets.iter_mut().zip(octets).take(used).for_each(|(to, from)| *to = *from);
        key
    }

    /// The key.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.used).unwrap_or_default()
    }

    /// The `unwrapped` octets if they are exactly as long as `fallback`, else `fallback`; chosen in constant time.
    #[must_use]
    pub fn or_fallback(unwrapped: Option<&[u8]>, fallback: &Self) -> Self {
        let fits = unwrapped.is_some_and(|key| key.len() == fallback.used);
        let candidate = unwrapped.and_then(Self::new);
        let candidate = candidate.as_ref().unwrap_or(fallback);
        let choice = Choice::from(u8::from(fits));
        let mut selected = fallback.clone();
        for (octet, unwrapped) in selected.octets.iter_mut().zip(&candidate.octets) {
            octet.conditional_assign(unwrapped, choice);
        }
        selected
    }

    /// The key inside a raw RSA decryption, or `fallback` if that is no PKCS#1 v1.5 block around a key of the same length.
    ///
    /// `EM = 0x00 || 0x02 || PS || 0x00 || M` (RFC 8017 §7.2.2). The length of `M` is known, and so is the place of every
    /// octet: each is looked at once, whatever it is, and the choice is made in constant time.
    #[must_use]
    pub fn from_pkcs1_block(block: &[u8], fallback: &Self) -> Self {
        let mut selected = fallback.clone();
        let (padding, key) = block.split_at(block.len().saturating_sub(fallback.used));
        let [zero, two, nonzero @ .., separator] = padding else { return selected };
        if nonzero.len() < 8 {
            return selected; // says something about the modulus, nothing about the plaintext
        }
        let mut fits = zero.ct_eq(&0) & two.ct_eq(&2) & separator.ct_eq(&0);
        nonzero.iter().for_each(|octet| fits &= !octet.ct_eq(&0));
        for (octet, unwrapped) in selected.octets.iter_mut().zip(key) {
            octet.conditional_assign(unwrapped, fits);
        }
        selected
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { octets: _, used } = self;
        write!(f, "ContentKey({used} octets)")
    }
}

/// What kind of public key a SubjectPublicKeyInfo holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA.
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Anything else: the algorithm, or the curve of an EC key.
    Other(Oid),
}

impl KeyKind {
    /// The digest as strong as the curve, which software keys on curves sign with alone; `None` for keys that take any.
    #[must_use]
    pub const fn natural_digest(self) -> Option<DigestAlgorithm> {
        match self {
            Self::P256 => Some(DigestAlgorithm::Sha256),
            Self::P384 => Some(DigestAlgorithm::Sha384),
            Self::P521 => Some(DigestAlgorithm::Sha512),
            Self::Rsa { .. } | Self::Ed25519 | Self::Other(_) => None,
        }
    }

    /// Whether a content-encryption key can be wrapped for it (RFC 8894 §3.1).
    #[must_use]
    pub const fn can_encrypt(self) -> bool {
        matches!(self, Self::Rsa { .. })
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(oid) => write!(f, "key of type {oid}"),
        }
    }
}

/// The kind of key in a SubjectPublicKeyInfo.
///
/// ```text
/// SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
/// ```
///
/// # Errors
/// [`Error::Malformed`] if it is none.
pub fn spki_key_kind(spki: &[u8]) -> Result<KeyKind, Error> {
    let mut outer = Reader::der(spki);
    let mut info = outer.sequence()?;
    outer.finish()?;
    let (oid, parameters) = read_algorithm(&mut info)?;
    let key = info.bit_string_octets()?;
    info.finish()?;
    Ok(match oid {
        oid::RSA_ENCRYPTION => KeyKind::Rsa { bits: rsa_modulus_bits(key)? },
        oid::EC_PUBLIC_KEY => match Reader::der(parameters.unwrap_or_default()).oid() {
            Ok(oid::SECP256R1) => KeyKind::P256,
            Ok(oid::SECP384R1) => KeyKind::P384,
            Ok(oid::SECP521R1) => KeyKind::P521,
            Ok(curve) => KeyKind::Other(curve),
            Err(_) => KeyKind::Other(oid),
        },
        oid::ED25519 => KeyKind::Ed25519,
        other => KeyKind::Other(other),
    })
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 appendix A.1.1).
fn rsa_modulus_bits(key: &[u8]) -> Result<usize, Asn1Error> {
    let modulus = Reader::der(key).sequence()?.integer()?;
    let zeros = modulus.iter().take_while(|octet| **octet == 0).count();
    let digits = modulus.get(zeros..).unwrap_or_default();
    let unused = digits.first().map_or(0, |first| first.leading_zeros());
    Ok(digits.len().saturating_mul(8).saturating_sub(unused as usize))
}

/// The bits of a keyUsage extension (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// digitalSignature, bit 0.
    pub const DIGITAL_SIGNATURE: Self = Self(0x8000);
    /// nonRepudiation (contentCommitment), bit 1.
    pub const NON_REPUDIATION: Self = Self(0x4000);
    /// keyEncipherment, bit 2.
    pub const KEY_ENCIPHERMENT: Self = Self(0x2000);
    /// dataEncipherment, bit 3.
    pub const DATA_ENCIPHERMENT: Self = Self(0x1000);
    /// keyAgreement, bit 4.
    pub const KEY_AGREEMENT: Self = Self(0x0800);
    /// keyCertSign, bit 5.
    pub const KEY_CERT_SIGN: Self = Self(0x0400);
    /// cRLSign, bit 6.
    pub const CRL_SIGN: Self = Self(0x0200);

    /// No bit.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits that both have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// From the value of a keyUsage extension (a BIT STRING, DER).
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is none.
    pub fn from_extension(value: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::ber(value);
        let content = reader.expect(crate::asn1::Tag::BIT_STRING)?.primitive()?;
        reader.finish()?;
        // Unused bits may be set, yet they say nothing (X.690 §8.6.2.4).
        let octets = match content {
            [0] => [0, 0],
            [unused @ 0..8, first] => [first & (0xFF << unused), 0],
            [unused @ 0..8, first, second] => [*first, second & (0xFF << unused)],
            _ => return Err(Asn1Error::InvalidValue { tag: crate::asn1::Tag::BIT_STRING }.into()),
        };
        Ok(Self(u16::from_be_bytes(octets)))
    }

    /// The value of a keyUsage extension (a BIT STRING, DER, trailing zero bits removed).
    #[must_use]
    pub fn to_extension(self) -> Vec<u8> {
        let [first, second] = self.0.to_be_bytes();
        let unused = |octet: u8| octet.trailing_zeros().min(7).to_le_bytes()[0];
        match (first, second) {
            (0, 0) => vec![0x03, 1, 0],
            (first, 0) => vec![0x03, 2, unused(first), first],
            (first, second) => vec![0x03, 3, unused(second), first, second],
        }
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(KeyUsage, &str); 7] = [
            (KeyUsage::DIGITAL_SIGNATURE, "digitalSignature"),
            (KeyUsage::NON_REPUDIATION, "nonRepudiation"),
            (KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment"),
            (KeyUsage::DATA_ENCIPHERMENT, "dataEncipherment"),
            (KeyUsage::KEY_AGREEMENT, "keyAgreement"),
            (KeyUsage::KEY_CERT_SIGN, "keyCertSign"),
            (KeyUsage::CRL_SIGN, "cRLSign"),
        ];
        let set: Vec<_> =
            NAMES.iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, name)| *name).collect();
        f.write_str(&set.join(", "))
    }
}
