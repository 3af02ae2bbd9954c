//! The driver over real HTTP, against a server that misbehaves as asked.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod answers;
mod enrolment;
mod session;
mod support;
mod transport;
