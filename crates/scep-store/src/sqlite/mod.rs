//! SQLite: one thread writes, in groups; others read.

mod connection;
mod options;
mod reader;
mod session;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use scep_types::UnixTime;

use crate::certificate::{IssuedCertificate, RevokedCertificate};
use crate::durable::{Backend, Care, Cell, Durable, Occupancy, QueuedRecord, Verb, Working, fresh};
use crate::ids::{CertificateId, EndpointId, Sha256};
use crate::journal::{Event, EventKind, EventPage, NewEvent};
use crate::lookup::{CertificatePage, CertificatesOf};
use crate::sql::{DUE, EVENTS, REVOKED, Statements};
use crate::{StoreError, StoreLimits};

use connection::Connection;
pub use options::{SqliteOptions, Synchronous};
use reader::Readers;
use writer::Writer;

/// The enrolment state in a SQLite file: durable, exact, and shared by the processes of one machine.
///
/// One thread writes. What waits for it while it writes is written next, all in one transaction, so that many
/// enrolments cost one flush of the disk; nothing is answered before its transaction stands. A reservation alone waits for no
/// flush: a power failure may take it back, and then its holder's commit fails with [`StoreError::LeaseLost`]. The file is in
/// WAL mode, so it has two more beside it, and must not lie on a network file system.
///
/// The process may be killed at any moment. With [`Synchronous::Full`], the default, the machine may be too.
pub type SqliteStore = Durable<Sqlite>;

/// Where a [`SqliteStore`] keeps its records.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    statements: Arc<Statements>,
    limits: StoreLimits,
}

impl Durable<Sqlite> {
    /// Opens the file, makes it if there is none, and brings its schema up to date; it blocks while it does.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a file of a newer version, [`StoreError::Unavailable`] if it cannot be opened.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let statements = Arc::new(Statements::new());
        let writer = Writer::start(path, &options, Arc::clone(&statements))?;
        let readers = Readers::start(path, &options)?;
        Ok(Self::on(Sqlite { writer, readers, statements, limits: options.limits }))
    }

    /// Whether [`open`](Self::open) would find a file that is fit; it writes nothing, and that there is none is fit too.
    ///
    /// # Errors
    /// As `open`.
    pub fn probe(path: impl AsRef<Path>) -> Result<(), StoreError> {
        if path.as_ref().exists() {
            session::check(&Connection::look(path.as_ref())?)
        } else {
            Ok(())
        }
    }
}

impl Backend for Sqlite {
    async fn run<T: Send + 'static>(&self, verb: Verb<T>, care: Care) -> Result<T, StoreError> {
        if care == Care::Reads {
            let (limits, statements) = (self.limits, Arc::clone(&self.statements));
            let working = Working::new(limits, Occupancy::default(), fresh()?);
            self.readers.ask(move |reader| reader.run(&statements, &verb, working)?.0).await
        } else {
            self.writer.ask(care, move |session| session.run(&verb)).await
        }
    }

    async fn queue(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<QueuedRecord>, StoreError> {
        let cells = [Cell::text(endpoint.as_str()), Cell::time(now)].map(Cell::into_owned);
        let statements = Arc::clone(&self.statements);
        let rows = self.readers.ask(move |reader| reader.query(&statements.queue, &cells)).await?;
        rows.into_iter().map(QueuedRecord::from_cells).collect()
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        let cells = [Cell::digest(issuer).into_owned()];
        let rows = self.readers.ask(move |reader| reader.query(REVOKED, &cells)).await?;
        rows.into_iter().map(RevokedCertificate::from_cells).collect()
    }

    async fn due(
        &self,
        endpoint: &EndpointId,
        most: usize,
        now: UnixTime,
    ) -> Result<Vec<CertificateId>, StoreError> {
        let cells = [Cell::text(endpoint.as_str()), Cell::time(now), Cell::number(most as u64)];
        let cells = cells.map(Cell::into_owned);
        let rows = self.readers.ask(move |reader| reader.query(DUE, &cells)).await?;
        rows.into_iter().map(CertificateId::from_cells).collect()
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let (sql, cells) = crate::sql::page(of, page, now);
        let rows = self.readers.ask(move |reader| reader.query(&sql, &cells)).await?;
        rows.into_iter().map(IssuedCertificate::from_cells).collect()
    }

    async fn record(&self, events: Vec<NewEvent>, now: UnixTime) -> Result<(), StoreError> {
        self.writer.ask(Care::Passing, move |session| session.record(&events, now)).await
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        let cells = crate::sql::event_page(kind, page, &self.limits, now);
        let rows = self.readers.ask(move |reader| reader.query(EVENTS, &cells)).await?;
        rows.into_iter().map(Event::from_cells).collect()
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        let issuer = *issuer;
        self.writer.ask(Care::Lasting, move |session| session.next_crl_number(&issuer)).await
    }
}

/// Nothing of what it holds.
impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("limits", &self.limits).finish_non_exhaustive()
    }
}
