//! What empties the outbox of an endpoint.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use scep_store::{LeasedNotice, MAX_LEASED_NOTICES};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::{Answered, IntuneMode, Notifier, ServiceError};
use crate::endpoint::{Inner, Mode};
use crate::moment::Moment;
use crate::{Clock, Endpoint, Error, Misconfigured, SystemClock};

/// Sends the notifications of an Intune endpoint that are due: those that failed, those whose sender died, and, where
/// certificates are delivered first, all of them.
///
/// Any number may run, on any number of nodes: what one leases the others do not see. Whatever stops one half-way, the
/// notification is sent again when its lease is over, so none is lost, and some are sent twice.
pub struct OutboxWorker {
    endpoint: Endpoint,
    mode: Arc<IntuneMode>,
    clock: Arc<dyn Clock>,
    settings: OutboxSettings,
}

/// How an [`OutboxWorker`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxSettings {
    /// How often it looks unless it is woken; five seconds unless said otherwise.
    pub interval: Duration,
    /// How many it sends at a time, 1 to 100; 16 unless said otherwise.
    pub at_a_time: usize,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), at_a_time: 16 }
    }
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Emptied {
    /// Notifications that arrived.
    pub delivered: usize,
    /// Notifications that will be sent again.
    pub postponed: usize,
    /// Notifications that the service refused for good.
    pub given_up: usize,
}

impl OutboxWorker {
    /// A worker for an endpoint, by the system's clock.
    ///
    /// # Errors
    /// [`Misconfigured::NotIntune`].
    pub fn new(endpoint: &Endpoint) -> Result<Self, Error> {
        let Mode::Intune(mode) = &endpoint.inner().config.mode else {
            return Err(Misconfigured::NotIntune.into());
        };
        Ok(Self {
            endpoint: endpoint.clone(),
            mode: Arc::clone(mode),
            clock: Arc::new(SystemClock),
            settings: OutboxSettings::default(),
        })
    }

    /// Goes by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Works otherwise.
    #[must_use]
    pub fn with_settings(self, settings: OutboxSettings) -> Self {
        Self { settings, ..self }
    }

    /// Works until `shutdown` is ready; what is on its way then still arrives or fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let span = tracing::info_span!("outbox", endpoint = %self.endpoint.id());
        let work = async {
            let mut shutdown = pin!(shutdown);
            loop {
                let more = match self.run_once().await {
                    Ok(emptied) => emptied.total() >= self.at_a_time(),
                    Err(error) => {
                        tracing::error!(%error, "the outbox could not be read");
                        false
                    }
                };
                let wait = async {
                    if !more {
                        let woken = self.endpoint.inner().outbox.notified();
                        let _elapsed = tokio::time::timeout(self.settings.interval, woken).await;
                    }
                };
                tokio::select! {
                    biased;
                    () = &mut shutdown => return,
                    () = wait => (),
                }
            }
        };
        work.instrument(span).await;
    }

    /// Sends what is due now, as many as at a time, all at once.
    ///
    /// # Errors
    /// [`Error::Store`] if it could not be asked for them.
    pub async fn run_once(&self) -> Result<Emptied, Error> {
        let inner = self.endpoint.inner();
        let now = self.clock.now();
        let (most, lease) = (self.at_a_time(), self.mode.notice_lease);
        let leased = inner.config.host.store.lease_notices(&inner.id, most, lease, now).await?;
        let mut sending = JoinSet::new();
        for leased in leased {
            let (inner, mode) = (Arc::clone(inner), Arc::clone(&self.mode));
            let sent = async move { send(&inner, &mode, &leased, Moment::starting(now)).await };
            sending.spawn(sent.in_current_span());
        }
        let mut emptied = Emptied::default();
        while let Some(sent) = sending.join_next().await {
            emptied.count(sent.ok().flatten());
        }
        Ok(emptied)
    }

    fn at_a_time(&self) -> usize {
        self.settings.at_a_time.clamp(1, MAX_LEASED_NOTICES)
    }
}

impl fmt::Debug for OutboxWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, mode: _, clock: _, settings } = self;
        f.debug_struct("OutboxWorker")
            .field("endpoint", endpoint.id())
            .field("settings", settings)
            .finish_non_exhaustive()
    }
}

async fn send(
    inner: &Inner,
    mode: &IntuneMode,
    leased: &LeasedNotice,
    moment: Moment,
) -> Option<Answered<()>> {
    match (Notifier { inner, mode }).send_leased(leased, moment).await {
        Ok(answered) => Some(answered),
        Err(error) => {
            // What was read from the store does not parse: another node's bug; the lease keeps it from spinning.
            tracing::error!(%error, certificate = %leased.lease.certificate, "unreadable notice");
            None
        }
    }
}

impl Emptied {
    fn total(self) -> usize {
        self.delivered.saturating_add(self.postponed).saturating_add(self.given_up)
    }

    fn count(&mut self, sent: Option<Answered<()>>) {
        let counted = match sent.map(|answered| answered.result) {
            Some(Ok(())) => &mut self.delivered,
            Some(Err(ServiceError::Denied(_))) => &mut self.given_up,
            Some(Err(_)) | None => &mut self.postponed,
        };
        *counted = counted.saturating_add(1);
    }
}
