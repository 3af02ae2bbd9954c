//! The service's half: Entra, Graph and Intune as the wire shows them, each asked with nothing but HTTP and JSON.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod actions;
mod control;
mod discovery;
mod faults;
mod revocation;
mod support;
mod token;
mod validation;
