//! What the service is told when we, not it, refuse a request that it found valid.

use intune_challenge::service::{ErrorDescription, HResult};
use scep_store::StoreError;
use scep_types::CryptoError;

use super::FailureReport;
use crate::Error;

/// What the service is told of a failure after its validation, by the table of [`FailureReport`], or `None` if it is not told.
pub(crate) fn report_of(error: &Error) -> Option<FailureReport> {
    let hresult = match error {
        Error::Certificate(error) => certificate(error),
        Error::Compliance(_) | Error::RateLimited { .. } => HResult::ACCESS_DENIED,
        Error::Crypto(CryptoError::Unavailable) | Error::SignerTimeout { .. } => {
            HResult::CA_UNAVAILABLE
        }
        Error::Crypto(_) | Error::SignerMisbehaved | Error::Aborted => HResult::UNEXPECTED,
        Error::Store(StoreError::Full { .. } | StoreError::DuplicateSerial(_)) => HResult::FAIL,
        _ => return None,
    };
    let description = ErrorDescription::new(&format!("{}: {error}", error.label()));
    description.ok().map(|description| FailureReport::new(hresult, description)) // never blank
}

fn certificate(error: &scep_ca::Error) -> HResult {
    match error {
        scep_ca::Error::KeyNotAllowed(_)
        | scep_ca::Error::Malformed(_)
        | scep_ca::Error::Refused(_) => HResult::TEMPLATE_DENIED,
        scep_ca::Error::Crypto(CryptoError::Unavailable) => HResult::CA_UNAVAILABLE,
        _ => HResult::UNEXPECTED,
    }
}
