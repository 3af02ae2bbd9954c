use std::fmt;

use super::input;
use crate::{Error, Field};

/// Characters a transactionID may have; SCEP's have 255 at most.
const MAX_TRANSACTION_ID: usize = 1024;
/// Characters the name of a tenant or an application may have.
const MAX_APPLICATION: usize = 255;

/// Under which id Microsoft's support finds a call: its `client-request-id`, the same for all repeats of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActivityId([u8; 16]);

impl ActivityId {
    /// A version 4 UUID from 16 random octets (RFC 9562 §5.4).
    #[must_use]
    pub const fn from_random(mut octets: [u8; 16]) -> Self {
        octets[6] = (octets[6] & 0x0F) | 0x40;
        octets[8] = (octets[8] & 0x3F) | 0x80;
        Self(octets)
    }
}

/// `xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx`, lower case.
impl fmt::Display for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, octet) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The SCEP transactionID, as validation and notification name a transaction: never blank, opaque to the service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionId(String);

impl TransactionId {
    /// A transactionID as text.
    ///
    /// # Errors
    /// [`InvalidInput::Blank`](crate::InvalidInput::Blank), or [`InvalidInput::TooLong`](crate::InvalidInput::TooLong)
    /// for more than 1024 characters.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        input::filled(Field::TransactionId, &text, MAX_TRANSACTION_ID)?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_debug())
    }
}

/// An application registered in Entra, and the tenant it is used in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Application {
    tenant: String,
    client_id: String,
}

impl Application {
    /// The tenant by its id or a verified domain, the application by its client id.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::InvalidInput) if one is blank, longer than 255 characters, or has others than letters,
    /// digits, `-`, `.` and `_`.
    pub fn new(tenant: &str, client_id: &str) -> Result<Self, Error> {
        let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
        for (field, text) in [(Field::Tenant, tenant), (Field::ClientId, client_id)] {
            input::filled(field, text, MAX_APPLICATION)?;
            input::only(field, text, allowed)?;
        }
        Ok(Self { tenant: tenant.to_owned(), client_id: client_id.to_owned() })
    }

    /// The tenant's id or domain.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The application's id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, hexadecimal digits in either case.
pub(super) fn is_guid(text: &str) -> bool {
    let is_allowed = |(position, octet): (usize, u8)| match position {
        8 | 13 | 18 | 23 => octet == b'-',
        _ => octet.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_allowed)
}
