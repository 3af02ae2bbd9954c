//! CRLs (RFC 5280 §5).

use bytes::Bytes;
use scep_types::asn1::{Asn1Error, Reader, Tag};
use scep_types::{Name, UnixTime};

use super::Node;
use super::text::hex;

/// Serial numbers shown of a CRL.
const MAX_SHOWN: usize = 20;

pub(super) fn crl(element: &Bytes) -> Node {
    let node = Node::new("CRL").with_value(format_args!("{} octets", element.len()));
    match read(element) {
        Ok(crl) => {
            let shown = crl.serials.iter().take(MAX_SHOWN);
            node.result("issuer", Name::parse(element.slice_ref(crl.issuer)))
                .field("thisUpdate", crl.this_update)
                .optional("nextUpdate", crl.next_update)
                .field("revoked", format_args!("{} certificates", crl.serials.len()))
                .children(shown.map(|serial| Node::new("serial number").with_value(hex(serial))))
        }
        Err(error) => node.field("not read", error),
    }
}

struct Crl<'a> {
    issuer: &'a [u8],
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    serials: Vec<&'a [u8]>,
}

/// `TBSCertList ::= SEQUENCE { version, signature, issuer, thisUpdate, nextUpdate, revokedCertificates, … }`
fn read(element: &[u8]) -> Result<Crl<'_>, Asn1Error> {
    let mut fields = Reader::ber(element).sequence()?.sequence()?;
    fields.optional(Tag::INTEGER)?;
    fields.sequence()?;
    let issuer = fields.expect(Tag::SEQUENCE)?.raw;
    let this_update = UnixTime::read(&mut fields)?;
    let next_update = match fields.peek() {
        Some(Tag::UTC_TIME | Tag::GENERALIZED_TIME) => Some(UnixTime::read(&mut fields)?),
        _ => None,
    };
    let mut serials = Vec::new();
    if let Some(list) = fields.optional(Tag::SEQUENCE)? {
        let mut entries = list.open()?;
        while !entries.is_empty() {
            serials.push(entries.sequence()?.integer()?);
        }
    }
    Ok(Crl { issuer, this_update, next_update, serials })
}
