//! The one statement that a once-only check cannot do without, and nothing around it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use rusqlite::Connection;
use scep_store::RedisOptions;
use tokio_postgres::{Client, NoTls, Statement};

/// A table of keys.
pub(crate) enum Bare {
    /// Durable at once, one connection.
    Sqlite(Arc<Mutex<Connection>>),
    /// As many connections as the store has.
    Postgres {
        clients: Vec<(Client, Statement)>,
        next: AtomicUsize,
    },
    Redis(MultiplexedConnection),
}

const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS bare (k BYTEA NOT NULL PRIMARY KEY, ends BIGINT NOT NULL)";
const TAKE: &str = "INSERT INTO bare (k, ends) VALUES ($1, $2) \
     ON CONFLICT (k) DO UPDATE SET ends = excluded.ends WHERE bare.ends <= 0 RETURNING ends";
const CLIENTS: usize = 16;

impl Bare {
    pub(crate) fn sqlite(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        connection.execute_batch(CREATE)?;
        Ok(Self::Sqlite(Arc::new(Mutex::new(connection))))
    }

    pub(crate) async fn postgres(config: &str) -> Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let (client, connection) = tokio_postgres::connect(config, NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute(CREATE).await?;
            let statement = client.prepare(TAKE).await?;
            clients.push((client, statement));
        }
        Ok(Self::Postgres { clients, next: AtomicUsize::new(0) })
    }

    pub(crate) async fn redis(url: &str) -> Result<Self> {
        // As the store has it: a disk may stall for longer than half a second.
        let timeout = RedisOptions::default().timeout;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(timeout));
        let client = redis::Client::open(url)?;
        Ok(Self::Redis(client.get_multiplexed_async_connection_with_config(&config).await?))
    }

    /// Takes a key that nobody has.
    pub(crate) async fn take(&self, key: [u8; 32]) -> Result<()> {
        let taken = match self {
            Self::Sqlite(connection) => {
                let connection = Arc::clone(connection);
                tokio::task::spawn_blocking(move || {
                    let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                    let mut statement = connection.prepare_cached(TAKE)?;
                    statement.query_row((key.as_slice(), 1_i64), |row| row.get::<_, i64>(0))
                })
                .await??
            }
            Self::Postgres { clients, next } => {
                let turn = next.fetch_add(1, Ordering::Relaxed) % clients.len();
                let (client, statement) = &clients[turn];
                client.query_one(statement, &[&key.as_slice(), &1_i64]).await?.get(0)
            }
            Self::Redis(connection) => {
                let mut command = redis::cmd("SET");
                command.arg(key.as_slice()).arg(1).arg("NX").arg("PX").arg(3_600_000);
                let answer: Option<String> = command.query_async(&mut connection.clone()).await?;
                i64::from(answer.is_some())
            }
        };
        ensure!(taken == 1, "the key was taken before");
        Ok(())
    }
}
