//! The transport on `reqwest`, over real sockets of this machine.
#![cfg(feature = "reqwest")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod http;
mod peer;
mod tls;
