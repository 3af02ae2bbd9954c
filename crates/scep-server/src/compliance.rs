use std::fmt;

use async_trait::async_trait;
use scep_store::Cause;
use scep_types::{Basis, VerifiedCsr};

use crate::Error;
use crate::endpoint::Inner;

/// A last word about a request that was authorised: whether its device may have a certificate now.
///
/// It is asked after the authorisation and before anything is reserved, so a denial burns nothing. It is called from a
/// task of the host's runtime, so it must not block, and must come to an end.
#[async_trait]
pub trait ComplianceCheck: Send + Sync {
    /// Whether the device complies.
    ///
    /// # Errors
    /// What kept the check from deciding; the request is then denied as if the device did not comply.
    async fn check(&self, request: ComplianceRequest<'_>) -> Result<Compliance, Cause>;
}

/// What a compliance check may go by.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ComplianceRequest<'a> {
    /// The CSR, whose key was proven.
    pub csr: &'a VerifiedCsr,
    /// On what it was authorised.
    pub basis: &'a Basis,
    /// For whom a signed challenge was made.
    pub device: Option<&'a str>,
}

/// What a compliance check decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compliance {
    /// The device may have the certificate.
    Compliant,
    /// It may not.
    NotCompliant {
        /// Why, for the log.
        reason: String,
    },
}

/// Why a device does not get a certificate although it was authorised.
#[derive(Debug, Clone, PartialEq)]
pub enum ComplianceFault {
    /// It does not comply.
    NotCompliant {
        /// Why, as the check says.
        reason: String,
    },
    /// The check could not decide.
    Undecided(Cause),
}

impl std::error::Error for ComplianceFault {}

/// Escaped, since a reason may come from outside.
impl fmt::Display for ComplianceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCompliant { reason } => {
                write!(f, "the device does not comply: {}", reason.escape_debug())
            }
            Self::Undecided(cause) => write!(f, "the compliance check did not decide: {cause}"),
        }
    }
}

/// Asks the endpoint's check, if it has one.
pub(crate) async fn check(
    inner: &Inner,
    csr: &VerifiedCsr,
    basis: &Basis,
    device: Option<&str>,
) -> Result<(), Error> {
    let Some(check) = &inner.config.compliance else { return Ok(()) };
    match check.check(ComplianceRequest { csr, basis, device }).await {
        Ok(Compliance::Compliant) => Ok(()),
        Ok(Compliance::NotCompliant { reason }) => {
            Err(ComplianceFault::NotCompliant { reason }.into())
        }
        Err(cause) => Err(ComplianceFault::Undecided(cause).into()),
    }
}
