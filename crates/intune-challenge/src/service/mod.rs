//! The wire format of Microsoft Intune's SCEP service, without the wire: requests as data, answers as outcomes.
//!
//! Only this service can validate the challenge that Intune puts into a SCEP profile. A server asks it, issues, and tells it
//! about the certificate:
//!
//! ```
//! use intune_challenge::service::{
//!     AccessToken, ActivityId, Call, Enrolment, HttpRequest, HttpResponse, Outcome, ServiceUrl, Settings,
//! };
//! use intune_challenge::UnixTime;
//! use scep_types::Authorization;
//!
//! fn validate(
//!     enrolment: &Enrolment, // the transactionID, and the CSR as received
//!     settings: &Settings,
//!     service: &ServiceUrl, // of `Discovery`
//!     token: &AccessToken,  // of `TokenRequest`
//!     random: [u8; 16],
//!     now: UnixTime,
//!     send: impl Fn(HttpRequest) -> HttpResponse, // yours
//! ) -> Option<Authorization> {
//!     let activity_id = ActivityId::from_random(random);
//!     let response = send(enrolment.validate(&Call { settings, service, token, activity_id }));
//!     match Outcome::from_http(enrolment, &response, activity_id, now) {
//!         Outcome::Valid(validated) => Some(validated.authorization()), // for this CSR and no other
//!         Outcome::Denied(denial) => { println!("{denial}"); None }
//!         Outcome::Unavailable(unavailable) => { println!("{unavailable}"); None } // the device comes again
//!         Outcome::Misconfigured(problem) => { println!("{}", problem.hint); None } // for the administrator
//!     }
//! }
//! ```
//!
//! | step | request | answer |
//! |---|---|---|
//! | token, for [`Audience::Graph`] and for [`Audience::Intune`] | [`TokenRequest::to_http`] | [`TokenRequest::read`] |
//! | where the services are | [`Discovery::to_http`] | [`Discovery::read`] → [`Endpoints::find`] |
//! | validation | [`Enrolment::validate`] | [`Outcome::from_http`] |
//! | certificate issued | [`SuccessNotification::to_http`] | [`Notified::from_http`] |
//! | no certificate, for a reason of our own | [`FailureNotification::to_http`] | [`Notified::from_http`] |
//! | whether a device complies | [`ComplianceQuery::to_http`] | [`ComplianceQuery::read`] |
//! | what to revoke | [`RevocationDownload::to_http`] | [`RevocationDownload::read`] |
//! | what was revoked | [`RevocationUpload::to_http`] | [`RevocationUpload::read`] |
//!
//! Everything but a `code` of `Success` means: do not issue. Microsoft's documentation also demands that a certificate is not
//! handed out before its success notification was answered with [`Notified`].

mod assertion;
mod code;
mod compliance;
mod discovery;
mod enrolment;
mod entra;
mod facts;
mod failure;
mod fault;
mod hint;
mod hresult;
mod http;
mod ids;
mod input;
mod json;
mod json_writer;
mod notify;
mod outcome;
mod remark;
mod retry_after;
mod revocation;
mod revocation_error;
mod settings;
mod token;
mod url;

pub use assertion::{AssertionAlgorithm, UnsignedAssertion};
pub use code::{Code, KnownCode};
pub use compliance::{ComplianceQuery, ComplianceState, ManagedDeviceId};
pub use discovery::{Discovery, DiscoveryStep, Endpoints, ServiceName};
pub use enrolment::{Call, Enrolment};
pub use entra::EntraRefusal;
pub use facts::{SerialNumber, Thumbprint};
pub use failure::{Failure, Misconfiguration, ServiceMessage, Unavailable, UnavailableKind};
pub use hint::Hint;
pub use hresult::{ErrorDescription, HResult};
pub use http::{HttpRequest, HttpResponse, MAX_BODY, Method};
pub use ids::{ActivityId, Application, TransactionId};
pub use json::MalformedAnswer;
pub use notify::{FailureNotification, SuccessNotification};
pub use outcome::{Denial, Notified, Outcome, Validated};
pub use remark::Remark;
pub use revocation::{RevocationDownload, RevocationRequest, RevocationResult, RevocationUpload};
pub use revocation_error::RevocationError;
pub use settings::{Absent, Cloud, ErrorCodeStyle, SerialFormat, Setting, Settings};
pub use token::{AccessToken, Audience, TokenCredential, TokenRequest};
pub use url::{ServiceUrl, UrlPolicy};
