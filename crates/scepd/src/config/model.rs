//! The configuration as it is written. Each text here is the description of a key in the schema.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use ipnet::IpNet;
use scep_ca::ProfileConfig;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::endpoint::{Endpoint, Issuance};
use super::key::KeySource;
use super::store::Store;
use super::values::{Interval, Located, Period};

/// The configuration of scepd. Relative paths are relative to the directory of this file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    /// The directory of what scepd keeps itself: generated CAs and RAs, admin tokens.
    #[serde(default = "default_state_dir")]
    pub(crate) state_dir: PathBuf,
    /// Addresses at which devices are served; http://127.0.0.1:8894 if there is none.
    #[serde(default)]
    pub(crate) listener: Vec<Listener>,
    /// Where the state of enrolments is kept.
    #[serde(default)]
    pub(crate) store: Store,
    /// What a peer may cost.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// The log and the audit trail.
    #[serde(default)]
    pub(crate) log: Log,
    /// The admin API; off if it is absent.
    #[serde(default)]
    pub(crate) admin: Option<Admin>,
    /// CAs, each with who speaks for it.
    #[serde(default)]
    pub(crate) authority: BTreeMap<String, Located<Authority>>,
    /// What a CSR may become.
    #[serde(default)]
    #[schemars(schema_with = "profiles_schema")]
    pub(crate) profile: BTreeMap<String, Located<ProfileConfig>>,
    /// The doors: each with one way to be authorised.
    #[serde(default)]
    pub(crate) endpoint: Vec<Located<Endpoint>>,
}

/// An address at which devices are served.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Listener {
    /// IP address and port.
    #[schemars(with = "String")]
    pub(crate) address: Located<SocketAddr>,
    /// TLS 1.2 and 1.3; plain HTTP if it is absent, which is what SCEP needs.
    #[serde(default)]
    pub(crate) tls: Option<Located<Tls>>,
}

/// The certificate of a listener; it is read again at each reload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Tls {
    /// The certificate and those above it, PEM.
    pub(crate) certificate: Located<PathBuf>,
    /// Its private key, in a file or a variable.
    pub(crate) key: Located<KeySource>,
}

/// What a peer may cost before anything is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Connections of each listener at a time; more wait.
    pub(crate) connections: NonZeroUsize,
    /// Connections from one address at a time, from trusted proxies any number; an IPv6 /64 is one address.
    pub(crate) connections_per_address: NonZeroUsize,
    /// How long a request's head and a TLS handshake may take, and how long a connection may be idle.
    pub(crate) head_timeout: Period,
    /// How long a request's body may take.
    pub(crate) body_timeout: Period,
    /// How long requests at work may take after a shutdown began.
    pub(crate) drain: Interval,
    /// Threads that do RSA operations, and so the share of the cores that they may take; one for each core if it is absent.
    pub(crate) workers: Option<NonZeroUsize>,
    /// Requests that may wait for a worker, more get 503; 128 for each worker if it is absent.
    pub(crate) queue: Option<usize>,
    /// How many of the workers derive keys from passwords at a time, which requests that are encrypted by the password of a
    /// `static` endpoint cost; a quarter of `workers`, and at least one, if it is absent. 16 such requests wait for each.
    pub(crate) password_workers: Option<NonZeroUsize>,
    /// Requests from one address, before any RSA operation; more get 429.
    pub(crate) per_address: Rate,
    /// Requests from all addresses together, before any RSA operation, more get 503; any number if it is absent.
    pub(crate) global: Option<Rate>,
    /// How many certificates all endpoints of the store may issue together in a while; any number if it is absent.
    pub(crate) allowance: Option<Issuance>,
    /// Proxies whose word about the client's address is taken.
    pub(crate) trusted_proxies: Option<TrustedProxies>,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Rate {
    /// Requests in each `per`, in the long run.
    pub(crate) requests: NonZeroU32,
    /// In how long.
    pub(crate) per: Period,
    /// Requests at once.
    pub(crate) burst: NonZeroU32,
}

/// Proxies whose word about the client's address is taken, and where they say it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TrustedProxies {
    /// Their networks, such as `10.0.0.0/8`.
    #[schemars(with = "Vec<String>")]
    pub(crate) networks: Vec<IpNet>,
    /// The one header that they write; the other is a client's own invention.
    pub(crate) header: ForwardedHeader,
}

/// The header in which proxies name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ForwardedHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The log on standard error, and the audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`; the environment variable RUST_LOG overrides it.
    pub(crate) level: LogLevel,
    /// `text` or `json`.
    pub(crate) format: LogFormat,
    /// Where each decision and each admin action is written as one JSON object a line: `"stdout"` or `{ file = "…" }`;
    /// nowhere if it is absent.
    pub(crate) audit: Option<Audit>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogLevel {
    /// What failed by no fault of a peer.
    Error,
    /// And what was refused.
    Warn,
    /// And each decision.
    #[default]
    Info,
    /// And what peers do on the way.
    Debug,
    /// And what libraries do.
    Trace,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// Lines for people; without time and colour where systemd's journal adds its own.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where the audit trail goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Audit {
    /// To standard output.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
}

/// The admin API: JSON over HTTP with bearer tokens, and Prometheus metrics.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Admin {
    /// A loopback address and a port.
    #[schemars(with = "String")]
    pub(crate) address: Located<SocketAddr>,
}

/// A CA, and who opens requests and signs answers for it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Authority {
    /// The CA; without it, CA and RA are generated at the first start and kept in the state directory.
    #[serde(default)]
    pub(crate) ca: Option<Located<Pair>>,
    /// The RA; without it a given CA opens requests and signs answers itself; with a key
    /// that is not RSA only in the mode `static`, where requests are encrypted by the password.
    #[serde(default)]
    pub(crate) ra: Option<Located<Pair>>,
    /// Earlier RAs, which still open and answer what clients send that keep an older GetCACert answer.
    #[serde(default)]
    pub(crate) earlier_ras: Vec<Located<Pair>>,
    /// The certificates above the CA's, PEM, that of its own issuer first.
    #[serde(default)]
    pub(crate) chain: Option<Located<PathBuf>>,
    /// The certificate of the CA that takes over, PEM, and, unless `next-ra` names it, that of its RA after it;
    /// GetNextCACert hands them out.
    #[serde(default)]
    pub(crate) next_ca: Option<Located<PathBuf>>,
    /// The next CA's private key. With it, who encrypts a request to the next CA already gets a certificate of that one.
    #[serde(default)]
    pub(crate) next_ca_key: Option<Located<KeySource>>,
    /// The certificate of the next CA's RA, PEM; without it the next CA opens requests and signs answers itself.
    #[serde(default)]
    pub(crate) next_ra: Option<Located<PathBuf>>,
    /// The private key of the next CA's RA.
    #[serde(default)]
    pub(crate) next_ra_key: Option<Located<KeySource>>,
}

/// A certificate and its private key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Pair {
    /// The certificate, PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: Located<KeySource>,
}

impl Default for Limits {
    fn default() -> Self {
        let many = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        let rate = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            connections: many(16_384),
            connections_per_address: many(64),
            head_timeout: Period::seconds(10),
            body_timeout: Period::seconds(30),
            drain: Interval::seconds(30),
            workers: None,
            queue: None,
            password_workers: None,
            per_address: Rate { requests: rate(50), per: Period::seconds(1), burst: rate(500) },
            global: None,
            allowance: None,
            trusted_proxies: None,
        }
    }
}

fn default_state_dir() -> PathBuf {
    "state".into()
}

/// The schema of profiles, which `scep-ca` reads itself.
fn profiles_schema(_: &mut SchemaGenerator) -> Schema {
    let profile: serde_json::Value =
        serde_json::from_str(include_str!("profile.schema.json")).unwrap_or_default();
    json_schema!({ "type": "object", "additionalProperties": profile })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_schema_of_profiles_has_exactly_the_keys_that_are_read() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("profile.schema.json")).unwrap();
        let profile =
            serde_json::to_value(ProfileConfig::new(Duration::from_secs(86_400))).unwrap();
        let keys = |value: &serde_json::Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(keys(&schema["properties"]), keys(&profile));
    }
}
