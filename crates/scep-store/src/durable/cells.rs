//! Records as cells of a row, and back; those of limits stand in `rates`. A row that is no record fails as
//! [`StoreError::Poisoned`].

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use scep_types::UnixTime;

use super::rates;
use super::records::{
    CertificateRecord, ChallengeRecord, Holder, PasswordRecord, QueuedRecord, ShelfRecord,
    TransactionRecord, UnsentRecord,
};
use super::tables::Table;
use super::working::Record;
use crate::StoreError;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::certificate::RevokedCertificate;
use crate::certificate::{IssuedCertificate, NewCertificate, Revocation};
use crate::ids::{
    CertificateId, EndpointId, Operator, SerialNumber, Sha256, Submission, TransactionId,
    TransactionKey,
};
use crate::lookup::DeviceName;
use crate::notice::NoticeBody;
use crate::outbox::{Notice, Progress};
use crate::rate::Slot;
use crate::request::{ChallengeUse, Rejection};
use crate::transition::{Hold, Settled, State, Transaction};
use crate::work::{TakenSlot, Work};

/// A value of a row: of a record, or as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Null,
    Integer(i64),
    Octets(Cow<'a, [u8]>),
    Text(Cow<'a, str>),
}

/// A row as it was read.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) type CellRow = Vec<Cell<'static>>;

impl<'a> Cell<'a> {
    pub(crate) const fn octets(octets: &'a [u8]) -> Self {
        Self::Octets(Cow::Borrowed(octets))
    }

    /// Octets that stand nowhere.
    pub(crate) const fn made(octets: Vec<u8>) -> Self {
        Self::Octets(Cow::Owned(octets))
    }

    pub(crate) const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) const fn digest(digest: &'a Sha256) -> Self {
        Self::octets(digest.octets())
    }

    /// A number below 2^63; what is above counts as that.
    pub(crate) fn number(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub(crate) const fn time(time: UnixTime) -> Self {
        Self::Integer(time.as_secs())
    }

    fn seconds(duration: Duration) -> Self {
        Self::number(duration.as_secs())
    }

    /// The same, of its own.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(number) => Cell::Integer(number),
            Self::Octets(octets) => Cell::Octets(octets.into_owned().into()),
            Self::Text(text) => Cell::Text(text.into_owned().into()),
        }
    }

    pub(super) fn or_null<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, cell)
    }
}

impl Record {
    pub(crate) const fn table(&self) -> Table {
        match self {
            Self::Challenge(_) => Table::Challenges,
            Self::Transaction(_) => Table::Transactions,
            Self::Queued(_) => Table::Queue,
            Self::Device(_) | Self::Allowance(_) => Table::Devices,
            Self::Certificate(_) => Table::Certificates,
            Self::Unsent(_) => Table::Notices,
            Self::Password(_) => Table::Passwords,
            Self::Shelf(_) => Table::Shelves,
        }
    }

    /// Its cells, in the order of the table's columns.
    pub(crate) fn cells(&self) -> Vec<Cell<'_>> {
        match self {
            Self::Challenge(record) => record.cells(),
            Self::Transaction(record) => record.cells(),
            Self::Queued(record) => record.cells(),
            Self::Device(record) => record.cells(),
            Self::Allowance(record) => record.cells(),
            Self::Certificate(record) => record.cells(),
            Self::Unsent(record) => record.cells(),
            Self::Password(record) => record.cells(),
            Self::Shelf(record) => record.cells(),
        }
    }

    pub(crate) fn from_cells(table: Table, cells: Vec<Cell<'_>>) -> Result<Self, StoreError> {
        let mut row = Row(cells.into_iter());
        Ok(match table {
            Table::Challenges => Self::Challenge(ChallengeRecord::read(&mut row)?),
            Table::Transactions => Self::Transaction(Box::new(TransactionRecord::read(&mut row)?)),
            Table::Queue => Self::Queued(Box::new(QueuedRecord::read(&mut row)?)),
            Table::Devices => rates::read(&mut row)?,
            Table::Certificates => Self::Certificate(Box::new(CertificateRecord::read(&mut row)?)),
            Table::Notices => Self::Unsent(Box::new(UnsentRecord::read(&mut row)?)),
            Table::Passwords => Self::Password(Box::new(PasswordRecord::read(&mut row)?)),
            Table::Shelves => Self::Shelf(ShelfRecord::read(&mut row)?),
        })
    }
}

impl ChallengeRecord {
    fn cells(&self) -> Vec<Cell<'_>> {
        let mut cells = vec![Cell::digest(&self.key), Cell::time(self.ends)];
        match &self.holder {
            Holder::Transaction(id) => {
                cells.extend([Cell::number(*id), Cell::Null, Cell::Null, Cell::Null]);
            }
            Holder::Certificate { id, csr_info } => {
                cells.extend([Cell::Null, Cell::digest(csr_info)]);
                cells.extend([Cell::digest(&id.issuer), Cell::octets(id.serial.content())]);
            }
        }
        cells
    }

    fn read(row: &mut Row<'_>) -> Result<Self, StoreError> {
        let (key, ends) = (row.digest()?, row.time()?);
        let (holder, csr_info) = (row.number_or_null()?, row.digest_or_null()?);
        let certificate = row.certificate_id_or_null()?;
        let holder = match (holder, csr_info, certificate) {
            (Some(id), None, None) => Holder::Transaction(id),
            (None, Some(csr_info), Some(id)) => Holder::Certificate { id, csr_info },
            _ => return Err(StoreError::Poisoned),
        };
        Ok(Self { key, ends, holder })
    }
}

impl TransactionRecord {
    fn cells(&self) -> Vec<Cell<'_>> {
        let mut cells = Vec::with_capacity(Table::Transactions.columns().len());
        cells.extend([Cell::number(self.id), Cell::text(self.key.endpoint.as_str())]);
        cells.extend([Cell::octets(self.key.transaction_id.octets()), Cell::time(self.ends())]);
        match &self.transaction.settled {
            Some(settled) => cells.extend(settled_cells(settled)),
            None => cells.extend([const { Cell::Null }; 6]),
        }
        cells.extend(certificate_id_cells(self.certificate.as_ref()));
        match (&self.transaction.hold, &self.work) {
            (Some(hold), Some(work)) => cells.extend(hold_cells(hold, work)),
            _ => cells.extend([const { Cell::Null }; 12]),
        }
        cells
    }

    fn read(row: &mut Row<'_>) -> Result<Self, StoreError> {
        let (id, key, _ends) = (row.number()?, row.transaction_key()?, row.time()?);
        let settled = read_settled(row)?;
        let certificate = row.certificate_id_or_null()?;
        let held = read_hold(row)?;
        let (hold, work) = held.unzip();
        Ok(Self { id, key, transaction: Transaction { settled, hold }, certificate, work })
    }
}

impl QueuedRecord {
    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::number(self.id),
            Cell::text(self.key.endpoint.as_str()),
            Cell::octets(self.key.transaction_id.octets()),
            Cell::digest(&self.submission.signer_key),
            Cell::digest(&self.submission.csr_info),
            Cell::octets(&self.csr),
            Cell::time(self.since),
            Cell::time(self.ends),
            Cell::or_null(self.challenge.as_ref(), |used| Cell::digest(&used.key)),
            Cell::or_null(self.challenge.as_ref(), |used| Cell::time(used.remember_until)),
            Cell::or_null(self.operator.as_ref(), |operator| Cell::text(operator.as_str())),
        ]
    }

    fn read(row: &mut Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.number()?,
            key: row.transaction_key()?,
            submission: row.submission()?,
            csr: Bytes::from(row.octets()?),
            since: row.time()?,
            ends: row.time()?,
            challenge: row.challenge_or_null()?,
            operator: row.text_or_null()?.map(|name| Operator::new(&name)).transpose()?,
        })
    }
}

impl CertificateRecord {
    fn cells(&self) -> Vec<Cell<'_>> {
        let IssuedCertificate { certificate, transaction, issued_at, revocation, notice } =
            &self.issued;
        let mut cells = vec![
            Cell::digest(&certificate.id.issuer),
            Cell::octets(certificate.id.serial.content()),
            Cell::time(self.ends),
            Cell::octets(&certificate.der),
            Cell::digest(&certificate.subject_key),
            Cell::time(certificate.not_after),
            Cell::text(certificate.basis.label()),
            Cell::text(crate::certificate::detail(&certificate.basis)),
            Cell::text(transaction.endpoint.as_str()),
            Cell::octets(transaction.transaction_id.octets()),
            Cell::time(*issued_at),
            Cell::digest(&self.csr_info),
            Cell::or_null(*revocation, |revocation| Cell::time(revocation.at)),
            Cell::or_null(*revocation, |revocation| Cell::number(revocation.reason.into())),
        ];
        cells.extend(notice_cells(notice.as_ref()));
        cells.push(Cell::or_null(certificate.device.as_ref(), |name| Cell::text(name.as_str())));
        cells
    }

    fn read(row: &mut Row<'_>) -> Result<Self, StoreError> {
        let id = row.certificate_id()?;
        let (ends, der) = (row.time()?, row.octets()?);
        let (subject_key, not_after) = (row.digest()?, row.time()?);
        let (label, detail) = (row.text()?, row.text()?);
        let basis = crate::certificate::basis(&label, detail).ok_or(StoreError::Poisoned)?;
        let (key, issued_at, csr_info) = (row.transaction_key()?, row.time()?, row.digest()?);
        let (at, reason) = (row.time_or_null()?, row.octet_or_null()?);
        let certificate = NewCertificate::new(id, &der, subject_key, not_after, basis)?;
        let mut issued = IssuedCertificate::new(certificate, key, issued_at);
        issued.revocation = at.zip(reason).map(|(at, reason)| Revocation { at, reason });
        issued.notice = read_notice(row)?;
        issued.certificate.device = row.text_or_null()?.and_then(|name| DeviceName::of(&name));
        Ok(Self { issued, csr_info, ends })
    }
}

impl UnsentRecord {
    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::digest(&self.certificate.issuer),
            Cell::octets(self.certificate.serial.content()),
            Cell::time(self.ends),
            Cell::text(self.endpoint.as_str()),
            Cell::time(self.due),
            Cell::octets(self.body.expose()),
        ]
    }

    fn read(row: &mut Row<'_>) -> Result<Self, StoreError> {
        let certificate = row.certificate_id()?;
        let (ends, endpoint, due) = (row.time()?, row.text()?, row.time()?);
        let body = zeroize::Zeroizing::new(row.octets()?);
        let (endpoint, body) = (EndpointId::new(&endpoint)?, NoticeBody::new(&body)?);
        Ok(Self { certificate, endpoint, body, due, ends })
    }
}

fn notice_cells(notice: Option<&Notice>) -> [Cell<'static>; 4] {
    let Some(notice) = notice else { return [const { Cell::Null }; 4] };
    let state = match notice.progress {
        Progress::Waiting { .. } => 0,
        Progress::Leased { .. } => 1,
        Progress::Delivered => 2,
        Progress::GivenUp => 3,
    };
    let (attempts, ends) = (Cell::number(notice.attempts.into()), Cell::time(notice.ends));
    [Cell::Integer(state), Cell::or_null(notice.due(), Cell::time), attempts, ends]
}

fn read_notice(row: &mut Row<'_>) -> Result<Option<Notice>, StoreError> {
    let (state, due) = (row.number_or_null()?, row.time_or_null()?);
    let progress = match (state, due) {
        (None, None) => return row.skip(2).map(|()| None),
        (Some(0), Some(due)) => Progress::Waiting { due },
        (Some(1), Some(until)) => Progress::Leased { until },
        (Some(2), None) => Progress::Delivered,
        (Some(3), None) => Progress::GivenUp,
        _ => return Err(StoreError::Poisoned),
    };
    let attempts = u32::try_from(row.number()?).map_err(|_| StoreError::Poisoned)?;
    Ok(Some(Notice { progress, attempts, ends: row.time()? }))
}

fn settled_cells(settled: &Settled) -> [Cell<'_>; 6] {
    let (state, fail_info) = match settled.state {
        State::Pending => (0, None),
        State::Approved => (1, None),
        State::Issued => (2, None),
        State::Rejected(rejection) => (3, Some(rejection.fail_info)),
        State::Denied(rejection) => (4, Some(rejection.fail_info)),
    };
    [
        Cell::Integer(state),
        Cell::or_null(fail_info, |fail_info| Cell::number(fail_info.into())),
        Cell::digest(&settled.submission.signer_key),
        Cell::digest(&settled.submission.csr_info),
        Cell::or_null(settled.challenge.as_ref(), Cell::digest),
        Cell::time(settled.ends),
    ]
}

fn read_settled(row: &mut Row<'_>) -> Result<Option<Settled>, StoreError> {
    let (state, fail_info) = (row.number_or_null()?, row.octet_or_null()?);
    let rejection = fail_info.map(|fail_info| Rejection { fail_info });
    let state = match (state, rejection) {
        (None, None) => return row.skip(4).map(|()| None),
        (Some(0), None) => State::Pending,
        (Some(1), None) => State::Approved,
        (Some(2), None) => State::Issued,
        (Some(3), Some(rejection)) => State::Rejected(rejection),
        (Some(4), Some(rejection)) => State::Denied(rejection),
        _ => return Err(StoreError::Poisoned),
    };
    let submission = row.submission()?;
    Ok(Some(Settled { submission, state, challenge: row.digest_or_null()?, ends: row.time()? }))
}

fn hold_cells<'a>(hold: &'a Hold, work: &'a Work) -> [Cell<'a>; 12] {
    let slot = work.slot.as_ref();
    [
        Cell::number(work.generation),
        Cell::digest(&hold.submission.signer_key),
        Cell::digest(&hold.submission.csr_info),
        Cell::or_null(work.challenge.as_ref(), |used| Cell::digest(&used.key)),
        Cell::or_null(work.challenge.as_ref(), |used| Cell::time(used.remember_until)),
        Cell::time(hold.ends),
        Cell::seconds(work.replay_window),
        Cell::or_null(slot, |taken| Cell::digest(&taken.device)),
        Cell::or_null(slot, |taken| Cell::time(taken.slot.taken)),
        Cell::or_null(slot, |taken| Cell::time(taken.slot.ends)),
        Cell::or_null(slot, |taken| Cell::seconds(taken.window)),
        rates::taken_cell(&work.allowances),
    ]
}

fn read_hold(row: &mut Row<'_>) -> Result<Option<(Hold, Work)>, StoreError> {
    let Some(generation) = row.number_or_null()? else { return row.skip(11).map(|()| None) };
    let (submission, challenge, ends) = (row.submission()?, row.challenge_or_null()?, row.time()?);
    let replay_window = Duration::from_secs(row.number()?);
    let slot = match row.digest_or_null()? {
        None => row.skip(3).map(|()| None)?,
        Some(device) => {
            let slot = Slot { taken: row.time()?, ends: row.time()? };
            Some(TakenSlot { device, slot, window: Duration::from_secs(row.number()?) })
        }
    };
    let allowances = rates::read_taken(row)?;
    let hold = Hold { submission, challenge: challenge.map(|used| used.key), ends };
    Ok(Some((hold, Work { generation, replay_window, challenge, slot, allowances })))
}

fn certificate_id_cells(id: Option<&CertificateId>) -> [Cell<'_>; 2] {
    let serial = Cell::or_null(id, |id| Cell::octets(id.serial.content()));
    [Cell::or_null(id, |id| Cell::digest(&id.issuer)), serial]
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl QueuedRecord {
    /// From a row of the queue.
    pub(crate) fn from_cells(cells: Vec<Cell<'_>>) -> Result<Self, StoreError> {
        Self::read(&mut Row(cells.into_iter()))
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl IssuedCertificate {
    /// From a row of the certificates.
    pub(crate) fn from_cells(cells: Vec<Cell<'_>>) -> Result<Self, StoreError> {
        CertificateRecord::read(&mut Row(cells.into_iter())).map(|record| record.issued)
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl RevokedCertificate {
    /// From serial number, time and reason.
    pub(crate) fn from_cells(cells: Vec<Cell<'_>>) -> Result<Self, StoreError> {
        let mut row = Row(cells.into_iter());
        let serial = SerialNumber::new(&row.octets()?)?;
        let (at, reason) = (row.time()?, row.octet_or_null()?.ok_or(StoreError::Poisoned)?);
        Ok(Self { serial, revocation: Revocation { at, reason } })
    }
}

/// The cells of a row that are not read yet.
pub(super) struct Row<'a>(std::vec::IntoIter<Cell<'a>>);

impl<'a> Row<'a> {
    pub(super) fn cell(&mut self) -> Result<Cell<'a>, StoreError> {
        self.0.next().ok_or(StoreError::Poisoned)
    }

    fn skip(&mut self, cells: usize) -> Result<(), StoreError> {
        (0..cells).try_for_each(|_| self.cell().map(drop))
    }

    fn number_or_null(&mut self) -> Result<Option<u64>, StoreError> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Integer(number) => {
                u64::try_from(number).map(Some).map_err(|_| StoreError::Poisoned)
            }
            Cell::Octets(_) | Cell::Text(_) => Err(StoreError::Poisoned),
        }
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        self.number_or_null()?.ok_or(StoreError::Poisoned)
    }

    fn octet_or_null(&mut self) -> Result<Option<u8>, StoreError> {
        let number = self.number_or_null()?;
        number.map(u8::try_from).transpose().map_err(|_| StoreError::Poisoned)
    }

    pub(super) fn time_or_null(&mut self) -> Result<Option<UnixTime>, StoreError> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Integer(seconds) => Ok(Some(UnixTime::from_secs(seconds))),
            Cell::Octets(_) | Cell::Text(_) => Err(StoreError::Poisoned),
        }
    }

    pub(super) fn time(&mut self) -> Result<UnixTime, StoreError> {
        self.time_or_null()?.ok_or(StoreError::Poisoned)
    }

    pub(super) fn octets_or_null(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Octets(octets) => Ok(Some(octets.into_owned())),
            Cell::Integer(_) | Cell::Text(_) => Err(StoreError::Poisoned),
        }
    }

    pub(super) fn octets(&mut self) -> Result<Vec<u8>, StoreError> {
        self.octets_or_null()?.ok_or(StoreError::Poisoned)
    }

    fn text_or_null(&mut self) -> Result<Option<String>, StoreError> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text.into_owned())),
            Cell::Integer(_) | Cell::Octets(_) => Err(StoreError::Poisoned),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.text_or_null()?.ok_or(StoreError::Poisoned)
    }

    fn digest_or_null(&mut self) -> Result<Option<Sha256>, StoreError> {
        let Some(octets) = self.octets_or_null()? else { return Ok(None) };
        let octets: [u8; 32] = octets.try_into().map_err(|_| StoreError::Poisoned)?;
        Ok(Some(Sha256::new(octets)))
    }

    pub(super) fn digest(&mut self) -> Result<Sha256, StoreError> {
        self.digest_or_null()?.ok_or(StoreError::Poisoned)
    }

    fn submission(&mut self) -> Result<Submission, StoreError> {
        Ok(Submission { signer_key: self.digest()?, csr_info: self.digest()? })
    }

    fn transaction_key(&mut self) -> Result<TransactionKey, StoreError> {
        let endpoint = EndpointId::new(&self.text()?)?;
        Ok(TransactionKey { endpoint, transaction_id: TransactionId::new(&self.octets()?)? })
    }

    fn challenge_or_null(&mut self) -> Result<Option<ChallengeUse>, StoreError> {
        let (key, remember_until) = (self.digest_or_null()?, self.time_or_null()?);
        Ok(key.zip(remember_until).map(|(key, until)| ChallengeUse { key, remember_until: until }))
    }

    fn certificate_id(&mut self) -> Result<CertificateId, StoreError> {
        self.certificate_id_or_null()?.ok_or(StoreError::Poisoned)
    }

    fn certificate_id_or_null(&mut self) -> Result<Option<CertificateId>, StoreError> {
        let (issuer, serial) = (self.digest_or_null()?, self.octets_or_null()?);
        let serial = serial.map(|content| SerialNumber::new(&content)).transpose()?;
        Ok(issuer.zip(serial).map(|(issuer, serial)| CertificateId { issuer, serial }))
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl CertificateId {
    /// From issuer and serial number.
    pub(crate) fn from_cells(cells: Vec<Cell<'_>>) -> Result<Self, StoreError> {
        Row(cells.into_iter()).certificate_id()
    }
}
