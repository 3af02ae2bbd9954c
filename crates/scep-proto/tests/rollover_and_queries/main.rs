//! What comes beside enrolment: the next CA, and certificates and CRLs that are asked for.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod next_ca;
mod queries;
mod rollover;
mod support;
