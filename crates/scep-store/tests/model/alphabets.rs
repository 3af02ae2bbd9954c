//! What explorations are made of: who asks for what, and the steps that are taken in every order.

use super::reference::{Ask, Counts, LEASE, OWN, PENDING, REMEMBER_UNTIL, Sent};

/// The steps of an exploration, and what they are about.
pub(crate) struct Alphabet {
    pub(crate) of: &'static str,
    pub(crate) asks: &'static [Ask],
    pub(crate) steps: &'static [Step],
    /// What tells states apart.
    pub(crate) probes: &'static [Step],
}

/// A step; requests are those of the alphabet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Begin(usize),
    Poll(usize),
    /// What the holder of a reservation does with it: the last one, or the one before.
    Commit(usize),
    Pend,
    Reject,
    Release(usize),
    /// The node with the last reservation dies.
    Die,
    Approve,
    Deny,
    LeaseNotice,
    Settle(usize, Sent),
    Mint(usize),
    Withdraw(usize),
    /// The password is looked up first; `Begin` is of one who found it good before.
    Enrol(usize),
    Wait(i64),
}

const fn ask(transaction: usize, key: u32, csr: u32, challenge: Option<usize>) -> Ask {
    Ask { transaction, key, csr, challenge, limited: false, counts: Counts::Nowhere }
}

/// What a device or an attacker asks: the same request, its CSR under another transaction, another CSR with the same
/// challenge, and one without a challenge.
pub(crate) const ENROLMENTS: Alphabet = Alphabet {
    of: "enrolments",
    asks: &[
        ask(0, 0, 0, Some(2)),
        ask(1, 0, 0, Some(2)),
        ask(2, 1, 1, Some(2)),
        Ask { limited: true, ..ask(0, 0, 2, None) },
    ],
    steps: &[
        Step::Begin(0),
        Step::Begin(1),
        Step::Begin(2),
        Step::Begin(3),
        Step::Poll(0),
        Step::Commit(0),
        Step::Commit(1),
        Step::Pend,
        Step::Release(0),
        Step::Die,
        Step::Approve,
        Step::Deny,
        Step::LeaseNotice,
        Step::Settle(0, Sent::Delivered),
        Step::Settle(0, Sent::Failed),
        Step::Settle(1, Sent::Failed),
        Step::Wait(LEASE),
        Step::Wait(PENDING),
    ],
    probes: &[
        Step::LeaseNotice,
        Step::Poll(0),
        Step::Begin(0),
        Step::Begin(2),
        Step::Begin(1),
        Step::Begin(3),
        Step::Commit(0),
    ],
};

/// Two passwords, one of which ends soon: its device, a copy of that one's CSR, a thief with a CSR of his own, and the device
/// of the other password.
pub(crate) const PASSWORDS: Alphabet = Alphabet {
    of: "passwords",
    asks: &[
        ask(0, 0, 0, Some(0)),
        ask(1, 1, 0, Some(0)),
        ask(2, 1, 1, Some(0)),
        ask(2, 2, 2, Some(2)),
    ],
    steps: &[
        Step::Mint(0),
        Step::Mint(2),
        Step::Withdraw(0),
        Step::Withdraw(2),
        Step::Enrol(0),
        Step::Enrol(1),
        Step::Enrol(2),
        Step::Enrol(3),
        Step::Begin(0),
        Step::Begin(2),
        Step::Commit(0),
        Step::Commit(1),
        Step::Release(0),
        Step::Die,
        Step::Wait(LEASE),
        Step::Wait(REMEMBER_UNTIL[0]),
    ],
    probes: &[
        Step::Mint(2),
        Step::Enrol(0),
        Step::Enrol(2),
        Step::Enrol(1),
        Step::Enrol(3),
        Step::Commit(0),
        Step::Mint(0),
        Step::Withdraw(0),
        Step::Mint(2),
    ],
};

/// Two devices of an endpoint, and one of another endpoint of the same store; all of them come again.
pub(crate) const ALLOWANCES: Alphabet = Alphabet {
    of: "allowances",
    asks: &[
        Ask { counts: Counts::Both, ..ask(0, 0, 0, None) },
        Ask { counts: Counts::Both, ..ask(1, 0, 1, None) },
        Ask { counts: Counts::All, ..ask(2, 1, 2, None) },
        Ask { counts: Counts::Own, ..ask(0, 0, 2, None) },
    ],
    steps: &[
        Step::Begin(0),
        Step::Begin(1),
        Step::Begin(2),
        Step::Begin(3),
        Step::Poll(0),
        Step::Commit(0),
        Step::Commit(1),
        Step::Pend,
        Step::Reject,
        Step::Release(0),
        Step::Release(1),
        Step::Die,
        Step::Approve,
        Step::Wait(1),
        Step::Wait(LEASE),
        Step::Wait(OWN.window),
    ],
    probes: &[
        Step::Poll(0),
        Step::Begin(0),
        Step::Begin(1),
        Step::Begin(2),
        Step::Begin(3),
        Step::Commit(0),
        Step::Wait(OWN.window),
        Step::Begin(1),
        Step::Begin(2),
        Step::Begin(3),
    ],
};
