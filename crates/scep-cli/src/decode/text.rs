//! Texts for values.

use std::fmt;

use scep_types::oid::{self, Oid};
use scep_types::{ContentCipher, CryptoError, DigestAlgorithm, KeyTransport, SignatureScheme, hex};

/// Octets shown of a value that nobody knows.
const MAX_SHOWN: usize = 64;

/// Upper-case hexadecimal, cut off where it gets long.
pub(super) fn hex(octets: &[u8]) -> String {
    let shown = hex::upper(octets.get(..MAX_SHOWN).unwrap_or(octets));
    if octets.len() > MAX_SHOWN { format!("{shown}… ({} octets)", octets.len()) } else { shown }
}

/// A list with commas between.
pub(super) fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// What an OID is called, and its number.
pub(super) fn named(oid: &Oid) -> String {
    match name(oid) {
        Some(name) => format!("{name} ({oid})"),
        None => oid.to_string(),
    }
}

fn name(oid: &Oid) -> Option<&'static str> {
    Some(match *oid {
        oid::ID_DATA => "id-data",
        oid::ID_SIGNED_DATA => "id-signedData",
        oid::ID_ENVELOPED_DATA => "id-envelopedData",
        oid::CHALLENGE_PASSWORD => "challengePassword",
        oid::EXTENSION_REQUEST => "extensionRequest",
        oid::MS_CERT_EXTENSIONS => "Microsoft extensionRequest",
        oid::VERISIGN_EXTENSION_REQUEST => "VeriSign extensionRequest",
        oid::MS_ENROLLMENT_NAME_VALUE_PAIR => "Microsoft enrolment name/value pair",
        oid::SUBJECT_KEY_IDENTIFIER => "subjectKeyIdentifier",
        oid::KEY_USAGE => "keyUsage",
        oid::SUBJECT_ALT_NAME => "subjectAltName",
        oid::BASIC_CONSTRAINTS => "basicConstraints",
        oid::CRL_DISTRIBUTION_POINTS => "cRLDistributionPoints",
        oid::CERTIFICATE_POLICIES => "certificatePolicies",
        oid::AUTHORITY_KEY_IDENTIFIER => "authorityKeyIdentifier",
        oid::EXTENDED_KEY_USAGE => "extKeyUsage",
        oid::AUTHORITY_INFO_ACCESS => "authorityInfoAccess",
        oid::SERVER_AUTH => "serverAuth",
        oid::CLIENT_AUTH => "clientAuth",
        oid::ANY_EXTENDED_KEY_USAGE => "anyExtendedKeyUsage",
        oid::CMC_RA => "cmcRA",
        oid::MS_CERTIFICATE_REQUEST_AGENT => "certificate request agent",
        oid::MS_NTDS_CA_SECURITY_EXT => "szOID_NTDS_CA_SECURITY_EXT",
        _ => return None,
    })
}

pub(super) fn digest(digest: DigestAlgorithm) -> &'static str {
    match digest {
        DigestAlgorithm::Md5 => "MD5",
        DigestAlgorithm::Sha1 => "SHA-1",
        DigestAlgorithm::Sha256 => "SHA-256",
        DigestAlgorithm::Sha384 => "SHA-384",
        DigestAlgorithm::Sha512 => "SHA-512",
        _ => "another digest",
    }
}

pub(super) fn cipher(cipher: ContentCipher) -> &'static str {
    match cipher {
        ContentCipher::DesCbc => "DES-CBC",
        ContentCipher::TripleDesCbc => "triple DES-CBC",
        ContentCipher::Aes128Cbc => "AES-128-CBC",
        ContentCipher::Aes192Cbc => "AES-192-CBC",
        ContentCipher::Aes256Cbc => "AES-256-CBC",
        _ => "another cipher",
    }
}

pub(super) fn scheme(scheme: SignatureScheme) -> String {
    match scheme {
        SignatureScheme::RsaPkcs1(hash) => format!("RSA PKCS #1 v1.5 with {}", digest(hash)),
        SignatureScheme::RsaPss(hash) => format!("RSASSA-PSS with {}", digest(hash)),
        SignatureScheme::Ecdsa(hash) => format!("ECDSA with {}", digest(hash)),
        other => format!("{other:?}"),
    }
}

pub(super) fn transport(transport: KeyTransport) -> String {
    match transport {
        KeyTransport::Pkcs1v15 => "RSA PKCS #1 v1.5".to_owned(),
        KeyTransport::Oaep(hash) => format!("RSA OAEP with {}", digest(hash)),
        other => format!("{other:?}"),
    }
}

/// How a verification came out.
pub(super) fn verdict<E: fmt::Display + IsUnsupported>(result: Result<(), E>) -> String {
    match result {
        Ok(()) => "valid".to_owned(),
        Err(error) if error.is_unsupported() => format!("not verified: {error}"),
        Err(error) => format!("INVALID: {error}"),
    }
}

/// Whether a check could not be made, which says nothing about its outcome.
pub(super) trait IsUnsupported {
    fn is_unsupported(&self) -> bool;
}

impl IsUnsupported for scep_proto::Error {
    fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported(_) | Self::Crypto(CryptoError::Unsupported))
    }
}

impl IsUnsupported for scep_types::Error {
    fn is_unsupported(&self) -> bool {
        matches!(self, Self::UnsupportedAlgorithm { .. } | Self::Crypto(CryptoError::Unsupported))
    }
}
