//! Which public keys become certificates.

use scep_ca::{AllowedKeys, EllipticKey, Error, KeyRefusal, Profile, ProfileDefect, RsaKeys};
use scep_types::asn1::DerWriter;
use scep_types::{KeyKind, oid};

use crate::support::{Ca, NOW, Request, config, csr_with_spki, provider, serial, vouched};

fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let integer = scep_types::asn1::Tag::INTEGER;
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            });
            der.bit_string_of(|der| {
                der.sequence(|der| {
                    der.primitive(integer, modulus);
                    der.primitive(integer, exponent);
                });
            });
        });
    })
}

/// A modulus of this many bits, a multiple of eight, as INTEGER content.
fn modulus(bits: usize) -> Vec<u8> {
    let mut content = vec![0xC1; bits / 8 + 1];
    content[0] = 0;
    content
}

fn admitted(spki: &[u8], keys: AllowedKeys) -> Result<(), Error> {
    let mut config = config();
    config.keys = keys;
    let csr = csr_with_spki(spki);
    Profile::new(config)?.admit(&csr, vouched(&csr), NOW).map(|_| ())
}

// R-P10-09
#[test]
fn rsa_keys_have_2048_to_4096_bits_by_default() {
    for (bits, taken) in
        [(1024, false), (2040, false), (2048, true), (3072, true), (4096, true), (4104, false)]
    {
        let result = admitted(&rsa_spki(&modulus(bits), &[1, 0, 1]), AllowedKeys::default());
        let refusal = KeyRefusal::RsaBits { bits, min: 2048, max: 4096 };
        let expected = if taken { Ok(()) } else { Err(Error::KeyNotAllowed(refusal)) };
        assert_eq!(result, expected, "{bits}");
    }
}

// R-P10-09
#[test]
fn rsa_bounds_can_be_configured_from_1024_to_8192() {
    let bounds =
        |min, max| AllowedKeys { rsa: RsaKeys::Bits { min, max }, ..AllowedKeys::default() };
    admitted(&rsa_spki(&modulus(1024), &[3]), bounds(1024, 8192)).unwrap();
    admitted(&rsa_spki(&modulus(8192), &[3]), bounds(1024, 8192)).unwrap();
    for (min, max) in [(512, 4096), (2048, 8200), (4096, 2048)] {
        let defect = Error::InvalidProfile(ProfileDefect::RsaBits { min, max });
        assert_eq!(admitted(&rsa_spki(&modulus(2048), &[3]), bounds(min, max)), Err(defect));
    }
}

// R-P10-09
#[test]
fn public_exponents_are_odd_and_above_one() {
    let result =
        |exponent: &[u8]| admitted(&rsa_spki(&modulus(2048), exponent), AllowedKeys::default());
    for exponent in [&[3][..], &[17], &[1, 0, 1], &[0, 0xFF]] {
        assert_eq!(result(exponent), Ok(()), "{exponent:?}");
    }
    for exponent in [&[0][..], &[1], &[2], &[1, 0, 0], &[0x81], &[0, 3]] {
        let refusal = Error::KeyNotAllowed(KeyRefusal::RsaExponent);
        assert_eq!(result(exponent), Err(refusal), "{exponent:?}");
    }
}

#[test]
fn an_even_modulus_is_refused() {
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 0xC2;
    let refusal = Error::KeyNotAllowed(KeyRefusal::RsaModulus);
    assert_eq!(admitted(&rsa_spki(&even, &[1, 0, 1]), AllowedKeys::default()), Err(refusal));
}

#[test]
fn octets_after_the_rsa_numbers_are_refused() {
    let padded = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            });
            der.bit_string_of(|der| {
                der.sequence(|der| {
                    der.unsigned_octets(&modulus(2048));
                    der.unsigned(65_537_u64);
                    der.null();
                });
            });
        });
    });
    assert!(matches!(admitted(&padded, AllowedKeys::default()), Err(Error::Malformed(_))));
}

// R-P10-09
#[test]
fn curves_are_allow_listed() {
    let curves = [
        (EllipticKey::P256, KeyKind::P256, oid::SECP256R1),
        (EllipticKey::P384, KeyKind::P384, oid::SECP384R1),
        (EllipticKey::P521, KeyKind::P521, oid::SECP521R1),
    ];
    let refused = |kind| Err(Error::KeyNotAllowed(KeyRefusal::Kind(kind)));
    for (allowed, ..) in curves {
        for (key, kind, curve) in curves {
            let keys = AllowedKeys { elliptic: vec![allowed], ..AllowedKeys::default() };
            let expected = if key == allowed { Ok(()) } else { refused(kind) };
            assert_eq!(admitted(&elliptic_spki(curve), keys), expected, "{kind:?}");
        }
    }
    let by_default = |curve| admitted(&elliptic_spki(curve), AllowedKeys::default());
    assert_eq!(by_default(oid::SECP256R1), Ok(()));
    assert_eq!(by_default(oid::SECP384R1), Ok(()));
    assert_eq!(by_default(oid::SECP521R1), refused(KeyKind::P521));
    let secp256k1 = oid::Oid::new("1.3.132.0.10");
    assert_eq!(by_default(secp256k1), refused(KeyKind::Other(secp256k1)));
}

/// A SubjectPublicKeyInfo for some point, which nobody looks at here.
fn elliptic_spki(curve: oid::Oid) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::EC_PUBLIC_KEY);
                der.oid(&curve);
            });
            der.bit_string_of(|der| der.raw(&[4; 65]));
        });
    })
}

#[test]
fn rsa_can_be_refused_altogether() {
    let keys = AllowedKeys { rsa: RsaKeys::Refuse, ..AllowedKeys::default() };
    let kind = KeyKind::Rsa { bits: 2048 };
    let refusal = Error::KeyNotAllowed(KeyRefusal::Kind(kind));
    assert_eq!(admitted(&rsa_spki(&modulus(2048), &[3]), keys), Err(refusal));
    let none = AllowedKeys { rsa: RsaKeys::Refuse, elliptic: Vec::new() };
    let defect = Error::InvalidProfile(ProfileDefect::NoKey);
    assert_eq!(admitted(&rsa_spki(&modulus(2048), &[3]), none), Err(defect));
}

#[test]
fn unknown_kinds_of_key_are_refused() {
    let x25519 = oid::Oid::new("1.3.101.110");
    let spki = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| der.oid(&x25519));
            der.bit_string_of(|der| der.raw(&[9; 32]));
        });
    });
    let refusal = KeyRefusal::Kind(KeyKind::Other(x25519));
    assert_eq!(admitted(&spki, AllowedKeys::default()), Err(Error::KeyNotAllowed(refusal)));
}

#[test]
fn the_issuers_own_key_gets_no_certificate() {
    let csr = Request::with_key("p256-ca").verified();
    let profile = Profile::new(config()).unwrap();
    let admitted = profile.admit(&csr, vouched(&csr), NOW).unwrap();
    let refused = admitted.prepare(serial(1), &Ca::new().issuer(), provider().digest);
    assert_eq!(refused.unwrap_err(), Error::KeyNotAllowed(KeyRefusal::OfIssuer));
}
