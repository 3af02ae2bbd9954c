//! Certificates from and to PEM.

use anyhow::{Result, anyhow};
use pem::Pem;
use scep_types::Certificate;

/// All certificates in a PEM text, in its order; other blocks are passed over.
pub(crate) fn certificates(text: &str) -> Result<Vec<Certificate>> {
    let blocks = pem::parse_many(text)?.into_iter().filter(|block| block.tag() == LABEL);
    Ok(blocks.map(|block| Certificate::parse(block.into_contents())).collect::<Result<_, _>>()?)
}

/// The first certificate in a PEM text.
pub(crate) fn certificate(text: &str) -> Result<Certificate> {
    certificates(text)?.into_iter().next().ok_or_else(|| anyhow!("no certificate in the PEM text"))
}

/// A certificate in PEM.
pub(crate) fn to_pem(certificate: &Certificate) -> String {
    pem::encode(&Pem::new(LABEL, certificate.der().to_vec()))
}

const LABEL: &str = "CERTIFICATE";
