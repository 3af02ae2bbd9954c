//! The part of CMS (RFC 5652) that SCEP uses. Private: no promise is made about it.

mod certs_only;
mod enveloped;
mod password;
mod pwri_kek;
mod signed;

pub(crate) use certs_only::{read_certificates, write_certs_only, write_crl_only};
pub(crate) use enveloped::{Envelope, EnvelopeFor, Recipient, write_envelope};
pub(crate) use password::{PasswordRecipient, can_wrap_by_password};
pub(crate) use pwri_kek::MAX_PADDING;
pub(crate) use signed::{MAX_CERTIFICATES, SignedData, SignerInfo};

use bytes::Bytes;
use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag, Tlv};
use scep_types::oid::Oid;
use scep_types::{Certificate, Name};

use crate::error::{Error, Misbehaviour};
use crate::inspect::Identifier;

/// Opens `ContentInfo ::= SEQUENCE { contentType, content [0] EXPLICIT ANY }` of the given type and
/// returns the content element. A bare content is taken too: some old servers leave the ContentInfo out.
pub(crate) fn open_content_info<'a>(
    reader: &mut Reader<'a>,
    expected: Oid,
) -> Result<Tlv<'a>, Error> {
    let outer = reader.expect(Tag::SEQUENCE)?;
    let mut info = outer.open()?;
    if info.peek() == Some(Tag::INTEGER) {
        return Ok(outer); // the version of a bare SignedData or EnvelopedData
    }
    let content_type = info.oid()?;
    if content_type != expected {
        return Err(Misbehaviour::ContentType(content_type).into());
    }
    let mut explicit = info.expect(Tag::context(0))?.open()?;
    info.finish()?;
    let content = explicit.any()?;
    explicit.finish()?;
    Ok(content)
}

/// Writes `ContentInfo ::= SEQUENCE { contentType, content [0] EXPLICIT ANY }`.
pub(crate) fn write_content_info(
    der: &mut DerWriter,
    content_type: Oid,
    content: impl FnOnce(&mut DerWriter),
) {
    der.sequence(|der| {
        der.oid(&content_type);
        der.constructed(Tag::context(0), content);
    });
}

/// IssuerAndSerialNumber (RFC 5652 §10.2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuerAndSerial {
    pub(crate) issuer: Name,
    pub(crate) serial: Bytes,
}

impl IssuerAndSerial {
    /// Reads `SEQUENCE { issuer Name, serialNumber INTEGER }`; the serial may have up to 64 octets.
    pub(crate) fn read(owner: &Bytes, content: &Tlv<'_>) -> Result<Self, Error> {
        let mut fields = content.open()?;
        let issuer = fields.expect(Tag::SEQUENCE)?.raw;
        let serial = fields.integer()?;
        fields.finish()?;
        if serial.len() > 64 {
            return Err(Asn1Error::TooLarge { size: serial.len(), limit: 64 }.into());
        }
        let issuer = Name::parse(owner.slice_ref(issuer))?;
        Ok(Self { issuer, serial: owner.slice_ref(serial) })
    }

    pub(crate) fn to_identifier(&self) -> Identifier {
        Identifier::IssuerAndSerial(self.issuer.clone(), self.serial.clone())
    }

    /// Whether it names this certificate; issuers are compared as names, not as octets.
    pub(crate) fn names(&self, certificate: &Certificate) -> bool {
        self.serial == certificate.serial() && self.issuer.matches(certificate.issuer())
    }
}

/// Writes the IssuerAndSerialNumber of a certificate, octets as in the certificate.
pub(crate) fn write_issuer_and_serial(der: &mut DerWriter, certificate: &Certificate) {
    der.sequence(|der| {
        der.raw(certificate.issuer().der());
        der.primitive(Tag::INTEGER, certificate.serial());
    });
}
