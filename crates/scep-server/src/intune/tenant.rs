//! The service as `intune_client` calls it.

use async_trait::async_trait;
use intune_challenge::service::{
    Enrolment, RevocationDownload, RevocationRequest, RevocationUpload, SerialFormat, Validated,
};
use intune_client::{Called, Client, Tenant, Transport};
use scep_store::Cause;
use scep_types::Certificate;

use super::{Answered, FailureReport, IntuneRevocation, IntuneService, ServiceError};

/// The Intune SCEP service of one tenant, called by a client that may serve many.
#[derive(Debug)]
pub struct IntuneTenant<T> {
    client: Client<T>,
    tenant: Tenant,
}

impl<T: Transport> IntuneTenant<T> {
    /// The service of this tenant.
    #[must_use]
    pub const fn new(client: Client<T>, tenant: Tenant) -> Self {
        Self { client, tenant }
    }
}

#[async_trait]
impl<T: Transport> IntuneService for IntuneTenant<T> {
    async fn validate(&self, enrolment: &Enrolment) -> Answered<Validated> {
        self.client.validate(&self.tenant, enrolment).await.into()
    }

    async fn notify_issued(
        &self,
        enrolment: &Enrolment,
        certificate: &Certificate,
    ) -> Answered<()> {
        let called = self.client.notify_success(&self.tenant, enrolment, certificate).await;
        Answered::from(called).noted()
    }

    async fn notify_failed(&self, enrolment: &Enrolment, report: &FailureReport) -> Answered<()> {
        let FailureReport { hresult, description } = report.clone();
        let called = self.client.notify_failure(&self.tenant, enrolment, hresult, description);
        Answered::from(called.await).noted()
    }
}

#[async_trait]
impl<T: Transport> IntuneRevocation for IntuneTenant<T> {
    fn serial_format(&self) -> SerialFormat {
        self.tenant.settings().serial_format()
    }

    async fn download(&self, download: &RevocationDownload) -> Answered<Vec<RevocationRequest>> {
        self.client.download_revocations(&self.tenant, download).await.into()
    }

    async fn upload(&self, upload: &RevocationUpload) -> Answered<()> {
        self.client.upload_revocations(&self.tenant, upload).await.into()
    }
}

impl<T> Answered<T> {
    /// What else was said does not matter.
    fn noted(self) -> Answered<()> {
        Answered { activity_id: self.activity_id, result: self.result.map(|_noted| ()) }
    }
}

impl<T> From<Called<Result<T, intune_client::Error>>> for Answered<T> {
    fn from(called: Called<Result<T, intune_client::Error>>) -> Self {
        let Called { activity_id, outcome, .. } = called;
        Self { activity_id, result: outcome.map_err(ServiceError::from) }
    }
}

impl From<intune_client::Error> for ServiceError {
    fn from(error: intune_client::Error) -> Self {
        match error {
            intune_client::Error::Service(failure) => failure.into(),
            transient if transient.is_transient() => Self::Unavailable {
                retry_after: transient.retry_after(),
                cause: Cause::new(transient),
            },
            lasting => Self::Misconfigured { cause: Cause::new(lasting) },
        }
    }
}
