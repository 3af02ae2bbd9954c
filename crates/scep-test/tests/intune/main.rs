//! The whole way under Intune, over HTTP: simulated devices, our server, our caller, the simulated service.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod carrier;
mod compliance;
mod enrolment;
mod failure;
mod faults;
mod library;
mod log;
mod matrix;
mod quiet;
mod revocation;
mod secrets;
mod stage;
mod still;
