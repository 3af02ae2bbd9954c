//! The records a verb works on: loaded by key, changed here, and written back together or not at all.

use scep_types::UnixTime;

use super::records::{
    AllowanceRecord, CertificateRecord, ChallengeRecord, DeviceRecord, PasswordRecord,
    QueuedRecord, ShelfRecord, TransactionRecord, UnsentRecord,
};
use super::tables::Table;
use crate::error::Capacity;
use crate::ids::{CertificateId, EndpointId, Sha256, TransactionKey};
use crate::{StoreError, StoreLimits};

/// By what a record is loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    Transaction(TransactionKey),
    /// The transaction of a reservation, or the one that has a challenge.
    TransactionById(u64),
    Challenge(Sha256),
    Device(Sha256),
    /// What is used of an allowance; its key is no device's.
    Allowance(Sha256),
    Certificate(CertificateId),
    Queued(u64),
    /// The notice about a certificate.
    Unsent(CertificateId),
    Password(Sha256),
    /// The live passwords of an endpoint.
    Shelf(EndpointId),
}

/// A record of any kind.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Transaction(Box<TransactionRecord>),
    Challenge(ChallengeRecord),
    Device(DeviceRecord),
    Allowance(AllowanceRecord),
    Certificate(Box<CertificateRecord>),
    Queued(Box<QueuedRecord>),
    Unsent(Box<UnsentRecord>),
    Password(Box<PasswordRecord>),
    Shelf(ShelfRecord),
}

/// What becomes of one record: one of the two is there, and they differ.
pub(crate) struct Change {
    pub(crate) before: Option<Record>,
    pub(crate) after: Option<Record>,
}

#[cfg(any(feature = "postgres", feature = "redis"))]
impl Change {
    /// All keys by which the record is found.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> + use<> {
        let record = self.after.as_ref().or(self.before.as_ref());
        let (key, name) = match record {
            None => (None, None),
            Some(Record::Transaction(found)) => {
                let name = Key::Transaction(found.key.clone());
                (Some(Key::TransactionById(found.id)), Some(name))
            }
            Some(Record::Challenge(found)) => (Some(Key::Challenge(found.key)), None),
            Some(Record::Device(found)) => (Some(Key::Device(found.key)), None),
            Some(Record::Certificate(found)) => (Some(Key::Certificate(found.key())), None),
            Some(Record::Queued(found)) => (Some(Key::Queued(found.id)), None),
            Some(Record::Unsent(found)) => (Some(Key::Unsent(found.certificate)), None),
            Some(Record::Allowance(found)) => (Some(Key::Allowance(found.key)), None),
            Some(Record::Password(found)) => (Some(Key::Password(found.password.key)), None),
            Some(Record::Shelf(found)) => (Some(Key::Shelf(found.endpoint.clone())), None),
        };
        key.into_iter().chain(name)
    }
}

/// Why a verb did not come to its end.
pub(crate) enum Stop {
    /// It needs these records too; load them and run it again.
    Missing(Vec<Key>),
    /// It refuses. What it changed before is to be written all the same.
    Refused(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// How much a store holds of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Occupancy {
    pub(crate) challenges: u64,
    pub(crate) transactions: u64,
    pub(crate) queued: u64,
    pub(crate) devices: u64,
    pub(crate) certificates: u64,
    pub(crate) notices: u64,
    pub(crate) passwords: u64,
}

impl Occupancy {
    /// From the rows of each table, in the order of [`Table::ALL`]; nothing limits the shelves but the endpoints.
    pub(crate) const fn of(rows: [u64; Table::COUNT]) -> Self {
        let [challenges, transactions, queued, devices, certificates, notices, passwords, _] = rows;
        Self { challenges, transactions, queued, devices, certificates, notices, passwords }
    }
}

#[cfg(feature = "postgres")]
impl Occupancy {
    /// As if there were so many more of each kind.
    pub(crate) fn and(self, more: u64) -> Self {
        Self {
            challenges: self.challenges.saturating_add(more),
            transactions: self.transactions.saturating_add(more),
            queued: self.queued.saturating_add(more),
            devices: self.devices.saturating_add(more),
            certificates: self.certificates.saturating_add(more),
            notices: self.notices.saturating_add(more),
            passwords: self.passwords.saturating_add(more),
        }
    }
}

/// Random numbers for one verb: neither has been or will be drawn again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fresh {
    /// Of a transaction.
    pub(crate) id: u64,
    /// Of a reservation, so that it fences off every other, even one that the database forgot in a crash.
    pub(crate) generation: u64,
}

/// The records a verb has loaded, and what it made of them.
pub(crate) struct Working {
    pub(crate) limits: StoreLimits,
    pub(crate) fresh: Fresh,
    occupancy: Occupancy,
    names: Vec<(TransactionKey, Option<u64>)>,
    pub(crate) transactions: Records<TransactionRecord>,
    pub(crate) challenges: Records<ChallengeRecord>,
    pub(crate) devices: Records<DeviceRecord>,
    pub(crate) allowances: Records<AllowanceRecord>,
    pub(crate) certificates: Records<CertificateRecord>,
    pub(crate) queue: Records<QueuedRecord>,
    pub(crate) unsent: Records<UnsentRecord>,
    pub(crate) passwords: Records<PasswordRecord>,
    pub(crate) shelves: Records<ShelfRecord>,
}

impl Working {
    pub(crate) fn new(limits: StoreLimits, occupancy: Occupancy, fresh: Fresh) -> Self {
        Self {
            limits,
            fresh,
            occupancy,
            names: Vec::new(),
            transactions: Records::default(),
            challenges: Records::default(),
            devices: Records::default(),
            allowances: Records::default(),
            certificates: Records::default(),
            queue: Records::default(),
            unsent: Records::default(),
            passwords: Records::default(),
            shelves: Records::default(),
        }
    }

    /// Runs a verb; if it needs more records, it will find these as they were.
    pub(crate) fn run<T>(&mut self, plan: &Plan<T>) -> Result<T, Stop> {
        plan(self).inspect_err(|stop| {
            if matches!(stop, Stop::Missing(_)) {
                self.rewind();
            }
        })
    }

    fn rewind(&mut self) {
        self.transactions.rewind();
        self.challenges.rewind();
        self.devices.rewind();
        self.allowances.rewind();
        self.certificates.rewind();
        self.queue.rewind();
        self.unsent.rewind();
        self.passwords.rewind();
        self.shelves.rewind();
    }

    /// Keeps what was found under a key.
    pub(crate) fn load(&mut self, key: Key, found: Option<Record>) -> Result<(), StoreError> {
        match (key, found) {
            (Key::Transaction(name), Some(Record::Transaction(found))) if found.key == name => {
                self.names.push((name, Some(found.id)));
                self.transactions.load(found.id, Some(*found));
            }
            (Key::TransactionById(id), Some(Record::Transaction(found))) if found.id == id => {
                self.transactions.load(id, Some(*found));
            }
            (Key::Challenge(key), Some(Record::Challenge(found))) if found.key == key => {
                self.challenges.load(key, Some(found));
            }
            (Key::Device(key), Some(Record::Device(found))) if found.key == key => {
                self.devices.load(key, Some(found));
            }
            (Key::Allowance(key), Some(Record::Allowance(found))) if found.key == key => {
                self.allowances.load(key, Some(found));
            }
            (Key::Certificate(id), Some(Record::Certificate(found))) if found.key() == id => {
                self.certificates.load(id, Some(*found));
            }
            (Key::Queued(id), Some(Record::Queued(found))) if found.id == id => {
                self.queue.load(id, Some(*found));
            }
            (Key::Unsent(id), Some(Record::Unsent(found))) if found.certificate == id => {
                self.unsent.load(id, Some(*found));
            }
            (Key::Password(key), Some(Record::Password(found))) if found.password.key == key => {
                self.passwords.load(key, Some(*found));
            }
            (Key::Shelf(endpoint), Some(Record::Shelf(found))) if found.endpoint == endpoint => {
                self.shelves.load(endpoint, Some(found));
            }
            (key, None) => self.load_absent(key),
            (_, Some(_)) => return Err(StoreError::Poisoned),
        }
        Ok(())
    }

    fn load_absent(&mut self, key: Key) {
        match key {
            Key::Transaction(name) => self.names.push((name, None)),
            Key::TransactionById(id) => self.transactions.load(id, None),
            Key::Challenge(key) => self.challenges.load(key, None),
            Key::Device(key) => self.devices.load(key, None),
            Key::Allowance(key) => self.allowances.load(key, None),
            Key::Certificate(id) => self.certificates.load(id, None),
            Key::Queued(id) => self.queue.load(id, None),
            Key::Unsent(id) => self.unsent.load(id, None),
            Key::Password(key) => self.passwords.load(key, None),
            Key::Shelf(endpoint) => self.shelves.load(endpoint, None),
        }
    }

    /// Stops the verb unless all of these were loaded.
    pub(crate) fn need(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), Stop> {
        let missing: Vec<Key> = keys.into_iter().filter(|key| !self.is_loaded(key)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Missing(missing)) }
    }

    fn is_loaded(&self, key: &Key) -> bool {
        match key {
            Key::Transaction(name) => self.names.iter().any(|(known, _)| known == name),
            Key::TransactionById(id) => self.transactions.is_loaded(id),
            Key::Challenge(key) => self.challenges.is_loaded(key),
            Key::Device(key) => self.devices.is_loaded(key),
            Key::Allowance(key) => self.allowances.is_loaded(key),
            Key::Certificate(id) => self.certificates.is_loaded(id),
            Key::Queued(id) => self.queue.is_loaded(id),
            Key::Unsent(id) => self.unsent.is_loaded(id),
            Key::Password(key) => self.passwords.is_loaded(key),
            Key::Shelf(endpoint) => self.shelves.is_loaded(endpoint),
        }
    }

    /// The transaction of this name.
    pub(crate) fn named(&self, name: &TransactionKey) -> Option<&TransactionRecord> {
        let (_, id) = self.names.iter().find(|(known, _)| known == name)?;
        self.transactions.get(&(*id)?)
    }

    /// Refuses if one more of these would be too many.
    pub(crate) fn room(&self, what: Capacity) -> Result<(), StoreError> {
        let (used, limit) = match what {
            Capacity::Challenges => (self.occupancy.challenges, self.limits.challenges),
            Capacity::Transactions => (self.occupancy.transactions, self.limits.transactions),
            Capacity::PendingRequests => (self.occupancy.queued, self.limits.pending_requests),
            Capacity::Devices => (self.occupancy.devices, self.limits.devices),
            Capacity::Certificates => (self.occupancy.certificates, self.limits.certificates),
            Capacity::Notices => (self.occupancy.notices, self.limits.notices),
            Capacity::Passwords => (self.occupancy.passwords, self.limits.passwords),
            // Not counted here.
            Capacity::Issuers | Capacity::CrlNumbers | Capacity::LivePasswords => return Ok(()),
        };
        let has_room = usize::try_from(used).is_ok_and(|used| used < limit);
        if has_room { Ok(()) } else { Err(StoreError::Full { what, limit }) }
    }

    /// Whether every record that was loaded is changed too, so that a write that compares them checks all that was decided on.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn changes_all(&self) -> bool {
        let is_taken = |name: &TransactionKey| self.transactions.0.iter().any(|t| t.takes(name));
        self.names.iter().all(|(name, id)| id.is_some() || is_taken(name))
            && self.transactions.change_all()
            && self.challenges.change_all()
            && self.devices.change_all()
            && self.allowances.change_all()
            && self.certificates.change_all()
            && self.queue.change_all()
            && self.unsent.change_all()
            && self.passwords.change_all()
            && self.shelves.change_all()
    }

    /// What became of the records, always in the same order of kinds and keys, so that no two verbs wait for each other.
    pub(crate) fn into_changes(self) -> Vec<Change> {
        let mut all = self.into_all();
        all.retain(|change| change.before != change.after);
        all
    }

    /// The same, and the records that stay as they are; nothing if all do.
    #[cfg(feature = "redis")]
    pub(crate) fn into_loaded(self) -> Vec<Change> {
        let all = self.into_all();
        let is_changed = all.iter().any(|change| change.before != change.after);
        if is_changed { all } else { Vec::new() }
    }

    fn into_all(self) -> Vec<Change> {
        let mut all = Vec::with_capacity(8); // most verbs have fewer
        self.challenges.add_to(&mut all, Record::Challenge);
        self.transactions.add_to(&mut all, |record| Record::Transaction(Box::new(record)));
        self.queue.add_to(&mut all, |record| Record::Queued(Box::new(record)));
        self.devices.add_to(&mut all, Record::Device);
        self.allowances.add_to(&mut all, Record::Allowance);
        self.certificates.add_to(&mut all, |record| Record::Certificate(Box::new(record)));
        self.unsent.add_to(&mut all, |record| Record::Unsent(Box::new(record)));
        self.passwords.add_to(&mut all, |record| Record::Password(Box::new(record)));
        self.shelves.add_to(&mut all, Record::Shelf);
        all
    }
}

/// A record that is found by its key.
pub(crate) trait Keyed: Clone + PartialEq {
    type Key: Clone + Ord;

    fn key(&self) -> Self::Key;
}

/// The loaded records of one kind.
pub(crate) struct Records<R: Keyed>(Vec<Loaded<R>>);

struct Loaded<R: Keyed> {
    key: R::Key,
    before: Option<R>,
    now: Option<R>,
    /// Whether it was looked for; otherwise the verb made it, under a key that cannot be there.
    is_of_the_store: bool,
}

impl<R: Keyed> Default for Records<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R: Keyed> Records<R> {
    fn load(&mut self, key: R::Key, found: Option<R>) {
        if !self.is_loaded(&key) {
            let before = found.clone();
            self.0.push(Loaded { key, before, now: found, is_of_the_store: true });
        }
    }

    fn rewind(&mut self) {
        self.0.retain(|loaded| loaded.is_of_the_store);
        self.0.iter_mut().for_each(|loaded| loaded.now.clone_from(&loaded.before));
    }

    fn is_loaded(&self, key: &R::Key) -> bool {
        self.0.iter().any(|loaded| loaded.key == *key)
    }

    pub(crate) fn get(&self, key: &R::Key) -> Option<&R> {
        self.0.iter().find(|loaded| loaded.key == *key)?.now.as_ref()
    }

    /// Adds a record, or replaces the one of its key.
    pub(crate) fn put(&mut self, record: R) {
        let key = record.key();
        match self.0.iter_mut().find(|loaded| loaded.key == key) {
            Some(loaded) => loaded.now = Some(record),
            None => {
                let now = Some(record);
                self.0.push(Loaded { key, before: None, now, is_of_the_store: false });
            }
        }
    }

    pub(crate) fn change<T>(
        &mut self,
        key: &R::Key,
        change: impl FnOnce(&mut R) -> T,
    ) -> Option<T> {
        let loaded = self.0.iter_mut().find(|loaded| loaded.key == *key)?;
        loaded.now.as_mut().map(change)
    }

    pub(crate) fn remove(&mut self, key: &R::Key) {
        if let Some(loaded) = self.0.iter_mut().find(|loaded| loaded.key == *key) {
            loaded.now = None;
        }
    }

    #[cfg(any(feature = "postgres", feature = "redis"))]
    fn change_all(&self) -> bool {
        self.0.iter().all(|loaded| loaded.before != loaded.now)
    }

    fn add_to(mut self, all: &mut Vec<Change>, wrap: fn(R) -> Record) {
        self.0.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let known =
            self.0.into_iter().filter(|loaded| loaded.before.is_some() || loaded.now.is_some());
        all.extend(known.map(|Loaded { before, now, .. }| Change {
            before: before.map(wrap),
            after: now.map(wrap),
        }));
    }
}

#[cfg(any(feature = "postgres", feature = "redis"))]
impl Loaded<TransactionRecord> {
    /// Whether it is a new transaction of this name.
    fn takes(&self, name: &TransactionKey) -> bool {
        self.before.is_none() && self.now.as_ref().is_some_and(|now| now.key == *name)
    }
}

impl Keyed for TransactionRecord {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }
}

impl Keyed for ChallengeRecord {
    type Key = Sha256;

    fn key(&self) -> Sha256 {
        self.key
    }
}

impl Keyed for DeviceRecord {
    type Key = Sha256;

    fn key(&self) -> Sha256 {
        self.key
    }
}

impl Keyed for AllowanceRecord {
    type Key = Sha256;

    fn key(&self) -> Sha256 {
        self.key
    }
}

impl Keyed for CertificateRecord {
    type Key = CertificateId;

    fn key(&self) -> CertificateId {
        self.issued.certificate.id
    }
}

impl Keyed for UnsentRecord {
    type Key = CertificateId;

    fn key(&self) -> CertificateId {
        self.certificate
    }
}

impl Keyed for PasswordRecord {
    type Key = Sha256;

    fn key(&self) -> Sha256 {
        self.password.key
    }
}

impl Keyed for ShelfRecord {
    type Key = EndpointId;

    fn key(&self) -> EndpointId {
        self.endpoint.clone()
    }
}

impl Keyed for QueuedRecord {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }
}

/// What a verb does with the records it has loaded.
///
/// It is a pure function of them: it runs again if it needs more of them, or if another changed one of them meanwhile.
pub(crate) type Plan<T> = Box<dyn Fn(&mut Working) -> Result<T, Stop> + Send + Sync>;

/// The time of a verb and what it loads at first.
pub(crate) struct Verb<T> {
    pub(crate) now: UnixTime,
    pub(crate) first: Vec<Key>,
    pub(crate) plan: Plan<T>,
}
