//! What a group of verbs compares and changes, as the keys and arguments of `write.lua`.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Cmd, Script};

use super::keys::{Keys, Place};
use super::purge::{self, SlotEntry};
use super::{encoding, places};
use crate::StoreLimits;
use crate::durable::{Care, Change, Changes, Record, Table};

/// In this order: what goes away makes place for what comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    RemoveFields,
    RemoveMembers,
    RemoveEntries,
    SetFields,
    AddMembers,
    AppendEntry,
}

/// A field, and the value that it is to have.
type Expected = (Vec<u8>, Vec<u8>);

/// The score of members that stand in the order of their octets.
const UNSCORED: &[u8] = b"0";

/// Changes, sorted by the commands that make them.
pub(super) struct Batch {
    is_forgotten: bool,
    added: [u64; Table::COUNT],
    absent: BTreeMap<Place, Vec<Vec<u8>>>,
    expected: BTreeMap<Place, Vec<Expected>>,
    commands: BTreeMap<(Command, Place), Vec<Vec<u8>>>,
    /// One for each slot of time that something ends in.
    entries: BTreeMap<i64, SlotEntry>,
}

impl Batch {
    /// The changes of these verbs.
    ///
    /// What a crash may take back is in memory only, until it is settled: whoever settles a reservation writes all that it had
    /// written. What was used of an allowance it does not write, so that is kept at once.
    pub(super) fn of(group: &[Changes], care: Care) -> Self {
        let changes = || group.iter().flat_map(|changes| changes.iter());
        let mut batch = Self {
            is_forgotten: care == Care::Passing && !changes().any(concerns_allowance),
            added: [0; Table::COUNT],
            absent: BTreeMap::new(),
            expected: BTreeMap::new(),
            commands: BTreeMap::new(),
            entries: BTreeMap::new(),
        };
        for change in changes() {
            batch.add(change);
        }
        batch
    }

    fn add(&mut self, change: &Change) {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let Some(table) = after.or(before).map(Record::table) else { return };
        let [old, new] = [before, after].map(|record| record.map(encoding::encode));
        let Some(field) = new.as_ref().or(old.as_ref()).map(|known| known.field.clone()) else {
            return;
        };
        let records = Place::Records(table);
        match (before, old) {
            (Some(before), Some(old)) => {
                self.take_away(before, &field, after.is_none());
                self.expected.entry(records).or_default().push((field.clone(), old.value));
            }
            _ => {
                self.count(table);
                self.absent.entry(records).or_default().push(field.clone());
                if let Some(Record::Transaction(new)) = after {
                    self.absent.entry(Place::Names).or_default().push(encoding::name_of(new));
                }
            }
        }
        match (after, new) {
            (Some(record), Some(new)) => {
                self.index(record, &field);
                self.join(purge::slot_of(new.ends), table, &field);
                self.command(Command::SetFields, records, [field, new.value]);
            }
            _ => self.command(Command::RemoveFields, records, [field]),
        }
    }

    /// Where the record is found.
    fn index(&mut self, record: &Record, field: &[u8]) {
        let field = || field.to_vec();
        match record {
            // Also of one that was there: its name may have been in memory only.
            Record::Transaction(found) => {
                let name = encoding::name_of(found);
                self.command(Command::SetFields, Place::Names, [name, field()]);
            }
            Record::Certificate(found) => {
                if found.issued.revocation.is_some() {
                    self.member(Place::Revoked, field());
                }
                let places = places::of(&found.issued);
                places.into_iter().for_each(|place| self.member(Place::Found, place));
            }
            Record::Unsent(unsent) => self.member(Place::Due, encoding::due_entry(unsent)),
            Record::Queued(queued) => {
                let ends = queued.ends.as_secs().to_string().into_bytes();
                self.command(Command::AddMembers, Place::Waiting, [ends, field()]);
            }
            _ => {}
        }
    }

    /// Where the record was found before, as far as that changes.
    fn take_away(&mut self, before: &Record, field: &[u8], goes: bool) {
        match before {
            Record::Transaction(old) if goes => {
                self.command(Command::RemoveFields, Place::Names, [encoding::name_of(old)]);
            }
            Record::Certificate(old) if goes => {
                self.command(Command::RemoveMembers, Place::Revoked, [field.to_vec()]);
                self.command(Command::RemoveMembers, Place::Found, places::of(&old.issued));
            }
            Record::Unsent(old) => {
                self.command(Command::RemoveMembers, Place::Due, [encoding::due_entry(old)]);
            }
            Record::Queued(_) if goes => {
                self.command(Command::RemoveMembers, Place::Waiting, [field.to_vec()]);
            }
            _ => {}
        }
    }

    /// Notes that a record ends in a slot. It may be noted there more than once, and also where it ended before.
    pub(super) fn join(&mut self, slot: i64, table: Table, field: &[u8]) {
        self.entries.entry(slot).or_default().push(table, field);
    }

    /// Takes an entry from a slot.
    pub(super) fn remove_entry(&mut self, slot: i64, entry: Vec<u8>) {
        self.command(Command::RemoveEntries, Place::Slot(slot), [b"1".to_vec(), entry]);
    }

    fn member(&mut self, place: Place, member: Vec<u8>) {
        self.command(Command::AddMembers, place, [UNSCORED.to_vec(), member]);
    }

    fn count(&mut self, table: Table) {
        let counts = Table::ALL.into_iter().zip(&mut self.added);
        let of_table = counts.filter(|(of, _)| *of == table);
        of_table.for_each(|(_, count)| *count = count.saturating_add(1));
    }

    fn command(
        &mut self,
        command: Command,
        place: Place,
        given: impl IntoIterator<Item = Vec<u8>>,
    ) {
        self.commands.entry((command, place)).or_default().extend(given);
    }

    /// The call of `write.lua` that writes it; what is added must find room below these limits. No two calls of all nodes have the
    /// same mark.
    pub(super) fn call(
        mut self,
        script: &Script,
        keys: &Keys,
        limits: Option<&StoreLimits>,
        mark: u64,
    ) -> Cmd {
        self.append_entries(mark);
        let room: Vec<_> = limits.map(|limits| self.room(limits).collect()).unwrap_or_default();
        let mut call = Call::new(script, keys, self.places(&room));
        call.command.arg(if self.is_forgotten { "forget" } else { "keep" });
        for (place, most) in room {
            call.part("room", place, most);
        }
        for (place, fields) in &self.absent {
            call.part("none", *place, fields.len() as u64).given(fields);
        }
        for (place, expected) in &self.expected {
            let (fields, values) = (expected.iter().map(|(field, _)| field), expected.iter());
            let part = call.part("same", *place, expected.len() as u64);
            part.given(fields).given(values.map(|(_, value)| value));
        }
        for ((command, place), given) in &self.commands {
            let at_a_time = command.takes().unwrap_or(given.len()).max(1);
            for given in given.chunks(at_a_time) {
                call.part(command.name(), *place, given.len() as u64).given(given);
            }
        }
        call.command
    }

    fn append_entries(&mut self, mark: u64) {
        for (slot, entry) in std::mem::take(&mut self.entries) {
            let number = slot.to_string().into_bytes();
            self.command(Command::AddMembers, Place::Slots, [number.clone(), number]);
            self.command(Command::AppendEntry, Place::Slot(slot), [entry.octets(mark)]);
        }
    }

    /// How many records there may be before, where some are added.
    fn room(&self, limits: &StoreLimits) -> impl Iterator<Item = (Place, u64)> {
        Table::ALL.into_iter().zip(self.added).filter_map(move |(table, added)| {
            // Nobody reserves what there would be no room for in the end.
            let added = if table == Table::Certificates { added.max(1) } else { added };
            let most = encoding::most(table, limits).saturating_sub(added);
            (added > 0).then_some((Place::Records(table), most))
        })
    }

    fn places(&self, room: &[(Place, u64)]) -> BTreeSet<Place> {
        let compared = self.absent.keys().chain(self.expected.keys());
        let changed = self.commands.keys().map(|(_, place)| place);
        room.iter().map(|(place, _)| place).chain(compared).chain(changed).copied().collect()
    }
}

/// A call under construction: parts, each of which names its key by its number.
struct Call {
    numbers: BTreeMap<Place, usize>,
    command: Cmd,
}

impl Call {
    fn new(script: &Script, keys: &Keys, places: BTreeSet<Place>) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(places.len());
        for place in &places {
            command.arg(keys.of(*place));
        }
        Self { numbers: places.into_iter().zip(1..).collect(), command }
    }

    fn part(&mut self, what: &str, place: Place, number: u64) -> &mut Self {
        let key = self.numbers.get(&place).copied().unwrap_or_default();
        self.command.arg(what).arg(key).arg(number);
        self
    }

    fn given<'a>(&mut self, given: impl IntoIterator<Item = &'a Vec<u8>>) -> &mut Self {
        for given in given {
            self.command.arg(given.as_slice());
        }
        self
    }
}

impl Command {
    const fn name(self) -> &'static str {
        match self {
            Self::RemoveFields => "HDEL",
            Self::RemoveMembers => "ZREM",
            Self::RemoveEntries => "LREM",
            Self::SetFields => "HSET",
            Self::AddMembers => "ZADD",
            Self::AppendEntry => "RPUSH",
        }
    }

    /// How many arguments it takes at a time, if not all.
    const fn takes(self) -> Option<usize> {
        match self {
            Self::RemoveEntries => Some(2),
            _ => None,
        }
    }
}

fn concerns_allowance(change: &Change) -> bool {
    let is_allowance = |record: &Option<Record>| matches!(record, Some(Record::Allowance(_)));
    is_allowance(&change.before) || is_allowance(&change.after)
}
