//! A fresh CA with a separate RA, as an operator would make them, and the signer of a demo's challenges.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};

/// A certificate and its private key, PEM each.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A CA, and an RA that decrypts requests and signs answers, so that the CA's key does neither.
pub(crate) struct Pki {
    pub(crate) ca: Pair,
    pub(crate) ra: Pair,
}

impl Pki {
    /// Makes both, under names that begin with `title`.
    pub(crate) fn generate(title: &str) -> Result<Self> {
        let (ca_key, ra_key) = (rsa_key()?, rsa_key()?);
        let ca = ca_params(title);
        let certificate = ca.self_signed(&ca_key).context("making the CA certificate")?.pem();
        let issuer = Issuer::new(ca, &ca_key);
        let ra = ra_params(title).signed_by(&ra_key, &issuer);
        let ra = ra.context("making the RA certificate")?.pem();
        Ok(Self {
            ca: Pair { certificate, key: ca_key.serialize_pem() },
            ra: Pair { certificate: ra, key: ra_key.serialize_pem() },
        })
    }
}

/// The signer of challenges, which stands for an MDM.
pub(crate) fn challenge_signer(title: &str) -> Result<Pair> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("making the MDM's key")?;
    let mut params = named(title, "MDM challenge signer");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = params.self_signed(&key).context("making the MDM's certificate")?.pem();
    Ok(Pair { certificate, key: key.serialize_pem() })
}

fn rsa_key() -> Result<KeyPair> {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).context("making an RSA key")
}

fn ca_params(title: &str) -> CertificateParams {
    let mut params = named(title, "CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// keyUsage and EKU as Windows and Apple look for them in an RA certificate.
fn ra_params(title: &str) -> CertificateParams {
    /// Microsoft's certificate request agent.
    const REQUEST_AGENT: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 20, 2, 1];
    let mut params = named(title, "RA");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(REQUEST_AGENT.to_vec())];
    params.use_authority_key_identifier_extension = true;
    params
}

/// Valid from yesterday, since clocks differ, and for ten years.
fn named(title: &str, role: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, title);
    params.distinguished_name.push(DnType::CommonName, format!("{title} {role}"));
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(3650);
    params
}
