//! The rules of limits, naively: what was attempted, and until when each attempt counts.

use scep_store::LimitScope;

use super::{Ask, Attempt, Fate, LEASE, Reference, Seen};

pub(crate) const DEVICE_LIMIT: usize = 2;
pub(crate) const DEVICE_WINDOW: i64 = 10;
/// Of the endpoint, counted by the second.
pub(crate) const OWN: Most = Most { certificates: 2, window: 20, counted_by: 1 };
/// Of all endpoints, in a window so long that it is counted by two seconds.
pub(crate) const ALL: Most = Most { certificates: 3, window: 120, counted_by: 2 };

/// Against which allowances a request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    Nowhere,
    Own,
    /// As if it were another endpoint's.
    All,
    Both,
}

/// What an allowance admits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) certificates: usize,
    pub(crate) window: i64,
    /// Seconds that count as one moment, their last.
    pub(super) counted_by: i64,
}

impl Counts {
    pub(super) fn against(self, by: LimitScope) -> bool {
        matches!(
            (self, by),
            (Self::Own | Self::Both, LimitScope::Endpoint)
                | (Self::All | Self::Both, LimitScope::Global)
        )
    }
}

impl Attempt {
    pub(super) fn takes(&self, by: LimitScope) -> bool {
        self.ask.counts.against(by) && !self.approved && self.fate != Fate::Undone
    }

    pub(super) fn began(&self) -> i64 {
        self.ends - LEASE
    }
}

impl Most {
    /// From when on an attempt no longer counts.
    pub(super) fn ends(self, attempt: &Attempt) -> i64 {
        let past = attempt.began() % self.counted_by;
        attempt.began() - past + self.counted_by - 1 + self.window
    }
}

impl Reference {
    pub(super) fn limited(&self, ask: Ask) -> Option<i64> {
        let counted = |attempt: &Attempt| {
            let window = attempt.slot? + DEVICE_WINDOW;
            let ends = match attempt.fate {
                Fate::Open => window.min(attempt.ends),
                Fate::Kept => window,
                Fate::Undone => return None,
            };
            (self.now < ends).then_some(ends)
        };
        let mut ends: Vec<i64> = self.attempts.iter().filter_map(counted).collect();
        ends.sort_unstable();
        let over = ask.limited && ends.len() >= DEVICE_LIMIT;
        over.then(|| ends[ends.len() - DEVICE_LIMIT] - self.now)
    }

    pub(super) fn used_up(&self, ask: Ask) -> Option<Seen> {
        [(LimitScope::Endpoint, OWN), (LimitScope::Global, ALL)].into_iter().find_map(
            |(by, most)| {
                let mut ends: Vec<i64> = self.taken(by).map(|attempt| most.ends(attempt)).collect();
                ends.retain(|ends| self.now < *ends);
                ends.sort_unstable();
                let over = ask.counts.against(by) && ends.len() >= most.certificates;
                over.then(|| Seen::UsedUp(by, ends[ends.len() - most.certificates] - self.now))
            },
        )
    }

    /// Whatever was reserved counts for its whole window, unless it was undone.
    pub(super) fn taken(&self, by: LimitScope) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(move |attempt| attempt.takes(by))
    }
}
