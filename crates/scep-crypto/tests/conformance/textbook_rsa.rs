//! RSA as the textbook has it, on test keys: makes ciphertexts that no honest sender makes, and opens what is wrapped for
//! keys too small for a provider to load.

use num_bigint::BigUint;
use scep_types::asn1::{Reader, Tag};

pub(crate) struct TextbookRsa {
    modulus: BigUint,
    public_exponent: BigUint,
    private_exponent: BigUint,
    octets: usize,
}

impl TextbookRsa {
    /// Reads a PKCS #8 key, PEM.
    pub(crate) fn from_pem(text: &str) -> Self {
        let (_, der) = pem_rfc7468::decode_vec(text.as_bytes()).unwrap();
        let mut info = Reader::der(&der).sequence().unwrap();
        info.integer().unwrap();
        info.sequence().unwrap();
        let key = info.expect(Tag::OCTET_STRING).unwrap().primitive().unwrap();
        let mut key = Reader::der(key).sequence().unwrap();
        key.integer().unwrap();
        let mut number = || BigUint::from_bytes_be(key.integer().unwrap());
        let (modulus, public_exponent, private_exponent) = (number(), number(), number());
        let octets = usize::try_from(modulus.bits().div_ceil(8)).unwrap();
        Self { modulus, public_exponent, private_exponent, octets }
    }

    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    pub(crate) fn encrypt(&self, block: &[u8]) -> Vec<u8> {
        assert_eq!(block.len(), self.octets);
        self.padded(&BigUint::from_bytes_be(block).modpow(&self.public_exponent, &self.modulus))
    }

    pub(crate) fn decrypt(&self, encrypted: &[u8]) -> Vec<u8> {
        assert_eq!(encrypted.len(), self.octets);
        self.padded(
            &BigUint::from_bytes_be(encrypted).modpow(&self.private_exponent, &self.modulus),
        )
    }

    /// The modulus as octets: the smallest number that is no ciphertext.
    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.padded(&self.modulus)
    }

    fn padded(&self, number: &BigUint) -> Vec<u8> {
        let digits = number.to_bytes_be();
        let mut octets = vec![0; self.octets - digits.len()];
        octets.extend(digits);
        octets
    }
}
