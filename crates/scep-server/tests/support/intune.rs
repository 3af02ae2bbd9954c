//! The Intune service as a script: what it answers next, octet by octet, and what it was told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use intune_challenge::service::{
    ActivityId, Enrolment, Failure, HttpResponse, Notified, Outcome, RevocationDownload,
    RevocationRequest, RevocationUpload, SerialFormat, TransactionId, Validated,
};
use scep_server::{
    Answered, FailureReport, IntuneMode, IntuneRevocation, IntuneService, Mode, NotifyPolicy,
    ServiceError,
};
use scep_types::{Certificate, Csr};

use super::NOW;

/// What the service was asked or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Validate { transaction: String },
    Issued { transaction: String, serial: String },
    Failed { transaction: String, hresult: u32, description: String },
    Download(RevocationDownload),
    Upload(RevocationUpload),
}

/// Says yes to everything unless its script says otherwise.
#[derive(Default)]
pub(crate) struct Intune {
    calls: Mutex<Vec<Call>>,
    validations: Script,
    notifications: Script,
    revocations: Script,
    uploads: Script,
    /// How long each call takes.
    pub(crate) delay: Mutex<Duration>,
    /// Vouches for another CSR than the one it was asked about.
    pub(crate) confused_by: Mutex<Option<Csr>>,
    numbered: AtomicU8,
}

/// The next answers, one after the other, and then only good ones.
#[derive(Default)]
struct Script(Mutex<VecDeque<HttpResponse>>);

impl Script {
    fn extend(&self, answers: impl IntoIterator<Item = HttpResponse>) {
        self.0.lock().unwrap().extend(answers);
    }

    fn next(&self, otherwise: &str) -> HttpResponse {
        self.0.lock().unwrap().pop_front().unwrap_or_else(|| ok(otherwise))
    }
}

impl Intune {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn validations(&self, answers: impl IntoIterator<Item = HttpResponse>) {
        self.validations.extend(answers);
    }

    /// Answers to success notifications.
    pub(crate) fn notifications(&self, answers: impl IntoIterator<Item = HttpResponse>) {
        self.notifications.extend(answers);
    }

    pub(crate) fn revocations(&self, answers: impl IntoIterator<Item = HttpResponse>) {
        self.revocations.extend(answers);
    }

    pub(crate) fn uploads(&self, answers: impl IntoIterator<Item = HttpResponse>) {
        self.uploads.extend(answers);
    }

    pub(crate) fn seen(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// How many validations, success and failure notifications it saw.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let seen = self.seen();
        let count = |is: fn(&&Call) -> bool| seen.iter().filter(is).count();
        [
            count(|call| matches!(call, Call::Validate { .. })),
            count(|call| matches!(call, Call::Issued { .. })),
            count(|call| matches!(call, Call::Failed { .. })),
        ]
    }

    /// The serial numbers it was told of, each time.
    pub(crate) fn told(&self) -> Vec<String> {
        let serial = |call: Call| match call {
            Call::Issued { serial, .. } => Some(serial),
            _ => None,
        };
        self.seen().into_iter().filter_map(serial).collect()
    }

    async fn answer<T>(
        &self,
        call: Call,
        read: impl FnOnce(ActivityId) -> Result<T, Failure>,
    ) -> Answered<T> {
        self.calls.lock().unwrap().push(call);
        let delay = *self.delay.lock().unwrap();
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        let number = self.numbered.fetch_add(1, Ordering::SeqCst);
        let activity_id = ActivityId::from_random([number; 16]);
        Answered { activity_id, result: read(activity_id).map_err(ServiceError::from) }
    }
}

#[async_trait]
impl IntuneService for Intune {
    async fn validate(&self, enrolment: &Enrolment) -> Answered<Validated> {
        let call = Call::Validate { transaction: transaction(enrolment) };
        let response = self.validations.next(SUCCESS);
        let confused = self
            .confused_by
            .lock()
            .unwrap()
            .clone()
            .map(|csr| Enrolment::new(TransactionId::new("another").unwrap(), csr).unwrap());
        let enrolment = confused.as_ref().unwrap_or(enrolment);
        self.answer(call, |id| Outcome::from_http(enrolment, &response, id, NOW).into_result())
            .await
    }

    async fn notify_issued(
        &self,
        enrolment: &Enrolment,
        certificate: &Certificate,
    ) -> Answered<()> {
        assert_eq!(enrolment.csr().spki(), certificate.spki());
        let serial = certificate.serial_hex();
        let call = Call::Issued { transaction: transaction(enrolment), serial };
        let response = self.notifications.next(SUCCESS);
        self.answer(call, |id| notified(enrolment, &response, id)).await
    }

    async fn notify_failed(&self, enrolment: &Enrolment, report: &FailureReport) -> Answered<()> {
        let call = Call::Failed {
            transaction: transaction(enrolment),
            hresult: report.hresult.code(),
            description: report.description.to_string(),
        };
        self.answer(call, |id| notified(enrolment, &ok(SUCCESS), id)).await
    }
}

#[async_trait]
impl IntuneRevocation for Intune {
    fn serial_format(&self) -> SerialFormat {
        SerialFormat::default()
    }

    async fn download(&self, download: &RevocationDownload) -> Answered<Vec<RevocationRequest>> {
        let response = self.revocations.next(r#"{"value":[]}"#);
        self.answer(Call::Download(download.clone()), |_| RevocationDownload::read(&response, NOW))
            .await
    }

    async fn upload(&self, upload: &RevocationUpload) -> Answered<()> {
        let response = self.uploads.next(r#"{"value":true}"#);
        self.answer(Call::Upload(upload.clone()), |_| RevocationUpload::read(&response, NOW)).await
    }
}

const SUCCESS: &str = r#"{"code":"Success","errorDescription":""}"#;

fn transaction(enrolment: &Enrolment) -> String {
    enrolment.transaction_id().as_str().to_owned()
}

fn notified(
    enrolment: &Enrolment,
    response: &HttpResponse,
    activity_id: ActivityId,
) -> Result<(), Failure> {
    Notified::from_http(enrolment, response, activity_id, NOW).map(|_notified| ())
}

/// An endpoint of this service.
pub(crate) fn intune(service: &Arc<Intune>) -> Mode {
    Mode::Intune(Arc::new(IntuneMode::new(service.clone())))
}

/// One that delivers first.
pub(crate) fn delivering_first(service: &Arc<Intune>) -> Mode {
    let mode = IntuneMode::new(service.clone());
    Mode::Intune(Arc::new(mode.with_notify(NotifyPolicy::DeliverThenNotify)))
}

pub(crate) fn ok(body: &str) -> HttpResponse {
    HttpResponse::new(200, body.as_bytes().to_vec())
}

pub(crate) fn denied(code: &str) -> HttpResponse {
    let description = "SCEP Challenge has expired. challengeExpInterval=60";
    ok(&format!(r#"{{"code":"{code}","errorDescription":"{description}"}}"#))
}

pub(crate) fn unavailable() -> HttpResponse {
    HttpResponse::new(500, "not even JSON")
}

pub(crate) fn unavailable_for(seconds: u64) -> HttpResponse {
    HttpResponse { retry_after: Some(seconds.to_string()), ..HttpResponse::new(503, "") }
}

/// The application lacks a permission.
pub(crate) fn misconfigured() -> HttpResponse {
    HttpResponse::new(403, "")
}

/// A challenge that nobody but the service can read, of the usual size.
pub(crate) fn opaque(seed: &str) -> String {
    seed.chars().filter(char::is_ascii_alphanumeric).cycle().take(5_000).collect()
}
