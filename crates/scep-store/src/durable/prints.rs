//! Keys as numbers, made with a secret of the node's own. Where two keys have the same one, a verb runs alone or reads what it
//! need not have read, never more.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::working::{Change, Key};

/// Makes the prints of one node.
#[derive(Default)]
pub(crate) struct Prints(RandomState);

/// A key that a verb changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) key: u64,
    /// Whether a record is there afterwards.
    pub(crate) stays: bool,
}

pub(crate) type PrintSet = HashSet<u64, BuildHasherDefault<AsItIs>>;

/// A print is a hash already.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Prints {
    pub(crate) fn of(&self, key: &Key) -> u64 {
        self.0.hash_one(key)
    }

    pub(crate) fn of_all(&self, changes: &[Change]) -> Vec<Print> {
        let of = |change: &Change| {
            let stays = change.after.is_some();
            change.keys().map(move |key| Print { key: self.of(&key), stays })
        };
        changes.iter().flat_map(of).collect()
    }
}

impl Hasher for AsItIs {
    fn write(&mut self, octets: &[u8]) {
        // Nothing but prints comes here; whatever else does is told apart as well.
        octets.iter().for_each(|octet| self.0 = self.0.rotate_left(8) ^ u64::from(*octet));
    }

    fn write_u64(&mut self, print: u64) {
        self.0 = print;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
