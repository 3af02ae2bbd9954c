//! A call of `write.lua`: keys, and parts that name them by their number.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Cmd, Script};

use super::keys::{Keys, Place};

/// A call under construction.
pub(super) struct Call {
    numbers: BTreeMap<Place, usize>,
    command: Cmd,
}

/// Arguments, one behind the other.
#[derive(Default)]
pub(super) struct Arguments {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Call {
    pub(super) fn new(script: &Script, keys: &Keys, places: BTreeSet<Place>) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(places.len());
        for place in &places {
            command.arg(keys.of(*place));
        }
        Self { numbers: places.into_iter().zip(1..).collect(), command }
    }

    pub(super) fn word(&mut self, word: &str) {
        self.command.arg(word);
    }

    /// Begins a part; what it takes follows.
    pub(super) fn part(&mut self, what: &str, place: Place, number: u64) -> &mut Self {
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
    pub(super) fn push(&mut self, argument: &[u8]) {
        self.octets.extend(argument);
        self.ends.push(self.octets.len());
    }

    pub(super) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = starts.zip(&self.ends).map(|(start, end)| start..*end);
        ranges.filter_map(|range| self.octets.get(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_out_as_they_went_in() {
        let mut arguments = Arguments::default();
        let given: [&[u8]; 5] = [b"", b"one", b"", b"\0\r\n", &[0xFF; 300]];
        given.into_iter().for_each(|argument| arguments.push(argument));
        assert_eq!(arguments.len(), 5);
        assert_eq!(arguments.iter().collect::<Vec<_>>(), given);
        assert_eq!(Arguments::default().iter().next(), None);
    }
}
