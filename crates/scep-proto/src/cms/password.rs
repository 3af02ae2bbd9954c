//! PasswordRecipientInfo: for keys that sign and cannot encrypt (RFC 8894 §3.1, RFC 5652 §6.2.4).

use std::num::NonZeroU32;

use bytes::Bytes;
use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, ContentCipher, ContentKey, CryptoError, DigestAlgorithm, EnvelopeProvider,
    Secret,
};

use super::pwri_kek::Kek;
use super::signed::joined;
use crate::error::{Error, Unsupported};
use crate::random::MessageRandom;

/// Iterations a peer may ask for in one derivation: half a second of work, before anything is authenticated.
pub(crate) const MAX_ITERATIONS: u32 = 1_000_000;
/// Iterations in one message, over all candidates.
const MAX_WORK: u32 = 2_000_000;
/// Passwords tried for one message: as many one-time passwords as a server may have to try, and to spare.
const MAX_CANDIDATES: u32 = 64;
/// Octets of salt; RFC 8018 wants 8 at least, nobody sends more than 64.
const MAX_SALT: usize = 128;
/// Octets of an encryptedKey: three blocks hold the longest key.
const MAX_ENCRYPTED_KEY: usize = 64;
/// Iterations we ask for. A challenge has entropy of its own, and small devices derive the key too.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(10_000).unwrap();

/// PasswordRecipientInfo as received.
///
/// ```text
/// PasswordRecipientInfo ::= SEQUENCE { version, keyDerivationAlgorithm [0] OPTIONAL, keyEncryptionAlgorithm,
///                                      encryptedKey OCTET STRING }
/// PWRI-KEK parameters ::= AlgorithmIdentifier of the key-encryption cipher
/// ```
#[derive(Debug, Clone)]
pub(crate) struct PasswordRecipient {
    derivation: Derivation,
    pub(crate) kek_cipher: ContentCipher,
    iv: Bytes,
    encrypted_key: Bytes,
}

/// ```text
/// PBKDF2-params ::= SEQUENCE { salt OCTET STRING, iterationCount INTEGER, keyLength INTEGER OPTIONAL,
///                              prf AlgorithmIdentifier DEFAULT hmacWithSHA1 }
/// ```
#[derive(Debug, Clone)]
struct Derivation {
    salt: Bytes,
    iterations: NonZeroU32,
    key_len: Option<usize>,
    prf: DigestAlgorithm,
}

impl PasswordRecipient {
    /// Reads the element `[3]` of a RecipientInfo, and refuses what is not known, not admitted or too much work.
    pub(crate) fn parse(element: &Bytes, policy: AlgorithmPolicy) -> Result<Self, Error> {
        let mut fields = Reader::ber(element).any()?.open()?;
        fields.integer()?; // version: 0, and nothing depends on it
        // Absent, the password would be the key-encryption key, which no challenge is.
        let derivation =
            fields.optional(Tag::context(0))?.ok_or(Unsupported::MissingKeyDerivation)?;
        let derivation = Derivation::read(element, &mut derivation.open()?)?;
        let (kek_cipher, iv) = read_kek(element, &mut fields.sequence()?, policy)?;
        let encrypted_key = joined(element, fields.octet_string()?);
        fields.finish()?;
        if derivation.key_len.is_some_and(|len| len != kek_cipher.key_len()) {
            return Err(Unsupported::Algorithm(oid::PBKDF2).into());
        }
        if encrypted_key.len() > MAX_ENCRYPTED_KEY
            || !encrypted_key.len().is_multiple_of(kek_cipher.block_len())
        {
            return Err(Error::Undecipherable(None));
        }
        Ok(Self { derivation, kek_cipher, iv, encrypted_key })
    }

    /// How the key-encryption key is derived: the function, and how often.
    pub(crate) fn derivation(&self) -> (DigestAlgorithm, NonZeroU32) {
        (self.derivation.prf, self.derivation.iterations)
    }

    /// How many passwords may be tried.
    pub(crate) fn trials(&self) -> usize {
        let affordable = MAX_WORK.checked_div(self.derivation.iterations.get()).unwrap_or(1);
        usize::try_from(affordable.clamp(1, MAX_CANDIDATES)).unwrap_or(1)
    }

    /// Refuses if so many passwords would be too much work.
    pub(crate) fn check_trials(&self, candidates: usize) -> Result<(), Error> {
        if candidates <= self.trials() {
            return Ok(());
        }
        let candidates = u32::try_from(candidates).unwrap_or(u32::MAX);
        let limit = MAX_WORK.checked_div(candidates).unwrap_or(MAX_ITERATIONS);
        Err(Unsupported::Iterations { limit }.into())
    }

    /// The content key of `key_len` octets that this password unwraps, if it does.
    pub(crate) fn unwrap(
        &self,
        password: &Secret,
        key_len: usize,
        envelopes: &dyn EnvelopeProvider,
    ) -> Result<Option<ContentKey>, CryptoError> {
        let Derivation { salt, iterations, prf, .. } = &self.derivation;
        let password = password.expose().as_bytes();
        let kek_len = self.kek_cipher.key_len();
        let key = envelopes.derive_key(*prf, password, salt, *iterations, kek_len)?;
        let kek = Kek { cipher: self.kek_cipher, key: &key, iv: &self.iv, envelopes };
        match kek.unwrap(&self.encrypted_key, key_len) {
            Err(CryptoError::InvalidKey) => Ok(None), // a weak DES key: not the password's doing
            other => other,
        }
    }
}

impl Derivation {
    /// Reads the content of an AlgorithmIdentifier.
    fn read(owner: &Bytes, algorithm: &mut Reader<'_>) -> Result<Self, Error> {
        let name = algorithm.oid()?;
        if name != oid::PBKDF2 {
            return Err(Unsupported::Algorithm(name).into());
        }
        let mut fields = algorithm.sequence()?;
        algorithm.finish()?;
        let salt = joined(owner, fields.octet_string()?);
        if salt.len() > MAX_SALT {
            return Err(Unsupported::Salt(salt.len()).into());
        }
        let limit = MAX_ITERATIONS;
        let iterations = small(fields.integer()?).filter(|number| *number <= limit);
        let iterations = iterations.and_then(NonZeroU32::new);
        let iterations = iterations.ok_or(Unsupported::Iterations { limit })?;
        let key_len = match fields.optional(Tag::INTEGER)? {
            Some(length) => Some(small(length.primitive()?).unwrap_or(0)),
            None => None,
        };
        let key_len = key_len.map(|length| usize::try_from(length).unwrap_or(0));
        let prf = if fields.is_empty() { DigestAlgorithm::Sha1 } else { read_prf(&mut fields)? };
        fields.finish()?;
        Ok(Self { salt, iterations, key_len, prf })
    }
}

/// Wraps `key` for whoever knows the password, and writes the PasswordRecipientInfo.
pub(crate) fn password_recipient(
    password: &Secret,
    content: ContentCipher,
    key: &ContentKey,
    random: &MessageRandom,
    envelopes: &dyn EnvelopeProvider,
) -> Result<Vec<u8>, CryptoError> {
    let cipher = kek_cipher(content);
    let (prf, salt, iv) = (DigestAlgorithm::Sha256, random.salt(), random.kek_iv(cipher));
    let password = password.expose().as_bytes();
    let kek = envelopes.derive_key(prf, password, salt, ITERATIONS, cipher.key_len())?;
    let kek = Kek { cipher, key: &kek, iv, envelopes };
    let encrypted_key = kek.wrap(key, random.padding())?;
    Ok(DerWriter::encode(|der| {
        der.constructed(Tag::context(3), |der| {
            der.unsigned(0_u64);
            der.constructed(Tag::context(0), |der| write_pbkdf2(der, salt, ITERATIONS, prf));
            der.sequence(|der| {
                der.oid(&oid::PWRI_KEK);
                der.sequence(|der| {
                    der.oid(&cipher.oid());
                    der.primitive(Tag::OCTET_STRING, iv);
                });
            });
            der.primitive(Tag::OCTET_STRING, &encrypted_key);
        });
    }))
}

/// Whether this provider can do what [`password_recipient`] needs, tried out at the least cost.
pub(crate) fn can_wrap_by_password(envelopes: &dyn EnvelopeProvider) -> bool {
    let (prf, cipher) = (DigestAlgorithm::Sha256, ContentCipher::Aes128Cbc);
    let zeros = [0; 16];
    let key = envelopes.derive_key(prf, &[], &zeros, NonZeroU32::MIN, cipher.key_len());
    key.is_ok_and(|key| envelopes.encrypt_blocks(cipher, &key, &zeros, &zeros).is_ok())
}

/// As strong as the content's, and always AES: who reads PasswordRecipientInfo knows it.
fn kek_cipher(content: ContentCipher) -> ContentCipher {
    match content {
        ContentCipher::Aes192Cbc | ContentCipher::Aes256Cbc => content,
        _ => ContentCipher::Aes128Cbc,
    }
}

fn write_pbkdf2(der: &mut DerWriter, salt: &[u8], iterations: NonZeroU32, prf: DigestAlgorithm) {
    der.oid(&oid::PBKDF2);
    der.sequence(|der| {
        der.primitive(Tag::OCTET_STRING, salt);
        der.unsigned(iterations.get());
        // hmacWithSHA1 is the default, which DER leaves out.
        if let Some(name) = hmac(prf).filter(|name| *name != oid::HMAC_WITH_SHA1) {
            der.sequence(|der| {
                der.oid(&name);
                der.null();
            });
        }
    });
}

/// The key-encryption cipher and its initialisation vector.
fn read_kek(
    owner: &Bytes,
    algorithm: &mut Reader<'_>,
    policy: AlgorithmPolicy,
) -> Result<(ContentCipher, Bytes), Error> {
    let name = algorithm.oid()?;
    if name != oid::PWRI_KEK {
        return Err(Unsupported::Algorithm(name).into());
    }
    let mut parameters = algorithm.sequence()?;
    algorithm.finish()?;
    let name = parameters.oid()?;
    let cipher = ContentCipher::from_oid(&name).ok_or(Unsupported::Algorithm(name))?;
    if !policy.allows_cipher(cipher) {
        return Err(Unsupported::Cipher(cipher).into());
    }
    let iv = joined(owner, parameters.octet_string()?);
    if iv.len() != cipher.block_len() {
        return Err(Unsupported::InitialisationVector(iv.len()).into());
    }
    Ok((cipher, iv))
}

fn read_prf(fields: &mut Reader<'_>) -> Result<DigestAlgorithm, Error> {
    let mut algorithm = fields.sequence()?;
    let name = algorithm.oid()?;
    algorithm.optional(Tag::NULL)?;
    algorithm.finish()?;
    let known = DigestAlgorithm::ALL.into_iter().find(|digest| hmac(*digest) == Some(name));
    Ok(known.ok_or(Unsupported::Algorithm(name))?)
}

fn hmac(digest: DigestAlgorithm) -> Option<Oid> {
    match digest {
        DigestAlgorithm::Sha1 => Some(oid::HMAC_WITH_SHA1),
        DigestAlgorithm::Sha256 => Some(oid::HMAC_WITH_SHA256),
        DigestAlgorithm::Sha384 => Some(oid::HMAC_WITH_SHA384),
        DigestAlgorithm::Sha512 => Some(oid::HMAC_WITH_SHA512),
        _ => None,
    }
}

/// A non-negative INTEGER of up to 32 bits.
fn small(integer: &[u8]) -> Option<u32> {
    let digits = integer.strip_prefix(&[0]).unwrap_or(integer);
    let negative = integer.first().is_some_and(|octet| *octet >= 0x80);
    if negative || digits.len() > 4 {
        return None;
    }
    Some(digits.iter().fold(0_u32, |value, octet| value << 8 | u32::from(*octet)))
}
