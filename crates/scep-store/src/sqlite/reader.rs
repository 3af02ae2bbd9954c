//! Threads that only read; they see what the writer has written, and never wait for it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use super::connection::Connection;
use super::options::SqliteOptions;
use crate::{Cause, StoreError};

type Question = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    threads: Vec<SyncSender<Question>>,
    next: AtomicUsize,
}

const THREADS: usize = 2;
/// Questions that may wait for one thread; beyond them the store is unavailable.
const WAITING: usize = 1_024;

impl Readers {
    pub(super) fn start(path: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        let threads = (0..THREADS).map(|_| start(path, options)).collect::<Result<_, _>>()?;
        Ok(Self { threads, next: AtomicUsize::new(0) })
    }

    /// Has a question answered by one of the threads.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.threads.len());
        let thread = turn.and_then(|turn| self.threads.get(turn)).ok_or(StoreError::Poisoned)?;
        let question: Question = Box::new(move |connection| {
            // Nobody waits any more: nothing was changed either.
            let _ = answer.send(question(connection));
        });
        thread
            .try_send(question)
            .map_err(|_| StoreError::Unavailable(Cause::new("too many questions wait")))?;
        answered.await.map_err(|_| StoreError::Poisoned)?
    }
}

fn start(path: &Path, options: &SqliteOptions) -> Result<SyncSender<Question>, StoreError> {
    let connection = Connection::open(path, options)?;
    connection.refuse_writing()?;
    let (ask, asked) = sync_channel(WAITING);
    thread::Builder::new()
        .name("scep-store-read".to_owned())
        .spawn(move || answer_all(&connection, &asked))
        .map_err(|error| StoreError::Unavailable(Cause::new(error)))?;
    Ok(ask)
}

fn answer_all(connection: &Connection, asked: &Receiver<Question>) {
    while let Ok(question) = asked.recv() {
        question(connection);
    }
}
