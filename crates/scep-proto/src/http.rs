//! SCEP over HTTP as data: operation, query, base64 and media types, for any framework (RFC 8894 §4.1).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::error::{Error, Misbehaviour, Unsupported};

/// Octets a request body or a decoded `message` may have.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Content-Type of a pkiMessage, without parameters: some clients compare it literally.
pub const PKI_MESSAGE: &str = "application/x-pki-message";
/// Content-Type of GetCACaps.
pub const TEXT_PLAIN: &str = "text/plain";
/// Content-Type of GetCACert with one certificate.
pub const X509_CA_CERT: &str = "application/x-x509-ca-cert";
/// Content-Type of GetCACert with several certificates.
pub const X509_CA_RA_CERT: &str = "application/x-x509-ca-ra-cert";
/// Content-Type of GetNextCACert.
pub const X509_NEXT_CA_CERT: &str = "application/x-x509-next-ca-cert";

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET, the message in the query.
    Get,
    /// POST, the message in the body.
    Post,
}

/// A SCEP request by its operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// GetCACaps (RFC 8894 §3.5).
    GetCaCaps,
    /// GetCACert (RFC 8894 §4.2), and its old alias GetCACertChain.
    GetCaCert,
    /// GetNextCACert (RFC 8894 §4.7).
    GetNextCaCert,
    /// PKIOperation with a pkiMessage, not yet parsed (RFC 8894 §4.3).
    PkiOperation(Bytes),
}

impl Request {
    /// Reads a request from its method, its raw query (what follows `?`, undecoded) and its body.
    ///
    /// Names and operations are compared without case, in any order; `message` of the Get operations is ignored, as is
    /// anything unknown. A POST without operation is a PKIOperation; its body may be base64.
    ///
    /// # Errors
    /// [`Misbehaviour::InvalidQuery`], [`Misbehaviour::InvalidBase64`] or [`Unsupported::Operation`]: HTTP 400.
    /// [`Error::Malformed`] for more than [`MAX_MESSAGE`] octets: HTTP 413.
    pub fn parse(method: Method, query: Option<&str>, body: Bytes) -> Result<Self, Error> {
        let query = query.unwrap_or_default();
        let operation = parameter(query, "operation").map(percent_decode);
        let is = |name: &str| {
            operation.as_ref().is_some_and(|o| o.eq_ignore_ascii_case(name.as_bytes()))
        };
        match method {
            Method::Post if operation.is_none() || is("PKIOperation") => {
                bounded(body.len())?;
                Ok(Self::PkiOperation(decode_body(body)))
            }
            Method::Post => Err(Unsupported::Operation.into()),
            Method::Get if is("GetCACaps") => Ok(Self::GetCaCaps),
            Method::Get if is("GetCACert") || is("GetCACertChain") => Ok(Self::GetCaCert),
            Method::Get if is("GetNextCACert") => Ok(Self::GetNextCaCert),
            Method::Get if is("PKIOperation") => {
                let message = parameter(query, "message").ok_or(Misbehaviour::InvalidQuery)?;
                decode_message(message).map(Self::PkiOperation)
            }
            Method::Get => Err(Unsupported::Operation.into()),
        }
    }
}

/// Decodes the `message` of a PKIOperation by GET, as any of the four encodings seen in the field: fully escaped,
/// raw `+` and `/`, base64url, and lines of 64 characters.
///
/// # Errors
/// [`Misbehaviour::InvalidBase64`], or [`Error::Malformed`] for more than [`MAX_MESSAGE`] octets.
pub fn decode_message(message: &str) -> Result<Bytes, Error> {
    // Escapes make it three times as long, base64 a third longer.
    bounded(message.len() / 4)?;
    let mut text = percent_decode(message);
    if text.contains(&b'%') {
        text = std::str::from_utf8(&text).map(percent_decode).unwrap_or_default();
    }
    let decoded = decode_base64(&text).ok_or(Misbehaviour::InvalidBase64)?;
    bounded(decoded.len())?;
    Ok(decoded.into())
}

/// Encodes a message for PKIOperation by GET: padded base64, then `+`, `/` and `=` escaped (RFC 8894 §4.1).
#[must_use]
pub fn encode_message(message: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(message);
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn bounded(size: usize) -> Result<(), Error> {
    if size > MAX_MESSAGE {
        return Err(scep_types::asn1::Asn1Error::TooLarge { size, limit: MAX_MESSAGE }.into());
    }
    Ok(())
}

/// The raw value of the first parameter of this name.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Decodes `%XX`; anything else, `+` and broken escapes among it, stays as it is.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                decoded.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A body as it is if it starts like ASN.1, decoded if it is base64.
fn decode_body(body: Bytes) -> Bytes {
    match body.first() {
        Some(0x30) | None => body,
        Some(_) => decode_base64(&body).map_or(body, Bytes::from),
    }
}

/// Base64 of either alphabet, with or without padding, line breaks dropped, `+` that became blanks restored.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let standard: Vec<u8> = text
        .iter()
        .filter(|octet| !matches!(octet, b'\r' | b'\n' | b'\t'))
        .map(|octet| match octet {
            b'-' | b' ' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    LENIENT.decode(standard).ok()
}
