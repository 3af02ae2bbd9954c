//! The rules of the outbox, naively: a list of notices.

use super::{Reference, Seen};

/// For how long a notice is its sender's.
pub(crate) const NOTICE_LEASE: i64 = 4;
/// For how long it is worth sending.
pub(crate) const NOTICE_KEPT: i64 = 25;
/// For how long a failed attempt postpones it.
pub(crate) const POSTPONED: i64 = 6;

/// What becomes of an attempt to send a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Delivered,
    Failed,
    Refused,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Notice {
    pub(super) serial: u32,
    pub(super) attempt: u32,
    pub(super) ends: i64,
    pub(super) stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Someone is sending it until then.
    Sending(i64),
    /// Nobody is until then.
    Resting(i64),
    Delivered,
    GivenUp,
}

impl Notice {
    /// It is its recorder's first.
    pub(super) fn recorded(serial: u32, now: i64) -> Self {
        let (stage, ends) = (Stage::Sending(now + NOTICE_LEASE), now + NOTICE_KEPT);
        Self { serial, attempt: 1, ends, stage }
    }
}

impl Reference {
    /// Leases all that are due, those due for longest first.
    pub(crate) fn lease_notices(&mut self, most: usize) -> Seen {
        let mut due: Vec<(i64, u32)> = self
            .unsent()
            .filter_map(|notice| match notice.stage {
                Stage::Sending(until) | Stage::Resting(until) => Some((until, notice.serial)),
                _ => None,
            })
            .filter(|(due, _)| *due <= self.now)
            .collect();
        due.sort_unstable();
        let leased = due.into_iter().take(most).map(|(_, serial)| (serial, self.take(serial)));
        Seen::Leased(leased.collect())
    }

    pub(crate) fn claim_notice(&mut self, serial: u32) -> Seen {
        let Some(notice) = self.notices.iter().find(|notice| notice.serial == serial) else {
            return Seen::Nothing;
        };
        match notice.stage {
            Stage::Delivered => Seen::Delivered,
            Stage::GivenUp => Seen::GivenUp,
            _ if notice.ends <= self.now => Seen::GivenUp,
            Stage::Sending(until) if self.now < until => Seen::Busy(until - self.now),
            _ => Seen::Leased(vec![(serial, self.take(serial))]),
        }
    }

    pub(crate) fn settle_notice(&mut self, (serial, attempt): (u32, u32), sent: Sent) -> Seen {
        let now = self.now;
        let found = self.notices.iter_mut().find(|notice| notice.serial == serial);
        let Some(notice) = found else { return Seen::LeaseLost };
        let mine = matches!(notice.stage, Stage::Sending(_)) && notice.attempt == attempt;
        notice.stage = match sent {
            Sent::Delivered => Stage::Delivered,
            Sent::Failed if mine => Stage::Resting(now + POSTPONED),
            Sent::Refused if mine => Stage::GivenUp,
            Sent::Failed | Sent::Refused => return Seen::LeaseLost,
        };
        Seen::Done
    }

    /// What may still be sent.
    pub(super) fn unsent(&self) -> impl Iterator<Item = &Notice> {
        let over = |notice: &Notice| matches!(notice.stage, Stage::Delivered | Stage::GivenUp);
        self.notices.iter().filter(move |notice| !over(notice) && self.now < notice.ends)
    }

    fn take(&mut self, serial: u32) -> u32 {
        let until = self.now + NOTICE_LEASE;
        let found = self.notices.iter_mut().find(|notice| notice.serial == serial).unwrap();
        (found.stage, found.attempt) = (Stage::Sending(until), found.attempt + 1);
        found.attempt
    }
}
