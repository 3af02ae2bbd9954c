//! Subjects as people write them (RFC 4514): `CN=device,O=Example`, the most specific part first.

use scep_types::Name;
use scep_types::oid::{self, Oid};

use crate::error::{Error, Usage};

/// Attribute types that have a short name.
const SHORT_NAMES: [(&str, Oid); 10] = [
    ("CN", oid::COMMON_NAME),
    ("serialNumber", oid::SERIAL_NUMBER),
    ("C", oid::COUNTRY_NAME),
    ("L", oid::LOCALITY_NAME),
    ("ST", oid::STATE_OR_PROVINCE_NAME),
    ("O", oid::ORGANIZATION_NAME),
    ("OU", oid::ORGANIZATIONAL_UNIT_NAME),
    ("DC", oid::DOMAIN_COMPONENT),
    ("emailAddress", oid::EMAIL_ADDRESS),
    ("UID", Oid::new("0.9.2342.19200300.100.1.1")),
];

/// Reads a subject. The last part written is the first of the encoding, as in RFC 4514.
pub(crate) fn parse(text: &str) -> Result<Name, Error> {
    let mut attributes = Vec::new();
    for part in split(text)? {
        let (name, value) = part.split_once('=').ok_or_else(|| no_attribute(&part))?;
        let oid = attribute_type(name.trim()).ok_or_else(|| no_attribute(name))?;
        attributes.push((oid, unescape(value.trim_start())));
    }
    if attributes.iter().any(|(_, value)| value.is_empty()) {
        return Err(Usage::SubjectPart(text.to_owned()).into());
    }
    attributes.reverse();
    let attributes: Vec<_> = attributes.iter().map(|(oid, value)| (*oid, value.as_str())).collect();
    Ok(Name::build(&attributes))
}

fn attribute_type(name: &str) -> Option<Oid> {
    let short = SHORT_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
    short.map(|(_, oid)| *oid).or_else(|| Oid::parse(name))
}

/// Splits at commas that are not escaped; escapes stay.
fn split(text: &str) -> Result<Vec<String>, Error> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            (',', _) => parts.push(String::new()),
            // `+` makes one RDN of two attributes, which we do not write.
            ('+', _) => return Err(Usage::MultiValuedRdn.into()),
            (character, Some(part)) => {
                part.push(character);
                if character == '\\' {
                    part.extend(characters.next());
                }
            }
            (_, None) => {}
        }
    }
    Ok(parts)
}

/// Takes backslashes away, and blanks at the end that none protects.
fn unescape(value: &str) -> String {
    let (mut plain, mut kept) = (String::new(), 0);
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        let escaped = character == '\\';
        plain.extend(if escaped { characters.next() } else { Some(character) });
        if escaped || !character.is_whitespace() {
            kept = plain.len();
        }
    }
    plain.truncate(kept);
    plain
}

fn no_attribute(part: &str) -> Error {
    Usage::SubjectPart(part.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_as_it_prints() {
        for text in [
            "CN=device",
            "CN=device,OU=a,OU=b,O=Example\\, Inc.,C=DE",
            "emailAddress=a@b.example,serialNumber=4711,DC=corp,DC=example",
            "CN=a\\+b\\=c",
            "2.5.4.12=Head of Devices,CN=x",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn blanks_around_parts_do_not_count() {
        assert_eq!(
            parse("cn = my device , o= Example ").unwrap().to_string(),
            "CN=my device,O=Example"
        );
    }

    #[test]
    fn the_most_general_part_is_encoded_first() {
        let name = parse("CN=device,O=Example").unwrap();
        let first = name.attributes().next().unwrap();
        assert_eq!((first.oid, first.text().as_ref()), (oid::ORGANIZATION_NAME, "Example"));
    }

    #[test]
    fn what_is_no_subject_is_refused() {
        for text in ["", "device", "CN=", "XY=device", "CN=a,,O=b", "CN=a,O"] {
            assert!(matches!(parse(text), Err(Error::Usage(Usage::SubjectPart(_)))), "{text:?}");
        }
        assert_eq!(parse("CN=a+O=b"), Err(Error::Usage(Usage::MultiValuedRdn)));
    }
}
