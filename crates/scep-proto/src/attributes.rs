//! The attributes that make a CMS SignedData a pkiMessage (RFC 8894 §3.2.1).

use std::fmt;

use bytes::Bytes;
use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag, Tlv};
use scep_types::oid::{self, Oid};
use scep_types::{UnixTime, is_printable_string};

use crate::error::{Error, Misbehaviour};

/// Signed attributes a message may have; real ones have at most a dozen.
const MAX_ATTRIBUTES: usize = 64;

/// messageType (RFC 8894 §3.2.1.2); unknown ones survive and print.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageType(u8);

impl MessageType {
    /// Response to any request.
    pub const CERT_REP: Self = Self(3);
    /// PKCS #10 request signed with an existing certificate.
    pub const RENEWAL_REQ: Self = Self(17);
    /// PKCS #10 request.
    pub const PKCS_REQ: Self = Self(19);
    /// Poll for a pending request.
    pub const CERT_POLL: Self = Self(20);
    /// Retrieval of a certificate.
    pub const GET_CERT: Self = Self(21);
    /// Retrieval of a CRL.
    pub const GET_CRL: Self = Self(22);

    /// A message type by its number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CERT_REP => f.write_str("CertRep (3)"),
            Self::RENEWAL_REQ => f.write_str("RenewalReq (17)"),
            Self::PKCS_REQ => f.write_str("PKCSReq (19)"),
            Self::CERT_POLL => f.write_str("CertPoll (20)"),
            Self::GET_CERT => f.write_str("GetCert (21)"),
            Self::GET_CRL => f.write_str("GetCRL (22)"),
            Self(other) => write!(f, "messageType {other}"),
        }
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// pkiStatus (RFC 8894 §3.2.1.3); unknown ones survive and print.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PkiStatus(u8);

impl PkiStatus {
    /// The request is granted.
    pub const SUCCESS: Self = Self(0);
    /// The request is refused.
    pub const FAILURE: Self = Self(2);
    /// The request waits for approval.
    pub const PENDING: Self = Self(3);

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PkiStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SUCCESS => f.write_str("SUCCESS (0)"),
            Self::FAILURE => f.write_str("FAILURE (2)"),
            Self::PENDING => f.write_str("PENDING (3)"),
            Self(other) => write!(f, "pkiStatus {other}"),
        }
    }
}

impl fmt::Debug for PkiStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// failInfo (RFC 8894 §3.2.1.4); unknown ones survive and print.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailInfo(u8);

impl FailInfo {
    /// Unrecognised or unsupported algorithm.
    pub const BAD_ALG: Self = Self(0);
    /// Integrity check failed.
    pub const BAD_MESSAGE_CHECK: Self = Self(1);
    /// Transaction not permitted or supported.
    pub const BAD_REQUEST: Self = Self(2);
    /// signingTime too far from the system's time.
    pub const BAD_TIME: Self = Self(3);
    /// No certificate matches.
    pub const BAD_CERT_ID: Self = Self(4);

    /// A failInfo by its number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for FailInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BAD_ALG => f.write_str("badAlg (0)"),
            Self::BAD_MESSAGE_CHECK => f.write_str("badMessageCheck (1)"),
            Self::BAD_REQUEST => f.write_str("badRequest (2)"),
            Self::BAD_TIME => f.write_str("badTime (3)"),
            Self::BAD_CERT_ID => f.write_str("badCertId (4)"),
            Self(other) => write!(f, "failInfo {other}"),
        }
    }
}

impl fmt::Debug for FailInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// transactionID: 1 to 255 octets of text, chosen by the client (RFC 8894 §3.2.1.1).
///
/// It is no secret, proves nothing, and is echoed exactly as received, string type included. `Display` escapes it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TransactionId {
    der: Bytes,
    value: Bytes,
}

impl TransactionId {
    /// Octets an id may have.
    pub const MAX_OCTETS: usize = 255;

    /// An id from its text, to be written as a PrintableString.
    ///
    /// # Errors
    /// [`Misbehaviour::InvalidAttribute`] unless it has 1 to 255 characters of the PrintableString alphabet.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() || text.len() > Self::MAX_OCTETS || !is_printable_string(text) {
            return Err(invalid(oid::TRANSACTION_ID));
        }
        let der = DerWriter::encode(|der| {
            der.primitive(Tag::PRINTABLE_STRING, text.as_bytes());
        });
        let der = Bytes::from(der);
        let value = der.slice(der.len().saturating_sub(text.len())..);
        Ok(Self { der, value })
    }

    /// The octets of the text.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.value
    }

    /// The element as received.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn read(value: &Bytes) -> Result<Self, Error> {
        let tlv = only_value(oid::TRANSACTION_ID, value)?;
        let octets = text(oid::TRANSACTION_ID, &tlv)?;
        if octets.is_empty() || octets.len() > Self::MAX_OCTETS {
            return Err(invalid(oid::TRANSACTION_ID));
        }
        Ok(Self { der: value.slice_ref(tlv.raw), value: value.slice_ref(octets) })
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value.escape_ascii())
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// senderNonce or recipientNonce: 1 to 64 octets as received; we make 16 (RFC 8894 §3.2.1.5).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Nonce(Bytes);

impl Nonce {
    /// Octets a nonce may have.
    pub const MAX_OCTETS: usize = 64;

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn new(octets: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(octets))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The signed attributes as received: each type once, values still raw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    /// Type and content of the SET of values.
    list: Vec<(Oid, Bytes)>,
}

impl Attributes {
    /// Reads `SET OF Attribute ::= SEQUENCE { type, values SET OF ANY }` and refuses a type that stands twice.
    pub(crate) fn read(owner: &Bytes, list: &mut Reader<'_>) -> Result<Self, Error> {
        let mut attributes = Self { list: Vec::with_capacity(8) };
        while !list.is_empty() {
            let mut attribute = list.sequence()?;
            let oid = attribute.oid()?;
            let values = attribute.expect(Tag::SET)?;
            attribute.finish()?;
            values.open()?;
            if attributes.find(&oid).is_some() {
                return Err(Misbehaviour::RepeatedAttribute(oid).into());
            }
            if attributes.list.len() == MAX_ATTRIBUTES {
                return Err(Asn1Error::TooManyElements { limit: MAX_ATTRIBUTES }.into());
            }
            attributes.list.push((oid, owner.slice_ref(values.content)));
        }
        Ok(attributes)
    }

    /// All types and the contents of their SETs of values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Oid, &Bytes)> {
        self.list.iter().map(|(oid, values)| (*oid, values))
    }

    fn find(&self, oid: &Oid) -> Option<&Bytes> {
        self.list.iter().find(|(other, _)| other == oid).map(|(_, values)| values)
    }

    pub(crate) fn transaction_id(&self) -> Result<TransactionId, Error> {
        let missing = Misbehaviour::MissingAttribute(oid::TRANSACTION_ID);
        TransactionId::read(self.find(&oid::TRANSACTION_ID).ok_or(missing)?)
    }

    pub(crate) fn message_type(&self) -> Result<MessageType, Error> {
        let missing = Misbehaviour::MissingAttribute(oid::MESSAGE_TYPE);
        self.number(oid::MESSAGE_TYPE)?.map(MessageType).ok_or(missing.into())
    }

    pub(crate) fn pki_status(&self) -> Result<PkiStatus, Error> {
        let missing = Misbehaviour::MissingAttribute(oid::PKI_STATUS);
        self.number(oid::PKI_STATUS)?.map(PkiStatus).ok_or(missing.into())
    }

    pub(crate) fn fail_info(&self) -> Result<Option<FailInfo>, Error> {
        Ok(self.number(oid::FAIL_INFO)?.map(FailInfo))
    }

    pub(crate) fn sender_nonce(&self) -> Result<Option<Nonce>, Error> {
        self.nonce(oid::SENDER_NONCE)
    }

    pub(crate) fn recipient_nonce(&self) -> Result<Option<Nonce>, Error> {
        self.nonce(oid::RECIPIENT_NONCE)
    }

    /// failInfoText in UTF-8 or PrintableString, at most 255 characters of it.
    pub(crate) fn fail_info_text(&self) -> Result<Option<String>, Error> {
        let Some(values) = self.find(&oid::FAIL_INFO_TEXT) else { return Ok(None) };
        let tlv = only_value(oid::FAIL_INFO_TEXT, values)?;
        let octets = text(oid::FAIL_INFO_TEXT, &tlv)?;
        Ok(Some(String::from_utf8_lossy(octets).chars().take(255).collect()))
    }

    /// The value of contentType (RFC 5652 §11.1).
    pub(crate) fn content_type(&self) -> Result<Option<Oid>, Error> {
        let Some(values) = self.find(&oid::CONTENT_TYPE) else { return Ok(None) };
        let mut reader = Reader::ber(values);
        let content_type = reader.oid()?;
        reader.finish()?;
        Ok(Some(content_type))
    }

    /// The value of messageDigest (RFC 5652 §11.2).
    pub(crate) fn message_digest(&self) -> Result<Option<Bytes>, Error> {
        self.octets(oid::MESSAGE_DIGEST)
    }

    /// The value of signingTime (RFC 5652 §11.3).
    pub(crate) fn signing_time(&self) -> Result<Option<UnixTime>, Error> {
        let Some(values) = self.find(&oid::SIGNING_TIME) else { return Ok(None) };
        only_value(oid::SIGNING_TIME, values)?;
        Ok(Some(UnixTime::read(&mut Reader::ber(values))?))
    }

    fn octets(&self, oid: Oid) -> Result<Option<Bytes>, Error> {
        let Some(values) = self.find(&oid) else { return Ok(None) };
        let tlv = only_value(oid, values)?;
        if tlv.tag != Tag::OCTET_STRING {
            return Err(invalid(oid));
        }
        Ok(Some(values.slice_ref(tlv.primitive()?)))
    }

    fn nonce(&self, oid: Oid) -> Result<Option<Nonce>, Error> {
        match self.octets(oid)? {
            Some(octets) if octets.is_empty() || octets.len() > Nonce::MAX_OCTETS => {
                Err(invalid(oid))
            }
            other => Ok(other.map(Nonce)),
        }
    }

    /// A decimal text without leading zeros and up to 255, or (one peer does so) an INTEGER.
    fn number(&self, oid: Oid) -> Result<Option<u8>, Error> {
        let Some(values) = self.find(&oid) else { return Ok(None) };
        let tlv = only_value(oid, values)?;
        if let (Tag::INTEGER, false, [number]) = (tlv.tag, tlv.constructed, tlv.content) {
            return Ok(Some(*number));
        }
        let digits = text(oid, &tlv)?;
        let plain = digits.iter().all(u8::is_ascii_digit)
            && (digits.len() == 1 || digits.first() != Some(&b'0'));
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        number.filter(|_| plain).map(Some).ok_or(invalid(oid))
    }
}

fn invalid(oid: Oid) -> Error {
    Misbehaviour::InvalidAttribute(oid).into()
}

/// The only value of an attribute.
fn only_value(oid: Oid, values: &Bytes) -> Result<Tlv<'_>, Error> {
    let mut reader = Reader::ber(values);
    if reader.is_empty() {
        return Err(invalid(oid));
    }
    let value = reader.any()?;
    if reader.is_empty() { Ok(value) } else { Err(invalid(oid)) }
}

/// The octets of a one-octet-per-character text.
fn text<'a>(oid: Oid, tlv: &Tlv<'a>) -> Result<&'a [u8], Error> {
    match tlv.tag {
        Tag::PRINTABLE_STRING | Tag::UTF8_STRING | Tag::IA5_STRING | Tag::T61_STRING => {
            Ok(tlv.primitive()?)
        }
        _ => Err(invalid(oid)),
    }
}
