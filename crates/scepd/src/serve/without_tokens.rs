//! A scepd without PKCS #11, which says how to build one with it.

use super::keys::Both;
use crate::config::files::Files;
use crate::config::key::TokenSource;
use crate::config::mistake::Findings;
use crate::config::values::Located;

/// No tokens.
pub(super) struct Tokens;

impl Tokens {
    pub(super) const fn new() -> Self {
        Self
    }

    /// A mistake.
    pub(super) fn key(
        &self,
        source: &Located<TokenSource>,
        _: &Files,
        findings: &mut Findings,
    ) -> Option<Box<dyn Both>> {
        let what = "this scepd was built without PKCS #11";
        let remedy = "build one with it: cargo build --release -p scepd --features pkcs11";
        findings.mistake(source.span(), what, remedy);
        None
    }
}
