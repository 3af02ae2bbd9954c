//! What a group of verbs compares and changes, as the keys and arguments of `write.lua`.

use std::collections::BTreeMap;

use super::keys::{Keys, Place};
use super::{encoding, places, purge};
use crate::StoreLimits;
use crate::durable::{Care, Change, Changes, Record, Table};

/// In this order: what goes away makes place for what comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    RemoveFields,
    RemoveMembers,
    LeaveSlot,
    SetFields,
    AddMembers,
    JoinSlot,
}

/// A field, and the value that it is to have; an empty one is none.
type Expected = (Vec<u8>, Vec<u8>);

/// The score of members that stand in the order of their octets.
const UNSCORED: &[u8] = b"0";

/// Changes, sorted by the commands that make them.
pub(super) struct Batch {
    is_forgotten: bool,
    added: [u64; Table::COUNT],
    expected: BTreeMap<Place, Vec<Expected>>,
    commands: BTreeMap<(Command, Place), Vec<Vec<u8>>>,
}

/// A call of `write.lua`.
#[derive(Default)]
pub(super) struct Call {
    pub(super) keys: Vec<String>,
    pub(super) arguments: Vec<Vec<u8>>,
    numbers: BTreeMap<Place, usize>,
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
            expected: BTreeMap::new(),
            commands: BTreeMap::new(),
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
        let member = encoding::member(table, &field);
        if let (Some(before), Some(old)) = (before, &old) {
            self.take_away(before, &field, after.is_none());
            self.leave(purge::slot_of(old.ends), member.clone());
        } else {
            self.count(table);
        }
        if let (None, Some(Record::Transaction(new))) = (before, after) {
            self.expect(Place::Names, encoding::name_of(new), Vec::new());
        }
        let records = Place::Records(table);
        self.expect(records, field.clone(), old.map(|old| old.value).unwrap_or_default());
        match (after, new) {
            (Some(record), Some(new)) => {
                self.index(record, &field);
                self.join(purge::slot_of(new.ends), member);
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

    fn join(&mut self, slot: i64, member: Vec<u8>) {
        let number = slot.to_string().into_bytes();
        let slots = self.commands.entry((Command::AddMembers, Place::Slots)).or_default();
        if !slots.contains(&number) {
            slots.extend([number.clone(), number]);
        }
        self.command(Command::JoinSlot, Place::Slot(slot), [member]);
    }

    /// Takes a member from a slot; it may not be there any more, or never have been.
    pub(super) fn leave(&mut self, slot: i64, member: Vec<u8>) {
        self.command(Command::LeaveSlot, Place::Slot(slot), [member]);
    }

    fn member(&mut self, place: Place, member: Vec<u8>) {
        self.command(Command::AddMembers, place, [UNSCORED.to_vec(), member]);
    }

    fn expect(&mut self, place: Place, field: Vec<u8>, value: Vec<u8>) {
        self.expected.entry(place).or_default().push((field, value));
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

    /// The call that writes it; what is added must find room below these limits.
    pub(super) fn call(self, keys: &Keys, limits: Option<&StoreLimits>) -> Call {
        let care: &[u8] = if self.is_forgotten { b"forget" } else { b"keep" };
        let mut call = Call { arguments: vec![care.to_vec()], ..Call::default() };
        for (table, added) in Table::ALL.into_iter().zip(self.added) {
            // Nobody reserves what there would be no room for in the end.
            let added = if table == Table::Certificates { added.max(1) } else { added };
            if let Some(limits) = limits.filter(|_| added > 0) {
                let most = encoding::most(table, limits).saturating_sub(added);
                call.part(keys, "room", Place::Records(table), most);
            }
        }
        for (place, expected) in self.expected {
            call.part(keys, "same", place, expected.len() as u64);
            let (fields, values): (Vec<_>, Vec<_>) = expected.into_iter().unzip();
            call.arguments.extend(fields);
            call.arguments.extend(values);
        }
        for ((command, place), given) in self.commands {
            call.part(keys, command.name(), place, given.len() as u64);
            call.arguments.extend(given);
        }
        call
    }
}

impl Call {
    fn part(&mut self, keys: &Keys, what: &str, place: Place, number: u64) {
        let all = &mut self.keys;
        let key = self.numbers.entry(place).or_insert_with(|| {
            all.push(keys.of(place));
            all.len()
        });
        let part = [what.to_owned(), key.to_string(), number.to_string()];
        self.arguments.extend(part.map(String::into_bytes));
    }
}

impl Command {
    const fn name(self) -> &'static str {
        match self {
            Self::RemoveFields => "HDEL",
            Self::RemoveMembers => "ZREM",
            Self::LeaveSlot => "SREM",
            Self::SetFields => "HSET",
            Self::AddMembers => "ZADD",
            Self::JoinSlot => "SADD",
        }
    }
}

fn concerns_allowance(change: &Change) -> bool {
    let is_allowance = |record: &Option<Record>| matches!(record, Some(Record::Allowance(_)));
    is_allowance(&change.before) || is_allowance(&change.after)
}
