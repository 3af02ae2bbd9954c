use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use scep_types::UnixTime;

/// Something that is found by a key and ends at a time.
pub(super) trait Entry {
    type Key: Hash + Eq;

    /// It never changes.
    fn key(&self) -> &Self::Key;

    /// From when on it counts as absent.
    fn ends(&self) -> UnixTime;
}

/// Where an entry is; finds nothing once that entry is gone, even if another has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ref {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// Entries by key and by end. Each operation is O(log n); nothing is scanned, and room grows in chunks, without moving
/// entries.
pub(super) struct Table<E> {
    chunks: Vec<Vec<Slot<E>>>,
    free: Vec<u32>,
    by_key: HashTable<Indexed>,
    by_end: BTreeSet<(UnixTime, u32)>,
    /// Keyed at random, since keys come from outside.
    hasher: RandomState,
    limit: usize,
}

struct Slot<E> {
    generation: u32,
    entry: Option<E>,
}

/// The index keeps the hash, so that growing it reads no entry.
struct Indexed {
    hash: u32,
    index: u32,
}

/// Slots of a chunk.
const CHUNK: usize = 1024;

impl<E: Entry> Table<E> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            by_end: BTreeSet::new(),
            hasher: RandomState::new(),
            limit,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn find(&self, key: &E::Key) -> Option<Ref> {
        let hash = self.hash(key);
        let is_it = |at: &Indexed| at.hash == hash && self.has_key(at.index, key);
        let index = self.by_key.find(spread(hash), is_it)?.index;
        Some(Ref { index, generation: self.slot(index)?.generation })
    }

    pub(super) fn get(&self, at: Ref) -> Option<&E> {
        let slot = self.slot(at.index).filter(|slot| slot.generation == at.generation)?;
        slot.entry.as_ref()
    }

    pub(super) fn find_entry(&self, key: &E::Key) -> Option<&E> {
        self.get(self.find(key)?)
    }

    /// Changes an entry, but not its key.
    pub(super) fn update<R>(&mut self, at: Ref, change: impl FnOnce(&mut E) -> R) -> Option<R> {
        let slot = self.slot_mut(at.index).filter(|slot| slot.generation == at.generation)?;
        let entry = slot.entry.as_mut()?;
        let before = entry.ends();
        let result = change(entry);
        let ends = entry.ends();
        if ends != before {
            self.by_end.remove(&(before, at.index));
            self.by_end.insert((ends, at.index));
        }
        Some(result)
    }

    pub(super) fn has_room(&self) -> bool {
        self.len() < self.limit
    }

    /// Adds an entry whose key is not there yet, and for which there is room; `None` only beyond 2^32 entries.
    pub(super) fn insert(&mut self, entry: E) -> Option<Ref> {
        let (hash, ends) = (self.hash(entry.key()), entry.ends());
        let at = self.place(entry)?;
        self.by_end.insert((ends, at.index));
        let indexed = Indexed { hash, index: at.index };
        self.by_key.insert_unique(spread(hash), indexed, |at| spread(at.hash));
        Some(at)
    }

    pub(super) fn remove(&mut self, at: Ref) -> Option<E> {
        let slot = self.slot_mut(at.index).filter(|slot| slot.generation == at.generation)?;
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(at.index);
        self.by_end.remove(&(entry.ends(), at.index));
        let hash = spread(self.hash(entry.key()));
        if let Ok(found) = self.by_key.find_entry(hash, |indexed| indexed.index == at.index) {
            found.remove();
        }
        Some(entry)
    }

    /// Removes one entry that has ended, if there is one.
    pub(super) fn remove_ended(&mut self, now: UnixTime) -> Option<E> {
        let (ends, index) = *self.by_end.first()?;
        if now < ends {
            return None;
        }
        let generation = self.slot(index)?.generation;
        self.remove(Ref { index, generation })
    }

    /// All entries, those that end first at the front.
    pub(super) fn by_end(&self) -> impl Iterator<Item = &E> {
        self.by_end.iter().filter_map(|(_, index)| self.slot(*index)?.entry.as_ref())
    }

    fn has_key(&self, index: u32, key: &E::Key) -> bool {
        let entry = self.slot(index).and_then(|slot| slot.entry.as_ref());
        entry.is_some_and(|entry| entry.key() == key)
    }

    fn hash(&self, key: &E::Key) -> u32 {
        let [_, _, _, _, low @ ..] = self.hasher.hash_one(key).to_be_bytes();
        u32::from_be_bytes(low)
    }

    fn slot(&self, index: u32) -> Option<&Slot<E>> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<E>> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    fn place(&mut self, entry: E) -> Option<Ref> {
        if let Some(index) = self.free.pop() {
            let slot = self.slot_mut(index)?;
            slot.entry = Some(entry);
            return Some(Ref { index, generation: slot.generation });
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let full = self.chunks.len().saturating_sub(1).saturating_mul(CHUNK);
        let chunk = self.chunks.last_mut()?;
        let index = u32::try_from(full.saturating_add(chunk.len())).ok()?;
        chunk.push(Slot { generation: 0, entry: Some(entry) });
        Some(Ref { index, generation: 0 })
    }
}

/// The table takes a place from the low bits and a tag from the high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
