use std::time::Duration;

use crate::StoreLimits;

/// How a [`RedisStore`](crate::RedisStore) works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisOptions {
    /// How much it may hold.
    pub limits: StoreLimits,
    /// In front of all keys, as their hash tag. Default `scep`.
    pub prefix: String,
    /// What a server must promise.
    pub persistence: RedisPersistence,
    /// How many replicas must have heard of a certificate, a decision or a CRL number before it counts. Default 0.
    pub replicas: u32,
    /// How long it waits for the server to answer. Default 5 seconds.
    pub timeout: Duration,
    /// Authorities, PEM, that may vouch for the server of a `rediss://` URL. Default `None`: those of the system.
    pub roots: Option<String>,
}

/// What a server must promise about what it is given; it is asked at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RedisPersistence {
    /// `appendonly yes`, `appendfsync always`: what it answered survives a power failure.
    #[default]
    Always,
    /// `appendonly yes`: a power failure takes back the last second, a killed server loses nothing.
    EverySecond,
    /// Whatever it does when it restarts, as long as it evicts nothing while it runs.
    WhileItRuns,
    /// It is not asked, since a managed service may not answer: you know that it evicts nothing and keeps everything.
    Unchecked,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            limits: StoreLimits::default(),
            prefix: "scep".to_owned(),
            persistence: RedisPersistence::default(),
            replicas: 0,
            timeout: Duration::from_secs(5),
            roots: None,
        }
    }
}

impl RedisOptions {
    /// The same with these limits.
    #[must_use]
    pub fn with_limits(self, limits: StoreLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same with other keys.
    #[must_use]
    pub fn with_prefix(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self }
    }

    /// The same with another promise.
    #[must_use]
    pub fn with_persistence(self, persistence: RedisPersistence) -> Self {
        Self { persistence, ..self }
    }

    /// The same, trusting these authorities and no others, PEM.
    #[must_use]
    pub fn with_roots(self, roots: &str) -> Self {
        Self { roots: Some(roots.to_owned()), ..self }
    }

    /// The same with this many replicas that must hear.
    #[must_use]
    pub fn with_replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }
}
