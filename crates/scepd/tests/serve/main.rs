//! `scepd serve` and `scepd check` as operators and devices meet them: the program itself, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "figures of races and kills are to be seen")]

mod support;

#[cfg(target_os = "linux")] // whose loopback has more than one address
mod abuse;
mod admin;
mod backend;
mod config;
mod database_tls;
mod enrolment;
mod fleet;
mod intune;
mod journal;
mod keys;
mod killed;
mod limits;
mod nodes;
mod one_time;
mod protocol;
mod reload;
mod restart;
mod rollover;
mod sealed;
mod secrets;
mod shutdown;
mod store;
mod tls;
#[cfg(feature = "pkcs11")]
mod token;
