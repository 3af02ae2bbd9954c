//! What is to be told to someone else about a certificate.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::StoreError;
use crate::certificate::IssuedCertificate;
use crate::error::{Argument, length, within};
use crate::ids::CertificateId;

/// A notice to be recorded together with a certificate: at most one for each certificate.
///
/// It is leased to the one who records it, as [`NoticeLease::first`], so that it can be sent at once; whoever does not
/// want to leaves it to [`lease_notices`](crate::EnrolmentStore::lease_notices), which finds it when the lease is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewNotice {
    /// What is needed to write it, besides the certificate.
    pub body: NoticeBody,
    /// For how long it is the recorder's to send; nothing leaves it to others at once.
    pub lease: Duration,
    /// For how long it is worth sending. After that it counts as given up.
    pub keep: Duration,
}

impl NewNotice {
    /// A notice that is kept for at least a second.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for a shorter time, in which it would be forgotten unsent.
    pub fn new(body: NoticeBody, lease: Duration, keep: Duration) -> Result<Self, StoreError> {
        within(Argument::NoticeKeep, keep.as_secs(), 1, u64::MAX)?;
        Ok(Self { body, lease, keep })
    }
}

/// Octets that a backend keeps and does not look into: a secret, since a CSR holds its challengePassword.
///
/// A backend holds them from the commit until the notice is delivered, given up, or over, and then no longer; whoever
/// records them may have sealed them. They are zeroized when dropped, compared in constant time, and never printed.
#[derive(Clone)]
pub struct NoticeBody(Zeroizing<Vec<u8>>);

impl NoticeBody {
    /// Octets a body may have.
    pub const MAX_OCTETS: usize = 64 * 1024;

    /// A copy of `octets`.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 64 KiB.
    pub fn new(octets: &[u8]) -> Result<Self, StoreError> {
        length(Argument::NoticeBody, octets, Self::MAX_OCTETS)?;
        Ok(Self(Zeroizing::new(octets.to_vec())))
    }

    /// The octets; name each use, it is what a reviewer greps for.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for NoticeBody {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for NoticeBody {}

impl fmt::Debug for NoticeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoticeBody(..)")
    }
}

/// The right to send one notice now: whose, and which attempt it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NoticeLease {
    /// The certificate it is about.
    pub certificate: CertificateId,
    /// Which attempt, counted from 1; a later one takes the right away.
    pub attempt: u32,
}

impl NoticeLease {
    /// The lease of the one who recorded it.
    #[must_use]
    pub const fn first(certificate: CertificateId) -> Self {
        Self { certificate, attempt: 1 }
    }
}

/// A notice to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeasedNotice {
    /// The right to do so.
    pub lease: NoticeLease,
    /// The certificate it is about.
    pub issued: Box<IssuedCertificate>,
    /// What it was recorded with.
    pub body: NoticeBody,
}

impl LeasedNotice {
    /// For backends: a notice that was leased.
    #[must_use]
    pub const fn new(lease: NoticeLease, issued: Box<IssuedCertificate>, body: NoticeBody) -> Self {
        Self { lease, issued, body }
    }
}

/// What someone who wants to send the notice of a certificate gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeClaim {
    /// The notice: send it, then settle it.
    Leased(LeasedNotice),
    /// Someone is sending it.
    Busy {
        /// When that is over at the latest.
        retry_after: Duration,
    },
    /// It arrived.
    Delivered,
    /// It was given up, or is over.
    GivenUp,
    /// No such certificate, or nothing to be told about it.
    Nothing,
}
