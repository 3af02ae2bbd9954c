//! A bounded pool. A connection comes back only if its transaction is known to have ended.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::{Connection, Failure};
use super::options::{PostgresOptions, PostgresTls};
use crate::{Cause, StoreError};

pub(super) struct Pool {
    config: Config,
    tls: PostgresTls,
    timeout: Duration,
    prepared_statements: usize,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

/// A connection that is used by one verb; unless it is kept it is closed, which undoes what it left open.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    _permit: SemaphorePermit<'a>,
}

/// Every statement finds its rows by a key, so one plan does for all times, also one that was made while a table was small.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
     SET enable_hashjoin = off; SET enable_mergejoin = off";

impl Pool {
    pub(super) fn new(
        config: &str,
        tls: PostgresTls,
        options: &PostgresOptions,
    ) -> Result<Self, StoreError> {
        let config = Config::from_str(config);
        let mut config = config.map_err(|error| StoreError::Address(Cause::new(error)))?;
        config.connect_timeout(options.timeout);
        config.ssl_mode(match tls {
            PostgresTls::Required(_) => SslMode::Require,
            PostgresTls::Unencrypted => SslMode::Disable,
        });
        let permits = Semaphore::new(options.connections.clamp(1, Semaphore::MAX_PERMITS));
        let PostgresOptions { timeout, prepared_statements, .. } = *options;
        Ok(Self { config, tls, timeout, prepared_statements, idle: Mutex::default(), permits })
    }

    /// A connection, once one is free.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, StoreError> {
        let permit = tokio::time::timeout(self.timeout, self.permits.acquire()).await;
        let _permit = permit.map_err(unavailable)?.map_err(unavailable)?;
        let connection = match self.idle_connection() {
            Some(idle) => idle,
            None => self.in_time(self.connect()).await?,
        };
        Ok(Lease { pool: self, connection: Some(connection), _permit })
    }

    /// What the database answers, unless that takes too long.
    pub(super) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(self.timeout, answer).await.map_err(unavailable)?
    }

    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle();
        while let Some(connection) = idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, StoreError> {
        let client = match &self.tls {
            PostgresTls::Required(config) => {
                let tls = MakeRustlsConnect::new(config.as_ref().clone());
                let (client, connection) = self.config.connect(tls).await.map_err(unavailable)?;
                tokio::spawn(connection);
                client
            }
            PostgresTls::Unencrypted => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(unavailable)?;
                tokio::spawn(connection);
                client
            }
        };
        let connection = Connection::new(client, self.prepared_statements);
        match connection.execute_all(&self.settings()).await {
            Ok(()) => {}
            Err(Failure::Broken(error)) => return Err(error),
            Err(Failure::Overtaken) => return Err(StoreError::Poisoned), // settings touch no rows
        }
        // Another server than PostgreSQL may not know them, and plans as it does.
        let _ = connection.execute_all(PLANS).await;
        Ok(connection)
    }

    /// The server gives up a little later than this node, and closes what a dead node left open.
    fn settings(&self) -> String {
        let limit = self.timeout.as_millis().saturating_add(1_000);
        format!(
            "SET statement_timeout = {limit}; SET lock_timeout = {limit}; \
             SET idle_in_transaction_session_timeout = {limit}"
        )
    }
}

impl Lease<'_> {
    pub(super) fn connection(&mut self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or(StoreError::Poisoned)
    }

    /// Gives the connection back; no transaction is open on it.
    pub(super) fn keep(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle().push(connection);
        }
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Cause::new(error))
}
