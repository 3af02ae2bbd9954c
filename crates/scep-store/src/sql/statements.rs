//! The statements about records, made once.

use super::{count, delete, insert, purge, queue, select, update};
use crate::durable::{Cell, Change, Lookup, Table};

/// The texts of all statements about records.
pub(crate) struct Statements {
    by_table: [OfTable; Table::COUNT],
    transaction_by_name: String,
    pub(crate) queue: String,
}

pub(crate) struct OfTable {
    table: Table,
    select: String,
    insert: String,
    update: String,
    delete: String,
    pub(crate) purge: String,
    pub(crate) count: String,
}

impl Statements {
    pub(crate) fn new() -> Self {
        Self {
            by_table: Table::ALL.map(OfTable::new),
            transaction_by_name: select(Lookup::TransactionByName),
            queue: queue(),
        }
    }

    pub(crate) fn of(&self, table: Table) -> &OfTable {
        let [first, rest @ ..] = &self.by_table;
        rest.iter().find(|statements| statements.table == table).unwrap_or(first)
    }

    /// What writes a change, and its parameters.
    pub(crate) fn of_change<'a>(&'a self, change: &'a Change) -> Option<(&'a str, Vec<Cell<'a>>)> {
        match (&change.before, &change.after) {
            (None, None) => None,
            (None, Some(new)) => Some((&self.of(new.table()).insert, new.cells())),
            (Some(old), None) => {
                let mut cells = old.cells();
                cells.truncate(old.table().key_cells());
                Some((&self.of(old.table()).delete, cells))
            }
            (Some(_), Some(new)) => {
                let mut cells = new.cells();
                cells.rotate_left(new.table().key_cells());
                Some((&self.of(new.table()).update, cells))
            }
        }
    }

    pub(crate) fn select(&self, lookup: Lookup) -> &str {
        match lookup {
            Lookup::ByKey(table) => &self.of(table).select,
            Lookup::TransactionByName => &self.transaction_by_name,
        }
    }
}

impl OfTable {
    fn new(table: Table) -> Self {
        Self {
            table,
            select: select(Lookup::ByKey(table)),
            insert: insert(table),
            update: update(table),
            delete: delete(table),
            purge: purge(table),
            count: count(table),
        }
    }
}
