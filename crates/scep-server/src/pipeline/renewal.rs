//! Renewal: a certificate we issued authorises its successor (RFC 8894 §2.3).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scep_proto::server::{Lock, SealedKind};
use scep_store::{CertificateId, DeviceName, IssuedCertificate, SerialNumber};
use scep_types::oid;
use scep_types::{
    Authorization, Basis, Certificate, GeneralName, NameAssurance, UnixTime, VerifiedCsr,
};

use crate::endpoint::{Inner, Mode, RenewalPolicy};
use crate::{Error, RenewalFault};

/// A certificate that may authorise its successor: octet by octet one we issued.
pub(super) struct Predecessor {
    certificate: Certificate,
    record: IssuedCertificate,
    grace: Duration,
}

/// The certificate that signed the request, if we issued it and that is to count.
///
/// # Errors
/// A RenewalReq that cannot be one, or the store.
pub(super) async fn predecessor(
    inner: &Arc<Inner>,
    request: &Lock,
) -> Result<Option<Predecessor>, Error> {
    let demanded = request.kind() == SealedKind::Renew;
    let RenewalPolicy::AllowIssuedByUs { grace } = inner.config.renewal else {
        return if demanded { Err(RenewalFault::NotOffered.into()) } else { Ok(None) };
    };
    // Another endpoint of the CA may issue by other rules.
    let record = recorded(inner, request.signer()).await?;
    match record.filter(|record| record.transaction.endpoint == inner.id) {
        Some(record) => {
            let certificate = request.signer().clone();
            Ok(Some(Predecessor { certificate, record, grace }))
        }
        None if demanded => Err(RenewalFault::NotOurs.into()),
        None => Ok(None),
    }
}

/// What the store knows of exactly this certificate, issued by a CA of this endpoint.
///
/// A name and a serial number can be claimed by anyone.
pub(super) async fn recorded(
    inner: &Arc<Inner>,
    certificate: &Certificate,
) -> Result<Option<IssuedCertificate>, Error> {
    let Ok(serial) = SerialNumber::new(certificate.serial()) else { return Ok(None) };
    for ca in inner.issuers(certificate.issuer()) {
        let id = CertificateId { issuer: ca.issuer_key, serial };
        let record = inner.config.host.store.certificate_by_serial(&id).await?;
        let record = record.filter(|record| record.certificate.der == certificate.der());
        if record.is_some() {
            return Ok(record);
        }
    }
    Ok(None)
}

impl Predecessor {
    /// Whether it authorises this CSR: not revoked, valid, and for the same names.
    pub(super) fn authorise(
        &self,
        inner: &Inner,
        csr: &VerifiedCsr,
        now: UnixTime,
    ) -> Result<Authorization, RenewalFault> {
        if self.record.revocation.is_some() {
            return Err(RenewalFault::Revoked);
        }
        let mut validity = self.certificate.validity();
        validity.not_after = validity.not_after.plus(self.grace);
        if !validity.contains(now) {
            return Err(RenewalFault::NotValid);
        }
        if !self.names_the_same(csr) {
            return Err(RenewalFault::OtherIdentity);
        }
        let basis = Basis::Renewal(self.certificate.serial_hex());
        Ok(Authorization::assertion(csr, basis, name_assurance(&inner.config.mode)))
    }

    /// The certificate, DER.
    pub(super) fn certificate_der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// For whom it was issued.
    pub(super) fn device(&self) -> Option<DeviceName> {
        self.record.certificate.device.clone()
    }

    /// What makes the device one and the same over renewals: subject and subjectAltNames.
    pub(super) fn identity(&self) -> Vec<u8> {
        let names = self.alt_names_extension().unwrap_or_default();
        [b"renewal: ", self.certificate.subject().der(), &names].concat()
    }

    fn names_the_same(&self, csr: &VerifiedCsr) -> bool {
        let Ok(names) = self.alt_names() else { return false };
        let requested = csr.subject_alt_names();
        let all_in = |some: &[GeneralName], others: &[GeneralName]| {
            some.iter().all(|name| others.iter().any(|other| other.der() == name.der()))
        };
        csr.subject() == self.certificate.subject()
            && all_in(&names, requested)
            && all_in(requested, &names)
    }

    fn alt_names(&self) -> Result<Vec<GeneralName>, scep_types::Error> {
        self.alt_names_extension().map_or(Ok(Vec::new()), |value| GeneralName::parse_all(&value))
    }

    fn alt_names_extension(&self) -> Option<Bytes> {
        self.certificate.extension(&oid::SUBJECT_ALT_NAME)
    }
}

/// Only where challenges say what a CSR must look like were the names ever compared with anything.
fn name_assurance(mode: &Mode) -> NameAssurance {
    match mode {
        Mode::Signed(_) | Mode::Intune(_) => NameAssurance::Vouched,
        // Whether the password of the first certificate was bound is not known any more.
        Mode::Static(_) | Mode::OneTimePassword(_) | Mode::Manual { .. } => {
            NameAssurance::SelfAsserted
        }
    }
}
