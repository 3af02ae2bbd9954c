//! What happened, for those who ask afterwards: the one table that forgets what is old to make room.

use scep_types::UnixTime;

use crate::StoreError;
use crate::error::{Argument, length, within};

/// What kind of event; each kind has its own room, so that decisions do not push out what operators did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// What an endpoint decided about a request.
    Decision,
    /// What an operator did.
    Action,
}

impl EventKind {
    pub(crate) const ALL: [Self; 2] = [Self::Decision, Self::Action];

    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Decision => 0,
            Self::Action => 1,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewEvent {
    /// Of which kind.
    pub kind: EventKind,
    /// When.
    pub at: UnixTime,
    /// What it was; a backend does not look into it.
    pub line: String,
}

impl NewEvent {
    /// Octets a line may have.
    pub const MAX_LINE: usize = 32 * 1024;
    /// Events that are recorded at once.
    pub const MAX_BATCH: usize = 256;

    /// An event; NUL, which databases do not take in a text, becomes U+FFFD.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for a line of none or more than 32 KiB.
    pub fn new(kind: EventKind, at: UnixTime, line: &str) -> Result<Self, StoreError> {
        let line = line.replace('\0', "\u{fffd}");
        length(Argument::Event, line.as_bytes(), Self::MAX_LINE)?;
        Ok(Self { kind, at, line })
    }
}

/// An event in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its number: above those of all events of its kind that were recorded before.
    pub number: u64,
    /// When it happened.
    pub at: UnixTime,
    /// What it was.
    pub line: String,
}

impl Event {
    /// For backends: an event that was found.
    #[must_use]
    pub const fn new(number: u64, at: UnixTime, line: String) -> Self {
        Self { number, at, line }
    }
}

/// The newest events, or those before one that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPage {
    most: usize,
    before: Option<u64>,
}

impl EventPage {
    /// Events a page may have.
    pub const MAX: usize = 500;

    /// The newest ones, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 500.
    pub fn newest(most: usize) -> Result<Self, StoreError> {
        within(Argument::EventPage, most as u64, 1, Self::MAX as u64)?;
        Ok(Self { most, before: None })
    }

    /// Those recorded before the event of this number.
    #[must_use]
    pub const fn before(self, number: u64) -> Self {
        Self { before: Some(number), ..self }
    }

    /// How many.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Before which number.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        self.before
    }
}

/// Those of a kind, in the order in which they happened.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
pub(crate) fn of_kind(events: &[NewEvent], kind: EventKind) -> Vec<&NewEvent> {
    events.iter().filter(|event| event.kind == kind).collect()
}
