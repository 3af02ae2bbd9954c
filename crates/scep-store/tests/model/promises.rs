//! What must be so in every state, and which states are the same.

use super::{Ask, Fate, LEASE, Notice, PENDING, Reference, Seen, Stage};

impl Reference {
    /// How many certificates there are.
    pub(crate) fn issued(&self) -> usize {
        self.certificates.len()
    }

    /// The first promise that does not hold here, if any.
    pub(crate) fn broken_promise(&self, asks: &[Ask]) -> Option<&'static str> {
        let challenges = [0, 1, 2];
        let twice = challenges.iter().any(|number| {
            self.certificates.iter().filter(|issued| issued.challenge == Some(*number)).count() > 1
        });
        let promises = [
            (!twice, "a challenge has two certificates"),
            (self.holds_are_exclusive(asks), "two hold the same challenge or transaction"),
            (self.notices_have_certificates(), "a notice has no certificate"),
            (asks.iter().all(|ask| self.is_free_in_the_end(*ask)), "a challenge is burnt"),
        ];
        promises.into_iter().find(|(holds, _)| !holds).map(|(_, promise)| promise)
    }

    fn holds_are_exclusive(&self, asks: &[Ask]) -> bool {
        let open =
            |attempt: &&super::Attempt| attempt.fate == Fate::Open && self.now < attempt.ends;
        let held: Vec<_> = self.attempts.iter().filter(open).map(|attempt| attempt.ask).collect();
        asks.iter().all(|ask| {
            let same = |held: &&Ask| held.challenge.is_some() && held.challenge == ask.challenge;
            let transaction = |held: &&Ask| held.transaction == ask.transaction;
            held.iter().filter(same).count() <= 1 && held.iter().filter(transaction).count() <= 1
        })
    }

    fn notices_have_certificates(&self) -> bool {
        let has = |notice: &Notice| {
            self.certificates.iter().filter(|issued| issued.serial == notice.serial).count() == 1
        };
        self.notices.iter().all(has)
    }

    /// When every lease and wait is over, the request gets its certificate, or a place to get one, unless another CSR has
    /// used its challenge.
    fn is_free_in_the_end(&self, ask: Ask) -> bool {
        let mut later = self.clone();
        later.now += LEASE + PENDING;
        let used = self
            .certificates
            .iter()
            .find(|issued| ask.challenge.is_some() && issued.challenge == ask.challenge);
        match (used.map(|issued| issued.csr == ask.csr), later.begin(ask)) {
            (Some(false), seen) => seen == Seen::Replayed,
            (Some(true), Seen::Issued(_)) | (None, Seen::Fresh(_) | Seen::Rejected) => true,
            _ => false,
        }
    }

    /// What counts from here on, with times as they are from now.
    pub(crate) fn state(&self, held: &[bool]) -> String {
        let left = |at: i64| (at - self.now).max(0);
        let attempts: Vec<_> = self
            .attempts
            .iter()
            .zip(held)
            .map(|(attempt, held)| {
                let slot = attempt.slot.map(|slot| left(slot + super::DEVICE_WINDOW));
                (attempt.ask, left(attempt.ends), attempt.fate, slot, attempt.approved, *held)
            })
            .filter(|(_, ends, fate, slot, _, held)| {
                let open = *fate == Fate::Open && *ends > 0;
                let counts = slot.is_some_and(|left| left > 0) && *fate == Fate::Kept;
                open || counts || *held
            })
            .collect();
        let answers: Vec<_> = self
            .answers
            .iter()
            .map(|(transaction, answer)| (transaction, answer.ask, answer.is, left(answer.ends)))
            .filter(|(.., ends)| *ends > 0)
            .collect();
        let notices: Vec<_> = self
            .notices
            .iter()
            .map(|notice| {
                let stage = match notice.stage {
                    Stage::Sending(until) => Stage::Sending(left(until)),
                    Stage::Resting(until) => Stage::Resting(left(until)),
                    over => over,
                };
                (notice.serial, notice.attempt, left(notice.ends), stage)
            })
            .collect();
        format!("{attempts:?} {answers:?} {notices:?} {:?}", self.certificates)
    }
}
