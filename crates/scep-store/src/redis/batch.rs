//! What a group of verbs compares and changes, as the keys and arguments of `write.lua`.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Cmd, Script};

use super::call::{Argument, Arguments, Call};
use super::encoding::Encoding;
use super::keys::{Keys, Place};
use super::purge::{self, SlotEntry};
use super::{encoding, places};
use crate::StoreLimits;
use crate::durable::{Care, Change, Changes, Record, Table, TransactionRecord};

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
    fields: Vec<Argument>,
    values: Vec<Argument>,
}

/// Changes, sorted by the commands that make them.
pub(super) struct Batch {
    is_forgotten: bool,
    added: [usize; Table::COUNT],
    arguments: Arguments,
    /// Fields that are not to be there.
    absent: BTreeMap<Place, Vec<Argument>>,
    expected: BTreeMap<Place, Expected>,
    commands: BTreeMap<(Command, Place), Vec<Argument>>,
    /// Those that go, each from its slot.
    spent: Vec<(i64, Vec<u8>)>,
    /// One for each slot of time that something ends in.
    entries: BTreeMap<i64, SlotEntry>,
}

/// The score of members that stand in the order of their octets.
const UNSCORED: &[u8] = b"0";
/// About as many octets as a verb writes.
const OF_A_VERB: usize = 2_048;

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
            arguments: Arguments::with_capacity(group.len().saturating_mul(OF_A_VERB)),
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
        let records = [&change.before, &change.after];
        let [old, new] = records.map(|record| record.as_ref().map(Encoding::of));
        let Some(known) = new.as_ref().or(old.as_ref()) else { return };
        let field = self.arguments.write(|octets| known.write_field(octets));
        match &old {
            Some(old) => {
                self.expect(old, field);
                self.take_away(old.record, field, new.is_none());
            }
            None => self.expect_none(known, field),
        }
        match &new {
            Some(new) => {
                self.set(new, field);
                self.index(new.record, field);
            }
            None => self.command(Command::RemoveFields, Place::Records(known.table()), [field]),
        }
    }

    fn expect(&mut self, old: &Encoding<'_>, field: Argument) {
        let value = self.arguments.write(|octets| old.write_value(octets));
        let expected = self.expected.entry(Place::Records(old.table())).or_default();
        expected.fields.push(field);
        expected.values.push(value);
    }

    /// That nothing is there yet, neither under its key nor under its name.
    fn expect_none(&mut self, new: &Encoding<'_>, field: Argument) {
        self.count(new.table());
        self.absent.entry(Place::Records(new.table())).or_default().push(field);
        if let Record::Transaction(new) = new.record {
            let name = self.name(new);
            self.absent.entry(Place::Names).or_default().push(name);
        }
    }

    fn set(&mut self, new: &Encoding<'_>, field: Argument) {
        let value = self.arguments.write(|octets| new.write_value(octets));
        self.command(Command::SetFields, Place::Records(new.table()), [field, value]);
        let entry = self.entries.entry(purge::slot_of(new.ends())).or_default();
        entry.push(new.table(), self.arguments.get(field));
    }

    /// Where the record is found.
    fn index(&mut self, record: &Record, field: Argument) {
        match record {
            // Also of one that was there: its name may have been in memory only.
            Record::Transaction(found) => {
                let name = self.name(found);
                self.command(Command::SetFields, Place::Names, [name, field]);
            }
            Record::Certificate(found) => {
                if found.issued.revocation.is_some() {
                    self.member(Place::Revoked, field);
                }
                for place in places::of(&found.issued) {
                    let place = self.arguments.add(&place);
                    self.member(Place::Found, place);
                }
            }
            Record::Unsent(unsent) => {
                let entry = self.arguments.add(&encoding::due_entry(unsent));
                self.member(Place::Due, entry);
            }
            Record::Queued(queued) => {
                let ends = self.arguments.add(queued.ends.as_secs().to_string().as_bytes());
                self.command(Command::AddMembers, Place::Waiting, [ends, field]);
            }
            _ => {}
        }
    }

    /// Where the record was found before, as far as that changes.
    fn take_away(&mut self, before: &Record, field: Argument, goes: bool) {
        match before {
            Record::Transaction(old) if goes => {
                let name = self.name(old);
                self.command(Command::RemoveFields, Place::Names, [name]);
            }
            Record::Certificate(old) if goes => {
                self.command(Command::RemoveMembers, Place::Revoked, [field]);
                for place in places::of(&old.issued) {
                    let place = self.arguments.add(&place);
                    self.command(Command::RemoveMembers, Place::Found, [place]);
                }
            }
            Record::Unsent(old) => {
                let entry = self.arguments.add(&encoding::due_entry(old));
                self.command(Command::RemoveMembers, Place::Due, [entry]);
            }
            Record::Queued(_) if goes => {
                self.command(Command::RemoveMembers, Place::Waiting, [field]);
            }
            _ => {}
        }
    }

    fn name(&mut self, transaction: &TransactionRecord) -> Argument {
        self.arguments.write(|octets| encoding::write_name(&transaction.key, octets))
    }

    /// Notes that a record ends in a slot. It may be noted there more than once, and also where it ended before.
    pub(super) fn join(&mut self, slot: i64, table: Table, field: &[u8]) {
        self.entries.entry(slot).or_default().push(table, field);
    }

    /// Takes an entry from a slot.
    pub(super) fn remove_entry(&mut self, slot: i64, entry: Vec<u8>) {
        self.spent.push((slot, entry));
    }

    fn member(&mut self, place: Place, member: Argument) {
        let score = self.arguments.add(UNSCORED);
        self.command(Command::AddMembers, place, [score, member]);
    }

    fn count(&mut self, table: Table) {
        let counts = Table::ALL.into_iter().zip(&mut self.added);
        let of_table = counts.filter(|(of, _)| *of == table);
        of_table.for_each(|(_, count)| *count = count.saturating_add(1));
    }

    fn command<const N: usize>(&mut self, command: Command, place: Place, given: [Argument; N]) {
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
        let mut call = Call::new(script, keys, self.places(&room), self.size());
        call.word(if self.is_forgotten { "forget" } else { "keep" });
        for (place, most) in room {
            call.part("room", place, most);
        }
        for (place, fields) in &self.absent {
            call.part("none", *place, fields.len()).given(self.octets(fields));
        }
        for (place, Expected { fields, values }) in &self.expected {
            let part = call.part("same", *place, fields.len());
            part.given(self.octets(fields)).given(self.octets(values));
        }
        for (slot, entry) in &self.spent {
            call.part("LREM", Place::Slot(*slot), 2).given([b"1".as_slice(), entry.as_slice()]);
        }
        for ((command, place), given) in &self.commands {
            call.part(command.name(), *place, given.len()).given(self.octets(given));
        }
        call.into_command()
    }

    fn octets(&self, arguments: &[Argument]) -> impl Iterator<Item = &[u8]> {
        arguments.iter().map(|argument| self.arguments.get(*argument))
    }

    fn append_entries(&mut self, mark: u64) {
        for (slot, entry) in std::mem::take(&mut self.entries) {
            let number = self.arguments.add(slot.to_string().as_bytes());
            self.command(Command::AddMembers, Place::Slots, [number, number]);
            let entry = self.arguments.add(&entry.octets(mark));
            self.command(Command::AppendEntry, Place::Slot(slot), [entry]);
        }
    }

    /// About how many arguments the call has, and octets.
    fn size(&self) -> (usize, usize) {
        let expected = self.expected.values().map(|Expected { fields, .. }| 2 * fields.len());
        let others = self.absent.values().chain(self.commands.values()).map(Vec::len);
        // Names of keys and parts; fields are given more than once.
        (others.chain(expected).sum::<usize>() + 128, self.arguments.octets() * 5 / 4 + 2_048)
    }

    /// How many records there may be before, where some are added.
    fn room(&self, limits: &StoreLimits) -> impl Iterator<Item = (Place, usize)> {
        Table::ALL.into_iter().zip(self.added).filter_map(move |(table, added)| {
            // Nobody reserves what there would be no room for in the end.
            let added = if table == Table::Certificates { added.max(1) } else { added };
            let most = encoding::most(table, limits).saturating_sub(added);
            (added > 0).then_some((Place::Records(table), most))
        })
    }

    fn places(&self, room: &[(Place, usize)]) -> BTreeSet<Place> {
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
