//! The endpoint through its HTTP service, asked by devices that speak `scep_proto::client`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set itself up has failed"
)]

mod support;

mod algorithms;
mod compliance;
mod config;
mod enrolment;
mod failure;
mod families;
mod flood;
mod hostile;
mod hot;
mod http;
mod intune;
mod intune_crash;
mod intune_faults;
mod intune_outbox;
mod intune_revocation;
mod limits;
mod manual;
mod next_ca;
mod next_ca_queries;
mod one_time;
mod passwords;
mod pool;
mod queries;
mod renewal;
mod renewal_provenance;
mod rollover;
mod sealed_bounds;
mod sealed_passwords;
mod tcp;
