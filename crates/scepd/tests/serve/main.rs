//! `scepd serve` and `scepd check` as operators and devices meet them: the program itself, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[cfg(target_os = "linux")] // whose loopback has more than one address
mod abuse;
mod admin;
mod config;
mod enrolment;
mod limits;
mod reload;
mod secrets;
mod shutdown;
mod tls;
