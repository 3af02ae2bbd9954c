//! One-time passwords: made for one enrolment, kept as a salted hash and sealed where they open requests, used once by the
//! ledger of challenges.

use std::fmt;
use std::net::IpAddr;

use scep_types::UnixTime;
use subtle::ConstantTimeEq as _;

use crate::StoreError;
use crate::error::{Argument, length, within};
use crate::ids::{EndpointId, Operator, Sha256};

/// One-time passwords of one endpoint that may be live at a time, whatever the endpoint allows: when as many seem to be,
/// each is looked up to see whether it was used.
pub const MAX_LIVE_PASSWORDS: usize = 2_000;

/// The public first part of a one-time password, by which it is found: 1 to 32 ASCII letters and digits. No secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PasswordId(String);

impl PasswordId {
    /// Octets an id may have.
    pub const MAX_OCTETS: usize = 32;

    /// An id; it should have been drawn at random.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 32 octets, or for anything but letters and digits.
    pub fn new(id: &str) -> Result<Self, StoreError> {
        let plain = id.bytes().take_while(u8::is_ascii_alphanumeric).count();
        length(Argument::PasswordId, id.as_bytes(), Self::MAX_OCTETS)?;
        within(Argument::PasswordId, plain as u64, id.len() as u64, id.len() as u64)?;
        Ok(Self(id.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PasswordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PasswordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What the secret part of a password is compared with: a salt of its own and a hash, never the password.
#[derive(Clone, Copy)]
pub struct PasswordVerifier {
    /// 16 random octets.
    pub salt: [u8; 16],
    /// SHA-256 of the salt and the secret part after it. That has 100 random bits, so nothing slower is needed.
    pub hash: Sha256,
}

/// In constant time.
impl PartialEq for PasswordVerifier {
    fn eq(&self, other: &Self) -> bool {
        let salt = self.salt.ct_eq(&other.salt);
        bool::from(salt & self.hash.octets().ct_eq(other.hash.octets()))
    }
}

impl Eq for PasswordVerifier {}

/// Nothing of it: whoever has both can try passwords.
impl fmt::Debug for PasswordVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordVerifier(..)")
    }
}

/// A password as whoever holds the sealing key can have it back; opaque here.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPassword(Vec<u8>);

impl SealedPassword {
    /// Octets it may have.
    pub const MAX_OCTETS: usize = 256;

    /// What a sealing key made of a password.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 256 octets.
    pub fn new(octets: &[u8]) -> Result<Self, StoreError> {
        length(Argument::SealedPassword, octets, Self::MAX_OCTETS)?;
        Ok(Self(octets.to_vec()))
    }

    /// For the sealing key.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Nothing of it: it belongs into no log.
impl fmt::Debug for SealedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedPassword(..)")
    }
}

/// A name that a password is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BoundName {
    /// The only commonName of the subject, as the label of the device.
    CommonName(String),
    /// A dNSName.
    Dns(String),
    /// An rfc822Name.
    Rfc822(String),
    /// A user principal name.
    Upn(String),
    /// A uniformResourceIdentifier.
    Uri(String),
    /// An iPAddress.
    Ip(IpAddr),
}

/// The names that a CSR must ask for to be served on a password: neither more nor fewer. Without names it is bound to
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PasswordBinding(Vec<BoundName>);

impl PasswordBinding {
    /// Names a binding may have.
    pub const MAX_NAMES: usize = 64;
    /// Octets one of its names may have.
    pub const MAX_NAME: usize = 1024;

    /// A binding to these names.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for more than 64 names, a name of none or more than 1,024 octets, or two commonNames.
    pub fn new(names: Vec<BoundName>) -> Result<Self, StoreError> {
        within(Argument::BoundNames, names.len() as u64, 0, Self::MAX_NAMES as u64)?;
        let common_names = names.iter().filter(|name| matches!(name, BoundName::CommonName(_)));
        within(Argument::BoundCommonNames, common_names.count() as u64, 0, 1)?;
        for name in &names {
            length(Argument::BoundName, name.octets().as_bytes(), Self::MAX_NAME)?;
        }
        Ok(Self(names))
    }

    /// The names; none if it is bound to nothing.
    #[must_use]
    pub fn names(&self) -> &[BoundName] {
        &self.0
    }
}

/// What may be shown of a one-time password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFacts {
    /// Its first part.
    pub id: PasswordId,
    /// The endpoint that it is for.
    pub endpoint: EndpointId,
    /// When it was made.
    pub minted_at: UnixTime,
    /// From when on it is refused.
    pub expires: UnixTime,
    /// Who made it.
    pub minted_by: Operator,
    /// The names it is good for, if it is bound.
    pub binding: PasswordBinding,
}

/// A one-time password as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimePassword {
    /// The key of its [`ChallengeUse`](crate::ChallengeUse): a digest of its id. It is found by it, too, so that the
    /// ledger alone knows whether it was used.
    pub key: Sha256,
    /// What may be shown.
    pub facts: PasswordFacts,
    /// What the secret part is compared with.
    pub verifier: PasswordVerifier,
    /// The password itself, sealed, where requests are encrypted by it (RFC 8894 §3.1); else nothing has it.
    pub sealed: Option<SealedPassword>,
    /// When it was withdrawn, if it was.
    pub withdrawn: Option<UnixTime>,
}

/// What a withdrawal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// It is refused from now on.
    Now,
    /// A certificate was issued on it; revoke that.
    Used,
    /// No such password of this endpoint is live.
    Unknown,
}

/// A password on the shelf of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shelved {
    pub(crate) key: Sha256,
    pub(crate) expires: UnixTime,
}

impl OneTimePassword {
    pub(crate) fn shelved(&self) -> Shelved {
        Shelved { key: self.key, expires: self.facts.expires }
    }

    /// Whether it can be used at `now`, unless the ledger says that it was.
    pub(crate) fn is_open(&self, now: UnixTime) -> bool {
        self.withdrawn.is_none() && now < self.facts.expires
    }
}

impl BoundName {
    fn octets(&self) -> String {
        match self {
            Self::CommonName(text)
            | Self::Dns(text)
            | Self::Rfc822(text)
            | Self::Upn(text)
            | Self::Uri(text) => text.clone(),
            Self::Ip(address) => address.to_string(),
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
impl PasswordBinding {
    /// As octets: of each name its kind, its length and its text.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut encoded = Vec::new();
        for name in &self.0 {
            let text = name.octets();
            encoded.push(name.kind());
            encoded.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            encoded.extend(text.as_bytes());
        }
        encoded
    }

    /// From such octets.
    pub(crate) fn decoded(mut octets: &[u8]) -> Result<Self, StoreError> {
        let mut names = Vec::new();
        while !octets.is_empty() {
            let (name, rest) = BoundName::read(octets).ok_or(StoreError::Poisoned)?;
            names.push(name);
            octets = rest;
        }
        Self::new(names).map_err(|_| StoreError::Poisoned)
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
impl BoundName {
    const fn kind(&self) -> u8 {
        match self {
            Self::CommonName(_) => 0,
            Self::Dns(_) => 1,
            Self::Rfc822(_) => 2,
            Self::Upn(_) => 3,
            Self::Uri(_) => 4,
            Self::Ip(_) => 5,
        }
    }

    fn read(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, rest) = octets.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let text = std::str::from_utf8(text).ok()?.to_owned();
        let name = match kind {
            0 => Self::CommonName(text),
            1 => Self::Dns(text),
            2 => Self::Rfc822(text),
            3 => Self::Upn(text),
            4 => Self::Uri(text),
            5 => Self::Ip(text.parse().ok()?),
            _ => return None,
        };
        Some((name, rest))
    }
}
