use std::fmt;

use cryptoki::object::Attribute;
use scep_types::hex;

/// What a private key is called in its token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyName {
    /// Its `CKA_LABEL`.
    Label(String),
    /// Its `CKA_ID`.
    Id(Vec<u8>),
}

impl KeyName {
    pub(super) fn attribute(&self) -> Attribute {
        match self {
            Self::Label(label) => Attribute::Label(label.as_bytes().to_vec()),
            Self::Id(id) => Attribute::Id(id.clone()),
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "{label:?}"),
            Self::Id(id) => write!(f, "with the id {}", hex::lower(id)),
        }
    }
}
