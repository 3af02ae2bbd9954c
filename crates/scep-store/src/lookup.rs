//! By what issued certificates are looked for, besides their serial number.

use std::fmt;
use std::sync::Arc;

use scep_types::UnixTime;

use crate::StoreError;
use crate::certificate::IssuedCertificate;
use crate::error::{Argument, within};
use crate::ids::{CertificateId, Sha256};

/// For whom a certificate was issued, in the words of its authorisation: 1 to 256 octets of UTF-8. It is a name, not a proof.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName(Arc<str>);

impl DeviceName {
    /// Octets a name may have.
    pub const MAX_OCTETS: usize = 256;

    /// The name that a text stands for: its beginning if it is longer, with U+FFFD for control characters; none for no text.
    ///
    /// Whoever looks for a name that was kept like this finds it by the same text.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let mut name = String::new();
        for character in text.chars() {
            let shown =
                if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
            if name.len().saturating_add(shown.len_utf8()) > Self::MAX_OCTETS {
                break;
            }
            name.push(shown);
        }
        (!name.is_empty()).then(|| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_debug())
    }
}

impl fmt::Debug for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What certificates have in common that are looked for, over all endpoints and issuers of the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificatesOf {
    /// SHA-256 of their SubjectPublicKeyInfo.
    Key(Sha256),
    /// For whom they were issued.
    Device(DeviceName),
}

/// The newest certificates, or those before one that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificatePage {
    most: usize,
    before: Option<CertificatePlace>,
}

impl CertificatePage {
    /// Certificates a page may have.
    pub const MAX: usize = 100;

    /// The newest ones, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 100.
    pub fn newest(most: usize) -> Result<Self, StoreError> {
        within(Argument::CertificatePage, most as u64, 1, Self::MAX as u64)?;
        Ok(Self { most, before: None })
    }

    /// Those older than the last one of the page before.
    #[must_use]
    pub const fn before(self, place: CertificatePlace) -> Self {
        Self { before: Some(place), ..self }
    }

    /// How many.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Before which one.
    #[must_use]
    pub const fn place(&self) -> Option<CertificatePlace> {
        self.before
    }
}

/// Where a certificate stands among all: by the time of its commit, then by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificatePlace {
    /// When it was committed.
    pub issued_at: UnixTime,
    /// Which one it is.
    pub id: CertificateId,
}

impl CertificatePlace {
    /// The place of a certificate.
    #[must_use]
    pub const fn of(issued: &IssuedCertificate) -> Self {
        Self { issued_at: issued.issued_at, id: issued.certificate.id }
    }
}
