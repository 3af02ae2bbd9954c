//! Private keys that a passphrase keeps: `EncryptedPrivateKeyInfo` (RFC 5958 §3), by PBES2 (RFC 8018 §6.2).

use std::fmt;
use std::num::NonZeroU32;

use scep_types::asn1::{Asn1Error, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{ContentCipher, ContentKey, CryptoError, DigestAlgorithm, Secret};
use zeroize::Zeroizing;

use super::provider;
use super::sys::{self, ScryptCost};
use crate::pem;
use crate::private_key::Pkcs8;

/// Iterations of PBKDF2: a few seconds, at a start or a reload.
const MAX_ITERATIONS: u32 = 10_000_000;
/// Octets that scrypt may work on, 128 N r p of them: `openssl pkcs8 -scrypt` works on 16 MiB.
const MAX_SCRYPT: u64 = 256 * 1024 * 1024;
/// Octets of salt; RFC 8018 §4.1 wants 8 at least.
const MAX_SALT: usize = 128;

/// Why an encrypted private key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncryptedKeyError {
    /// There is no `ENCRYPTED PRIVATE KEY` that can be read.
    Malformed,
    /// It is encrypted by an algorithm other than PBES2, PBKDF2 with SHA-1 or SHA-2, scrypt, and AES-CBC.
    Unsupported(Oid),
    /// Deriving the key would cost more than one may.
    TooCostly,
    /// It is not the passphrase, or the file is damaged.
    Passphrase,
    /// The key inside is none to work with.
    Key(CryptoError),
}

impl fmt::Display for EncryptedKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("no encrypted private key that can be read"),
            Self::Unsupported(oid) => {
                write!(f, "the key is encrypted by {oid}, which is not known")
            }
            Self::TooCostly => f.write_str("the passphrase is stretched more than is bearable"),
            Self::Passphrase => f.write_str("the passphrase does not open the key"),
            Self::Key(error) => write!(f, "the key inside cannot be used: {error}"),
        }
    }
}

impl std::error::Error for EncryptedKeyError {}

impl From<Asn1Error> for EncryptedKeyError {
    fn from(_: Asn1Error) -> Self {
        Self::Malformed
    }
}

/// The PKCS #8 key inside the first `ENCRYPTED PRIVATE KEY`.
pub(super) fn open(text: &str, passphrase: &Secret) -> Result<Pkcs8, EncryptedKeyError> {
    let der = pem::decode(text, "ENCRYPTED PRIVATE KEY").ok_or(EncryptedKeyError::Malformed)?;
    Encrypted::parse(&der)?.decrypt(passphrase)
}

/// ```text
/// EncryptedPrivateKeyInfo ::= SEQUENCE { AlgorithmIdentifier { id-PBES2, PBES2-params }, encryptedData OCTET STRING }
/// PBES2-params ::= SEQUENCE { keyDerivationFunc AlgorithmIdentifier, encryptionScheme AlgorithmIdentifier }
/// ```
struct Encrypted<'a> {
    derivation: Derivation<'a>,
    cipher: ContentCipher,
    iv: &'a [u8],
    data: &'a [u8],
}

enum Derivation<'a> {
    Pbkdf2 { salt: &'a [u8], iterations: NonZeroU32, prf: DigestAlgorithm },
    Scrypt { salt: &'a [u8], cost: ScryptCost },
}

impl<'a> Encrypted<'a> {
    fn parse(der: &'a [u8]) -> Result<Self, EncryptedKeyError> {
        let mut outer = Reader::der(der);
        let mut info = outer.sequence()?;
        outer.finish()?;
        let mut algorithm = info.sequence()?;
        let data = info.expect(Tag::OCTET_STRING)?.primitive()?;
        info.finish()?;
        known(algorithm.oid()?, oid::PBES2)?;
        let mut parameters = algorithm.sequence()?;
        algorithm.finish()?;
        let mut derivation = parameters.sequence()?;
        let mut scheme = parameters.sequence()?;
        parameters.finish()?;
        let (cipher, iv) = read_scheme(&mut scheme)?;
        let derivation = Derivation::parse(&mut derivation, cipher)?;
        Ok(Self { derivation, cipher, iv, data })
    }

    fn decrypt(&self, passphrase: &Secret) -> Result<Pkcs8, EncryptedKeyError> {
        let key = self.derivation.derive(passphrase, self.cipher.key_len())?;
        let decrypted = provider().envelope.decrypt(self.cipher, &key, self.iv, self.data);
        decrypted.map(Zeroizing::new).map_err(|error| match error {
            CryptoError::DecryptionFailed => EncryptedKeyError::Passphrase,
            other => EncryptedKeyError::Key(other),
        })
    }
}

impl<'a> Derivation<'a> {
    fn parse(algorithm: &mut Reader<'a>, cipher: ContentCipher) -> Result<Self, EncryptedKeyError> {
        let name = algorithm.oid()?;
        if name != oid::PBKDF2 {
            known(name, oid::SCRYPT)?;
        }
        let mut fields = algorithm.sequence()?;
        algorithm.finish()?;
        let salt = fields.expect(Tag::OCTET_STRING)?.primitive()?;
        if salt.len() > MAX_SALT {
            return Err(EncryptedKeyError::TooCostly);
        }
        let derivation = if name == oid::PBKDF2 {
            let iterations = read_iterations(&mut fields)?;
            read_key_len(&mut fields, cipher)?;
            let prf =
                if fields.is_empty() { DigestAlgorithm::Sha1 } else { read_prf(&mut fields)? };
            Self::Pbkdf2 { salt, iterations, prf }
        } else {
            let cost = read_cost(&mut fields)?;
            read_key_len(&mut fields, cipher)?;
            Self::Scrypt { salt, cost }
        };
        fields.finish()?;
        Ok(derivation)
    }

    fn derive(&self, passphrase: &Secret, len: usize) -> Result<ContentKey, EncryptedKeyError> {
        let passphrase = passphrase.expose().as_bytes();
        match self {
            Self::Pbkdf2 { salt, iterations, prf } => provider()
                .envelope
                .derive_key(*prf, passphrase, salt, *iterations, len)
                .map_err(EncryptedKeyError::Key),
            Self::Scrypt { salt, cost } => {
                let mut derived = Zeroizing::new([0; ContentKey::MAX_OCTETS]);
                let key = derived.get_mut(..len).ok_or(EncryptedKeyError::Malformed)?;
                // Twice what was bounded: there is work space beside the table.
                let memory = usize::try_from(MAX_SCRYPT.saturating_mul(2)).unwrap_or(usize::MAX);
                sys::scrypt(passphrase, salt, *cost, memory, key)
                    .ok_or(EncryptedKeyError::Malformed)?;
                ContentKey::new(key).ok_or(EncryptedKeyError::Malformed)
            }
        }
    }
}

/// ```text
/// AES-CBC ::= AlgorithmIdentifier { aes128-CBC | aes192-CBC | aes256-CBC, OCTET STRING (SIZE (16)) }
/// ```
fn read_scheme<'a>(
    scheme: &mut Reader<'a>,
) -> Result<(ContentCipher, &'a [u8]), EncryptedKeyError> {
    use ContentCipher::{Aes128Cbc, Aes192Cbc, Aes256Cbc};
    let name = scheme.oid()?;
    let cipher = ContentCipher::from_oid(&name)
        .filter(|cipher| matches!(cipher, Aes128Cbc | Aes192Cbc | Aes256Cbc))
        .ok_or(EncryptedKeyError::Unsupported(name))?;
    let iv = scheme.expect(Tag::OCTET_STRING)?.primitive()?;
    scheme.finish()?;
    if iv.len() == cipher.block_len() {
        Ok((cipher, iv))
    } else {
        Err(EncryptedKeyError::Malformed)
    }
}

fn read_iterations(fields: &mut Reader<'_>) -> Result<NonZeroU32, EncryptedKeyError> {
    let iterations = u32::try_from(read_number(fields)?).ok();
    let iterations = iterations.filter(|iterations| *iterations <= MAX_ITERATIONS);
    let iterations = iterations.ok_or(EncryptedKeyError::TooCostly)?;
    NonZeroU32::new(iterations).ok_or(EncryptedKeyError::Malformed)
}

/// ```text
/// scrypt-params ::= SEQUENCE { salt, costParameter INTEGER, blockSize INTEGER, parallelizationParameter INTEGER,
///                              keyLength INTEGER OPTIONAL }
/// ```
fn read_cost(fields: &mut Reader<'_>) -> Result<ScryptCost, EncryptedKeyError> {
    let (cost, block_size) = (read_number(fields)?, read_number(fields)?);
    let parallelization = read_number(fields)?;
    let factors = [cost, block_size, parallelization];
    let octets = factors.into_iter().try_fold(128_u64, u64::checked_mul);
    if octets.is_none_or(|octets| octets > MAX_SCRYPT) {
        return Err(EncryptedKeyError::TooCostly);
    }
    Ok(ScryptCost { cost, block_size, parallelization })
}

/// The length that the cipher has anyway, if it is there.
fn read_key_len(fields: &mut Reader<'_>, cipher: ContentCipher) -> Result<(), EncryptedKeyError> {
    if fields.peek() != Some(Tag::INTEGER) {
        return Ok(());
    }
    let length = usize::try_from(read_number(fields)?).ok();
    if length == Some(cipher.key_len()) { Ok(()) } else { Err(EncryptedKeyError::Malformed) }
}

fn read_prf(fields: &mut Reader<'_>) -> Result<DigestAlgorithm, EncryptedKeyError> {
    let mut algorithm = fields.sequence()?;
    let name = algorithm.oid()?;
    algorithm.optional(Tag::NULL)?;
    algorithm.finish()?;
    match name {
        oid::HMAC_WITH_SHA1 => Ok(DigestAlgorithm::Sha1),
        oid::HMAC_WITH_SHA256 => Ok(DigestAlgorithm::Sha256),
        oid::HMAC_WITH_SHA384 => Ok(DigestAlgorithm::Sha384),
        oid::HMAC_WITH_SHA512 => Ok(DigestAlgorithm::Sha512),
        other => Err(EncryptedKeyError::Unsupported(other)),
    }
}

/// A non-negative INTEGER; what has more than 64 bits costs too much, whatever it counts.
fn read_number(fields: &mut Reader<'_>) -> Result<u64, EncryptedKeyError> {
    let integer = fields.integer()?;
    if integer.first().is_some_and(|octet| *octet >= 0x80) {
        return Err(EncryptedKeyError::Malformed);
    }
    let digits = integer.strip_prefix(&[0]).unwrap_or(integer);
    if digits.len() > 8 {
        return Err(EncryptedKeyError::TooCostly);
    }
    Ok(digits.iter().fold(0, |value, octet| value << 8 | u64::from(*octet)))
}

fn known(found: Oid, expected: Oid) -> Result<(), EncryptedKeyError> {
    if found == expected { Ok(()) } else { Err(EncryptedKeyError::Unsupported(found)) }
}
