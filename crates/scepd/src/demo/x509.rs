//! Certificates from and to PEM.

use anyhow::{Result, anyhow};
use pem::Pem;
use scep_proto::UnauthenticatedCa;
use scep_types::Certificate;

/// The first certificate in a PEM text.
pub(super) fn certificate(pem: &str) -> Result<Certificate> {
    let parsed = UnauthenticatedCa::parse(pem.as_bytes().to_vec())?;
    parsed.certificates().first().cloned().ok_or_else(|| anyhow!("no certificate in the PEM text"))
}

/// A certificate in PEM.
pub(super) fn to_pem(certificate: &Certificate) -> String {
    pem::encode(&Pem::new("CERTIFICATE", certificate.der().to_vec()))
}
