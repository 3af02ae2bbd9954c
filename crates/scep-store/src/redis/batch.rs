//! What a group of verbs compares and changes, as the keys and arguments of `write.lua`.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Cmd, Script};

use super::call::{Arguments, Call};
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
    SetFields,
    AddMembers,
    AppendEntry,
}

/// Fields, and the values that they are to have.
#[derive(Default)]
struct Expected {
    fields: Arguments,
    values: Arguments,
}

/// The score of members that stand in the order of their octets.
const UNSCORED: &[u8] = b"0";

/// Changes, sorted by the commands that make them.
pub(super) struct Batch {
    is_forgotten: bool,
    added: [u64; Table::COUNT],
    /// Fields that are not to be there.
    absent: BTreeMap<Place, Arguments>,
    expected: BTreeMap<Place, Expected>,
    commands: BTreeMap<(Command, Place), Arguments>,
    /// Those that go, each from its slot.
    spent: Vec<(i64, Vec<u8>)>,
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
            spent: Vec::new(),
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
        let Some(field) = new.as_ref().or(old.as_ref()).map(|known| known.field.as_slice()) else {
            return;
        };
        let records = Place::Records(table);
        match (before, &old) {
            (Some(before), Some(old)) => {
                self.take_away(before, field, after.is_none());
                let expected = self.expected.entry(records).or_default();
                expected.fields.push(field);
                expected.values.push(&old.value);
            }
            _ => self.add_new(table, field, after),
        }
        match (after, &new) {
            (Some(record), Some(new)) => {
                self.index(record, field);
                self.join(purge::slot_of(new.ends), table, field);
                self.command(Command::SetFields, records, [field, new.value.as_slice()]);
            }
            _ => self.command(Command::RemoveFields, records, [field]),
        }
    }

    /// That nothing is there yet, neither under its key nor under its name.
    fn add_new(&mut self, table: Table, field: &[u8], new: Option<&Record>) {
        self.count(table);
        self.absent.entry(Place::Records(table)).or_default().push(field);
        if let Some(Record::Transaction(new)) = new {
            let name = encoding::name_of(new);
            self.absent.entry(Place::Names).or_default().push(&name);
        }
    }

    /// Where the record is found.
    fn index(&mut self, record: &Record, field: &[u8]) {
        match record {
            // Also of one that was there: its name may have been in memory only.
            Record::Transaction(found) => {
                let name = encoding::name_of(found);
                self.command(Command::SetFields, Place::Names, [name.as_slice(), field]);
            }
            Record::Certificate(found) => {
                if found.issued.revocation.is_some() {
                    self.member(Place::Revoked, field);
                }
                let places = places::of(&found.issued);
                places.iter().for_each(|place| self.member(Place::Found, place));
            }
            Record::Unsent(unsent) => self.member(Place::Due, &encoding::due_entry(unsent)),
            Record::Queued(queued) => {
                let ends = queued.ends.as_secs().to_string();
                self.command(Command::AddMembers, Place::Waiting, [ends.as_bytes(), field]);
            }
            _ => {}
        }
    }

    /// Where the record was found before, as far as that changes.
    fn take_away(&mut self, before: &Record, field: &[u8], goes: bool) {
        match before {
            Record::Transaction(old) if goes => {
                let name = encoding::name_of(old);
                self.command(Command::RemoveFields, Place::Names, [name.as_slice()]);
            }
            Record::Certificate(old) if goes => {
                self.command(Command::RemoveMembers, Place::Revoked, [field]);
                let places = places::of(&old.issued);
                let places = places.iter().map(Vec::as_slice);
                self.command(Command::RemoveMembers, Place::Found, places);
            }
            Record::Unsent(old) => {
                let entry = encoding::due_entry(old);
                self.command(Command::RemoveMembers, Place::Due, [entry.as_slice()]);
            }
            Record::Queued(_) if goes => {
                self.command(Command::RemoveMembers, Place::Waiting, [field]);
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
        self.spent.push((slot, entry));
    }

    fn member(&mut self, place: Place, member: &[u8]) {
        self.command(Command::AddMembers, place, [UNSCORED, member]);
    }

    fn count(&mut self, table: Table) {
        let counts = Table::ALL.into_iter().zip(&mut self.added);
        let of_table = counts.filter(|(of, _)| *of == table);
        of_table.for_each(|(_, count)| *count = count.saturating_add(1));
    }

    fn command<'a>(
        &mut self,
        command: Command,
        place: Place,
        given: impl IntoIterator<Item = &'a [u8]>,
    ) {
        let arguments = self.commands.entry((command, place)).or_default();
        given.into_iter().for_each(|argument| arguments.push(argument));
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
        call.word(if self.is_forgotten { "forget" } else { "keep" });
        for (place, most) in room {
            call.part("room", place, most);
        }
        for (place, fields) in &self.absent {
            call.part("none", *place, fields.len()).given(fields.iter());
        }
        for (place, Expected { fields, values }) in &self.expected {
            call.part("same", *place, fields.len()).given(fields.iter()).given(values.iter());
        }
        for (slot, entry) in &self.spent {
            call.part("LREM", Place::Slot(*slot), 2).given([b"1".as_slice(), entry.as_slice()]);
        }
        for ((command, place), given) in &self.commands {
            call.part(command.name(), *place, given.len()).given(given.iter());
        }
        call.into_command()
    }

    fn append_entries(&mut self, mark: u64) {
        for (slot, entry) in std::mem::take(&mut self.entries) {
            let number = slot.to_string();
            self.command(Command::AddMembers, Place::Slots, [number.as_bytes(); 2]);
            let entry = entry.octets(mark);
            self.command(Command::AppendEntry, Place::Slot(slot), [entry.as_slice()]);
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
        let spent = self.spent.iter().map(|(slot, _)| Place::Slot(*slot));
        let known = room.iter().map(|(place, _)| place).chain(compared).chain(changed);
        known.copied().chain(spent).collect()
    }
}

impl Command {
    const fn name(self) -> &'static str {
        match self {
            Self::RemoveFields => "HDEL",
            Self::RemoveMembers => "ZREM",
            Self::SetFields => "HSET",
            Self::AddMembers => "ZADD",
            Self::AppendEntry => "RPUSH",
        }
    }
}

fn concerns_allowance(change: &Change) -> bool {
    let is_allowance = |record: &Option<Record>| matches!(record, Some(Record::Allowance(_)));
    is_allowance(&change.before) || is_allowance(&change.after)
}
