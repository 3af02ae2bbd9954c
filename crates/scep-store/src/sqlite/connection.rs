//! A connection: rows as cells, and verbs over them.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, ToSql, params_from_iter};

use super::options::{SqliteOptions, Synchronous};
use crate::durable::{Cell, CellRow, Change, Found, Key, ROUNDS, Record, Stop, Verb, Working};
use crate::sql::Statements;
use crate::{Cause, StoreError};

pub(super) struct Connection(rusqlite::Connection);

/// What a verb answers, and what is to be written.
pub(super) type Outcome<T> = (Result<T, StoreError>, Vec<Change>);

/// More than there are statements, so that each is prepared once.
const PREPARED: usize = 64;

impl Connection {
    pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        // Each connection belongs to one thread.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(unavailable)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        connection.busy_timeout(options.busy_timeout).map_err(unavailable)?;
        let opened = Self(connection);
        opened.execute_all("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF;")?;
        opened.set_synchronous(options.synchronous)?;
        Ok(opened)
    }

    /// A connection that changes nothing, not even the files beside the database.
    pub(super) fn look(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let uri = uri(path).map_err(|error| StoreError::Unavailable(Cause::new(error)))?;
        rusqlite::Connection::open_with_flags(uri, flags).map(Self).map_err(unavailable)
    }

    pub(super) fn set_synchronous(&self, synchronous: Synchronous) -> Result<(), StoreError> {
        self.execute_all(match synchronous {
            Synchronous::Full => "PRAGMA synchronous = FULL",
            Synchronous::Normal => "PRAGMA synchronous = NORMAL",
        })
    }

    pub(super) fn refuse_writing(&self) -> Result<(), StoreError> {
        self.execute_all("PRAGMA query_only = ON")
    }

    /// Runs statements without parameters and rows.
    pub(super) fn execute_all(&self, sql: &str) -> Result<(), StoreError> {
        self.0.execute_batch(sql).map_err(unavailable)
    }

    /// Runs a statement, and says how many rows it changed.
    pub(super) fn execute(&self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(unavailable)?;
        let changed = statement.execute(params_from_iter(cells)).map_err(unavailable)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    /// The rows that a statement gives.
    pub(super) fn query(&self, sql: &str, cells: &[Cell<'_>]) -> Result<Vec<CellRow>, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(unavailable)?;
        let columns = statement.column_count();
        let mut found = Vec::new();
        let mut rows = statement.query(params_from_iter(cells)).map_err(unavailable)?;
        while let Some(row) = rows.next().map_err(unavailable)? {
            let cell = |column| {
                let cell = row.get_ref(column).map_err(unavailable).and_then(read)?;
                Ok::<_, StoreError>(cell.into_owned())
            };
            found.push((0..columns).map(cell).collect::<Result<_, _>>()?);
        }
        Ok(found)
    }

    /// The integer that a statement gives.
    pub(super) fn number(&self, sql: &str, cells: &[Cell<'_>]) -> Result<Option<u64>, StoreError> {
        match self.query(sql, cells)?.pop().as_deref() {
            None => Ok(None),
            Some([Cell::Integer(number), ..]) => {
                u64::try_from(*number).map(Some).map_err(|_| StoreError::Poisoned)
            }
            Some(_) => Err(StoreError::Poisoned),
        }
    }

    /// Loads what a verb needs, and runs it.
    pub(super) fn run<T>(
        &self,
        statements: &Statements,
        verb: &Verb<T>,
        mut working: Working,
    ) -> Result<Outcome<T>, StoreError> {
        let mut wanted = verb.first.clone();
        for _ in 0..ROUNDS {
            for key in wanted {
                let found = self.find(statements, &key)?;
                let table = key.lookup().0.table();
                let record = found.map(|cells| Record::from_cells(table, cells)).transpose()?;
                working.load(key, record)?;
            }
            match working.run(&verb.plan) {
                Err(Stop::Missing(keys)) => wanted = keys,
                Err(Stop::Refused(error)) => return Ok((Err(error), working.into_changes())),
                Ok(answer) => return Ok((Ok(answer), working.into_changes())),
            }
        }
        Err(StoreError::Poisoned)
    }

    fn find(&self, statements: &Statements, key: &Key) -> Result<Found, StoreError> {
        let (lookup, cells) = key.lookup();
        Ok(self.query(statements.select(lookup), &cells)?.pop())
    }
}

/// The URI of a file that is read only. Without a log beside it nobody writes, and `immutable` keeps a reader from making one.
fn uri(path: &Path) -> std::io::Result<String> {
    let path = std::path::absolute(path)?;
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"/-._".contains(&octet);
    let mut uri = "file:".to_owned();
    for octet in path.as_os_str().as_encoded_bytes() {
        match octet {
            octet if plain(*octet) => uri.push(char::from(*octet)),
            octet => uri.push_str(&format!("%{octet:02X}")),
        }
    }
    uri.push_str(if Path::new(&log).exists() { "?mode=ro" } else { "?mode=ro&immutable=1" });
    Ok(uri)
}

pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(Cause::new(error))
}

fn read(value: ValueRef<'_>) -> Result<Cell<'_>, StoreError> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Blob(octets) => Cell::octets(octets),
        ValueRef::Text(text) => {
            Cell::text(std::str::from_utf8(text).map_err(|_| StoreError::Poisoned)?)
        }
        ValueRef::Real(_) => return Err(StoreError::Poisoned),
    })
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Octets(octets) => ValueRef::Blob(octets),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
