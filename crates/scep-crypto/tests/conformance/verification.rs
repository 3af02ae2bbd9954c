use DigestAlgorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
use SignatureScheme::{Ecdsa, Ed25519, RsaPkcs1, RsaPss};
use scep_types::asn1::DerWriter;
use scep_types::{CryptoError, DigestAlgorithm, SignatureScheme, oid};

use crate::support::{MESSAGE, aws_lc_rs, data, providers, spki};

/// Who has a scheme: ring lacks some.
#[derive(Clone, Copy, PartialEq)]
enum Has {
    Both,
    AwsLcOnly,
}
use Has::{AwsLcOnly, Both};

/// Signatures by OpenSSL over [`MESSAGE`]: file, key, scheme.
const BY_OPENSSL: [(&str, &str, SignatureScheme, Has); 26] = [
    ("rsa1024-device-pkcs1-md5", "rsa1024-device", RsaPkcs1(Md5), AwsLcOnly),
    ("rsa1024-device-pkcs1-sha1", "rsa1024-device", RsaPkcs1(Sha1), Both),
    ("rsa1024-device-pkcs1-sha256", "rsa1024-device", RsaPkcs1(Sha256), Both),
    ("rsa1024-device-pkcs1-sha384", "rsa1024-device", RsaPkcs1(Sha384), AwsLcOnly),
    ("rsa1024-device-pkcs1-sha512", "rsa1024-device", RsaPkcs1(Sha512), Both),
    ("rsa2048-device-pkcs1-md5", "rsa2048-device", RsaPkcs1(Md5), AwsLcOnly),
    ("rsa2048-device-pkcs1-sha1", "rsa2048-device", RsaPkcs1(Sha1), Both),
    ("rsa2048-device-pkcs1-sha256", "rsa2048-device", RsaPkcs1(Sha256), Both),
    ("rsa2048-device-pkcs1-sha384", "rsa2048-device", RsaPkcs1(Sha384), Both),
    ("rsa2048-device-pkcs1-sha512", "rsa2048-device", RsaPkcs1(Sha512), Both),
    ("rsa2048-e3-pkcs1-sha256", "rsa2048-e3", RsaPkcs1(Sha256), Both),
    ("rsa2048-device-pss-sha256", "rsa2048-device", RsaPss(Sha256), Both),
    ("rsa2048-device-pss-sha384", "rsa2048-device", RsaPss(Sha384), Both),
    ("rsa2048-device-pss-sha512", "rsa2048-device", RsaPss(Sha512), Both),
    ("p256-device-ecdsa-sha1", "p256-device", Ecdsa(Sha1), AwsLcOnly),
    ("p256-device-ecdsa-sha256", "p256-device", Ecdsa(Sha256), Both),
    ("p256-device-ecdsa-sha384", "p256-device", Ecdsa(Sha384), Both),
    ("p256-device-ecdsa-sha512", "p256-device", Ecdsa(Sha512), AwsLcOnly),
    ("p384-device-ecdsa-sha256", "p384-device", Ecdsa(Sha256), Both),
    ("p384-device-ecdsa-sha384", "p384-device", Ecdsa(Sha384), Both),
    ("p384-device-ecdsa-sha512", "p384-device", Ecdsa(Sha512), AwsLcOnly),
    ("p521-device-ecdsa-sha1", "p521-device", Ecdsa(Sha1), AwsLcOnly),
    ("p521-device-ecdsa-sha256", "p521-device", Ecdsa(Sha256), AwsLcOnly),
    ("p521-device-ecdsa-sha384", "p521-device", Ecdsa(Sha384), AwsLcOnly),
    ("p521-device-ecdsa-sha512", "p521-device", Ecdsa(Sha512), AwsLcOnly),
    ("ed25519", "ed25519", Ed25519, Both),
];

fn openssl_signature(file: &str) -> Vec<u8> {
    data(&format!("signatures/{file}.sig"))
}

#[test]
fn signatures_by_openssl_verify() {
    for (name, provider) in providers() {
        for (file, key, scheme, has) in BY_OPENSSL {
            let spki = spki(key);
            let signature = openssl_signature(file);
            let expected = match (name, has) {
                ("ring", AwsLcOnly) => Err(CryptoError::Unsupported),
                _ => Ok(()),
            };
            let verified = provider.verify.verify(scheme, &spki, MESSAGE, &signature);
            assert_eq!(verified, expected, "{name} {file}");
            match provider.verify.verifying_key(scheme, &spki) {
                Ok(key) => assert_eq!(key.verify(MESSAGE, &signature), expected, "{name} {file}"),
                Err(error) => assert_eq!(Err(error), expected, "{name} {file}"),
            }
        }
    }
}

#[test]
fn a_parsed_key_verifies_many_messages() {
    for (name, provider) in providers() {
        let key = provider.verify.verifying_key(Ecdsa(Sha256), &spki("p256-device")).unwrap();
        let signature = openssl_signature("p256-device-ecdsa-sha256");
        for _ in 0..3 {
            assert_eq!(key.verify(MESSAGE, &signature), Ok(()), "{name}");
            let other = key.verify(b"another message", &signature);
            assert_eq!(other, Err(CryptoError::InvalidSignature), "{name}");
        }
    }
}

#[test]
fn a_tampered_message_or_signature_does_not_verify() {
    for (name, provider) in providers() {
        for (file, key, scheme, has) in BY_OPENSSL {
            if name == "ring" && has == AwsLcOnly {
                continue; // refused before the signature is looked at: see above
            }
            let verify = |message: &[u8], signature: &[u8]| {
                provider.verify.verify(scheme, &spki(key), message, signature)
            };
            let signature = openssl_signature(file);
            let refused = Err(CryptoError::InvalidSignature);
            let mut message = MESSAGE.to_vec();
            message[0] ^= 1;
            assert_eq!(verify(&message, &signature), refused, "{name} {file}");
            for at in [0, signature.len() / 2, signature.len() - 1] {
                let mut tampered = signature.clone();
                tampered[at] ^= 1;
                assert_eq!(verify(MESSAGE, &tampered), refused, "{name} {file} octet {at}");
            }
            let longer = [signature.as_slice(), &[0]].concat();
            for wrong in [&[][..], &signature[1..], &signature[..signature.len() - 1], &longer] {
                assert_eq!(verify(MESSAGE, wrong), refused, "{name} {file}");
            }
        }
    }
}

#[test]
fn a_signature_verifies_under_its_own_key_and_scheme_only() {
    let signature = openssl_signature("rsa2048-device-pkcs1-sha256");
    for (name, provider) in providers() {
        let verify = |scheme, key| provider.verify.verify(scheme, &spki(key), MESSAGE, &signature);
        assert_eq!(verify(RsaPkcs1(Sha256), "rsa2048-device"), Ok(()), "{name}");
        let refused = Err(CryptoError::InvalidSignature);
        assert_eq!(verify(RsaPkcs1(Sha256), "rsa3072-device"), refused, "{name}");
        assert_eq!(verify(RsaPkcs1(Sha256), "rsa2048-e3"), refused, "{name}");
        assert_eq!(verify(RsaPkcs1(Sha384), "rsa2048-device"), refused, "{name}");
        assert_eq!(verify(RsaPkcs1(Sha1), "rsa2048-device"), refused, "{name}");
        assert_eq!(verify(RsaPss(Sha256), "rsa2048-device"), refused, "{name}");
    }
}

#[test]
fn a_scheme_for_another_kind_of_key_is_unsupported() {
    for (name, provider) in providers() {
        for (scheme, key) in [
            (RsaPkcs1(Sha256), "p256-device"),
            (RsaPss(Sha256), "ed25519"),
            (Ecdsa(Sha256), "rsa2048-device"),
            (Ecdsa(Sha256), "ed25519"),
            (Ed25519, "p256-device"),
            (Ecdsa(Md5), "p256-device"),
            (RsaPss(Sha1), "rsa2048-device"),
            (RsaPss(Md5), "rsa2048-device"),
            (RsaPss(Sha256), "rsa1024-device"),
        ] {
            let verified = provider.verify.verify(scheme, &spki(key), MESSAGE, &[0; 64]);
            assert_eq!(verified, Err(CryptoError::Unsupported), "{name} {scheme:?} {key}");
        }
    }
}

#[test]
fn a_salt_shorter_than_the_digest_does_not_verify() {
    let signature = openssl_signature("rsa2048-device-pss-sha256-salt20");
    for (name, provider) in providers() {
        let key = spki("rsa2048-device");
        let verified = provider.verify.verify(RsaPss(Sha256), &key, MESSAGE, &signature);
        assert_eq!(verified, Err(CryptoError::InvalidSignature), "{name}");
    }
}

#[test]
fn keys_of_foreign_kinds_and_sizes_are_unsupported() {
    for (name, provider) in providers() {
        for key in ["dsa1024", "secp256k1", "x25519", "rsa512", "rsa2048-id-rsassa-pss"] {
            for scheme in [RsaPkcs1(Sha256), RsaPkcs1(Md5), RsaPss(Sha256), Ecdsa(Sha256), Ed25519]
            {
                let verified = provider.verify.verify(scheme, &spki(key), MESSAGE, &[0; 64]);
                assert_eq!(verified, Err(CryptoError::Unsupported), "{name} {key} {scheme:?}");
                let parsed = provider.verify.verifying_key(scheme, &spki(key));
                assert_eq!(parsed.err(), Some(CryptoError::Unsupported), "{name} {key} {scheme:?}");
            }
        }
    }
}

#[test]
fn an_rsa_modulus_over_8192_bits_is_unsupported() {
    for (octets, expected) in [(1024, None), (1025, Some(CryptoError::Unsupported))] {
        let oversized = rsa_spki(&vec![0xFF; octets], &[1, 0, 1]);
        for (name, provider) in providers() {
            let parsed = provider.verify.verifying_key(RsaPkcs1(Sha256), &oversized);
            assert_eq!(parsed.err(), expected, "{name} {octets}");
        }
    }
}

#[test]
fn an_exponent_that_would_stall_a_worker_never_verifies() {
    for (name, provider) in providers() {
        for exponent in [&[0xFF; 256][..], &[2], &[1], &[0]] {
            let key = rsa_spki(&[0xFF; 256], exponent);
            for scheme in [RsaPkcs1(Sha256), RsaPkcs1(Md5)] {
                let verified = provider.verify.verify(scheme, &key, MESSAGE, &[1; 256]);
                assert!(verified.is_err(), "{name} {scheme:?}");
            }
        }
    }
}

#[test]
fn what_is_no_key_is_an_invalid_key() {
    let good = spki("rsa2048-device");
    let trailing = [good.as_slice(), &[0]].concat();
    for (name, provider) in providers() {
        for broken in [&[][..], &[0x30], b"no key at all", &good[..good.len() - 1], &trailing] {
            for scheme in [RsaPkcs1(Sha256), RsaPkcs1(Md5), Ecdsa(Sha256), Ed25519] {
                let verified = provider.verify.verify(scheme, broken, MESSAGE, &[0; 64]);
                assert_eq!(verified, Err(CryptoError::InvalidKey), "{name} {broken:02x?}");
                let parsed = provider.verify.verifying_key(scheme, broken);
                assert_eq!(parsed.err(), Some(CryptoError::InvalidKey), "{name} {broken:02x?}");
            }
        }
    }
}

#[test]
fn a_point_off_its_curve_never_verifies() {
    for (name, provider) in providers() {
        let mut off = spki("p256-device");
        *off.last_mut().unwrap() ^= 1;
        let signature = openssl_signature("p256-device-ecdsa-sha256");
        let verified = provider.verify.verify(Ecdsa(Sha256), &off, MESSAGE, &signature);
        assert!(verified.is_err(), "{name}");
    }
    let mut off = spki("p256-device");
    *off.last_mut().unwrap() ^= 1;
    let parsed = aws_lc_rs().verify.verifying_key(Ecdsa(Sha256), &off);
    assert_eq!(parsed.err(), Some(CryptoError::InvalidKey));
}

fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            });
            der.bit_string_of(|der| {
                der.sequence(|der| {
                    der.unsigned_octets(modulus);
                    der.unsigned_octets(exponent);
                });
            });
        });
    })
}
