//! What an element is, by its shape.

use scep_types::asn1::{Asn1Error, Reader, Tag};
use scep_types::oid;

/// What SCEP sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    SignedData,
    EnvelopedData,
    Certificate,
    Csr,
    Crl,
    IssuerAndSerial,
    IssuerAndSubject,
    Unknown,
}

impl Kind {
    pub(super) fn of(element: &[u8]) -> Self {
        Self::read(element).unwrap_or(Self::Unknown)
    }

    fn read(element: &[u8]) -> Result<Self, Asn1Error> {
        let mut outer = Reader::ber(element).sequence()?;
        Ok(match outer.peek() {
            Some(Tag::OBJECT_IDENTIFIER) => match outer.oid()? {
                oid::ID_SIGNED_DATA => Self::SignedData,
                oid::ID_ENVELOPED_DATA => Self::EnvelopedData,
                _ => Self::Unknown,
            },
            Some(Tag::INTEGER) => bare_cms(outer)?,
            Some(Tag::SEQUENCE) => {
                let first = outer.sequence()?;
                match outer.any()?.tag {
                    Tag::INTEGER => Self::IssuerAndSerial,
                    Tag::SEQUENCE if outer.is_empty() => Self::IssuerAndSubject,
                    Tag::SEQUENCE if outer.peek() == Some(Tag::BIT_STRING) => signed(first)?,
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        })
    }
}

/// SignedData or EnvelopedData without a ContentInfo around it: after the version come digestAlgorithms and an
/// EncapsulatedContentInfo, or RecipientInfos and an EncryptedContentInfo.
fn bare_cms(mut fields: Reader<'_>) -> Result<Kind, Asn1Error> {
    fields.integer()?;
    if fields.optional(Tag::context(0))?.is_some() {
        return Ok(Kind::EnvelopedData); // originatorInfo
    }
    fields.set()?;
    let mut content = fields.sequence()?;
    content.oid()?;
    Ok(match content.peek() {
        Some(Tag::SEQUENCE) => Kind::EnvelopedData,
        _ => Kind::SignedData,
    })
}

/// What a signature is over: TBSCertificate, CertificationRequestInfo or TBSCertList.
fn signed(mut fields: Reader<'_>) -> Result<Kind, Asn1Error> {
    if fields.optional(Tag::context(0))?.is_some() {
        return Ok(Kind::Certificate); // its version
    }
    let has_integer = fields.optional(Tag::INTEGER)?.is_some();
    let mut second = fields.sequence()?;
    if second.peek() != Some(Tag::OBJECT_IDENTIFIER) {
        return Ok(if has_integer { Kind::Csr } else { Kind::Unknown }); // version and subject
    }
    second.oid()?; // an algorithm: a v1 certificate or a CRL
    fields.sequence()?; // the issuer
    Ok(match fields.peek() {
        Some(Tag::SEQUENCE) if has_integer => Kind::Certificate, // validity
        Some(Tag::UTC_TIME | Tag::GENERALIZED_TIME) => Kind::Crl, // thisUpdate
        _ => Kind::Unknown,
    })
}
