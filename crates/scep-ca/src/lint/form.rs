//! The form of what is to be signed, element by element: `x509-parser` takes an OCTET STRING for an OBJECT IDENTIFIER
//! and a primitive SEQUENCE for a constructed one, so what the octets mean is not all there is to check.

use scep_types::UnixTime;
use scep_types::asn1::{Asn1Error, Reader, Tag};

/// The raw AlgorithmIdentifier of a TBSCertificate, all of whose form was checked.
pub(super) fn certificate(tbs: &[u8]) -> Result<&[u8], Asn1Error> {
    let mut outer = Reader::der(tbs);
    let mut fields = outer.sequence()?;
    outer.finish()?;
    let mut version = fields.expect(Tag::context(0))?.open()?;
    version.integer()?;
    version.finish()?;
    fields.integer()?; // serialNumber
    let algorithm = fields.expect(Tag::SEQUENCE)?.raw;
    fields.any()?; // issuer, compared as a whole
    let mut validity = fields.sequence()?;
    time(&mut validity)?;
    time(&mut validity)?;
    validity.finish()?;
    fields.any()?; // subject and subjectPublicKeyInfo, compared as a whole
    fields.any()?;
    tagged_extensions(&mut fields, Tag::context(3))?;
    fields.finish()?;
    Ok(algorithm)
}

/// The raw AlgorithmIdentifier of a TBSCertList, all of whose form was checked.
pub(super) fn crl(tbs: &[u8]) -> Result<&[u8], Asn1Error> {
    let mut outer = Reader::der(tbs);
    let mut fields = outer.sequence()?;
    outer.finish()?;
    fields.integer()?; // version
    let algorithm = fields.expect(Tag::SEQUENCE)?.raw;
    fields.any()?; // issuer, compared as a whole
    time(&mut fields)?;
    time(&mut fields)?;
    if let Some(list) = fields.optional(Tag::SEQUENCE)? {
        let mut list = list.open()?;
        while !list.is_empty() {
            let mut entry = list.sequence()?;
            entry.integer()?;
            time(&mut entry)?;
            if !entry.is_empty() {
                extensions(&mut entry.sequence()?)?;
            }
            entry.finish()?;
        }
    }
    tagged_extensions(&mut fields, Tag::context(0))?;
    fields.finish()?;
    Ok(algorithm)
}

/// RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
fn time(reader: &mut Reader<'_>) -> Result<(), Asn1Error> {
    let tag = reader.peek().unwrap_or(Tag::UTC_TIME);
    let utc = UnixTime::read(reader)? < START_OF_2050;
    if utc == (tag == Tag::UTC_TIME) { Ok(()) } else { Err(Asn1Error::InvalidValue { tag }) }
}

fn tagged_extensions(fields: &mut Reader<'_>, tag: Tag) -> Result<(), Asn1Error> {
    let mut tagged = fields.expect(tag)?.open()?;
    extensions(&mut tagged.sequence()?)?;
    tagged.finish()
}

/// `Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }`, each value one element.
fn extensions(list: &mut Reader<'_>) -> Result<(), Asn1Error> {
    while !list.is_empty() {
        let mut extension = list.sequence()?;
        extension.expect(Tag::OBJECT_IDENTIFIER)?.primitive()?;
        if let Some(critical) = extension.optional(Tag::BOOLEAN)?
            && critical.primitive()? != [0xFF]
        {
            return Err(Asn1Error::InvalidValue { tag: Tag::BOOLEAN });
        }
        let mut value = Reader::der(extension.expect(Tag::OCTET_STRING)?.primitive()?);
        value.any()?;
        value.finish()?;
        extension.finish()?;
    }
    Ok(())
}

/// 2050-01-01T00:00:00Z.
const START_OF_2050: UnixTime = UnixTime::from_secs(2_524_608_000);
