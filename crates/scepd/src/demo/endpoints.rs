//! The endpoints of a demo: one for each way to be authorised, and one for peers that know only DES and SHA-1.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use intune_challenge::signed::{TrustAnchor, Verifier, VerifierConfig};
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::{self, SoftwareKey};
use scep_server::{
    Authority, CertificateAuthority, Endpoint, EndpointConfig, Host, Mode, Observer,
    RegistrationAuthority, RenewalPolicy,
};
use scep_store::EnrolmentStore;
use scep_types::{AlgorithmPolicy, Secret, UnixTime};

use crate::pki::{Pair, Pki};
use crate::x509;

/// Paths, by what they are for.
pub(super) const STATIC: &str = "/scep/static";
pub(super) const SIGNED: &str = "/scep/signed";
pub(super) const LEGACY: &str = "/scep/legacy";
pub(super) const MANUAL: &str = "/scep/manual";

/// How long an operator of the demo has to decide.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// What all endpoints share.
pub(super) struct Wiring<'a> {
    pub(super) pki: &'a Pki,
    pub(super) mdm: &'a Pair,
    pub(super) password: &'a Secret,
    /// `http://address:port`, which challenges name as their audience.
    pub(super) origin: &'a str,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) store: Arc<dyn EnrolmentStore>,
    pub(super) now: UnixTime,
}

impl Wiring<'_> {
    /// All endpoints.
    pub(super) fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let mut host = Host::new(aws_lc_rs::provider(), self.store.clone());
        host.observer = self.observer.clone();
        let authority = authority(self.pki, self.now)?;
        let config = |path: &str, mode| {
            let name = path.trim_start_matches("/scep/");
            let mut config = EndpointConfig::new(name, mode, authority.clone(), host.clone());
            config.path = path.to_owned();
            config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
            config
        };
        let mut legacy = config(LEGACY, Mode::Static(self.password.clone()));
        legacy.algorithms = AlgorithmPolicy::Obsolete;
        let configs = [
            config(STATIC, Mode::Static(self.password.clone())),
            config(SIGNED, Mode::Signed(Arc::new(self.verifier()?))),
            config(MANUAL, Mode::Manual { keep: KEEP }),
            legacy,
        ];
        configs
            .into_iter()
            .map(|config| Endpoint::new(config, self.now).context("building an endpoint"))
            .collect()
    }

    fn verifier(&self) -> Result<Verifier> {
        let anchors = TrustAnchor::all_from_pem(&self.mdm.certificate)?;
        let config = VerifierConfig::new(anchors, Some(format!("{}{SIGNED}", self.origin)));
        Ok(Verifier::new(config, &aws_lc_rs::provider())?)
    }
}

/// The demo's CA and RA, with a profile that takes the names of a CSR as they come.
pub(super) fn authority(pki: &Pki, now: UnixTime) -> Result<Authority> {
    let (ca, ra) = (&pki.ca, &pki.ra);
    let certificate = x509::certificate(&ca.certificate)?;
    let issuer = Issuer::new(certificate, aws_lc_rs::provider().digest, now)?;
    let profile = Profile::new(ProfileConfig::new(Duration::from_secs(365 * 24 * 60 * 60)))?;
    Ok(Authority {
        ca: CertificateAuthority::root(issuer, software_key(ca)?),
        ra: RegistrationAuthority::new(x509::certificate(&ra.certificate)?, software_key(ra)?),
        profiles: Profiles::new(profile),
    })
}

fn software_key(pair: &Pair) -> Result<Arc<SoftwareKey>> {
    Ok(Arc::new(SoftwareKey::from_pkcs8_pem(&pair.key)?))
}
