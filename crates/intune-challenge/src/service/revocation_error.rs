use std::fmt;

/// Why a certificate could not be revoked: `errorCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationError {
    /// 4000: a failure that will not go away.
    NonRetryableServiceException,
    /// 4001: the data cannot be read.
    DataSerializationError,
    /// 4002: a parameter is invalid.
    ParameterDataInvalidError,
    /// 4003: a cryptographic operation failed.
    CryptographyError,
    /// 4004: there is no such certificate.
    CertificateNotFoundError,
    /// 4005: the request conflicts with the certificate's state.
    ConflictError,
    /// 4006: the operation is not supported.
    NotSupportedError,
    /// 4007: the payload is too large.
    PayloadTooLargeError,
    /// 4100: a failure that may go away.
    RetryableServiceException,
    /// 4101: the CA is unavailable.
    ServiceUnavailableException,
    /// 4102: the CA has too much to do.
    ServiceTooBusyException,
    /// 4103: the server could not authenticate to the CA.
    AuthenticationException,
}

impl RevocationError {
    /// All of them, by number.
    pub const ALL: [Self; 12] = [
        Self::NonRetryableServiceException,
        Self::DataSerializationError,
        Self::ParameterDataInvalidError,
        Self::CryptographyError,
        Self::CertificateNotFoundError,
        Self::ConflictError,
        Self::NotSupportedError,
        Self::PayloadTooLargeError,
        Self::RetryableServiceException,
        Self::ServiceUnavailableException,
        Self::ServiceTooBusyException,
        Self::AuthenticationException,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NonRetryableServiceException => "NonRetryableServiceException",
            Self::DataSerializationError => "DataSerializationError",
            Self::ParameterDataInvalidError => "ParameterDataInvalidError",
            Self::CryptographyError => "CryptographyError",
            Self::CertificateNotFoundError => "CertificateNotFoundError",
            Self::ConflictError => "ConflictError",
            Self::NotSupportedError => "NotSupportedError",
            Self::PayloadTooLargeError => "PayloadTooLargeError",
            Self::RetryableServiceException => "RetryableServiceException",
            Self::ServiceUnavailableException => "ServiceUnavailableException",
            Self::ServiceTooBusyException => "ServiceTooBusyException",
            Self::AuthenticationException => "AuthenticationException",
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::NonRetryableServiceException => 4000,
            Self::DataSerializationError => 4001,
            Self::ParameterDataInvalidError => 4002,
            Self::CryptographyError => 4003,
            Self::CertificateNotFoundError => 4004,
            Self::ConflictError => 4005,
            Self::NotSupportedError => 4006,
            Self::PayloadTooLargeError => 4007,
            Self::RetryableServiceException => 4100,
            Self::ServiceUnavailableException => 4101,
            Self::ServiceTooBusyException => 4102,
            Self::AuthenticationException => 4103,
        }
    }

    /// Whether Intune asks again for the same certificate.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        self.number() >= 4100
    }
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
