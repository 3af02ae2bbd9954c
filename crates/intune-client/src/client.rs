use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scep_types::{Certificate, CryptoError, CryptoProvider};
use tokio::sync::Semaphore;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, field, info, info_span};

use crate::action::{NotifyFailure, NotifySuccess, Validate};
use crate::call::Call;
use crate::perform::Action;
use crate::service::{
    ActivityId, ComplianceState, Enrolment, ErrorDescription, FailureNotification, HResult,
    ManagedDeviceId, Notified, RevocationDownload, RevocationRequest, RevocationUpload,
    SuccessNotification, Validated,
};
use crate::{Called, ClientSettings, Clock, Error, SystemClock, Tenant, Transport};

/// Calls Microsoft's service, for many requests and many tenants; clones are the same one.
pub struct Client<T> {
    shared: Arc<Shared<T>>,
    budget: Duration,
}

/// What all clones of a client have in common.
pub(crate) struct Shared<T> {
    pub(crate) transport: T,
    pub(crate) settings: ClientSettings,
    pub(crate) provider: CryptoProvider,
    pub(crate) clock: Arc<dyn Clock>,
    /// One for each exchange that may be under way.
    pub(crate) permits: Semaphore,
}

impl<T: Transport> Client<T> {
    /// A client over this transport; digests and random octets are the provider's.
    #[must_use]
    pub fn new(transport: T, provider: CryptoProvider, settings: ClientSettings) -> Self {
        Self::with_clock(transport, provider, settings, Arc::new(SystemClock))
    }

    /// A client with a clock of its own.
    #[must_use]
    pub fn with_clock(
        transport: T,
        provider: CryptoProvider,
        settings: ClientSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let permits = Semaphore::new(settings.in_flight.clamp(1, Semaphore::MAX_PERMITS));
        let budget = settings.budget;
        Self { shared: Arc::new(Shared { transport, settings, provider, clock, permits }), budget }
    }

    /// The same client for calls that may take this long, such as what is left of a device's patience.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), budget }
    }

    /// Asks the service whether this enrolment's CSR may be certified (validateRequest); only [`Validated`] entitles to issue.
    pub async fn validate(
        &self,
        tenant: &Tenant,
        enrolment: &Enrolment,
    ) -> Called<Result<Validated, Error>> {
        self.call(tenant, &Validate(enrolment)).await
    }

    /// Tells the service that the certificate was issued (successNotification); it bears being told again.
    ///
    /// The certificate must not be handed out before the outcome is [`Notified`], says Microsoft.
    pub async fn notify_success(
        &self,
        tenant: &Tenant,
        enrolment: &Enrolment,
        certificate: &Certificate,
    ) -> Called<Result<Notified, Error>> {
        let digest = self.shared.provider.digest;
        match SuccessNotification::new(enrolment, certificate, digest) {
            Ok(notification) => self.notify(tenant, &notification).await,
            Err(error) => Called::without_call(error.into()),
        }
    }

    /// Tells the service what a notification of your own making says (successNotification), such as one with a
    /// `caConfiguration`, which comes back in [`RevocationRequest::ca_configuration`]; otherwise as [`Client::notify_success`].
    pub async fn notify(
        &self,
        tenant: &Tenant,
        notification: &SuccessNotification,
    ) -> Called<Result<Notified, Error>> {
        self.call(tenant, &NotifySuccess(notification)).await
    }

    /// Tells the service that no certificate was issued for a reason of the host's own (failureNotification), which is
    /// not for what the service itself refused.
    pub async fn notify_failure(
        &self,
        tenant: &Tenant,
        enrolment: &Enrolment,
        hresult: HResult,
        description: ErrorDescription,
    ) -> Called<Result<Notified, Error>> {
        let notification = FailureNotification::new(enrolment, hresult, description);
        self.call(tenant, &NotifyFailure(enrolment, notification)).await
    }

    /// Asks which certificates are to be revoked. What is downloaded and not answered comes again.
    pub async fn download_revocations(
        &self,
        tenant: &Tenant,
        download: &RevocationDownload,
    ) -> Called<Result<Vec<RevocationRequest>, Error>> {
        self.call(tenant, download).await
    }

    /// Tells what became of requests to revoke.
    pub async fn upload_revocations(
        &self,
        tenant: &Tenant,
        upload: &RevocationUpload,
    ) -> Called<Result<(), Error>> {
        self.call(tenant, upload).await
    }

    /// Asks Graph whether a device complies.
    pub async fn compliance(
        &self,
        tenant: &Tenant,
        device: &ManagedDeviceId,
    ) -> Called<Result<ComplianceState, Error>> {
        let activity_id = match self.shared.activity() {
            Ok(activity_id) => activity_id,
            Err(error) => return Called::without_call(error.into()),
        };
        let work = async {
            let (started, mut call) = (Instant::now(), self.start(tenant, activity_id));
            let ended = timeout_at(call.deadline, call.compliance(device)).await;
            finished(call, started, ended)
        };
        work.instrument(span("compliance", tenant, activity_id)).await
    }

    /// A call of this tenant with this id, which begins now.
    pub(crate) fn start<'a>(&'a self, tenant: &'a Tenant, activity_id: ActivityId) -> Call<'a, T> {
        Call::new(&self.shared, tenant, activity_id, self.budget)
    }

    pub(crate) fn activity(&self) -> Result<ActivityId, CryptoError> {
        self.shared.activity()
    }

    /// How the service is called.
    #[must_use]
    pub fn settings(&self) -> &ClientSettings {
        &self.shared.settings
    }

    async fn call<A: Action>(
        &self,
        tenant: &Tenant,
        action: &A,
    ) -> Called<Result<A::Answer, Error>> {
        let activity_id = match self.shared.activity() {
            Ok(activity_id) => activity_id,
            Err(error) => return Called::without_call(error.into()),
        };
        let work = async {
            let (started, mut call) = (Instant::now(), self.start(tenant, activity_id));
            let ended = timeout_at(call.deadline, call.perform(action)).await;
            finished(call, started, ended)
        };
        work.instrument(span(A::NAME, tenant, activity_id)).await
    }
}

fn span(action: &'static str, tenant: &Tenant, activity_id: ActivityId) -> Span {
    info_span!(
        "intune",
        action,
        tenant = tenant.application().tenant(),
        activity_id = %activity_id,
        attempts = field::Empty,
        duration_ms = field::Empty
    )
}

/// What a call gave, which has ended or whose time has.
fn finished<T: Transport, A>(
    mut call: Call<'_, T>,
    started: Instant,
    ended: Result<Result<A, Error>, Elapsed>,
) -> Called<Result<A, Error>> {
    let outcome = call.ended(ended);
    let (attempts, duration) = (call.attempts, started.elapsed());
    Span::current().record("attempts", attempts).record("duration_ms", duration.as_millis());
    match &outcome {
        Ok(_) => info!("answered"),
        Err(error) => info!(%error, "no answer"),
    }
    Called { activity_id: call.activity, attempts, duration, outcome }
}

impl<T> Shared<T> {
    fn activity(&self) -> Result<ActivityId, CryptoError> {
        Ok(ActivityId::from_random(self.octets()?))
    }

    /// For the spread of repeats, which does not matter enough to fail for.
    pub(crate) fn lot(&self) -> u8 {
        self.octets().map_or(u8::MAX, |[lot]| lot)
    }

    pub(crate) fn octets<const OCTETS: usize>(&self) -> Result<[u8; OCTETS], CryptoError> {
        let mut octets = [0; OCTETS];
        self.provider.random.fill(&mut octets)?;
        Ok(octets)
    }
}

impl<T> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), budget: self.budget }
    }
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared, budget } = self;
        f.debug_struct("Client")
            .field("settings", &shared.settings)
            .field("budget", budget)
            .finish_non_exhaustive()
    }
}
