use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::IntuneService;

/// How an endpoint works with the Intune SCEP service.
///
/// Each request waits for the service, and holds its place in the [`WorkerPool`](crate::WorkerPool) meanwhile, though no worker: an endpoint whose
/// outages others must not feel has a pool of its own.
///
/// There is no other way in: a CSR without challenge is refused without a call, a request that the service does not find
/// valid is refused or told to come again, whatever else it carries, and nothing ever waits for an operator, since Intune knows no pending requests.
#[derive(Clone)]
#[non_exhaustive]
pub struct IntuneMode {
    /// The service of the tenant that the endpoint is for.
    pub service: Arc<dyn IntuneService>,
    /// Whether the certificate waits for the service to take note of it.
    pub notify: NotifyPolicy,
    /// How long after its validation a challenge is remembered as used; a day unless said otherwise.
    ///
    /// It must outlast the challenge, whose expiry nobody but the service can read: 60 minutes by Microsoft's account.
    pub remember_challenge: Duration,
    /// How long a notification may be on its way before another sender takes over; a minute unless said otherwise. It
    /// must outlast the service's own budget for a call.
    pub notice_lease: Duration,
    /// For how long a notification is worth sending; a week unless said otherwise. The store keeps the CSR, with its
    /// challenge, until it is delivered, and no longer than that.
    pub notice_keep: Duration,
    /// When a notification that failed is sent again.
    pub back_off: BackOff,
}

impl IntuneMode {
    /// The strict mode: no certificate leaves before the service took note of it.
    #[must_use]
    pub fn new(service: Arc<dyn IntuneService>) -> Self {
        Self {
            service,
            notify: NotifyPolicy::default(),
            remember_challenge: Duration::from_secs(24 * 60 * 60),
            notice_lease: Duration::from_secs(60),
            notice_keep: Duration::from_secs(7 * 24 * 60 * 60),
            back_off: BackOff::default(),
        }
    }

    /// With another policy.
    #[must_use]
    pub fn with_notify(self, notify: NotifyPolicy) -> Self {
        Self { notify, ..self }
    }
}

impl fmt::Debug for IntuneMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service: _, notify, remember_challenge, notice_lease, notice_keep, back_off } =
            self;
        f.debug_struct("IntuneMode")
            .field("notify", notify)
            .field("remember_challenge", remember_challenge)
            .field("notice_lease", notice_lease)
            .field("notice_keep", notice_keep)
            .field("back_off", back_off)
            .finish_non_exhaustive()
    }
}

/// Whether a certificate may leave before the service took note of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotifyPolicy {
    /// It may not, as Microsoft's documentation demands. The certificate is recorded; the same request, come again, has
    /// the notification sent anew and gets that certificate. An [`OutboxWorker`](crate::OutboxWorker) beside it tells also of
    /// those that nobody comes again for.
    #[default]
    BeforeDelivery,
    /// It may: an [`OutboxWorker`](crate::OutboxWorker) sends the notification, and again until it arrives.
    DeliverThenNotify,
}

/// When a notification that failed is sent again: twice as late each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// After the first attempt.
    pub first: Duration,
    /// At the latest.
    pub most: Duration,
}

impl Default for BackOff {
    /// Five seconds, to an hour.
    fn default() -> Self {
        Self { first: Duration::from_secs(5), most: Duration::from_secs(60 * 60) }
    }
}

impl BackOff {
    /// How long to wait after this attempt, counted from 1: half of it is drawn by lot, so that what failed together does
    /// not come together again.
    #[must_use]
    pub fn after(&self, attempt: u32, lot: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.most);
        let half = whole / 2;
        half.saturating_add(half.mul_f64(f64::from(lot) / f64::from(u32::MAX)))
    }
}
