//! A readable tree of whatever SCEP sends: messages, envelopes, CSRs, certificates, lists of these.
//!
//! ```
//! use scep_cli::decode::{Context, decode};
//!
//! let context = Context::new(scep_crypto::aws_lc_rs::provider());
//! let trees = decode(b"-----BEGIN NOTHING-----\nMAA=\n-----END NOTHING-----\n", &context);
//! assert!(trees.is_err(), "an empty SEQUENCE is nothing we know");
//! ```

mod armour;
mod certificate;
mod conversation;
mod crl;
mod csr;
mod envelope;
mod fields;
mod grammar;
mod kind;
mod message;
mod text;
mod tree;

pub use conversation::{Part, decode_conversation};
pub use tree::Node;

use bytes::Bytes;
use scep_types::asn1::{Asn1Error, Limits, survey};
use scep_types::{Certificate, CryptoProvider, DecryptionKey};

use armour::Armoured;
use kind::Kind;

/// What decoding may use.
#[derive(Clone)]
pub struct Context<'a> {
    /// Verifies, digests and decrypts.
    pub provider: CryptoProvider,
    /// Keys that may open an envelope.
    pub keys: Vec<&'a dyn DecryptionKey>,
    /// Certificates that may have signed, beside those in a message.
    pub certificates: Vec<Certificate>,
    /// Whether challenge passwords are shown.
    pub secrets: Secrets,
    /// Whether every field is shown with its place.
    pub offsets: Offsets,
}

/// Whether every field of an encoding is shown, by its name in the standards, with the place where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offsets {
    /// What matters is shown.
    #[default]
    Hidden,
    /// Beside that, all fields are, below `fields`.
    Shown,
}

/// Whether challenge passwords are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrets {
    /// Only their length is.
    #[default]
    Hidden,
    /// They are.
    Shown,
}

/// Why something is not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// Neither ASN.1 nor a text that holds some.
    #[error("is neither DER, PEM nor base64")]
    NoArmour,
    /// ASN.1 that is cut off, malformed or beyond bounds.
    #[error("is not well-formed: {0}")]
    Malformed(#[from] Asn1Error),
    /// ASN.1 of another kind.
    #[error("is no pkiMessage, envelope, CSR, certificate, CRL or list of certificates")]
    Unknown,
}

impl Context<'_> {
    /// Without keys or certificates, secrets hidden.
    #[must_use]
    pub fn new(provider: CryptoProvider) -> Self {
        Self {
            provider,
            keys: Vec::new(),
            certificates: Vec::new(),
            secrets: Secrets::default(),
            offsets: Offsets::default(),
        }
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { provider: _, keys, certificates, secrets, offsets } = self;
        f.debug_struct("Context")
            .field("keys", &keys.len())
            .field("certificates", certificates)
            .field("secrets", secrets)
            .field("offsets", offsets)
            .finish_non_exhaustive()
    }
}

/// Decodes a file: BER, DER, any number of PEM blocks, base64, or the URL of a PKIOperation by GET.
///
/// # Errors
/// [`Error`] if there is nothing in it that is known. What is known and broken inside is said in the tree.
pub fn decode(input: &[u8], context: &Context<'_>) -> Result<Vec<Node>, Error> {
    let opened = armour::open(input)?;
    let one_of_many = opened.len() > 1;
    let trees = opened.into_iter().map(|armoured| match armoured {
        Armoured::Der(der) => match decode_whole(&der, context) {
            Err(error) if one_of_many => Ok(Node::new("block").with_value(error)),
            other => other,
        },
        Armoured::PrivateKey(label) => Ok(Node::new(label).with_value("not shown")),
    });
    trees.collect()
}

/// Decodes one element that stands for itself, with all its fields if they are wanted.
pub(crate) fn decode_whole(der: &Bytes, context: &Context<'_>) -> Result<Node, Error> {
    let node = decode_der(der, context)?;
    if context.offsets == Offsets::Hidden {
        return Ok(node);
    }
    let end = survey(der, Limits::MESSAGE)?;
    let element = der.get(..end).unwrap_or_default();
    Ok(node.child(fields::fields(element, Kind::of(element), context.secrets)))
}

/// Decodes one element.
pub(crate) fn decode_der(der: &Bytes, context: &Context<'_>) -> Result<Node, Error> {
    let end = survey(der, Limits::MESSAGE)?;
    let element = der.slice(..end);
    let node = match Kind::of(&element) {
        Kind::SignedData => message::signed_data(&element, context),
        Kind::EnvelopedData => envelope::enveloped_data(&element, context),
        Kind::Certificate => certificate::certificate(&element, context),
        Kind::Csr => csr::csr(&element, context),
        Kind::Crl => crl::crl(&element),
        Kind::IssuerAndSerial => message::issuer_and_serial(&element),
        Kind::IssuerAndSubject => message::issuer_and_subject(&element),
        Kind::Unknown => return Err(Error::Unknown),
    };
    let after = der.len().saturating_sub(end);
    if after == 0 {
        return Ok(node);
    }
    Ok(node.child(Node::new("after it").with_value(format_args!("{after} octets"))))
}
