//! SCEP (RFC 8894) without I/O: what real clients send is read, what all of them accept is written.
//!
//! **A message becomes more only by a check: bytes, then a transaction, then a verified signer, then an opened request.**
//! The host brings transport, time, random octets, keys and decisions. The loop of a server stands at [`server`], that of
//! a client at [`client::Step`].
//!
//! | refused | tolerated, as real peers send it |
//! |---|---|
//! | more than 256 KiB, 24 levels, 8,192 elements, 16 recipients, 16 certificates, 64 attributes | BER in any form, segmented strings, padded lengths, zeros and line ends after the message |
//! | no or several SignerInfos, repeated attributes, attributes outside signedAttrs | attributes that are not sorted or not known, signed as sent or as sorted |
//! | message types but 17, 19, 20, 21 and 22; any other spelling of these | transactionIDs and nonces of any form up to 255 and 64 octets, echoed as they came |
//! | MD5, SHA-1, DES and triple DES, but where an [`AlgorithmPolicy`](scep_types::AlgorithmPolicy) names them | OAEP, NULL or absent parameters, signer certificates of version 1, with long serial numbers or critical extensions |
//! | replies not signed by an authenticated CA or RA, for another transaction or nonce, without a certificate for our key | what a [`client::ServerQuirk`] names |
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
