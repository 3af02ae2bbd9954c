//! What a reservation took.

use std::time::Duration;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenSlot {
    pub(crate) device: Sha256,
    pub(crate) slot: Slot,
    pub(crate) window: Duration,
}
