//! The sliding window as a pure function: exact, and without a word about where the slots are kept.

use std::time::Duration;

use scep_types::UnixTime;

use crate::request::DeviceLimit;
use crate::time::from_until;

/// One certificate of a device, issued or being issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// When it was reserved.
    pub taken: UnixTime,
    /// From when on it no longer counts: the end of its lease, or once settled the end of its window.
    pub ends: UnixTime,
}

/// Whether a device may have one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateDecision {
    /// It may.
    Admit,
    /// It may not.
    Refuse {
        /// When it may at the earliest.
        retry_after: Duration,
    },
}

impl Slot {
    /// A slot that counts while its reservation is held.
    #[must_use]
    pub fn reserved(now: UnixTime, lease_ends: UnixTime, window: Duration) -> Self {
        Self { taken: now, ends: lease_ends.min(now.plus(window)) }
    }

    /// The same slot, to be counted for its whole window.
    #[must_use]
    pub fn settled(self, window: Duration) -> Self {
        Self { ends: self.taken.plus(window), ..self }
    }

    /// Whether it counts: a certificate of exactly one window ago does not.
    #[must_use]
    pub fn counts(&self, now: UnixTime) -> bool {
        now < self.ends
    }
}

/// Decides for a device that has `slots`; ended ones may be among them, in any order.
#[must_use]
pub fn decide(slots: &[Slot], limit: &DeviceLimit, now: UnixTime) -> RateDecision {
    let counted = slots.iter().filter(|slot| slot.counts(now)).count();
    let limit = usize::try_from(limit.limit()).unwrap_or(usize::MAX);
    let Some(excess) = counted.checked_sub(limit) else { return RateDecision::Admit };
    let mut ends: Vec<UnixTime> =
        slots.iter().filter(|slot| slot.counts(now)).map(|slot| slot.ends).collect();
    ends.sort_unstable();
    // Room comes when all slots above the limit and one more have ended.
    let room_at = ends.get(excess).copied().unwrap_or(now);
    RateDecision::Refuse { retry_after: from_until(now, room_at) }
}
