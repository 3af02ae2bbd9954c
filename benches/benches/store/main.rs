//! What `begin` and `commit` cost on each backend, beside the bare statement each is made of, in the same run on the same disk.
//! The target is half as many verbs a second as there are statements:
//! `cargo bench -p scep-benches --bench store [-- --json FILE]`; the figures go to `FILE` with `.store` in front of its ending.
//!
//! Needs `postgres` and `redis-server` of Debian. `SCEP_BENCH_FOLDER` is where the databases are (default: the folder for temporary
//! files); `SCEP_BENCH_SECONDS` how long each figure takes (default 4).

mod bare;
mod figures;
mod growth;
mod load;

use std::sync::Arc;

use anyhow::Result;
use scep_store::{
    EnrolmentStore, MemoryStore, PostgresOptions, PostgresStore, PostgresTls, RedisOptions,
    RedisStore, SqliteOptions, SqliteStore,
};
use scep_test::servers::{Postgres, Redis};
use tempfile::TempDir;

use self::bare::Bare;
use self::figures::{Figure, finish};
use self::load::measure;

/// How many ask together.
const TASKS: [u32; 2] = [1, 16];

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = growth::figures()?;
    figures.extend(runtime.block_on(memory())?);
    figures.extend(runtime.block_on(sqlite())?);
    figures.extend(runtime.block_on(postgres())?);
    figures.extend(runtime.block_on(redis())?);
    finish(&figures)
}

async fn memory() -> Result<Vec<Figure>> {
    let mut limits = scep_store::StoreLimits::in_memory();
    limits.transactions = 10_000_000;
    limits.certificates = 10_000_000;
    limits.challenges = 10_000_000;
    limits.devices = 10_000_000;
    let store: Arc<dyn EnrolmentStore> = Arc::new(MemoryStore::new(limits));
    backend("memory", &store, None).await
}

async fn sqlite() -> Result<Vec<Figure>> {
    let folder = folder()?;
    let options = SqliteOptions::default();
    let store: Arc<dyn EnrolmentStore> =
        Arc::new(SqliteStore::open(folder.path().join("scep.sqlite"), options)?);
    backend("sqlite", &store, Some(Bare::sqlite(&folder.path().join("bare.sqlite"))?)).await
}

async fn postgres() -> Result<Vec<Figure>> {
    let server = Postgres::start(folder()?);
    let config = server.new_schema();
    let (tls, options) = (PostgresTls::Unencrypted, PostgresOptions::default());
    let store: Arc<dyn EnrolmentStore> =
        Arc::new(PostgresStore::connect(&config, tls, options).await?);
    backend("postgresql", &store, Some(Bare::postgres(&config).await?)).await
}

async fn redis() -> Result<Vec<Figure>> {
    let server = Redis::start(folder()?, Redis::DURABLE);
    let store: Arc<dyn EnrolmentStore> =
        Arc::new(RedisStore::connect(&server.url(), RedisOptions::default()).await?);
    backend("redis", &store, Some(Bare::redis(&server.url()).await?)).await
}

async fn backend(
    name: &str,
    store: &Arc<dyn EnrolmentStore>,
    bare: Option<Bare>,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for tasks in TASKS {
        figures.push(
            measure(&format!("{name}/begin+commit/{tasks}"), tasks, store, bare.as_ref()).await?,
        );
    }
    Ok(figures)
}

fn folder() -> Result<TempDir> {
    Ok(match std::env::var_os("SCEP_BENCH_FOLDER") {
        Some(folder) => TempDir::new_in(folder)?,
        None => TempDir::new()?,
    })
}
