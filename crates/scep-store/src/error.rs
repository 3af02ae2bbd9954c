use std::error::Error;
use std::fmt;
use std::sync::Arc;

use scep_types::UnixTime;

use crate::CertificateId;

/// Why a store did not do what it was asked; nothing is issued on any of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing live may be forgotten, so there is no room: raise the limit.
    #[error(
        "no room for more than {limit} {what}: raise that limit, nothing live is ever forgotten"
    )]
    Full {
        /// Of what.
        what: Capacity,
        /// How many there may be.
        limit: usize,
    },
    /// The lease ended, or another holder took the reservation or the notice over.
    #[error("it is no longer held: its lease ended")]
    LeaseLost,
    /// No such request waits for an operator; it was superseded, decided, or forgotten.
    #[error("no such request waits for an operator")]
    NotPending,
    /// The issuer already has a certificate with this serial number.
    #[error("certificate {0} exists already")]
    DuplicateSerial(CertificateId),
    /// A one-time password with this id exists: draw another one.
    #[error("a one-time password with this id exists already")]
    DuplicatePassword,
    /// An argument outside its bounds.
    #[error("{what} of {found} is not within {least} to {most}")]
    OutOfRange {
        /// Which argument.
        what: Argument,
        /// Its size.
        found: u64,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// The challenge need not be remembered any more, so it can no longer be used once only.
    #[error("the challenge ended at {remember_until}, and it is {now}")]
    ChallengeOver {
        /// Until when it was to be remembered.
        remember_until: UnixTime,
        /// The time of the attempt.
        now: UnixTime,
    },
    /// What says where the database is cannot be read.
    #[error("not the address of a database: {0}")]
    Address(Cause),
    /// The database is not one to keep enrolments in.
    #[error("the database is unfit: {0}")]
    Unfit(Unfit),
    /// The state contradicts itself, or may do so after a panic.
    #[error("the state of the store is or may be inconsistent")]
    Poisoned,
    /// The backend did not answer; whether it did what it was asked is unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(Cause),
}

/// Why a database is refused at the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// A newer program made its schema.
    #[error("its schema has version {found}, and this program knows {known}")]
    NewerSchema {
        /// Of the database.
        found: u64,
        /// The newest that is known here.
        known: u64,
    },
    /// Its server forgets commits in a crash.
    #[error("its server forgets commits in a crash: {setting}")]
    LosesCommits {
        /// The setting, as the server has it.
        setting: String,
    },
    /// Its server may forget what lives to make room.
    #[error("its server evicts keys: maxmemory-policy {policy}")]
    Evicts {
        /// `maxmemory-policy`.
        policy: String,
    },
}

/// What a store has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capacity {
    /// Challenges that are reserved, or used and not yet over.
    Challenges,
    /// Transactions.
    Transactions,
    /// Requests that wait for an operator.
    PendingRequests,
    /// Devices whose rate is counted.
    Devices,
    /// Certificates.
    Certificates,
    /// Issuers with a CRL number.
    Issuers,
    /// CRL numbers of one issuer.
    CrlNumbers,
    /// Notices that were neither delivered nor given up.
    Notices,
    /// One-time passwords that have not expired.
    Passwords,
    /// One-time passwords of one endpoint that can still be used; the endpoint sets this limit.
    LivePasswords,
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Challenges => "challenges",
            Self::Transactions => "transactions",
            Self::PendingRequests => "pending requests",
            Self::Devices => "devices",
            Self::Certificates => "certificates",
            Self::Issuers => "issuers",
            Self::CrlNumbers => "CRL numbers",
            Self::Notices => "notices",
            Self::Passwords => "one-time passwords",
            Self::LivePasswords => "unused one-time passwords of the endpoint",
        })
    }
}

/// An argument that has bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Argument {
    /// Octets of an endpoint's id.
    EndpointId,
    /// Octets of a transactionID.
    TransactionId,
    /// Octets of an operator's name.
    Operator,
    /// Octets of a serial number.
    SerialNumber,
    /// Seconds of a lease.
    Lease,
    /// Certificates a device may have in a window.
    DeviceLimit,
    /// Seconds of a rate limit's window.
    DeviceWindow,
    /// Certificates an allowance has in a window.
    AllowanceLimit,
    /// Seconds of an allowance's window.
    AllowanceWindow,
    /// Octets of a certificate.
    Certificate,
    /// Octets of a CSR.
    Csr,
    /// Octets of what an authorisation is based on.
    Basis,
    /// Octets of a notice.
    NoticeBody,
    /// Seconds for which a notice is worth sending.
    NoticeKeep,
    /// Notices leased at once.
    NoticeBatch,
    /// Letters and digits of a one-time password's id.
    PasswordId,
    /// One-time passwords of an endpoint that may be live.
    LivePasswords,
    /// Octets of a sealed password.
    SealedPassword,
    /// Names that a one-time password is bound to.
    BoundNames,
    /// CommonNames among them.
    BoundCommonNames,
    /// Octets of such a name.
    BoundName,
    /// Certificates shown at once.
    CertificatePage,
    /// Octets of an event.
    Event,
    /// Events recorded at once.
    EventBatch,
    /// Events shown at once.
    EventPage,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndpointId => "endpoint id length",
            Self::TransactionId => "transactionID length",
            Self::Operator => "operator name length",
            Self::SerialNumber => "serial number length",
            Self::Lease => "lease in seconds",
            Self::DeviceLimit => "device limit",
            Self::DeviceWindow => "device limit window in seconds",
            Self::AllowanceLimit => "allowance",
            Self::AllowanceWindow => "allowance window in seconds",
            Self::Certificate => "certificate length",
            Self::Csr => "CSR length",
            Self::Basis => "authorisation basis length",
            Self::NoticeBody => "notice length",
            Self::NoticeKeep => "time to keep a notice in seconds",
            Self::NoticeBatch => "notices leased at once",
            Self::PasswordId => "one-time password id, letters and digits",
            Self::LivePasswords => "live one-time passwords of an endpoint",
            Self::SealedPassword => "sealed password length",
            Self::BoundNames => "bound names",
            Self::BoundCommonNames => "bound commonNames",
            Self::BoundName => "bound name length",
            Self::CertificatePage => "certificates shown at once",
            Self::Event => "event length",
            Self::EventBatch => "events recorded at once",
            Self::EventPage => "events shown at once",
        })
    }
}

/// What a backend reported; equal only to clones of itself.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// Keeps a backend's error.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Refuses a `found` outside `least..=most`.
pub(crate) fn within(what: Argument, found: u64, least: u64, most: u64) -> Result<(), StoreError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(StoreError::OutOfRange { what, found, least, most })
}

/// Refuses a length outside `1..=most`.
pub(crate) fn length(what: Argument, octets: &[u8], most: usize) -> Result<(), StoreError> {
    within(what, octets.len() as u64, 1, most as u64)
}
