//! Whether the store in memory is as quick with a million entries as with a thousand.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use scep_store::{Begun, EnrolmentStore, MemoryStore, StoreLimits};
use tokio::runtime::Runtime;

use crate::figures::Figure;
use crate::load::{NOW, certificate, number, request};

const FEW: usize = 1_000;
const MANY: usize = 1_000_000;
/// Operations that are timed with each number of entries.
const TIMED: usize = 10_000;

/// The median and the p99 of an enrolment with many entries, beside those with few.
pub(crate) fn figures() -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = MemoryStore::new(limits());
    fill(&runtime, &store, FEW)?;
    let few = time(&runtime, &store)?;
    fill(&runtime, &store, MANY - FEW - TIMED)?;
    let many = time(&runtime, &store)?;
    Ok(vec![Figure::of_growth(
        "memory/begin+commit with 1,000,000 entries beside 1,000",
        many,
        few,
    )])
}

fn limits() -> StoreLimits {
    let mut limits = StoreLimits::in_memory();
    limits.challenges = 2 * MANY;
    limits.transactions = 2 * MANY;
    limits.certificates = 2 * MANY;
    limits
}

fn fill(runtime: &Runtime, store: &MemoryStore, entries: usize) -> Result<()> {
    (0..entries).try_for_each(|_| enrol(runtime, store).map(drop))
}

fn time(runtime: &Runtime, store: &MemoryStore) -> Result<[Duration; 2]> {
    let mut times = (0..TIMED).map(|_| enrol(runtime, store)).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    Ok([at(50), at(99)])
}

fn enrol(runtime: &Runtime, store: &MemoryStore) -> Result<Duration> {
    let number = number();
    let (begin, certificate) = (request(number)?, certificate(number)?);
    let began = Instant::now();
    runtime.block_on(async {
        let Begun::Fresh(reservation) = store.begin(&begin, NOW).await? else { bail!("not fresh") };
        Ok(store.commit(reservation, certificate, None, NOW).await?)
    })?;
    Ok(began.elapsed())
}
