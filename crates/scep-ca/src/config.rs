use std::time::Duration;

use scep_types::KeyUsage;
use scep_types::oid::{self, Oid};
use serde::{Deserialize, Serialize};

use crate::{SanType, text};

/// What a CSR may become, as an operator writes it; [`Profile::new`](crate::Profile::new) checks it once.
///
/// Every field but [`validity`](Self::validity) has a default, the strictest that issues at all. In a file, names are
/// in kebab-case, durations are texts such as `"90d"`, `"12h"`, `"10m"` or `"30s"`, and OIDs are dotted.
///
/// ```
/// let config: scep_ca::ProfileConfig = serde_json::from_str(
///     r#"{ "validity": "365d", "ocsp-urls": ["http://ocsp.example/"] }"#,
/// )?;
/// let profile = scep_ca::Profile::new(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProfileConfig {
    /// How long a certificate is valid from now on; the issuer's notAfter caps it.
    #[serde(with = "text::duration")]
    pub validity: Duration,
    /// Whether a validity that the CSR asks for is honoured.
    #[serde(default)]
    pub requested_validity: RequestedValidity,
    /// How far before now notBefore lies, for devices whose clock is slow; at most a week.
    #[serde(default = "default_backdate", with = "text::duration")]
    pub backdate: Duration,
    /// Which public keys are taken.
    #[serde(default)]
    pub keys: AllowedKeys,
    /// What becomes of an empty subject; any other is copied octet by octet.
    #[serde(default)]
    pub empty_subject: EmptySubject,
    /// Which subjectAltNames are copied.
    #[serde(default)]
    pub subject_alt_names: SubjectAltNamePolicy,
    /// The keyUsage, cut down to what the kind of key can do.
    #[serde(default)]
    pub key_usage: KeyUsagePolicy,
    /// The extended key usages.
    #[serde(default)]
    pub extended_key_usage: ExtendedKeyUsagePolicy,
    /// URLs of OCSP responders, for the authorityInfoAccess extension.
    #[serde(default)]
    pub ocsp_urls: Vec<String>,
    /// URLs of the issuer's certificate, for the authorityInfoAccess extension.
    #[serde(default)]
    pub ca_issuers_urls: Vec<String>,
    /// URLs of one CRL, for the cRLDistributionPoints extension.
    #[serde(default)]
    pub crl_urls: Vec<String>,
    /// Policy identifiers, for the certificatePolicies extension.
    #[serde(default, with = "text::oids")]
    pub certificate_policies: Vec<Oid>,
    /// Whether Microsoft's SID extension is added; a requested one is never copied.
    #[serde(default)]
    pub sid_extension: SidExtension,
    /// Requested extensions that are copied, value and criticality; all others are dropped.
    ///
    /// None of arc 2.5.29 (basicConstraints, keyUsage, identifiers, distribution points, constraints) and none that
    /// gives power, such as authorityInfoAccess or Microsoft's SID, can be named here.
    #[serde(default, with = "text::oids")]
    pub copied_extensions: Vec<Oid>,
}

impl ProfileConfig {
    /// The strictest profile that issues: RSA 2048 to 4096, P-256 and P-384; client authentication only.
    #[must_use]
    pub fn new(validity: Duration) -> Self {
        Self {
            validity,
            requested_validity: RequestedValidity::default(),
            backdate: default_backdate(),
            keys: AllowedKeys::default(),
            empty_subject: EmptySubject::default(),
            subject_alt_names: SubjectAltNamePolicy::default(),
            key_usage: KeyUsagePolicy::default(),
            extended_key_usage: ExtendedKeyUsagePolicy::default(),
            ocsp_urls: Vec::new(),
            ca_issuers_urls: Vec::new(),
            crl_urls: Vec::new(),
            certificate_policies: Vec::new(),
            sid_extension: SidExtension::default(),
            copied_extensions: Vec::new(),
        }
    }
}

/// Which public keys are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AllowedKeys {
    /// RSA keys.
    pub rsa: RsaKeys,
    /// Keys on elliptic curves.
    pub elliptic: Vec<EllipticKey>,
}

impl Default for AllowedKeys {
    fn default() -> Self {
        Self { rsa: RsaKeys::default(), elliptic: vec![EllipticKey::P256, EllipticKey::P384] }
    }
}

/// Which RSA keys are taken; their modulus must be odd and their public exponent odd and above one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RsaKeys {
    /// None.
    Refuse,
    /// Those with a modulus of so many bits, both ends included; 1024 to 8192 can be configured.
    Bits {
        /// Fewest bits.
        min: usize,
        /// Most bits.
        max: usize,
    },
}

/// 2048 to 4096 bits.
impl Default for RsaKeys {
    fn default() -> Self {
        Self::Bits { min: 2048, max: 4096 }
    }
}

/// A kind of key on an elliptic curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EllipticKey {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
}

/// What becomes of a CSR with an empty subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptySubject {
    /// It is refused.
    #[default]
    Refuse,
    /// It is taken if a subjectAltName is kept, which then is critical (RFC 5280 §4.1.2.6).
    AllowWithSubjectAltName,
}

/// What becomes of something that an allow-list does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unlisted {
    /// The CSR is refused.
    #[default]
    Refuse,
    /// The certificate is issued without it.
    Drop,
}

/// Which subjectAltNames are copied, octet by octet and in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SubjectAltNamePolicy {
    /// The types that are copied; by default those that a challenge can be compared with.
    pub keep: Vec<SanType>,
    /// What becomes of all others.
    pub others: Unlisted,
    /// What becomes of URIs that Active Directory takes for an account.
    pub sid_uri: SidUri,
}

impl Default for SubjectAltNamePolicy {
    fn default() -> Self {
        let keep = vec![SanType::Dns, SanType::Rfc822, SanType::Uri, SanType::Ip, SanType::Upn];
        Self { keep, others: Unlisted::default(), sid_uri: SidUri::default() }
    }
}

/// What becomes of `tag:microsoft.com,…` URIs, which map a certificate to an account (KB5014754).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SidUri {
    /// They are refused unless the names are [`Vouched`](scep_types::NameAssurance::Vouched) for.
    #[default]
    RequireVouched,
    /// They are like any other URI, though the requester chose them.
    AsAnyUri,
}

/// Where the keyUsage comes from; bits that the kind of key cannot do are left out (RFC 5280 §4.2.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum KeyUsagePolicy {
    /// From the profile, whatever is asked for.
    Fixed(#[serde(with = "text::key_usage")] KeyUsage),
    /// From the CSR.
    FromCsr {
        /// Bits that may be asked for.
        #[serde(with = "text::key_usage")]
        allowed: KeyUsage,
        /// Bits of a certificate for which none are asked for.
        #[serde(with = "text::key_usage")]
        absent: KeyUsage,
        /// What becomes of other bits.
        #[serde(default)]
        others: Unlisted,
    },
}

/// digitalSignature and keyEncipherment, so RSA gets both and ECDSA the first.
impl Default for KeyUsagePolicy {
    fn default() -> Self {
        Self::Fixed(KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT))
    }
}

/// Where the extended key usages come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum ExtendedKeyUsagePolicy {
    /// From the profile, whatever is asked for.
    Fixed(#[serde(with = "text::oids")] Vec<Oid>),
    /// From the CSR.
    FromCsr {
        /// Usages that may be asked for.
        #[serde(with = "text::oids")]
        allowed: Vec<Oid>,
        /// Usages of a certificate for which none are asked for.
        #[serde(with = "text::oids")]
        absent: Vec<Oid>,
        /// What becomes of other usages.
        #[serde(default)]
        others: Unlisted,
    },
    /// No extension: the certificate is good for every purpose.
    Unrestricted,
}

/// Client authentication.
impl Default for ExtendedKeyUsagePolicy {
    fn default() -> Self {
        Self::Fixed(vec![oid::CLIENT_AUTH])
    }
}

/// Whether Windows' wish (`ValidityPeriod`, `ValidityPeriodUnits`; 1.3.6.1.4.1.311.13.2.1) sets the validity.
///
/// A wish that is incomplete, repeated or malformed is ignored, and the profile's validity stands: platforms write the
/// pairs differently, and no certificate outlives `max` either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RequestedValidity {
    /// It does not.
    #[default]
    Ignore,
    /// It does, moved into these bounds.
    Honour {
        /// The shortest.
        #[serde(with = "text::duration")]
        min: Duration,
        /// The longest.
        #[serde(with = "text::duration")]
        max: Duration,
    },
}

/// Whether the SID extension (1.3.6.1.4.1.311.25.2, KB5014754) is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SidExtension {
    /// It is not.
    #[default]
    Never,
    /// It is, with the SID of the only strong mapping URI in the subjectAltNames, and only if they are
    /// [`Vouched`](scep_types::NameAssurance::Vouched) for.
    FromAuthorizedSanUri,
}

/// Ten minutes.
const fn default_backdate() -> Duration {
    Duration::from_secs(10 * 60)
}
