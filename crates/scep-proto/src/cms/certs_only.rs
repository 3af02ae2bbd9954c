use bytes::Bytes;
use scep_types::Certificate;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;

use super::{SignedData, write_content_info};
use crate::error::Error;

/// Writes a degenerate SignedData: certificates in the order given, nothing signed (RFC 5652 §5.2, RFC 8894 §3.4).
///
/// The certificates are a SET and DER would sort it, but iOS pairs the *first* certificate with its key.
pub(crate) fn write_certs_only(certificates: &[&[u8]]) -> Vec<u8> {
    let octets = certificates.iter().map(|certificate| certificate.len()).sum();
    write_degenerate(octets, |der| {
        der.constructed(Tag::context(0), |der| certificates.iter().for_each(|c| der.raw(c)));
    })
}

/// Writes a degenerate SignedData with one CRL and no certificate (RFC 8894 §3.4).
pub(crate) fn write_crl_only(crl: &[u8]) -> Vec<u8> {
    write_degenerate(crl.len(), |der| der.constructed(Tag::context(1), |der| der.raw(crl)))
}

fn write_degenerate(octets: usize, content: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    let mut der = DerWriter::with_capacity(octets.saturating_add(64));
    write_content_info(&mut der, oid::ID_SIGNED_DATA, |der| {
        der.sequence(|der| {
            der.unsigned(1_u64);
            der.set(|_| ());
            der.sequence(|der| der.oid(&oid::ID_DATA));
            content(der);
            der.set(|_| ());
        });
    });
    der.into_vec()
}

/// The certificates of a SignedData, in the order of the encoding; nothing about them is verified.
pub(crate) fn read_certificates(message: &Bytes) -> Result<Vec<Certificate>, Error> {
    Ok(SignedData::parse(message)?.certificates)
}
