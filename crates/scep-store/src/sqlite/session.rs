//! What the thread that writes does within a transaction.

use std::sync::Arc;

use scep_types::UnixTime;

use super::connection::{Connection, Outcome};
use super::options::Synchronous;
use crate::durable::{Cell, Change, Table, Verb, Working, fresh};
use crate::ids::Sha256;
use crate::journal::{EventKind, NewEvent, of_kind};
use crate::sql::{
    CREATE_VERSION, CRL_ISSUERS, Counts, MIGRATIONS, NEXT_CRL_NUMBER, NEXT_EVENTS, PURGE_EVERY,
    PURGED, READ_VERSION, Statements, WRITE_VERSION, event_writes, pending_migrations,
};
use crate::{StoreError, StoreLimits};

/// Whether there is a table of the version.
const VERSION_TABLES: &str =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";

pub(super) struct Session {
    connection: Connection,
    statements: Arc<Statements>,
    limits: StoreLimits,
    counts: Counts,
    verbs: u64,
    /// The first failure of a statement in this transaction; it must not be committed.
    failed: Option<StoreError>,
}

impl Session {
    pub(super) fn new(
        connection: Connection,
        statements: Arc<Statements>,
        limits: StoreLimits,
    ) -> Result<Self, StoreError> {
        migrate(&connection)?;
        let counts = Counts::default();
        let mut session = Self { connection, statements, limits, counts, verbs: 0, failed: None };
        session.recount()?;
        Ok(session)
    }

    /// Begins a transaction that no other may write beside.
    pub(super) fn begin(
        &mut self,
        flushed: &mut Synchronous,
        wanted: Synchronous,
    ) -> Result<(), StoreError> {
        self.failed = None;
        if *flushed != wanted {
            self.connection.set_synchronous(wanted)?;
            *flushed = wanted;
        }
        self.connection.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.connection.execute("COMMIT", &[]).map(drop),
        }
    }

    /// Undoes the transaction, as far as there is one.
    pub(super) fn roll_back(&mut self) {
        self.counts.forget();
        // SQLite may have rolled it back before; then there is none, and nothing to do.
        let _ = self.connection.execute("ROLLBACK", &[]);
    }

    /// Runs a verb within the transaction: all of its changes are made, or the transaction fails for all that share it.
    pub(super) fn run<T>(&mut self, verb: &Verb<T>) -> Result<T, StoreError> {
        self.tend(verb.now).map_err(|error| self.fail(error))?;
        let (mut answer, mut changes) = self.decide(verb)?;
        if matches!(answer, Err(StoreError::Full { .. })) && self.make_room(verb.now)? {
            (answer, changes) = self.decide(verb)?;
        }
        self.write(&changes).map_err(|error| self.fail(error))?;
        answer
    }

    pub(super) fn next_crl_number(&mut self, issuer: &Sha256) -> Result<u64, StoreError> {
        let issuer = [Cell::digest(issuer)];
        let rows = self.connection.query(CRL_ISSUERS, &issuer)?;
        crate::sql::issuer_room(rows.first(), &self.limits)?;
        let number = self.connection.number(NEXT_CRL_NUMBER, &issuer);
        let number = number.and_then(|number| number.ok_or(StoreError::Poisoned));
        number.map_err(|error| self.fail(error))
    }

    pub(super) fn record(&mut self, events: &[NewEvent], now: UnixTime) -> Result<(), StoreError> {
        for kind in EventKind::ALL {
            let events = of_kind(events, kind);
            self.record_kind(kind, &events, now).map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    fn record_kind(
        &self,
        kind: EventKind,
        events: &[&NewEvent],
        now: UnixTime,
    ) -> Result<(), StoreError> {
        if events.is_empty() || self.limits.events == 0 {
            return Ok(());
        }
        let numbers = [Cell::number(kind.number()), Cell::number(events.len() as u64)];
        let last = self.connection.number(NEXT_EVENTS, &numbers)?.ok_or(StoreError::Poisoned)?;
        for (sql, cells) in event_writes(kind, events, last, &self.limits, now) {
            self.connection.execute(&sql, &cells)?;
        }
        Ok(())
    }

    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes {
            let Some((statement, cells)) = self.statements.of_change(change) else { continue };
            if self.connection.execute(statement, &cells)? != 1 {
                return Err(StoreError::Poisoned);
            }
        }
        self.counts.note(changes);
        Ok(())
    }

    fn decide<T>(&self, verb: &Verb<T>) -> Result<Outcome<T>, StoreError> {
        let working = Working::new(self.limits, self.counts.occupancy(), fresh()?);
        self.connection.run(&self.statements, verb, working)
    }

    /// Removes a few of the rows that have ended, now and then; what is left of them counts as absent all the same.
    fn tend(&mut self, now: UnixTime) -> Result<(), StoreError> {
        self.verbs = self.verbs.wrapping_add(1);
        if self.verbs.is_multiple_of(PURGE_EVERY) {
            self.purge(now)?;
        }
        Ok(())
    }

    /// Whether there may be more room than there was.
    fn make_room(&mut self, now: UnixTime) -> Result<bool, StoreError> {
        if self.counts.is_old_if_full() {
            self.purge(now)?;
            self.recount()?;
            return Ok(true);
        }
        Ok(self.purge(now)? > 0)
    }

    fn purge(&mut self, now: UnixTime) -> Result<u64, StoreError> {
        let mut purged = 0_u64;
        for table in Table::ALL {
            let cells = [Cell::time(now), Cell::Integer(PURGED)];
            let rows = self.connection.execute(&self.statements.of(table).purge, &cells)?;
            self.counts.subtract(table, rows);
            purged = purged.saturating_add(rows);
        }
        Ok(purged)
    }

    fn recount(&mut self) -> Result<(), StoreError> {
        let mut rows = [0; Table::COUNT];
        for (table, rows) in Table::ALL.into_iter().zip(&mut rows) {
            let count = self.connection.number(&self.statements.of(table).count, &[])?;
            *rows = count.ok_or(StoreError::Poisoned)?;
        }
        self.counts = Counts::of(rows);
        Ok(())
    }

    /// Whatever else is in the transaction, it must not be committed.
    fn fail(&mut self, error: StoreError) -> StoreError {
        self.failed.get_or_insert_with(|| error.clone());
        error
    }
}

/// Refuses what [`Session::new`] refuses, and changes nothing.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    if connection.number(VERSION_TABLES, &[])?.unwrap_or(0) > 0 {
        pending_migrations(connection.number(READ_VERSION, &[])?.unwrap_or(0))?;
    }
    Ok(())
}

fn migrate(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("BEGIN IMMEDIATE", &[])?;
    let migrated = migrate_within(connection);
    connection.execute_all(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    migrated
}

fn migrate_within(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_all(CREATE_VERSION)?;
    let version = connection.number(READ_VERSION, &[])?.unwrap_or(0);
    for migration in pending_migrations(version)? {
        connection.execute_all(migration)?;
    }
    connection.execute(WRITE_VERSION, &[Cell::number(MIGRATIONS.len() as u64)]).map(drop)
}
