//! The journal: events by their number, and the oldest ones gone.

use scep_types::UnixTime;

use crate::StoreError;
use crate::StoreLimits;
use crate::durable::Cell;
use crate::journal::{Event, EventKind, EventPage, NewEvent};
use crate::time::before;

/// The last of so many numbers that nobody else has.
pub(crate) const NEXT_EVENTS: &str = "INSERT INTO journal_numbers (kind, last_number) VALUES ($1, $2) \
     ON CONFLICT (kind) DO UPDATE SET last_number = journal_numbers.last_number + excluded.last_number \
     RETURNING last_number";

/// Events of the kind `$1` before the number `$2` that are not older than `$3`, at most `$4`.
pub(crate) const EVENTS: &str = "SELECT number, happened_at, line FROM journal \
     WHERE kind = $1 AND number < $2 AND happened_at >= $3 ORDER BY number DESC LIMIT $4";

const TRIM: &str = "DELETE FROM journal WHERE kind = $1 AND number <= $2";
const EXPIRE: &str = "DELETE FROM journal WHERE kind = $1 AND number IN \
     (SELECT number FROM journal WHERE kind = $1 AND happened_at < $2 ORDER BY happened_at LIMIT $3)";

/// Rows of one statement: few sizes, so that each is prepared once.
const SIZES: [usize; 4] = [64, 16, 4, 1];
/// Old events that go at a time: more than come.
const EXPIRED: u64 = 1_024;

/// The parameters of [`EVENTS`].
pub(crate) fn page(
    kind: EventKind,
    page: &EventPage,
    limits: &StoreLimits,
    now: UnixTime,
) -> [Cell<'static>; 4] {
    let before_number = Cell::number(page.number().unwrap_or(u64::MAX));
    let oldest = Cell::time(before(now, limits.event_retention));
    [Cell::number(kind.number()), before_number, oldest, Cell::number(page.most() as u64)]
}

/// What writes events of one kind whose last number is known, and lets old ones go.
pub(crate) fn writes<'a>(
    kind: EventKind,
    events: &[&'a NewEvent],
    last: u64,
    limits: &StoreLimits,
    now: UnixTime,
) -> Vec<(String, Vec<Cell<'a>>)> {
    let mut writes = Vec::new();
    let first = last.saturating_sub(events.len() as u64).saturating_add(1);
    let mut rows = events.iter().zip(first..).map(|(event, number)| row(kind, event, number));
    let mut left = events.len();
    for size in SIZES {
        while left >= size {
            let cells = rows.by_ref().take(size).flatten().collect();
            writes.push((insert(size), cells));
            left = left.saturating_sub(size);
        }
    }
    let (kind, kept) = (Cell::number(kind.number()), limits.events as u64);
    writes.push((TRIM.to_owned(), vec![kind.clone(), Cell::number(last.saturating_sub(kept))]));
    let oldest = Cell::time(before(now, limits.event_retention));
    writes.push((EXPIRE.to_owned(), vec![kind, oldest, Cell::number(EXPIRED)]));
    writes
}

impl Event {
    /// From a row of [`EVENTS`].
    pub(crate) fn from_cells(cells: Vec<Cell<'_>>) -> Result<Self, StoreError> {
        match <[Cell<'_>; 3]>::try_from(cells) {
            Ok([Cell::Integer(number), Cell::Integer(at), Cell::Text(line)]) => {
                let number = u64::try_from(number).map_err(|_| StoreError::Poisoned)?;
                Ok(Self::new(number, UnixTime::from_secs(at), line.into_owned()))
            }
            _ => Err(StoreError::Poisoned),
        }
    }
}

fn row(kind: EventKind, event: &NewEvent, number: u64) -> [Cell<'_>; 4] {
    let number = Cell::number(number);
    [Cell::number(kind.number()), number, Cell::time(event.at), Cell::text(&event.line)]
}

fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let first = row.saturating_mul(4).saturating_add(1);
        let cells: Vec<String> = (first..).take(4).map(|number| format!("${number}")).collect();
        format!("({})", cells.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO journal (kind, number, happened_at, line) VALUES {}", rows.join(", "))
}
