//! The client's role: requests are built in two steps, and a reply is believed only if it answers them.

mod credentials;
mod reply;
mod request;

pub use credentials::{CsrToBeSigned, SignerToBeSigned, csr, signer_certificate, subject_alt_name};
pub use reply::{Awaiting, CertRep, ReplyCheck};
pub use request::{Algorithms, Payload, RequestSettings, build};
