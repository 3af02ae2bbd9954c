//! What a reservation took.

use std::time::Duration;

use scep_types::UnixTime;

use crate::ids::Sha256;
use crate::rate::Slot;
use crate::request::ChallengeUse;

/// What settling or releasing a hold takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) generation: u64,
    pub(crate) replay_window: Duration,
    pub(crate) challenge: Option<ChallengeUse>,
    pub(crate) slot: Option<TakenSlot>,
    /// What was taken of allowances; it stays taken unless the hold is undone.
    pub(crate) allowances: Vec<TakenAllowance>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenSlot {
    pub(crate) device: Sha256,
    pub(crate) slot: Slot,
    pub(crate) window: Duration,
}

/// One certificate of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenAllowance {
    pub(crate) key: Sha256,
    /// From when on it does not count, by which it is found.
    pub(crate) ends: UnixTime,
}
