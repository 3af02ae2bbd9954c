//! From the configuration to endpoints, with all that can be found out before a request comes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use intune_challenge::signed::{Compatibility, Leniencies, TrustAnchor, Verifier, VerifierConfig};
use scep_ca::{Profile, Profiles, RequestedUse};
use scep_crypto::aws_lc_rs;
use scep_proto::server::{CaAnswer, ClientFamily};
use scep_server::{
    Authority, CaCertificateShape, CertificateAllowance, ComplianceCheck, CrlPublisher,
    DeviceAllowance, Endpoint, EndpointConfig, Error, Host, Misconfigured, Mode, NextAuthority,
    OneTimePasswords, QueryPolicy, RenewalPolicy, ReplyChain, SignerBinding,
};
use scep_types::{AlgorithmPolicy, Certificate, KeyUsage, UnixTime};

use super::authorities::{self, Ready};
use super::intune::{self, Intune};
use super::next_ca::Next;
use crate::config::endpoint::{
    self, Algorithms, CaCertificates, ChallengeCompatibility, ClientFamilyName, Issuance, ModeName,
    OneTimeMode, ProfilesByUse, QueriesName, Renewal, ReplyChainName, SignedMode,
    SignerBindingName,
};
use crate::config::files::Files;
use crate::config::intune::{CrlSettings, IntuneMode};
use crate::config::mistake::{Fault, Findings};
use crate::config::model::Config;
use crate::config::values::Located;

/// An endpoint, and what of it will expire.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) endpoint: Endpoint,
    pub(crate) config: EndpointConfig,
    pub(crate) mode: &'static str,
    pub(crate) expiries: Vec<Expiry>,
    /// Its service, in the mode `intune`.
    pub(crate) intune: Option<Intune>,
    /// Whether the admin API has a page that makes passwords for it.
    pub(crate) page: bool,
    /// The CRL that is served beside it.
    pub(crate) crl: Option<Crl>,
    /// And that of its next CA, once that issues.
    pub(crate) next_crl: Option<Crl>,
    /// Whether its CA is made up for a check, and will be another one when it is served.
    pub(crate) made_up: bool,
    /// Where its name stands in the configuration.
    pub(crate) at: Range<usize>,
}

/// Which CA certificate a SCEP profile of Intune names differs by platform, and each must be there to be found.
fn warn_of_chain(settings: &endpoint::Endpoint, ready: &Ready, findings: &mut Findings) {
    let ca = ready.ca.issuer.certificate();
    let top = ready.ca.chain.last().unwrap_or(ca);
    if !top.is_self_issued() {
        let what =
            "the root above the CA is not known, which the SCEP profiles of Apple and Android name";
        let remedy =
            "give the certificates above the CA, up to the root, as the authority's `chain`";
        findings.warning(settings.name.span(), what, remedy);
    } else if top != ca && !hands_out_chain(settings) {
        let what = "Windows looks for the certificate of the SCEP profile in GetCACert, which hands out no root";
        let remedy =
            "set ca-certificates = \"chain\", or choose the issuing CA in the profile for Windows";
        findings.warning(settings.name.span(), what, remedy);
    }
}

fn hands_out_chain(settings: &endpoint::Endpoint) -> bool {
    let by_family = || {
        let needs = client_family(settings.client_family?).needs();
        Some(needs.ca_answer == CaAnswer::WholeChain)
    };
    match settings.ca_certificates {
        Some(shape) => shape == CaCertificates::Chain,
        None => by_family().unwrap_or(false),
    }
}

/// A CRL that is served.
#[derive(Debug, Clone)]
pub(crate) struct Crl {
    pub(crate) path: String,
    pub(crate) lifetime: Duration,
    pub(crate) publisher: Arc<CrlPublisher>,
}

/// How requests are authorised, and all that comes with it.
struct Way {
    mode: Mode,
    expiries: Vec<Expiry>,
    compliance: Option<Arc<dyn ComplianceCheck>>,
    intune: Option<Intune>,
}

/// When something stops working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// What it is: `ca`, `ra`, `earlier-ra`, `chain`, `next-ca`, `next-ra`, `anchor` or `application`.
    pub(crate) role: &'static str,
    pub(crate) subject: String,
    pub(crate) not_after: UnixTime,
}

/// Builds endpoints.
pub(crate) struct Doors<'a> {
    pub(crate) config: &'a Config,
    pub(crate) files: &'a Files,
    pub(crate) authorities: BTreeMap<String, Ready>,
    pub(crate) host: Host,
    pub(crate) now: UnixTime,
}

impl Doors<'_> {
    /// All that can be built; for each other one there is a mistake.
    pub(crate) fn all(&self, findings: &mut Findings) -> Vec<Door> {
        let profiles = self.profiles(findings);
        let endpoints = self.config.endpoint.iter();
        endpoints.filter_map(|endpoint| self.door(endpoint, &profiles, findings)).collect()
    }

    fn profiles(&self, findings: &mut Findings) -> BTreeMap<&str, Profile> {
        let checked = self.config.profile.iter().filter_map(|(name, config)| {
            let profile = Profile::new(config.value().clone()).map_err(|error| {
                Fault::new(error.to_string(), "see the keys of a profile in `scepd config schema`")
            });
            Some((name.as_str(), findings.take(config.span(), profile)?))
        });
        checked.collect()
    }

    fn door(
        &self,
        endpoint: &Located<endpoint::Endpoint>,
        profiles: &BTreeMap<&str, Profile>,
        findings: &mut Findings,
    ) -> Option<Door> {
        let settings = endpoint.value();
        let Way { mode, mut expiries, compliance, intune } = self.way(settings, findings)?;
        let ready = self.authority(settings)?;
        expiries.extend(authority_expiries(ready));
        let authority = Authority {
            ca: ready.ca.clone(),
            ra: ready.ra.clone(),
            profiles: current_profiles(settings, profiles)?,
        };
        let mut config =
            EndpointConfig::new(settings.name.value(), mode, authority, self.host.clone());
        if let Some(next) = &ready.next {
            config.next = Some(next.of_endpoint(next_profiles(settings, profiles)?));
        }
        apply(settings, &mut config);
        config.compliance = compliance;
        let at = settings.name.span();
        let built = Endpoint::new(config.clone(), self.now);
        let place = built.as_ref().err().and_then(|error| place_of(error, settings));
        let built = built.map_err(|error| explain(&error));
        let endpoint = findings.take(place.unwrap_or(at.clone()), built)?;
        let (crl, next_crl) = match &settings.crl {
            Some(crl) => {
                let crls = publishers(crl.value(), &endpoint, ready);
                let (crl, next_crl) = findings.take(crl.span(), crls)?;
                (Some(crl), next_crl)
            }
            None => (None, None),
        };
        if intune.is_some() {
            warn_of_chain(settings, ready, findings);
        }
        let (mode, made_up) = (mode_name(*settings.mode.value()), ready.made_up);
        let page = settings.one_time.as_ref().is_some_and(|settings| settings.value().page);
        Some(Door { endpoint, config, mode, expiries, intune, page, crl, next_crl, made_up, at })
    }

    fn authority(&self, settings: &endpoint::Endpoint) -> Option<&Ready> {
        match &settings.authority {
            Some(name) => self.authorities.get(name.value()),
            None if self.config.authority.is_empty() => self.authorities.get(authorities::DEFAULT),
            None => self.authorities.values().next(),
        }
    }

    fn way(&self, settings: &endpoint::Endpoint, findings: &mut Findings) -> Option<Way> {
        match settings.mode.value() {
            ModeName::Static => {
                let source = &settings.static_.as_ref()?.value().password;
                let secret = self.files.secret(source.value());
                let password = findings.take(source.span(), secret)?;
                Some(Way::plain(Mode::Static(password)))
            }
            ModeName::OneTime => self.one_time(settings.one_time.as_ref(), findings),
            ModeName::Signed => self.signed(settings.signed.as_ref()?, findings),
            ModeName::Manual => {
                let keep = settings.manual.as_ref()?.value().keep.0;
                Some(Way::plain(Mode::Manual { keep }))
            }
            ModeName::Intune => self.intune(settings.intune.as_ref()?, findings),
        }
    }

    fn one_time(
        &self,
        settings: Option<&Located<OneTimeMode>>,
        findings: &mut Findings,
    ) -> Option<Way> {
        let defaults = OneTimeMode::default();
        let settings = settings.map_or(&defaults, Located::value);
        let mut passwords = match &settings.sealing_key {
            Some(source) => {
                let key = self.files.sealing_key(source.value());
                OneTimePasswords::sealed(Arc::new(findings.take(source.span(), key)?))
            }
            None => OneTimePasswords::default(),
        };
        passwords.lifetime = settings.lifetime.0;
        passwords.most = settings.most.unwrap_or(passwords.most);
        Some(Way::plain(Mode::OneTimePassword(passwords)))
    }

    fn intune(&self, mode: &Located<IntuneMode>, findings: &mut Findings) -> Option<Way> {
        let built = intune::build(mode, self.files, self.now, findings)?;
        Some(Way {
            mode: Mode::Intune(Arc::new(built.mode)),
            expiries: built.expiry.into_iter().collect(),
            compliance: built.compliance,
            intune: Some(built.intune),
        })
    }

    fn signed(&self, signed: &Located<SignedMode>, findings: &mut Findings) -> Option<Way> {
        let settings = signed.value();
        if settings.audience.is_none() {
            let what = "without `audience`, challenges that were made for another server are taken";
            findings.warning(signed.span(), what, "add the audience that your MDM writes");
        }
        let at = settings.anchors.span();
        let anchors = self.anchors(settings);
        let anchors = findings.take(at.clone(), anchors)?;
        let expiries = anchors.iter().filter_map(anchor_expiry).collect::<Vec<_>>();
        for expired in expiries.iter().filter(|expiry| expiry.not_after < self.now) {
            let what = format!("the anchor {} expired at {}", expired.subject, expired.not_after);
            findings.warning(at.clone(), what, "it verifies nothing; replace it");
        }
        let verifier = Verifier::new(verifier_config(settings, anchors), &aws_lc_rs::provider());
        let verifier = verifier.map_err(|error| {
            Fault::new(error.to_string(), "correct the settings of the signed mode")
        });
        let verifier = findings.take(signed.span(), verifier)?;
        Some(Way { expiries, ..Way::plain(Mode::Signed(Arc::new(verifier))) })
    }

    fn anchors(&self, settings: &SignedMode) -> Result<Vec<TrustAnchor>, Fault> {
        let text = self.files.text(settings.anchors.value())?;
        TrustAnchor::all_from_pem(&text).map_err(|error| {
            let remedy = "give a PEM file of CERTIFICATE and PUBLIC KEY blocks";
            Fault::new(format!("the anchors cannot be read: {error}"), remedy)
        })
    }
}

impl Way {
    /// A mode that brings nothing else.
    const fn plain(mode: Mode) -> Self {
        Self { mode, expiries: Vec::new(), compliance: None, intune: None }
    }
}

/// The CRL of the CA, and that of the next one.
fn publishers(
    settings: &CrlSettings,
    endpoint: &Endpoint,
    ready: &Ready,
) -> Result<(Crl, Option<Crl>), Fault> {
    let CrlSettings { path, next_path, lifetime } = settings;
    let publisher = CrlPublisher::new(endpoint, lifetime.0);
    let crl = crl(path.value(), lifetime.0, publisher, ready.ca.issuer.certificate())?;
    let next = next_path.as_ref().zip(ready.next.as_ref().and_then(Next::issuer));
    let next = next.map(|(path, ca)| {
        let publisher = CrlPublisher::of_next(endpoint, lifetime.0);
        self::crl(path.value(), lifetime.0, publisher, ca)
    });
    Ok((crl, next.transpose()?))
}

fn crl(
    path: &str,
    lifetime: Duration,
    publisher: Result<CrlPublisher, Error>,
    ca: &Certificate,
) -> Result<Crl, Fault> {
    let usages = ca.key_usage();
    if usages.is_some_and(|usages| !usages.contains(KeyUsage::CRL_SIGN)) {
        let what = "the CA's keyUsage lacks cRLSign, so that nobody would believe its CRLs";
        return Err(Fault::new(what, "give a CA with cRLSign, or take `crl` out"));
    }
    let publisher = publisher.map_err(|error| {
        Fault::new(error.to_string(), "use a lifetime of a minute or more: lifetime = \"7d\"")
    })?;
    let publisher = Arc::new(publisher);
    // Whether the path can be one is found out here, not when the router is built.
    let router = scep_server::crl_router(path, publisher.clone());
    let _served_later = router.map_err(|error| {
        Fault::new(error.to_string(), "write a path such as \"/crl/devices.crl\"")
    })?;
    Ok(Crl { path: path.to_owned(), lifetime, publisher })
}

impl Door {
    /// The CAs that issue at it, each with its CRL, if that is served.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = (&Certificate, Option<&Crl>)> {
        let next = match &self.config.next {
            Some(NextAuthority::Issuing(next)) => Some(next),
            _ => None,
        };
        let next = next.map(|next| (next.ca.issuer.certificate(), self.next_crl.as_ref()));
        let current = (self.config.authority.ca.issuer.certificate(), self.crl.as_ref());
        std::iter::once(current).chain(next)
    }

    /// The CRLs that are served beside it.
    pub(crate) fn crls(&self) -> impl Iterator<Item = &Crl> {
        self.crl.iter().chain(&self.next_crl)
    }
}

fn verifier_config(settings: &SignedMode, anchors: Vec<TrustAnchor>) -> VerifierConfig {
    let mut config = VerifierConfig::new(anchors, settings.audience.clone());
    config.lifetime_cap = settings.lifetime_cap.0;
    config.tolerance = settings.tolerance.0;
    config.compatibility = match settings.compatibility {
        ChallengeCompatibility::Strict => Compatibility::Strict,
        ChallengeCompatibility::Certctl => Compatibility::Certctl(Leniencies::ALL),
    };
    config
}

fn anchor_expiry(anchor: &TrustAnchor) -> Option<Expiry> {
    let subject = anchor.subject().map(ToString::to_string).unwrap_or_default();
    Some(Expiry { role: "anchor", subject, not_after: anchor.validity()?.not_after })
}

fn authority_expiries(ready: &Ready) -> Vec<Expiry> {
    let expiry = |role: &'static str, certificate: &Certificate| Expiry {
        role,
        subject: certificate.subject().to_string(),
        not_after: certificate.validity().not_after,
    };
    let ca = ready.ca.issuer.certificate();
    let mut expiries = vec![expiry("ca", ca)];
    if ready.ra.certificate != *ca {
        expiries.push(expiry("ra", &ready.ra.certificate));
    }
    let earlier = ready.ra.earlier.iter();
    expiries.extend(earlier.map(|ra| expiry("earlier-ra", &ra.certificate)));
    expiries.extend(ready.ca.chain.iter().map(|above| expiry("chain", above)));
    let next = ready.next.as_ref().map(Next::certificates).unwrap_or_default();
    expiries.extend(next.into_iter().map(|(role, certificate)| expiry(role, certificate)));
    expiries
}

fn current_profiles(
    settings: &endpoint::Endpoint,
    profiles: &BTreeMap<&str, Profile>,
) -> Option<Profiles> {
    select_profiles(settings.profile.as_ref(), settings.profiles.as_ref(), profiles)
}

/// What the next CA may issue: what is said of it, else what the current one may.
fn next_profiles(
    settings: &endpoint::Endpoint,
    profiles: &BTreeMap<&str, Profile>,
) -> Option<Profiles> {
    match (&settings.next_profile, &settings.next_profiles) {
        (None, None) => current_profiles(settings, profiles),
        (one, by_use) => select_profiles(one.as_ref(), by_use.as_ref(), profiles),
    }
}

fn select_profiles(
    one: Option<&Located<String>>,
    by_use: Option<&Located<ProfilesByUse>>,
    profiles: &BTreeMap<&str, Profile>,
) -> Option<Profiles> {
    let named = |name: &Located<String>| profiles.get(name.value().as_str()).cloned();
    let Some(by_use) = by_use.map(Located::value) else {
        let profile = match one {
            Some(name) => named(name),
            None => profiles.values().next().cloned(),
        };
        return profile.map(Profiles::new);
    };
    let mut selected = Profiles::new(named(&by_use.general_purpose)?);
    if let Some(name) = &by_use.signature {
        selected = selected.with(RequestedUse::Signature, named(name)?);
    }
    if let Some(name) = &by_use.encryption {
        selected = selected.with(RequestedUse::Encryption, named(name)?);
    }
    Some(selected)
}

fn apply(settings: &endpoint::Endpoint, config: &mut EndpointConfig) {
    config.path = settings.path();
    if let Some(family) = settings.client_family {
        *config = config.clone().for_family(client_family(family));
    }
    match settings.algorithms {
        None => {}
        Some(Algorithms::Modern) => config.algorithms = AlgorithmPolicy::Modern,
        Some(Algorithms::Legacy) => config.algorithms = AlgorithmPolicy::Legacy,
        Some(Algorithms::Obsolete) => config.algorithms = AlgorithmPolicy::Obsolete,
    }
    match settings.signer_binding {
        None => {}
        Some(SignerBindingName::SameKey) => config.signer_binding = SignerBinding::SameKey,
        Some(SignerBindingName::Any) => config.signer_binding = SignerBinding::Any,
    }
    apply_shapes(settings, config);
    config.queries = match settings.queries {
        QueriesName::Deny => QueryPolicy::Deny,
        QueriesName::Holders => QueryPolicy::Holders,
        QueriesName::Anyone => QueryPolicy::Anyone,
    };
    config.renewal = match settings.renewal {
        Renewal::Deny => RenewalPolicy::Deny,
        Renewal::Allow { grace } => RenewalPolicy::AllowIssuedByUs { grace: grace.0 },
    };
    config.replay_window = settings.replay_window.0;
    config.lease = settings.lease.0;
    config.device_allowance = settings.device_allowance.map(|allowance| DeviceAllowance {
        certificates: allowance.certificates,
        window: allowance.window.0,
    });
    config.allowance = settings.allowance.map(issuance);
}

pub(super) fn issuance(allowance: Issuance) -> CertificateAllowance {
    let Issuance { certificates, window } = allowance;
    CertificateAllowance { certificates: certificates.get(), window: window.0 }
}

fn apply_shapes(settings: &endpoint::Endpoint, config: &mut EndpointConfig) {
    if let Some(shape) = settings.ca_certificates {
        config.ca_certificates = match shape {
            CaCertificates::Auto => CaCertificateShape::Auto,
            CaCertificates::SingleCa => CaCertificateShape::SingleCa,
            CaCertificates::RaBundle => CaCertificateShape::RaBundle,
            CaCertificates::Chain => CaCertificateShape::Chain,
        };
    }
    if let Some(chain) = settings.reply_chain {
        config.reply_chain = match chain {
            ReplyChainName::LeafOnly => ReplyChain::LeafOnly,
            ReplyChainName::WithIssuer => ReplyChain::WithIssuer,
            ReplyChainName::WithChain => ReplyChain::WithChain,
        };
    }
}

fn client_family(name: ClientFamilyName) -> ClientFamily {
    match name {
        ClientFamilyName::Strict => ClientFamily::Strict,
        ClientFamilyName::Windows => ClientFamily::Windows,
        ClientFamilyName::Apple => ClientFamily::Apple,
        ClientFamilyName::Android => ClientFamily::Android,
        ClientFamilyName::ChromeOs => ClientFamily::ChromeOs,
        ClientFamilyName::Cisco => ClientFamily::Cisco,
        ClientFamilyName::NdesLookAlike => ClientFamily::NdesLookAlike,
        ClientFamilyName::Permissive => ClientFamily::Permissive,
    }
}

/// Where something stands that is wrong, if it is known better than that the endpoint is.
fn place_of(error: &Error, settings: &endpoint::Endpoint) -> Option<Range<usize>> {
    let Error::Misconfigured(misconfigured) = error else { return None };
    let one_time = settings.one_time.as_ref();
    match misconfigured {
        Misconfigured::NoSealingKey => Some(one_time.map_or(settings.mode.span(), Located::span)),
        Misconfigured::NeedlessSealingKey => {
            one_time?.value().sealing_key.as_ref().map(Located::span)
        }
        _ => None,
    }
}

fn explain(error: &Error) -> Fault {
    let remedy = match error {
        Error::Misconfigured(misconfigured) => remedy(misconfigured),
        _ => "",
    };
    Fault::new(error.to_string(), remedy)
}

fn remedy(misconfigured: &Misconfigured) -> &'static str {
    match misconfigured {
        Misconfigured::Path(_) => "use letters, digits, '-', '.', '_', '~' and single slashes",
        Misconfigured::BlankPassword => "write a password into the file, letters and digits",
        Misconfigured::Key(_) => "give the key that belongs to the certificate",
        Misconfigured::Certificate { .. } => "issue a certificate that can do what it is for",
        Misconfigured::NotIssuedByCa(_) => "give an RA certificate that this CA issued",
        Misconfigured::Chain(_) => "give the chain in order, that of the CA's issuer first",
        Misconfigured::NoRecipient => {
            "give an RA with an RSA key; only the modes `static` and `one-time` do without"
        }
        Misconfigured::NoSealingKey => {
            "make a key (openssl rand -hex 32 > sealing.key; chmod 600 sealing.key) and add sealing-key = { file = \"sealing.key\" } to [endpoint.one-time], or give an RA with an RSA key"
        }
        Misconfigured::NeedlessSealingKey => {
            "take sealing-key out: requests are encrypted to the RSA key, and the hashes of passwords are enough"
        }
        Misconfigured::NotOpened => "give an RA with an RSA key that the CA issued",
        Misconfigured::NextCa(_) | Misconfigured::NextRa(_) => {
            "give the certificate of the next CA first, then that of its RA"
        }
        Misconfigured::Next(defect) => remedy(defect),
        Misconfigured::NextSameKey => "make a new key for the next CA",
        Misconfigured::NextSameRecipient => {
            "issue the next RA's certificate with another serial number"
        }
        Misconfigured::NextNoRecipient => "give the next CA an RA with an RSA key",
        Misconfigured::HiddenRa => "use ca-certificates \"auto\" or \"ra-bundle\"",
        Misconfigured::NoRa => "use ca-certificates \"auto\" or \"single-ca\", or give an RA",
        Misconfigured::PasswordLifetime { .. } => "use a lifetime of 1s to 30d: lifetime = \"60m\"",
        Misconfigured::PasswordCount { .. } => "use 1 to 2000: most = 1000",
        Misconfigured::SealedPasswordCount { .. } => "use 1 to 32: most = 16",
        Misconfigured::NothingKept => "keep requests for days: manual = { keep = \"7d\" }",
        Misconfigured::Terms(_) => "use a lease of a second or more",
        Misconfigured::IntuneRenewal => "take `renewal` out: Intune makes each certificate anew",
        Misconfigured::Allowance(_) => "allow at most 1,000,000 certificates in a window",
        Misconfigured::DeviceAllowance(_) => "allow 1 to 1,000 certificates in a second or more",
        _ => "see `scepd config example`",
    }
}

fn mode_name(mode: ModeName) -> &'static str {
    match mode {
        ModeName::Static => "static",
        ModeName::OneTime => "one-time",
        ModeName::Signed => "signed",
        ModeName::Manual => "manual",
        ModeName::Intune => "intune",
    }
}
