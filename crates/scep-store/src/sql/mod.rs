//! One schema and one set of statements for every SQL database.
//!
//! Parameters are numbered in the order in which they stand, so that SQLite and PostgreSQL count them alike. Nothing here
//! locks: a backend runs a verb's statements in one transaction that sees one state and fails if another changed a row it
//! writes, or inserted it.

#[cfg(feature = "postgres")]
mod checked;
mod counts;
mod journal;
mod lookup;
mod statements;

use crate::durable::{Cell, Lookup, Table};
use crate::error::{Capacity, Unfit};
use crate::{StoreError, StoreLimits};

#[cfg(feature = "postgres")]
pub(crate) use checked::{Column, checked};
pub(crate) use counts::Counts;
pub(crate) use journal::{EVENTS, NEXT_EVENTS, page as event_page, writes as event_writes};
pub(crate) use lookup::page;
pub(crate) use statements::Statements;

/// The schema, a step a version; a database at version `n` gets the steps after the `n`th.
pub(crate) const MIGRATIONS: [&str; 3] =
    [include_str!("schema-1.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];

/// The version of the schema in a table of one row.
pub(crate) const CREATE_VERSION: &str = "CREATE TABLE IF NOT EXISTS schema_version (only_one BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL)";
pub(crate) const READ_VERSION: &str = "SELECT version FROM schema_version WHERE only_one = 1";
pub(crate) const WRITE_VERSION: &str = "INSERT INTO schema_version (only_one, version) VALUES (1, $1) \
     ON CONFLICT (only_one) DO UPDATE SET version = excluded.version";

/// A CRL number above all earlier ones, in one statement.
pub(crate) const NEXT_CRL_NUMBER: &str = "INSERT INTO crl_numbers (issuer, number) VALUES ($1, 1) \
     ON CONFLICT (issuer) DO UPDATE SET number = crl_numbers.number + 1 RETURNING number";
/// Whether an issuer numbers CRLs, and how many do.
pub(crate) const CRL_ISSUERS: &str = "SELECT (SELECT count(*) FROM crl_numbers WHERE issuer = $1), (SELECT count(*) FROM crl_numbers)";

pub(crate) const REVOKED: &str = "SELECT serial, revoked_at, reason FROM certificates \
     WHERE issuer = $1 AND revoked_at IS NOT NULL ORDER BY serial";

/// Notices of the endpoint `$1` that are due and not over at `$2`, at most `$3`.
pub(crate) const DUE: &str = "SELECT issuer, serial FROM notices WHERE endpoint = $1 AND due <= $2 \
     AND ends > $2 ORDER BY due, issuer, serial LIMIT $3";

/// Ended rows that are removed at a time.
pub(crate) const PURGED: i64 = 256;
/// A node purges each time it has run this many verbs: it removes far more than they add.
pub(crate) const PURGE_EVERY: u64 = 64;

/// The steps that a database at this version lacks.
///
/// # Errors
/// [`StoreError::Unfit`] for a version that a newer program made.
pub(crate) fn pending_migrations(version: u64) -> Result<&'static [&'static str], StoreError> {
    let known = MIGRATIONS.len() as u64;
    let pending = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..));
    pending.ok_or(StoreError::Unfit(Unfit::NewerSchema { found: version, known }))
}

/// Refuses if the answer to [`CRL_ISSUERS`] says that one more issuer would be too many.
pub(crate) fn issuer_room(
    row: Option<&Vec<Cell<'_>>>,
    limits: &StoreLimits,
) -> Result<(), StoreError> {
    let Some([Cell::Integer(known), Cell::Integer(issuers)]) = row.map(Vec::as_slice) else {
        return Err(StoreError::Poisoned);
    };
    let limit = limits.issuers;
    let has_room = usize::try_from(*issuers).is_ok_and(|issuers| issuers < limit);
    if *known > 0 || has_room {
        return Ok(());
    }
    Err(StoreError::Full { what: Capacity::Issuers, limit })
}

/// The row of a key.
fn select(lookup: Lookup) -> String {
    let table = lookup.table();
    let condition = match lookup {
        Lookup::ByKey(table) => key_condition(table, 1),
        Lookup::TransactionByName => "endpoint = $1 AND transaction_id = $2".to_owned(),
    };
    format!("SELECT {} FROM {} WHERE {condition}", columns(table), table.name())
}

/// A new row; its cells are the parameters.
fn insert(table: Table) -> String {
    let count = table.columns().len();
    let parameters: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
    let (name, columns, parameters) = (table.name(), columns(table), parameters.join(", "));
    format!("INSERT INTO {name} ({columns}) VALUES ({parameters})")
}

/// All but the key of a row; the parameters are those cells, then the key's.
fn update(table: Table) -> String {
    let rest = table.columns().iter().skip(table.key_cells()).zip(1_usize..);
    let changes: Vec<String> =
        rest.map(|(column, number)| format!("{column} = ${number}")).collect();
    let condition = key_condition(table, changes.len().saturating_add(1));
    format!("UPDATE {} SET {} WHERE {condition}", table.name(), changes.join(", "))
}

/// The row of a key goes.
fn delete(table: Table) -> String {
    format!("DELETE FROM {} WHERE {}", table.name(), key_condition(table, 1))
}

/// Rows that ended by `$1`, at most `$2` of them, go.
fn purge(table: Table) -> String {
    let (name, key) = (table.name(), key_columns(table).join(", "));
    format!(
        "DELETE FROM {name} WHERE ({key}) IN \
         (SELECT {key} FROM {name} WHERE ends <= $1 ORDER BY ends LIMIT $2)"
    )
}

/// How many rows there are.
fn count(table: Table) -> String {
    format!("SELECT count(*) FROM {}", table.name())
}

/// The queue of the endpoint `$1`, without what ended by `$2`.
fn queue() -> String {
    let columns = columns(Table::Queue);
    format!("SELECT {columns} FROM queue WHERE endpoint = $1 AND ends > $2 ORDER BY ends, id")
}

fn columns(table: Table) -> String {
    table.columns().join(", ")
}

fn key_columns(table: Table) -> &'static [&'static str] {
    table.columns().get(..table.key_cells()).unwrap_or_default()
}

fn key_condition(table: Table, first: usize) -> String {
    let numbered = key_columns(table).iter().zip(first..);
    let parts: Vec<String> =
        numbered.map(|(column, number)| format!("{column} = ${number}")).collect();
    parts.join(" AND ")
}
