//! Where a demonstration keeps its state: a SQLite file in a directory that ends with it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use scep_store::{EnrolmentStore, SqliteOptions, SqliteStore};
use tempfile::TempDir;

/// A store, and the directory of its file, which is removed at the end.
pub(super) struct State {
    directory: TempDir,
    store: Arc<SqliteStore>,
}

impl State {
    /// Makes both; the directory is for its owner only.
    pub(super) fn create() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("scepd-demo-").tempdir();
        let directory = directory.context("making a directory for the demo's state")?;
        let file = directory.path().join("scepd.sqlite");
        let store = SqliteStore::open(file, SqliteOptions::default());
        let store = Arc::new(store.context("making the demo's SQLite file")?);
        Ok(Self { directory, store })
    }

    pub(super) fn store(&self) -> Arc<dyn EnrolmentStore> {
        self.store.clone()
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Removes the directory, whoever may still hold the file open.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn remove(self) -> Result<()> {
        let Self { directory, store } = self;
        drop(store);
        directory.close().context("removing the demo's state")
    }
}
