use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
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
use crate::password::{OneTimePassword, Withdrawn};
use crate::request::{Begin, NewPending, Rejection, Reservation, Terms};
use crate::time::before;
use crate::{EnrolmentStore, StoreError, StoreLimits};

mod allowances;
mod asking;
mod entries;
mod journal;
mod lookup;
mod operating;
mod outbox;
mod passwords;
mod settling;
mod state;
mod table;
mod usage;

use state::State;
pub use usage::MemoryUsage;

/// The enrolment state in this process's memory: bounded, exact, and gone at a restart.
///
/// After a restart it knows neither used challenges nor certificates, and CRL numbers start again at 1: use it for tests,
/// demonstrations, and where challenges, certificates and CA live no longer than the process.
///
/// One mutex guards everything. A verb changes up to five tables together, holds the mutex for a few microseconds, and
/// never across an `await`; an enrolment costs some hundred times that in RSA operations, so shards would only cost
/// atomicity. The one exception is the verb that makes an index outgrow a power of two: at a million entries it takes
/// some tens of milliseconds. A panic while the mutex is held makes every later verb fail with [`StoreError::Poisoned`].
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store; it allocates as it fills.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self { state: Mutex::new(State::new(limits)) }
    }

    /// How much it holds.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`].
    pub fn usage(&self) -> Result<MemoryUsage, StoreError> {
        Ok(self.state()?.usage())
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        self.state.lock().map_err(|_| StoreError::Poisoned)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(StoreLimits::in_memory())
    }
}

#[async_trait]
impl EnrolmentStore for MemoryStore {
    async fn begin(&self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError> {
        self.state()?.begin(begin, now)
    }

    async fn recall(
        &self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError> {
        self.state()?.recall(request, terms, now)
    }

    async fn commit(
        &self,
        reservation: Reservation,
        certificate: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.state()?.commit(&reservation, certificate, notice, now)
    }

    async fn pend(
        &self,
        reservation: Reservation,
        pending: NewPending,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.state()?.pend(&reservation, pending, now)
    }

    async fn reject(
        &self,
        reservation: Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.state()?.reject(&reservation, rejection, now)
    }

    async fn release(&self, reservation: Reservation, now: UnixTime) -> Result<(), StoreError> {
        self.state()?.release(&reservation, now)
    }

    async fn poll(
        &self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        self.state()?.poll(transaction, signer_key, terms, now)
    }

    async fn list_pending(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<PendingRequest>, StoreError> {
        Ok(self.state()?.list_pending(endpoint, now))
    }

    async fn approve(
        &self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.state()?.approve(request, operator, now)
    }

    async fn deny(
        &self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.state()?.deny(request, rejection, terms, now)
    }

    async fn certificate_by_serial(
        &self,
        id: &CertificateId,
    ) -> Result<Option<IssuedCertificate>, StoreError> {
        Ok(self.state()?.certificate(id))
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        Ok(self.state()?.certificates_of(of, page, now))
    }

    async fn revoke(
        &self,
        id: &CertificateId,
        revocation: Revocation,
    ) -> Result<Revoked, StoreError> {
        Ok(self.state()?.revoke(id, revocation))
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        Ok(self.state()?.revoked(issuer))
    }

    async fn lease_notices(
        &self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError> {
        self.state()?.lease_notices(endpoint, most, lease, now)
    }

    async fn claim_notice(
        &self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError> {
        self.state()?.claim_notice(certificate, lease, now)
    }

    async fn settle_notice(
        &self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError> {
        self.state()?.settle_notice(lease, outcome)
    }

    async fn add_password(
        &self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.state()?.add_password(new, most, now)
    }

    async fn password(&self, key: &Sha256) -> Result<Option<OneTimePassword>, StoreError> {
        Ok(self.state()?.password(key))
    }

    async fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, StoreError> {
        Ok(self.state()?.list_passwords(endpoint, now))
    }

    async fn withdraw_password(
        &self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Result<Withdrawn, StoreError> {
        Ok(self.state()?.withdraw_password(endpoint, key, now))
    }

    async fn record_events(&self, events: &[NewEvent], now: UnixTime) -> Result<(), StoreError> {
        within(Argument::EventBatch, events.len() as u64, 0, NewEvent::MAX_BATCH as u64)?;
        let mut state = self.state()?;
        let (most, keep) = (state.limits.events, state.limits.event_retention);
        state.journal.record(events, most, before(now, keep));
        Ok(())
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        let state = self.state()?;
        Ok(state.journal.page(kind, page, before(now, state.limits.event_retention)))
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        self.state()?.next_crl_number(issuer)
    }
}

/// How much it holds, never what.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("usage", &self.usage()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_the_state_is_locked_makes_the_store_fail_closed() {
        let store = MemoryStore::default();
        let panicked = std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _state = store.state();
                panic!("while the state is locked");
            });
            holder.join().is_err()
        });
        assert!(panicked);
        assert_eq!(store.usage(), Err(StoreError::Poisoned));
    }
}
