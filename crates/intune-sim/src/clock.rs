use std::time::{Duration, SystemTime};

use scep_types::UnixTime;

/// What time it is for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimulatedClock {
    /// The system's clock, and so much later.
    System {
        /// How much later.
        ahead: Duration,
    },
    /// A clock that stands until it is advanced.
    Standing(UnixTime),
}

impl SimulatedClock {
    pub(crate) fn now(self) -> UnixTime {
        match self {
            Self::System { ahead } => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                UnixTime::default().plus(since.unwrap_or_default()).plus(ahead)
            }
            Self::Standing(now) => now,
        }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        match self {
            Self::System { ahead } => *ahead = ahead.saturating_add(by),
            Self::Standing(now) => *now = now.plus(by),
        }
    }
}

/// The system's clock.
impl Default for SimulatedClock {
    fn default() -> Self {
        Self::System { ahead: Duration::ZERO }
    }
}
