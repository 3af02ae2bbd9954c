//! What must be so in every state, and which states are the same.

use scep_store::LimitScope;

use super::limit_rules::{ALL, Counts, OWN};
use super::outbox_rules::{Notice, Stage};
use super::{Ask, Fate, LEASE, PENDING, REMEMBER_UNTIL, Reference, Seen, TOLERANCE};

/// How many live passwords the explorer lets the endpoint have.
pub(crate) const LIVE_PASSWORDS: usize = 1;
/// A challenge that ends so late never does in an exploration.
const OUT_OF_REACH: i64 = 1_000;

impl Reference {
    /// How many certificates there are.
    pub(crate) fn issued(&self) -> usize {
        self.certificates.len()
    }

    /// The first promise that does not hold here, if any.
    pub(crate) fn broken_promise(&self, asks: &[Ask]) -> Option<&'static str> {
        let twice = (0..REMEMBER_UNTIL.len()).any(|number| {
            self.certificates.iter().filter(|issued| issued.challenge == Some(number)).count() > 1
        });
        let live = self.live_passwords().len();
        let promises = [
            (!twice, "a challenge has two certificates"),
            (self.holds_are_exclusive(asks), "two hold the same challenge or transaction"),
            (self.notices_have_certificates(), "a notice has no certificate"),
            (asks.iter().all(|ask| self.is_free_in_the_end(*ask)), "a challenge is burnt"),
            (live <= LIVE_PASSWORDS, "more passwords are live than may be"),
            (asks.iter().all(|ask| self.no_bad_password_serves(*ask)), "a bad password serves"),
            (self.allowances_hold(), "an allowance admitted more than it may"),
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
        let windows = if ask.counts == Counts::Nowhere { 0 } else { OWN.window + ALL.window };
        later.now += LEASE + PENDING + windows;
        if ask.challenge.is_some_and(|number| REMEMBER_UNTIL[number] < later.now) {
            return later.begin(ask) == Seen::ChallengeOver;
        }
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

    /// What is withdrawn, has ended or was never minted is refused, now and later, whatever else happens to its challenge.
    fn no_bad_password_serves(&self, ask: Ask) -> bool {
        if ask.challenge.is_none_or(|number| self.is_good(number)) {
            return true;
        }
        [0, LEASE, PENDING, REMEMBER_UNTIL[0]].into_iter().all(|wait| {
            let mut later = self.clone();
            later.now += wait;
            later.enrol(ask) == Seen::Refused
        })
    }

    /// Of what was reserved and not given back no window has more than its allowance.
    fn allowances_hold(&self) -> bool {
        [(LimitScope::Endpoint, OWN), (LimitScope::Global, ALL)].into_iter().all(|(by, most)| {
            let began: Vec<i64> = self.taken(by).map(super::Attempt::began).collect();
            began.iter().all(|first| {
                let window = *first..first + most.window;
                began.iter().filter(|at| window.contains(at)).count() <= most.certificates
            })
        })
    }

    /// What counts from here on, with times as they are from now.
    pub(crate) fn state(&self, held: &[bool], asks: &[Ask]) -> String {
        let left = |at: i64| (at - self.now).max(0);
        let attempts: Vec<_> = self
            .attempts
            .iter()
            .zip(held)
            .filter_map(|(attempt, held)| {
                let slot = attempt.slot.map(|slot| left(slot + super::DEVICE_WINDOW));
                let taken = [(LimitScope::Endpoint, OWN), (LimitScope::Global, ALL)]
                    .map(|(by, most)| (attempt.takes(by), left(most.ends(attempt))))
                    .map(|(takes, left)| if takes { left } else { 0 });
                let open = attempt.fate == Fate::Open && left(attempt.ends) > 0;
                let slotted = slot.is_some_and(|left| left > 0) && attempt.fate == Fate::Kept;
                let matters = open || slotted || *held || taken != [0; 2];
                let of_it = (attempt.ask, left(attempt.ends), attempt.fate, slot);
                matters.then_some((of_it, taken, attempt.approved, *held))
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
        let (certificates, clock) = (&self.certificates, self.clock(asks));
        let passwords =
            self.passwords.iter().map(|found| (found.number, found.withdrawn.is_some()));
        let passwords: Vec<_> = passwords.collect();
        format!("{attempts:?} {answers:?} {notices:?} {certificates:?} {passwords:?} {clock}")
    }

    /// What of the time itself counts: when challenges and their passwords end, and how seconds are counted together.
    fn clock(&self, asks: &[Ask]) -> String {
        let ends = asks.iter().filter_map(|ask| ask.challenge).map(|number| REMEMBER_UNTIL[number]);
        let ends = ends.filter(|ends| *ends < OUT_OF_REACH);
        let left = |at: i64| (at - self.now).max(-1);
        let ends: Vec<_> = ends.map(|ends| (left(ends), left(ends + TOLERANCE))).collect();
        let counted = asks.iter().any(|ask| ask.counts.against(LimitScope::Global));
        let past = if counted { self.now % ALL.counted_by } else { 0 };
        format!("{ends:?} {past}")
    }
}
