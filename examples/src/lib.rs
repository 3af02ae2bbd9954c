//! What the examples share: a small CA with an RA, and an endpoint that issues for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, RsaKeySize,
};
use scep_ca::{Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_server::{
    Authority, CertificateAuthority, Endpoint, EndpointConfig, Host, Mode, RegistrationAuthority,
    Signing,
};
use scep_store::MemoryStore;
use scep_types::{Certificate, UnixTime};

/// A CA and its RA, with their keys in memory.
#[derive(Debug)]
pub struct Pki {
    /// The CA's certificate.
    pub ca: Certificate,
    /// The CA's key.
    pub ca_key: Arc<SoftwareKey>,
    /// The RA's certificate: requests are encrypted to it.
    pub ra: Certificate,
    /// The RA's key.
    pub ra_key: Arc<SoftwareKey>,
}

impl Pki {
    /// A fresh one.
    ///
    /// # Errors
    /// A key or a certificate could not be made.
    pub fn generate() -> Result<Self> {
        let ca_key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let ra_key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let mut ca = params("Example CA", &[KeyUsagePurpose::KeyCertSign]);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, &ca_key);
        let usages = [KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        let ra = params("Example RA", &usages).signed_by(&ra_key, &issuer)?;
        Ok(Self {
            ca: Certificate::parse(certificate.der().to_vec())?,
            ca_key: Arc::new(SoftwareKey::from_pkcs8_der(&ca_key.serialize_der())?),
            ra: Certificate::parse(ra.der().to_vec())?,
            ra_key: Arc::new(SoftwareKey::from_pkcs8_der(&ra_key.serialize_der())?),
        })
    }

    /// An endpoint at `/scep` that issues for a year, its CA key in memory.
    ///
    /// # Errors
    /// The configuration is refused.
    pub fn endpoint(&self, mode: Mode) -> Result<Endpoint> {
        self.endpoint_signed_by(mode, Signing::Local(self.ca_key.clone()))
    }

    /// An endpoint at `/scep` that issues for a year, its CA key wherever `signing` says.
    ///
    /// # Errors
    /// The configuration is refused.
    pub fn endpoint_signed_by(&self, mode: Mode, signing: Signing) -> Result<Endpoint> {
        let now = scep_client::now();
        let issuer = scep_ca::Issuer::new(self.ca.clone(), provider().digest, now)?;
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let authority = Authority {
            ca: CertificateAuthority { issuer, signing, chain: Vec::new() },
            ra: RegistrationAuthority::new(self.ra.clone(), self.ra_key.clone()),
            profiles: Profiles::new(Profile::new(ProfileConfig::new(year))?),
        };
        let host = Host::new(provider(), Arc::new(MemoryStore::default()));
        let config = EndpointConfig::new("example", mode, authority, host);
        Endpoint::new(config, now).context("building the endpoint")
    }

    /// Checks that the CA signed a certificate and that it is valid now.
    ///
    /// # Errors
    /// It did not, or it is not.
    pub fn check(&self, certificate: &Certificate, now: UnixTime) -> Result<()> {
        let policy = scep_types::AlgorithmPolicy::Modern;
        certificate.verify_signature(self.ca.spki(), provider().verify, policy)?;
        anyhow::ensure!(certificate.validity().contains(now), "the certificate is not valid now");
        Ok(())
    }
}

fn params(common_name: &str, usages: &[KeyUsagePurpose]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = usages.to_vec();
    params.use_authority_key_identifier_extension = true;
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(3650);
    params
}
