//! The calls of the service, over a transport that misbehaves as asked, on a clock that stands still.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod bounds;
mod caches;
mod credentials;
mod doctor;
mod faults;
mod library;
mod log;
mod microsoft;
mod notifications;
mod support;
