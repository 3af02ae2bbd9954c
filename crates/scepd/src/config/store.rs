//! The store as it is written. Each text here is the description of a key in the schema.

use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::Range;
use std::path::PathBuf;

use scep_store::{RedisPersistence, StoreLimits};
use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{Interval, Located, Period, SecretSource};

/// Where the state of enrolments is kept.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Store {
    /// `sqlite:` and a file, `postgres://…`, `redis://…` (`rediss://…` with TLS), or `memory:`, which a restart forgets;
    /// `sqlite:` and the file `scepd.sqlite` in the state directory if it is absent.
    #[serde(default)]
    pub(crate) url: Option<Located<String>>,
    /// The password of the user whom the URL names.
    #[serde(default)]
    pub(crate) password: Option<Located<SecretSource>>,
    /// The authorities that may vouch for a database's server, PEM; those of the system if it is absent.
    #[serde(default)]
    pub(crate) roots: Option<Located<PathBuf>>,
    /// How much it may hold; at a limit devices are told to come again.
    #[serde(default)]
    pub(crate) limits: Capacities,
    /// What happened, for the admin API: decisions and what operators did, of all nodes.
    #[serde(default)]
    pub(crate) journal: Journal,
    /// Settings of PostgreSQL.
    #[serde(default)]
    pub(crate) postgres: Option<Located<PostgresSettings>>,
    /// Settings of Redis.
    #[serde(default)]
    pub(crate) redis: Option<Located<RedisSettings>>,
}

/// How much a store may hold, and how long it keeps what is over; each has a default, in memory a smaller one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Capacities {
    /// Challenges that are used, and not over.
    pub(crate) challenges: Option<NonZeroUsize>,
    /// Transactions that are at work, wait, or were answered within the replay window.
    pub(crate) transactions: Option<NonZeroUsize>,
    /// Requests that wait for an operator.
    pub(crate) pending_requests: Option<NonZeroUsize>,
    /// Devices with a certificate in the window of their allowance.
    pub(crate) devices: Option<NonZeroUsize>,
    /// Certificates that have not expired.
    pub(crate) certificates: Option<NonZeroUsize>,
    /// Notifications that are to be sent.
    pub(crate) notices: Option<NonZeroUsize>,
    /// One-time passwords that have not expired, used ones included.
    pub(crate) passwords: Option<NonZeroUsize>,
    /// CAs that number CRLs.
    pub(crate) issuers: Option<NonZeroUsize>,
    /// By how much the clocks of nodes may differ.
    pub(crate) clock_tolerance: Option<Interval>,
    /// How much longer than its validity a certificate is known.
    pub(crate) certificate_retention: Option<Interval>,
}

/// The journal of decisions and of what operators did; the oldest ones go first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Journal {
    /// For how long; 30 days if it is absent.
    pub(crate) keep: Option<Period>,
    /// How many of each kind, 100,000 if it is absent, in memory 1,000; 0 switches it off.
    pub(crate) most: Option<usize>,
}

/// Settings of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PostgresSettings {
    /// Connections that this node has at most; 16 if it is absent.
    pub(crate) connections: NonZeroUsize,
}

/// Settings of Redis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RedisSettings {
    /// In front of all keys; `scep` if it is absent.
    pub(crate) prefix: Option<String>,
    /// What the server must promise.
    pub(crate) persistence: Persistence,
    /// How many replicas must have heard of a certificate before it counts.
    pub(crate) replicas: Option<NonZeroU32>,
}

/// What a Redis server must promise about what it is given; it is asked at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Persistence {
    /// `appendonly yes`, `appendfsync always`: a power failure takes nothing back.
    #[default]
    Always,
    /// `appendonly yes`: a power failure takes back the last second.
    EverySecond,
    /// Whatever it does when it restarts.
    WhileItRuns,
    /// It is not asked, for managed services that do not answer.
    Unchecked,
}

impl Capacities {
    /// These where they are set, else what stands in `limits`.
    fn over(&self, mut limits: StoreLimits) -> StoreLimits {
        set(&mut limits.challenges, self.challenges);
        set(&mut limits.transactions, self.transactions);
        set(&mut limits.pending_requests, self.pending_requests);
        set(&mut limits.devices, self.devices);
        set(&mut limits.certificates, self.certificates);
        set(&mut limits.notices, self.notices);
        set(&mut limits.passwords, self.passwords);
        set(&mut limits.issuers, self.issuers);
        limits.clock_tolerance = self.clock_tolerance.map_or(limits.clock_tolerance, |time| time.0);
        let retention = self.certificate_retention;
        limits.certificate_retention =
            retention.map_or(limits.certificate_retention, |time| time.0);
        limits
    }
}

fn set(limit: &mut usize, wanted: Option<NonZeroUsize>) {
    *limit = wanted.map_or(*limit, NonZeroUsize::get);
}

impl From<Persistence> for RedisPersistence {
    fn from(persistence: Persistence) -> Self {
        match persistence {
            Persistence::Always => Self::Always,
            Persistence::EverySecond => Self::EverySecond,
            Persistence::WhileItRuns => Self::WhileItRuns,
            Persistence::Unchecked => Self::Unchecked,
        }
    }
}

impl Store {
    /// Where its URL stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.url.as_ref().map_or(0..0, Located::span)
    }

    /// What is set of capacities and of the journal, else what stands in `limits`.
    pub(crate) fn limits_over(&self, limits: StoreLimits) -> StoreLimits {
        let mut limits = self.limits.over(limits);
        limits.events = self.journal.most.unwrap_or(limits.events);
        limits.event_retention = self.journal.keep.map_or(limits.event_retention, |time| time.0);
        limits
    }

    /// Whether what happens is to be written down.
    pub(crate) fn keeps_journal(&self) -> bool {
        self.journal.most != Some(0)
    }

    /// All that a reload does not take over, for comparison.
    pub(crate) fn settings(&self) -> impl PartialEq + use<'_> {
        (
            self.url.as_ref().map(Located::value),
            self.password.as_ref().map(Located::value),
            self.roots.as_ref().map(Located::value),
            (self.limits, self.journal),
            self.postgres.as_ref().map(Located::value),
            self.redis.as_ref().map(Located::value),
        )
    }
}
