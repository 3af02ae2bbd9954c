//! What is written into the store's journal: in batches, behind the answers, so that no request waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scep_server::{Clock as _, SystemClock};
use scep_store::{EnrolmentStore, EventKind, NewEvent, StoreError};
use scep_types::UnixTime;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Events that may wait for the store; more are lost and counted.
const MOST_WAITING: usize = 4_096;
/// How long the first event of a batch waits for others.
const GATHERING: Duration = Duration::from_millis(50);
/// How often a batch is written until it is given up, a second apart: a store that is restarted loses none.
const ATTEMPTS: u32 = 60;
/// How long a reader waits for what happened before it asked.
const SETTLING: Duration = Duration::from_secs(1);

/// The way into the journal.
#[derive(Debug)]
pub(super) struct Journal {
    entries: Mutex<Option<mpsc::Sender<Entry>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    Event(NewEvent),
    /// Someone waits until all before it is written.
    Settle(oneshot::Sender<()>),
}

impl Journal {
    /// Starts the task that writes.
    pub(super) fn start(store: Arc<dyn EnrolmentStore>, runtime: &Handle) -> Self {
        let (entries, received) = mpsc::channel(MOST_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = runtime.spawn(write_all(store, received, lost.clone()));
        Self { entries: Mutex::new(Some(entries)), writer: Mutex::new(Some(writer)), lost }
    }

    /// Has an event written, sooner or later; it never waits.
    pub(super) fn record(&self, kind: EventKind, at: UnixTime, what: &impl Serialize) {
        let line = serde_json::to_string(what).ok();
        let event = line.and_then(|line| NewEvent::new(kind, at, &line).ok());
        let sent = event.is_some_and(|event| self.send(Entry::Event(event)));
        if !sent {
            lose(&self.lost, 1);
        }
    }

    /// Waits until all that was recorded before is written, but not for long.
    pub(super) async fn settle(&self) {
        let (settled, done) = oneshot::channel();
        if self.send(Entry::Settle(settled)) {
            // If it takes too long, what is there already is shown.
            let _ = timeout(SETTLING, done).await;
        }
    }

    /// Events that are in no journal.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits, and no more from then on.
    pub(super) async fn close(&self, patience: Duration) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && timeout(patience, writer).await.is_err()
        {
            tracing::warn!("the store did not take the newest events of the journal");
        }
    }

    fn send(&self, entry: Entry) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.as_ref().is_some_and(|entries| entries.try_send(entry).is_ok())
    }
}

async fn write_all(
    store: Arc<dyn EnrolmentStore>,
    mut entries: mpsc::Receiver<Entry>,
    lost: Arc<AtomicU64>,
) {
    while let Some(first) = entries.recv().await {
        if matches!(first, Entry::Event(_)) {
            sleep(GATHERING).await;
        }
        let (mut events, mut waiting) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(entry) = next {
            match entry {
                Entry::Event(event) => events.push(event),
                Entry::Settle(settled) => waiting.push(settled),
            }
            let is_full = events.len() >= NewEvent::MAX_BATCH;
            next = if is_full { None } else { entries.try_recv().ok() };
        }
        if !events.is_empty() && write(&*store, &events).await.is_err() {
            lose(&lost, events.len() as u64);
        }
        for settled in waiting {
            let _ = settled.send(()); // whoever waited may have gone
        }
    }
}

async fn write(store: &dyn EnrolmentStore, events: &[NewEvent]) -> Result<(), StoreError> {
    let mut written = store.record_events(events, SystemClock.now()).await;
    for _ in 1..ATTEMPTS {
        let Err(error @ StoreError::Unavailable(_)) = &written else { break };
        tracing::warn!(%error, "the journal is not written yet");
        sleep(Duration::from_secs(1)).await;
        written = store.record_events(events, SystemClock.now()).await;
    }
    written.inspect_err(|error| tracing::error!(%error, "the journal cannot be written"))
}

fn lose(lost: &AtomicU64, events: u64) {
    lost.fetch_add(events, Ordering::Relaxed);
    tracing::error!(events, "events are in no journal: they cannot be written fast enough");
}

#[cfg(test)]
mod tests {
    use scep_store::{EventPage, MemoryStore, StoreLimits};

    use super::*;

    #[tokio::test]
    async fn whoever_settles_or_closes_the_journal_finds_every_event_in_the_store() {
        let mut limits = StoreLimits::in_memory();
        limits.events = 10_000;
        let store: Arc<dyn EnrolmentStore> = Arc::new(MemoryStore::new(limits));
        let journal = Journal::start(store.clone(), &Handle::current());
        let now = SystemClock.now();
        let newest = async || {
            let page = EventPage::newest(1).unwrap();
            store.events(EventKind::Decision, &page, now).await.unwrap()[0].line.clone()
        };
        (0..1_000).for_each(|number| journal.record(EventKind::Decision, now, &number));
        journal.settle().await;
        assert_eq!(newest().await, "999");
        (1_000..2_000).for_each(|number| journal.record(EventKind::Decision, now, &number));
        journal.close(Duration::from_secs(60)).await;
        assert_eq!(newest().await, "1999");
        assert_eq!(journal.lost(), 0);
        journal.record(EventKind::Decision, now, &"too late");
        assert_eq!(journal.lost(), 1);
    }

    #[tokio::test]
    async fn what_finds_no_place_is_counted_and_nobody_waits_for_it() {
        let store: Arc<dyn EnrolmentStore> = Arc::new(MemoryStore::default());
        let journal = Journal::start(store, &Handle::current());
        // On one thread nothing is written while this loop runs.
        let events = MOST_WAITING + 7;
        (0..events)
            .for_each(|number| journal.record(EventKind::Decision, SystemClock.now(), &number));
        assert_eq!(journal.lost(), 7);
    }
}
