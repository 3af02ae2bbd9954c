use scep_crypto::aws_lc_rs::provider;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::Oid;
use scep_types::{Certificate, Digest, DigestAlgorithm};

/// IssuerAndSerialNumber of a certificate.
#[must_use]
pub fn issuer_and_serial(certificate: &Certificate) -> Vec<u8> {
    name_and_serial(certificate.issuer().der(), certificate.serial())
}

/// IssuerAndSerialNumber of any name and serial number.
#[must_use]
pub fn name_and_serial(name: &[u8], serial: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(name);
            der.primitive(Tag::INTEGER, serial);
        });
    })
}

/// `[0]` subjectKeyIdentifier of a certificate.
#[must_use]
pub fn key_identifier(certificate: &Certificate) -> Vec<u8> {
    primitive(Tag::context(0), &certificate.subject_key_identifier().unwrap())
}

/// AlgorithmIdentifier.
#[must_use]
pub fn algorithm(oid: Oid, parameters: Option<&[u8]>) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid);
            der.raw(parameters.unwrap_or_default());
        });
    })
}

/// NULL.
pub const NULL: [u8; 2] = [0x05, 0x00];

/// A PrintableString.
#[must_use]
pub fn printable(text: &str) -> Vec<u8> {
    primitive(Tag::PRINTABLE_STRING, text.as_bytes())
}

/// An OCTET STRING.
#[must_use]
pub fn octets(content: &[u8]) -> Vec<u8> {
    primitive(Tag::OCTET_STRING, content)
}

/// A primitive element.
#[must_use]
pub fn primitive(tag: Tag, content: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(tag, content))
}

/// A constructed element.
#[must_use]
pub fn constructed(tag: Tag, content: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.constructed(tag, |der| der.raw(content)))
}

/// A message digest.
#[must_use]
pub fn digest_of(algorithm: DigestAlgorithm, content: &[u8]) -> Digest {
    provider().digest.digest(algorithm, content).unwrap()
}

pub(super) fn write_content_info(
    der: &mut DerWriter,
    content_type: Oid,
    content: impl FnOnce(&mut DerWriter),
) {
    der.sequence(|der| {
        der.oid(&content_type);
        der.constructed(Tag::context(0), content);
    });
}
