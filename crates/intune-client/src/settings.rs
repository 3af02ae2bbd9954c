use std::time::Duration;

use crate::BearerHosts;

/// How the service is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// How long one call may take, all of it: waiting for a free place, tokens, discovery, repeats.
    ///
    /// A device waits on its HTTP connection while this runs, Windows for about 30 s.
    pub budget: Duration,
    /// How one exchange is repeated inside the budget.
    pub retries: Retries,
    /// How many exchanges are under way at one time; at least one.
    pub in_flight: usize,
    /// After how long the places of the service are looked up again.
    pub endpoint_ttl: Duration,
    /// Where the token for Intune may be sent.
    pub bearer_hosts: BearerHosts,
}

/// How one exchange is repeated: after no answer, and after HTTP 429, 500, 502, 503 and 504.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often it is sent in all; at least once.
    pub attempts: u32,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// The longest wait before the first repeat; each further one may be twice as long. `Retry-After` counts instead.
    pub first_delay: Duration,
    /// The longest wait before any repeat.
    pub longest_delay: Duration,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            budget: Duration::from_secs(20),
            retries: Retries::default(),
            in_flight: 64,
            endpoint_ttl: Duration::from_secs(12 * 60 * 60),
            bearer_hosts: BearerHosts::default(),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 3,
            attempt_timeout: Duration::from_secs(8), // two of them and the wait between fit into the budget
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(4),
        }
    }
}

impl Retries {
    /// How long to wait after this many attempts: half of it for sure, the rest by lot, so that many callers do not come
    /// back together.
    pub(crate) fn delay(&self, attempts: u32, lot: u8) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        let longest = self.first_delay.saturating_mul(1 << doublings).min(self.longest_delay);
        let half = longest / 2;
        half + half * u32::from(lot) / 255
    }
}
