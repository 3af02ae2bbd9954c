//! The rules once more, naively: a list of attempts, the last answer of each transaction, and questions that scan both.

#[path = "limit_rules.rs"]
mod limit_rules;
#[path = "outbox_rules.rs"]
mod outbox_rules;
#[path = "password_rules.rs"]
mod password_rules;
#[path = "promises.rs"]
mod promises;

use std::collections::BTreeSet;

use scep_store::{LimitScope, Withdrawn};

pub(crate) use limit_rules::{ALL, Counts, DEVICE_LIMIT, DEVICE_WINDOW, Most, OWN};
use outbox_rules::Notice;
pub(crate) use outbox_rules::{NOTICE_KEPT, NOTICE_LEASE, POSTPONED, Sent};
pub(crate) use password_rules::{Password, Passwords};
pub(crate) use promises::LIVE_PASSWORDS;

const TRANSACTIONS: std::ops::Range<usize> = 0..4;

pub(crate) const LEASE: i64 = 5;
pub(crate) const REPLAY_WINDOW: i64 = 12;
pub(crate) const PENDING: i64 = 15;
pub(crate) const TOLERANCE: i64 = 7;
/// Until when each challenge is to be remembered, and when the one-time password of its key ends.
pub(crate) const REMEMBER_UNTIL: [i64; 4] = [40, 90, 100_000, 60];

/// Room of the store under test.
pub(crate) const MAX_CHALLENGES: usize = 2;
pub(crate) const MAX_TRANSACTIONS: usize = 3;
pub(crate) const MAX_PENDING: usize = 1;
pub(crate) const MAX_NOTICES: usize = 2;
pub(crate) const MAX_PASSWORDS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) transaction: usize,
    pub(crate) key: u32,
    pub(crate) csr: u32,
    pub(crate) challenge: Option<usize>,
    pub(crate) limited: bool,
    pub(crate) counts: Counts,
}

/// What a verb answers; reservations are the index of their attempt, certificates their serial number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Done,
    Nothing,
    Fresh(usize),
    Approved(usize),
    Issued(u32),
    Pending,
    Rejected,
    Busy(i64),
    Replayed,
    RateLimited(i64),
    UsedUp(LimitScope, i64),
    Conflict,
    Unknown,
    LeaseLost,
    NotPending,
    Duplicate,
    ChallengeOver,
    Full(&'static str),
    /// Certificate and attempt of each notice that was leased.
    Leased(Vec<(u32, u32)>),
    Delivered,
    GivenUp,
    Withdrawn(Withdrawn),
    /// The password is not good.
    Refused,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Reference {
    pub(crate) now: i64,
    attempts: Vec<Attempt>,
    answers: Vec<(usize, Answer)>,
    certificates: Vec<Issued>,
    notices: Vec<Notice>,
    /// In the order in which they were minted.
    passwords: Vec<Password>,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    ask: Ask,
    ends: i64,
    fate: Fate,
    slot: Option<i64>,
    approved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Kept,
    Undone,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    ask: Ask,
    is: Is,
    ends: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Pending,
    Approved,
    Issued(u32),
    Rejected,
    Denied,
}

#[derive(Debug, Clone)]
struct Issued {
    serial: u32,
    csr: u32,
    challenge: Option<usize>,
}

impl Reference {
    pub(crate) fn begin(&mut self, ask: Ask) -> Seen {
        if ask.challenge.is_some_and(|number| REMEMBER_UNTIL[number] < self.now) {
            return Seen::ChallengeOver;
        }
        if let Some(seen) = self.recall(ask) {
            return seen;
        }
        if let Some(seen) = ask.challenge.and_then(|number| self.by_challenge(number, ask)) {
            return seen;
        }
        if self.waiting(ask.transaction).is_some_and(|answer| answer.ask.key != ask.key) {
            return Seen::Conflict;
        }
        if let Some(held) = self.held(ask.transaction) {
            return Seen::Busy(held.ends - self.now);
        }
        if let Some(wait) = self.limited(ask) {
            return Seen::RateLimited(wait);
        }
        if let Some(seen) = self.used_up(ask) {
            return seen;
        }
        if let Some(what) = self.full(ask) {
            return Seen::Full(what);
        }
        self.reserve(ask, ask.limited.then_some(self.now), false)
    }

    pub(crate) fn recall(&mut self, ask: Ask) -> Option<Seen> {
        let answer = self.answer(ask.transaction)?;
        if (answer.ask.key, answer.ask.csr) != (ask.key, ask.csr) {
            return None;
        }
        match answer.is {
            Is::Rejected => None,
            Is::Denied => Some(Seen::Rejected),
            Is::Issued(serial) => Some(Seen::Issued(serial)),
            Is::Pending | Is::Approved => Some(self.fetch(ask.transaction)),
        }
    }

    pub(crate) fn poll(&mut self, transaction: usize, key: u32) -> Seen {
        if self.held(transaction).is_some_and(|held| held.ask.key == key) {
            return Seen::Pending;
        }
        match self.answer(transaction).filter(|answer| answer.ask.key == key) {
            None => Seen::Unknown,
            Some(Answer { is: Is::Rejected | Is::Denied, .. }) => Seen::Rejected,
            Some(Answer { is: Is::Issued(serial), .. }) => Seen::Issued(serial),
            Some(_) => self.fetch(transaction),
        }
    }

    pub(crate) fn commit(&mut self, attempt: usize, serial: u32, notice: bool) -> Seen {
        let Some(ask) = self.open(attempt) else { return Seen::LeaseLost };
        if self.certificates.iter().any(|issued| issued.serial == serial) {
            self.attempts[attempt].fate = Fate::Undone;
            return Seen::Duplicate;
        }
        if notice && self.unsent().count() >= MAX_NOTICES {
            self.attempts[attempt].fate = Fate::Undone;
            return Seen::Full("notices");
        }
        if notice {
            self.notices.push(Notice::recorded(serial, self.now));
        }
        self.certificates.push(Issued { serial, csr: ask.csr, challenge: ask.challenge });
        self.settle(attempt, Is::Issued(serial), REPLAY_WINDOW)
    }

    pub(crate) fn pend(&mut self, attempt: usize) -> Seen {
        let Some(ask) = self.open(attempt) else { return Seen::LeaseLost };
        let waiting = TRANSACTIONS.filter(|other| self.waiting(*other).is_some());
        if self.waiting(ask.transaction).is_none() && waiting.count() >= MAX_PENDING {
            self.attempts[attempt].fate = Fate::Undone;
            return Seen::Full("pending");
        }
        self.settle(attempt, Is::Pending, PENDING)
    }

    pub(crate) fn reject(&mut self, attempt: usize) -> Seen {
        match self.open(attempt) {
            Some(_) => self.settle(attempt, Is::Rejected, REPLAY_WINDOW),
            None => Seen::LeaseLost,
        }
    }

    pub(crate) fn release(&mut self, attempt: usize) -> Seen {
        if self.open(attempt).is_none() {
            return Seen::LeaseLost;
        }
        self.attempts[attempt].fate = Fate::Undone;
        Seen::Done
    }

    pub(crate) fn approve(&mut self, ask: Ask) -> Seen {
        self.decide(ask, |answer| answer.is = Is::Approved)
    }

    pub(crate) fn deny(&mut self, ask: Ask) -> Seen {
        let ends = self.now + REPLAY_WINDOW;
        self.decide(ask, |answer| (answer.is, answer.ends) = (Is::Denied, ends))
    }

    /// Transaction, key and CSR of what waits.
    pub(crate) fn queue(&self) -> BTreeSet<(usize, u32, u32)> {
        let waiting = TRANSACTIONS.filter_map(|transaction| self.waiting(transaction));
        waiting.map(|answer| (answer.ask.transaction, answer.ask.key, answer.ask.csr)).collect()
    }

    fn decide(&mut self, ask: Ask, change: impl FnOnce(&mut Answer)) -> Seen {
        let same = |other: Ask| (other.key, other.csr) == (ask.key, ask.csr);
        let waits = self.waiting(ask.transaction).is_some_and(|answer| same(answer.ask));
        let issuing = self.held(ask.transaction).is_some_and(|held| same(held.ask));
        let found = self.answers.iter_mut().find(|(number, _)| *number == ask.transaction);
        match found {
            Some((_, answer)) if waits && !issuing => {
                change(answer);
                Seen::Done
            }
            _ => Seen::NotPending,
        }
    }

    fn by_challenge(&mut self, number: usize, ask: Ask) -> Option<Seen> {
        let used = |issued: &&Issued| issued.challenge == Some(number);
        if let Some(issued) = self.certificates.iter().find(used)
            && self.now <= REMEMBER_UNTIL[number] + TOLERANCE
        {
            let same = issued.csr == ask.csr;
            return Some(if same { Seen::Issued(issued.serial) } else { Seen::Replayed });
        }
        let has = |ask: Ask| ask.challenge == Some(number);
        for transaction in TRANSACTIONS {
            if let Some(held) = self.held(transaction).filter(|held| has(held.ask)) {
                return Some(match held.ask.csr == ask.csr {
                    false => Seen::Replayed,
                    true if held.approved && self.waiting(transaction).is_some() => Seen::Pending,
                    true => Seen::Busy(held.ends - self.now),
                });
            }
            if let Some(queued) = self.waiting(transaction).filter(|queued| has(queued.ask)) {
                let mine = transaction == ask.transaction && queued.ask.key == ask.key;
                return match queued.ask.csr == ask.csr {
                    true => Some(self.fetch(transaction)),
                    false if mine => None,
                    false => Some(Seen::Replayed),
                };
            }
        }
        None
    }

    /// What waits, handed out once if approved.
    fn fetch(&mut self, transaction: usize) -> Seen {
        match self.waiting(transaction) {
            Some(Answer { is: Is::Approved, ask, .. }) if self.held(transaction).is_none() => {
                match self.reserve(ask, None, true) {
                    Seen::Fresh(attempt) => Seen::Approved(attempt),
                    other => other,
                }
            }
            _ => Seen::Pending,
        }
    }

    fn full(&self, ask: Ask) -> Option<&'static str> {
        let live = |transaction: &usize| {
            self.held(*transaction).is_some() || self.answer(*transaction).is_some()
        };
        if !live(&ask.transaction) && TRANSACTIONS.filter(live).count() >= MAX_TRANSACTIONS {
            return Some("transactions");
        }
        let kept = |number: &usize| {
            let has = |ask: Ask| ask.challenge == Some(*number);
            let used = self.certificates.iter().any(|issued| issued.challenge == Some(*number));
            (used && self.now <= REMEMBER_UNTIL[*number] + TOLERANCE)
                || TRANSACTIONS.into_iter().any(|transaction| {
                    self.held(transaction).is_some_and(|held| has(held.ask))
                        || self.waiting(transaction).is_some_and(|queued| has(queued.ask))
                })
        };
        let number = ask.challenge?;
        let full =
            !kept(&number) && (0..REMEMBER_UNTIL.len()).filter(kept).count() >= MAX_CHALLENGES;
        full.then_some("challenges")
    }

    fn reserve(&mut self, ask: Ask, slot: Option<i64>, approved: bool) -> Seen {
        let ends = self.now + LEASE;
        self.attempts.push(Attempt { ask, ends, fate: Fate::Open, slot, approved });
        Seen::Fresh(self.attempts.len() - 1)
    }

    fn settle(&mut self, attempt: usize, is: Is, lasts: i64) -> Seen {
        let Attempt { ask, .. } = self.attempts[attempt];
        self.attempts[attempt].fate = Fate::Kept;
        self.answers.retain(|(transaction, _)| *transaction != ask.transaction);
        self.answers.push((ask.transaction, Answer { ask, is, ends: self.now + lasts }));
        Seen::Done
    }

    fn open(&self, attempt: usize) -> Option<Ask> {
        let attempt = self.attempts.get(attempt)?;
        (attempt.fate == Fate::Open && self.now < attempt.ends).then_some(attempt.ask)
    }

    fn held(&self, transaction: usize) -> Option<Attempt> {
        let mut of = self.attempts.iter().filter(|attempt| attempt.ask.transaction == transaction);
        of.find(|attempt| attempt.fate == Fate::Open && self.now < attempt.ends).copied()
    }

    fn answer(&self, transaction: usize) -> Option<Answer> {
        let (_, answer) = self.answers.iter().find(|(number, _)| *number == transaction)?;
        (self.now < answer.ends).then_some(*answer)
    }

    fn waiting(&self, transaction: usize) -> Option<Answer> {
        let answer = self.answer(transaction)?;
        matches!(answer.is, Is::Pending | Is::Approved).then_some(answer)
    }
}
