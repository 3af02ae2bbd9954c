use scep_types::{Certificate, KeyKind, Name, UnixTime, Validity, spki_key_kind};

use super::header::Header;
use super::pem::{self, Block};
use crate::Misconfigured;

/// A public key whose holder may make challenges.
///
/// A certificate is a container for its key, its validity and its fingerprint; no chain is built and no revocation is
/// looked up. It is checked for validity at each verification, not only when it is loaded.
#[derive(Debug, Clone)]
pub struct TrustAnchor {
    source: Source,
    key_kind: KeyKind,
    key_id: Option<String>,
}

#[derive(Debug, Clone)]
enum Source {
    Certificate(Box<Certificate>),
    PublicKey(Vec<u8>),
}

impl TrustAnchor {
    /// The key of a certificate, DER, within the certificate's validity.
    ///
    /// # Errors
    /// [`Misconfigured::Key`].
    pub fn from_certificate(der: impl Into<Vec<u8>>) -> Result<Self, Misconfigured> {
        let certificate = Certificate::parse(der.into()).map_err(Misconfigured::Key)?;
        let key_kind = certificate.key_kind().map_err(Misconfigured::Key)?;
        Ok(Self { source: Source::Certificate(Box::new(certificate)), key_kind, key_id: None })
    }

    /// A bare SubjectPublicKeyInfo, DER, which is valid until it is taken away.
    ///
    /// # Errors
    /// [`Misconfigured::Key`].
    pub fn from_public_key(spki: impl Into<Vec<u8>>) -> Result<Self, Misconfigured> {
        let spki = spki.into();
        let key_kind = spki_key_kind(&spki).map_err(Misconfigured::Key)?;
        Ok(Self { source: Source::PublicKey(spki), key_kind, key_id: None })
    }

    /// All anchors of a PEM bundle of `CERTIFICATE` and `PUBLIC KEY` blocks.
    ///
    /// # Errors
    /// [`Misconfigured::NoAnchor`] for a bundle without blocks, [`Misconfigured::PrivateKey`] and
    /// [`Misconfigured::PemLabel`] for blocks that do not belong there, [`Misconfigured::Pem`], [`Misconfigured::Key`].
    pub fn all_from_pem(bundle: &str) -> Result<Vec<Self>, Misconfigured> {
        let blocks = pem::read(bundle)?;
        if blocks.is_empty() {
            return Err(Misconfigured::NoAnchor);
        }
        let anchors = blocks.into_iter().map(|block| match block {
            Block::Certificate(der) => Self::from_certificate(der),
            Block::PublicKey(spki) => Self::from_public_key(spki),
        });
        anchors.collect()
    }

    /// The same anchor under a `kid`: challenges whose header names another one are not tried with it.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> Self {
        Self { key_id: Some(key_id.into()), ..self }
    }

    /// The SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        match &self.source {
            Source::Certificate(certificate) => certificate.spki(),
            Source::PublicKey(spki) => spki,
        }
    }

    /// The kind of key.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        self.key_kind
    }

    /// The `kid`, if it was given one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The subject of its certificate, `None` for a bare key.
    #[must_use]
    pub fn subject(&self) -> Option<&Name> {
        self.certificate().map(Certificate::subject)
    }

    /// The validity of its certificate, `None` for a bare key.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.certificate().map(Certificate::validity)
    }

    /// Whether challenges are verified with it at this time.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.validity().is_none_or(|validity| validity.contains(now))
    }

    pub(super) fn certificate(&self) -> Option<&Certificate> {
        match &self.source {
            Source::Certificate(certificate) => Some(certificate),
            Source::PublicKey(_) => None,
        }
    }

    /// Whether the header may mean this anchor: what it says about the key is not known to be something else.
    pub(super) fn may_be_meant(&self, header: &Header, sha256: Option<&[u8]>) -> bool {
        let other_id = differ(self.key_id.as_deref(), header.key_id.as_deref());
        let named = header.certificate_sha256.as_ref().map(<[u8; 32]>::as_slice);
        !other_id && !differ(sha256, named)
    }
}

/// Whether both are known and not the same.
fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}
