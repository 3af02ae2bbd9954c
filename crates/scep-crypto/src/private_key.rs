//! Private keys as they stand in files: all encodings are brought to PKCS #8, the one that both backends read.

use std::fmt;
use std::ops::RangeInclusive;

use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{CryptoError, KeyKind, spki_key_kind};
use zeroize::Zeroizing;

use crate::{pem, spki};

/// An unencrypted PKCS #8 key (RFC 5958), DER.
pub(crate) type Pkcs8 = Zeroizing<Vec<u8>>;

/// What a private key computes with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyAlgorithm {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

/// What a software key has beside the key object of its backend.
pub(crate) struct Described {
    pub(crate) kind: KeyKind,
    pub(crate) spki: Vec<u8>,
    pkcs8: Pkcs8,
}

/// Reads a `PRIVATE KEY` (PKCS #8), `RSA PRIVATE KEY` (PKCS #1) or `EC PRIVATE KEY` (SEC 1) block.
pub(crate) fn from_pem(text: &str) -> Result<Pkcs8, CryptoError> {
    if let Some(pkcs8) = pem::decode(text, PKCS8_LABEL) {
        return Ok(pkcs8);
    }
    if let Some(rsa) = pem::decode(text, "RSA PRIVATE KEY") {
        return Ok(wrap(KeyAlgorithm::Rsa, &rsa));
    }
    let ec = pem::decode(text, "EC PRIVATE KEY").ok_or(CryptoError::InvalidKey)?;
    let curve = sec1_curve(&ec).map_err(|_| CryptoError::InvalidKey)?;
    Ok(wrap(KeyAlgorithm::on_curve(curve).ok_or(CryptoError::Unsupported)?, &ec))
}

/// Reads a `PRIVATE KEY` (PKCS #8) block.
pub(crate) fn from_pkcs8_pem(text: &str) -> Result<Pkcs8, CryptoError> {
    pem::decode(text, PKCS8_LABEL).ok_or(CryptoError::InvalidKey)
}

/// The algorithm of a PKCS #8 key, and the key inside: `RSAPrivateKey`, `ECPrivateKey` or `CurvePrivateKey`.
pub(crate) fn split(pkcs8: &[u8]) -> Result<(KeyAlgorithm, &[u8]), CryptoError> {
    let (oid, parameters, key) = read_pkcs8(pkcs8).map_err(|_| CryptoError::InvalidKey)?;
    let algorithm = match oid {
        oid::RSA_ENCRYPTION => Some(KeyAlgorithm::Rsa),
        oid::ED25519 => Some(KeyAlgorithm::Ed25519),
        oid::EC_PUBLIC_KEY => Reader::der(parameters).oid().ok().and_then(KeyAlgorithm::on_curve),
        _ => None,
    };
    let algorithm = algorithm.ok_or(CryptoError::Unsupported)?;
    if algorithm == KeyAlgorithm::Rsa {
        let modulus = rsa_modulus(key).map_err(|_| CryptoError::InvalidKey)?;
        if !RSA_MODULUS_OCTETS.contains(&modulus.len()) {
            return Err(CryptoError::Unsupported);
        }
    }
    Ok((algorithm, key))
}

impl KeyAlgorithm {
    pub(crate) fn on_curve(curve: Oid) -> Option<Self> {
        match curve {
            oid::SECP256R1 => Some(Self::P256),
            oid::SECP384R1 => Some(Self::P384),
            oid::SECP521R1 => Some(Self::P521),
            _ => None,
        }
    }

    /// Writes the AlgorithmIdentifier of a key, public or private (RFC 3279 §2.3, RFC 8410 §3).
    pub(crate) fn write(self, der: &mut DerWriter) {
        let ec = |der: &mut DerWriter, curve| {
            der.oid(&oid::EC_PUBLIC_KEY);
            der.oid(&curve);
        };
        der.sequence(|der| match self {
            Self::Rsa => {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            }
            Self::P256 => ec(der, oid::SECP256R1),
            Self::P384 => ec(der, oid::SECP384R1),
            Self::P521 => ec(der, oid::SECP521R1),
            Self::Ed25519 => der.oid(&oid::ED25519),
        });
    }
}

impl Described {
    /// Describes the key whose public half has these octets.
    pub(crate) fn new(
        algorithm: KeyAlgorithm,
        public: &[u8],
        pkcs8: Pkcs8,
    ) -> Result<Self, CryptoError> {
        let spki = spki::join(algorithm, public);
        let kind = spki_key_kind(&spki).map_err(|_| CryptoError::InvalidKey)?;
        Ok(Self { kind, spki, pkcs8 })
    }

    pub(crate) fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, CryptoError> {
        pem::encode(&self.pkcs8, PKCS8_LABEL)
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, spki: _, pkcs8: _ } = self;
        write!(f, "SoftwareKey({kind})")
    }
}

/// ```text
/// OneAsymmetricKey ::= SEQUENCE { version INTEGER, privateKeyAlgorithm AlgorithmIdentifier, privateKey OCTET STRING, .. }
/// ```
fn read_pkcs8(pkcs8: &[u8]) -> Result<(Oid, &[u8], &[u8]), Asn1Error> {
    let mut outer = Reader::der(pkcs8);
    let mut info = outer.sequence()?;
    outer.finish()?;
    info.integer()?;
    let mut algorithm = info.sequence()?;
    let key = info.expect(Tag::OCTET_STRING)?.primitive()?;
    Ok((algorithm.oid()?, algorithm.rest(), key))
}

/// ```text
/// ECPrivateKey ::= SEQUENCE { version INTEGER, privateKey OCTET STRING, parameters [0] EXPLICIT OBJECT IDENTIFIER OPTIONAL, .. }
/// ```
fn sec1_curve(key: &[u8]) -> Result<Oid, Asn1Error> {
    let mut key = Reader::der(key).sequence()?;
    key.integer()?;
    key.expect(Tag::OCTET_STRING)?;
    key.expect(Tag::context(0))?.open()?.oid()
}

/// ```text
/// RSAPrivateKey ::= SEQUENCE { version INTEGER, modulus INTEGER, .. }
/// ```
fn rsa_modulus(key: &[u8]) -> Result<&[u8], Asn1Error> {
    let mut key = Reader::der(key).sequence()?;
    key.integer()?;
    let modulus = key.integer()?;
    Ok(modulus.strip_prefix(&[0]).unwrap_or(modulus))
}

fn wrap(algorithm: KeyAlgorithm, key: &[u8]) -> Pkcs8 {
    // Room for all of it: a buffer that grows leaves a copy of the key behind.
    let mut der = DerWriter::with_capacity(key.len().saturating_add(64));
    der.sequence(|der| {
        der.unsigned(0_u64);
        algorithm.write(der);
        der.primitive(Tag::OCTET_STRING, key);
    });
    Zeroizing::new(der.into_vec())
}

const PKCS8_LABEL: &str = "PRIVATE KEY";

/// 2048 to 8192 bits: weaker keys must not be ours, longer ones would stall a worker.
const RSA_MODULUS_OCTETS: RangeInclusive<usize> = 256..=1024;
