//! Private keys that a passphrase keeps, as OpenSSL writes them.

use proptest::prelude::*;
use scep_crypto::aws_lc_rs::{EncryptedKeyError, SoftwareKey};
use scep_types::{CryptoError, KeyKind, Secret, SigningKey, oid};

use crate::support::{data, pem, text};

fn encrypted(name: &str) -> String {
    text(&format!("keys/encrypted/{name}.pem"))
}

fn open(name: &str, passphrase: &str) -> Result<SoftwareKey, EncryptedKeyError> {
    SoftwareKey::from_encrypted_pem(&encrypted(name), &Secret::new(passphrase))
}

#[test]
fn what_openssl_encrypts_by_pbes2_is_the_same_key() {
    for name in [
        "pbkdf2-sha1-aes128",
        "pbkdf2-sha256-aes256",
        "pbkdf2-sha512-aes192",
        "scrypt-aes128",
        "scrypt-aes256",
    ] {
        let key = open(name, "secret").unwrap();
        assert_eq!(SigningKey::spki(&key), data("spki/p256-device.der"), "{name}");
    }
    let generated = open("genpkey", "secret").unwrap();
    assert_eq!(generated.kind(), KeyKind::Rsa { bits: 2048 });
}

#[test]
fn another_passphrase_opens_nothing() {
    for name in ["pbkdf2-sha256-aes256", "scrypt-aes128"] {
        for passphrase in ["", "Secret", "secret "] {
            let refused = open(name, passphrase).err();
            assert_eq!(refused, Some(EncryptedKeyError::Passphrase), "{name} {passphrase:?}");
        }
    }
}

#[test]
fn what_costs_too_much_is_not_even_begun() {
    for name in ["too-many-iterations", "too-much-scrypt"] {
        assert_eq!(open(name, "secret").err(), Some(EncryptedKeyError::TooCostly), "{name}");
    }
}

#[test]
fn another_scheme_is_named() {
    let pbes1 = oid::Oid::new("1.2.840.113549.1.12.1.3");
    for (name, scheme) in [("des3", oid::DES_EDE3_CBC), ("pbes1", pbes1)] {
        let refused = open(name, "secret").unwrap_err();
        assert_eq!(refused, EncryptedKeyError::Unsupported(scheme), "{name}");
        assert!(refused.to_string().contains(&scheme.to_string()), "{refused}");
    }
}

#[test]
fn a_key_that_is_not_encrypted_or_not_there_is_none() {
    let passphrase = Secret::new("secret");
    for text in [pem("p256-device"), String::new(), "-----BEGIN ENCRYPTED PRIVATE KEY-----".into()]
    {
        let refused = SoftwareKey::from_encrypted_pem(&text, &passphrase);
        assert_eq!(refused.err(), Some(EncryptedKeyError::Malformed));
    }
    let without = SoftwareKey::from_pem(&encrypted("genpkey"));
    assert_eq!(without.err(), Some(CryptoError::InvalidKey));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever octet of the file is changed, it is the key or an error, and never a panic.
    #[test]
    fn a_damaged_key_is_the_key_or_an_error(at in 0_usize..400, to in any::<u8>()) {
        let text = encrypted("pbkdf2-sha256-aes256");
        let mut octets = text.into_bytes();
        let at = at % octets.len();
        octets[at] = to;
        let damaged = String::from_utf8_lossy(&octets);
        if let Ok(key) = SoftwareKey::from_encrypted_pem(&damaged, &Secret::new("secret")) {
            prop_assert_eq!(SigningKey::spki(&key), data("spki/p256-device.der"));
        }
    }
}
