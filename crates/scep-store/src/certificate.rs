//! Issued certificates: whose they are, why they exist, whether they were revoked.

use bytes::Bytes;
use scep_types::{Basis, UnixTime};

use crate::StoreError;
use crate::error::{Argument, length, within};
use crate::ids::{CertificateId, SerialNumber, Sha256, TransactionKey};
use crate::lookup::DeviceName;
use crate::outbox::Notice;

/// A certificate that was just signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewCertificate {
    /// Its DER.
    pub der: Bytes,
    /// Its issuer and serial number.
    pub id: CertificateId,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub subject_key: Sha256,
    /// The last moment of its validity.
    pub not_after: UnixTime,
    /// Which authorisation it was issued on.
    pub basis: Basis,
    /// For whom that authorisation was, if it says so.
    pub device: Option<DeviceName>,
}

impl NewCertificate {
    /// Octets a certificate may have.
    pub const MAX_DER: usize = 64 * 1024;
    /// Octets the detail of a basis may have.
    pub const MAX_BASIS: usize = 512;

    /// A certificate, its DER copied so that nothing keeps a larger buffer.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for DER of more than 64 KiB or a basis of more than 512 octets.
    pub fn new(
        id: CertificateId,
        der: &[u8],
        subject_key: Sha256,
        not_after: UnixTime,
        basis: Basis,
    ) -> Result<Self, StoreError> {
        length(Argument::Certificate, der, Self::MAX_DER)?;
        within(Argument::Basis, detail(&basis).len() as u64, 0, Self::MAX_BASIS as u64)?;
        let der = Bytes::copy_from_slice(der);
        Ok(Self { der, id, subject_key, not_after, basis, device: None })
    }

    /// What the authorisation was besides its kind: an id of the challenge or password, the operator's name, the serial number of
    /// the certificate that was renewed; empty if there is nothing to say.
    #[must_use]
    pub fn basis_detail(&self) -> &str {
        detail(&self.basis)
    }

    /// The same, for this device.
    #[must_use]
    pub fn with_device(self, device: Option<DeviceName>) -> Self {
        Self { device, ..self }
    }
}

/// A certificate this store knows was issued: by which endpoint, in which transaction, on which authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate: NewCertificate,
    /// The endpoint that issued it, and the transaction.
    pub transaction: TransactionKey,
    /// When it was committed.
    pub issued_at: UnixTime,
    /// Whether it was revoked since.
    pub revocation: Option<Revocation>,
    /// What became of the notice about it, if one was recorded with it.
    pub notice: Option<Notice>,
}

impl IssuedCertificate {
    /// For backends: a certificate that is not revoked, and about which nothing is to be told.
    #[must_use]
    pub const fn new(
        certificate: NewCertificate,
        transaction: TransactionKey,
        issued_at: UnixTime,
    ) -> Self {
        Self { certificate, transaction, issued_at, revocation: None, notice: None }
    }
}

/// When and why a certificate was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revocation {
    /// When.
    pub at: UnixTime,
    /// The value of CRLReason (RFC 5280 §5.3.1).
    pub reason: u8,
}

/// What a revocation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It is revoked from now on.
    Now,
    /// It was revoked before; that stands.
    Already(Revocation),
    /// No such certificate was issued here, or it expired long ago.
    Unknown,
}

/// One line of a CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// The serial number.
    pub serial: SerialNumber,
    /// When and why.
    pub revocation: Revocation,
}

/// What an authorisation is based on beside its kind.
pub(crate) fn detail(basis: &Basis) -> &str {
    match basis {
        Basis::OneTimePassword(detail)
        | Basis::SignedChallenge(detail)
        | Basis::Operator(detail)
        | Basis::Renewal(detail) => detail,
        _ => "",
    }
}

/// The basis of this label with this detail, or `None` if there is no such kind.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
pub(crate) fn basis(label: &str, detail: String) -> Option<Basis> {
    let candidates = [
        Basis::StaticPassword,
        Basis::IntuneService,
        Basis::Webhook,
        Basis::OneTimePassword(detail.clone()),
        Basis::SignedChallenge(detail.clone()),
        Basis::Operator(detail.clone()),
        Basis::Renewal(detail),
    ];
    candidates.into_iter().find(|basis| basis.label() == label)
}
