//! A call of `write.lua`: keys, and parts that name them by their number.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Cmd, Script};

use super::keys::{Keys, Place};

/// A call under construction.
pub(super) struct Call {
    numbers: BTreeMap<Place, usize>,
    command: Cmd,
}

/// What a call is given, one behind the other.
pub(super) struct Arguments(Vec<u8>);

/// Where an argument stands among them.
#[derive(Clone, Copy)]
pub(super) struct Argument {
    start: usize,
    end: usize,
}

impl Call {
    /// One of about so many arguments and octets.
    pub(super) fn new(
        script: &Script,
        keys: &Keys,
        places: BTreeSet<Place>,
        (arguments, octets): (usize, usize),
    ) -> Self {
        let mut command = Cmd::with_capacity(arguments, octets);
        command.arg("EVALSHA").arg(script.get_hash()).arg(places.len());
        for place in &places {
            command.arg(keys.of(*place));
        }
        Self { numbers: places.into_iter().zip(1..).collect(), command }
    }

    pub(super) fn word(&mut self, word: &str) {
        self.command.arg(word);
    }

    /// Begins a part; what it takes follows.
    pub(super) fn part(&mut self, what: &str, place: Place, number: usize) -> &mut Self {
        let key = self.numbers.get(&place).copied().unwrap_or_default();
        self.command.arg(what).arg(key).arg(number);
        self
    }

    pub(super) fn given<'a>(&mut self, given: impl IntoIterator<Item = &'a [u8]>) -> &mut Self {
        for given in given {
            self.command.arg(given);
        }
        self
    }

    pub(super) fn into_command(self) -> Cmd {
        self.command
    }
}

impl Arguments {
    pub(super) fn with_capacity(octets: usize) -> Self {
        Self(Vec::with_capacity(octets))
    }

    pub(super) fn add(&mut self, octets: &[u8]) -> Argument {
        self.write(|all| all.extend(octets))
    }

    /// What this writes behind all others.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Argument {
        let start = self.0.len();
        write(&mut self.0);
        Argument { start, end: self.0.len() }
    }

    pub(super) fn get(&self, argument: Argument) -> &[u8] {
        self.0.get(argument.start..argument.end).unwrap_or_default()
    }

    pub(super) fn octets(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_out_as_they_went_in() {
        let mut arguments = Arguments::with_capacity(0);
        let given: [&[u8]; 5] = [b"", b"one", b"", b"\0\r\n", &[0xFF; 300]];
        let added = given.map(|argument| arguments.add(argument));
        assert_eq!(added.map(|argument| arguments.get(argument)), given);
        assert_eq!(arguments.octets(), 306);
    }
}
