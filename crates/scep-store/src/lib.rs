//! Once-only enrolment state: challenges, one-time passwords, transactions, rate limits, issued certificates, notices
//! about them.
//!
//! **A challenge gives at most one certificate, the same request always the same one, and a failure burns nothing.**
//! [`EnrolmentStore`] says it in a few verbs, each of them one atomic step that fails closed; [`MemoryStore`] is the
//! backend in memory. What a verb decides is a pure function in [`transition`], [`rate`], [`allowance`] and [`outbox`], so that
//! every backend decides alike.
//!
//! ```
//! use scep_store::{Begin, Begun, EnrolmentStore, NewCertificate, Outcome, StoreError};
//! use scep_types::UnixTime;
//!
//! async fn enrol(
//!     store: &dyn EnrolmentStore,
//!     request: &Begin, // verified, authorised, admitted
//!     issue: impl AsyncFnOnce() -> Option<NewCertificate>,
//!     now: UnixTime,
//! ) -> Result<Option<NewCertificate>, StoreError> {
//!     match store.begin(request, now).await? {
//!         Begun::Fresh(reservation) | Begun::Approved { reservation, .. } => match issue().await {
//!             Some(certificate) => {
//!                 store.commit(reservation, certificate.clone(), None, now).await?;
//!                 Ok(Some(certificate)) // only now may it leave
//!             }
//!             None => store.release(reservation, now).await.map(|()| None),
//!         },
//!         Begun::Same(Outcome::Issued(earlier)) => Ok(Some(earlier.certificate)),
//!         _refused_or_later => Ok(None),
//!     }
//! }
//! ```
#![forbid(unsafe_code)]

pub mod allowance;
pub mod outbox;
pub mod rate;
pub mod transition;

mod answer;
mod certificate;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod durable;
mod error;
mod ids;
mod journal;
mod limits;
mod lookup;
mod memory;
mod notice;
mod password;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod request;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod time;
mod work;

pub use allowance::Allowance;
pub use answer::{Begun, LimitScope, Outcome, PendingRequest, Polled};
pub use certificate::{IssuedCertificate, NewCertificate, Revocation, Revoked, RevokedCertificate};
pub use error::{Argument, Capacity, Cause, StoreError, Unfit};
pub use ids::{
    CertificateId, EndpointId, Operator, RequestId, SerialNumber, Sha256, Submission,
    TransactionId, TransactionKey,
};
pub use journal::{Event, EventKind, EventPage, NewEvent};
pub use limits::StoreLimits;
pub use lookup::{CertificatePage, CertificatePlace, CertificatesOf, DeviceName};
pub use memory::{MemoryStore, MemoryUsage};
pub use notice::{LeasedNotice, NewNotice, NoticeBody, NoticeClaim, NoticeLease};
pub use password::{
    BoundName, MAX_LIVE_PASSWORDS, OneTimePassword, PasswordBinding, PasswordFacts, PasswordId,
    PasswordVerifier, SealedPassword, Withdrawn,
};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore, PostgresTls};
#[cfg(feature = "redis")]
pub use redis::{RedisOptions, RedisPersistence, RedisStore};
pub use request::{Begin, ChallengeUse, DeviceLimit, NewPending, Rejection, Reservation, Terms};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore, Synchronous};
pub use store::{EnrolmentStore, MAX_LEASED_NOTICES};
