//! The mode `intune` as it is written. Each text here is the description of a key in the schema.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::Pair;
use super::values::{Located, Period, SecretSource};

/// Settings of the mode `intune`: whom Microsoft's service knows this server as, and how it is called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct IntuneMode {
    /// The tenant whose devices enrol: its id, or a verified domain.
    pub(crate) tenant: Located<String>,
    /// The application (client) id of the app registration in this tenant.
    pub(crate) application: Located<String>,
    /// The value of a client secret, not its id; or `certificate`.
    #[serde(default)]
    pub(crate) secret: Option<Located<SecretSource>>,
    /// A certificate that is uploaded to the app registration, and its RSA key; or `secret`.
    #[serde(default)]
    pub(crate) certificate: Option<Located<Pair>>,
    /// In which cloud the tenant lives.
    #[serde(default)]
    pub(crate) cloud: CloudName,
    /// Whether a certificate may leave before Intune took note of it.
    #[serde(default)]
    pub(crate) notify: NotifyName,
    /// How long one call may take, tokens and repeats included; Windows waits about 30 s for its answer.
    #[serde(default = "default_budget")]
    pub(crate) budget: Located<Period>,
    /// Calls to Microsoft that may be under way at a time.
    #[serde(default = "default_concurrency")]
    pub(crate) concurrency: NonZeroUsize,
    /// Which way calls take.
    #[serde(default)]
    pub(crate) proxy: Option<Located<ProxyName>>,
    /// Certificates that TLS trusts besides those of the system, PEM, such as that of a proxy that opens TLS.
    #[serde(default)]
    pub(crate) extra_roots: Option<Located<PathBuf>>,
    /// What differs from Microsoft's values in this cloud.
    #[serde(default)]
    pub(crate) service: ServiceOverrides,
    /// Carries out what an administrator of Intune revokes; off if it is absent. It needs the endpoint's `crl`.
    #[serde(default)]
    pub(crate) revocation: Option<Located<Revocation>>,
    /// Asks Graph whether the device complies before it gets a certificate; off if it is absent.
    #[serde(default)]
    pub(crate) compliance: Option<ComplianceSettings>,
}

/// In which cloud a tenant lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CloudName {
    /// The public cloud, and GCC.
    #[default]
    Global,
    /// GCC High.
    GccHigh,
    /// The US Department of Defense.
    Dod,
    /// China, operated by 21Vianet; `service.intune-scope` must be set.
    China,
}

/// Whether a certificate may leave before Intune took note of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NotifyName {
    /// It may not, as Microsoft demands; the same request, come again, gets it once Intune was told.
    #[default]
    BeforeDelivery,
    /// It may; Intune is told afterwards, until it listens.
    DeliverThenNotify,
}

/// Which way calls take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProxyName {
    /// As HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say.
    #[default]
    Environment,
    /// Straight to Microsoft.
    Direct,
    /// Through this one.
    Through(ThroughProxy),
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ThroughProxy {
    /// Where it is, such as `http://proxy.example:3128`; without user and password.
    pub(crate) url: String,
    /// The user, if it asks for one.
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// The password of the user.
    #[serde(default)]
    pub(crate) password: Option<SecretSource>,
    /// Hosts, domains and addresses to which calls go straight.
    #[serde(default)]
    pub(crate) bypass: Vec<String>,
}

/// What differs from Microsoft's values.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct ServiceOverrides {
    /// Entra, https; on this very machine http, too.
    pub(crate) login: Option<Located<String>>,
    /// Microsoft Graph, https; on this very machine http, too, and then a token may also go to a service there.
    pub(crate) graph: Option<Located<String>>,
    /// The version of Graph.
    pub(crate) graph_version: Option<Located<String>>,
    /// The scope of tokens for Graph.
    pub(crate) graph_scope: Option<Located<String>>,
    /// The scope of tokens for Intune.
    pub(crate) intune_scope: Option<Located<String>>,
    /// Intune's own application, whose services Graph lists.
    pub(crate) intune_app_id: Option<Located<String>>,
    /// The directory's name of the validation service.
    pub(crate) validation_service: Option<Located<String>>,
    /// The directory's name of the revocation service.
    pub(crate) connector_service: Option<Located<String>>,
    /// The api-version of the validation service.
    pub(crate) validation_version: Option<Located<String>>,
    /// The api-version of the revocation service.
    pub(crate) connector_version: Option<Located<String>>,
    /// Domains, and what lies below them, to which a token for Intune may go; Microsoft's if it is absent.
    pub(crate) token_domains: Option<Vec<String>>,
}

/// How revocations are carried out.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Revocation {
    /// How often Intune is asked; it answers nothing new within the hour.
    #[serde(default = "default_every")]
    pub(crate) every: Period,
}

/// How compliance counts.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ComplianceSettings {
    /// Whether a device in its grace period gets a certificate.
    #[serde(default)]
    pub(crate) grace_period: GracePeriodName,
}

/// Whether a device in its grace period gets a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GracePeriodName {
    /// It does not.
    #[default]
    Denied,
    /// It does, as for Conditional Access.
    Allowed,
}

/// The CRL of an endpoint's CA, and of its next one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CrlSettings {
    /// Under which path it is served, at each listener; write that URL into the profile's `crl-urls`.
    pub(crate) path: Located<String>,
    /// Under which path that of the next CA is served, once that issues; not at all if it is absent.
    #[serde(default)]
    pub(crate) next_path: Option<Located<String>>,
    /// How long a CRL is good, a minute or more; a new one is made when half of that is over, and at each revocation.
    #[serde(default = "default_crl_lifetime")]
    pub(crate) lifetime: Period,
}

fn default_budget() -> Located<Period> {
    Located::nowhere(Period::seconds(20))
}

fn default_concurrency() -> NonZeroUsize {
    NonZeroUsize::new(64).unwrap_or(NonZeroUsize::MIN)
}

const fn default_every() -> Period {
    Period::seconds(60 * 60)
}

const fn default_crl_lifetime() -> Period {
    Period::seconds(7 * 24 * 60 * 60)
}

/// Whether this is `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
pub(crate) fn is_guid(text: &str) -> bool {
    let fits = |(position, octet): (usize, u8)| match position {
        8 | 13 | 18 | 23 => octet == b'-',
        _ => octet.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}
