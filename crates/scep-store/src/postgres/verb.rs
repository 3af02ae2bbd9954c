//! A verb as one transaction: a round trip to read, and one to write and commit.

use futures_util::future::{join, join_all};

use super::connection::{Connection, Failure, Prepared};
use crate::StoreError;
use crate::durable::{Care, Cell, Change, Key, ROUNDS, Record, Stop, Verb, Working};
use crate::sql::Statements;

/// What became of a transaction.
pub(super) enum Attempt<T> {
    /// It stands, with these changes.
    Answered(Result<T, StoreError>, Vec<Change>),
    /// Another changed a row that it was to write; it is undone.
    Overtaken,
    /// It refuses for want of room, and is undone: what has ended may give way.
    NoRoom,
}

/// What a verb that finds no room comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfFull {
    /// It is undone, to be run again when there is room.
    Undo,
    /// It refuses, and what follows from that is written.
    Refuse,
}

/// Runs a verb once. After an error the connection must not be used again.
pub(super) async fn attempt<T>(
    connection: &Connection,
    statements: &Statements,
    verb: &Verb<T>,
    (care, if_full): (Care, IfFull),
    working: Working,
) -> Result<Attempt<T>, StoreError> {
    match decide(connection, statements, verb, care, working).await {
        Ok((Err(StoreError::Full { .. }), _)) if if_full == IfFull::Undo => {
            roll_back(connection).await.map(|()| Attempt::NoRoom)
        }
        Ok((answer, changes)) => match write(connection, statements, &changes).await {
            Ok(()) => Ok(Attempt::Answered(answer, changes)),
            Err(Failure::Overtaken) => Ok(Attempt::Overtaken),
            Err(Failure::Broken(error)) => Err(error),
        },
        Err(Failure::Overtaken) => roll_back(connection).await.map(|()| Attempt::Overtaken),
        Err(Failure::Broken(error)) => Err(error),
    }
}

async fn roll_back(connection: &Connection) -> Result<(), StoreError> {
    match connection.execute_all("ROLLBACK").await {
        Ok(()) | Err(Failure::Overtaken) => Ok(()),
        Err(Failure::Broken(error)) => Err(error),
    }
}

async fn decide<T>(
    connection: &Connection,
    statements: &Statements,
    verb: &Verb<T>,
    care: Care,
    mut working: Working,
) -> Result<(Result<T, StoreError>, Vec<Change>), Failure> {
    let mut wanted = verb.first.clone();
    let prepared = prepare(connection, statements, &wanted).await?;
    // They are sent in the order in which they are polled first, and answered in that order.
    let (began, loaded) =
        join(connection.execute_all(begin(care)), load(connection, &prepared, &wanted)).await;
    began?;
    let mut loaded = loaded?;
    for _ in 0..ROUNDS {
        for (key, record) in std::mem::take(&mut wanted).into_iter().zip(loaded) {
            working.load(key, record)?;
        }
        match working.run(&verb.plan) {
            Err(Stop::Missing(keys)) => wanted = keys,
            Err(Stop::Refused(error)) => return Ok((Err(error), working.into_changes())),
            Ok(answer) => return Ok((Ok(answer), working.into_changes())),
        }
        let prepared = prepare(connection, statements, &wanted).await?;
        loaded = load(connection, &prepared, &wanted).await?;
    }
    Err(Failure::Broken(StoreError::Poisoned))
}

/// A reservation may be forgotten in a crash; everything else stands when it is answered.
const fn begin(care: Care) -> &'static str {
    match care {
        Care::Reads => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Care::Passing => {
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL synchronous_commit = off"
        }
        Care::Lasting => "BEGIN ISOLATION LEVEL REPEATABLE READ",
    }
}

/// All of these records, by the statements prepared for them, in one round trip.
async fn load(
    connection: &Connection,
    prepared: &[Prepared],
    keys: &[Key],
) -> Result<Vec<Option<Record>>, Failure> {
    let found = prepared.iter().zip(keys).map(|(prepared, key)| find(connection, prepared, key));
    join_all(found).await.into_iter().collect()
}

async fn find(
    connection: &Connection,
    prepared: &Prepared,
    key: &Key,
) -> Result<Option<Record>, Failure> {
    let (lookup, cells) = key.lookup();
    let row = connection.query_prepared(prepared, &cells).await?.pop();
    Ok(row.map(|cells| Record::from_cells(lookup.table(), cells)).transpose()?)
}

/// All of these changes and the commit, in one round trip.
async fn write(
    connection: &Connection,
    statements: &Statements,
    changes: &[Change],
) -> Result<(), Failure> {
    let writes: Vec<(&str, Vec<Cell<'_>>)> =
        changes.iter().filter_map(|change| statements.of_change(change)).collect();
    let texts: Vec<&str> = writes.iter().map(|(sql, _)| *sql).collect();
    let prepared = connection.prepare(&texts).await?;
    let executed = prepared.iter().zip(&writes);
    let executed =
        executed.map(|(prepared, (_, cells))| connection.execute_prepared(prepared, cells));
    let written = join_all(executed);
    let (written, ended) = join(written, connection.execute_all("COMMIT")).await;
    // The first failure is the reason; after it the rest fails too, and the commit is none.
    for rows in written {
        if rows? != 1 {
            return Err(Failure::Broken(StoreError::Poisoned));
        }
    }
    ended
}

/// What loads these keys; all of it can then travel together.
async fn prepare(
    connection: &Connection,
    statements: &Statements,
    keys: &[Key],
) -> Result<Vec<Prepared>, Failure> {
    let texts: Vec<&str> = keys.iter().map(|key| statements.select(key.lookup().0)).collect();
    connection.prepare(&texts).await
}
