//! Keys that others wrapped: the two examples of RFC 3211 §3, and one made by an independent implementation.

use scep_crypto::aws_lc_rs::provider;
use scep_test::craft::{Derivation, Envelope, PasswordRecipient};
use scep_types::{AlgorithmPolicy, ContentCipher, ContentKey, DigestAlgorithm};

use crate::support::{around, enrolment, open_with, rsa_device, secrets};

/// A key as somebody wrapped it.
struct Vector {
    password: &'static str,
    derivation: Derivation,
    cipher: ContentCipher,
    key: &'static str,
    encrypted_key: &'static str,
    policy: AlgorithmPolicy,
}

const SALT: &str = "1234567878563412";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn derivation(
    prf: DigestAlgorithm,
    cipher: ContentCipher,
    (salt, iterations, iv): (&str, u32, &str),
) -> Derivation {
    Derivation { prf, salt: hex(salt), iterations, cipher, iv: hex(iv) }
}

fn vectors() -> [Vector; 3] {
    use ContentCipher::{Aes128Cbc, Aes256Cbc, DesCbc, TripleDesCbc};
    use DigestAlgorithm::{Sha1, Sha256};
    [
        Vector {
            password: "password",
            derivation: derivation(Sha1, DesCbc, (SALT, 5, "efe598ef21b33d6d")),
            cipher: DesCbc,
            key: "8c627c897323a2f8",
            encrypted_key: "b81b2565ee373ca6dedca26a178b0c10",
            policy: AlgorithmPolicy::Obsolete,
        },
        Vector {
            password: "All n-entities must communicate with other n-entities via n-1 entiteeheehees",
            derivation: derivation(Sha1, TripleDesCbc, (SALT, 500, "baf1ca7931213c4e")),
            cipher: Aes256Cbc,
            key: "8c637d887223a2f965b566eb014b0fa5d52300a3f7ea40fffc577203c71baf3b",
            encrypted_key: "c03c514abdb9e2c5aac038572b5e24553876b377aafb82eca5a9d73f8ab143d9\
                            ec74e6cad7db260c",
            policy: AlgorithmPolicy::Legacy,
        },
        Vector {
            password: "NQ3C6-GS3ZN-2XPGL-SEJTQ",
            derivation: derivation(
                Sha256,
                Aes128Cbc,
                ("000102030405060708090a0b0c0d0e0f", 10_000, "101112131415161718191a1b1c1d1e1f"),
            ),
            cipher: Aes128Cbc,
            key: "404142434445464748494a4b4c4d4e4f",
            encrypted_key: "5e92f1245e92019e93768d6be7de9d1d6936f1868cd7fc3f0bddd9434a170473",
            policy: AlgorithmPolicy::Modern,
        },
    ]
}

// R-3211-02, R-3211-06
#[test]
fn keys_that_others_wrapped_unwrap() {
    for Vector { password, derivation, cipher, key, encrypted_key, policy } in vectors() {
        let recipient = PasswordRecipient {
            version: 0,
            derivation: Some(derivation.pbkdf2()),
            key_encryption: derivation.pwri_kek(),
            encrypted_key: hex(encrypted_key),
        };
        let key = ContentKey::new(&hex(key)).unwrap();
        let csr = rsa_device().csr.der();
        let message = around(&Envelope::with_key(csr, recipient.build(), cipher, &key));
        let opened = open_with(&message, &secrets(&[password]), &provider(), policy);
        assert_eq!(*enrolment(opened).csr, rsa_device().csr);
    }
}

#[test]
fn the_key_encryption_keys_of_the_examples_are_derived() {
    let expected = [
        "d1daa78615f287e6",
        "6a8970bf68c92caea84a8df28510858607126380cc47ab2d",
        "a431e13040397aacb3197cb3ff8d5c68",
    ];
    for (Vector { password, derivation, .. }, expected) in vectors().into_iter().zip(expected) {
        let Derivation { prf, salt, iterations, cipher, .. } = derivation;
        let iterations = iterations.try_into().unwrap();
        let key = provider().envelope.derive_key(
            prf,
            password.as_bytes(),
            &salt,
            iterations,
            cipher.key_len(),
        );
        assert_eq!(key.unwrap().octets(), hex(expected));
    }
}
