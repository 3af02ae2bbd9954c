//! Devices against our own server: each family enrols, and what it sends has the family's marks.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod enrolment;
mod marks;
mod matrix;
mod openssl;
mod program;
mod support;
