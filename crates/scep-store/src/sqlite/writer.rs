//! The thread that writes: it takes all that waits for it into one transaction.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use super::connection::Connection;
use super::options::{SqliteOptions, Synchronous};
use super::session::Session;
use crate::durable::Care;
use crate::sql::Statements;
use crate::{Cause, StoreError};

/// A verb that waits to be written.
struct Job {
    care: Care,
    run: Box<Run>,
}

/// What a job does in a transaction, or in place of one that could not be begun.
type Run = dyn FnOnce(Result<&mut Session, StoreError>) -> Reply + Send;

/// Answers whoever waits, once it is known whether the transaction stands.
type Reply = Box<dyn FnOnce(Result<(), StoreError>)>;

pub(super) struct Writer(SyncSender<Job>);

/// Jobs of one transaction: enough to make a flush cheap, few enough to keep the first one from waiting long.
const GROUP: usize = 256;
/// Jobs that may wait; beyond them the store is unavailable.
const WAITING: usize = 4_096;

impl Writer {
    /// Brings the schema up to date and starts the thread; it ends with the writer, after what waits.
    pub(super) fn start(
        path: &Path,
        options: &SqliteOptions,
        statements: Arc<Statements>,
    ) -> Result<Self, StoreError> {
        let connection = Connection::open(path, options)?;
        let session = Session::new(connection, statements, options.limits)?;
        let synchronous = options.synchronous;
        let (submit, submitted) = sync_channel(WAITING);
        thread::Builder::new()
            .name("scep-store-write".to_owned())
            .spawn(move || write_all(session, synchronous, &submitted))
            .map_err(|error| StoreError::Unavailable(Cause::new(error)))?;
        Ok(Self(submit))
    }

    /// Has a job done; the answer comes when its transaction stands.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        care: Care,
        job: impl FnOnce(&mut Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let run = move |session: Result<&mut Session, StoreError>| -> Reply {
            let result = session.and_then(job);
            Box::new(move |written| {
                // If nobody waits any more, it stands all the same; the client's retry finds it.
                let _ = answer.send(written.and(result));
            })
        };
        self.0.try_send(Job { care, run: Box::new(run) }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable(Cause::new("too many verbs wait")),
            TrySendError::Disconnected(_) => StoreError::Poisoned,
        })?;
        answered.await.map_err(|_| StoreError::Poisoned)?
    }
}

fn write_all(mut session: Session, synchronous: Synchronous, submitted: &Receiver<Job>) {
    let mut flushed = synchronous;
    while let Ok(first) = submitted.recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = submitted.try_recv()
        {
            group.push(next);
        }
        let lasting = group.iter().any(|job| job.care == Care::Lasting);
        let wanted = if lasting { synchronous } else { Synchronous::Normal };
        write(&mut session, (&mut flushed, wanted), group);
    }
}

fn write(
    session: &mut Session,
    (flushed, wanted): (&mut Synchronous, Synchronous),
    group: Vec<Job>,
) {
    let began = session.begin(flushed, wanted);
    let mut replies = Vec::with_capacity(group.len());
    for job in group {
        replies.push((job.run)(began.clone().map(|()| &mut *session)));
    }
    let written = began.and_then(|()| session.commit());
    if written.is_err() {
        session.roll_back();
    }
    for reply in replies {
        reply(written.clone());
    }
}
