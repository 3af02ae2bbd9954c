//! What the durable stores share: records, the verbs over them, and how they become cells of a row.
//!
//! A backend loads records by their keys, runs the verb on them, and writes what it changed if nobody else changed any of
//! it meanwhile; otherwise it begins again. So the rules stand once, and a backend knows only loading and writing.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use scep_types::UnixTime;

use crate::answer::{Begun, PendingRequest, Polled};
use crate::certificate::{
    IssuedCertificate, NewCertificate, Revocation, Revoked, RevokedCertificate,
};
use crate::error::{Argument, within};
use crate::ids::{CertificateId, EndpointId, Operator, RequestId, Sha256, TransactionKey};
use crate::journal::{Event, EventKind, EventPage, NewEvent};
use crate::lookup::{CertificatePage, CertificatesOf};
use crate::notice::{LeasedNotice, NewNotice, NoticeClaim, NoticeLease};
use crate::outbox::Attempted;
use crate::password::{MAX_LIVE_PASSWORDS, OneTimePassword, Withdrawn};
use crate::request::{Begin, NewPending, Rejection, Reservation, Terms};
use crate::{EnrolmentStore, MAX_LEASED_NOTICES, StoreError};

mod cells;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod group;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod guess;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod lane;
mod password_cells;
mod plan;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod prints;
mod rates;
mod records;
mod tables;
mod working;

pub(crate) use cells::Cell;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use cells::CellRow;
#[cfg(feature = "postgres")]
pub(crate) use group::MOST;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use group::{Changes, Writer};
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use guess::Shortcut;
pub(crate) use records::QueuedRecord;
#[cfg(feature = "redis")]
pub(crate) use records::{TransactionRecord, UnsentRecord};
#[cfg(feature = "sqlite")]
pub(crate) use tables::Found;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use tables::Lookup;
pub(crate) use tables::Table;
pub(crate) use working::{Change, Fresh, Key, Occupancy, Record, Stop, Verb, Working};

/// How often a verb may ask for more records; none asks more than three times.
pub(crate) const ROUNDS: usize = 8;

/// An enrolment state that outlives the process; `B` is where it is kept.
pub struct Durable<B> {
    backend: B,
}

/// What a verb needs of its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// It writes nothing.
    Reads,
    /// A crash of the database may take it back: a reservation on which nothing was issued yet.
    Passing,
    /// It stands when the verb returns.
    Lasting,
}

/// Where records are kept.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Runs a verb: all of its changes are written, or none.
    fn run<T: Send + 'static>(
        &self,
        verb: Verb<T>,
        care: Care,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;

    /// The queue of an endpoint, those that end first at the front, without those that have ended.
    fn queue(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> impl Future<Output = Result<Vec<QueuedRecord>, StoreError>> + Send;

    /// The revoked certificates of an issuer, by serial number.
    fn revoked(
        &self,
        issuer: &Sha256,
    ) -> impl Future<Output = Result<Vec<RevokedCertificate>, StoreError>> + Send;

    /// The notices of an endpoint that are due, at most `most`, those due for longest first.
    fn due(
        &self,
        endpoint: &EndpointId,
        most: usize,
        now: UnixTime,
    ) -> impl Future<Output = Result<Vec<CertificateId>, StoreError>> + Send;

    /// A page of the certificates of a key or a device, newest first, without those that have ended.
    fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> impl Future<Output = Result<Vec<IssuedCertificate>, StoreError>> + Send;

    /// Records events, and lets the oldest ones go.
    fn record(
        &self,
        events: Vec<NewEvent>,
        now: UnixTime,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A page of the events of a kind, newest first.
    fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> impl Future<Output = Result<Vec<Event>, StoreError>> + Send;

    /// Counts an issuer's CRLs.
    fn next_crl_number(
        &self,
        issuer: &Sha256,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

impl<B> Durable<B> {
    pub(crate) const fn on(backend: B) -> Self {
        Self { backend }
    }
}

#[async_trait]
impl<B: Backend> EnrolmentStore for Durable<B> {
    async fn begin(&self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError> {
        self.backend.run(plan::begin(begin.clone(), now), Care::Passing).await
    }

    async fn recall(
        &self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError> {
        self.backend.run(plan::recall(request.clone(), terms, now), Care::Passing).await
    }

    async fn commit(
        &self,
        reservation: Reservation,
        certificate: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.backend.run(plan::commit(reservation, certificate, notice, now), Care::Lasting).await
    }

    async fn pend(
        &self,
        reservation: Reservation,
        pending: NewPending,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.backend.run(plan::pend(reservation, pending, now), Care::Lasting).await
    }

    async fn reject(
        &self,
        reservation: Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.backend.run(plan::reject(reservation, rejection, now), Care::Lasting).await
    }

    async fn release(&self, reservation: Reservation, now: UnixTime) -> Result<(), StoreError> {
        self.backend.run(plan::release(reservation, now), Care::Passing).await
    }

    async fn poll(
        &self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        let verb = plan::poll(transaction.clone(), *signer_key, terms, now);
        self.backend.run(verb, Care::Passing).await
    }

    async fn list_pending(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<PendingRequest>, StoreError> {
        let queue = self.backend.queue(endpoint, now).await?;
        Ok(queue.into_iter().map(QueuedRecord::shown).collect())
    }

    async fn approve(
        &self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let verb = plan::approve(request.clone(), operator.clone(), now);
        self.backend.run(verb, Care::Lasting).await
    }

    async fn deny(
        &self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let verb = plan::deny(request.clone(), rejection, terms, now);
        self.backend.run(verb, Care::Lasting).await
    }

    async fn certificate_by_serial(
        &self,
        id: &CertificateId,
    ) -> Result<Option<IssuedCertificate>, StoreError> {
        self.backend.run(plan::certificate(*id), Care::Reads).await
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        self.backend.certificates(of, page, now).await
    }

    async fn revoke(
        &self,
        id: &CertificateId,
        revocation: Revocation,
    ) -> Result<Revoked, StoreError> {
        self.backend.run(plan::revoke(*id, revocation), Care::Lasting).await
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        self.backend.revoked(issuer).await
    }

    async fn lease_notices(
        &self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError> {
        within(Argument::NoticeBatch, most as u64, 1, MAX_LEASED_NOTICES as u64)?;
        within(Argument::Lease, lease.as_secs(), 1, u64::MAX)?;
        let due = self.backend.due(endpoint, most, now).await?;
        // Together, so that a backend may write them together; another sender may be quicker with some.
        let mut leases = Vec::with_capacity(due.len());
        for certificate in due {
            let verb = plan::lease_notice(certificate, lease, now);
            leases.push(self.backend.run(verb, Care::Lasting));
        }
        let leased = join_all(leases).await.into_iter();
        leased.filter_map(Result::transpose).collect()
    }

    async fn claim_notice(
        &self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError> {
        within(Argument::Lease, lease.as_secs(), 1, u64::MAX)?;
        self.backend.run(plan::claim_notice(*certificate, lease, now), Care::Lasting).await
    }

    async fn settle_notice(
        &self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError> {
        self.backend.run(plan::settle_notice(*lease, outcome), Care::Lasting).await
    }

    async fn add_password(
        &self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        within(Argument::LivePasswords, most as u64, 1, MAX_LIVE_PASSWORDS as u64)?;
        self.backend.run(plan::add_password(new.clone(), most, now), Care::Lasting).await
    }

    async fn password(&self, key: &Sha256) -> Result<Option<OneTimePassword>, StoreError> {
        self.backend.run(plan::password(*key), Care::Reads).await
    }

    async fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, StoreError> {
        self.backend.run(plan::list_passwords(endpoint.clone(), now), Care::Reads).await
    }

    async fn withdraw_password(
        &self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Result<Withdrawn, StoreError> {
        let verb = plan::withdraw_password(endpoint.clone(), *key, now);
        self.backend.run(verb, Care::Lasting).await
    }

    async fn record_events(&self, events: &[NewEvent], now: UnixTime) -> Result<(), StoreError> {
        within(Argument::EventBatch, events.len() as u64, 0, NewEvent::MAX_BATCH as u64)?;
        self.backend.record(events.to_vec(), now).await
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        self.backend.events(kind, page, now).await
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        self.backend.next_crl_number(issuer).await
    }
}

impl<B: fmt::Debug> fmt::Debug for Durable<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.backend, f)
    }
}

/// Two numbers that were never drawn before, below 2^63 as SQL has it.
pub(crate) fn fresh() -> Result<Fresh, StoreError> {
    let mut drawn = [[0; 8]; 2];
    let failed = |error| StoreError::Unavailable(crate::Cause::new(error));
    getrandom::fill(drawn.as_flattened_mut()).map_err(failed)?;
    let [id, generation] = drawn.map(|drawn| u64::from_ne_bytes(drawn) >> 1);
    Ok(Fresh { id, generation })
}

/// Waits a little before the next attempt, longer each time and never equally long, so that contenders part.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) async fn back_off(attempt: u32) -> Result<(), StoreError> {
    if attempt < 2 {
        return Ok(());
    }
    let limit = 250_u64.saturating_mul(attempt.into());
    let draw =
        getrandom::u64().map_err(|error| StoreError::Unavailable(crate::Cause::new(error)))?;
    tokio::time::sleep(Duration::from_micros(draw.checked_rem(limit).unwrap_or(limit))).await;
    Ok(())
}
