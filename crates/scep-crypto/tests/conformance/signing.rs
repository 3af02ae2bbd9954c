use DigestAlgorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
use SignatureScheme::{Ecdsa, Ed25519, RsaPkcs1, RsaPss};
use scep_types::{
    CryptoError, DecryptionKey, DigestAlgorithm, KeyTransport, SignatureScheme, SigningKey,
};

use crate::support::{MESSAGE, content_key, data, key, pem, providers, text};

/// Each kind of key and every scheme that both backends sign with.
const BOTH_SIGN: [(&str, &[SignatureScheme]); 5] = [
    ("rsa2048-device", RSA),
    ("rsa3072-device", RSA),
    ("p256-device", &[Ecdsa(Sha256)]),
    ("p384-device", &[Ecdsa(Sha384)]),
    ("ed25519", &[Ed25519]),
];

const RSA: &[SignatureScheme] = &[
    RsaPkcs1(Sha256),
    RsaPkcs1(Sha384),
    RsaPkcs1(Sha512),
    RsaPss(Sha256),
    RsaPss(Sha384),
    RsaPss(Sha512),
];

fn key_text(name: &str) -> String {
    if name == "ed25519" { text("keys/ed25519.pem") } else { pem(name) }
}

/// The key in the hands of every backend.
fn signers(name: &str) -> Vec<(&'static str, Box<dyn SigningKey>)> {
    let text = key_text(name);
    vec![
        ("aws-lc-rs", Box::new(scep_crypto::aws_lc_rs::SoftwareKey::from_pem(&text).unwrap())),
        #[cfg(feature = "ring")]
        ("ring", Box::new(scep_crypto::ring::SoftwareKey::from_pem(&text).unwrap())),
    ]
}

#[test]
fn what_one_backend_signs_every_provider_verifies() {
    for (name, schemes) in BOTH_SIGN {
        for (signer, key) in signers(name) {
            for scheme in schemes {
                let signature = key.sign(*scheme, MESSAGE).unwrap();
                for (verifier, provider) in providers() {
                    let verified = provider.verify.verify(*scheme, key.spki(), MESSAGE, &signature);
                    assert_eq!(verified, Ok(()), "{name} {scheme:?}: {signer} to {verifier}");
                }
            }
        }
    }
}

#[test]
fn all_backends_derive_the_same_public_key() {
    for (name, _) in BOTH_SIGN {
        let expected = data(&format!("spki/{name}.der"));
        for (backend, key) in signers(name) {
            assert_eq!(key.spki(), expected, "{name} {backend}");
        }
    }
}

#[test]
fn pkcs1_signatures_are_those_of_openssl() {
    for (signer, key) in signers("rsa2048-device") {
        for (digest, file) in [(Sha256, "sha256"), (Sha384, "sha384"), (Sha512, "sha512")] {
            let signature = key.sign(RsaPkcs1(digest), MESSAGE).unwrap();
            let expected = data(&format!("signatures/rsa2048-device-pkcs1-{file}.sig"));
            assert_eq!(signature, expected, "{signer} {file}");
        }
    }
}

#[test]
fn sha1_signatures_for_old_cisco_images_are_those_of_openssl() {
    let signature = key("rsa2048-device").sign(RsaPkcs1(Sha1), MESSAGE).unwrap();
    assert_eq!(signature, data("signatures/rsa2048-device-pkcs1-sha1.sig"));
}

#[test]
fn ed25519_signatures_are_those_of_openssl() {
    for (signer, key) in signers("ed25519") {
        assert_eq!(key.sign(Ed25519, MESSAGE).unwrap(), data("signatures/ed25519.sig"), "{signer}");
    }
}

#[test]
fn p521_signs_with_sha512() {
    let key = key("p521-device");
    let signature = key.sign(Ecdsa(Sha512), MESSAGE).unwrap();
    let provider = scep_crypto::aws_lc_rs::provider();
    let spki = SigningKey::spki(&key);
    assert_eq!(provider.verify.verify(Ecdsa(Sha512), spki, MESSAGE, &signature), Ok(()));
}

#[test]
fn a_scheme_the_key_does_not_have_is_unsupported() {
    for (name, schemes) in [
        ("rsa2048-device", &[RsaPkcs1(Md5), RsaPss(Sha1), RsaPss(Md5), Ecdsa(Sha256), Ed25519][..]),
        ("p256-device", &[Ecdsa(Sha1), Ecdsa(Sha384), Ecdsa(Sha512), RsaPkcs1(Sha256), Ed25519]),
        ("p384-device", &[Ecdsa(Sha256), Ecdsa(Sha512), RsaPss(Sha384)]),
        ("ed25519", &[Ecdsa(Sha256), RsaPkcs1(Sha256)]),
    ] {
        for (signer, key) in signers(name) {
            for scheme in schemes {
                let signed = key.sign(*scheme, MESSAGE);
                assert_eq!(signed, Err(CryptoError::Unsupported), "{signer} {name} {scheme:?}");
            }
        }
    }
}

#[cfg(feature = "ring")]
#[test]
fn ring_signs_neither_with_sha1_nor_on_p521() {
    use scep_crypto::ring::SoftwareKey;
    let key = SoftwareKey::from_pem(&pem("rsa2048-device")).unwrap();
    assert_eq!(key.sign(RsaPkcs1(Sha1), MESSAGE), Err(CryptoError::Unsupported));
    let p521 = SoftwareKey::from_pem(&pem("p521-device"));
    assert_eq!(p521.err(), Some(CryptoError::Unsupported));
}

#[test]
fn one_key_serves_many_threads() {
    let key = key("rsa2048-ra");
    let fallback = content_key(&[0x5A; 32]);
    let wrapped = data("envelopes/rsa2048-ra-pkcs1.bin");
    let expected = key.sign(RsaPkcs1(Sha1), MESSAGE).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(key.sign(RsaPkcs1(Sha1), MESSAGE).as_ref(), Ok(&expected));
                    let unwrapped =
                        key.unwrap_key(KeyTransport::Pkcs1v15, &wrapped, &fallback).unwrap();
                    assert_eq!(unwrapped.octets().first(), Some(&0));
                    key.sign(RsaPss(Sha256), MESSAGE).unwrap();
                }
            });
        }
    });
}
