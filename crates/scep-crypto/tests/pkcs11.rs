//! Keys in a PKCS #11 token do what software keys do, and tell an attacker no more. The token is SoftHSM's.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_crypto::pkcs11::{Error, KeyName, Token, TokenKey};
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, DigestAlgorithm, KeyTransport, SignatureScheme,
    SigningKey,
};

const PIN: &str = "271828";
/// Where Debian's package has it.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const KEYS: [&str; 4] = ["rsa2048-ra", "rsa3072-device", "p256-ca", "p384-ca"];

/// Runs a test once more, in a process whose SoftHSM has a token of its own with our keys in it: the module finds its
/// configuration in the environment.
fn with_a_token(name: &str, test: impl FnOnce(Arc<Token>)) {
    if std::env::var_os("SOFTHSM2_CONF").is_some() {
        return test(Token::open(Path::new(MODULE), "scep", PIN).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("softhsm2.conf");
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&config, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    let util = |arguments: &[&str]| {
        let mut command = Command::new("softhsm2-util");
        let output = command.env("SOFTHSM2_CONF", &config).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    util(&["--init-token", "--free", "--label", "scep", "--so-pin", "3141592", "--pin", PIN]);
    for (number, key) in KEYS.into_iter().enumerate() {
        let (path, id) = (pem(key), format!("0{number}"));
        let path = path.to_str().unwrap();
        util(&["--import", path, "--token", "scep", "--label", key, "--id", &id, "--pin", PIN]);
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", name, "--include-ignored", "--nocapture"]).env("SOFTHSM2_CONF", &config);
    assert!(again.status().unwrap().success(), "{name} in a token of its own");
}

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../testdata/keys/{name}.pem"))
}

fn software(name: &str) -> SoftwareKey {
    SoftwareKey::from_pem(&std::fs::read_to_string(pem(name)).unwrap()).unwrap()
}

fn ra(token: &Arc<Token>) -> TokenKey {
    token.key("rsa2048-ra").unwrap()
}

fn fallback() -> ContentKey {
    ContentKey::new(&[0x5A; 16]).unwrap()
}

#[test]
#[ignore = "needs softhsm2"]
fn its_public_half_is_the_keys_own() {
    with_a_token("its_public_half_is_the_keys_own", |token| {
        for name in KEYS {
            let (inside, outside) = (token.key(name).unwrap(), software(name));
            assert_eq!(SigningKey::spki(&inside), SigningKey::spki(&outside), "{name}");
            assert_eq!(inside.kind(), outside.kind());
        }
        let by_id = token.named_key(&KeyName::Id(vec![1])).unwrap();
        assert_eq!(SigningKey::spki(&by_id), SigningKey::spki(&software(KEYS[1])));
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn what_it_signs_verifies() {
    use DigestAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    with_a_token("what_it_signs_verifies", |token| {
        let schemes = [
            ("rsa2048-ra", SignatureScheme::RsaPkcs1(Sha1)),
            ("rsa2048-ra", SignatureScheme::RsaPkcs1(Sha256)),
            ("rsa3072-device", SignatureScheme::RsaPkcs1(Sha384)),
            ("rsa2048-ra", SignatureScheme::RsaPkcs1(Sha512)),
            ("rsa2048-ra", SignatureScheme::RsaPss(Sha256)),
            ("rsa3072-device", SignatureScheme::RsaPss(Sha512)),
            ("p256-ca", SignatureScheme::Ecdsa(Sha256)),
            ("p384-ca", SignatureScheme::Ecdsa(Sha384)),
        ];
        for (name, scheme) in schemes {
            let key = token.key(name).unwrap();
            let signature = key.sign(scheme, b"to be signed").unwrap();
            let verify = |message: &[u8]| {
                provider().verify.verify(scheme, SigningKey::spki(&key), message, &signature)
            };
            assert_eq!(verify(b"to be signed"), Ok(()), "{name} {scheme:?}");
            assert_eq!(verify(b"something else"), Err(CryptoError::InvalidSignature));
        }
        let unfit = token.key("p256-ca").unwrap().sign(SignatureScheme::RsaPkcs1(Sha256), b"");
        assert_eq!(unfit, Err(CryptoError::Unsupported));
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn what_is_wrapped_for_it_unwraps() {
    with_a_token("what_is_wrapped_for_it_unwraps", |token| {
        let (key, wanted) = (ra(&token), ContentKey::new(&[0xC7; 16]).unwrap());
        for transport in [KeyTransport::Pkcs1v15, KeyTransport::Oaep(DigestAlgorithm::Sha1)] {
            let spki = SigningKey::spki(&key);
            let wrapped = provider().envelope.wrap_key(transport, spki, &wanted).unwrap();
            let unwrapped = key.unwrap_key(transport, &wrapped, &fallback()).unwrap();
            assert_eq!(unwrapped.octets(), wanted.octets(), "{transport:?}");
        }
    });
}

// R-3218-01
#[test]
#[ignore = "needs softhsm2"]
fn whatever_does_not_unwrap_is_the_fallback_and_no_error() {
    with_a_token("whatever_does_not_unwrap_is_the_fallback_and_no_error", |token| {
        let (key, other) = (ra(&token), ContentKey::new(&[0xC7; 32]).unwrap());
        for transport in [KeyTransport::Pkcs1v15, KeyTransport::Oaep(DigestAlgorithm::Sha1)] {
            let spki = SigningKey::spki(&key);
            let of_another_length = provider().envelope.wrap_key(transport, spki, &other).unwrap();
            let mut garbage = vec![0x42; 256];
            garbage[0] = 0x01;
            let ciphertexts =
                [of_another_length, garbage, vec![0; 256], vec![0xFF; 256], vec![1; 255], vec![]];
            for ciphertext in ciphertexts {
                let unwrapped = key.unwrap_key(transport, &ciphertext, &fallback()).unwrap();
                assert_eq!(unwrapped.octets(), fallback().octets(), "{transport:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn many_threads_use_one_key() {
    with_a_token("many_threads_use_one_key", |token| {
        let key = ra(&token);
        let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
        std::thread::scope(|scope| {
            for thread in 0..24_u8 {
                let key = &key;
                scope.spawn(move || {
                    for _ in 0..10 {
                        let signature = key.sign(scheme, &[thread]).unwrap();
                        let spki = SigningKey::spki(key);
                        provider().verify.verify(scheme, spki, &[thread], &signature).unwrap();
                    }
                });
            }
        });
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn a_session_that_was_lost_is_opened_again() {
    with_a_token("a_session_that_was_lost_is_opened_again", |token| {
        let key = ra(&token);
        let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
        let before = key.sign(scheme, b"message").unwrap();
        // Logging out in one session logs out of all: what a token does that was restarted.
        let client = Pkcs11::new(MODULE).unwrap();
        let slot = client.get_slots_with_initialized_token().unwrap()[0];
        let session = client.open_ro_session(slot).unwrap();
        session.logout().unwrap();
        assert_eq!(key.sign(scheme, b"message").unwrap(), before);
        assert!(session.login(UserType::User, Some(&AuthPin::from(PIN))).is_err());
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn a_token_that_was_away_is_used_again_and_no_key_is_taken_for_another() {
    let name = "a_token_that_was_away_is_used_again_and_no_key_is_taken_for_another";
    with_a_token(name, |token| {
        let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
        let names = ["rsa2048-ra", "rsa3072-device"];
        let keys = names.map(|name| token.key(name).unwrap());
        let before = keys.each_ref().map(|key| key.sign(scheme, b"message").unwrap());
        let config = PathBuf::from(std::env::var_os("SOFTHSM2_CONF").unwrap());
        let (here, gone) = (config.with_file_name("tokens"), config.with_file_name("gone"));
        for _ in 0..2 {
            std::fs::rename(&here, &gone).unwrap();
            let garbage = [0x11; 256];
            for _ in 0..3 {
                assert_eq!(keys[0].sign(scheme, b"message"), Err(CryptoError::Unavailable));
                let unwrapped = keys[0].unwrap_key(KeyTransport::Pkcs1v15, &garbage, &fallback());
                assert_eq!(
                    unwrapped.map(|_| ()),
                    Err(CryptoError::Unavailable),
                    "not the fallback"
                );
            }
            std::fs::rename(&gone, &here).unwrap();
            let back = (0..1000).any(|_| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                keys[1].sign(scheme, b"message").is_ok()
            });
            assert!(back, "it does not come back");
            let after = keys.each_ref().map(|key| key.sign(scheme, b"message").unwrap());
            assert_eq!(after, before);
        }
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn what_is_wrong_is_said() {
    with_a_token("what_is_wrong_is_said", |token| {
        let module = Path::new(MODULE);
        let missing = Token::open(Path::new("/nowhere.so"), "scep", PIN).unwrap_err();
        assert!(matches!(missing, Error::Module { .. }), "{missing}");
        let no_token = Token::open(module, "another", PIN).unwrap_err();
        assert_eq!(no_token, Error::NoToken { label: "another".to_owned() });
        assert_eq!(
            token.key("another").unwrap_err(),
            Error::NoKey { key: KeyName::Label("another".to_owned()) }
        );
        let shown = format!("{token:?} {:?}", ra(&token));
        assert!(!shown.contains(PIN), "{shown}");
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn a_pin_that_was_changed_is_tried_once() {
    with_a_token("a_pin_that_was_changed_is_tried_once", |token| {
        let key = ra(&token);
        let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
        key.sign(scheme, b"message").unwrap();
        let client = Pkcs11::new(MODULE).unwrap();
        let slot = client.get_slots_with_initialized_token().unwrap()[0];
        let set_pin = |from: &str, to: &str| {
            let session = client.open_rw_session(slot).unwrap();
            session.set_pin(&AuthPin::from(from), &AuthPin::from(to)).unwrap();
            session.logout().unwrap();
        };
        set_pin(PIN, "161803");
        assert_eq!(key.sign(scheme, b"message"), Err(CryptoError::Unavailable));
        // Were it tried again, it would be right now.
        let session = client.open_rw_session(slot).unwrap();
        session.login(UserType::User, Some(&AuthPin::from("161803"))).unwrap();
        drop(session);
        set_pin("161803", PIN);
        assert_eq!(key.sign(scheme, b"message"), Err(CryptoError::Unavailable));
        drop((key, token));
        let again = Token::open(Path::new(MODULE), "scep", PIN).unwrap();
        ra(&again).sign(scheme, b"message").unwrap();
    });
}

#[test]
#[ignore = "needs softhsm2"]
fn a_wrong_pin_is_refused() {
    with_a_token("a_wrong_pin_is_refused", |token| {
        drop(token); // nobody is logged in any more
        assert_eq!(Token::open(Path::new(MODULE), "scep", "000000").unwrap_err(), Error::Pin);
    });
}
