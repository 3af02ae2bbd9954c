//! pkiMessages by hand: each part may be what no honest client writes.

mod envelope;
mod message;
mod request;

pub(crate) use envelope::{Envelope, key_transport, key_transport_of};
pub(crate) use message::{
    Attribute, Message, Order, Parameters, Sender, Signature, SignerId, streamed,
};
pub(crate) use request::{challenge_password, csr, extension_request, with_key_identifier};

use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::Oid;

pub(crate) fn attribute((oid, values): &Attribute) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(oid);
            der.set(|der| values.iter().for_each(|value| der.raw(value)));
        });
    })
}

pub(crate) fn printable(text: &str) -> Vec<u8> {
    text_of(Tag::PRINTABLE_STRING, text)
}

pub(crate) fn text_of(tag: Tag, text: &str) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(tag, text.as_bytes()))
}

pub(crate) fn octets(octets: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(Tag::OCTET_STRING, octets))
}

pub(crate) fn issuer_and_serial(issuer: &[u8], serial: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(issuer);
            der.primitive(Tag::INTEGER, serial);
        });
    })
}

fn content_info(content_type: Oid, content: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&content_type);
            der.constructed(Tag::context(0), content);
        });
    })
}
