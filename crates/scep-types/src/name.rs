use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::asn1::{DerWriter, Reader, Tag, Tlv};
use crate::oid::{self, Oid};
use crate::{AmbiguousCsr, Error, Structure};

/// Attributes a distinguished name may have; real ones have a dozen.
const MAX_ATTRIBUTES: usize = 128;

/// A distinguished name as received: its DER is never re-encoded (RFC 5280 §4.1.2.4).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(Bytes);

/// One attribute of a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAttribute<'a> {
    /// Its type.
    pub oid: Oid,
    /// Its value with tag.
    pub value: Tlv<'a>,
    /// Index of its relative distinguished name; members of a multi-valued one share it.
    pub rdn: usize,
}

impl NameAttribute<'_> {
    /// The value as text, whatever its string type.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        directory_string(&self.value)
    }
}

impl Name {
    /// Checks the whole name and keeps its DER.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Ambiguous`] for an empty RDN, [`Error::TooMany`].
    pub fn parse(der: impl Into<Bytes>) -> Result<Self, Error> {
        let der = der.into();
        let mut reader = Reader::der(&der);
        let mut rdns = reader.sequence()?;
        reader.finish()?;
        let mut attributes = 0_usize;
        while !rdns.is_empty() {
            let mut rdn = rdns.set()?;
            if rdn.is_empty() {
                return Err(Error::Ambiguous(AmbiguousCsr::EmptyRdn));
            }
            while !rdn.is_empty() {
                read_attribute(&mut rdn, 0)?;
                attributes = attributes.saturating_add(1);
            }
        }
        if attributes > MAX_ATTRIBUTES {
            let structure = Structure::NameAttributes;
            return Err(Error::TooMany { structure, found: attributes, limit: MAX_ATTRIBUTES });
        }
        Ok(Self(der))
    }

    /// A name of one attribute per RDN, in this order; for our own requests and test certificates, never for a peer's.
    ///
    /// Strings are PrintableString where the alphabet allows, else UTF8String; emailAddress and DC are IA5String.
    #[must_use]
    pub fn build(attributes: &[(Oid, &str)]) -> Self {
        let der = DerWriter::encode(|der| {
            der.sequence(|der| {
                for (oid, text) in attributes {
                    der.set(|der| {
                        der.sequence(|der| {
                            der.oid(oid);
                            der.primitive(string_type(oid, text), text.as_bytes());
                        });
                    });
                }
            });
        });
        Self(der.into())
    }

    /// The DER as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// Whether it has no attribute at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes().next().is_none()
    }

    /// All attributes in the order of the encoding.
    pub fn attributes(&self) -> impl Iterator<Item = NameAttribute<'_>> {
        // Everything was checked by `parse`; an error here can only end the iteration early.
        let mut rdns = Reader::der(&self.0).sequence().unwrap_or(Reader::der(&[]));
        let mut rdn = Reader::der(&[]);
        let mut index = 0_usize;
        std::iter::from_fn(move || {
            if rdn.is_empty() {
                rdn = rdns.set().ok()?;
                index = index.saturating_add(1);
            }
            read_attribute(&mut rdn, index.saturating_sub(1)).ok()
        })
    }

    /// The values of all commonName attributes.
    pub fn common_names(&self) -> impl Iterator<Item = String> {
        self.attributes()
            .filter(|attribute| attribute.oid == oid::COMMON_NAME)
            .map(|attribute| attribute.text().into_owned())
    }

    /// Whether both are the same name although string types, case or blanks differ (RFC 5280 §7.1).
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0 == other.0 || normalized(self).eq(normalized(other))
    }
}

fn string_type(oid: &Oid, text: &str) -> Tag {
    match *oid {
        oid::EMAIL_ADDRESS | oid::DOMAIN_COMPONENT if text.is_ascii() => Tag::IA5_STRING,
        _ if is_printable_string(text) => Tag::PRINTABLE_STRING,
        _ => Tag::UTF8_STRING,
    }
}

/// Whether all characters are of the PrintableString alphabet (X.680 §41.4).
#[must_use]
pub fn is_printable_string(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&octet))
}

/// Type, RDN index and folded value of each attribute.
fn normalized(name: &Name) -> impl Iterator<Item = (Oid, usize, String)> + '_ {
    name.attributes().map(|attribute| {
        let text = attribute.text().to_lowercase();
        let folded: Vec<_> = text.split_whitespace().collect();
        (attribute.oid, attribute.rdn, folded.join(" "))
    })
}

fn read_attribute<'a>(rdn: &mut Reader<'a>, index: usize) -> Result<NameAttribute<'a>, Error> {
    let mut attribute = rdn.sequence()?;
    let oid = attribute.oid()?;
    let value = attribute.any()?;
    attribute.finish()?;
    Ok(NameAttribute { oid, value, rdn: index })
}

/// The text of a DirectoryString or IA5String; octets that are no UTF-8 are read as Latin-1.
pub(crate) fn directory_string<'a>(value: &Tlv<'a>) -> Cow<'a, str> {
    match value.tag {
        Tag::BMP_STRING => Cow::Owned(
            char::decode_utf16(value.content.chunks(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0xFFFD,
            }))
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        ),
        Tag::UNIVERSAL_STRING => Cow::Owned(
            value
                .content
                .chunks(4)
                .map(|quad| match quad {
                    [a, b, c, d] => char::from_u32(u32::from_be_bytes([*a, *b, *c, *d])),
                    _ => None,
                })
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
        ),
        _ => match std::str::from_utf8(value.content) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(value.content.iter().copied().map(char::from).collect()),
        },
    }
}

/// `CN=device,O=Example`, most specific first as in RFC 4514; what is not printable is escaped, so it is safe in logs.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes: Vec<_> = self.attributes().collect();
        for (position, attribute) in attributes.iter().rev().enumerate() {
            if position > 0 {
                let before = attributes.len().checked_sub(position).and_then(|i| attributes.get(i));
                let same_rdn = before.is_some_and(|before| before.rdn == attribute.rdn);
                f.write_str(if same_rdn { "+" } else { "," })?;
            }
            match short_name(&attribute.oid) {
                Some(short) => write!(f, "{short}=")?,
                None => write!(f, "{}=", attribute.oid)?,
            }
            for character in attribute.text().chars() {
                match character {
                    ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(f, "\\{character}")?,
                    '\'' => f.write_str("'")?,
                    // Escapes what is not printable: line ends of every kind, text direction marks.
                    other => write!(f, "{}", other.escape_debug())?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn short_name(oid: &Oid) -> Option<&'static str> {
    Some(match *oid {
        oid::COMMON_NAME => "CN",
        oid::SERIAL_NUMBER => "serialNumber",
        oid::COUNTRY_NAME => "C",
        oid::LOCALITY_NAME => "L",
        oid::STATE_OR_PROVINCE_NAME => "ST",
        oid::ORGANIZATION_NAME => "O",
        oid::ORGANIZATIONAL_UNIT_NAME => "OU",
        oid::DOMAIN_COMPONENT => "DC",
        oid::EMAIL_ADDRESS => "emailAddress",
        _ => return None,
    })
}
