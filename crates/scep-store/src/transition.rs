//! The transaction matrix as pure functions: what a request, a poll or an operator may do, given what stands already.
//!
//! A backend loads the [`Transaction`] of a request, asks here, and carries the [`Decision`] out, all in one atomic
//! step. Time is an argument; what has ended counts as absent, so it does not matter when a backend sweeps.

use scep_types::UnixTime;

use crate::ids::{Sha256, Submission};
use crate::request::Rejection;

/// What stands under one transactionID: the last answer, and over it the request being worked on.
///
/// A reservation that is released or lapses uncovers the answer again, so a failure takes nothing away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The last answer.
    pub settled: Option<Settled>,
    /// The live or lapsed reservation.
    pub hold: Option<Hold>,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Which request.
    pub submission: Submission,
    /// How it was answered.
    pub state: State,
    /// The challenge it keeps from others while it waits.
    pub challenge: Option<Sha256>,
    /// From when on it counts as absent.
    pub ends: UnixTime,
}

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for an operator.
    Pending,
    /// An operator approved it; the next poll or retry issues.
    Approved,
    /// A certificate was issued.
    Issued,
    /// The pipeline refused it: the same request is looked at afresh.
    Rejected(Rejection),
    /// An operator refused it: the same request is not queued again.
    Denied(Rejection),
}

/// A request being worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Which request.
    pub submission: Submission,
    /// The challenge it keeps from others.
    pub challenge: Option<Sha256>,
    /// From when on another may take it over.
    pub ends: UnixTime,
}

/// Who has a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeHolder<'a> {
    /// Nobody.
    Nobody,
    /// A certificate was issued on it.
    Certificate {
        /// For this CSR.
        csr_info: Sha256,
    },
    /// A certificate was issued on it that is no longer kept.
    ForgottenCertificate,
    /// The transaction that is asked.
    This,
    /// Another transaction.
    Other(&'a Transaction),
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Reserve it, over what is settled.
    Fresh,
    /// Reserve what was approved.
    Approved(Found),
    /// Repeat an answer.
    Same(Found, Answer),
    /// Wait.
    Busy {
        /// Until then at the latest.
        until: UnixTime,
    },
    /// Refuse: another CSR has the challenge.
    Replayed,
    /// Refuse: another key's request is pending.
    Conflict,
}

/// By what a request was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// By its own transaction.
    ByTransaction,
    /// By its challenge, whose holder has the same CSR under another transactionID or key.
    ByChallenge,
}

/// An answer that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A certificate.
    Issued,
    /// It waits.
    Pending,
    /// It was refused.
    Rejected(Rejection),
}

/// What a poll may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollDecision {
    /// Repeat an answer.
    Same(Answer),
    /// Reserve what was approved.
    Approved,
    /// No such transaction of this key.
    Unknown,
}

impl Transaction {
    /// What an authorised request may do.
    ///
    /// | settled | same key, same CSR | same key, other CSR | other key |
    /// |---|---|---|---|
    /// | nothing | fresh | fresh | fresh |
    /// | pending | same | fresh: it supersedes | conflict |
    /// | approved | approved, once | fresh: it supersedes | conflict |
    /// | issued | same | fresh | fresh |
    /// | rejected | fresh | fresh | fresh |
    /// | denied | same | fresh | fresh |
    ///
    /// Where the table says fresh, a live reservation makes it busy. A challenge that another CSR has makes it a replay,
    /// one that the same CSR has gives that CSR's answer.
    #[must_use]
    pub fn begin(
        &self,
        submission: &Submission,
        challenge: Option<(&Sha256, ChallengeHolder<'_>)>,
        now: UnixTime,
    ) -> Decision {
        self.recall(submission, now)
            .or_else(|| self.challenged(submission, challenge?, now))
            .unwrap_or_else(|| self.admit(submission, now))
    }

    /// What the same request may do without being authorised again; `None` if it was not answered yet.
    #[must_use]
    pub fn recall(&self, submission: &Submission, now: UnixTime) -> Option<Decision> {
        let settled = self.settled_at(now).filter(|settled| settled.submission == *submission)?;
        let same = |answer| Some(Decision::Same(Found::ByTransaction, answer));
        match settled.state {
            State::Issued => same(Answer::Issued),
            State::Denied(rejection) => same(Answer::Rejected(rejection)),
            State::Rejected(_) => None,
            State::Pending | State::Approved => {
                Some(self.queued(settled, Found::ByTransaction, now))
            }
        }
    }

    /// What a CertPoll signed with `signer_key` may do.
    #[must_use]
    pub fn poll(&self, signer_key: &Sha256, now: UnixTime) -> PollDecision {
        let same_key = |submission: &Submission| submission.signer_key == *signer_key;
        if self.hold_at(now).is_some_and(|hold| same_key(&hold.submission)) {
            return PollDecision::Same(Answer::Pending);
        }
        match self.settled_at(now).filter(|settled| same_key(&settled.submission)) {
            None => PollDecision::Unknown,
            Some(settled) => match settled.state {
                State::Pending => PollDecision::Same(Answer::Pending),
                State::Approved => match self.queued(settled, Found::ByTransaction, now) {
                    Decision::Approved(_) => PollDecision::Approved,
                    _ => PollDecision::Same(Answer::Pending),
                },
                State::Issued => PollDecision::Same(Answer::Issued),
                State::Rejected(rejection) | State::Denied(rejection) => {
                    PollDecision::Same(Answer::Rejected(rejection))
                }
            },
        }
    }

    /// The request an operator's decision is about, if it still waits and is not being issued.
    #[must_use]
    pub fn awaiting(&self, submission: &Submission, now: UnixTime) -> Option<&Settled> {
        let settled = self.waiting_at(now).filter(|settled| settled.submission == *submission)?;
        let issuing = self.hold_at(now).is_some_and(|hold| hold.submission == *submission);
        (!issuing).then_some(settled)
    }

    /// The answer that has not ended.
    #[must_use]
    pub fn settled_at(&self, now: UnixTime) -> Option<&Settled> {
        self.settled.as_ref().filter(|settled| now < settled.ends)
    }

    /// The reservation that has not ended.
    #[must_use]
    pub fn hold_at(&self, now: UnixTime) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| now < hold.ends)
    }

    /// From when on nothing of it counts, or `None` if there is nothing.
    #[must_use]
    pub fn ends(&self) -> Option<UnixTime> {
        self.hold.map(|hold| hold.ends).max(self.settled.map(|settled| settled.ends))
    }

    /// From when on it leaves `challenge` to others, or `None` if it does not have it.
    #[must_use]
    pub fn keeps_challenge_until(&self, challenge: &Sha256) -> Option<UnixTime> {
        let hold = self.hold.filter(|hold| hold.challenge.as_ref() == Some(challenge));
        let settled = self.settled.filter(|settled| settled.keeps(challenge));
        hold.map(|hold| hold.ends).max(settled.map(|settled| settled.ends))
    }

    fn waiting_at(&self, now: UnixTime) -> Option<&Settled> {
        self.settled_at(now).filter(|settled| settled.waits())
    }

    /// An approved request is handed out once: whoever comes while it is being issued waits.
    fn queued(&self, settled: &Settled, found: Found, now: UnixTime) -> Decision {
        match settled.state {
            State::Approved if self.hold_at(now).is_none() => Decision::Approved(found),
            _ => Decision::Same(found, Answer::Pending),
        }
    }

    fn challenged(
        &self,
        submission: &Submission,
        (key, holder): (&Sha256, ChallengeHolder<'_>),
        now: UnixTime,
    ) -> Option<Decision> {
        match holder {
            ChallengeHolder::Nobody => None,
            ChallengeHolder::ForgottenCertificate => Some(Decision::Replayed),
            ChallengeHolder::Certificate { csr_info } if csr_info == submission.csr_info => {
                Some(Decision::Same(Found::ByChallenge, Answer::Issued))
            }
            ChallengeHolder::Certificate { .. } => Some(Decision::Replayed),
            // A client that asks anew under its own transaction gives up what it had queued, challenge included.
            ChallengeHolder::This if self.superseded_by(submission, key, now) => None,
            ChallengeHolder::This => self.as_holder(submission, key, now),
            ChallengeHolder::Other(holder) => holder.as_holder(submission, key, now),
        }
    }

    /// Whether the same key asks under the same transaction for another CSR than the one that waits.
    fn superseded_by(&self, submission: &Submission, key: &Sha256, now: UnixTime) -> bool {
        let held = self.hold_at(now).is_some_and(|hold| hold.challenge.as_ref() == Some(key));
        let same_key = |settled: &Settled| settled.submission.signer_key == submission.signer_key;
        !held && self.waiting_at(now).is_some_and(same_key) // the same CSR was recalled before
    }

    /// What becomes of a request that presents the challenge this transaction has.
    fn as_holder(&self, submission: &Submission, key: &Sha256, now: UnixTime) -> Option<Decision> {
        let same_csr = |holder: &Submission| holder.csr_info == submission.csr_info;
        let queued = self.waiting_at(now).filter(|settled| settled.keeps(key));
        let held = self.hold_at(now).filter(|hold| hold.challenge.as_ref() == Some(key));
        match (held, queued) {
            (Some(hold), _) if !same_csr(&hold.submission) => Some(Decision::Replayed),
            (Some(hold), None) => Some(Decision::Busy { until: hold.ends }),
            (Some(hold), Some(settled)) if hold.submission != settled.submission => {
                Some(Decision::Busy { until: hold.ends })
            }
            (None, Some(settled)) if !same_csr(&settled.submission) => Some(Decision::Replayed),
            (_, Some(settled)) => Some(self.queued(settled, Found::ByChallenge, now)),
            (None, None) => None,
        }
    }

    fn admit(&self, submission: &Submission, now: UnixTime) -> Decision {
        let other_key = |settled: &Settled| settled.submission.signer_key != submission.signer_key;
        if self.waiting_at(now).is_some_and(other_key) {
            return Decision::Conflict;
        }
        match self.hold_at(now) {
            Some(hold) => Decision::Busy { until: hold.ends },
            None => Decision::Fresh,
        }
    }
}

impl Settled {
    /// Whether it waits for an operator, or approved for its client.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Pending | State::Approved)
    }

    fn keeps(&self, challenge: &Sha256) -> bool {
        self.waits() && self.challenge.as_ref() == Some(challenge)
    }
}
