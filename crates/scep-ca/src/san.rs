use std::fmt;

use scep_types::oid::{self, Oid};
use scep_types::{GeneralName, GeneralNameValue};
use serde::{Deserialize, Serialize};

use crate::{Error, ProfileDefect};

/// A type of subjectAltName that a profile can keep; x400Address and ediPartyName are never kept.
///
/// Its text is what it is called in a configuration file: `dns`, `rfc822`, `uri`, `ip`, `upn`, `directory`,
/// `registered-id`, or `other-name:` and the dotted type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum SanType {
    /// dNSName.
    Dns,
    /// rfc822Name.
    Rfc822,
    /// uniformResourceIdentifier.
    Uri,
    /// iPAddress.
    Ip,
    /// otherName with Microsoft's user principal name.
    Upn,
    /// otherName of this type; each must be named, for some give power over accounts.
    OtherName(Oid),
    /// directoryName.
    Directory,
    /// registeredID.
    RegisteredId,
}

impl SanType {
    const NAMED: [(Self, &str); 7] = [
        (Self::Dns, "dns"),
        (Self::Rfc822, "rfc822"),
        (Self::Uri, "uri"),
        (Self::Ip, "ip"),
        (Self::Upn, "upn"),
        (Self::Directory, "directory"),
        (Self::RegisteredId, "registered-id"),
    ];
    const OTHER_NAME: &str = "other-name:";

    /// The type of a name, or `None` for one that is never kept.
    #[must_use]
    pub fn of(name: &GeneralName) -> Option<Self> {
        Some(match name.value() {
            GeneralNameValue::Dns(_) => Self::Dns,
            GeneralNameValue::Rfc822(_) => Self::Rfc822,
            GeneralNameValue::Uri(_) => Self::Uri,
            GeneralNameValue::Ip(_) => Self::Ip,
            GeneralNameValue::Upn(_) => Self::Upn,
            GeneralNameValue::OtherName(oid) => Self::OtherName(*oid),
            GeneralNameValue::Directory => Self::Directory,
            GeneralNameValue::RegisteredId => Self::RegisteredId,
            _ => return None,
        })
    }

    /// Whether no profile may keep it: a SID is derived by us or not there.
    pub(crate) fn is_forbidden(self) -> bool {
        matches!(self, Self::OtherName(oid::MS_NTDS_OBJECTSID | oid::MS_NTDS_CA_SECURITY_EXT))
    }
}

impl fmt::Display for SanType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::OtherName(oid) = self {
            return write!(f, "{}{oid}", Self::OTHER_NAME);
        }
        let named = Self::NAMED.iter().find(|(kind, _)| kind == self);
        f.write_str(named.map_or("", |(_, name)| name))
    }
}

impl From<SanType> for String {
    fn from(kind: SanType) -> Self {
        kind.to_string()
    }
}

impl TryFrom<String> for SanType {
    type Error = Error;

    /// Reads the text of a configuration file.
    fn try_from(text: String) -> Result<Self, Error> {
        let kind = match text.strip_prefix(Self::OTHER_NAME) {
            // The UPN has a type of its own.
            Some(dotted) => {
                Oid::parse(dotted).filter(|oid| *oid != oid::MS_UPN).map(Self::OtherName)
            }
            None => Self::NAMED.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind),
        };
        kind.ok_or(Error::InvalidProfile(ProfileDefect::UnknownName(text)))
    }
}
