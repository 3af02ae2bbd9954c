//! Clients that others wrote, against `scepd demo`: each must be installed, and none is replaced by one of ours.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certmonger;
mod demo;
mod scepclient;
mod strongswan;
