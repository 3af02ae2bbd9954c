//! What two or more crates of this family must agree on.
//!
//! Certificates and CSRs as they were received, names, time, object identifiers, keys, the traits a crypto
//! provider implements, and [`Authorization`], the proof without which nothing is issued. The crate does no
//! I/O, reads no clock, draws no randomness and names no crypto library.
//!
//! A CSR is parsed once; the value that was matched and proven is the value that is issued:
//!
//! ```no_run
//! use scep_types::{AlgorithmPolicy, CryptoProvider, Csr, Error};
//!
//! fn prove(der: Vec<u8>, provider: &CryptoProvider) -> Result<(), Error> {
//!     let csr = Csr::parse(der)?; // bounded, unambiguous
//!     let proven = csr.verify(provider.verify, AlgorithmPolicy::Modern)?; // holder of the key
//!     println!("{} asks for {} names", proven.subject(), proven.subject_alt_names().len());
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]
// What a peer sends must not be able to stop us.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod asn1;
pub mod hex;
pub mod oid;

mod algorithm;
mod authorization;
mod certificate;
mod crypto;
mod csr;
mod error;
mod general_name;
mod key;
mod name;
mod second_reader;
mod secret;
mod time;

pub use algorithm::{
    AlgorithmPolicy, ContentCipher, DigestAlgorithm, KeyTransport, SignatureScheme,
};
pub use authorization::{Authorization, Basis, NameAssurance};
pub use certificate::{BasicConstraints, Certificate};
pub use crypto::{
    CryptoError, CryptoProvider, Digest, DigestProvider, EnvelopeProvider, SecureRandom,
    SignatureVerifier, VerifyingKey,
};
pub use csr::{ChallengePassword, Csr, CsrAttribute, EnrollmentPair, Extension, VerifiedCsr};
pub use error::{AmbiguousCsr, Error, Structure};
pub use general_name::{GeneralName, GeneralNameValue};
pub use key::{
    ContentKey, DecryptionKey, KeyKind, KeyUsage, SealingKey, SigningKey, spki_key_kind,
};
pub use name::{Name, NameAttribute, is_printable_string};
pub use secret::Secret;
pub use time::{UnixTime, Validity};
