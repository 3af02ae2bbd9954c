use std::time::SystemTime;

use scep_types::UnixTime;

/// Tells the time; once for each request.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> UnixTime;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock that stands before 1970 says 1970: then nothing is valid, and nothing is issued.
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixTime::default().plus(since)
    }
}
