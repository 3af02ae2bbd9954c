//! The schema, brought up to date by whichever node comes first.

use super::connection::{Connection, Failure};
use super::number;
use crate::StoreError;
use crate::durable::Cell;
use crate::error::Unfit;
use crate::sql::{CREATE_VERSION, MIGRATIONS, READ_VERSION, WRITE_VERSION, pending_migrations};

/// Nodes that start together may get into each other's way this often.
const ATTEMPTS: usize = 16;
const VERSION_ZERO: &str = "INSERT INTO schema_version (only_one, version) VALUES (1, 0) ON CONFLICT (only_one) DO NOTHING";
/// The table of the version in the schemas that are searched, or NULL.
const VERSION_TABLE: &str = "SELECT CAST(to_regclass('schema_version') AS TEXT)";
const UNSAFE_SETTING: &str = "SELECT CAST(name AS TEXT) FROM pg_settings \
     WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'";

pub(super) async fn migrate(connection: &Connection) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        match try_to_migrate(connection).await {
            Ok(()) => return Ok(()),
            Err(Failure::Overtaken) => {
                if let Err(Failure::Broken(error)) = connection.execute_all("ROLLBACK").await {
                    return Err(error);
                }
            }
            Err(Failure::Broken(error)) => return Err(error),
        }
    }
    Err(super::contended())
}

/// Refuses what [`migrate`] refuses, and changes nothing.
pub(super) async fn check(connection: &Connection) -> Result<(), StoreError> {
    match try_to_check(connection).await {
        Ok(()) => Ok(()),
        Err(Failure::Overtaken) => Err(super::contended()), // reading is not overtaken
        Err(Failure::Broken(error)) => Err(error),
    }
}

async fn try_to_check(connection: &Connection) -> Result<(), Failure> {
    check_settings(connection).await?;
    if let Some([Cell::Text(_)]) = connection.query(VERSION_TABLE, &[]).await?.pop().as_deref() {
        let version = connection.query(READ_VERSION, &[]).await?.pop();
        if version.is_some() {
            pending_migrations(number(version.as_deref())?)?;
        }
    }
    Ok(())
}

/// Refuses a server that does not keep what it commits.
async fn check_settings(connection: &Connection) -> Result<(), Failure> {
    match connection.query(UNSAFE_SETTING, &[]).await?.pop().as_deref() {
        Some([Cell::Text(setting)]) => {
            let setting = format!("{setting} = off");
            Err(StoreError::Unfit(Unfit::LosesCommits { setting }).into())
        }
        _ => Ok(()),
    }
}

async fn try_to_migrate(connection: &Connection) -> Result<(), Failure> {
    check_settings(connection).await?;
    connection.execute_all(CREATE_VERSION).await?;
    connection.execute_all(VERSION_ZERO).await?;
    // Whoever comes second waits here until the first one is done.
    connection.execute_all("BEGIN").await?;
    let locked = format!("{READ_VERSION} FOR UPDATE");
    let version = number(connection.query(&locked, &[]).await?.pop().as_deref())?;
    for migration in pending_migrations(version)? {
        connection.execute_all(migration).await?;
    }
    connection.execute(WRITE_VERSION, &[Cell::number(MIGRATIONS.len() as u64)]).await?;
    connection.execute_all("COMMIT").await
}
