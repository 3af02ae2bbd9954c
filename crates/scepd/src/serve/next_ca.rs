//! The CA that takes over: its certificates, and its keys if it issues already.

use std::path::PathBuf;
use std::sync::Arc;

use scep_ca::{Issuer, Profiles};
use scep_crypto::aws_lc_rs;
use scep_server::{Authority, CertificateAuthority, NextAuthority, RegistrationAuthority};
use scep_types::{Certificate, SigningKey as _};

use super::authorities::Authorities;
use super::keys::Key;
use super::prove::Duty;
use crate::config::key::KeySource;
use crate::config::mistake::{Fault, Findings};
use crate::config::model;
use crate::config::values::Located;

/// The CA that takes over; what it may issue is each endpoint's own.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    /// It is made known.
    Announced { ca: Certificate, ra: Vec<Certificate> },
    /// It issues.
    Issuing { ca: CertificateAuthority, ra: RegistrationAuthority },
}

impl Next {
    /// What it is to an endpoint that has these profiles for it.
    pub(super) fn of_endpoint(&self, profiles: Profiles) -> NextAuthority {
        match self.clone() {
            Self::Announced { ca, ra } => NextAuthority::Announced { ca, ra },
            Self::Issuing { ca, ra } => NextAuthority::Issuing(Authority { ca, ra, profiles }),
        }
    }

    /// Its certificate, if it issues.
    pub(super) fn issuer(&self) -> Option<&Certificate> {
        match self {
            Self::Announced { .. } => None,
            Self::Issuing { ca, .. } => Some(ca.issuer.certificate()),
        }
    }

    /// Its certificate, and those of its RA, each with its role.
    pub(super) fn certificates(&self) -> Vec<(&'static str, &Certificate)> {
        let (ca, ras) = match self {
            Self::Announced { ca, ra } => (ca, ra.as_slice()),
            Self::Issuing { ca, ra } => {
                (ca.issuer.certificate(), std::slice::from_ref(&ra.certificate))
            }
        };
        let ras = ras.iter().filter(|ra| *ra != ca).map(|ra| ("next-ra", ra));
        std::iter::once(("next-ca", ca)).chain(ras).collect()
    }
}

impl Authorities<'_> {
    /// The next CA of an authority that names one.
    pub(super) fn next(
        &self,
        file: &Located<PathBuf>,
        settings: &model::Authority,
        findings: &mut Findings,
    ) -> Option<Next> {
        let mut given =
            findings.take(file.span(), self.files.certificates(file.value()))?.into_iter();
        let (ca, others) = (given.next()?, given.collect::<Vec<_>>());
        if ca.validity().not_after < self.now {
            let what = format!("the next CA {} ended at {}", ca.subject(), ca.validity().not_after);
            findings.mistake(file.span(), what, "give the certificate of a CA that is to come");
            return None;
        }
        let Some(key) = &settings.next_ca_key else {
            return Some(Next::Announced { ca, ra: others });
        };
        // Both are read, so that mistakes in both are seen.
        let duty = if settings.next_ra.is_some() { Duty::Sign } else { Duty::SignAndOpen };
        let ca_key = self.key_of(&ca, key, duty, findings);
        let ra = match (&settings.next_ra, &settings.next_ra_key) {
            (Some(ra), Some(key)) => Some(self.next_ra(ra, key, findings)),
            _ => None,
        };
        let (issuer, ca_key) = (self.next_issuer(ca, file, findings)?, ca_key?);
        let ca = CertificateAuthority::root(issuer, ca_key.clone());
        let ra = match ra {
            Some(ra) => ra?,
            None => RegistrationAuthority::of_ca(&ca, ca_key),
        };
        let fits = fits(&ra, &others);
        findings.take(file.span(), fits)?;
        if ra.recipients.is_empty() {
            let what = "no key opens requests to the next CA: only an RSA key can";
            let remedy =
                "give it an RA with an RSA key, next-ra and next-ra-key; or take `next-ca-key` out";
            findings.mistake(key.span(), what, remedy);
            return None;
        }
        Some(Next::Issuing { ca, ra })
    }

    fn next_ra(
        &self,
        file: &Located<PathBuf>,
        key: &Located<KeySource>,
        findings: &mut Findings,
    ) -> Option<RegistrationAuthority> {
        let certificate = findings.take(file.span(), self.files.certificate(file.value()))?;
        let key = self.key_of(&certificate, key, Duty::SignAndOpen, findings)?;
        Some(RegistrationAuthority::new(certificate, key))
    }

    /// Able to issue when it begins, which may be in the future.
    fn next_issuer(
        &self,
        certificate: Certificate,
        file: &Located<PathBuf>,
        findings: &mut Findings,
    ) -> Option<Issuer> {
        let begun = self.now.max(certificate.validity().not_before);
        match Issuer::new(certificate, aws_lc_rs::provider().digest, begun) {
            Ok(issuer) => Some(issuer),
            Err(error) => {
                let what = format!("the next CA cannot issue: {error}");
                findings.mistake(file.span(), what, "give the certificate of a CA");
                None
            }
        }
    }

    fn key_of(
        &self,
        certificate: &Certificate,
        source: &Located<KeySource>,
        duty: Duty,
        findings: &mut Findings,
    ) -> Option<Arc<Key>> {
        let key = self.keys.read(source, Some(certificate.spki()), duty, findings)?;
        if key.spki() != certificate.spki() {
            let what =
                format!("this key is not that of the certificate of {}", certificate.subject());
            findings.mistake(source.span(), what, "give the key that belongs to the certificate");
            return None;
        }
        Some(Arc::new(key))
    }
}

/// What stands behind the CA's certificate in its file can be nothing but its RA's.
fn fits(ra: &RegistrationAuthority, others: &[Certificate]) -> Result<(), Fault> {
    if others.iter().all(|other| *other == ra.certificate) {
        return Ok(());
    }
    let what = "behind the next CA's certificate stands one that is not that of its RA";
    let remedy = "keep the CA's alone in this file, and name the RA: next-ra = \"next-ra.pem\", and next-ra-key";
    Err(Fault::new(what, remedy))
}
