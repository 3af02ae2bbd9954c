//! Fixtures for the tests of all crates: keys, certificates, pkiMessages honest and forged.
//!
//! Nothing here is for production: keys are public, randomness is fixed, and what goes wrong panics.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a fixture that cannot be made must fail the test that wants it"
)]

pub mod ber;
pub mod canaries;
pub mod captures;
pub mod counting;
pub mod craft;
pub mod keys;
pub mod legacy_rsa;
pub mod pki;
pub mod requests;
pub mod servers;
pub mod stores;
pub mod vectors;
