//! The codec of Microsoft Intune's SCEP service, through the public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod assertion;
mod compliance;
mod discovery;
mod facts;
mod faults;
mod inputs;
mod laws;
mod notifications;
mod outcomes;
mod revocation;
mod secrets;
mod settings;
mod support;
mod token;
mod validation;
