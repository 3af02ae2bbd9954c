use std::time::Duration;

use scep_types::UnixTime;

/// How long it is from `now` to `then`; nothing if that has passed.
pub(crate) fn from_until(now: UnixTime, then: UnixTime) -> Duration {
    let seconds = then.as_secs().saturating_sub(now.as_secs());
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The first moment after `last`.
pub(crate) fn after(last: UnixTime) -> UnixTime {
    last.plus(Duration::from_secs(1))
}

/// So long before `now`.
pub(crate) fn before(now: UnixTime, duration: Duration) -> UnixTime {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    UnixTime::from_secs(now.as_secs().saturating_sub(seconds))
}
