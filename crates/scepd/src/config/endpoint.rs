//! Endpoints as they are written. Each text here is the description of a key in the schema.

use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::intune::{CrlSettings, IntuneMode};
use super::values::{Interval, Located, Period, SecretSource};

/// A door: one way to be authorised, one CA, and what may be issued.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Endpoint {
    /// Its name in the log, in metrics and in the store. Whoever changes it forgets its transactions.
    pub(crate) name: Located<String>,
    /// Under which path it is served; `/scep/` and the name if it is absent.
    #[serde(default)]
    pub(crate) path: Option<Located<String>>,
    /// The one way in which an enrolment is authorised; its settings stand in the table of the same name.
    pub(crate) mode: Located<ModeName>,
    /// Settings of the mode `static`.
    #[serde(default, rename = "static")]
    pub(crate) static_: Option<Located<StaticMode>>,
    /// Settings of the mode `one-time`; all have defaults, but a CA or RA that cannot decrypt needs `sealing-key`.
    #[serde(default)]
    pub(crate) one_time: Option<Located<OneTimeMode>>,
    /// Settings of the mode `signed`.
    #[serde(default)]
    pub(crate) signed: Option<Located<SignedMode>>,
    /// Settings of the mode `manual`.
    #[serde(default)]
    pub(crate) manual: Option<Located<ManualMode>>,
    /// Settings of the mode `intune`.
    #[serde(default)]
    pub(crate) intune: Option<Located<IntuneMode>>,
    /// The authority that issues; it may be absent if there is only one.
    #[serde(default)]
    pub(crate) authority: Option<Located<String>>,
    /// The profile of every certificate; it may be absent if there is only one.
    #[serde(default)]
    pub(crate) profile: Option<Located<String>>,
    /// Instead of `profile`, one for each use that a CSR's keyUsage names, as NDES has templates.
    #[serde(default)]
    pub(crate) profiles: Option<Located<ProfilesByUse>>,
    /// The profile of what the next CA issues before it takes over, with the URLs of its own CRL and certificate; that of
    /// the current CA if it is absent.
    #[serde(default)]
    pub(crate) next_profile: Option<Located<String>>,
    /// Instead of `next-profile`, one for each use that a CSR's keyUsage names.
    #[serde(default)]
    pub(crate) next_profiles: Option<Located<ProfilesByUse>>,
    /// Whose devices it is for: sets what GetCACaps says, and the next four keys where they are absent.
    #[serde(default)]
    pub(crate) client_family: Option<ClientFamilyName>,
    /// Which algorithms of a peer are taken; `modern`, or what the family needs, if it is absent.
    #[serde(default)]
    pub(crate) algorithms: Option<Algorithms>,
    /// Whether the key that signs a request must be the one it is for; `same-key`, or what the family needs, if it is
    /// absent.
    #[serde(default)]
    pub(crate) signer_binding: Option<SignerBindingName>,
    /// What GetCACert hands out; `auto`, or what the family needs, if it is absent.
    #[serde(default)]
    pub(crate) ca_certificates: Option<CaCertificates>,
    /// What stands beside the issued certificate in an answer; `leaf-only`, or what the family needs, if it is absent.
    #[serde(default)]
    pub(crate) reply_chain: Option<ReplyChainName>,
    /// Who may ask for certificates and CRLs by message, with GetCert and GetCRL.
    #[serde(default)]
    pub(crate) queries: QueriesName,
    /// Whether a certificate that this endpoint issued authorises the next one.
    #[serde(default)]
    pub(crate) renewal: Renewal,
    /// How long the same request gets the same certificate again.
    #[serde(default = "default_replay_window")]
    pub(crate) replay_window: Interval,
    /// How long a request may be at work before another attempt may take it over.
    #[serde(default = "default_lease")]
    pub(crate) lease: Interval,
    /// How many certificates a device may have in a while; any number if it is absent.
    #[serde(default)]
    pub(crate) device_allowance: Option<Allowance>,
    /// How many certificates it may issue in a while, to all devices together; any number if it is absent.
    #[serde(default)]
    pub(crate) allowance: Option<Issuance>,
    /// The CRL of the CA, served beside the endpoint; none if it is absent.
    #[serde(default)]
    pub(crate) crl: Option<Located<CrlSettings>>,
}

/// How an enrolment is authorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModeName {
    /// By one password that all devices share.
    Static,
    /// By a password that an operator or a program makes for one enrolment, through the admin API.
    OneTime,
    /// By a signed challenge (JWS) of one's own MDM, used once.
    Signed,
    /// By an operator, through the admin API.
    Manual,
    /// By Microsoft Intune's service, which alone can read its challenges.
    Intune,
}

/// Settings of the mode `static`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct StaticMode {
    /// The password. Windows takes letters and digits only.
    pub(crate) password: Located<SecretSource>,
}

/// Settings of the mode `one-time`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct OneTimeMode {
    /// How long a password is good unless whoever makes it says otherwise, up to 30 days.
    pub(crate) lifetime: Interval,
    /// How many may wait for being used, up to 2,000; 1,000 if it is absent. With `sealing-key` up to 32, and 16: each request
    /// tries them all.
    pub(crate) most: Option<usize>,
    /// What keeps them sealed in the store, where no key of the CA or RA can decrypt, so that requests come encrypted by a
    /// password: 32 random octets, in hexadecimal or base64. The same at all nodes.
    pub(crate) sealing_key: Option<Located<SecretSource>>,
    /// Whether the admin API has a page that makes one, at `/mscep_admin/` and the endpoint's name, as NDES has.
    pub(crate) page: bool,
}

impl Default for OneTimeMode {
    fn default() -> Self {
        Self { lifetime: Interval::seconds(60 * 60), most: None, sealing_key: None, page: false }
    }
}

/// Settings of the mode `signed`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SignedMode {
    /// Certificates or public keys of those who sign challenges, PEM; an expired certificate verifies nothing.
    pub(crate) anchors: Located<PathBuf>,
    /// The `aud` that challenges must claim, usually this endpoint's URL; without it challenges for any server are taken.
    #[serde(default)]
    pub(crate) audience: Option<String>,
    /// How long after its issuance a challenge may live.
    #[serde(default = "default_lifetime_cap")]
    pub(crate) lifetime_cap: Interval,
    /// How far the clocks of issuer and server may differ.
    #[serde(default = "default_tolerance")]
    pub(crate) tolerance: Interval,
    /// How strictly challenges are read.
    #[serde(default)]
    pub(crate) compatibility: ChallengeCompatibility,
}

/// How strictly challenges are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChallengeCompatibility {
    /// As the standards say.
    #[default]
    Strict,
    /// With the leniencies that challenges of certctl connectors need.
    Certctl,
}

/// Settings of the mode `manual`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ManualMode {
    /// After how long a request that nobody decided is forgotten.
    pub(crate) keep: Interval,
}

/// One profile for each use.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ProfilesByUse {
    /// For CSRs that ask for neither use alone, or for nothing.
    pub(crate) general_purpose: Located<String>,
    /// For CSRs that ask to sign only; the general one if it is absent.
    #[serde(default)]
    pub(crate) signature: Option<Located<String>>,
    /// For CSRs that ask to encrypt only; the general one if it is absent.
    #[serde(default)]
    pub(crate) encryption: Option<Located<String>>,
}

/// Whose devices an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientFamilyName {
    /// RFC 8894 to the letter.
    Strict,
    /// Windows 10 and 11; SHA-1, and requests signed with a key that is thrown away.
    Windows,
    /// iOS, iPadOS and macOS.
    Apple,
    /// Android agents.
    Android,
    /// ChromeOS and its connector.
    ChromeOs,
    /// Cisco IOS, IOS-XE and ASA.
    Cisco,
    /// Whatever was made for NDES and nothing else.
    NdesLookAlike,
    /// Whatever comes, MD5 and single DES among it, which protect nothing.
    Permissive,
}

/// Who may ask for certificates and CRLs by message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QueriesName {
    /// Nobody.
    #[default]
    Deny,
    /// Whoever signs with a certificate of this CA that is valid and not revoked.
    Holders,
    /// Anybody.
    Anyone,
}

/// Which algorithms of a peer are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithms {
    /// SHA-256 and longer, AES.
    Modern,
    /// SHA-1 and triple DES as well: older Apple, Cisco and printers.
    Legacy,
    /// MD5 and single DES as well, which protect nothing: old Cisco images, micromdm's scepclient.
    Obsolete,
}

/// Whether the key that signs a request must be the one it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SignerBindingName {
    /// It must.
    SameKey,
    /// It need not: Windows signs with a key that it throws away.
    Any,
}

/// What GetCACert hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CaCertificates {
    /// The CA alone if it is its own RA, which Apple wants; else RA and CA.
    Auto,
    /// The CA alone.
    SingleCa,
    /// RA and CA.
    RaBundle,
    /// RA, CA and all above it, which Windows under Intune wants.
    Chain,
}

/// What stands beside the issued certificate in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReplyChainName {
    /// Nothing: iOS takes the first certificate for its own.
    LeafOnly,
    /// The CA.
    WithIssuer,
    /// The CA and all above it.
    WithChain,
}

/// Whether a certificate that this endpoint issued authorises the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub(crate) enum Renewal {
    /// It does not.
    #[default]
    Deny,
    /// It does, for the same names, unless it is revoked.
    Allow {
        /// How long after its end it still does.
        grace: Interval,
    },
}

/// How many certificates a device may have in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Allowance {
    /// How many, 1 to 1,000.
    pub(crate) certificates: u32,
    /// In how long.
    pub(crate) window: Interval,
}

/// How many certificates may be issued in a while; when they are used up, devices are told to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Issuance {
    /// How many, 1 to 1,000,000.
    pub(crate) certificates: NonZeroU32,
    /// In how long.
    pub(crate) window: Period,
}

const fn default_replay_window() -> Interval {
    Interval::seconds(60 * 60)
}

const fn default_lease() -> Interval {
    Interval::seconds(30)
}

const fn default_lifetime_cap() -> Interval {
    Interval::seconds(60 * 60)
}

const fn default_tolerance() -> Interval {
    Interval::seconds(60)
}
