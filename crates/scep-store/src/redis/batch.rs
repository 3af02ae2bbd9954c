//! What a group of verbs compares and changes, as the arguments of `write.lua`.

use std::collections::BTreeMap;

use super::{encoding, places};
use crate::StoreLimits;
use crate::durable::{Care, Change, Changes, Record, Table};

/// A key of the scripts, by its number.
type Place = u8;

const NAMES: Place = 9;
const NAMES_BY_ID: Place = 10;
const REVOKED: Place = 11;
const DUE: Place = 12;
const DUE_BY_CERTIFICATE: Place = 13;
const PLACES: Place = 22;
const PLACES_BY_CERTIFICATE: Place = 23;

/// In this order: what goes away makes place for what comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    RemoveFields,
    RemoveMembers,
    SetFields,
    AddMembers,
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
        let kind = encoding::kind(table);
        let [old, new] = [before, after].map(|record| record.map(encoding::encode));
        let Some(field) = new.as_ref().or(old.as_ref()).map(|known| known.field.clone()) else {
            return;
        };
        if let Some(before) = before {
            self.take_away(before, &field, after.is_none());
        } else {
            self.count(table);
        }
        if let (None, Some(Record::Transaction(new))) = (before, after) {
            self.expect(NAMES, encoding::name_of(new), Vec::new());
        }
        self.expect(kind, field.clone(), old.map(|old| old.value).unwrap_or_default());
        match (after, new) {
            (Some(record), Some(new)) => {
                self.index(record, &field);
                let ends = new.ends.to_string().into_bytes();
                self.command(Command::AddMembers, ends_of(kind), [ends, field.clone()]);
                self.command(Command::SetFields, kind, [field, new.value]);
            }
            _ => {
                self.command(Command::RemoveMembers, ends_of(kind), [field.clone()]);
                self.command(Command::RemoveFields, kind, [field]);
            }
        }
    }

    /// Where else the record is found.
    fn index(&mut self, record: &Record, field: &[u8]) {
        let field = || field.to_vec();
        match record {
            // Also of one that was there: its name may have been in memory only.
            Record::Transaction(found) => {
                let name = encoding::name_of(found);
                self.command(Command::SetFields, NAMES, [name.clone(), field()]);
                self.command(Command::SetFields, NAMES_BY_ID, [field(), name]);
            }
            Record::Certificate(found) => {
                if found.issued.revocation.is_some() {
                    self.member(REVOKED, field());
                }
                let places = places::of(&found.issued);
                let packed = places::packed(&places);
                self.command(Command::SetFields, PLACES_BY_CERTIFICATE, [field(), packed]);
                places.into_iter().for_each(|place| self.member(PLACES, place));
            }
            Record::Unsent(unsent) => {
                let entry = encoding::due_entry(unsent);
                self.command(Command::SetFields, DUE_BY_CERTIFICATE, [field(), entry.clone()]);
                self.member(DUE, entry);
            }
            _ => {}
        }
    }

    /// Where the record was found before.
    fn take_away(&mut self, before: &Record, field: &[u8], goes: bool) {
        let mut remove = |place, what: &[u8]| {
            if goes {
                self.command(Command::RemoveFields, place, [what.to_vec()]);
            }
        };
        match before {
            Record::Transaction(old) => {
                remove(NAMES, &encoding::name_of(old));
                remove(NAMES_BY_ID, field);
            }
            Record::Certificate(old) => {
                remove(PLACES_BY_CERTIFICATE, field);
                self.command(Command::RemoveMembers, PLACES, places::of(&old.issued));
            }
            Record::Unsent(old) => {
                remove(DUE_BY_CERTIFICATE, field);
                self.command(Command::RemoveMembers, DUE, [encoding::due_entry(old)]);
            }
            _ => {}
        }
    }

    fn expect(&mut self, place: Place, field: Vec<u8>, value: Vec<u8>) {
        self.expected.entry(place).or_default().push((field, value));
    }

    fn count(&mut self, table: Table) {
        let counts = Table::ALL.into_iter().zip(&mut self.added);
        counts
            .filter(|(of, _)| *of == table)
            .for_each(|(_, count)| *count = count.saturating_add(1));
    }

    fn member(&mut self, place: Place, member: Vec<u8>) {
        self.command(Command::AddMembers, place, [UNSCORED.to_vec(), member]);
    }

    fn command(
        &mut self,
        command: Command,
        place: Place,
        given: impl IntoIterator<Item = Vec<u8>>,
    ) {
        self.commands.entry((command, place)).or_default().extend(given);
    }

    /// The arguments; what is added must find room below these limits.
    pub(super) fn arguments(self, limits: Option<&StoreLimits>) -> Vec<Vec<u8>> {
        let care: &[u8] = if self.is_forgotten { b"forget" } else { b"keep" };
        let mut arguments = vec![care.to_vec()];
        for (table, added) in Table::ALL.into_iter().zip(self.added) {
            // Nobody reserves what there would be no room for in the end.
            let added = if table == Table::Certificates { added.max(1) } else { added };
            if let Some(limits) = limits.filter(|_| added > 0) {
                let most = encoding::most(table, limits).saturating_sub(added);
                arguments.extend(part("room", encoding::kind(table), most));
            }
        }
        for (place, expected) in self.expected {
            arguments.extend(part("same", place, expected.len() as u64));
            let (fields, values): (Vec<_>, Vec<_>) = expected.into_iter().unzip();
            arguments.extend(fields);
            arguments.extend(values);
        }
        for ((command, place), given) in self.commands {
            arguments.extend(part(command.name(), place, given.len() as u64));
            arguments.extend(given);
        }
        arguments
    }
}

impl Command {
    const fn name(self) -> &'static str {
        match self {
            Self::RemoveFields => "HDEL",
            Self::RemoveMembers => "ZREM",
            Self::SetFields => "HSET",
            Self::AddMembers => "ZADD",
        }
    }
}

fn part(what: &str, place: Place, number: u64) -> [Vec<u8>; 3] {
    [what.to_owned(), place.to_string(), number.to_string()].map(String::into_bytes)
}

/// When the records of a kind end.
const fn ends_of(kind: Place) -> Place {
    kind.saturating_add(DUE_BY_CERTIFICATE)
}

fn concerns_allowance(change: &Change) -> bool {
    let is_allowance = |record: &Option<Record>| matches!(record, Some(Record::Allowance(_)));
    is_allowance(&change.before) || is_allowance(&change.after)
}
