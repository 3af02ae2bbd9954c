//! Two readings of one wire: our client of Microsoft's service against the simulator, which shares no code with it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod denials;
mod enrolment;
mod faults;
mod support;
mod way;
