//! The life of a notice as pure functions: who may send it, and what its settlement changes.
//!
//! A backend loads the [`Notice`] of a certificate, asks here, and carries the answer out in one atomic step, or writes
//! the same conditions into one statement. Each lease counts as an attempt, so the number of attempts says whose lease it is.
//!
//! | stands | [`is_due`](Notice::is_due) | [`claim`](Notice::claim) | postponed or given up by its holder | by another | delivered |
//! |---|---|---|---|---|---|
//! | waiting, due | yes | take | – | lost | delivered |
//! | waiting for later | no | take | – | lost | delivered |
//! | leased | no | busy | done | lost | delivered |
//! | leased, lapsed | yes | take | done | lost | delivered |
//! | delivered | no | delivered | lost | lost | delivered |
//! | given up, or ended | no | given up | lost | lost | delivered |
//!
//! That a notice arrived is a fact, not a right: whoever learned it may say so, lease or not.

use std::time::Duration;

use scep_types::UnixTime;

/// What stands of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Notice {
    /// How far it got.
    pub progress: Progress,
    /// How often it was leased.
    pub attempts: u32,
    /// From when on it counts as given up unless it was delivered; its body is then forgotten.
    pub ends: UnixTime,
}

/// How far a notice got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Nobody is sending it.
    Waiting {
        /// When it is to be sent next.
        due: UnixTime,
    },
    /// Someone is sending it.
    Leased {
        /// From when on another may.
        until: UnixTime,
    },
    /// It arrived.
    Delivered,
    /// Nobody sends it any more.
    GivenUp,
}

/// What someone who wants to send a notice now may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Send it.
    Take,
    /// Wait: someone is sending it.
    Busy {
        /// Until then at the latest.
        until: UnixTime,
    },
    /// Nothing: it arrived.
    Delivered,
    /// Nothing: it was given up.
    GivenUp,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempted {
    /// It arrived.
    Delivered,
    /// It is to be sent again.
    Postponed {
        /// When.
        until: UnixTime,
    },
    /// It will never be taken.
    GivenUp,
}

impl Notice {
    /// A notice whose first attempt is that of the one who records it, for as long as `lease`.
    #[must_use]
    pub fn recorded(lease: Duration, ends: UnixTime, now: UnixTime) -> Self {
        let waiting = Self { progress: Progress::Waiting { due: now }, attempts: 0, ends };
        waiting.leased(lease, now)
    }

    /// How far it got, its end considered.
    #[must_use]
    pub fn at(&self, now: UnixTime) -> Progress {
        match self.progress {
            Progress::Waiting { .. } | Progress::Leased { .. } if self.ends <= now => {
                Progress::GivenUp
            }
            progress => progress,
        }
    }

    /// From when on it is due, or `None` if it is over.
    #[must_use]
    pub fn due(&self) -> Option<UnixTime> {
        match self.progress {
            Progress::Waiting { due } => Some(due),
            Progress::Leased { until } => Some(until),
            Progress::Delivered | Progress::GivenUp => None,
        }
    }

    /// Whether someone is to send it now: it waits for nothing, or its holder died.
    #[must_use]
    pub fn is_due(&self, now: UnixTime) -> bool {
        now < self.ends && self.due().is_some_and(|due| due <= now)
    }

    /// What someone may do who has a reason to send it now, due or not.
    #[must_use]
    pub fn claim(&self, now: UnixTime) -> Claim {
        match self.at(now) {
            Progress::Leased { until } if now < until => Claim::Busy { until },
            Progress::Waiting { .. } | Progress::Leased { .. } => Claim::Take,
            Progress::Delivered => Claim::Delivered,
            Progress::GivenUp => Claim::GivenUp,
        }
    }

    /// The same notice in other hands: one attempt more.
    #[must_use]
    pub fn leased(self, lease: Duration, now: UnixTime) -> Self {
        let progress = Progress::Leased { until: now.plus(lease) };
        Self { progress, attempts: self.attempts.saturating_add(1), ..self }
    }

    /// The same notice after its holder's attempt, or `None` if `attempt` is not the current holder's.
    #[must_use]
    pub fn settled(self, attempt: u32, outcome: Attempted) -> Option<Self> {
        let holds = matches!(self.progress, Progress::Leased { .. }) && self.attempts == attempt;
        let progress = match outcome {
            Attempted::Delivered => Progress::Delivered,
            Attempted::Postponed { until } if holds => Progress::Waiting { due: until },
            Attempted::GivenUp if holds => Progress::GivenUp,
            Attempted::Postponed { .. } | Attempted::GivenUp => return None,
        };
        Some(Self { progress, ..self })
    }
}
