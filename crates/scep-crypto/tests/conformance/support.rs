use std::path::Path;

use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{ContentKey, CryptoProvider};

/// What the signatures in `data/signatures` are over, and the plaintext of the contents in `data/envelopes`.
pub(crate) const MESSAGE: &[u8] = include_bytes!("data/message.txt");

/// The providers under test.
pub(crate) fn providers() -> Vec<(&'static str, CryptoProvider)> {
    vec![
        ("aws-lc-rs", aws_lc_rs()),
        #[cfg(feature = "ring")]
        ("ring", scep_crypto::ring::provider()),
    ]
}

pub(crate) fn aws_lc_rs() -> CryptoProvider {
    scep_crypto::aws_lc_rs::provider()
}

pub(crate) fn data(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/data");
    std::fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn spki(name: &str) -> Vec<u8> {
    data(&format!("spki/{name}.der"))
}

pub(crate) fn text(path: &str) -> String {
    String::from_utf8(data(path)).unwrap()
}

/// A key of the repository, PEM.
pub(crate) fn pem(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/keys");
    std::fs::read_to_string(root.join(format!("{name}.pem"))).unwrap()
}

pub(crate) fn key(name: &str) -> SoftwareKey {
    SoftwareKey::from_pem(&pem(name)).unwrap()
}

pub(crate) fn content_key(octets: &[u8]) -> ContentKey {
    ContentKey::new(octets).unwrap()
}

/// The key that OpenSSL wrapped in `data/envelopes`.
pub(crate) fn wrapped_by_openssl() -> ContentKey {
    let octets: Vec<u8> = (0..32).collect();
    content_key(&octets)
}

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: String = digits.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
