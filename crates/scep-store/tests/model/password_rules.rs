//! The rules of one-time passwords, naively: a list of those that were minted, and what the certificates say of their use.

use scep_store::Withdrawn;

use super::{Ask, MAX_PASSWORDS, REMEMBER_UNTIL, Reference, Seen, TOLERANCE};

/// The password whose key is that of the challenge of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Password {
    pub(crate) number: usize,
    pub(crate) withdrawn: Option<i64>,
}

/// What can be seen of all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Passwords {
    /// Until their use is forgotten.
    pub(crate) known: Vec<Password>,
    /// Those that can still be used, oldest first.
    pub(crate) live: Vec<usize>,
}

impl Reference {
    pub(crate) fn passwords(&self) -> Passwords {
        let mut known: Vec<Password> = self.known_passwords().copied().collect();
        known.sort_unstable_by_key(|password| password.number);
        Passwords { known, live: self.live_passwords() }
    }

    /// Whether there ever was one.
    pub(crate) fn has_passwords(&self) -> bool {
        !self.passwords.is_empty()
    }

    pub(crate) fn add_password(&mut self, number: usize, most: usize) -> Seen {
        if self.password(number).is_some() {
            return Seen::Duplicate;
        }
        if self.known_passwords().count() >= MAX_PASSWORDS {
            return Seen::Full("passwords");
        }
        if self.live_passwords().len() >= most {
            return Seen::Full("live passwords");
        }
        self.passwords.retain(|password| password.number != number);
        self.passwords.push(Password { number, withdrawn: None });
        Seen::Done
    }

    pub(crate) fn withdraw_password(&mut self, number: usize) -> Seen {
        if !self.is_good(number) {
            return Seen::Withdrawn(Withdrawn::Unknown);
        }
        if self.is_used(number) {
            return Seen::Withdrawn(Withdrawn::Used);
        }
        let now = self.now;
        for password in self.passwords.iter_mut().filter(|password| password.number == number) {
            password.withdrawn = Some(now);
        }
        Seen::Withdrawn(Withdrawn::Now)
    }

    /// What a device that presents a password gets: it is looked up and judged, and used if it is good.
    pub(crate) fn enrol(&mut self, ask: Ask) -> Seen {
        match ask.challenge.is_some_and(|number| self.is_good(number)) {
            true => self.begin(ask),
            false => Seen::Refused,
        }
    }

    fn password(&self, number: usize) -> Option<Password> {
        self.known_passwords().find(|password| password.number == number).copied()
    }

    pub(super) fn live_passwords(&self) -> Vec<usize> {
        let numbers = self.known_passwords().map(|password| password.number);
        numbers.filter(|number| self.is_good(*number) && !self.is_used(*number)).collect()
    }

    /// Whether a device that presents it is served, by a first certificate or by the same again.
    pub(super) fn is_good(&self, number: usize) -> bool {
        let found = self.password(number);
        found.is_some_and(|found| found.withdrawn.is_none() && self.now < REMEMBER_UNTIL[number])
    }

    fn known_passwords(&self) -> impl Iterator<Item = &Password> {
        self.passwords
            .iter()
            .filter(|password| self.now <= REMEMBER_UNTIL[password.number] + TOLERANCE)
    }

    fn is_used(&self, number: usize) -> bool {
        let of_it = self.certificates.iter().any(|issued| issued.challenge == Some(number));
        of_it && self.now <= REMEMBER_UNTIL[number] + TOLERANCE
    }
}
