//! What the command line lets one choose by name.

use clap::ValueEnum;
use scep_proto::client::{MethodChoice, RenewalMessage, TransactionIdSource};
use scep_types::{ContentCipher, DigestAlgorithm, KeyKind};

use crate::conformance::Level;

/// A kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    /// Signs its request with a throw-away RSA key, which the server must allow
    P256,
}

impl KeyType {
    pub(crate) fn kind(self) -> KeyKind {
        match self {
            Self::Rsa2048 => KeyKind::Rsa { bits: 2048 },
            Self::Rsa3072 => KeyKind::Rsa { bits: 3072 },
            Self::Rsa4096 => KeyKind::Rsa { bits: 4096 },
            Self::P256 => KeyKind::P256,
        }
    }
}

/// A digest by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DigestName {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl DigestName {
    pub(crate) fn algorithm(self) -> DigestAlgorithm {
        match self {
            Self::Sha1 => DigestAlgorithm::Sha1,
            Self::Sha256 => DigestAlgorithm::Sha256,
            Self::Sha384 => DigestAlgorithm::Sha384,
            Self::Sha512 => DigestAlgorithm::Sha512,
        }
    }
}

/// A cipher by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CipherName {
    Des3,
    Aes128,
    Aes192,
    Aes256,
}

impl CipherName {
    pub(crate) fn algorithm(self) -> ContentCipher {
        match self {
            Self::Des3 => ContentCipher::TripleDesCbc,
            Self::Aes128 => ContentCipher::Aes128Cbc,
            Self::Aes192 => ContentCipher::Aes192Cbc,
            Self::Aes256 => ContentCipher::Aes256Cbc,
        }
    }
}

/// GET or POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// POST where the server says so, else GET
    Auto,
    Post,
    Get,
}

impl MethodName {
    pub(crate) fn choice(self) -> MethodChoice {
        match self {
            Self::Auto => MethodChoice::Auto,
            Self::Post => MethodChoice::Post,
            Self::Get => MethodChoice::Get,
        }
    }
}

/// The source of a transactionID by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransactionIdName {
    /// Fresh for each run
    Random,
    /// From the key: the same command asks for the same pending request again
    KeyHash,
}

impl TransactionIdName {
    pub(crate) fn source(self) -> TransactionIdSource {
        match self {
            Self::Random => TransactionIdSource::Random,
            Self::KeyHash => TransactionIdSource::KeyHash,
        }
    }
}

/// A renewal's message type by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RenewalName {
    /// RenewalReq where the server says so, else PKCSReq
    Auto,
    /// RenewalReq (17)
    Renewal,
    /// PKCSReq (19)
    Pkcs,
}

impl RenewalName {
    pub(crate) fn message(self) -> RenewalMessage {
        match self {
            Self::Auto => RenewalMessage::Auto,
            Self::Renewal => RenewalMessage::RenewalReq,
            Self::Pkcs => RenewalMessage::PkcsReq,
        }
    }
}

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelName {
    /// What RFC 8894 demands or states as fact
    Must,
    /// Also what it recommends
    Should,
    /// Also what peers need and no RFC says
    Practice,
}

impl LevelName {
    pub(crate) fn level(self) -> Level {
        match self {
            Self::Must => Level::Must,
            Self::Should => Level::Should,
            Self::Practice => Level::Practice,
        }
    }
}
