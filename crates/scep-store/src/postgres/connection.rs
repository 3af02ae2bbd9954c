//! One connection, with its prepared statements.
//!
//! What travels together is sent in the order in which it was asked for. So it is prepared before: a statement that is not
//! known yet takes a round trip of its own, and would run after the commit it was to be part of.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::cells;
use crate::durable::{Cell, CellRow};
use crate::sql::Column;
use crate::{Cause, StoreError};

pub(super) struct Connection {
    client: Client,
    prepared: Mutex<HashMap<String, Prepared>>,
    most_prepared: usize,
}

/// A statement that the server knows: whatever runs it is sent at once.
#[derive(Clone)]
pub(super) struct Prepared(Statement);

/// Why a statement did nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another transaction was quicker; this one is undone and may be tried again.
    Overtaken,
    /// It cannot be helped, or it is unknown what happened.
    Broken(StoreError),
}

impl Connection {
    pub(super) fn new(client: Client, most_prepared: usize) -> Self {
        Self { client, prepared: Mutex::default(), most_prepared }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs statements without parameters.
    pub(super) async fn execute_all(&self, sql: &str) -> Result<(), Failure> {
        self.client.batch_execute(sql).await.map_err(failure)
    }

    /// Runs a statement, and says how many rows it changed.
    pub(super) async fn execute(&self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, Failure> {
        self.execute_prepared(&self.prepared(sql).await?, cells).await
    }

    /// The same, sent when it is polled first.
    pub(super) async fn execute_prepared(
        &self,
        Prepared(statement): &Prepared,
        cells: &[Cell<'_>],
    ) -> Result<u64, Failure> {
        self.client.execute(statement, &parameters(cells)).await.map_err(failure)
    }

    /// Runs a statement that checks what it was decided on, and fails as overtaken if that was not so.
    pub(super) async fn execute_checked(
        &self,
        sql: &str,
        columns: &[Column<'_>],
    ) -> Result<(), Failure> {
        let Prepared(statement) = self.prepared(sql).await?;
        match self.client.execute(&statement, &parameters(columns)).await {
            Err(error) if error.code() == Some(&SqlState::DIVISION_BY_ZERO) => {
                Err(Failure::Overtaken)
            }
            done => done.map(drop).map_err(failure),
        }
    }

    /// The rows that a statement gives.
    pub(super) async fn query(
        &self,
        sql: &str,
        cells: &[Cell<'_>],
    ) -> Result<Vec<CellRow>, Failure> {
        self.query_prepared(&self.prepared(sql).await?, cells).await
    }

    /// The same, sent when it is polled first.
    pub(super) async fn query_prepared(
        &self,
        Prepared(statement): &Prepared,
        cells: &[Cell<'_>],
    ) -> Result<Vec<CellRow>, Failure> {
        let rows = self.client.query(statement, &parameters(cells)).await.map_err(failure)?;
        rows.iter().map(|row| cells::read(row).map_err(Failure::Broken)).collect()
    }

    /// Prepares these statements, so that afterwards they can travel together.
    pub(super) async fn prepare(&self, texts: &[&str]) -> Result<Vec<Prepared>, Failure> {
        let mut prepared = Vec::with_capacity(texts.len());
        for text in texts {
            prepared.push(self.prepared(text).await?);
        }
        Ok(prepared)
    }

    async fn prepared(&self, sql: &str) -> Result<Prepared, Failure> {
        if let Some(known) = self.known(sql) {
            return Ok(known);
        }
        let statement = Prepared(self.client.prepare(sql).await.map_err(failure)?);
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if prepared.len() >= self.most_prepared {
            prepared.clear();
        }
        prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn known(&self, sql: &str) -> Option<Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }
}

fn parameters<P: ToSql + Sync>(cells: &[P]) -> Vec<&(dyn ToSql + Sync)> {
    cells.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect()
}

fn failure(error: tokio_postgres::Error) -> Failure {
    let overtaken = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
    ];
    match error.code() {
        Some(code) if overtaken.contains(code) => Failure::Overtaken,
        _ => Failure::Broken(StoreError::Unavailable(Cause::new(error))),
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Broken(error)
    }
}
