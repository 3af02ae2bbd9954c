#![cfg_attr(feature = "aws-lc-rs", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "aws-lc-rs"), doc = env!("CARGO_PKG_DESCRIPTION"))]
#![forbid(unsafe_code)]

pub mod service;
pub mod signed;

mod claim;
mod error;

pub use claim::{Claim, NameKind};
pub use error::{
    Error, Field, InvalidInput, Malformed, Misconfigured, Mismatch, Part, PeerFailure, Reason,
};
pub use scep_types::{Csr, Secret, UnixTime};
