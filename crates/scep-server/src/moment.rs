use scep_types::UnixTime;
use tokio::time::Instant;

/// The time of a request, which goes on while others are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: UnixTime,
    since: Instant,
}

impl Moment {
    /// From now on, and now it is `at`.
    pub(crate) fn starting(at: UnixTime) -> Self {
        Self { at, since: Instant::now() }
    }

    /// What time it is by now.
    pub(crate) fn now(&self) -> UnixTime {
        self.at.plus(self.since.elapsed())
    }
}
