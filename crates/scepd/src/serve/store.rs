//! The seam where durable stores come in: one backend for each kind of URL.

use std::sync::Arc;

use anyhow::{Result, bail};
use scep_store::{EnrolmentStore, MemoryStore};

use crate::config::model::Store;
use crate::config::values::{Located, StoreKind};

/// Opens the store of a configuration, which was checked.
///
/// # Errors
/// A kind of store that this version does not have; `scepd check` says so with its place.
pub(super) fn open(store: &Store) -> Result<Arc<dyn EnrolmentStore>> {
    let url = store.url.as_ref().map(Located::value);
    match url.map_or(Some(StoreKind::Memory), |url| StoreKind::of(url)) {
        Some(StoreKind::Memory) => {
            tracing::warn!(
                "the store is in memory: a restart forgets what was issued and which challenges were used"
            );
            Ok(Arc::new(MemoryStore::default()))
        }
        Some(kind) => bail!("the {kind} store is not in this version of scepd"),
        None => bail!("no such kind of store"),
    }
}
