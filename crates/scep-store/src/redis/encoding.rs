//! Records as octets: a version, then each cell with its kind in front.

use scep_types::UnixTime;

use crate::durable::{Cell, Key, Record, Table, UnsentRecord};
use crate::ids::{CertificateId, EndpointId, SerialNumber, Sha256, TransactionKey};
use crate::{StoreError, StoreLimits};

const VERSION: u8 = 1;
const NULL: u8 = 0;
const INTEGER: u8 = 1;
const OCTETS: u8 = 2;
const TEXT: u8 = 3;

/// Where `load.lua` looks for a key.
pub(super) fn place(key: &Key) -> (u8, Vec<u8>) {
    let mut found_by = Vec::new();
    let kind = match (key, key.lookup()) {
        (Key::Transaction(name), _) => {
            write_name(name, &mut found_by);
            9
        }
        (_, (lookup, cells)) => {
            cells.iter().for_each(|cell| extend(&mut found_by, cell));
            kind(lookup.table())
        }
    };
    (kind, found_by)
}

/// A record, to be written as Redis has it.
pub(super) struct Encoding<'a> {
    pub(super) record: &'a Record,
    table: Table,
    cells: Vec<Cell<'a>>,
}

impl<'a> Encoding<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        Self { record, table: record.table(), cells: record.cells() }
    }

    pub(super) const fn table(&self) -> Table {
        self.table
    }

    /// Seconds since 1970.
    pub(super) fn ends(&self) -> i64 {
        match self.cells.get(self.table.ends_cell()) {
            Some(Cell::Integer(ends)) => *ends,
            _ => i64::MAX, // every table has the column
        }
    }

    /// Under which field it stands among those of its table.
    pub(super) fn write_field(&self, octets: &mut Vec<u8>) {
        let key = self.cells.get(..self.table.key_cells()).unwrap_or_default();
        key.iter().for_each(|cell| extend(octets, cell));
    }

    /// What a later version added to a record is not written while it is nothing, so that those of an earlier one stay as they
    /// are.
    pub(super) fn write_value(&self, octets: &mut Vec<u8>) {
        let last =
            self.cells.iter().rposition(|cell| *cell != Cell::Null).map_or(0, |last| last + 1);
        octets.push(VERSION);
        for cell in self.cells.iter().take(last.max(self.table.first_columns())) {
            match cell {
                Cell::Null => octets.push(NULL),
                Cell::Integer(number) => {
                    octets.push(INTEGER);
                    octets.extend(number.to_be_bytes());
                }
                Cell::Octets(value) => put(octets, OCTETS, value),
                Cell::Text(value) => put(octets, TEXT, value.as_bytes()),
            }
        }
    }
}

/// Under which name a transaction is found.
pub(super) fn write_name(name: &TransactionKey, octets: &mut Vec<u8>) {
    write_endpoint(&name.endpoint, octets);
    octets.extend(name.transaction_id.octets());
}

/// How many records of a table there may be.
pub(super) const fn most(table: Table, limits: &StoreLimits) -> usize {
    match table {
        Table::Challenges => limits.challenges,
        Table::Transactions => limits.transactions,
        Table::Queue => limits.pending_requests,
        Table::Devices => limits.devices,
        Table::Certificates => limits.certificates,
        Table::Notices => limits.notices,
        Table::Passwords => limits.passwords,
        Table::Shelves => usize::MAX, // one for each endpoint that mints passwords
    }
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
    let mut entry = Vec::new();
    write_endpoint(endpoint, &mut entry);
    // Negative times come first.
    entry.extend((due.as_secs() ^ i64::MIN).to_be_bytes());
    entry
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

/// The length keeps it apart from what follows.
fn write_endpoint(endpoint: &EndpointId, octets: &mut Vec<u8>) {
    let endpoint = endpoint.as_str();
    octets.push(u8::try_from(endpoint.len()).unwrap_or(u8::MAX));
    octets.extend(endpoint.as_bytes());
}

/// Of a key's cells, which stand one after the other, only the last one's length varies.
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
