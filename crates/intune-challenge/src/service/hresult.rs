use std::fmt;

use super::input;
use super::remark::printable;
use crate::{Error, Field};

/// UTF-16 units a description may have, so that it has 255 characters at most however they are counted.
const MAX_DESCRIPTION: usize = 255;

/// A Windows HRESULT, which the administrator sees in the Intune console.
///
/// | code | when a server should say so |
/// |---|---|
/// | [`FAIL`](Self::FAIL) `0x80004005` | anything without a better code |
/// | [`UNEXPECTED`](Self::UNEXPECTED) `0x8000FFFF` | the server or its CA failed in a way it should not |
/// | [`INVALID_ARGUMENT`](Self::INVALID_ARGUMENT) `0x80070057` | the CSR cannot become a certificate |
/// | [`ACCESS_DENIED`](Self::ACCESS_DENIED) `0x80070005` | a policy of the server's own said no |
/// | [`CA_UNAVAILABLE`](Self::CA_UNAVAILABLE) `0x800706BA` | the CA or its key does not answer |
/// | [`PROPERTY_EMPTY`](Self::PROPERTY_EMPTY) `0x80094004` | the CSR lacks something that the CA demands |
/// | [`UNSUPPORTED_TEMPLATE`](Self::UNSUPPORTED_TEMPLATE) `0x80094800` | the CA has no such profile |
/// | [`TEMPLATE_DENIED`](Self::TEMPLATE_DENIED) `0x80094012` | the CA's profile does not admit the CSR |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HResult(u32);

impl HResult {
    /// `E_FAIL`: unspecified failure.
    pub const FAIL: Self = Self(0x8000_4005);
    /// `E_UNEXPECTED`: catastrophic failure.
    pub const UNEXPECTED: Self = Self(0x8000_FFFF);
    /// `E_INVALIDARG`: a parameter is incorrect.
    pub const INVALID_ARGUMENT: Self = Self(0x8007_0057);
    /// `E_ACCESSDENIED`: access is denied.
    pub const ACCESS_DENIED: Self = Self(0x8007_0005);
    /// `RPC_S_SERVER_UNAVAILABLE`: the RPC server is unavailable.
    pub const CA_UNAVAILABLE: Self = Self(0x8007_06BA);
    /// `CERTSRV_E_PROPERTY_EMPTY`: a required property value is empty.
    pub const PROPERTY_EMPTY: Self = Self(0x8009_4004);
    /// `CERTSRV_E_UNSUPPORTED_CERT_TYPE`: the template is not supported by this CA.
    pub const UNSUPPORTED_TEMPLATE: Self = Self(0x8009_4800);
    /// `CERTSRV_E_TEMPLATE_DENIED`: the template does not permit this requester to enrol.
    pub const TEMPLATE_DENIED: Self = Self(0x8009_4012);

    /// Any other.
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The number, as it stands in the notification.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }
}

/// `0x80004005`.
impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.0)
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the administrator reads beside the HRESULT: never blank, 255 characters at most, on one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorDescription(String);

impl ErrorDescription {
    /// The beginning of `text`, cut between two characters so that it has at most 255 UTF-16 units, which is how the
    /// service counts; control characters become spaces.
    ///
    /// # Errors
    /// [`InvalidInput::Blank`](crate::InvalidInput::Blank).
    pub fn new(text: &str) -> Result<Self, Error> {
        let mut units = 0_usize;
        let fits = |character: &char| {
            units = units.saturating_add(character.len_utf16());
            units <= MAX_DESCRIPTION
        };
        let cut: String = text.trim().chars().map(printable).take_while(fits).collect();
        input::filled(Field::ErrorDescription, &cut, MAX_DESCRIPTION)?;
        Ok(Self(cut))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
