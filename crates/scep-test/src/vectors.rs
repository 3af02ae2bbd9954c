//! Public vectors that are not part of the repository.

use std::path::PathBuf;

/// A file of the public vectors: under `SCEP_VECTORS`, else under `../shared/vectors` beside the workspace.
///
/// `None`, and a line on stderr, if they are not there. With `SCEP_REQUIRE_VECTORS=1` that panics: a test that was to
/// run must not look green without them.
#[must_use]
pub fn vector(path: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("SCEP_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    match std::fs::read(folder.join(path)) {
        Ok(octets) => Some(octets),
        Err(error) => {
            let place = folder.join(path);
            let required = std::env::var_os("SCEP_REQUIRE_VECTORS").is_some_and(|v| v == "1");
            assert!(!required, "{}: {error}", place.display());
            eprintln!("NOT TESTED: no public vector {} ({error})", place.display());
            None
        }
    }
}
