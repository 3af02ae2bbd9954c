use scep_types::{Certificate, DigestProvider, UnixTime};

use super::facts::timestamp;
use super::json_writer::JsonWriter;
use super::{
    Call, Enrolment, ErrorDescription, HResult, HttpRequest, SerialNumber, Setting, Thumbprint,
    input,
};
use crate::{Error, Field, InvalidInput};

/// Characters that a name of a CA may have.
const MAX_NAME: usize = 2048;

/// Tells the service that a certificate was issued (`ScepActions/successNotification`).
///
/// [`Notified`](super::Notified) reads the answer. It may be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccessNotification {
    enrolment: Enrolment,
    thumbprint: Thumbprint,
    serial: SerialNumber,
    expires: UnixTime,
    issuing_authority: String,
    ca_configuration: Option<String>,
    certificate_authority: Option<String>,
}

/// Tells the service that no certificate was issued, for a reason of the server's own
/// (`ScepActions/failureNotification`).
///
/// What the service itself said no to is not told to it. [`Notified`](super::Notified) reads the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureNotification {
    enrolment: Enrolment,
    hresult: HResult,
    description: ErrorDescription,
}

impl SuccessNotification {
    /// The notification about the certificate that was issued by this enrolment; the issuing authority is its issuer.
    ///
    /// # Errors
    /// [`InvalidInput::OtherKey`] for a certificate with another key than the CSR's, [`InvalidInput::Blank`] for one
    /// without issuer, [`Error::Crypto`] if the provider has no SHA-1.
    pub fn new(
        enrolment: &Enrolment,
        certificate: &Certificate,
        digest: &dyn DigestProvider,
    ) -> Result<Self, Error> {
        if certificate.spki() != enrolment.csr().spki().as_ref() {
            return Err(InvalidInput::OtherKey.into());
        }
        let notification = Self {
            enrolment: enrolment.clone(),
            thumbprint: Thumbprint::of(certificate, digest)?,
            serial: SerialNumber::of(certificate),
            expires: certificate.validity().not_after,
            issuing_authority: String::new(),
            ca_configuration: None,
            certificate_authority: None,
        };
        notification.with_issuing_authority(&certificate.issuer().to_string())
    }

    /// With another text for the issuing authority. Revocation requests are filtered by it, so keep it the same for all
    /// certificates of a CA.
    ///
    /// # Errors
    /// [`InvalidInput`] if it is blank or has more than 2048 characters.
    pub fn with_issuing_authority(mut self, text: &str) -> Result<Self, Error> {
        input::filled(Field::IssuingAuthority, text, MAX_NAME)?;
        self.issuing_authority = text.to_owned();
        Ok(self)
    }

    /// With a text that comes back in revocation requests.
    ///
    /// # Errors
    /// [`InvalidInput::TooLong`] for more than 2048 characters.
    pub fn with_ca_configuration(mut self, text: &str) -> Result<Self, Error> {
        input::at_most(Field::CaConfiguration, text, MAX_NAME)?;
        self.ca_configuration = Some(text.to_owned());
        Ok(self)
    }

    /// With the name of the CA.
    ///
    /// # Errors
    /// [`InvalidInput::TooLong`] for more than 2048 characters.
    pub fn with_certificate_authority(mut self, text: &str) -> Result<Self, Error> {
        input::at_most(Field::CertificateAuthority, text, MAX_NAME)?;
        self.certificate_authority = Some(text.to_owned());
        Ok(self)
    }

    /// What it is about.
    #[must_use]
    pub const fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// The request.
    #[must_use]
    pub fn to_http(&self, call: &Call<'_>) -> HttpRequest {
        let settings = call.settings;
        let absent = settings.notification_absent();
        // Three texts of 2,048 characters, each of which may become six octets or four.
        let capacity = self.enrolment.json_len().saturating_add(3 * 6 * MAX_NAME);
        let body = JsonWriter::object(capacity, |json| {
            json.member_object("notification", |json| {
                self.enrolment.write(json);
                json.text("certificateThumbprint", &self.thumbprint.to_string());
                let serial = self.serial.to_text(settings.serial_format());
                json.text("certificateSerialNumber", &serial);
                json.text("certificateExpirationDateUtc", &timestamp(self.expires));
                json.text("issuingCertificateAuthority", &self.issuing_authority);
                json.text("callerInfo", settings.get(Setting::CallerInfo));
                json.optional("caConfiguration", self.ca_configuration.as_deref(), absent);
                let authority = self.certificate_authority.as_deref();
                json.optional("certificateAuthority", authority, absent);
            });
        });
        call.post(Setting::ValidationVersion, "ScepActions/successNotification", body)
    }
}

impl FailureNotification {
    /// The notification that this enrolment failed.
    #[must_use]
    pub fn new(enrolment: &Enrolment, hresult: HResult, description: ErrorDescription) -> Self {
        Self { enrolment: enrolment.clone(), hresult, description }
    }

    /// What it is about.
    #[must_use]
    pub const fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// The request.
    #[must_use]
    pub fn to_http(&self, call: &Call<'_>) -> HttpRequest {
        let body = JsonWriter::object(self.enrolment.json_len(), |json| {
            json.member_object("notification", |json| {
                self.enrolment.write(json);
                json.number("hResult", self.hresult.code());
                json.text("errorDescription", self.description.as_str());
                json.text("callerInfo", call.settings.get(Setting::CallerInfo));
            });
        });
        call.post(Setting::ValidationVersion, "ScepActions/failureNotification", body)
    }
}
