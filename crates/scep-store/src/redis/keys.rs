//! The names of all keys. One hash tag, so that a script may touch them together on a cluster.

use crate::durable::Table;
use crate::journal::EventKind;

pub(super) struct Keys {
    tag: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { tag: format!("{{{prefix}}}") }
    }

    pub(super) fn records(&self, table: Table) -> String {
        self.named(table.name())
    }

    pub(super) fn ends(&self, table: Table) -> String {
        format!("{}:{}:ends", self.tag, table.name())
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

    /// Those of `write.lua` and `purge.lua`: records of each kind, the names of transactions, those by id, revoked certificates,
    /// notices that are due, those by certificate, the ends of each kind, the places of certificates, those by certificate.
    pub(super) fn of_write(&self) -> Vec<String> {
        let mut keys = self.of_load();
        keys.extend([self.named("names_by_id"), self.revoked(), self.due()]);
        keys.push(self.named("due_by_certificate"));
        keys.extend(Table::ALL.iter().map(|table| self.ends(*table)));
        keys.extend([self.places(), self.named("places_by_certificate")]);
        keys
    }

    fn named(&self, name: &str) -> String {
        format!("{}:{name}", self.tag)
    }
}
