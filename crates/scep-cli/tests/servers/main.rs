//! `bench`, `probe` and `conformance` against whole servers: ours in this process, and those of others.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod bench;
mod conformance;
mod micromdm;
mod ours;
mod probe;
mod program;
