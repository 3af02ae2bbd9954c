//! When two names are the same, and which names a claim may have. No name is rewritten; both sides are compared as they are.

use std::net::IpAddr;

use scep_types::asn1::Tag;
use scep_types::{GeneralNameValue, NameAttribute};

use super::Claims;
use crate::NameKind;

/// One subjectAltName that the claims list.
#[derive(Clone, Copy)]
pub(super) enum ClaimedName<'a> {
    Dns(&'a str),
    Rfc822(&'a str),
    Upn(&'a str),
    Uri(&'a str),
    Ip(IpAddr),
}

impl<'a> ClaimedName<'a> {
    /// All that the claims list.
    pub(super) fn all(claims: &'a Claims) -> impl Iterator<Item = Self> {
        let dns = claims.san_dns.iter().map(|name| Self::Dns(name));
        let rfc822 = claims.san_rfc822.iter().map(|name| Self::Rfc822(name));
        let upn = claims.san_upn.iter().map(|name| Self::Upn(name));
        let uri = claims.san_uri.iter().map(|name| Self::Uri(name));
        let ip = claims.san_ip.iter().map(|address| Self::Ip(*address));
        dns.chain(rfc822).chain(upn).chain(uri).chain(ip)
    }

    pub(super) fn kind(self) -> NameKind {
        match self {
            Self::Dns(_) => NameKind::Dns,
            Self::Rfc822(_) => NameKind::Rfc822,
            Self::Upn(_) => NameKind::Upn,
            Self::Uri(_) => NameKind::Uri,
            Self::Ip(_) => NameKind::Ip,
        }
    }

    /// Whether a claim may list it: what no subjectAltName of its kind can hold is a mistake of the issuer.
    pub(super) fn is_allowed(self) -> bool {
        match self {
            // U-labels are not converted: that would take tables that age.
            Self::Dns(name) => name.is_ascii() && is_name(name) && name != ".",
            Self::Rfc822(name) | Self::Uri(name) => name.is_ascii() && is_name(name),
            Self::Upn(name) => is_name(name),
            Self::Ip(_) => true,
        }
    }

    /// Whether the CSR asks for this name.
    pub(super) fn is(self, requested: &GeneralNameValue) -> bool {
        match (self, requested) {
            (Self::Dns(claimed), GeneralNameValue::Dns(name)) => same_dns(claimed, name),
            (Self::Rfc822(claimed), GeneralNameValue::Rfc822(name)) => same_mail(claimed, name),
            (Self::Upn(claimed), GeneralNameValue::Upn(name)) => same_upn(claimed, name),
            (Self::Uri(claimed), GeneralNameValue::Uri(name)) => claimed == name,
            (Self::Ip(claimed), GeneralNameValue::Ip(address)) => claimed == *address,
            _ => false,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::Dns(text) | Self::Rfc822(text) | Self::Upn(text) | Self::Uri(text) => {
                text.to_owned()
            }
            Self::Ip(address) => address.to_string(),
        }
    }
}

/// The kind of a subjectAltName, `None` if no claim can name it.
pub(super) fn kind_of(requested: &GeneralNameValue) -> Option<NameKind> {
    match requested {
        GeneralNameValue::Dns(_) => Some(NameKind::Dns),
        GeneralNameValue::Rfc822(_) => Some(NameKind::Rfc822),
        GeneralNameValue::Upn(_) => Some(NameKind::Upn),
        GeneralNameValue::Uri(_) => Some(NameKind::Uri),
        GeneralNameValue::Ip(_) => Some(NameKind::Ip),
        _ => None,
    }
}

/// Whether a claim may have this name: not blank, no control characters.
pub(super) fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && !name.chars().any(char::is_control)
}

/// Domain names: ASCII case and one trailing dot do not matter (RFC 4343, RFC 1034 §3.1).
fn same_dns(one: &str, other: &str) -> bool {
    let relative = |name| str::strip_suffix(name, '.').unwrap_or(name);
    relative(one).eq_ignore_ascii_case(relative(other))
}

/// Mail addresses: ASCII case does not matter, in the local part neither, as in every directory that hands them out.
fn same_mail(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// User principal names: case does not matter.
fn same_upn(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.chars().map(fold).eq(other.chars().map(fold))
}

/// The lower-case form of a letter if its upper-case form leads back to it.
///
/// The condition keeps apart what merely looks alike: U+212A KELVIN SIGN has the lower-case form `k` but is not `K`.
fn fold(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(folded), None) if folded.to_uppercase().eq([letter]) => folded,
        _ => letter,
    }
}

/// Whether the attribute is exactly this text, and no reader could think otherwise: not if it is no string, T61String
/// outside ASCII, or octets that are no text.
pub(super) fn is_same_text(attribute: &NameAttribute<'_>, claimed: &str) -> bool {
    let Ok(octets) = attribute.value.primitive() else { return false };
    let clear = match attribute.value.tag {
        Tag::UTF8_STRING => std::str::from_utf8(octets).is_ok(),
        Tag::PRINTABLE_STRING | Tag::IA5_STRING | Tag::T61_STRING => octets.is_ascii(),
        Tag::BMP_STRING | Tag::UNIVERSAL_STRING => !claimed.contains(char::REPLACEMENT_CHARACTER),
        _ => false,
    };
    clear && attribute.text() == claimed
}
