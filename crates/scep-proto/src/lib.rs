#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
// What a peer sends must not be able to stop us.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod client;
pub mod http;
pub mod inspect;
pub mod server;

mod attributes;
mod ca_certificates;
mod capabilities;
mod cms;
mod crl;
mod error;
mod message;
mod next_ca;
mod random;

pub use attributes::{FailInfo, MessageType, Nonce, PkiStatus, TransactionId};
pub use ca_certificates::{CaAnchor, CaCertificates, UnauthenticatedCa, write_ca_certificates};
pub use capabilities::Capabilities;
pub use crl::Crl;
pub use error::{
    ApiMisuse, Error, FingerprintList, Misbehaviour, Refusal, Unfinished, Unsupported,
};
pub use message::ToBeSigned;
pub use next_ca::{NextCa, write_next_ca_certificates};
pub use random::{FallbackKey, MessageRandom};
