//! Every backend: the suite on one node and on several, kills, crashes, and what is particular to each.
//!
//! What needs a server is `#[ignore]`d with its name, and starts a private instance from the programs that Debian installs.
//! `SCEP_STORE_FULL=1` makes the races as long as CI wants them.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]
#![expect(clippy::print_stdout, reason = "figures of races and kills are to be seen")]

#[macro_use]
mod suite;

mod kill;
mod memory;
mod postgres;
mod redis;
mod sqlite;
