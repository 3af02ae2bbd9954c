//! What the service is told when we, not it, refuse a request that it found valid.

use intune_challenge::service::{ErrorDescription, HResult};
use scep_store::StoreError;
use scep_types::CryptoError;

use super::FailureReport;
use crate::Error;

/// What the service is told of a failure after its validation, or `None` if it is not told.
///
/// | failure | told |
/// |---|---|
/// | the profile does not admit the CSR | `0x80094012` |
/// | the compliance check denies, the device had its certificates | `0x80070005` |
/// | the CA's key does not answer | `0x800706BA` |
/// | the certificate cannot be made, a key misbehaves, a worker gave up | `0x8000FFFF` |
/// | no room in the store, a serial number taken | `0x80004005` |
/// | the service's own answers | nothing: it knows |
/// | the challenge was used by another CSR | nothing: it would tell of the enrolment that succeeded |
/// | another attempt is at work, or took over | nothing: that one will tell |
/// | the store does not answer | nothing: the certificate may be recorded |
///
/// A request that comes again after that is validated afresh; it is issued only if the service says yes again.
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
