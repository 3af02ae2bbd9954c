//! The connection, and what the server must be.

use std::collections::HashMap;

use redis::TlsCertificates;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use super::keys::Keys;
use super::options::{RedisOptions, RedisPersistence};
use super::unavailable;
use crate::error::Unfit;
use crate::{Cause, StoreError};

/// Of the records; a newer program writes a higher one.
pub(super) const VERSION: u64 = 4;

pub(super) async fn connect(
    url: &str,
    options: &RedisOptions,
) -> Result<ConnectionManager, StoreError> {
    let client = client(url, options).map_err(|error| StoreError::Address(Cause::new(error)))?;
    // A command is never sent twice; the retries are those of connecting.
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(options.timeout))
        .set_connection_timeout(Some(options.timeout))
        .set_number_of_retries(1);
    ConnectionManager::new_with_config(client, config).await.map_err(unavailable)
}

fn client(url: &str, options: &RedisOptions) -> redis::RedisResult<redis::Client> {
    match &options.roots {
        None => redis::Client::open(url),
        Some(roots) => {
            let root_cert = Some(roots.clone().into_bytes());
            redis::Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert })
        }
    }
}

/// Refuses a server that evicts, or that keeps less than was asked for.
pub(super) async fn check(
    connection: &mut ConnectionManager,
    persistence: RedisPersistence,
) -> Result<(), StoreError> {
    if persistence == RedisPersistence::Unchecked {
        return Ok(());
    }
    let policy = setting(connection, "maxmemory-policy").await?;
    if policy != "noeviction" {
        return Err(StoreError::Unfit(Unfit::Evicts { policy }));
    }
    let appends = setting(connection, "appendonly").await?;
    if persistence != RedisPersistence::WhileItRuns && appends != "yes" {
        return Err(loses(format!("appendonly {appends}")));
    }
    let flushes = setting(connection, "appendfsync").await?;
    if persistence == RedisPersistence::Always && flushes != "always" {
        return Err(loses(format!("appendfsync {flushes}")));
    }
    if persistence == RedisPersistence::EverySecond && flushes == "no" {
        return Err(loses(format!("appendfsync {flushes}")));
    }
    Ok(())
}

pub(super) async fn check_version(
    connection: &mut ConnectionManager,
    keys: &Keys,
) -> Result<(), StoreError> {
    let mut command = redis::cmd("SET");
    command.arg(keys.version()).arg(VERSION).arg("NX");
    command.query_async::<redis::Value>(connection).await.map_err(unavailable)?;
    read_version(connection, keys).await
}

/// Refuses records of a newer version; that there are none is as good as those of this one.
pub(super) async fn read_version(
    connection: &mut ConnectionManager,
    keys: &Keys,
) -> Result<(), StoreError> {
    match version(connection, keys).await? {
        Some(found) if found > VERSION => {
            Err(StoreError::Unfit(Unfit::NewerSchema { found, known: VERSION }))
        }
        _ => Ok(()),
    }
}

/// Of the records that are there, if there are any.
pub(super) async fn version(
    connection: &mut ConnectionManager,
    keys: &Keys,
) -> Result<Option<u64>, StoreError> {
    let mut command = redis::cmd("GET");
    command.arg(keys.version()).query_async(connection).await.map_err(unavailable)
}

/// All records are of this version.
pub(super) async fn write_version(
    connection: &mut ConnectionManager,
    keys: &Keys,
) -> Result<(), StoreError> {
    let mut command = redis::cmd("SET");
    command.arg(keys.version()).arg(VERSION);
    command.query_async(connection).await.map_err(unavailable)
}

async fn setting(connection: &mut ConnectionManager, name: &str) -> Result<String, StoreError> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(name);
    let found: HashMap<String, String> =
        command.query_async(connection).await.map_err(unavailable)?;
    Ok(found.into_values().next().unwrap_or_default())
}

fn loses(setting: String) -> StoreError {
    StoreError::Unfit(Unfit::LosesCommits { setting })
}
