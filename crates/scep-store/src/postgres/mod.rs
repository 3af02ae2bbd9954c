//! PostgreSQL: a bounded pool of connections, and a verb in one round trip, with others, or alone in two.

mod cells;
mod connection;
mod group;
mod options;
mod pool;
mod schema;
mod verb;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scep_types::UnixTime;

use crate::certificate::{IssuedCertificate, RevokedCertificate};
use crate::durable::{
    Backend, Care, Cell, CellRow, Changes, Durable, MOST, Occupancy, QueuedRecord, Shortcut, Table,
    Verb, Working, Writer, back_off, fresh,
};
use crate::ids::{CertificateId, EndpointId, Sha256};
use crate::journal::{Event, EventKind, EventPage, NewEvent, of_kind};
use crate::lookup::{CertificatePage, CertificatesOf};
use crate::sql::{
    CRL_ISSUERS, Counts, DUE, EVENTS, NEXT_CRL_NUMBER, NEXT_EVENTS, PURGE_EVERY, PURGED, REVOKED,
    Statements, event_writes, issuer_room,
};
use crate::{Cause, StoreError, StoreLimits};

use connection::Failure;
pub use options::{PostgresOptions, PostgresTls};
use pool::Pool;
use verb::{Attempt, IfFull};

/// The enrolment state in a PostgreSQL database: durable, exact, and shared by any number of nodes.
///
/// A new request, and whoever settles what this node reserved, is decided without reading and written by one statement,
/// which fails unless all rows are as they were believed to be; what waits meanwhile is written by the next one, up to 32
/// verbs. Where that fails, each verb is one transaction of its own, which reads first, at the level REPEATABLE READ: if another
/// changed a row that it writes, it is run again, at most 64 times. There are no advisory locks, no server-side code and no
/// table locks, so that databases which speak the same protocol will do too. Reservations are committed asynchronously: a
/// crash of the database may take one back, and then its holder's commit fails with [`StoreError::LeaseLost`]. Whatever
/// fails or takes too long is [`StoreError::Unavailable`], to all that were written together.
///
/// A server with `fsync` or `synchronous_commit` off is refused at the start. With replicas, only synchronous ones
/// (`synchronous_standby_names`) keep what was committed when the primary is lost.
pub type PostgresStore = Durable<Postgres>;

/// Where a [`PostgresStore`] keeps its records.
pub struct Postgres {
    shared: Arc<Shared>,
    shortcut: Shortcut,
}

struct Shared {
    pool: Pool,
    statements: Statements,
    limits: StoreLimits,
    counts: Mutex<Counts>,
    verbs: AtomicU64,
}

/// How often a verb is run again because another changed what it writes.
const ATTEMPTS: u32 = 64;

impl Durable<Postgres> {
    /// Connects, and brings the schema up to date; nodes that start together do it once.
    ///
    /// `config` is a connection string, `host=… user=… dbname=…` or `postgresql://…`; a password in it is kept in memory.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a schema of a newer version or a server that does not keep what it commits,
    /// [`StoreError::Address`] for what is no connection string, [`StoreError::Unavailable`] for whatever else fails.
    pub async fn connect(
        config: &str,
        tls: PostgresTls,
        options: PostgresOptions,
    ) -> Result<Self, StoreError> {
        let pool = Pool::new(config, tls, &options)?;
        let shared = Shared {
            pool,
            statements: Statements::new(),
            limits: options.limits,
            counts: Mutex::default(),
            verbs: AtomicU64::new(0),
        };
        shared.prepare().await?;
        Ok(Self::on(Postgres { shared: Arc::new(shared), shortcut: Shortcut::new() }))
    }

    /// Whether [`connect`](Self::connect) would find a server that is fit; it writes nothing.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn probe(
        config: &str,
        tls: PostgresTls,
        options: PostgresOptions,
    ) -> Result<(), StoreError> {
        let pool = Pool::new(config, tls, &options)?;
        let mut lease = pool.lease().await?;
        pool.in_time(schema::check(lease.connection()?)).await
    }
}

impl Backend for Postgres {
    async fn run<T: Send + 'static>(&self, verb: Verb<T>, care: Care) -> Result<T, StoreError> {
        self.tend(verb.now);
        // Where room may end with what is on its way, each verb is looked at alone.
        let occupancy = self.shared.counts().occupancy().and(2 * MOST as u64);
        let room = (self.shared.limits, occupancy);
        if let Some(answer) = self.shortcut.take(&self.shared, &verb, care, room).await? {
            return Ok(answer);
        }
        let mut if_full = IfFull::Undo;
        for attempt in 0..ATTEMPTS {
            let occupancy = self.shared.counts().occupancy();
            match self.shared.attempt(&verb, (care, if_full), occupancy).await? {
                Attempt::Answered(answer, changes) => {
                    self.shared.counts().note(&changes);
                    self.shortcut.note(changes);
                    return answer;
                }
                Attempt::Overtaken => back_off(attempt).await?,
                Attempt::NoRoom => {
                    self.shared.make_room(verb.now).await?;
                    if_full = IfFull::Refuse;
                }
            }
        }
        Err(contended())
    }

    async fn queue(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<QueuedRecord>, StoreError> {
        let cells = [Cell::text(endpoint.as_str()), Cell::time(now)];
        let rows = self.shared.query(&self.shared.statements.queue, &cells).await?;
        rows.into_iter().map(QueuedRecord::from_cells).collect()
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        let rows = self.shared.query(REVOKED, &[Cell::digest(issuer)]).await?;
        rows.into_iter().map(RevokedCertificate::from_cells).collect()
    }

    async fn due(
        &self,
        endpoint: &EndpointId,
        most: usize,
        now: UnixTime,
    ) -> Result<Vec<CertificateId>, StoreError> {
        let cells = [Cell::text(endpoint.as_str()), Cell::time(now), Cell::number(most as u64)];
        let rows = self.shared.query(DUE, &cells).await?;
        rows.into_iter().map(CertificateId::from_cells).collect()
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let (sql, cells) = crate::sql::page(of, page, now);
        let rows = self.shared.query(&sql, &cells).await?;
        rows.into_iter().map(IssuedCertificate::from_cells).collect()
    }

    async fn record(&self, events: Vec<NewEvent>, now: UnixTime) -> Result<(), StoreError> {
        for kind in EventKind::ALL {
            self.shared.record(kind, &of_kind(&events, kind), now).await?;
        }
        Ok(())
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        let cells = crate::sql::event_page(kind, page, &self.shared.limits, now);
        let rows = self.shared.query(EVENTS, &cells).await?;
        rows.into_iter().map(Event::from_cells).collect()
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        let issuer = [Cell::digest(issuer)];
        let rows = self.shared.query(CRL_ISSUERS, &issuer).await?;
        issuer_room(rows.first(), &self.shared.limits)?;
        let row = self.shared.query(NEXT_CRL_NUMBER, &issuer).await?.pop();
        number(row.as_deref())
    }
}

impl Postgres {
    /// Now and then purges and counts beside the verbs; what has ended counts as absent before.
    fn tend(&self, now: UnixTime) {
        let verbs = self.shared.verbs.fetch_add(1, Ordering::Relaxed);
        if verbs % PURGE_EVERY == PURGE_EVERY - 1 {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                // If it fails, a verb will fail likewise and say so; the next purge finds what this one left.
                let _ = shared.purge(now).await;
                if shared.counts().is_old() {
                    let _ = shared.recount().await;
                }
            });
        }
    }
}

impl Writer for Shared {
    async fn write(&self, group: &[Changes], care: Care) -> Result<bool, StoreError> {
        let mut lease = self.pool.lease().await?;
        let connection = lease.connection()?;
        let stands = self.pool.in_time(group::write(connection, group, care)).await?;
        lease.keep();
        if stands {
            group.iter().for_each(|changes| self.counts().note(changes));
        }
        Ok(stands)
    }
}

impl Shared {
    async fn prepare(&self) -> Result<(), StoreError> {
        let mut lease = self.pool.lease().await?;
        self.pool.in_time(schema::migrate(lease.connection()?)).await?;
        lease.keep();
        self.recount().await
    }

    async fn attempt<T>(
        &self,
        verb: &Verb<T>,
        how: (Care, IfFull),
        occupancy: Occupancy,
    ) -> Result<Attempt<T>, StoreError> {
        let mut lease = self.pool.lease().await?;
        let working = Working::new(self.limits, occupancy, fresh()?);
        let connection = lease.connection()?;
        let attempt = verb::attempt(connection, &self.statements, verb, how, working);
        let attempt = self.pool.in_time(attempt).await?;
        lease.keep();
        Ok(attempt)
    }

    /// The rows of one statement, which is a transaction of its own.
    async fn query(&self, sql: &str, cells: &[Cell<'_>]) -> Result<Vec<CellRow>, StoreError> {
        for attempt in 0..ATTEMPTS {
            let mut lease = self.pool.lease().await?;
            let connection = lease.connection()?;
            let query = async {
                match connection.query(sql, cells).await {
                    Ok(rows) => Ok(Some(rows)),
                    Err(Failure::Overtaken) => Ok(None),
                    Err(Failure::Broken(error)) => Err(error),
                }
            };
            let rows = self.pool.in_time(query).await?;
            lease.keep();
            match rows {
                Some(rows) => return Ok(rows),
                None => back_off(attempt).await?,
            }
        }
        Err(contended())
    }

    /// Each statement is a transaction of its own: what a failure cuts off are events, and numbers without one.
    async fn record(
        &self,
        kind: EventKind,
        events: &[&NewEvent],
        now: UnixTime,
    ) -> Result<(), StoreError> {
        if events.is_empty() || self.limits.events == 0 {
            return Ok(());
        }
        let numbers = [Cell::number(kind.number()), Cell::number(events.len() as u64)];
        let last = number(self.query(NEXT_EVENTS, &numbers).await?.pop().as_deref())?;
        for (sql, cells) in event_writes(kind, events, last, &self.limits, now) {
            self.query(&sql, &cells).await?;
        }
        Ok(())
    }

    async fn make_room(&self, now: UnixTime) -> Result<(), StoreError> {
        self.purge(now).await?;
        if self.counts().is_old_if_full() {
            self.recount().await?;
        }
        Ok(())
    }

    async fn purge(&self, now: UnixTime) -> Result<(), StoreError> {
        for table in Table::ALL {
            let cells = [Cell::time(now), Cell::Integer(PURGED)];
            let mut lease = self.pool.lease().await?;
            let connection = lease.connection()?;
            let statement = &self.statements.of(table).purge;
            let purge = async {
                match connection.execute(statement, &cells).await {
                    Ok(rows) => Ok(rows),
                    Err(Failure::Overtaken) => Ok(0),
                    Err(Failure::Broken(error)) => Err(error),
                }
            };
            let rows = self.pool.in_time(purge).await?;
            lease.keep();
            self.counts().subtract(table, rows);
        }
        Ok(())
    }

    async fn recount(&self) -> Result<(), StoreError> {
        let mut rows = [0; Table::COUNT];
        for (table, rows) in Table::ALL.into_iter().zip(&mut rows) {
            let row = self.query(&self.statements.of(table).count, &[]).await?.pop();
            *rows = number(row.as_deref())?;
        }
        *self.counts() = Counts::of(rows);
        Ok(())
    }

    /// Counts are only counted; nothing that panicked can have left them half done.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn contended() -> StoreError {
    StoreError::Unavailable(Cause::new("others changed the same rows each time"))
}

fn number(row: Option<&[Cell<'_>]>) -> Result<u64, StoreError> {
    match row {
        Some([Cell::Integer(number), ..]) => {
            u64::try_from(*number).map_err(|_| StoreError::Poisoned)
        }
        _ => Err(StoreError::Poisoned),
    }
}

/// Nothing of what it holds, and nothing of how it connects.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}
