//! Records as octets: a version, then each cell with its kind in front.

use scep_types::UnixTime;

use crate::durable::{Cell, Key, Lookup, Record, Table, TransactionRecord, UnsentRecord};
use crate::ids::{CertificateId, EndpointId, SerialNumber, Sha256};
use crate::{StoreError, StoreLimits};

const VERSION: u8 = 1;
const NULL: u8 = 0;
const INTEGER: u8 = 1;
const OCTETS: u8 = 2;
const TEXT: u8 = 3;

/// Where `load.lua` looks for a key.
pub(super) fn place(key: &Key) -> (u8, Vec<u8>) {
    let (lookup, cells) = key.lookup();
    match lookup {
        Lookup::ByKey(table) => (kind(table), field(&cells)),
        Lookup::TransactionByName => (9, name(&cells)),
    }
}

/// A record as Redis has it.
pub(super) struct Encoded {
    /// Under which field it stands among those of its table.
    pub(super) field: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// Seconds since 1970.
    pub(super) ends: i64,
}

pub(super) fn encode(record: &Record) -> Encoded {
    let (table, cells) = (record.table(), record.cells());
    let ends = match cells.get(table.ends_cell()) {
        Some(Cell::Integer(ends)) => *ends,
        _ => i64::MAX, // every table has the column
    };
    let field = field(cells.get(..table.key_cells()).unwrap_or_default());
    Encoded { field, value: value(table, cells), ends }
}

/// Under which name a transaction is found.
pub(super) fn name_of(transaction: &TransactionRecord) -> Vec<u8> {
    let key = &transaction.key;
    name(&[Cell::text(key.endpoint.as_str()), Cell::octets(key.transaction_id.octets())])
}

/// How many records of a table there may be.
pub(super) fn most(table: Table, limits: &StoreLimits) -> u64 {
    let most = match table {
        Table::Challenges => limits.challenges,
        Table::Transactions => limits.transactions,
        Table::Queue => limits.pending_requests,
        Table::Devices => limits.devices,
        Table::Certificates => limits.certificates,
        Table::Notices => limits.notices,
        Table::Passwords => limits.passwords,
        Table::Shelves => return u64::MAX, // one for each endpoint that mints passwords
    };
    u64::try_from(most).unwrap_or(u64::MAX)
}

/// The lexicographic range of an issuer's certificates.
pub(super) fn range_of(issuer: &Sha256) -> [Vec<u8>; 2] {
    let of = |bracket: u8, rest: &[u8]| [&[bracket], issuer.octets().as_slice(), rest].concat();
    // No serial number has so many octets.
    [of(b'[', &[]), of(b'(', &[0xFF; 32])]
}

/// Where a due notice stands: by endpoint, then by time, then by certificate, as octets in that order.
pub(super) fn due_entry(unsent: &UnsentRecord) -> Vec<u8> {
    let id = &unsent.certificate;
    let certificate = [id.issuer.octets().as_slice(), id.serial.content()].concat();
    [due_at(&unsent.endpoint, unsent.due), certificate].concat()
}

/// The lexicographic range of an endpoint's notices that are due.
pub(super) fn range_of_due(endpoint: &EndpointId, now: UnixTime) -> [Vec<u8>; 2] {
    let first = due_at(endpoint, UnixTime::from_secs(i64::MIN));
    // No certificate's id has so many octets.
    [
        [b"[", first.as_slice()].concat(),
        [b"(", due_at(endpoint, now).as_slice(), &[0xFF; 64]].concat(),
    ]
}

/// The certificate of such an entry.
pub(super) fn certificate_of(
    entry: &[u8],
    endpoint: &EndpointId,
) -> Result<CertificateId, StoreError> {
    let at = due_at(endpoint, UnixTime::from_secs(0)).len();
    let id = entry.get(at..).and_then(<[u8]>::split_first_chunk);
    let (issuer, serial) = id.ok_or(StoreError::Poisoned)?;
    Ok(CertificateId { issuer: Sha256::new(*issuer), serial: SerialNumber::new(serial)? })
}

fn due_at(endpoint: &EndpointId, due: UnixTime) -> Vec<u8> {
    let mut entry = name(&[Cell::text(endpoint.as_str())]);
    // Negative times come first.
    entry.extend((due.as_secs() ^ i64::MIN).to_be_bytes());
    entry
}

/// What a later version added to a record is not written while it is nothing, so that those of an earlier one stay as they are.
fn value(table: Table, mut cells: Vec<Cell<'_>>) -> Vec<u8> {
    let mut octets = Vec::with_capacity(512); // most fit
    octets.push(VERSION);
    while cells.len() > table.first_columns() && cells.last() == Some(&Cell::Null) {
        cells.pop();
    }
    for cell in cells {
        match cell {
            Cell::Null => octets.push(NULL),
            Cell::Integer(number) => {
                octets.push(INTEGER);
                octets.extend(number.to_be_bytes());
            }
            Cell::Octets(value) => put(&mut octets, OCTETS, &value),
            Cell::Text(value) => put(&mut octets, TEXT, value.as_bytes()),
        }
    }
    octets
}

pub(super) fn decode(table: Table, octets: &[u8]) -> Result<Record, StoreError> {
    let Some((&VERSION, mut rest)) = octets.split_first() else {
        return Err(StoreError::Poisoned);
    };
    let mut cells = Vec::with_capacity(table.columns().len());
    while let Some((kind, after)) = rest.split_first() {
        let (cell, after) = read(*kind, after).ok_or(StoreError::Poisoned)?;
        cells.push(cell);
        rest = after;
    }
    if cells.len() >= table.first_columns() {
        cells.resize(table.columns().len(), Cell::Null);
    }
    Record::from_cells(table, cells)
}

fn read(kind: u8, octets: &[u8]) -> Option<(Cell<'_>, &[u8])> {
    match kind {
        NULL => Some((Cell::Null, octets)),
        INTEGER => {
            let (number, rest) = octets.split_first_chunk()?;
            Some((Cell::Integer(i64::from_be_bytes(*number)), rest))
        }
        OCTETS | TEXT => {
            let (length, rest) = octets.split_first_chunk()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (value, rest) = rest.split_at_checked(length)?;
            let cell = match kind {
                OCTETS => Cell::octets(value),
                _ => Cell::text(std::str::from_utf8(value).ok()?),
            };
            Some((cell, rest))
        }
        _ => None,
    }
}

fn put(octets: &mut Vec<u8>, kind: u8, value: &[u8]) {
    octets.push(kind);
    // What is stored has bounds far below.
    octets.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    octets.extend(value);
}

/// A key's cells one after the other; only the last one's length varies.
fn field(cells: &[Cell<'_>]) -> Vec<u8> {
    let mut field = Vec::with_capacity(64); // most fit
    cells.iter().for_each(|cell| extend(&mut field, cell));
    field
}

/// An endpoint and a transactionID; the length of the first one keeps them apart.
fn name(cells: &[Cell<'_>]) -> Vec<u8> {
    let length = match cells.first() {
        Some(Cell::Text(endpoint)) => endpoint.len(),
        _ => 0,
    };
    let mut name = vec![u8::try_from(length).unwrap_or(u8::MAX)];
    cells.iter().for_each(|cell| extend(&mut name, cell));
    name
}

fn extend(octets: &mut Vec<u8>, cell: &Cell<'_>) {
    match cell {
        Cell::Null => {}
        Cell::Integer(number) => octets.extend(number.to_be_bytes()),
        Cell::Octets(value) => octets.extend(value.as_ref()),
        Cell::Text(value) => octets.extend(value.as_bytes()),
    }
}

/// The table of a number.
pub(super) fn table(number: u8) -> Option<Table> {
    Table::ALL.into_iter().find(|table| kind(*table) == number)
}

/// The number of a table in the scripts and in slots.
pub(super) const fn kind(table: Table) -> u8 {
    match table {
        Table::Challenges => 1,
        Table::Transactions => 2,
        Table::Queue => 3,
        Table::Devices => 4,
        Table::Certificates => 5,
        Table::Notices => 6,
        Table::Passwords => 7,
        Table::Shelves => 8,
    }
}
