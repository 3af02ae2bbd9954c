//! The private keys under `testdata/keys`.

use scep_crypto::aws_lc_rs::SoftwareKey;

use crate::legacy_rsa::RsaKey;

/// The PEM text of a key, by the name of its file without `.pem`.
#[must_use]
pub fn pem(name: &str) -> String {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A key that computes with the default backend.
#[must_use]
pub fn software(name: &str) -> SoftwareKey {
    SoftwareKey::from_pkcs8_pem(&pem(name)).unwrap()
}

/// An RSA key that computes without a backend, for what backends refuse.
#[must_use]
pub fn textbook(name: &str) -> RsaKey {
    RsaKey::from_pem(&pem(name))
}
