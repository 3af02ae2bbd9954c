use std::time::Duration;

/// How much a [`MemoryStore`](crate::MemoryStore) may hold, and how long it keeps what is over.
///
/// At a limit it refuses. Octets are what one entry costs on a 64-bit machine, the indexes included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryLimits {
    /// Challenges reserved or used, and not over: at most 150 octets each. Default 1,000,000.
    pub challenges: usize,
    /// Transactions that are being worked on, wait, or were answered within the replay window: about 400 octets each, 550
    /// while being worked on. Default 100,000.
    pub transactions: usize,
    /// Requests waiting for an operator: about 300 octets each, and the CSR. Default 2,000.
    pub pending_requests: usize,
    /// Devices with a certificate in their rate limit's window: about 200 octets each with up to four certificates, and
    /// 16 for each one more. As many allowances, 1,200 octets each, are kept beside them. Default 1,000,000.
    pub devices: usize,
    /// Certificates that have not expired: about 700 octets each, and the DER, the basis and twice the device's name. Requests
    /// that were reserved before the limit was reached are still committed. Default 100,000.
    pub certificates: usize,
    /// Notices neither delivered nor given up: about 300 octets each, and the body. Default 20,000.
    pub notices: usize,
    /// One-time passwords that have not expired, used ones included: about 500 octets each, and their names. Default
    /// 20,000.
    pub passwords: usize,
    /// Issuers that number CRLs: about 100 octets each. Default 1,000.
    pub issuers: usize,
    /// Events of each kind in the journal; the oldest go first, and none keeps none. Default 1,000.
    pub events: usize,
    /// How long an event is kept. Default 30 days.
    pub event_retention: Duration,
    /// How much longer than its own expiry a used challenge is kept, in case the clock is set back. Default 5 minutes.
    pub clock_tolerance: Duration,
    /// How much longer than its validity a certificate is kept, so that a revoked one stands on at least one CRL more
    /// (RFC 5280 §3.3). Default 8 days.
    pub certificate_retention: Duration,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            challenges: 1_000_000,
            transactions: 100_000,
            pending_requests: 2_000,
            devices: 1_000_000,
            certificates: 100_000,
            notices: 20_000,
            passwords: 20_000,
            issuers: 1_000,
            events: 1_000,
            event_retention: Duration::from_secs(30 * 86_400),
            clock_tolerance: Duration::from_secs(5 * 60),
            certificate_retention: Duration::from_secs(8 * 86_400),
        }
    }
}

/// How much a [`MemoryStore`](crate::MemoryStore) holds; what has ended counts until its place is needed or swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MemoryUsage {
    /// Challenges.
    pub challenges: usize,
    /// Transactions.
    pub transactions: usize,
    /// Requests waiting for an operator.
    pub pending_requests: usize,
    /// Devices.
    pub devices: usize,
    /// Certificates.
    pub certificates: usize,
    /// Notices.
    pub notices: usize,
    /// One-time passwords.
    pub passwords: usize,
    /// Issuers.
    pub issuers: usize,
}
