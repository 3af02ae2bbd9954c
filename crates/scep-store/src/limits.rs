use std::time::Duration;

/// How much a store may hold, and how long it keeps what is over; the defaults are those of durable stores.
///
/// At a limit it refuses and says which one; what has ended gives way first, what lives never does.
///
/// | backend | counts | so a limit may be exceeded by |
/// |---|---|---|
/// | memory; SQLite, one process | exactly | nothing |
/// | SQLite, several processes | its own exactly, all again when room seems to end, once a second at most | what the others added since it counted |
/// | PostgreSQL | the same, and all again about once a minute | what other nodes add within a minute |
/// | Redis | all, at each verb | as many as are at work at one moment |
///
/// Issuers are counted exactly, each time one is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// Challenges reserved or used, and not over. Default 10,000,000.
    pub challenges: usize,
    /// Transactions that are being worked on, wait, or were answered within the replay window. Default 1,000,000.
    pub transactions: usize,
    /// Requests waiting for an operator; each one holds a CSR. Default 10,000.
    pub pending_requests: usize,
    /// Devices with a certificate in their rate limit's window, and allowances with one in theirs. Default 10,000,000.
    pub devices: usize,
    /// Certificates that have not expired. Requests that were reserved before the limit was reached are still committed.
    /// Default 10,000,000.
    pub certificates: usize,
    /// Notices neither delivered nor given up; each one holds its body. Default 100,000.
    pub notices: usize,
    /// One-time passwords that have not expired, used ones included. Default 100,000.
    pub passwords: usize,
    /// Issuers that number CRLs. Default 1,000.
    pub issuers: usize,
    /// Events of each kind in the journal; the oldest go first, and none keeps none. Default 100,000.
    pub events: usize,
    /// How long an event is kept. Default 30 days.
    pub event_retention: Duration,
    /// How much longer than its own expiry a used challenge is kept: by how much the clocks of nodes may differ. Default 5
    /// minutes.
    pub clock_tolerance: Duration,
    /// How much longer than its validity a certificate is kept, so that a revoked one stands on at least one CRL more
    /// (RFC 5280 §3.3). Default 8 days.
    pub certificate_retention: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            challenges: 10_000_000,
            transactions: 1_000_000,
            pending_requests: 10_000,
            devices: 10_000_000,
            certificates: 10_000_000,
            notices: 100_000,
            passwords: 100_000,
            issuers: 1_000,
            events: 100_000,
            event_retention: Duration::from_secs(30 * 86_400),
            clock_tolerance: Duration::from_secs(5 * 60),
            certificate_retention: Duration::from_secs(8 * 86_400),
        }
    }
}

impl StoreLimits {
    /// The limits of a [`MemoryStore`](crate::MemoryStore) unless others are wanted; octets are what one entry costs on a
    /// 64-bit machine, the indexes included.
    ///
    /// | | limit | octets each |
    /// |---|---|---|
    /// | challenges | 1,000,000 | at most 150 |
    /// | transactions | 100,000 | about 400, 550 while being worked on |
    /// | pending requests | 2,000 | about 300, and the CSR |
    /// | devices | 1,000,000 | about 200 with up to four certificates, and 16 for each one more |
    /// | allowances, as many beside them | 1,000,000 | 1,200 |
    /// | certificates | 100,000 | about 700, and the DER, the basis and twice the device's name |
    /// | notices | 20,000 | about 300, and the body |
    /// | one-time passwords | 20,000 | about 500, and their names |
    /// | issuers | 1,000 | about 100 |
    /// | events of each kind | 1,000 | the event |
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            challenges: 1_000_000,
            transactions: 100_000,
            pending_requests: 2_000,
            devices: 1_000_000,
            certificates: 100_000,
            notices: 20_000,
            passwords: 20_000,
            events: 1_000,
            ..Self::default()
        }
    }
}
