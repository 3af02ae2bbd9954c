use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{CryptoError, KeyKind, SigningKey, spki_key_kind};

use crate::support::{data, key, pem, text};

const GENERATED: [KeyKind; 5] =
    [KeyKind::Rsa { bits: 2048 }, KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::Ed25519];

#[test]
fn every_kind_of_key_loads_from_pkcs8() {
    for (name, kind) in [
        ("rsa2048-device", KeyKind::Rsa { bits: 2048 }),
        ("rsa3072-device", KeyKind::Rsa { bits: 3072 }),
        ("p256-device", KeyKind::P256),
        ("p384-device", KeyKind::P384),
        ("p521-device", KeyKind::P521),
    ] {
        let key = key(name);
        assert_eq!(key.kind(), kind);
        assert_eq!(SigningKey::spki(&key), data(&format!("spki/{name}.der")));
    }
    let ed25519 = SoftwareKey::from_pem(&text("keys/ed25519.pem")).unwrap();
    assert_eq!(ed25519.kind(), KeyKind::Ed25519);
}

#[test]
fn a_traditional_key_is_the_same_key() {
    for (file, name) in [
        ("rsa2048-pkcs1", "rsa2048-device"),
        ("p256-sec1", "p256-device"),
        ("p384-sec1", "p384-device"),
        ("p521-sec1", "p521-device"),
    ] {
        let traditional = text(&format!("keys/{file}.pem"));
        let expected = data(&format!("spki/{name}.der"));
        let key = SoftwareKey::from_pem(&traditional).unwrap();
        assert_eq!(SigningKey::spki(&key), expected, "{file}");
        // and from its export again
        let exported = SoftwareKey::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
        assert_eq!(SigningKey::spki(&exported), expected, "{file}");
        let refused = SoftwareKey::from_pkcs8_pem(&traditional);
        assert_eq!(refused.err(), Some(CryptoError::InvalidKey), "{file}");
        #[cfg(feature = "ring")]
        if name != "p521-device" {
            let key = scep_crypto::ring::SoftwareKey::from_pem(&traditional).unwrap();
            assert_eq!(key.spki(), expected, "{file}");
        }
    }
}

#[test]
fn text_and_other_blocks_around_a_key_are_passed_over() {
    let key = pem("p256-device");
    let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let around =
        format!("Bag Attributes\n    friendlyName: device\n{certificate}{key}{certificate}");
    for text in [around, key.replace('\n', "\r\n"), key.trim_end().to_owned()] {
        assert_eq!(SoftwareKey::from_pem(&text).unwrap().kind(), KeyKind::P256);
    }
}

#[test]
fn an_exported_key_is_the_imported_one() {
    for name in ["rsa2048-device", "p256-device", "p384-device", "p521-device"] {
        assert_eq!(*key(name).to_pkcs8_pem().unwrap(), pem(name));
    }
    #[cfg(feature = "ring")]
    for name in ["rsa2048-device", "p256-device", "p384-device"] {
        let key = scep_crypto::ring::SoftwareKey::from_pkcs8_pem(&pem(name)).unwrap();
        assert_eq!(*key.to_pkcs8_pem().unwrap(), pem(name));
    }
}

#[test]
fn a_generated_key_survives_export() {
    for kind in GENERATED {
        let key = SoftwareKey::generate(kind).unwrap();
        assert_eq!((key.kind(), spki_key_kind(SigningKey::spki(&key))), (kind, Ok(kind)));
        let again = SoftwareKey::from_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
        assert_eq!(SigningKey::spki(&again), SigningKey::spki(&key));
    }
}

#[test]
fn generated_keys_differ() {
    let one = SoftwareKey::generate(KeyKind::P256).unwrap();
    let other = SoftwareKey::generate(KeyKind::P256).unwrap();
    assert_ne!(SigningKey::spki(&one), SigningKey::spki(&other));
}

#[cfg(feature = "ring")]
#[test]
fn keys_that_ring_generates_load_everywhere() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519] {
        let key = scep_crypto::ring::SoftwareKey::generate(kind).unwrap();
        assert_eq!(key.kind(), kind);
        let again = SoftwareKey::from_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
        assert_eq!(SigningKey::spki(&again), key.spki());
    }
    let rsa = scep_crypto::ring::SoftwareKey::generate(KeyKind::Rsa { bits: 2048 });
    assert_eq!(rsa.err(), Some(CryptoError::Unsupported));
}

#[test]
fn other_kinds_are_not_generated() {
    let other = spki_key_kind(&data("spki/secp256k1.der")).unwrap();
    for kind in [KeyKind::Rsa { bits: 1024 }, KeyKind::Rsa { bits: 2047 }, other] {
        assert_eq!(SoftwareKey::generate(kind).err(), Some(CryptoError::Unsupported));
    }
}

#[test]
fn keys_of_foreign_kinds_and_sizes_are_unsupported() {
    for text in [pem("rsa1024-device"), text("keys/x25519.pem"), text("keys/secp256k1.pem")] {
        assert_eq!(SoftwareKey::from_pem(&text).err(), Some(CryptoError::Unsupported));
        #[cfg(feature = "ring")]
        {
            let key = scep_crypto::ring::SoftwareKey::from_pem(&text);
            assert_eq!(key.err(), Some(CryptoError::Unsupported));
        }
    }
}

#[test]
fn what_is_no_key_is_an_invalid_key() {
    let good = pem("rsa2048-device");
    let cut = good.replace("-----END PRIVATE KEY-----", "");
    let garbled = good.replacen("MII", "M!I", 1);
    let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let empty = "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n";
    let encrypted = text("keys/encrypted.pem");
    for text in ["", "no key", &cut, &garbled, certificate, empty, &encrypted] {
        assert_eq!(SoftwareKey::from_pem(text).err(), Some(CryptoError::InvalidKey), "{text}");
    }
    for der in [&[][..], &[0x30, 0], b"no key"] {
        assert_eq!(SoftwareKey::from_pkcs8_der(der).err(), Some(CryptoError::InvalidKey));
    }
}

#[test]
fn a_key_whose_parts_do_not_belong_together_is_invalid() {
    for name in ["rsa2048-device", "p256-device"] {
        let text = pem(name);
        let (_, mut der) = pem_rfc7468::decode_vec(text.as_bytes()).unwrap();
        let last = der.len() - 1;
        der[last] ^= 1; // the CRT coefficient, or the public point
        assert_eq!(
            SoftwareKey::from_pkcs8_der(&der).err(),
            Some(CryptoError::InvalidKey),
            "{name}"
        );
    }
}

#[test]
fn a_key_never_shows_more_than_its_kind() {
    for kind in GENERATED {
        let key = SoftwareKey::generate(kind).unwrap();
        assert_eq!(format!("{key:?} {key:#?}"), format!("SoftwareKey({kind}) SoftwareKey({kind})"));
    }
    #[cfg(feature = "ring")]
    {
        let key = scep_crypto::ring::SoftwareKey::from_pem(&pem("p384-device")).unwrap();
        assert_eq!(format!("{key:?}"), "SoftwareKey(P-384)");
    }
}
