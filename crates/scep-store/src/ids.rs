//! By what things are found. Each name from outside has a bound.

use std::fmt;
use std::sync::Arc;

use scep_types::Digest;

use crate::StoreError;
use crate::error::{Argument, length};

/// A SHA-256 value: of a key, of a CSR, or of what makes a challenge or a device unique.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// From its 32 octets.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// From a digest, or `None` if it has not 32 octets.
    #[must_use]
    pub fn from_digest(digest: &Digest) -> Option<Self> {
        digest.as_ref().try_into().ok().map(Self)
    }

    /// Its 32 octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(octets: [u8; 32]) -> Self {
        Self(octets)
    }
}

/// Hexadecimal.
impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of an endpoint: 1 to 64 octets of UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(Arc<str>);

impl EndpointId {
    /// Octets a name may have.
    pub const MAX_OCTETS: usize = 64;

    /// An endpoint's name.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 64 octets.
    pub fn new(name: &str) -> Result<Self, StoreError> {
        length(Argument::EndpointId, name.as_bytes(), Self::MAX_OCTETS)?;
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_debug())
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The octets of a transactionID (RFC 8894 §3.2.1.1): 1 to 255, whatever they are. It is no secret and proves nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(Arc<[u8]>);

impl TransactionId {
    /// Octets an id may have.
    pub const MAX_OCTETS: usize = 255;

    /// A copy of `octets`, so that nothing keeps the message they came in.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 255 octets.
    pub fn new(octets: &[u8]) -> Result<Self, StoreError> {
        length(Argument::TransactionId, octets, Self::MAX_OCTETS)?;
        Ok(Self(octets.into()))
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Escaped, since anyone may have chosen it.
impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Where a transaction is found: ids of different endpoints do not meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionKey {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The client's transactionID.
    pub transaction_id: TransactionId,
}

/// Who asks, and for what: two requests are the same if both are equal.
///
/// The CSR counts by its CertificationRequestInfo, since ECDSA and PSS signatures differ from retry to retry; the signer
/// by its key, since some clients make a new certificate for each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Submission {
    /// SHA-256 of the SubjectPublicKeyInfo of the message's signer.
    pub signer_key: Sha256,
    /// SHA-256 of the CSR's CertificationRequestInfo (`scep_types::Csr::info`).
    pub csr_info: Sha256,
}

/// One request of one client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// Under which transaction.
    pub transaction: TransactionKey,
    /// From whom, for what.
    pub submission: Submission,
}

/// The name under which an operator decided: 1 to 128 octets of UTF-8.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Operator(Arc<str>);

impl Operator {
    /// Octets a name may have.
    pub const MAX_OCTETS: usize = 128;

    /// An operator's name.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 128 octets.
    pub fn new(name: &str) -> Result<Self, StoreError> {
        length(Argument::Operator, name.as_bytes(), Self::MAX_OCTETS)?;
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The content octets of a serialNumber INTEGER: 1 to 20 (RFC 5280 §4.1.2.2), as they stand in the certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialNumber {
    octets: [u8; Self::MAX_OCTETS],
    used: u8,
}

impl SerialNumber {
    /// Octets a serial number may have.
    pub const MAX_OCTETS: usize = 20;

    /// Before all others in their order; itself no serial number.
    pub(crate) const FIRST: Self = Self { octets: [0; Self::MAX_OCTETS], used: 0 };

    /// After all others in their order; no certificate of ours has it.
    pub(crate) const LAST: Self =
        Self { octets: [0xFF; Self::MAX_OCTETS], used: Self::MAX_OCTETS as u8 };

    /// A serial number from its content octets.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 20; no certificate of ours has such a number.
    pub fn new(content: &[u8]) -> Result<Self, StoreError> {
        length(Argument::SerialNumber, content, Self::MAX_OCTETS)?;
        let mut octets = [0; Self::MAX_OCTETS];
        octets.iter_mut().zip(content).for_each(|(to, from)| *to = *from);
        let used = u8::try_from(content.len()).unwrap_or(Self::MAX_OCTETS as u8);
        Ok(Self { octets, used })
    }

    /// The content octets.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        self.octets.get(..usize::from(self.used)).unwrap_or_default()
    }
}

/// Upper-case hexadecimal.
impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.content().iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which certificate: its issuer's key and its serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateId {
    /// SHA-256 of the issuing CA's SubjectPublicKeyInfo; it stays when the CA's certificate is renewed.
    pub issuer: Sha256,
    /// The serial number.
    pub serial: SerialNumber,
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of issuer {}", self.serial, self.issuer)
    }
}
