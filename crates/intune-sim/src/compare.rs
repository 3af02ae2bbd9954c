//! What validateRequest compares, and the codes it answers with.

use std::fmt;

use scep_types::{Csr, GeneralName, KeyKind};

use crate::spec::{AltName, CsrSpec, SubjectAttribute};

/// The `code` of a ScepActions answer; the names are the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultCode {
    Success,
    CertificateRequestDecodingFailed,
    ChallengePasswordMissing,
    ChallengeDeserializationError,
    ChallengeDecryptionError,
    ChallengeDecodingError,
    ChallengeInvalidTimestamp,
    ChallengeExpired,
    SubjectNameMissing,
    SubjectNameMismatch,
    SubjectAltNameMissing,
    SubjectAltNameMismatch,
    KeyUsageMismatch,
    KeyLengthMismatch,
    EnhancedKeyUsageMissing,
    EnhancedKeyUsageMismatch,
    SigningCertThumbprintMismatch,
    ScepProfileNoLongerTargetedToTheClient,
    SignatureValidationFailed,
    BadCertificateRequestIdInChallenge,
    BadDeviceIdInChallenge,
    BadUserIdInChallenge,
    BadTenantIdInChallenge,
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a request is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) code: ResultCode,
    pub(crate) description: String,
}

impl Denial {
    pub(crate) fn new(code: ResultCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }
}

/// Compares subject, SAN, key usage, key length and extended key usage, in this order.
pub(crate) fn compare(csr: &Csr, expected: &CsrSpec) -> Result<(), Denial> {
    compare_subject(csr, expected)?;
    compare_alt_names(csr, expected)?;
    if csr.key_usage() != Some(expected.key_usage.bits()) {
        let text = "the key usage differs from the profile's";
        return Err(Denial::new(ResultCode::KeyUsageMismatch, text));
    }
    if csr.key_kind() != (KeyKind::Rsa { bits: expected.key_bits }) {
        let text = format!("the key is {}, not RSA-{}", csr.key_kind(), expected.key_bits);
        return Err(Denial::new(ResultCode::KeyLengthMismatch, text));
    }
    compare_extended_key_usages(csr, expected)
}

fn compare_subject(csr: &Csr, expected: &CsrSpec) -> Result<(), Denial> {
    if csr.subject().is_empty() && !expected.subject.is_empty() {
        return Err(Denial::new(ResultCode::SubjectNameMissing, "the request has no subject"));
    }
    let mut asked: Vec<_> =
        csr.subject().attributes().map(|a| (a.oid.to_string(), a.text().into_owned())).collect();
    let mut wanted: Vec<_> = expected
        .subject
        .iter()
        .filter_map(|a: &SubjectAttribute| Some((a.oid().ok()?.to_string(), a.value.clone())))
        .collect();
    asked.sort();
    wanted.sort();
    if asked != wanted {
        let text = format!("the subject {} differs from the profile's", csr.subject());
        return Err(Denial::new(ResultCode::SubjectNameMismatch, text));
    }
    Ok(())
}

fn compare_alt_names(csr: &Csr, expected: &CsrSpec) -> Result<(), Denial> {
    let names = csr.subject_alt_names();
    if names.is_empty() && !expected.alt_names.is_empty() {
        let text = "the request has no subject alternative name";
        return Err(Denial::new(ResultCode::SubjectAltNameMissing, text));
    }
    let mut wanted = expected.alt_names.clone();
    wanted.sort();
    let mut asked: Vec<_> = names.iter().map(AltName::of).collect();
    asked.sort();
    // A name of a type that no profile has is `None`, and equals nothing.
    if !asked.iter().map(Option::as_ref).eq(wanted.iter().map(Some)) {
        let names: Vec<_> = names.iter().map(GeneralName::to_string).collect();
        let text = format!("the names {} differ from the profile's", names.join(", "));
        return Err(Denial::new(ResultCode::SubjectAltNameMismatch, text));
    }
    Ok(())
}

fn compare_extended_key_usages(csr: &Csr, expected: &CsrSpec) -> Result<(), Denial> {
    let mut asked: Vec<_> =
        csr.extended_key_usages().unwrap_or_default().iter().map(ToString::to_string).collect();
    let mut wanted = expected.extended_key_usages.clone();
    if asked.is_empty() && !wanted.is_empty() {
        let text = "the request has no extended key usage";
        return Err(Denial::new(ResultCode::EnhancedKeyUsageMissing, text));
    }
    asked.sort();
    wanted.sort();
    if asked != wanted {
        let text = "the extended key usages differ from the profile's";
        return Err(Denial::new(ResultCode::EnhancedKeyUsageMismatch, text));
    }
    Ok(())
}
