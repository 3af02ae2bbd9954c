//! No octets from outside make a provider panic, or make it accept what nobody signed.

use proptest::prelude::*;
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{
    ContentCipher, ContentKey, CryptoError, DecryptionKey, DigestAlgorithm, KeyTransport,
    SignatureScheme,
};

use crate::support::{MESSAGE, aws_lc_rs, content_key, data, key, pem, providers, spki};

fn schemes() -> Vec<SignatureScheme> {
    let digests = DigestAlgorithm::ALL;
    let rsa = digests.map(SignatureScheme::RsaPkcs1).into_iter();
    rsa.chain(digests.map(SignatureScheme::RsaPss))
        .chain(digests.map(SignatureScheme::Ecdsa))
        .chain([SignatureScheme::Ed25519])
        .collect()
}

fn transports() -> Vec<KeyTransport> {
    let oaep = DigestAlgorithm::ALL.map(KeyTransport::Oaep);
    [KeyTransport::Pkcs1v15].into_iter().chain(oaep).collect()
}

fn octets(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// A good key with one octet changed.
fn tampered_spki() -> impl Strategy<Value = Vec<u8>> {
    let names = ["rsa1024-device", "rsa2048-device", "p256-device", "p384-device", "ed25519"];
    (prop::sample::select(names.to_vec()), any::<prop::sample::Index>(), 1..=255_u8).prop_map(
        |(name, at, change)| {
            let mut spki = spki(name);
            let at = at.index(spki.len());
            spki[at] ^= change;
            spki
        },
    )
}

proptest! {
    #[test]
    fn arbitrary_keys_and_signatures_never_verify(spki in octets(400), signature in octets(300)) {
        for (_, provider) in providers() {
            for scheme in schemes() {
                prop_assert!(provider.verify.verify(scheme, &spki, MESSAGE, &signature).is_err());
            }
        }
    }

    #[test]
    fn tampered_keys_with_arbitrary_signatures_never_verify(
        spki in tampered_spki(),
        signature in octets(300),
    ) {
        for (_, provider) in providers() {
            for scheme in schemes() {
                prop_assert!(provider.verify.verify(scheme, &spki, MESSAGE, &signature).is_err());
            }
        }
    }

    #[test]
    fn a_signature_with_any_octet_changed_never_verifies(
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let sha256 = DigestAlgorithm::Sha256;
        for (file, signer, scheme) in [
            ("rsa2048-device-pkcs1-sha256", "rsa2048-device", SignatureScheme::RsaPkcs1(sha256)),
            ("rsa2048-device-pss-sha256", "rsa2048-device", SignatureScheme::RsaPss(sha256)),
            ("p256-device-ecdsa-sha256", "p256-device", SignatureScheme::Ecdsa(sha256)),
            ("ed25519", "ed25519", SignatureScheme::Ed25519),
        ] {
            let mut signature = data(&format!("signatures/{file}.sig"));
            let at = at.index(signature.len());
            signature[at] ^= change;
            let signer = spki(signer);
            for (_, provider) in providers() {
                let verified = provider.verify.verify(scheme, &signer, MESSAGE, &signature);
                prop_assert_eq!(verified, Err(CryptoError::InvalidSignature));
            }
        }
    }

    #[test]
    fn arbitrary_recipients_never_panic(spki in octets(400), tampered in tampered_spki()) {
        let cek = content_key(&[7; 16]);
        for transport in transports() {
            prop_assert!(aws_lc_rs().envelope.wrap_key(transport, &spki, &cek).is_err());
            let _ = aws_lc_rs().envelope.wrap_key(transport, &tampered, &cek);
        }
    }

    #[test]
    fn arbitrary_content_never_panics(
        key in octets(33),
        iv in octets(20),
        ciphertext in octets(200),
    ) {
        let key = ContentKey::new(&key).unwrap();
        for cipher in ContentCipher::ALL {
            let decrypted = aws_lc_rs().envelope.decrypt(cipher, &key, &iv, &ciphertext);
            prop_assert!(decrypted.is_ok() || decrypted == Err(CryptoError::DecryptionFailed));
            let _ = aws_lc_rs().envelope.encrypt(cipher, &key, &iv, &ciphertext);
        }
    }

    #[test]
    fn content_comes_back_and_padding_is_never_ambiguous(
        plaintext in octets(300),
        key in prop::array::uniform32(any::<u8>()),
        iv in prop::array::uniform16(any::<u8>()),
    ) {
        for cipher in [ContentCipher::Aes128Cbc, ContentCipher::Aes192Cbc, ContentCipher::Aes256Cbc] {
            let key = ContentKey::from_prefix(&key, cipher.key_len());
            let ciphertext = aws_lc_rs().envelope.encrypt(cipher, &key, &iv, &plaintext).unwrap();
            let decrypted = aws_lc_rs().envelope.decrypt(cipher, &key, &iv, &ciphertext);
            prop_assert_eq!(decrypted, Ok(plaintext.clone()));
        }
    }

    #[test]
    fn arbitrary_key_files_never_load(text in ".*", der in octets(200)) {
        prop_assert!(SoftwareKey::from_pem(&text).is_err());
        prop_assert!(SoftwareKey::from_pkcs8_der(&der).is_err());
    }

    #[test]
    fn tampered_key_files_never_panic(
        name in prop::sample::select(vec!["rsa2048-device", "p256-device", "p384-device"]),
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let text = pem(name);
        let (_, mut der) = pem_rfc7468::decode_vec(text.as_bytes()).unwrap();
        let at = at.index(der.len());
        der[at] ^= change;
        let _ = SoftwareKey::from_pkcs8_der(&der);
        #[cfg(feature = "ring")]
        let _ = scep_crypto::ring::SoftwareKey::from_pkcs8_der(&der);
    }
}

proptest! {
    // Each case is a private RSA operation, and the tests are not optimised.
    #![proptest_config(ProptestConfig::with_cases(32))]

    // R-3218-01
    #[test]
    fn arbitrary_encrypted_keys_return_the_fallback(
        encrypted in octets(300),
        full in prop::collection::vec(any::<u8>(), 256),
    ) {
        let ra = key("rsa2048-ra");
        let fallback = content_key(&[0x5A; 16]);
        for encrypted in [encrypted, full] {
            for digest in [None, Some(DigestAlgorithm::Sha1), Some(DigestAlgorithm::Sha256)] {
                let transport = digest.map_or(KeyTransport::Pkcs1v15, KeyTransport::Oaep);
                let unwrapped = ra.unwrap_key(transport, &encrypted, &fallback).unwrap();
                prop_assert_eq!(unwrapped.octets(), fallback.octets());
            }
        }
    }
}
