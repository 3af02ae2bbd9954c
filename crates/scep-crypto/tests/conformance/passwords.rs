//! Keys from passwords (RFC 6070, RFC 7914 §11), and blocks without padding (NIST SP 800-38A appendix F.2).

use std::num::NonZeroU32;

use scep_crypto::aws_lc_rs::provider;
use scep_types::{ContentCipher, ContentKey, CryptoError, DigestAlgorithm};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn derive(
    prf: DigestAlgorithm,
    (password, salt): (&str, &str),
    iterations: u32,
    len: usize,
) -> Result<Vec<u8>, CryptoError> {
    let iterations = NonZeroU32::new(iterations).unwrap();
    let (password, salt) = (password.as_bytes(), salt.as_bytes());
    let key = provider().envelope.derive_key(prf, password, salt, iterations, len)?;
    Ok(key.octets().to_vec())
}

#[test]
fn the_published_keys_are_derived() {
    use DigestAlgorithm::{Sha1, Sha256};
    for (prf, password, iterations, expected) in [
        (Sha1, ("password", "salt"), 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        (Sha1, ("password", "salt"), 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        (Sha1, ("password", "salt"), 4096, "4b007901b765489abead49d926f721d065a429c1"),
        (
            Sha256,
            ("passwd", "salt"),
            1,
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
        ),
    ] {
        let expected = hex(expected);
        let derived = derive(prf, password, iterations, expected.len()).unwrap();
        assert_eq!(derived, expected, "{prf:?} {iterations}");
    }
}

#[test]
fn each_function_gives_another_key_of_the_length_that_is_asked_for() {
    use DigestAlgorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
    let mut keys = Vec::new();
    for prf in [Sha1, Sha256, Sha384, Sha512] {
        for len in [8, 16, 24, 32] {
            let key = derive(prf, ("p", "s"), 3, len).unwrap();
            assert_eq!(key.len(), len);
            keys.push(key);
        }
    }
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all);
    assert_eq!(derive(Md5, ("p", "s"), 3, 16), Err(CryptoError::Unsupported));
    for len in [0, 33] {
        assert_eq!(derive(Sha256, ("p", "s"), 3, len), Err(CryptoError::Unsupported));
    }
}

const IV: &str = "000102030405060708090a0b0c0d0e0f";
const BLOCK: &str = "6bc1bee22e409f96e93d7e117393172a";
const BLOCKS: [(ContentCipher, &str, &str); 3] = [
    (
        ContentCipher::Aes128Cbc,
        "2b7e151628aed2a6abf7158809cf4f3c",
        "7649abac8119b246cee98e9b12e9197d",
    ),
    (
        ContentCipher::Aes192Cbc,
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        "4f021db243bc633d7178183a9fa071e8",
    ),
    (
        ContentCipher::Aes256Cbc,
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "f58c4c04d6e5f1ba779eabfb5f7bfbd6",
    ),
];

#[test]
fn the_published_blocks_are_encrypted_and_decrypted() {
    for (cipher, key, expected) in BLOCKS {
        let key = ContentKey::new(&hex(key)).unwrap();
        let envelopes = provider().envelope;
        let encrypted = envelopes.encrypt_blocks(cipher, &key, &hex(IV), &hex(BLOCK)).unwrap();
        assert_eq!(encrypted, hex(expected), "{cipher:?}");
        let decrypted = envelopes.decrypt_blocks(cipher, &key, &hex(IV), &encrypted).unwrap();
        assert_eq!(decrypted, hex(BLOCK));
    }
}

#[test]
fn blocks_are_chained_and_have_no_padding() {
    for cipher in ContentCipher::ALL {
        let octets: [u8; 32] =
            std::array::from_fn(|at| [0xC0, 0x51, 0x9E, 0x27][at % 4] ^ at as u8);
        let (key, block) = (ContentKey::from_prefix(&octets, cipher.key_len()), cipher.block_len());
        let (iv, blocks) = (vec![7; block], vec![9; 3 * block]);
        let envelopes = provider().envelope;
        let encrypted = envelopes.encrypt_blocks(cipher, &key, &iv, &blocks).unwrap();
        assert_eq!(encrypted.len(), blocks.len());
        assert_ne!(encrypted[..block], encrypted[block..2 * block]);
        assert_eq!(envelopes.decrypt_blocks(cipher, &key, &iv, &encrypted), Ok(blocks.clone()));
        for (iv, blocks) in [(&iv[1..], &blocks[..]), (&iv, &blocks[1..])] {
            let refused = Err(CryptoError::InvalidKey);
            assert_eq!(envelopes.encrypt_blocks(cipher, &key, iv, blocks), refused);
            assert_eq!(envelopes.decrypt_blocks(cipher, &key, iv, blocks), refused);
        }
        let other = ContentKey::from_prefix(&octets, cipher.key_len() - 1);
        let refused = envelopes.encrypt_blocks(cipher, &other, &iv, &blocks);
        assert_eq!(refused, Err(CryptoError::InvalidKey), "{cipher:?}");
    }
}

#[cfg(feature = "ring")]
#[test]
fn ring_has_none_of_it() {
    let envelopes = scep_crypto::ring::provider().envelope;
    let (prf, cipher) = (DigestAlgorithm::Sha256, ContentCipher::Aes128Cbc);
    let key = ContentKey::new(&[1; 16]).unwrap();
    let unsupported = CryptoError::Unsupported;
    let derived = envelopes.derive_key(prf, b"p", b"s", NonZeroU32::MIN, 16);
    assert_eq!(derived.map(|_| ()), Err(unsupported));
    assert_eq!(envelopes.encrypt_blocks(cipher, &key, &[0; 16], &[0; 16]), Err(unsupported));
    assert_eq!(envelopes.decrypt_blocks(cipher, &key, &[0; 16], &[0; 16]), Err(unsupported));
}
