use crate::perform::{Action, Received};
use crate::service::{
    Call, Enrolment, Failure, FailureNotification, HttpRequest, Notified, Outcome,
    RevocationDownload, RevocationRequest, RevocationUpload, ServiceName, SuccessNotification,
    Validated,
};

pub(crate) struct Validate<'a>(pub(crate) &'a Enrolment);

impl Action for Validate<'_> {
    type Answer = Validated;
    const SERVICE: ServiceName = ServiceName::ScepValidation;
    const NAME: &'static str = "validate";

    fn request(&self, to: &Call<'_>) -> HttpRequest {
        self.0.validate(to)
    }

    fn decode(&self, answer: &Received<'_>) -> Result<Validated, Failure> {
        Outcome::from_http(self.0, answer.response, answer.activity_id, answer.now).into_result()
    }
}

pub(crate) struct NotifySuccess<'a>(pub(crate) &'a SuccessNotification);

impl Action for NotifySuccess<'_> {
    type Answer = Notified;
    const SERVICE: ServiceName = ServiceName::ScepValidation;
    const NAME: &'static str = "notify_success";

    fn request(&self, to: &Call<'_>) -> HttpRequest {
        self.0.to_http(to)
    }

    fn decode(&self, answer: &Received<'_>) -> Result<Notified, Failure> {
        Notified::from_http(self.0.enrolment(), answer.response, answer.activity_id, answer.now)
    }
}

pub(crate) struct NotifyFailure<'a>(pub(crate) &'a Enrolment, pub(crate) FailureNotification);

impl Action for NotifyFailure<'_> {
    type Answer = Notified;
    const SERVICE: ServiceName = ServiceName::ScepValidation;
    const NAME: &'static str = "notify_failure";

    fn request(&self, to: &Call<'_>) -> HttpRequest {
        self.1.to_http(to)
    }

    fn decode(&self, answer: &Received<'_>) -> Result<Notified, Failure> {
        Notified::from_http(self.0, answer.response, answer.activity_id, answer.now)
    }
}

impl Action for RevocationDownload {
    type Answer = Vec<RevocationRequest>;
    const SERVICE: ServiceName = ServiceName::PkiConnector;
    const NAME: &'static str = "download_revocations";

    fn request(&self, to: &Call<'_>) -> HttpRequest {
        self.to_http(to)
    }

    fn decode(&self, answer: &Received<'_>) -> Result<Vec<RevocationRequest>, Failure> {
        Self::read(answer.response, answer.now)
    }
}

impl Action for RevocationUpload {
    type Answer = ();
    const SERVICE: ServiceName = ServiceName::PkiConnector;
    const NAME: &'static str = "upload_revocations";

    fn request(&self, to: &Call<'_>) -> HttpRequest {
        self.to_http(to)
    }

    fn decode(&self, answer: &Received<'_>) -> Result<(), Failure> {
        Self::read(answer.response, answer.now)
    }
}
