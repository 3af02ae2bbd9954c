use std::fmt;

use crate::service::Setting;

/// Why something that is to be sent to the Intune service is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidInput {
    /// It is empty, or nothing but white space.
    #[error("{0} is blank")]
    Blank(Field),
    /// It is longer than it may be.
    #[error("{field} has more than {limit} characters")]
    TooLong {
        /// What is.
        field: Field,
        /// How many it may have.
        limit: usize,
    },
    /// It has a character that it must not have, such as a line end in what becomes a header.
    #[error("{0} has a character that it must not have")]
    Characters(Field),
    /// It is no URL that may be called: not https (unless that was allowed), or with user, query or fragment.
    #[error("{0} is not a URL of the form https://host/path")]
    Url(Field),
    /// It has no value: Microsoft publishes none for this cloud.
    #[error("{} must be set for this cloud", .0.name())]
    Unset(Setting),
    /// A number lies outside its bounds.
    #[error("{field} is {found}, not {least} to {most}")]
    OutOfRange {
        /// Which number.
        field: Field,
        /// What it is.
        found: usize,
        /// The least it may be.
        least: usize,
        /// The most it may be.
        most: usize,
    },
    /// The certificate holds another key than the CSR it is said to be for.
    #[error("the certificate holds another key than the CSR")]
    OtherKey,
}

/// A part of what is sent to the Intune service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The SCEP transactionID.
    TransactionId,
    /// The tenant's id or domain.
    Tenant,
    /// The application's id.
    ClientId,
    /// The client secret or assertion.
    Credential,
    /// The description of a failure.
    ErrorDescription,
    /// The issuing authority of a certificate.
    IssuingAuthority,
    /// The configuration of a CA.
    CaConfiguration,
    /// The name of a CA.
    CertificateAuthority,
    /// How many revocation requests to download.
    MaxRequests,
    /// The results of revocations.
    Results,
    /// The context of a revocation request.
    RequestContext,
    /// An address.
    Url,
    /// A setting.
    Setting(Setting),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TransactionId => "transactionId",
            Self::Tenant => "tenant",
            Self::ClientId => "client id",
            Self::Credential => "credential",
            Self::ErrorDescription => "errorDescription",
            Self::IssuingAuthority => "issuingCertificateAuthority",
            Self::CaConfiguration => "caConfiguration",
            Self::CertificateAuthority => "certificateAuthority",
            Self::MaxRequests => "maxRequests",
            Self::Results => "results",
            Self::RequestContext => "requestContext",
            Self::Url => "URL",
            Self::Setting(setting) => setting.name(),
        })
    }
}
