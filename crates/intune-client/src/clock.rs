use std::fmt;
use std::time::SystemTime;

use scep_types::UnixTime;

/// Tells the time of day, for assertions and for `Retry-After` as a date; waiting is done by tokio's clock.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> UnixTime;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock that stands before 1970 says 1970: then an assertion is expired.
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixTime::default().plus(since)
    }
}
