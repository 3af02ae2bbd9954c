use std::time::Duration;

use crate::StoreLimits;

/// How a [`SqliteStore`](crate::SqliteStore) works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How much it may hold.
    pub limits: StoreLimits,
    /// When a verb's changes are on the disk.
    pub synchronous: Synchronous,
    /// How long it waits for another process that writes. Default 5 seconds.
    pub busy_timeout: Duration,
}

/// When what was written is safe from a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// When the verb returns, but for reservations.
    #[default]
    Full,
    /// Some time later: a power failure may take back the last seconds, and with them the memory of used challenges and issued
    /// certificates. A killed process loses nothing.
    Normal,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            limits: StoreLimits::default(),
            synchronous: Synchronous::default(),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

impl SqliteOptions {
    /// The same with these limits.
    #[must_use]
    pub const fn with_limits(self, limits: StoreLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same with this durability.
    #[must_use]
    pub const fn with_synchronous(self, synchronous: Synchronous) -> Self {
        Self { synchronous, ..self }
    }
}
