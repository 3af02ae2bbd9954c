use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scep_types::{Csr, Secret};
use zeroize::Zeroizing;

use super::http::Method;
use super::json_writer::JsonWriter;
use super::{AccessToken, ActivityId, HttpRequest, ServiceUrl, Setting, Settings, TransactionId};
use crate::{Error, Malformed};

/// Octets of JSON around what varies.
const ENVELOPE: usize = 4 * 1024;

/// What one enrolment is about, the same in its validation and in its notification: transactionID and CSR.
///
/// A host that has to notify after a restart makes it again from the two.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolment {
    transaction_id: TransactionId,
    csr: Csr,
}

/// Whom a request of an action goes to, and as whom.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Settings of the tenant's cloud.
    pub settings: &'a Settings,
    /// Where the service is, as discovered.
    pub service: &'a ServiceUrl,
    /// A token for [`Audience::Intune`](super::Audience::Intune).
    pub token: &'a AccessToken,
    /// The same for all repeats.
    pub activity_id: ActivityId,
}

impl Enrolment {
    /// An enrolment by a CSR as it was received.
    ///
    /// # Errors
    /// [`Malformed::Absent`] if the CSR carries no challenge: there is nothing that the service could validate.
    pub fn new(transaction_id: TransactionId, csr: Csr) -> Result<Self, Error> {
        if csr.challenge_password().is_none() {
            return Err(Malformed::Absent.into());
        }
        Ok(Self { transaction_id, csr })
    }

    /// The transactionID.
    #[must_use]
    pub const fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// The CSR.
    #[must_use]
    pub const fn csr(&self) -> &Csr {
        &self.csr
    }

    /// The request for its validation (`ScepActions/validateRequest`); [`Outcome`](super::Outcome) reads the answer.
    #[must_use]
    pub fn validate(&self, call: &Call<'_>) -> HttpRequest {
        let body = JsonWriter::object(self.json_len(), |json| {
            json.member_object("request", |json| {
                self.write(json);
                json.text("callerInfo", call.settings.get(Setting::CallerInfo));
            });
        });
        call.post(Setting::ValidationVersion, "ScepActions/validateRequest", body)
    }

    /// Octets of JSON that its members need, and some more.
    pub(super) fn json_len(&self) -> usize {
        let texts = self.transaction_id.as_str().len().saturating_mul(6);
        self.csr.der().len().saturating_mul(2).saturating_add(texts).saturating_add(ENVELOPE)
    }

    /// `"transactionId":…,"certificateRequest":…`
    pub(super) fn write(&self, json: &mut JsonWriter) {
        json.text("transactionId", self.transaction_id.as_str());
        // The base64 holds the challenge.
        let mut base64 = Zeroizing::new(String::with_capacity(self.json_len()));
        STANDARD.encode_string(self.csr.der(), &mut base64);
        json.text("certificateRequest", &base64);
    }
}

impl Call<'_> {
    pub(super) fn post(
        &self,
        version: Setting,
        suffix: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> HttpRequest {
        let url = self.service.join(suffix);
        HttpRequest::new(Method::Post, url, self.settings, self.activity_id)
            .header("Authorization", self.token.bearer())
            .header("api-version", Secret::new(self.settings.get(version)))
            .body_of("application/json; charset=utf-8", body)
    }
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transaction_id, csr } = self;
        f.debug_struct("Enrolment")
            .field("transaction_id", transaction_id)
            .field("csr", csr)
            .finish()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings: _, service, token: _, activity_id } = self;
        f.debug_struct("Call")
            .field("service", service)
            .field("activity_id", activity_id)
            .finish_non_exhaustive()
    }
}
