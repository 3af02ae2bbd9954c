//! What the tables of the memory store hold.

use bytes::Bytes;
use scep_types::UnixTime;

use super::table::{Entry, Ref};
use crate::allowance::Counted;
use crate::certificate::IssuedCertificate;
use crate::ids::{CertificateId, EndpointId, Operator, Sha256, Submission, TransactionKey};
use crate::notice::NoticeBody;
use crate::password::OneTimePassword;
use crate::rate::Slot;
use crate::request::ChallengeUse;
use crate::transition::Transaction;
use crate::work::Work;

/// A challenge someone has. Which CSR it is bound to stands with its holder.
pub(super) struct Challenge {
    pub(super) key: Sha256,
    pub(super) ends: UnixTime,
    pub(super) holder: Holder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// A request that is being worked on, or waits.
    Transaction(Ref),
    /// It is used.
    Certificate(Ref),
}

pub(super) struct TransactionEntry {
    pub(super) key: TransactionKey,
    pub(super) transaction: Transaction,
    /// Of the settled answer, if that is a certificate.
    pub(super) certificate: Option<Ref>,
    /// Of the hold.
    pub(super) work: Option<Box<Work>>,
}

/// A request that waits; its transaction is settled as pending or approved, under the same key.
pub(super) struct Queued {
    pub(super) key: TransactionKey,
    pub(super) submission: Submission,
    pub(super) csr: Bytes,
    pub(super) since: UnixTime,
    pub(super) ends: UnixTime,
    pub(super) challenge: Option<ChallengeUse>,
    pub(super) operator: Option<Operator>,
}

pub(super) struct Device {
    pub(super) key: Sha256,
    pub(super) slots: Vec<Slot>,
}

/// What is used of an allowance.
pub(super) struct Used {
    pub(super) key: Sha256,
    pub(super) used: Vec<Counted>,
}

pub(super) struct Certificate {
    pub(super) issued: IssuedCertificate,
    pub(super) csr_info: Sha256,
    pub(super) ends: UnixTime,
}

/// The body of a notice; how far it got stands with its certificate.
pub(super) struct Unsent {
    pub(super) certificate: CertificateId,
    pub(super) endpoint: EndpointId,
    pub(super) body: NoticeBody,
    pub(super) due: UnixTime,
    pub(super) ends: UnixTime,
}

/// A one-time password. Whether it was used stands with its challenge.
pub(super) struct Password {
    pub(super) password: OneTimePassword,
    pub(super) ends: UnixTime,
}

impl Entry for Password {
    type Key = Sha256;

    fn key(&self) -> &Sha256 {
        &self.password.key
    }

    fn ends(&self) -> UnixTime {
        self.ends
    }
}

impl Entry for Challenge {
    type Key = Sha256;

    fn key(&self) -> &Sha256 {
        &self.key
    }

    fn ends(&self) -> UnixTime {
        self.ends
    }
}

impl Entry for TransactionEntry {
    type Key = TransactionKey;

    fn key(&self) -> &TransactionKey {
        &self.key
    }

    fn ends(&self) -> UnixTime {
        self.transaction.ends().unwrap_or(BEGINNING)
    }
}

impl Entry for Queued {
    type Key = TransactionKey;

    fn key(&self) -> &TransactionKey {
        &self.key
    }

    fn ends(&self) -> UnixTime {
        self.ends
    }
}

impl Entry for Device {
    type Key = Sha256;

    fn key(&self) -> &Sha256 {
        &self.key
    }

    fn ends(&self) -> UnixTime {
        self.slots.iter().map(|slot| slot.ends).max().unwrap_or(BEGINNING)
    }
}

impl Entry for Used {
    type Key = Sha256;

    fn key(&self) -> &Sha256 {
        &self.key
    }

    fn ends(&self) -> UnixTime {
        self.used.iter().map(|counted| counted.ends).max().unwrap_or(BEGINNING)
    }
}

impl Entry for Certificate {
    type Key = CertificateId;

    fn key(&self) -> &CertificateId {
        &self.issued.certificate.id
    }

    fn ends(&self) -> UnixTime {
        self.ends
    }
}

impl Entry for Unsent {
    type Key = CertificateId;

    fn key(&self) -> &CertificateId {
        &self.certificate
    }

    fn ends(&self) -> UnixTime {
        self.ends
    }
}

/// Ends before anything else.
const BEGINNING: UnixTime = UnixTime::from_secs(i64::MIN);
