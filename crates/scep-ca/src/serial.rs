use std::fmt;

use scep_types::asn1::{DerWriter, Tag};

use crate::{Error, Misuse};

/// A serial number: a positive INTEGER of at most 20 octets (RFC 5280 §4.1.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial {
    /// Content octets, left-aligned, zeros after them.
    octets: [u8; Self::MAX_OCTETS],
    used: usize,
}

impl Serial {
    /// Octets a serial number may have.
    pub const MAX_OCTETS: usize = 20;
    /// Random octets in one of ours.
    pub const RANDOM_OCTETS: usize = 16;

    /// A serial number from 128 random bits, which must come from a cryptographically secure source.
    ///
    /// One fixed octet stands before them, so it is positive, never zero, and always 17 octets long.
    #[must_use]
    pub fn from_random(random: [u8; Self::RANDOM_OCTETS]) -> Self {
        let mut octets = [0; Self::MAX_OCTETS];
        let content = [LEADING].into_iter().chain(random);
        octets.iter_mut().zip(content).for_each(|(to, from)| *to = from);
        Self { octets, used: Self::RANDOM_OCTETS + 1 }
    }

    /// A serial number from the content octets of its INTEGER, such as [`Certificate::serial`](scep_types::Certificate::serial).
    ///
    /// # Errors
    /// [`Misuse::Serial`] if they are not minimal, not positive, or more than 20.
    pub fn from_content(content: &[u8]) -> Result<Self, Error> {
        let valid = match content {
            [] | [0] | [0x80..=0xFF, ..] | [0, 0..=0x7F, ..] => false,
            _ => content.len() <= Self::MAX_OCTETS,
        };
        if !valid {
            return Err(Error::ApiMisuse(Misuse::Serial));
        }
        let mut octets = [0; Self::MAX_OCTETS];
        octets.iter_mut().zip(content).for_each(|(to, from)| *to = *from);
        Ok(Self { octets, used: content.len() })
    }

    /// The content octets of its INTEGER.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        self.octets.get(..self.used).unwrap_or_default()
    }

    pub(crate) fn write(&self, der: &mut DerWriter) {
        der.primitive(Tag::INTEGER, self.content());
    }
}

/// Upper-case hexadecimal without leading zero octets, as [`Certificate::serial_hex`](scep_types::Certificate::serial_hex).
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.content().iter().skip_while(|octet| **octet == 0);
        digits.into_iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What stands before the random octets; neither zero nor a sign bit.
const LEADING: u8 = 0x01;
