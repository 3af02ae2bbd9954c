use std::num::NonZeroU32;

use scep_crypto::aws_lc_rs::provider;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{ContentCipher, ContentKey, DigestAlgorithm};

use super::parts::{NULL, algorithm, octets};

/// A PasswordRecipientInfo (RFC 5652 §6.2.4).
#[derive(Debug, Clone)]
pub struct PasswordRecipient {
    /// The version.
    pub version: u8,
    /// The content of keyDerivationAlgorithm; absent if `None`.
    pub derivation: Option<Vec<u8>>,
    /// keyEncryptionAlgorithm, encoded.
    pub key_encryption: Vec<u8>,
    /// encryptedKey.
    pub encrypted_key: Vec<u8>,
}

/// How a password becomes a key-encryption key, and what that encrypts with.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// HMAC over this digest.
    pub prf: DigestAlgorithm,
    /// The salt.
    pub salt: Vec<u8>,
    /// The iterations.
    pub iterations: u32,
    /// The key-encryption cipher.
    pub cipher: ContentCipher,
    /// Its initialisation vector.
    pub iv: Vec<u8>,
}

impl Derivation {
    /// One with this function and cipher, of 1,000 iterations.
    #[must_use]
    pub fn new(prf: DigestAlgorithm, cipher: ContentCipher) -> Self {
        let iv = vec![0x22; cipher.block_len()];
        Self { prf, salt: vec![0x33; 16], iterations: 1000, cipher, iv }
    }

    /// The content of the AlgorithmIdentifier of PBKDF2, `prf` written out but for SHA-1.
    #[must_use]
    pub fn pbkdf2(&self) -> Vec<u8> {
        let prf = match self.prf {
            DigestAlgorithm::Sha1 => None,
            other => Some(algorithm(hmac(other), Some(&NULL))),
        };
        let iterations = DerWriter::encode(|der| der.unsigned(self.iterations));
        pbkdf2(&[octets(&self.salt), iterations, prf.unwrap_or_default()])
    }

    /// The AlgorithmIdentifier of PWRI-KEK.
    #[must_use]
    pub fn pwri_kek(&self) -> Vec<u8> {
        let cipher = algorithm(self.cipher.oid(), Some(&octets(&self.iv)));
        algorithm(oid::PWRI_KEK, Some(&cipher))
    }

    /// Wraps a key by a password, written from RFC 3211 §2.3.1; the padding is of octets `0xA5`.
    #[must_use]
    pub fn wrap(&self, password: &str, key: &[u8]) -> Vec<u8> {
        let head = [key.len() as u8, !key[0], !key[1], !key[2]];
        self.wrap_with(password, head, key)
    }

    /// The same with other octets for length and complement.
    #[must_use]
    pub fn wrap_with(&self, password: &str, head: [u8; 4], key: &[u8]) -> Vec<u8> {
        let block = self.cipher.block_len();
        let mut formatted = head.to_vec();
        formatted.extend(key);
        while formatted.len() < 2 * block || !formatted.len().is_multiple_of(block) {
            formatted.push(0xA5);
        }
        let once = self.encrypt(password, &self.iv, &formatted);
        self.encrypt(password, &once[once.len() - block..], &once)
    }

    fn encrypt(&self, password: &str, iv: &[u8], blocks: &[u8]) -> Vec<u8> {
        let (envelopes, cipher) = (provider().envelope, self.cipher);
        let iterations = NonZeroU32::new(self.iterations).unwrap();
        let (password, len) = (password.as_bytes(), cipher.key_len());
        let kek = envelopes.derive_key(self.prf, password, &self.salt, iterations, len).unwrap();
        envelopes.encrypt_blocks(cipher, &kek, iv, blocks).unwrap()
    }
}

impl PasswordRecipient {
    /// An honest one around this key.
    #[must_use]
    pub fn new(derivation: &Derivation, password: &str, key: &ContentKey) -> Self {
        Self {
            version: 0,
            derivation: Some(derivation.pbkdf2()),
            key_encryption: derivation.pwri_kek(),
            encrypted_key: derivation.wrap(password, key.octets()),
        }
    }

    /// The RecipientInfo.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.constructed(Tag::context(3), |der| {
                der.unsigned(u64::from(self.version));
                if let Some(derivation) = &self.derivation {
                    der.constructed(Tag::context(0), |der| der.raw(derivation));
                }
                der.raw(&self.key_encryption);
                der.primitive(Tag::OCTET_STRING, &self.encrypted_key);
            });
        })
    }
}

/// The content of an AlgorithmIdentifier of PBKDF2 with these fields, encoded each.
#[must_use]
pub fn pbkdf2(fields: &[Vec<u8>]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.oid(&oid::PBKDF2);
        der.sequence(|der| fields.iter().for_each(|field| der.raw(field)));
    })
}

fn hmac(digest: DigestAlgorithm) -> Oid {
    match digest {
        DigestAlgorithm::Sha1 => oid::HMAC_WITH_SHA1,
        DigestAlgorithm::Sha256 => oid::HMAC_WITH_SHA256,
        DigestAlgorithm::Sha384 => oid::HMAC_WITH_SHA384,
        DigestAlgorithm::Sha512 => oid::HMAC_WITH_SHA512,
        other => panic!("no HMAC over {other:?}"),
    }
}
