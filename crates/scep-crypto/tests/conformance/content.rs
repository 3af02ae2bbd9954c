use scep_types::{ContentCipher, CryptoError};

use crate::support::{MESSAGE, aws_lc_rs, content_key, data, hex};

/// NIST SP 800-38A appendix F.2.
const AES_IV: &str = "000102030405060708090A0B0C0D0E0F";
const AES_PLAINTEXT: &str = "6BC1BEE22E409F96E93D7E117393172A AE2D8A571E03AC9C9EB76FAC45AF8E51
    30C81C46A35CE411E5FBC1191A0A52EF F69F2445DF4F9B17AD2B417BE66C3710";
const AES_128_KEY: &str = "2B7E151628AED2A6ABF7158809CF4F3C";
const AES_192_KEY: &str = "8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B";
const AES_256_KEY: &str = "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4";

/// The key of the examples in NIST SP 800-67 appendix B; its first third is that of FIPS 81.
const TRIPLE_DES_KEY: &str = "0123456789ABCDEF 23456789ABCDEF01 456789ABCDEF0123";
const DES_KEY: &str = "0123456789ABCDEF";
const DES_IV: &str = "1234567890ABCDEF";

/// What OpenSSL encrypted in `data/envelopes`: cipher, key, initialisation vector, file.
const BY_OPENSSL: [(ContentCipher, &str, &str, &str); 5] = [
    (ContentCipher::Aes128Cbc, AES_128_KEY, AES_IV, "aes-128-cbc"),
    (ContentCipher::Aes192Cbc, AES_192_KEY, AES_IV, "aes-192-cbc"),
    (ContentCipher::Aes256Cbc, AES_256_KEY, AES_IV, "aes-256-cbc"),
    (ContentCipher::TripleDesCbc, TRIPLE_DES_KEY, DES_IV, "des-ede3-cbc"),
    (ContentCipher::DesCbc, DES_KEY, DES_IV, "des-cbc"),
];

fn encrypt(cipher: ContentCipher, key: &str, iv: &str, plaintext: &[u8]) -> Vec<u8> {
    aws_lc_rs().envelope.encrypt(cipher, &content_key(&hex(key)), &hex(iv), plaintext).unwrap()
}

fn decrypt(
    cipher: ContentCipher,
    key: &[u8],
    iv: &[u8],
    ciphertext: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    aws_lc_rs().envelope.decrypt(cipher, &content_key(key), iv, ciphertext)
}

#[test]
fn aes_cbc_gives_the_ciphertexts_of_sp_800_38a() {
    for (cipher, key, expected) in [
        (
            ContentCipher::Aes128Cbc,
            AES_128_KEY,
            "7649ABAC8119B246CEE98E9B12E9197D 5086CB9B507219EE95DB113A917678B2
             73BED6B8E3C1743B7116E69E22229516 3FF1CAA1681FAC09120ECA307586E1A7",
        ),
        (
            ContentCipher::Aes192Cbc,
            AES_192_KEY,
            "4F021DB243BC633D7178183A9FA071E8 B4D9ADA9AD7DEDF4E5E738763F69145A
             571B242012FB7AE07FA9BAAC3DF102E0 08B0E27988598881D920A9E64F5615CD",
        ),
        (
            ContentCipher::Aes256Cbc,
            AES_256_KEY,
            "F58C4C04D6E5F1BA779EABFB5F7BFBD6 9CFC4E967EDB808D679F777BC6702C7D
             39F23369A9D9BACFA530E26304231461 B2EB05E2C39BE9FCDA6C19078C6A9D1B",
        ),
    ] {
        let ciphertext = encrypt(cipher, key, AES_IV, &hex(AES_PLAINTEXT));
        assert_eq!(ciphertext[..64], hex(expected), "{cipher:?}");
        assert_eq!(ciphertext.len(), 80, "{cipher:?}: a whole block of padding follows");
    }
}

#[test]
fn single_des_gives_the_ciphertext_of_fips_81() {
    let ciphertext = encrypt(ContentCipher::DesCbc, DES_KEY, DES_IV, b"Now is the time for all ");
    let expected = hex("E5C7CDDE872BF27C 43E934008C389C0F 683788499A7C05F6");
    assert_eq!(ciphertext[..24], expected);
    assert_eq!(ciphertext[24..], hex("62C16A27E4FCF277"), "the padding, as OpenSSL encrypts it");
}

#[test]
fn triple_des_gives_the_block_of_sp_800_67() {
    // A first CBC block with an initialisation vector of zeros is the ECB block of the example.
    let iv = "0000000000000000";
    let ciphertext = encrypt(ContentCipher::TripleDesCbc, TRIPLE_DES_KEY, iv, b"The qufc");
    assert_eq!(ciphertext[..8], hex("A826FD8CE53B855F"));
}

#[test]
fn every_cipher_agrees_with_openssl_both_ways() {
    for (cipher, key, iv, file) in BY_OPENSSL {
        let ciphertext = data(&format!("envelopes/{file}.bin"));
        assert_eq!(encrypt(cipher, key, iv, MESSAGE), ciphertext, "{file}");
        let plaintext = decrypt(cipher, &hex(key), &hex(iv), &ciphertext).unwrap();
        assert_eq!(plaintext, MESSAGE, "{file}");
    }
}

#[test]
fn every_length_of_content_comes_back() {
    for (cipher, key, iv, _) in BY_OPENSSL {
        for length in [0, 1, 7, 8, 9, 15, 16, 17, 4096, 100_000] {
            let plaintext = vec![0xC3; length];
            let ciphertext = encrypt(cipher, key, iv, &plaintext);
            assert_eq!(ciphertext.len(), (length / cipher.block_len() + 1) * cipher.block_len());
            assert_eq!(decrypt(cipher, &hex(key), &hex(iv), &ciphertext), Ok(plaintext));
        }
    }
}

#[test]
fn everything_wrong_with_content_or_key_fails_in_one_way() {
    for (cipher, key, iv, file) in BY_OPENSSL {
        let (key, iv) = (hex(key), hex(iv));
        let good = data(&format!("envelopes/{file}.bin"));
        let mut bad_padding = good.clone();
        let before_last = good.len() - cipher.block_len() - 1;
        bad_padding[before_last] ^= 0x80; // the last octet of the padding becomes 0x8N
        let other_key: Vec<u8> = key.iter().map(|octet| octet ^ 0x3C).collect();
        for (key, iv, ciphertext) in [
            (&key[..], &iv[..], &good[..good.len() - 1]),
            (&key, &iv, &[]),
            (&key, &iv, &bad_padding),
            (&key, &iv[1..], &good),
            (&key, &[], &good),
            (&key, &[0; 17], &good),
            (&key[1..], &iv, &good),
            (&[], &iv, &good),
            (&other_key, &iv, &good),
        ] {
            let decrypted = decrypt(cipher, key, iv, ciphertext);
            assert_eq!(decrypted, Err(CryptoError::DecryptionFailed), "{file}");
        }
    }
}

#[test]
fn a_key_or_vector_of_the_wrong_length_does_not_encrypt() {
    for (cipher, key, iv, file) in BY_OPENSSL {
        let (key, iv) = (hex(key), hex(iv));
        let other_block = vec![0; 24 - iv.len()];
        for (key, iv) in
            [(&key[1..], &iv[..]), (&[], &iv), (&key, &iv[1..]), (&key, &[]), (&key, &other_block)]
        {
            let encrypted = aws_lc_rs().envelope.encrypt(cipher, &content_key(key), iv, MESSAGE);
            assert_eq!(encrypted, Err(CryptoError::InvalidKey), "{file}");
        }
    }
}

#[test]
fn weak_des_keys_fail_like_any_other_wrong_key() {
    let weak = [1; 8];
    let one_key_thrice = hex("0123456789ABCDEF 0123456789ABCDEF 0123456789ABCDEF");
    for (cipher, key) in
        [(ContentCipher::DesCbc, &weak[..]), (ContentCipher::TripleDesCbc, &one_key_thrice)]
    {
        let decrypted = decrypt(cipher, key, &[0; 8], &[0; 16]);
        assert_eq!(decrypted, Err(CryptoError::DecryptionFailed));
        let encrypted = aws_lc_rs().envelope.encrypt(cipher, &content_key(key), &[0; 8], MESSAGE);
        assert_eq!(encrypted, Err(CryptoError::InvalidKey));
    }
}

#[cfg(feature = "ring")]
#[test]
fn ring_has_no_envelope() {
    use scep_types::KeyTransport;
    let envelope = scep_crypto::ring::provider().envelope;
    let key = content_key(&[7; 16]);
    let unsupported = Err(CryptoError::Unsupported);
    for cipher in ContentCipher::ALL {
        assert_eq!(envelope.encrypt(cipher, &key, &[0; 16], MESSAGE), unsupported);
        assert_eq!(envelope.decrypt(cipher, &key, &[0; 16], MESSAGE), unsupported);
    }
    let recipient = data("spki/rsa2048-device.der");
    assert_eq!(envelope.wrap_key(KeyTransport::Pkcs1v15, &recipient, &key), unsupported);
}
