use std::fmt;

use scep_types::{Certificate, DigestAlgorithm, DigestProvider, UnixTime};

use super::SerialFormat;
use crate::Error;

/// Octets a serial number may have; RFC 5280 allows 20.
const MAX_SERIAL: usize = 64;
/// Digits one may be written with, zeros in front among them.
const MAX_DIGITS: usize = 256;

/// The SHA-1 digest of a certificate, as the admin console shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// The thumbprint of this certificate.
    ///
    /// # Errors
    /// [`Error::Crypto`] if the provider has no SHA-1.
    pub fn of(certificate: &Certificate, digest: &dyn DigestProvider) -> Result<Self, Error> {
        let sha1 = digest.digest(DigestAlgorithm::Sha1, certificate.der())?;
        let octets = sha1.as_ref().try_into();
        octets.map(Self).map_err(|_| scep_types::CryptoError::Unsupported.into())
    }
}

/// Upper-case hexadecimal digits without separators.
impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A serial number without leading zeros, however it was written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SerialNumber(Vec<u8>);

impl SerialNumber {
    /// The serial number of this certificate: its INTEGER's content without the octet that keeps it positive.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        Self::from_octets(certificate.serial())
    }

    /// A serial number from its octets, most significant first.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Self {
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        Self(octets.get(zeros..).unwrap_or_default().to_vec())
    }

    /// Reads what a notification said, as lenient as others write it: in either case, with leading zeros, an odd number of
    /// digits, spaces or colons. `None` if it is no number of at most 64 octets.
    #[must_use]
    pub fn parse(text: &str, format: SerialFormat) -> Option<Self> {
        let digits = text.chars().filter(|digit| !matches!(digit, ' ' | ':'));
        let radix = if format == SerialFormat::Decimal { 10 } else { 16 };
        let mut value = vec![0_u8; MAX_SERIAL];
        let mut count = 0_usize;
        for digit in digits {
            count = count.checked_add(1).filter(|count| *count <= MAX_DIGITS)?;
            let digit = u8::try_from(digit.to_digit(radix)?).ok()?;
            times_plus(&mut value, radix, digit)?;
        }
        (count > 0).then(|| Self::from_octets(&value))
    }

    /// The octets, most significant first, none of them a leading zero; empty for the serial number 0.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The text for a notification.
    #[must_use]
    pub fn to_text(&self, format: SerialFormat) -> String {
        let octets = if self.0.is_empty() { &[0] } else { self.0.as_slice() };
        match format {
            SerialFormat::UpperHex => octets.iter().map(|octet| format!("{octet:02X}")).collect(),
            SerialFormat::LowerHex => octets.iter().map(|octet| format!("{octet:02x}")).collect(),
            SerialFormat::Decimal => decimal(octets),
        }
    }
}

/// `value * factor + term`, or `None` if it has no room.
fn times_plus(value: &mut [u8], factor: u32, term: u8) -> Option<()> {
    let mut carry = u32::from(term);
    for octet in value.iter_mut().rev() {
        let [.., high, low] =
            (u32::from(*octet).checked_mul(factor)?.checked_add(carry)?).to_be_bytes();
        (*octet, carry) = (low, u32::from(high));
    }
    (carry == 0).then_some(())
}

fn decimal(octets: &[u8]) -> String {
    let mut digits = vec![0_u8]; // least significant first
    for octet in octets {
        let mut carry = u32::from(*octet);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0'.saturating_add(*digit))).collect()
}

/// Upper-case hexadecimal digits, an even number of them.
impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(SerialFormat::UpperHex))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `YYYY-MM-DDThh:mm:ss.000Z`.
pub(super) fn timestamp(time: UnixTime) -> String {
    let seconds = time.to_string();
    format!("{}.000Z", seconds.trim_end_matches('Z'))
}
