//! A SCEP client: the enrolment machine of `scep-proto`, driven over HTTP.
//!
//! Certificates, keys, crypto and decisions are the caller's; this crate brings HTTP, the clock and patience. What comes
//! back is bounded in size and time, redirects are not followed, and HTTPS is no substitute for knowing the CA.
//!
//! ```no_run
//! use scep_client::{Client, Error, Identity, self_signed, sign_csr};
//! use scep_proto::CaAnchor;
//! use scep_proto::client::{CaTrust, EnrolmentSettings, Issued};
//! use scep_types::{CryptoProvider, DecryptionKey, Name, Secret, SigningKey};
//!
//! async fn enrol<K: SigningKey + DecryptionKey>(
//!     provider: CryptoProvider,
//!     key: &K,
//!     subject: &Name,
//!     challenge: &Secret,
//!     ca: CaAnchor, // the CA's fingerprint, from somewhere one trusts
//! ) -> Result<Issued, Error> {
//!     let client = Client::new("http://scep.example/scep/devices", provider)?;
//!     let csr = sign_csr(key, subject, Some(challenge), &[])?;
//!     let signer = self_signed(key, subject, scep_client::now(), provider.random)?;
//!     let identity = Identity::new(csr, signer, key);
//!     let settings = EnrolmentSettings::new(CaTrust::Anchor(ca));
//!     client.enrol(settings, &identity, |progress| println!("{progress}")).await
//! }
//! ```
//!
//! [`Client::begin`] and [`Client::resume`] are for enrolments that outlive the process.
//! [`Client::session`] sends single messages: CertPoll, GetCert and GetCRL; [`Client::next_ca`] asks for the next CA.
#![forbid(unsafe_code)]

mod client;
mod crl;
mod error;
mod http;
mod identity;
mod session;
mod url;

pub use client::{Begun, Client, Pending, Progress, now};
pub use error::{AnswerFault, Cause, Error, Failure, UrlError};
pub use http::{HttpSettings, Observed, Proxy};
pub use identity::{Identity, self_signed, sign_csr};
pub use session::{Correspondent, Polled, Session};
