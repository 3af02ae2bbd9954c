//! How many certificates an endpoint, or all of them, may issue within a window: counted by sub-windows, a pure function.
//!
//! A certificate counts from its reservation until the whole of its sub-window has left the window: never too short, and
//! too long by at most a sub-window, which is a sixtieth of the window rounded up to a second. So no window ever has more
//! certificates than the limit; a limit that is used up is free again up to a sixtieth later than it might be. With a window
//! of a minute or less it is exact. A reservation whose holder died counts as if it had been settled: nobody gives it back.
//! What is kept does not depend on the limit: at most 62 sub-windows, 16 octets each.

use std::time::Duration;

use scep_types::UnixTime;

use crate::StoreError;
use crate::error::{Argument, within};
use crate::ids::Sha256;
use crate::rate::RateDecision;
use crate::time::from_until;

/// At most `limit` certificates within any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    key: Sha256,
    limit: u32,
    window: Duration,
}

impl Allowance {
    /// Certificates an allowance may have.
    pub const MAX_LIMIT: u32 = 1_000_000;
    /// Sub-windows of a window.
    pub const SUB_WINDOWS: u64 = 60;

    /// The allowance of what `key` stands for, over all endpoints of the store that use this key; one key always comes with
    /// one window, and is no device's.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for a limit of none or more than 1,000,000, or a window of less than a second or more than
    /// a hundred years.
    pub fn new(key: Sha256, limit: u32, window: Duration) -> Result<Self, StoreError> {
        within(Argument::AllowanceLimit, limit.into(), 1, Self::MAX_LIMIT.into())?;
        within(Argument::AllowanceWindow, window.as_secs(), 1, MAX_WINDOW)?;
        Ok(Self { key, limit, window })
    }

    /// Whose it is.
    #[must_use]
    pub const fn key(&self) -> Sha256 {
        self.key
    }

    /// How many.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// In how long.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// From when on a certificate that is reserved now no longer counts.
    #[must_use]
    pub fn counts_until(&self, now: UnixTime) -> UnixTime {
        let window = i64::try_from(self.window.as_secs()).unwrap_or(i64::MAX);
        let length = i64::try_from(self.window.as_secs().div_ceil(Self::SUB_WINDOWS)).unwrap_or(1);
        let past = now.as_secs().checked_rem_euclid(length).unwrap_or(0);
        let last = length.saturating_sub(1).saturating_sub(past); // seconds until the last one of the sub-window
        UnixTime::from_secs(now.as_secs().saturating_add(last).saturating_add(window))
    }
}

/// A hundred years, in seconds.
const MAX_WINDOW: u64 = 100 * 366 * 86_400;

/// The certificates of a sub-window that still count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Counted {
    /// From when on none of them does; no two sub-windows have this in common.
    pub ends: UnixTime,
    /// How many there are.
    pub certificates: u32,
}

/// Decides for an allowance of which this is used; ended sub-windows may be among it, in any order.
#[must_use]
pub fn decide(used: &[Counted], allowance: &Allowance, now: UnixTime) -> RateDecision {
    let mut live: Vec<&Counted> = used.iter().filter(|counted| now < counted.ends).collect();
    let sum = |counted: &[&Counted]| -> u64 {
        counted.iter().map(|counted| u64::from(counted.certificates)).sum()
    };
    let limit = u64::from(allowance.limit);
    if sum(&live) < limit {
        return RateDecision::Admit;
    }
    live.sort_unstable_by_key(|counted| counted.ends);
    // Room comes when so many sub-windows have ended that the rest is below the limit.
    let mut rest = live.as_slice();
    let mut room_at = now;
    while let Some((first, later)) = rest.split_first()
        && sum(rest) >= limit
    {
        room_at = first.ends;
        rest = later;
    }
    RateDecision::Refuse { retry_after: from_until(now, room_at) }
}

/// What is used once one more is taken now, and from when on that one no longer counts.
#[must_use]
pub fn take(used: &[Counted], allowance: &Allowance, now: UnixTime) -> (Vec<Counted>, UnixTime) {
    let ends = allowance.counts_until(now);
    let mut live: Vec<Counted> =
        used.iter().filter(|counted| now < counted.ends).copied().collect();
    match live.iter_mut().find(|counted| counted.ends == ends) {
        Some(counted) => counted.certificates = counted.certificates.saturating_add(1),
        None => live.push(Counted { ends, certificates: 1 }),
    }
    (live, ends)
}

/// What is used once one that counts until `ends` is given back.
#[must_use]
pub fn give_back(used: &[Counted], ends: UnixTime) -> Vec<Counted> {
    let less = used.iter().map(|counted| match counted.ends == ends {
        true => Counted { certificates: counted.certificates.saturating_sub(1), ..*counted },
        false => *counted,
    });
    less.filter(|counted| counted.certificates > 0).collect()
}
