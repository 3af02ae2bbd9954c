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
