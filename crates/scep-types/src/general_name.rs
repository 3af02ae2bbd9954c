use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;

use crate::asn1::{Asn1Error, DerWriter, Reader, Tag, Tlv};
use crate::oid::{self, Oid};
use crate::{Error, Structure};

/// Names a subjectAltName may have.
const MAX_NAMES: usize = 256;

/// One entry of a subjectAltName, typed and with its DER (RFC 5280 §4.2.1.6).
///
/// Never flattened to text: the type travels with the value from matching to issuance.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GeneralName {
    der: Bytes,
    value: GeneralNameValue,
}

/// What a [`GeneralName`] says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GeneralNameValue {
    /// rfc822Name, ASCII.
    Rfc822(String),
    /// dNSName, ASCII.
    Dns(String),
    /// uniformResourceIdentifier, ASCII.
    Uri(String),
    /// iPAddress of 4 or 16 octets.
    Ip(IpAddr),
    /// otherName with Microsoft's user principal name.
    Upn(String),
    /// Any other otherName.
    OtherName(Oid),
    /// directoryName.
    Directory,
    /// registeredID.
    RegisteredId,
    /// x400Address, ediPartyName or an unknown choice, with its context tag.
    Unknown(u8),
}

impl GeneralName {
    /// Reads the value of a subjectAltName extension: `GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if any entry is, or the list is empty; [`Error::TooMany`].
    pub fn parse_all(der: &Bytes) -> Result<Vec<Self>, Error> {
        let mut outer = Reader::der(der);
        let mut list = outer.sequence()?;
        outer.finish()?;
        let mut names = Vec::new();
        while !list.is_empty() {
            let tlv = list.any()?;
            names.push(Self { der: der.slice_ref(tlv.raw), value: read_value(&tlv)? });
        }
        match names.len() {
            0 => Err(Asn1Error::InvalidValue { tag: Tag::SEQUENCE }.into()),
            found if found > MAX_NAMES => {
                Err(Error::TooMany { structure: Structure::GeneralNames, found, limit: MAX_NAMES })
            }
            _ => Ok(names),
        }
    }

    /// An entry made here, for our own requests; `None` for kinds whose content the value does not hold, and for what an
    /// IA5String cannot hold.
    #[must_use]
    pub fn new(value: GeneralNameValue) -> Option<Self> {
        let mut der = DerWriter::new();
        match &value {
            GeneralNameValue::Rfc822(text) => der.primitive(Tag::context(1), ascii(text)?),
            GeneralNameValue::Dns(text) => der.primitive(Tag::context(2), ascii(text)?),
            GeneralNameValue::Uri(text) => der.primitive(Tag::context(6), ascii(text)?),
            GeneralNameValue::Ip(IpAddr::V4(ip)) => der.primitive(Tag::context(7), &ip.octets()),
            GeneralNameValue::Ip(IpAddr::V6(ip)) => der.primitive(Tag::context(7), &ip.octets()),
            GeneralNameValue::Upn(text) => der.constructed(Tag::context(0), |der| {
                der.oid(&oid::MS_UPN);
                der.constructed(Tag::context(0), |der| {
                    der.primitive(Tag::UTF8_STRING, text.as_bytes());
                });
            }),
            _ => return None,
        }
        Some(Self { der: der.into_vec().into(), value })
    }

    /// The DER as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What it says.
    #[must_use]
    pub fn value(&self) -> &GeneralNameValue {
        &self.value
    }
}

/// What an IA5String can hold.
fn ascii(text: &str) -> Option<&[u8]> {
    text.is_ascii().then_some(text.as_bytes())
}

fn read_value(tlv: &Tlv<'_>) -> Result<GeneralNameValue, Error> {
    Ok(match tlv.tag.context_number() {
        Some(0) => read_other_name(tlv)?,
        Some(1) => GeneralNameValue::Rfc822(ia5(tlv)?),
        Some(2) => GeneralNameValue::Dns(ia5(tlv)?),
        Some(4) => GeneralNameValue::Directory,
        Some(6) => GeneralNameValue::Uri(ia5(tlv)?),
        Some(7) => GeneralNameValue::Ip(ip(tlv)?),
        Some(8) => GeneralNameValue::RegisteredId,
        Some(number) => GeneralNameValue::Unknown(number),
        None => return Err(Asn1Error::InvalidValue { tag: tlv.tag }.into()),
    })
}

/// `OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }`, tagged `[0] IMPLICIT`.
fn read_other_name(tlv: &Tlv<'_>) -> Result<GeneralNameValue, Error> {
    let mut other = tlv.open()?;
    let oid = other.oid()?;
    let value = other.expect(Tag::context(0))?;
    other.finish()?;
    if oid != oid::MS_UPN {
        return Ok(GeneralNameValue::OtherName(oid));
    }
    let mut inner = value.open()?;
    let text = inner.expect(Tag::UTF8_STRING)?.primitive()?;
    inner.finish()?;
    let text =
        std::str::from_utf8(text).map_err(|_| Asn1Error::InvalidValue { tag: Tag::UTF8_STRING })?;
    Ok(GeneralNameValue::Upn(text.to_owned()))
}

fn ia5(tlv: &Tlv<'_>) -> Result<String, Error> {
    let text = std::str::from_utf8(tlv.primitive()?).ok().filter(|text| text.is_ascii());
    Ok(text.ok_or(Asn1Error::InvalidValue { tag: tlv.tag })?.to_owned())
}

fn ip(tlv: &Tlv<'_>) -> Result<IpAddr, Error> {
    let octets = tlv.primitive()?;
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .map_err(|_| Asn1Error::InvalidValue { tag: tlv.tag }.into())
}

/// `DNS:host.example`; control characters are escaped, so it is safe in logs.
impl fmt::Display for GeneralName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            GeneralNameValue::Rfc822(text) => write!(f, "email:{}", text.escape_debug()),
            GeneralNameValue::Dns(text) => write!(f, "DNS:{}", text.escape_debug()),
            GeneralNameValue::Uri(text) => write!(f, "URI:{}", text.escape_debug()),
            GeneralNameValue::Ip(address) => write!(f, "IP:{address}"),
            GeneralNameValue::Upn(text) => write!(f, "UPN:{}", text.escape_debug()),
            GeneralNameValue::OtherName(oid) => write!(f, "otherName:{oid}"),
            GeneralNameValue::Directory => f.write_str("dirName"),
            GeneralNameValue::RegisteredId => f.write_str("RID"),
            GeneralNameValue::Unknown(number) => write!(f, "[{number}]"),
        }
    }
}

impl fmt::Debug for GeneralName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
