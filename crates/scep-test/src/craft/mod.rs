//! CMS by hand: every field may be what no honest peer writes.
//!
//! [`SignedMessage::request`], [`SignedMessage::reply`] and [`Envelope::new`] make honest ones; a test changes what it is
//! about, then builds.

mod enveloped;
mod parts;
mod password;
mod signed;

pub use enveloped::{Envelope, content_key, key_transport, key_transport_with};
pub use parts::{
    NULL, algorithm, constructed, digest_of, issuer_and_serial, key_identifier, name_and_serial,
    octets, primitive, printable,
};
pub use password::{Derivation, PasswordRecipient, pbkdf2};
pub use signed::{Attribute, Content, Order, Signed, SignedMessage, Signer};
