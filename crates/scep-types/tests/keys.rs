//! Key usage bits, kinds of keys, and the key that is taken when an envelope does not open.

use proptest::prelude::*;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{ContentKey, Error, KeyKind, KeyUsage, spki_key_kind};

const SIGN_AND_ENCIPHER: KeyUsage = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);

#[test]
fn known_key_usage_encodings_read_and_write() {
    let ra = SIGN_AND_ENCIPHER.union(KeyUsage::KEY_CERT_SIGN).union(KeyUsage::CRL_SIGN);
    for (usage, der) in [
        (SIGN_AND_ENCIPHER, &[3, 2, 5, 0xA0][..]),
        (KeyUsage::DIGITAL_SIGNATURE, &[3, 2, 7, 0x80]),
        (ra, &[3, 2, 1, 0xA6]),
        (KeyUsage::empty(), &[3, 1, 0]),
    ] {
        assert_eq!(usage.to_extension(), der);
        assert_eq!(KeyUsage::from_extension(der), Ok(usage));
    }
}

#[test]
fn decipher_only_survives_in_the_second_octet() {
    let usage = KeyUsage::from_extension(&[3, 3, 7, 0x08, 0x80]).unwrap();
    assert!(usage.contains(KeyUsage::KEY_AGREEMENT));
    assert_eq!(usage.to_extension(), [3, 3, 7, 0x08, 0x80]);
}

#[test]
fn unused_bits_do_not_count_as_set() {
    // 7 unused bits, but set: OpenSSL reads digitalSignature alone, and so must we.
    assert_eq!(KeyUsage::from_extension(&[3, 2, 7, 0xFF]), Ok(KeyUsage::DIGITAL_SIGNATURE));
}

#[test]
fn trailing_zero_bits_are_tolerated() {
    assert_eq!(KeyUsage::from_extension(&[3, 2, 0, 0xA0]), Ok(SIGN_AND_ENCIPHER));
    assert_eq!(KeyUsage::from_extension(&[3, 3, 0, 0xA0, 0]), Ok(SIGN_AND_ENCIPHER));
}

#[test]
fn what_is_no_key_usage_is_refused() {
    for der in [
        &[][..],
        &[3, 0],
        &[3, 1, 4],
        &[3, 2, 8, 0x80],
        &[3, 2, 0xFF, 0x80],
        &[3, 4, 0, 1, 2, 3],
        &[4, 2, 5, 0xA0],
        &[0x23, 4, 3, 2, 5, 0xA0],
        &[3, 2, 5, 0xA0, 0],
    ] {
        let refused = KeyUsage::from_extension(der);
        assert!(matches!(refused, Err(Error::Malformed(_))), "{der:02x?}: {refused:?}");
    }
}

#[test]
fn key_usage_prints_the_standards_names() {
    assert_eq!(SIGN_AND_ENCIPHER.to_string(), "digitalSignature, keyEncipherment");
    assert_eq!(KeyUsage::empty().to_string(), "");
    assert!(SIGN_AND_ENCIPHER.intersection(KeyUsage::CRL_SIGN).is_empty());
}

proptest! {
    #[test]
    fn key_usage_reads_back_what_it_writes(first in any::<u8>(), second in any::<bool>()) {
        let second = if second { 0x80 } else { 0 };
        let usage = KeyUsage::from_extension(&[3, 3, 7, first, second]).unwrap();
        prop_assert_eq!(KeyUsage::from_extension(&usage.to_extension()), Ok(usage));
    }

    #[test]
    fn arbitrary_octets_never_panic(der in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = KeyUsage::from_extension(&der);
        let _ = spki_key_kind(&der);
    }

    #[test]
    fn an_unwrapped_key_is_taken_exactly_if_its_length_fits(
        unwrapped in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        length in prop::sample::select(vec![8_usize, 16, 24, 32]),
    ) {
        let fallback = ContentKey::new(&vec![0x5A; length]).unwrap();
        let chosen = ContentKey::or_fallback(unwrapped.as_deref(), &fallback);
        match unwrapped {
            Some(key) if key.len() == length => prop_assert_eq!(chosen.octets(), key),
            _ => prop_assert_eq!(chosen.octets(), fallback.octets()),
        }
    }
}

proptest! {
    // R-3218-01
    #[test]
    fn the_key_in_a_pkcs1_block_is_taken_exactly_if_the_block_is_sound(
        mut block in prop::collection::vec(any::<u8>(), 0..100),
        length in prop::sample::select(vec![8_usize, 16, 24, 32]),
        repairs in any::<[bool; 4]>(),
    ) {
        let start = block.len().saturating_sub(length);
        let places = [(0, 0), (1, 2), (start.wrapping_sub(1), 0)];
        for ((at, octet), repair) in places.into_iter().zip(repairs) {
            if let Some(place) = block.get_mut(at).filter(|_| repair) {
                *place = octet;
            }
        }
        if repairs[3] && start > 3 {
            block[2..start - 1].iter_mut().for_each(|octet| *octet |= 1);
        }
        let fallback = ContentKey::new(&vec![0x5A; length]).unwrap();
        let chosen = ContentKey::from_pkcs1_block(&block, &fallback);
        let expected = pkcs1_message(&block).filter(|message| message.len() == length);
        prop_assert_eq!(chosen.octets(), expected.unwrap_or(fallback.octets()));
    }
}

/// RFC 8017 §7.2.2, step 3, in the order it is written there.
fn pkcs1_message(block: &[u8]) -> Option<&[u8]> {
    let padded = block.strip_prefix(&[0, 2])?;
    let padding = padded.iter().position(|octet| *octet == 0)?;
    if padding < 8 { None } else { padded.get(padding + 1..) }
}

// R-3218-01
#[test]
fn every_way_to_miss_the_key_length_gives_the_fallback() {
    let fallback = ContentKey::new(&[0x5A; 16]).unwrap();
    let taken = |unwrapped: Option<&[u8]>| {
        ContentKey::or_fallback(unwrapped, &fallback).octets() != fallback.octets()
    };
    assert!(taken(Some(&[1; 16])));
    for missed in [None, Some(&[][..]), Some(&[1; 15]), Some(&[1; 17]), Some(&[1; 32])] {
        assert!(!taken(missed), "{missed:?}");
    }
    assert!(!taken(Some(&[1; 33])), "longer than any key");
}

#[test]
fn a_content_key_has_at_most_32_octets() {
    assert_eq!(ContentKey::new(&[7; 32]).unwrap().octets(), [7; 32]);
    assert!(ContentKey::new(&[7; 33]).is_none());
    assert_eq!(ContentKey::from_prefix(&[7; 32], 16).octets(), [7; 16]);
    assert_eq!(ContentKey::from_prefix(&[7; 32], 99).octets(), [7; 32]);
}

#[test]
fn a_content_key_never_shows_its_octets() {
    let key = ContentKey::new(&[0xAB, 0xCD, 171, 205, 0xAB, 0xCD, 171, 205]).unwrap();
    assert_eq!(format!("{key:?} {key:#?}"), "ContentKey(8 octets) ContentKey(8 octets)");
}

fn spki(algorithm: Oid, parameters: Option<Oid>, key: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&algorithm);
                match parameters {
                    Some(curve) => der.oid(&curve),
                    None => der.null(),
                }
            });
            der.bit_string_of(|der| der.raw(key));
        });
    })
}

#[test]
fn kinds_of_keys_are_told_apart() {
    let point = [4; 65];
    for (algorithm, curve, kind) in [
        (oid::EC_PUBLIC_KEY, Some(oid::SECP256R1), KeyKind::P256),
        (oid::EC_PUBLIC_KEY, Some(oid::SECP384R1), KeyKind::P384),
        (oid::EC_PUBLIC_KEY, Some(oid::SECP521R1), KeyKind::P521),
        (oid::EC_PUBLIC_KEY, Some(oid::SHA256), KeyKind::Other(oid::SHA256)),
        (oid::EC_PUBLIC_KEY, None, KeyKind::Other(oid::EC_PUBLIC_KEY)),
        (oid::ED25519, None, KeyKind::Ed25519),
        (oid::SHA256, None, KeyKind::Other(oid::SHA256)),
    ] {
        assert_eq!(spki_key_kind(&spki(algorithm, curve, &point)), Ok(kind));
        assert!(!kind.can_encrypt());
    }
}

#[test]
fn rsa_key_size_is_the_bit_length_of_the_modulus() {
    for (modulus, bits) in [
        (vec![0xC5; 256], 2048),
        ([vec![0x45], vec![0xC5; 255]].concat(), 2047),
        (vec![0x80; 128], 1024),
        (vec![1], 1),
        (vec![0], 0),
    ] {
        let key = DerWriter::encode(|der| {
            der.sequence(|der| {
                der.unsigned_octets(&modulus);
                der.unsigned(65_537_u64);
            });
        });
        let kind = spki_key_kind(&spki(oid::RSA_ENCRYPTION, None, &key)).unwrap();
        assert_eq!(kind, KeyKind::Rsa { bits });
        assert!(kind.can_encrypt());
    }
    assert_eq!(KeyKind::Rsa { bits: 2048 }.to_string(), "RSA-2048");
}

#[test]
fn what_is_no_public_key_is_refused() {
    let rsa_without_key = spki(oid::RSA_ENCRYPTION, None, b"");
    let trailing = [spki(oid::ED25519, None, &[1; 32]), vec![0]].concat();
    let unused_bits = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| der.oid(&oid::ED25519));
            der.primitive(Tag::BIT_STRING, &[1, 0xFE]);
        });
    });
    for der in [rsa_without_key, trailing, unused_bits, vec![0x30, 0], vec![]] {
        assert!(matches!(spki_key_kind(&der), Err(Error::Malformed(_))), "{der:02x?}");
    }
}
