use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::StoreLimits;

/// How a [`PostgresStore`](crate::PostgresStore) works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// How much it may hold.
    pub limits: StoreLimits,
    /// Connections it has at most. Default 16.
    pub connections: usize,
    /// How long it waits for a connection, and for the database to do one verb. Default 5 seconds.
    pub timeout: Duration,
    /// Statements that each connection keeps prepared, which take memory of the server's. Default 128, more than most nodes use.
    pub prepared_statements: usize,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        let (limits, timeout) = (StoreLimits::default(), Duration::from_secs(5));
        Self { limits, connections: 16, timeout, prepared_statements: 128 }
    }
}

impl PostgresOptions {
    /// The same with these limits.
    #[must_use]
    pub const fn with_limits(self, limits: StoreLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same with at most this many connections.
    #[must_use]
    pub const fn with_connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// The same with this patience.
    #[must_use]
    pub const fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same with at most this many prepared statements a connection.
    #[must_use]
    pub const fn with_prepared_statements(self, prepared_statements: usize) -> Self {
        Self { prepared_statements, ..self }
    }
}

/// Whether connections are encrypted; it overrides `sslmode` of the connection string.
#[derive(Clone)]
#[non_exhaustive]
pub enum PostgresTls {
    /// They must be, with these settings: trusted roots, versions, a client certificate.
    Required(Arc<rustls::ClientConfig>),
    /// They are not: for a Unix socket or the machine's own loopback.
    Unencrypted,
}

impl fmt::Debug for PostgresTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required(_) => "Required",
            Self::Unencrypted => "Unencrypted",
        })
    }
}
