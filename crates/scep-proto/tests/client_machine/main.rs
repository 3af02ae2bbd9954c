//! The client's machine against a scripted server, on a virtual clock.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod algorithms;
mod credentials;
mod passwords;
mod persisted;
mod polling;
mod quirks;
mod renewal;
mod replies;
mod server;
mod start;
mod support;
mod transport;
