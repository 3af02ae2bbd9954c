//! Profiles, certificates and CRLs: what a CSR may become, prepared, linted, then signed.
//!
//! **Nothing is signed that was not linted; nothing is admitted without a proof.** A [`Profile`] says what a CSR may
//! become. It admits a proven CSR only with an [`Authorization`](scep_types::Authorization) for that very CSR; the
//! certificate is then written around the CSR's own octets (subject, key and subjectAltNames are spliced, never
//! re-encoded), read back by an independent parser, and only then handed out for signing. The crate does no I/O,
//! reads no clock, draws no randomness, names no crypto library and knows nothing of SCEP.
//!
//! ```no_run
//! use scep_ca::{Error, Issued, Issuer, Profile, Serial};
//! use scep_types::{Authorization, CryptoProvider, SigningKey, UnixTime, VerifiedCsr};
//!
//! fn issue(
//!     profile: &Profile,
//!     csr: &VerifiedCsr,
//!     authorization: Authorization,
//!     issuer: &Issuer,
//!     key: &dyn SigningKey,
//!     provider: &CryptoProvider,
//!     now: UnixTime,
//! ) -> Result<Issued, Error> {
//!     let admitted = profile.admit(csr, authorization, now)?; // policy
//!     let mut random = [0; Serial::RANDOM_OCTETS];
//!     provider.random.fill(&mut random)?;
//!     let prepared = admitted.prepare(Serial::from_random(random), issuer, provider.digest)?; // linted
//!     prepared.sign_with(key) // a remote key instead signs `to_be_signed()`, and `assemble` takes the signature
//! }
//! ```
#![forbid(unsafe_code)]

mod certificate;
mod compatibility;
mod config;
mod crl;
mod error;
mod extension;
mod issuer;
mod keys;
mod lint;
mod profile;
mod san;
mod selection;
mod serial;
mod sid;
mod text;
mod unsigned;
mod usage;
mod validity;

pub use certificate::{Issued, Prepared};
pub use compatibility::{CertificateRole, Incompatibility, incompatibilities};
pub use config::{
    AllowedKeys, EllipticKey, EmptySubject, ExtendedKeyUsagePolicy, KeyUsagePolicy, ProfileConfig,
    RequestedValidity, RsaKeys, SidExtension, SidUri, SubjectAltNamePolicy, Unlisted,
};
pub use crl::{Crl, CrlBuilder, PreparedCrl, RevocationReason, RevokedCertificate};
pub use error::{Error, IssuerDefect, KeyRefusal, LintFinding, Misuse, ProfileDefect, Refusal};
pub use issuer::Issuer;
pub use profile::{Admitted, Profile};
pub use san::SanType;
pub use selection::{Profiles, RequestedUse};
pub use serial::Serial;
