//! What a durable store keeps: a record a key, each changed as a whole.

use bytes::Bytes;
use scep_types::UnixTime;

use crate::allowance::Counted;
use crate::certificate::IssuedCertificate;
use crate::ids::{CertificateId, EndpointId, Operator, Sha256, Submission, TransactionKey};
use crate::notice::NoticeBody;
use crate::password::{OneTimePassword, Shelved};
use crate::rate::Slot;
use crate::request::ChallengeUse;
use crate::transition::Transaction;
use crate::work::Work;

/// A challenge someone has. Which CSR it is bound to while it is reserved stands with its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChallengeRecord {
    pub(crate) key: Sha256,
    pub(crate) ends: UnixTime,
    pub(crate) holder: Holder,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A request that is being worked on, or waits.
    Transaction(u64),
    /// It is used.
    Certificate { id: CertificateId, csr_info: Sha256 },
}

/// A transaction; its `id` is drawn at random when it begins, so that nothing that outlives it finds another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransactionRecord {
    pub(crate) id: u64,
    pub(crate) key: TransactionKey,
    pub(crate) transaction: Transaction,
    /// Of the settled answer, if that is a certificate.
    pub(crate) certificate: Option<CertificateId>,
    /// Of the hold.
    pub(crate) work: Option<Work>,
}

/// A request that waits; its transaction is settled as pending or approved, under the same id.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct QueuedRecord {
    pub(crate) id: u64,
    pub(crate) key: TransactionKey,
    pub(crate) submission: Submission,
    pub(crate) csr: Bytes,
    pub(crate) since: UnixTime,
    pub(crate) ends: UnixTime,
    pub(crate) challenge: Option<ChallengeUse>,
    pub(crate) operator: Option<Operator>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceRecord {
    pub(crate) key: Sha256,
    pub(crate) slots: Vec<Slot>,
}

/// What is used of an allowance; it stands among the devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowanceRecord {
    pub(crate) key: Sha256,
    pub(crate) used: Vec<Counted>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateRecord {
    pub(crate) issued: IssuedCertificate,
    pub(crate) csr_info: Sha256,
    pub(crate) ends: UnixTime,
}

/// The body of a notice; how far it got stands with its certificate.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UnsentRecord {
    pub(crate) certificate: CertificateId,
    pub(crate) endpoint: EndpointId,
    pub(crate) body: NoticeBody,
    pub(crate) due: UnixTime,
    pub(crate) ends: UnixTime,
}

/// A one-time password. Whether it was used stands with its challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordRecord {
    pub(crate) password: OneTimePassword,
    pub(crate) ends: UnixTime,
}

/// The passwords of an endpoint that may be live; some may have been used since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShelfRecord {
    pub(crate) endpoint: EndpointId,
    pub(crate) entries: Vec<Shelved>,
}

impl TransactionRecord {
    pub(crate) fn ends(&self) -> UnixTime {
        self.transaction.ends().unwrap_or(BEGINNING)
    }
}

impl DeviceRecord {
    pub(crate) fn ends(&self) -> UnixTime {
        self.slots.iter().map(|slot| slot.ends).max().unwrap_or(BEGINNING)
    }
}

impl ShelfRecord {
    pub(crate) fn ends(&self) -> UnixTime {
        self.entries.iter().map(|entry| entry.expires).max().unwrap_or(BEGINNING)
    }
}

impl AllowanceRecord {
    pub(crate) fn ends(&self) -> UnixTime {
        self.used.iter().map(|counted| counted.ends).max().unwrap_or(BEGINNING)
    }
}

/// Ends before anything else.
const BEGINNING: UnixTime = UnixTime::from_secs(i64::MIN);
