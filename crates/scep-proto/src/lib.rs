//! SCEP (RFC 8894) without I/O: what real clients send is read, what all of them accept is written.
//!
//! **A message becomes more only by a check: bytes, then a transaction, then a verified signer, then an opened request.**
//! The host brings transport, time, random octets, keys and decisions.
#![forbid(unsafe_code)]

pub mod client;
pub mod http;
pub mod inspect;
pub mod server;

mod attributes;
mod ca_certificates;
mod capabilities;
mod cms;
mod error;
mod message;
mod random;

pub use attributes::{FailInfo, MessageType, Nonce, PkiStatus, TransactionId};
pub use ca_certificates::{CaAnchor, CaCertificates, UnauthenticatedCa, write_ca_certificates};
pub use capabilities::Capabilities;
pub use error::{
    ApiMisuse, Error, FingerprintList, Misbehaviour, Refusal, Unfinished, Unsupported,
};
pub use message::ToBeSigned;
pub use random::{FallbackKey, MessageRandom};
