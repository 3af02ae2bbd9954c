use scep_types::{
    ContentKey, CryptoError, DecryptionKey, DigestAlgorithm, KeyTransport, SigningKey,
};

use crate::support::{aws_lc_rs, content_key, data, key, pem, spki, text, wrapped_by_openssl};
use crate::textbook_rsa::TextbookRsa;

const TRANSPORTS: [(KeyTransport, &str); 5] = [
    (KeyTransport::Pkcs1v15, "pkcs1"),
    (KeyTransport::Oaep(DigestAlgorithm::Sha1), "oaep-sha1"),
    (KeyTransport::Oaep(DigestAlgorithm::Sha256), "oaep-sha256"),
    (KeyTransport::Oaep(DigestAlgorithm::Sha384), "oaep-sha384"),
    (KeyTransport::Oaep(DigestAlgorithm::Sha512), "oaep-sha512"),
];

fn fallback(length: usize) -> ContentKey {
    content_key(&vec![0x5A; length])
}

#[test]
fn keys_wrapped_by_openssl_unwrap() {
    let ra = key("rsa2048-ra");
    for (transport, file) in TRANSPORTS {
        let wrapped = data(&format!("envelopes/rsa2048-ra-{file}.bin"));
        let unwrapped = ra.unwrap_key(transport, &wrapped, &fallback(32)).unwrap();
        assert_eq!(unwrapped.octets(), wrapped_by_openssl().octets(), "{file}");
    }
}

#[test]
fn what_is_wrapped_unwraps_for_every_length_of_key() {
    for name in ["rsa2048-ra", "rsa3072-device"] {
        let recipient = key(name);
        for (transport, _) in TRANSPORTS {
            for length in [8_usize, 16, 24, 32] {
                let cek = content_key(&vec![0xC7; length]);
                let spki = SigningKey::spki(&recipient);
                let wrapped = aws_lc_rs().envelope.wrap_key(transport, spki, &cek).unwrap();
                let unwrapped =
                    recipient.unwrap_key(transport, &wrapped, &fallback(length)).unwrap();
                assert_eq!(unwrapped.octets(), cek.octets(), "{name} {transport:?}");
            }
        }
    }
}

#[test]
fn wrapping_twice_gives_two_ciphertexts() {
    let cek = content_key(&[1; 16]);
    for (transport, _) in TRANSPORTS {
        let wrap = || aws_lc_rs().envelope.wrap_key(transport, &spki("rsa2048-device"), &cek);
        assert_ne!(wrap(), wrap(), "{transport:?}");
    }
}

#[test]
fn keys_of_old_devices_below_2048_bits_are_wrapped_for() {
    let device = TextbookRsa::from_pem(&pem("rsa1024-device"));
    for length in [8_usize, 16, 24, 32] {
        let cek = content_key(&vec![0xE9; length]);
        let wrapped = aws_lc_rs()
            .envelope
            .wrap_key(KeyTransport::Pkcs1v15, &spki("rsa1024-device"), &cek)
            .unwrap();
        let block = device.decrypt(&wrapped);
        let opened = ContentKey::from_pkcs1_block(&block, &fallback(length));
        assert_eq!(opened.octets(), cek.octets());
    }
}

#[test]
fn only_rsa_keys_of_1024_to_8192_bits_can_be_wrapped_for() {
    let cek = content_key(&[1; 16]);
    for name in ["rsa512", "p256-device", "ed25519", "x25519", "dsa1024", "rsa2048-id-rsassa-pss"] {
        for (transport, _) in TRANSPORTS {
            let wrapped = aws_lc_rs().envelope.wrap_key(transport, &spki(name), &cek);
            assert_eq!(wrapped, Err(CryptoError::Unsupported), "{name} {transport:?}");
        }
    }
    for transport in [
        KeyTransport::Oaep(DigestAlgorithm::Sha1), // small keys get PKCS#1 v1.5 only
        KeyTransport::Oaep(DigestAlgorithm::Sha512),
    ] {
        let wrapped = aws_lc_rs().envelope.wrap_key(transport, &spki("rsa1024-device"), &cek);
        assert_eq!(wrapped, Err(CryptoError::Unsupported));
    }
    let oaep_md5 = KeyTransport::Oaep(DigestAlgorithm::Md5);
    let wrapped = aws_lc_rs().envelope.wrap_key(oaep_md5, &spki("rsa2048-device"), &cek);
    assert_eq!(wrapped, Err(CryptoError::Unsupported));
    let broken = aws_lc_rs().envelope.wrap_key(KeyTransport::Pkcs1v15, b"no key", &cek);
    assert_eq!(broken, Err(CryptoError::InvalidKey));
}

#[test]
fn a_key_that_only_signs_unwraps_nothing() {
    for key in [key("p256-device"), key("p384-device"), key("p521-device"), ed25519()] {
        for (transport, _) in TRANSPORTS {
            let unwrapped = key.unwrap_key(transport, &[0; 256], &fallback(16));
            assert_eq!(unwrapped.err(), Some(CryptoError::Unsupported));
        }
    }
    let oaep_md5 = KeyTransport::Oaep(DigestAlgorithm::Md5);
    let unwrapped = key("rsa2048-ra").unwrap_key(oaep_md5, &[0; 256], &fallback(16));
    assert_eq!(unwrapped.err(), Some(CryptoError::Unsupported));
}

fn ed25519() -> scep_crypto::aws_lc_rs::SoftwareKey {
    scep_crypto::aws_lc_rs::SoftwareKey::from_pem(&text("keys/ed25519.pem")).unwrap()
}

/// An encryption block around a key of 16 octets, before its last change makes it a class of its own.
fn block(octets: usize, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0xA5; octets];
    block[0] = 0;
    block[1] = 2;
    let separator = octets - 17;
    block[separator] = 0;
    block[separator + 1..].fill(0xC7);
    change(&mut block);
    block
}

// R-3218-01
#[test]
fn bad_padding_returns_the_fallback_and_never_an_error() {
    let ra = key("rsa2048-ra");
    let textbook = TextbookRsa::from_pem(&pem("rsa2048-ra"));
    let octets = textbook.octets();
    let separator = octets - 17;
    let unwrap = |encrypted: &[u8]| {
        let fallback = fallback(16);
        ra.unwrap_key(KeyTransport::Pkcs1v15, encrypted, &fallback).unwrap().octets().to_vec()
    };
    let valid = block(octets, |_| ());
    assert_eq!(unwrap(&textbook.encrypt(&valid)), [0xC7; 16], "valid");
    for (class, block) in [
        ("wrong first octet", block(octets, |block| block[0] = 1)),
        ("wrong second octet", block(octets, |block| block[1] = 1)),
        ("signature padding", block(octets, |block| block[1..separator].fill(1))),
        ("no separator", block(octets, |block| block[separator] = 1)),
        ("no zero at all", block(octets, |block| block[separator..].fill(1))),
        ("short padding", block(octets, |block| block[9] = 0)),
        ("no padding", block(octets, |block| block[2] = 0)),
        ("zero inside the padding", block(octets, |block| block[octets / 2] = 0)),
        ("key one octet longer", block(octets, |block| block.swap(separator - 1, separator))),
        (
            "key of 15 octets",
            block(octets, |block| block[separator..=separator + 1].copy_from_slice(&[1, 0])),
        ),
        (
            "empty key",
            block(octets, |block| {
                block[separator..].fill(1);
                block[octets - 1] = 0;
            }),
        ),
        ("all zeros", vec![0; octets]),
    ] {
        assert_eq!(unwrap(&textbook.encrypt(&block)), [0x5A; 16], "{class}");
    }
}

// R-3218-01
#[test]
fn an_encrypted_key_of_the_wrong_length_or_size_returns_the_fallback() {
    let ra = key("rsa2048-ra");
    let textbook = TextbookRsa::from_pem(&pem("rsa2048-ra"));
    let good = textbook.encrypt(&block(textbook.octets(), |_| ()));
    let longer = [&[0], good.as_slice()].concat();
    for (transport, _) in TRANSPORTS {
        for encrypted in [
            &[][..],
            &[0],
            &good[1..],
            &good[..good.len() - 1],
            &longer,
            &[0xFF; 256],
            &textbook.modulus(),
            &[0; 4096],
        ] {
            let unwrapped = ra.unwrap_key(transport, encrypted, &fallback(16)).unwrap();
            assert_eq!(unwrapped.octets(), [0x5A; 16], "{transport:?}, {}", encrypted.len());
        }
    }
}

#[test]
fn a_key_for_another_cipher_returns_the_fallback() {
    let ra = key("rsa2048-ra");
    for (transport, file) in TRANSPORTS {
        let wrapped = data(&format!("envelopes/rsa2048-ra-{file}.bin")); // 32 octets
        for length in [8, 16, 24] {
            let unwrapped = ra.unwrap_key(transport, &wrapped, &fallback(length)).unwrap();
            assert_eq!(unwrapped.octets(), fallback(length).octets(), "{file}");
        }
    }
}

#[test]
fn an_encrypted_key_for_someone_else_returns_the_fallback() {
    let other = key("rsa2048-ca");
    for (transport, file) in TRANSPORTS {
        let wrapped = data(&format!("envelopes/rsa2048-ra-{file}.bin"));
        let unwrapped = other.unwrap_key(transport, &wrapped, &fallback(32)).unwrap();
        assert_eq!(unwrapped.octets(), [0x5A; 32], "{file}");
    }
}

#[test]
fn tampered_oaep_returns_the_fallback() {
    let ra = key("rsa2048-ra");
    for (transport, file) in &TRANSPORTS[1..] {
        let mut wrapped = data(&format!("envelopes/rsa2048-ra-{file}.bin"));
        wrapped[255] ^= 1;
        let unwrapped = ra.unwrap_key(*transport, &wrapped, &fallback(32)).unwrap();
        assert_eq!(unwrapped.octets(), [0x5A; 32], "{file}");
    }
}
