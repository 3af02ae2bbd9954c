//! Redis and Valkey: a script to read, and one to write, for many verbs at a time, what nobody changed since.

mod batch;
mod call;
mod encoding;
mod journal;
mod keys;
mod options;
mod places;
mod purge;
mod server;
mod upgrade;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::aio::ConnectionManager;
use redis::{ErrorKind, FromRedisValue, Script, ServerErrorKind};
use scep_types::UnixTime;

use crate::certificate::{IssuedCertificate, RevokedCertificate};
use crate::durable::{
    Backend, Care, Change, Changes, Durable, Key, Occupancy, QueuedRecord, ROUNDS, Record,
    Shortcut, Stop, Table, Verb, Working, Writer, back_off, fresh,
};
use crate::error::Capacity;
use crate::ids::{CertificateId, EndpointId, Sha256};
use crate::journal::{Event, EventKind, EventPage, NewEvent};
use crate::lookup::{CertificatePage, CertificatesOf};
use crate::{Cause, StoreError, StoreLimits};

use batch::Batch;
use keys::Keys;
pub use options::{RedisOptions, RedisPersistence};
use purge::Slots;

/// The enrolment state in Redis or Valkey, shared by any number of nodes; as durable as the server is.
///
/// A verb is one script that writes, and does so only if each record it changes is what it was believed to be: absent for a new
/// request, and what this node wrote for whoever settles what it reserved. What waits meanwhile is written by the next call, up
/// to 32 verbs. Where that fails, a script reads first, and the verb is run again if another was quicker, at most 64 times. All
/// keys carry one hash tag, so that a cluster keeps them in one slot: one node of it serves one store.
///
/// A reservation is in the server's memory alone, unless it takes of an allowance: a crash or a failover takes it back, and
/// then its holder's commit fails with [`StoreError::LeaseLost`].
///
/// *Durability.* A server that may evict keys (`maxmemory-policy` other than `noeviction`) is refused at the start, and unless
/// [`RedisPersistence`] says otherwise one without `appendonly yes` and `appendfsync always` too: with `everysec` a power
/// failure takes back the last second, and with it used challenges, issued certificates and CRL numbers. Replication is
/// asynchronous: a failover may take back what a replica had not heard of, unless [`RedisOptions::replicas`] makes each
/// lasting verb wait for them (`WAIT`), and even that narrows the gap without closing it. Where a certificate must never be
/// forgotten, use PostgreSQL.
///
/// Limits are checked by the script that writes, or where room is about to end by the one that reads: there verbs that begin at
/// the same moment may together exceed one by their number.
pub type RedisStore = Durable<Redis>;

/// Where a [`RedisStore`] keeps its records.
pub struct Redis {
    shared: Arc<Shared>,
    shortcut: Shortcut,
}

struct Shared {
    connection: ConnectionManager,
    options: RedisOptions,
    keys: Keys,
    scripts: Scripts,
    verbs: AtomicU64,
    /// The next write's mark; each node begins somewhere else.
    marks: AtomicU64,
}

struct Scripts {
    load: Script,
    write: Script,
    drop_slot: Script,
    crl_number: Script,
    journal: Script,
}

/// What a verb came to.
type Decided<T> = (Result<T, StoreError>, Vec<Change>);

/// What a server says to a script that it has not seen since it started.
const NO_SCRIPT: ErrorKind = ErrorKind::Server(ServerErrorKind::NoScript);
/// How often a verb is run again because another changed what it writes.
const ATTEMPTS: u32 = 64;
/// A node purges each time it has run this many verbs: it removes far more than they add.
const PURGE_EVERY: u64 = 64;

impl Durable<Redis> {
    /// Connects to `redis://…`, `rediss://…` (TLS) or `unix://…`, and refuses a server that is not set up to keep what it
    /// is given.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a server that evicts or forgets, or records of a newer version;
    /// [`StoreError::Address`] for another URL; [`StoreError::Unavailable`] for whatever else fails.
    pub async fn connect(url: &str, options: RedisOptions) -> Result<Self, StoreError> {
        let mut connection = server::connect(url, &options).await?;
        let keys = Keys::new(&options.prefix);
        server::check(&mut connection, options.persistence).await?;
        server::check_version(&mut connection, &keys).await?;
        let (scripts, verbs) = (Scripts::new(), AtomicU64::new(0));
        let marks = AtomicU64::new(fresh()?.id);
        let shared = Shared { connection, options, keys, scripts, verbs, marks };
        upgrade::upgrade(&shared).await?;
        Ok(Self::on(Redis { shared: Arc::new(shared), shortcut: Shortcut::new() }))
    }

    /// Whether [`connect`](Self::connect) would succeed; it writes nothing.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn probe(url: &str, options: &RedisOptions) -> Result<(), StoreError> {
        let mut connection = server::connect(url, options).await?;
        server::check(&mut connection, options.persistence).await?;
        server::read_version(&mut connection, &Keys::new(&options.prefix)).await
    }
}

impl Backend for Redis {
    async fn run<T: Send + 'static>(&self, verb: Verb<T>, care: Care) -> Result<T, StoreError> {
        self.tend(verb.now);
        // That there is room is looked at when it is written.
        let room = (self.shared.options.limits, Occupancy::default());
        if let Some(answer) = self.shortcut.take(&self.shared, &verb, care, room).await? {
            return Ok(answer);
        }
        let mut may_make_room = true;
        for attempt in 0..ATTEMPTS {
            let (answer, changes) = self.shared.decide(&verb, care).await?;
            if matches!(answer, Err(StoreError::Full { .. })) && may_make_room {
                may_make_room = false;
                self.shared.purge(Slots::Present, verb.now).await?;
                continue;
            }
            let changes = Arc::new(changes);
            if self.shared.write_alone(&changes, care).await? {
                self.shortcut.note(Arc::into_inner(changes).unwrap_or_default());
                return answer;
            }
            back_off(attempt).await?;
        }
        Err(StoreError::Unavailable(Cause::new("others changed the same records each time")))
    }

    async fn queue(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<QueuedRecord>, StoreError> {
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(self.shared.keys.waiting()).arg(format!("({}", now.as_secs())).arg("+inf");
        let ids: Vec<Vec<u8>> = self.shared.ask(&command).await?;
        let records = self.shared.records(Table::Queue, &ids).await?;
        let queued = records.into_iter().filter_map(|record| match record {
            Record::Queued(queued) if queued.key.endpoint == *endpoint => Some(*queued),
            _ => None,
        });
        Ok(queued.collect())
    }

    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError> {
        let mut command = redis::cmd("ZRANGEBYLEX");
        let [first, last] = encoding::range_of(issuer);
        command.arg(self.shared.keys.revoked()).arg(first).arg(last);
        let ids: Vec<Vec<u8>> = self.shared.ask(&command).await?;
        let records = self.shared.records(Table::Certificates, &ids).await?;
        let lines = records.into_iter().filter_map(|record| match record {
            Record::Certificate(found) => {
                let serial = found.issued.certificate.id.serial;
                let revocation = found.issued.revocation?;
                Some(RevokedCertificate { serial, revocation })
            }
            _ => None,
        });
        Ok(lines.collect())
    }

    async fn due(
        &self,
        endpoint: &EndpointId,
        most: usize,
        now: UnixTime,
    ) -> Result<Vec<CertificateId>, StoreError> {
        let mut command = redis::cmd("ZRANGEBYLEX");
        let [first, last] = encoding::range_of_due(endpoint, now);
        command.arg(self.shared.keys.due()).arg(first).arg(last).arg("LIMIT").arg(0).arg(most);
        let entries: Vec<Vec<u8>> = self.shared.ask(&command).await?;
        entries.iter().map(|entry| encoding::certificate_of(entry, endpoint)).collect()
    }

    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let [mut newest, oldest] = places::range(of, page);
        let mut live = Vec::new();
        while live.len() < page.most() {
            let mut command = redis::cmd("ZREVRANGEBYLEX");
            command.arg(self.shared.keys.places()).arg(newest).arg(&oldest);
            command.arg("LIMIT").arg(0).arg(page.most());
            let members: Vec<Vec<u8>> = self.shared.ask(&command).await?;
            let Some(last) = members.last() else { break };
            newest = places::after(last);
            let fields = members.iter().map(|member| places::field(of, member));
            let fields = fields.collect::<Result<Vec<_>, _>>()?;
            let records = self.shared.records(Table::Certificates, &fields).await?;
            live.extend(records.into_iter().filter_map(|record| match record {
                Record::Certificate(found) if now < found.ends => Some(found.issued),
                _ => None,
            }));
        }
        live.truncate(page.most());
        Ok(live)
    }

    async fn record(&self, events: Vec<NewEvent>, now: UnixTime) -> Result<(), StoreError> {
        self.record_events(&events, now).await
    }

    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        self.page_of_events(kind, page, now).await
    }

    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError> {
        let limit = self.shared.options.limits.issuers;
        let mut call = self.shared.scripts.crl_number.prepare_invoke();
        call.key(self.shared.keys.crl_numbers()).arg(issuer.octets().as_slice()).arg(limit as u64);
        let number: u64 =
            call.invoke_async(&mut self.shared.connection.clone()).await.map_err(unavailable)?;
        if number == 0 {
            return Err(StoreError::Full { what: Capacity::Issuers, limit });
        }
        self.shared.wait_for_replicas(Care::Lasting).await?;
        Ok(number)
    }
}

impl Redis {
    /// Now and then purges beside the verbs; what has ended counts as absent before.
    fn tend(&self, now: UnixTime) {
        let verbs = self.shared.verbs.fetch_add(1, Ordering::Relaxed);
        if verbs % PURGE_EVERY == PURGE_EVERY - 1 {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                // If it fails, a verb will fail likewise and say so; the next purge finds what this one left.
                let _ = shared.purge(Slots::Past, now).await;
            });
        }
    }
}

impl Writer for Shared {
    async fn write(&self, group: &[Changes], care: Care) -> Result<bool, StoreError> {
        self.write_group(group, care, Some(&self.options.limits)).await
    }
}

impl Shared {
    async fn decide<T>(&self, verb: &Verb<T>, care: Care) -> Result<Decided<T>, StoreError> {
        let mut wanted = verb.first.clone();
        let (mut loaded, occupancy) = self.load(&wanted).await?;
        let mut working = Working::new(self.options.limits, occupancy, fresh()?);
        for _ in 0..ROUNDS {
            for (key, record) in std::mem::take(&mut wanted).into_iter().zip(loaded) {
                working.load(key, record)?;
            }
            match working.run(&verb.plan) {
                Err(Stop::Missing(keys)) => wanted = keys,
                Err(Stop::Refused(error)) => return Ok((Err(error), changes(working, care))),
                Ok(answer) => return Ok((Ok(answer), changes(working, care))),
            }
            (loaded, _) = self.load(&wanted).await?;
        }
        Err(StoreError::Poisoned)
    }

    async fn load(&self, wanted: &[Key]) -> Result<(Vec<Option<Record>>, Occupancy), StoreError> {
        let mut call = self.scripts.load.prepare_invoke();
        self.keys.of_load().into_iter().for_each(|key| {
            call.key(key);
        });
        for key in wanted {
            let (kind, field) = encoding::place(key);
            call.arg(kind).arg(field);
        }
        let (found, counts): (Vec<Option<Vec<u8>>>, [u64; Table::COUNT]) =
            call.invoke_async(&mut self.connection.clone()).await.map_err(unavailable)?;
        let tables = wanted.iter().map(|key| key.lookup().0.table());
        let record = |(found, table): (Option<Vec<u8>>, Table)| {
            found.map(|value| encoding::decode(table, &value)).transpose()
        };
        let records = found.into_iter().zip(tables).map(record).collect::<Result<_, _>>()?;
        Ok((records, Occupancy::of(counts)))
    }

    /// Whether nothing had changed, so that the changes stand; that there is room was decided.
    async fn write_alone(&self, changes: &Changes, care: Care) -> Result<bool, StoreError> {
        if changes.is_empty() {
            return Ok(true);
        }
        self.write_group(std::slice::from_ref(changes), care, None).await
    }

    /// Whether the verbs of a group stand: all records were as before, and below these limits there was room.
    async fn write_group(
        &self,
        group: &[Changes],
        care: Care,
        limits: Option<&StoreLimits>,
    ) -> Result<bool, StoreError> {
        let stands = self.call(Batch::of(group, care), limits).await?;
        if stands {
            self.wait_for_replicas(care).await?;
        }
        Ok(stands)
    }

    async fn call(&self, batch: Batch, limits: Option<&StoreLimits>) -> Result<bool, StoreError> {
        let mark = self.marks.fetch_add(1, Ordering::Relaxed);
        let script = &self.scripts.write;
        let call = batch.call(script, &self.keys, limits, mark);
        let mut connection = self.connection.clone();
        let written: u8 = match call.query_async(&mut connection).await {
            Err(error) if error.kind() == NO_SCRIPT => {
                script.load_async(&mut connection).await.map_err(unavailable)?;
                call.query_async(&mut connection).await.map_err(unavailable)?
            }
            written => written.map_err(unavailable)?,
        };
        Ok(written == 1)
    }

    /// Too few of them, and it is unknown whether what was written will stand.
    async fn wait_for_replicas(&self, care: Care) -> Result<(), StoreError> {
        let wanted = self.options.replicas;
        if wanted == 0 || care != Care::Lasting {
            return Ok(());
        }
        let mut command = redis::cmd("WAIT");
        let milliseconds = self.options.timeout.as_millis().saturating_div(2);
        command.arg(wanted).arg(u64::try_from(milliseconds).unwrap_or(u64::MAX));
        let heard: u32 = self.ask(&command).await?;
        if heard < wanted {
            return Err(StoreError::Unavailable(Cause::new("too few replicas heard of it")));
        }
        Ok(())
    }

    /// These records, without those that are gone meanwhile.
    async fn records(&self, table: Table, fields: &[Vec<u8>]) -> Result<Vec<Record>, StoreError> {
        Ok(self.values(table, fields).await?.into_iter().flatten().collect())
    }

    async fn values(
        &self,
        table: Table,
        fields: &[Vec<u8>],
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let mut records = Vec::with_capacity(fields.len());
        for some in fields.chunks(1_000) {
            let mut command = redis::cmd("HMGET");
            command.arg(self.keys.records(table)).arg(some);
            let values: Vec<Option<Vec<u8>>> = self.ask(&command).await?;
            for value in values {
                records.push(value.map(|value| encoding::decode(table, &value)).transpose()?);
            }
        }
        Ok(records)
    }

    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreError> {
        command.query_async(&mut self.connection.clone()).await.map_err(unavailable)
    }
}

impl Scripts {
    fn new() -> Self {
        Self {
            load: Script::new(include_str!("load.lua")),
            write: Script::new(include_str!("write.lua")),
            drop_slot: Script::new(include_str!("drop-slot.lua")),
            crl_number: Script::new(include_str!("crl-number.lua")),
            journal: Script::new(include_str!("journal.lua")),
        }
    }
}

/// What becomes of the records. A lasting verb writes all that it looked at, since what a reservation wrote is in memory only.
fn changes(working: Working, care: Care) -> Vec<Change> {
    match care {
        Care::Lasting => working.into_loaded(),
        Care::Reads | Care::Passing => working.into_changes(),
    }
}

fn unavailable(error: redis::RedisError) -> StoreError {
    StoreError::Unavailable(Cause::new(error))
}

/// Nothing of what it holds, and nothing of how it connects.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
