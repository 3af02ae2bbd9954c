//! Sealing: what a key sealed for a context opens there, and nowhere else.

use proptest::prelude::*;
use scep_crypto::aws_lc_rs::Aes256GcmKey;
use scep_types::{CryptoError, SealingKey as _, Secret};

const KEY: [u8; 32] = [7; 32];

fn key() -> Aes256GcmKey {
    Aes256GcmKey::new(&KEY).unwrap()
}

#[test]
fn what_was_sealed_opens_for_its_context_alone() {
    let secret = Secret::new("a password");
    let sealed = key().seal(b"here", &secret).unwrap();
    assert_eq!(key().open(b"here", &sealed), Ok(secret));
    let other = Aes256GcmKey::new(&[8; 32]).unwrap();
    for refused in [
        key().open(b"there", &sealed),
        key().open(b"", &sealed),
        other.open(b"here", &sealed),
        key().open(b"here", &[]),
        key().open(b"here", &sealed[..11]),
        key().open(b"here", &sealed[..sealed.len() - 1]),
        key().open(b"here", &[&sealed[..], &[0]].concat()),
    ] {
        assert_eq!(refused, Err(CryptoError::DecryptionFailed));
    }
}

// NIST CAVP, gcmEncryptExtIV256.rsp: Keylen 256, IVlen 96, PTlen 0, AADlen 0, Taglen 128, Count 0.
#[test]
fn the_form_is_nonce_then_ciphertext_then_tag() {
    let octets = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let key = octets("b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4");
    let sealed = octets("516c33929df5a3284ff463d7bdc1ac884d332457a1d2664f168c76f0");
    let key = Aes256GcmKey::new(key.as_slice().try_into().unwrap()).unwrap();
    assert_eq!(key.open(b"", &sealed), Ok(Secret::new("")));
    assert_eq!(key.seal(b"", &Secret::new("four")).unwrap().len(), 12 + 4 + 16);
}

#[test]
fn the_same_is_never_sealed_to_the_same() {
    let seal = || key().seal(b"here", &Secret::new("a password")).unwrap();
    assert_ne!(seal(), seal());
    assert_eq!(format!("{:?}", key()), "Aes256GcmKey(..)");
}

proptest! {
    #[test]
    fn a_flipped_bit_opens_nothing(secret in ".{0,40}", context: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
        let mut sealed = key().seal(&context, &Secret::new(secret)).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert_eq!(key().open(&context, &sealed), Err(CryptoError::DecryptionFailed));
    }
}
