//! A small ASN.1 codec: a bounded reader of BER and DER over borrowed slices, and a writer of DER.
//!
//! Real SCEP peers send BER (Apple, jscep, Cisco: indefinite lengths, segmented strings), so the reader
//! takes it and keeps every raw slice: what a signature covers is never re-encoded. What we emit is DER.

mod error;
mod reader;
mod survey;
mod tag;
mod writer;

pub use error::Asn1Error;
pub use reader::{Reader, Rules, Tlv};
pub use survey::{Limits, survey};
pub use tag::Tag;
pub use writer::DerWriter;
