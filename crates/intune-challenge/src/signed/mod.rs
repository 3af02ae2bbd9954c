//! Signed challenges: a JWS in compact form whose claims say what the CSR must look like.
//!
//! Three phases, each a type: [`SignedChallenge`] was parsed, [`VerifiedChallenge`] was signed by a trust anchor for
//! this time and audience, [`BoundChallenge`] names exactly what one CSR asks for and holds the facts a store needs.
//!
//! # What is compared
//!
//! | claim | with | equal if |
//! |---|---|---|
//! | `device_name` | the only commonName | the same text |
//! | `san_dns` | dNSName | the same but for ASCII case and one trailing dot; claims are A-labels, others are malformed |
//! | `san_rfc822` | rfc822Name | the same but for ASCII case |
//! | `san_upn` | otherName 1.3.6.1.4.1.311.20.2.3 | the same but for case; a letter is folded only where that is reversible |
//! | `san_uri` | uniformResourceIdentifier | the same octets |
//! | `san_ip` | iPAddress | the same address; IPv4 and IPv4-mapped IPv6 differ |
//! | `spki_sha256` | SubjectPublicKeyInfo | its SHA-256 digest in base64url without padding |
//!
//! Lists are sets. What the claims do not list must be absent: a commonName without `device_name`, a subjectAltName of a
//! kind without a list. Kinds that no claim can name (directoryName, registeredID, other otherNames, …) are always
//! refused. Other attributes of the subject (O, OU, …) are not compared; that is a profile's business.
//!
//! Blanks around a name are part of it. Blank names and names with control characters are malformed claims.

mod algorithm;
mod anchor;
mod binding;
mod claims;
mod compatibility;
mod ecdsa;
mod header;
mod issuer;
mod json;
mod jws;
mod names;
mod pem;
mod time_window;
mod verifier;

pub use algorithm::Algorithm;
pub use anchor::TrustAnchor;
pub use binding::BoundChallenge;
pub use claims::Claims;
pub use compatibility::{Compatibility, Leniencies, Leniency};
pub use issuer::{Issuer, UnsignedChallenge};
pub use jws::SignedChallenge;
pub use verifier::{VerifiedChallenge, Verifier, VerifierConfig};
