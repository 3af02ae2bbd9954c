//! What foreign peers sent, under `testdata/<peer>`.

use bytes::Bytes;

/// A captured file, by its path under `testdata`.
#[must_use]
pub fn capture(path: &str) -> Bytes {
    let path = format!("{}/../../testdata/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")).into()
}
