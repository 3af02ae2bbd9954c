//! The program as its users have it: arguments in; output, files and an exit code out.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod cacert;
mod decode;
mod diagnosis;
mod enroll;
mod mint;
mod queries;
mod renew;
#[path = "../../../scep-client/tests/driver/support.rs"]
#[expect(dead_code, reason = "the tests of the driver use more of it")]
mod server;
mod support;
mod usage;
