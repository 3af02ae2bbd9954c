//! Signed challenges, through the public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod binding;
mod certctl;
mod claims;
mod common_name;
mod config;
mod golden;
mod issuer;
mod jws;
mod laws;
mod report;
mod signature;
mod support;
mod time;
