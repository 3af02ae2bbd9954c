//! How much a store holds, as far as one node knows.

use std::time::{Duration, Instant};

use crate::durable::{Change, Occupancy, Table};

/// Rows of each table: counted at some time, and what this node added since.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    rows: [u64; Table::COUNT],
    counted: Option<Instant>,
}

/// While room seems to be left, others' rows are counted this often.
#[cfg(feature = "postgres")]
const RECOUNTED: Duration = Duration::from_secs(60);
/// While there seems to be none, this often: counting reads an index from end to end.
const RECOUNTED_IF_FULL: Duration = Duration::from_secs(1);

impl Counts {
    pub(crate) fn of(rows: [u64; Table::COUNT]) -> Self {
        Self { rows, counted: Some(Instant::now()) }
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy::of(self.rows)
    }

    /// What a verb changed.
    pub(crate) fn note(&mut self, changes: &[Change]) {
        for change in changes {
            match (&change.before, &change.after) {
                (None, Some(record)) => self.add(record.table(), 1),
                (Some(record), None) => self.subtract(record.table(), 1),
                _ => {}
            }
        }
    }

    pub(crate) fn subtract(&mut self, table: Table, rows: u64) {
        let count = self.at(table);
        *count = count.saturating_sub(rows);
    }

    /// Makes the next question for room count again.
    #[cfg(feature = "sqlite")]
    pub(crate) fn forget(&mut self) {
        self.counted = None;
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn is_old(&self) -> bool {
        self.older_than(RECOUNTED)
    }

    pub(crate) fn is_old_if_full(&self) -> bool {
        self.older_than(RECOUNTED_IF_FULL)
    }

    fn older_than(&self, age: Duration) -> bool {
        self.counted.is_none_or(|counted| counted.elapsed() >= age)
    }

    fn add(&mut self, table: Table, rows: u64) {
        let count = self.at(table);
        *count = count.saturating_add(rows);
    }

    fn at(&mut self, table: Table) -> &mut u64 {
        let [first @ .., passwords, shelves] = &mut self.rows;
        let [challenges, transactions, queued, devices, certificates, notices] = first;
        match table {
            Table::Challenges => challenges,
            Table::Transactions => transactions,
            Table::Queue => queued,
            Table::Devices => devices,
            Table::Certificates => certificates,
            Table::Notices => notices,
            Table::Passwords => passwords,
            Table::Shelves => shelves,
        }
    }
}
