//! pkiMessages as they are written and as they are read: ours, other people's, and what no honest peer sends.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set itself up has failed"
)]

mod attributes;
mod ca_certificates;
mod capabilities;
mod der_laws;
mod enveloped;
mod errors;
mod families;
mod foreign_openssl;
mod hierarchy;
mod hostile;
mod http;
mod message_types;
mod oracle;
mod peers;
mod received;
mod replies;
mod requests;
mod roles;
mod round_trip;
mod signed;
mod support;
mod uniform_failure;
mod vectors;
