//! Private keys: in memory, behind a passphrase or not, or in a token.

use scep_crypto::aws_lc_rs::{EncryptedKeyError, SoftwareKey};
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, KeyTransport, Secret, SignatureScheme, SigningKey,
};

use super::prove::{Duty, prove};
#[cfg(feature = "pkcs11")]
use super::token::Tokens;
#[cfg(not(feature = "pkcs11"))]
use super::without_tokens::Tokens;
use crate::config::files::Files;
use crate::config::key::{KeySource, KeyText};
use crate::config::mistake::{Fault, Findings};
use crate::config::values::Located;

/// A private key that signs, and decrypts if it is one that can.
///
/// A token blocks while it works, so either is used on the worker pool.
pub(crate) struct Key(Box<dyn Both>);

/// What CAs and RAs do with a key.
pub(super) trait Both: SigningKey + DecryptionKey {}

impl<K: SigningKey + DecryptionKey> Both for K {}

/// Reads private keys; each token is opened once.
pub(crate) struct Keys<'a> {
    files: &'a Files,
    tokens: Tokens,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(files: &'a Files) -> Self {
        Self { files, tokens: Tokens::new() }
    }

    /// The private key of a certificate with this SubjectPublicKeyInfo, or a mistake; one in a token has shown that it does its
    /// duty. Without a certificate, which is a mistake already, there is nothing to show.
    pub(crate) fn read(
        &self,
        source: &Located<KeySource>,
        certificate_spki: Option<&[u8]>,
        duty: Duty,
        findings: &mut Findings,
    ) -> Option<Key> {
        match source.value() {
            KeySource::Text(_) => software(source, self.files, findings).map(Key::in_memory),
            KeySource::Token(token) => {
                let key = self.tokens.key(token, self.files, findings)?;
                let proven = prove(&*key, certificate_spki?, duty);
                findings.take(token.span(), proven)?;
                Some(Key(key))
            }
        }
    }
}

impl Key {
    pub(crate) fn in_memory(key: SoftwareKey) -> Self {
        Self(Box::new(key))
    }
}

/// A private key that is in memory, or a mistake.
pub(crate) fn software(
    source: &Located<KeySource>,
    files: &Files,
    findings: &mut Findings,
) -> Option<SoftwareKey> {
    match source.value() {
        KeySource::Text(key) => read_text(key, source, files, findings),
        KeySource::Token(token) => {
            let what = "this key cannot be in a token";
            findings.mistake(token.span(), what, "give a PEM key: { file = \"…\" }");
            None
        }
    }
}

fn read_text(
    key: &KeyText,
    source: &Located<KeySource>,
    files: &Files,
    findings: &mut Findings,
) -> Option<SoftwareKey> {
    let at = source.span();
    let text = findings.take(at.clone(), files.private(&key.source))?;
    let name = files.name(&key.source);
    let encrypted = text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    match &key.passphrase {
        _ if text.contains("Proc-Type: 4,ENCRYPTED") => {
            let what = format!("the key in {name} is encrypted in OpenSSL's traditional way");
            findings.mistake(at, what, format!("{ENCRYPT_ANEW}; the old way protects little"));
            None
        }
        None if encrypted => {
            let remedy =
                "add `passphrase = { file = \"…\" }` or `passphrase = { env = \"…\" }` beside it";
            findings.mistake(at, format!("the key in {name} is encrypted"), remedy);
            None
        }
        None => findings.take(at, files.key(&key.source)),
        Some(passphrase) if !encrypted => {
            let remedy = format!("take `passphrase` out, or encrypt the key: {ENCRYPT_ANEW}");
            findings.mistake(
                passphrase.span(),
                format!("the key in {name} is not encrypted"),
                remedy,
            );
            None
        }
        Some(passphrase) => {
            let at = passphrase.span();
            let secret = findings.take(at.clone(), files.secret(passphrase.value()))?;
            findings.take(at, decrypt(&text, &secret, &name))
        }
    }
}

fn decrypt(text: &str, passphrase: &Secret, name: &str) -> Result<SoftwareKey, Fault> {
    SoftwareKey::from_encrypted_pem(text, passphrase).map_err(|error| {
        let remedy = match error {
            EncryptedKeyError::Passphrase => "give the passphrase of this key".to_owned(),
            EncryptedKeyError::Unsupported(_) | EncryptedKeyError::TooCostly => {
                format!("encrypt it anew: {ENCRYPT_ANEW}")
            }
            _ => "give a PEM key: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519"
                .to_owned(),
        };
        Fault::new(format!("{name}: {error}"), remedy)
    })
}

const ENCRYPT_ANEW: &str =
    "openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in old.key -out new.key";

impl SigningKey for Key {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(&*self.0)
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.sign(scheme, message)
    }
}

impl DecryptionKey for Key {
    fn spki(&self) -> &[u8] {
        DecryptionKey::spki(&*self.0)
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        self.0.unwrap_key(transport, encrypted, fallback)
    }
}
