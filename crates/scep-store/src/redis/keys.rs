//! The names of all keys. One hash tag, so that a script may touch them together on a cluster.

use crate::durable::Table;
use crate::journal::EventKind;

pub(super) struct Keys {
    tag: String,
}

/// What a write touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Records(Table),
    /// Transactions by name.
    Names,
    /// Revoked certificates.
    Revoked,
    /// Notices by endpoint and time.
    Due,
    /// Certificates by key and by device.
    Found,
    /// Requests that wait, by their end.
    Waiting,
    /// The numbers of the slots below.
    Slots,
    /// What ends within one slot of time.
    Slot(i64),
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { tag: format!("{{{prefix}}}") }
    }

    pub(super) fn records(&self, table: Table) -> String {
        self.named(table.name())
    }

    /// Requests that wait, by their end.
    pub(super) fn waiting(&self) -> String {
        format!("{}:{}:ends", self.tag, Table::Queue.name())
    }

    pub(super) fn revoked(&self) -> String {
        self.named("revoked")
    }

    pub(super) fn due(&self) -> String {
        self.named("due")
    }

    /// Certificates by key and by device.
    pub(super) fn places(&self) -> String {
        self.named("places")
    }

    pub(super) fn events(&self, kind: EventKind) -> String {
        format!("{}:journal:{}", self.tag, kind.number())
    }

    pub(super) fn event_numbers(&self) -> String {
        self.named("journal_numbers")
    }

    pub(super) fn crl_numbers(&self) -> String {
        self.named("crl_numbers")
    }

    pub(super) fn version(&self) -> String {
        self.named("version")
    }

    /// Those of `load.lua`.
    pub(super) fn of_load(&self) -> Vec<String> {
        let records = Table::ALL.iter().map(|table| self.records(*table));
        records.chain([self.named("names")]).collect()
    }

    pub(super) fn of(&self, place: Place) -> String {
        match place {
            Place::Records(table) => self.records(table),
            Place::Names => self.named("names"),
            Place::Revoked => self.revoked(),
            Place::Due => self.due(),
            Place::Found => self.places(),
            Place::Waiting => self.waiting(),
            Place::Slots => self.named("slots"),
            Place::Slot(slot) => format!("{}:slots:{slot}", self.tag),
        }
    }

    /// What earlier versions had, and this one does not.
    pub(super) fn of_earlier_versions(&self) -> Vec<String> {
        let ends = Table::ALL.iter().filter(|table| **table != Table::Queue);
        let ends = ends.map(|table| format!("{}:{}:ends", self.tag, table.name()));
        let by_id = ["names_by_id", "due_by_certificate", "places_by_certificate"];
        ends.chain(by_id.map(|name| self.named(name))).collect()
    }

    /// The numbers of the slots that version 3 had.
    pub(super) fn slots_of_version_3(&self) -> String {
        self.named("ends")
    }

    /// Such a slot.
    pub(super) fn slot_of_version_3(&self, slot: i64) -> String {
        format!("{}:ends:{slot}", self.tag)
    }

    fn named(&self, name: &str) -> String {
        format!("{}:{name}", self.tag)
    }
}
