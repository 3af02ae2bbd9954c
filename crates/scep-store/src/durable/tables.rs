//! The tables: a row a record, its key in front.

use super::cells::Cell;
#[cfg(feature = "sqlite")]
use super::cells::CellRow;
use super::working::Key;

/// A kind of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Challenges,
    Transactions,
    Queue,
    Devices,
    Certificates,
    Notices,
    Passwords,
    Shelves,
}

/// How a record is found: its table, by its key or, as a transaction may be, by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    ByKey(Table),
    TransactionByName,
}

/// A row that was found, or that there is none.
#[cfg(feature = "sqlite")]
pub(crate) type Found = Option<CellRow>;

impl Table {
    /// How many there are.
    pub(crate) const COUNT: usize = 8;

    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Challenges,
        Self::Transactions,
        Self::Queue,
        Self::Devices,
        Self::Certificates,
        Self::Notices,
        Self::Passwords,
        Self::Shelves,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Challenges => "challenges",
            Self::Transactions => "transactions",
            Self::Queue => "queue",
            Self::Devices => "devices",
            Self::Certificates => "certificates",
            Self::Notices => "notices",
            Self::Passwords => "passwords",
            Self::Shelves => "shelves",
        }
    }

    /// How many of the first cells are the key.
    pub(crate) const fn key_cells(self) -> usize {
        match self {
            Self::Certificates | Self::Notices => 2,
            Self::Challenges | Self::Transactions | Self::Queue | Self::Devices => 1,
            Self::Passwords | Self::Shelves => 1,
        }
    }

    /// The columns, in the order of a record's cells.
    pub(crate) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Challenges => &["key", "ends", "holder", "csr_info", "issuer", "serial"],
            Self::Transactions => &TRANSACTIONS,
            Self::Queue => &QUEUE,
            Self::Devices => &["key", "ends", "slots"],
            Self::Certificates => &CERTIFICATES,
            Self::Notices => &["issuer", "serial", "ends", "endpoint", "due", "body"],
            Self::Passwords => &PASSWORDS,
            Self::Shelves => &["endpoint", "ends", "entries"],
        }
    }

    /// How many columns its records had in the first version; later ones came behind them.
    #[cfg(feature = "redis")]
    pub(crate) const fn first_columns(self) -> usize {
        match self {
            Self::Certificates => 18,
            Self::Transactions => 23,
            Self::Passwords => 11,
            _ => self.columns().len(),
        }
    }

    /// Where the moment stands from which on a record counts as absent.
    #[cfg(feature = "redis")]
    pub(crate) fn ends_cell(self) -> usize {
        self.columns().iter().position(|column| *column == "ends").unwrap_or_default()
    }
}

impl Key {
    /// Where to look for it, and by which cells.
    pub(crate) fn lookup(&self) -> (Lookup, Vec<Cell<'_>>) {
        match self {
            Self::Transaction(name) => {
                let endpoint = Cell::text(name.endpoint.as_str());
                let id = Cell::octets(name.transaction_id.octets());
                (Lookup::TransactionByName, vec![endpoint, id])
            }
            Self::TransactionById(id) => {
                (Lookup::ByKey(Table::Transactions), vec![Cell::number(*id)])
            }
            Self::Challenge(key) => (Lookup::ByKey(Table::Challenges), vec![Cell::digest(key)]),
            Self::Device(key) | Self::Allowance(key) => {
                (Lookup::ByKey(Table::Devices), vec![Cell::digest(key)])
            }
            Self::Certificate(id) | Self::Unsent(id) => {
                let cells = vec![Cell::digest(&id.issuer), Cell::octets(id.serial.content())];
                let is_notice = matches!(self, Self::Unsent(_));
                let table = if is_notice { Table::Notices } else { Table::Certificates };
                (Lookup::ByKey(table), cells)
            }
            Self::Queued(id) => (Lookup::ByKey(Table::Queue), vec![Cell::number(*id)]),
            Self::Password(key) => (Lookup::ByKey(Table::Passwords), vec![Cell::digest(key)]),
            Self::Shelf(endpoint) => {
                (Lookup::ByKey(Table::Shelves), vec![Cell::text(endpoint.as_str())])
            }
        }
    }
}

impl Lookup {
    pub(crate) const fn table(self) -> Table {
        match self {
            Self::ByKey(table) => table,
            Self::TransactionByName => Table::Transactions,
        }
    }
}

const TRANSACTIONS: [&str; 24] = [
    "id",
    "endpoint",
    "transaction_id",
    "ends",
    "state",
    "fail_info",
    "settled_signer",
    "settled_csr",
    "settled_challenge",
    "settled_ends",
    "issuer",
    "serial",
    "generation",
    "hold_signer",
    "hold_csr",
    "hold_challenge",
    "remember_until",
    "hold_ends",
    "replay_window",
    "device",
    "slot_taken",
    "slot_ends",
    "slot_window",
    "allowances",
];

const QUEUE: [&str; 11] = [
    "id",
    "endpoint",
    "transaction_id",
    "signer",
    "csr_info",
    "csr",
    "since",
    "ends",
    "challenge",
    "remember_until",
    "operator",
];

const PASSWORDS: [&str; 12] = [
    "key",
    "ends",
    "id",
    "endpoint",
    "salt",
    "hash",
    "minted_at",
    "expires",
    "minted_by",
    "binding",
    "withdrawn_at",
    "sealed",
];

const CERTIFICATES: [&str; 19] = [
    "issuer",
    "serial",
    "ends",
    "der",
    "subject_key",
    "not_after",
    "basis",
    "detail",
    "endpoint",
    "transaction_id",
    "issued_at",
    "csr_info",
    "revoked_at",
    "reason",
    "notice_state",
    "notice_due",
    "notice_attempts",
    "notice_ends",
    "device",
];
