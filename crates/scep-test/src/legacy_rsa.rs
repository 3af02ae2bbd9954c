//! RSA as the textbook has it: keys that backends find too small, digests they do not sign with, padding no honest peer
//! writes. In tests only: nothing here takes constant time.

use num_bigint::BigUint;
use scep_crypto::aws_lc_rs::provider;
use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::oid;
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, DigestAlgorithm, KeyTransport, SignatureScheme,
    SigningKey,
};

/// An RSA key pair of any size.
#[derive(Debug, Clone)]
pub struct RsaKey {
    modulus: BigUint,
    public_exponent: BigUint,
    private_exponent: BigUint,
    octets: usize,
    spki: Vec<u8>,
    digest_info: DigestInfo,
}

/// How the digest is named inside a PKCS #1 v1.5 signature (RFC 8017 §9.2 note 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestInfo {
    /// With NULL parameters, as everyone does.
    WithNull,
    /// Without parameters, as an old Java client does.
    WithoutParameters,
}

impl RsaKey {
    /// Reads a PKCS #8 or PKCS #1 private key, PEM.
    #[must_use]
    pub fn from_pem(text: &str) -> Self {
        let (label, der) = pem_rfc7468::decode_vec(text.as_bytes()).unwrap();
        if label == "RSA PRIVATE KEY" {
            return Self::from_pkcs1(&der);
        }
        let mut info = Reader::der(&der).sequence().unwrap();
        info.integer().unwrap();
        info.sequence().unwrap();
        Self::from_pkcs1(info.expect(Tag::OCTET_STRING).unwrap().primitive().unwrap())
    }

    fn from_pkcs1(der: &[u8]) -> Self {
        let mut key = Reader::der(der).sequence().unwrap();
        key.integer().unwrap();
        let mut number = || BigUint::from_bytes_be(key.integer().unwrap());
        let (modulus, public_exponent, private_exponent) = (number(), number(), number());
        let octets = usize::try_from(modulus.bits().div_ceil(8)).unwrap();
        let spki = write_spki(&modulus, &public_exponent);
        let digest_info = DigestInfo::WithNull;
        Self { modulus, public_exponent, private_exponent, octets, spki, digest_info }
    }

    /// The same key, signing with another form of DigestInfo.
    #[must_use]
    pub fn with_digest_info(self, digest_info: DigestInfo) -> Self {
        Self { digest_info, ..self }
    }

    /// Octets of the modulus.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Encrypts a block of as many octets as the modulus has, whatever its padding.
    #[must_use]
    pub fn encrypt_block(&self, block: &[u8]) -> Vec<u8> {
        self.power(block, &self.public_exponent)
    }

    /// Decrypts to a block of as many octets as the modulus has.
    #[must_use]
    pub fn decrypt_block(&self, encrypted: &[u8]) -> Vec<u8> {
        self.power(encrypted, &self.private_exponent)
    }

    fn power(&self, base: &[u8], exponent: &BigUint) -> Vec<u8> {
        let digits = BigUint::from_bytes_be(base).modpow(exponent, &self.modulus).to_bytes_be();
        let mut octets = vec![0; self.octets.saturating_sub(digits.len())];
        octets.extend(digits);
        octets
    }

    fn digest_info(&self, digest: DigestAlgorithm, message: &[u8]) -> Vec<u8> {
        let value = provider().digest.digest(digest, message).unwrap();
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.sequence(|der| {
                    der.oid(&digest.oid());
                    if self.digest_info == DigestInfo::WithNull {
                        der.null();
                    }
                });
                der.primitive(Tag::OCTET_STRING, value.as_ref());
            });
        })
    }
}

impl SigningKey for RsaKey {
    fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let SignatureScheme::RsaPkcs1(digest) = scheme else {
            return Err(CryptoError::Unsupported);
        };
        let info = self.digest_info(digest, message);
        Ok(self.decrypt_block(&padded(1, 0xFF, &info, self.octets)))
    }
}

impl DecryptionKey for RsaKey {
    fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        let block = self.decrypt_block(encrypted);
        match transport {
            KeyTransport::Pkcs1v15 => Ok(ContentKey::from_pkcs1_block(&block, fallback)),
            KeyTransport::Oaep(digest) => {
                let unwrapped = oaep_message(digest, &block);
                Ok(ContentKey::or_fallback(unwrapped.as_deref(), fallback))
            }
            _ => Err(CryptoError::Unsupported),
        }
    }
}

/// The message inside an OAEP block with an empty label (RFC 8017 §7.1.2).
fn oaep_message(digest: DigestAlgorithm, block: &[u8]) -> Option<Vec<u8>> {
    let (masked_seed, masked) = block.get(1..)?.split_at_checked(digest.output_len())?;
    let seed = xor(masked_seed, &mask(digest, masked, masked_seed.len()));
    let data = xor(masked, &mask(digest, &seed, masked.len()));
    let (label, message) = data.split_at_checked(digest.output_len())?;
    let expected = provider().digest.digest(digest, &[]).ok()?;
    let end_of_padding = message.iter().position(|octet| *octet != 0)?;
    match message.get(end_of_padding..)? {
        [1, message @ ..] if label == expected.as_ref() => Some(message.to_vec()),
        _ => None,
    }
}

/// MGF1 (RFC 8017 §B.2.1).
fn mask(digest: DigestAlgorithm, seed: &[u8], octets: usize) -> Vec<u8> {
    let block = |counter: u32| {
        let seed = [seed, &counter.to_be_bytes()].concat();
        provider().digest.digest(digest, &seed).unwrap().as_ref().to_vec()
    };
    (0..).flat_map(block).take(octets).collect()
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

/// `0x00 || block type || padding || 0x00 || message` (RFC 8017 §7.2.1 and §9.2); the padding octet must not be zero for type 2.
#[must_use]
pub fn padded(block_type: u8, padding: u8, message: &[u8], octets: usize) -> Vec<u8> {
    let mut block = vec![0, block_type];
    block.resize(octets.saturating_sub(message.len().saturating_add(1)), padding);
    block.push(0);
    block.extend_from_slice(message);
    block
}

fn write_spki(modulus: &BigUint, public_exponent: &BigUint) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            });
            der.bit_string_of(|der| {
                der.sequence(|der| {
                    der.unsigned_octets(&modulus.to_bytes_be());
                    der.unsigned_octets(&public_exponent.to_bytes_be());
                });
            });
        });
    })
}
