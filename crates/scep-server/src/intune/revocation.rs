//! Revocation on the word of the administrator of Intune: requests are fetched, carried out, reported.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use intune_challenge::service::{
    ErrorDescription, RevocationDownload, RevocationError, RevocationRequest, RevocationResult,
    RevocationUpload, SerialFormat, SerialNumber,
};
use scep_ca::RevocationReason;
use scep_store::{CertificateId, Revocation, Revoked, Sha256, StoreError};
use scep_types::UnixTime;
use tracing::Instrument as _;

use super::{Answered, ServiceError};
use crate::{Clock, CrlPublisher, Endpoint, Error, SystemClock};

/// The revocation service of one tenant (PkiConnectorFEService); what is fetched and not reported comes again.
#[async_trait]
pub trait IntuneRevocation: Send + Sync {
    /// How serial numbers are written in the notifications of this tenant, and hence in requests.
    fn serial_format(&self) -> SerialFormat;

    /// Fetches requests (downloadRevocationRequests).
    ///
    /// # Errors
    /// In the answer: [`ServiceError`].
    async fn download(&self, download: &RevocationDownload) -> Answered<Vec<RevocationRequest>>;

    /// Reports what came of them (uploadRevocationResults).
    ///
    /// # Errors
    /// In the answer: [`ServiceError`].
    async fn upload(&self, upload: &RevocationUpload) -> Answered<()>;
}

/// What came of a request to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// It is revoked and on the CRL of the CA that has this key, now or before: a success.
    Revoked(Sha256),
    /// This endpoint issued no such certificate: not to be tried again.
    NotFound,
    /// The serial number cannot be read: not to be tried again.
    Unreadable,
    /// The store or the CRL failed: to be tried again.
    Failed,
}

/// How a [`RevocationWorker`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationSettings {
    /// How often it asks; an hour unless said otherwise, since Intune answers nothing within an hour of the last answer.
    pub interval: Duration,
    /// How many requests it takes at a time, 1 to 500; 100 unless said otherwise, as Microsoft recommends.
    pub at_a_time: u16,
    /// The reason that stands in the CRL; Intune gives none.
    pub reason: RevocationReason,
}

impl Default for RevocationSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60 * 60),
            at_a_time: 100,
            reason: RevocationReason::Unspecified,
        }
    }
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RevocationRound {
    /// Requests that were fetched.
    pub requests: usize,
    /// Certificates that are revoked by now.
    pub revoked: usize,
}

/// Carries out what an administrator of Intune revokes, for one endpoint.
///
/// A certificate of another endpoint is none of its business, whatever serial number it has: tenants do not revoke each
/// other's certificates. Everything bears repetition. A result is reported as a success only once the CRL is out, so
/// whatever stops it half-way, the request comes again and is finished then.
pub struct RevocationWorker {
    endpoint: Endpoint,
    service: Arc<dyn IntuneRevocation>,
    publisher: Arc<CrlPublisher>,
    next_publisher: Option<Arc<CrlPublisher>>,
    clock: Arc<dyn Clock>,
    settings: RevocationSettings,
}

impl RevocationWorker {
    /// A worker by the system's clock.
    #[must_use]
    pub fn new(
        endpoint: &Endpoint,
        service: Arc<dyn IntuneRevocation>,
        publisher: Arc<CrlPublisher>,
    ) -> Self {
        Self {
            endpoint: endpoint.clone(),
            service,
            publisher,
            next_publisher: None,
            clock: Arc::new(SystemClock),
            settings: RevocationSettings::default(),
        }
    }

    /// Publishes CRLs of the next CA as well, [`CrlPublisher::of_next`]; without them, what that CA issued is revoked, but
    /// no success is reported before it took over.
    #[must_use]
    pub fn with_next_publisher(self, publisher: Arc<CrlPublisher>) -> Self {
        Self { next_publisher: Some(publisher), ..self }
    }

    /// Goes by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Works otherwise.
    #[must_use]
    pub fn with_settings(self, settings: RevocationSettings) -> Self {
        Self { settings, ..self }
    }

    /// Works until `shutdown` is ready; a round that has begun is finished. CRLs are renewed in time though nothing is revoked.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let span = tracing::info_span!("revocation", endpoint = %self.endpoint.id());
        let work = async {
            let mut shutdown = pin!(shutdown);
            loop {
                self.round().await;
                tokio::select! {
                    biased;
                    () = &mut shutdown => return,
                    () = tokio::time::sleep(self.settings.interval) => (),
                }
            }
        };
        work.instrument(span).await;
    }

    async fn round(&self) {
        if let Err(error) = self.run_once().await {
            tracing::error!(%error, "revocation requests were not carried out");
        }
        let now = self.clock.now();
        for publisher in self.publishers().filter(|publisher| publisher.is_due(now)) {
            if let Err(error) = publisher.publish(now).await {
                tracing::error!(%error, "the CRL was not renewed");
            }
        }
    }

    fn publishers(&self) -> impl Iterator<Item = &Arc<CrlPublisher>> {
        std::iter::once(&self.publisher).chain(&self.next_publisher)
    }

    /// Fetches once, revokes, publishes, reports.
    ///
    /// # Errors
    /// [`Error::Validation`] if the service cannot be asked, or not be told; the requests come again then.
    /// [`Error::Challenge`] if the CA's name is too long to ask for.
    pub async fn run_once(&self) -> Result<RevocationRound, Error> {
        let requests = self.download().await?;
        if requests.is_empty() {
            return Ok(RevocationRound::default());
        }
        let now = self.clock.now();
        let mut done = Vec::new();
        for request in requests.into_iter().take(usize::from(MOST)) {
            let serial = request.serial(self.service.serial_format());
            let outcome = self.revoke(serial.as_ref(), now).await;
            done.push((request, outcome));
        }
        self.publish(&mut done, now).await;
        let results = done.iter().map(|(request, done)| done.report(request));
        let upload = RevocationUpload::new(results.collect::<Result<_, _>>()?)?;
        answer(self.service.upload(&upload).await, "reported")?;
        let revoked = done.iter().filter(|(_, done)| matches!(done, Done::Revoked(_))).count();
        Ok(RevocationRound { requests: done.len(), revoked })
    }

    /// What is to be revoked of each CA, by its name; once if both have one name.
    async fn download(&self) -> Result<Vec<RevocationRequest>, Error> {
        let most = self.settings.at_a_time.clamp(1, MOST);
        let cas = self.endpoint.inner().generations();
        let names = cas.map(|ca| ca.config.authority.ca.issuer.certificate().subject().to_string());
        let mut requests = Vec::new();
        for name in names.collect::<BTreeSet<_>>() {
            let download = RevocationDownload::new(most, Some(&name))?;
            requests.extend(answer(self.service.download(&download).await, "fetched")?);
        }
        Ok(requests)
    }

    async fn revoke(&self, serial: Option<&SerialNumber>, now: UnixTime) -> Done {
        let Some(serial) = serial.and_then(content_octets) else { return Done::Unreadable };
        for ca in self.endpoint.inner().generations() {
            let id = CertificateId { issuer: ca.issuer_key, serial };
            match self.revoke_own(&id, now).await {
                Ok(Revoked::Now) => {
                    tracing::info!(serial = %id.serial, "revoked");
                    return Done::Revoked(id.issuer);
                }
                Ok(Revoked::Already(_)) => return Done::Revoked(id.issuer),
                Ok(Revoked::Unknown) => {}
                Err(error) => {
                    tracing::error!(serial = %id.serial, %error, "not revoked yet");
                    return Done::Failed;
                }
            }
        }
        tracing::warn!(%serial, "to be revoked, but not issued here");
        Done::NotFound
    }

    async fn revoke_own(&self, id: &CertificateId, now: UnixTime) -> Result<Revoked, StoreError> {
        let inner = self.endpoint.inner();
        let store = &inner.config.host.store;
        let issued = store.certificate_by_serial(id).await?;
        if issued.is_none_or(|issued| issued.transaction.endpoint != inner.id) {
            return Ok(Revoked::Unknown);
        }
        let reason = self.settings.reason.code();
        store.revoke(id, Revocation { at: now, reason }).await
    }

    /// What is revoked counts once it is on a CRL; also what was revoked before, since its CRL may have failed.
    async fn publish(&self, done: &mut [(RevocationRequest, Done)], now: UnixTime) {
        for ca in self.endpoint.inner().generations() {
            let revoked = Done::Revoked(ca.issuer_key);
            let any = done.iter().any(|(_, done)| *done == revoked);
            if any && !self.is_published(ca.issuer_key, now).await {
                let revoked = done.iter_mut().filter(|(_, done)| *done == revoked);
                revoked.for_each(|(_, done)| *done = Done::Failed);
            }
        }
    }

    async fn is_published(&self, issuer_key: Sha256, now: UnixTime) -> bool {
        let publisher = self.publishers().find(|publisher| publisher.issuer_key() == issuer_key);
        let Some(publisher) = publisher else {
            tracing::error!("revoked, but the next CA publishes no CRL that says so");
            return false;
        };
        let published = publisher.publish(now).await;
        if let Err(error) = &published {
            tracing::error!(%error, "revoked, but no CRL says so yet");
        }
        published.is_ok()
    }
}

impl fmt::Debug for RevocationWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, service: _, publisher, next_publisher, clock: _, settings } = self;
        f.debug_struct("RevocationWorker")
            .field("endpoint", endpoint.id())
            .field("publisher", publisher)
            .field("next_publisher", next_publisher)
            .field("settings", settings)
            .finish_non_exhaustive()
    }
}

impl Done {
    fn report(self, request: &RevocationRequest) -> Result<RevocationResult, Error> {
        let (error, text) = match self {
            Self::Revoked(_) => return Ok(RevocationResult::succeeded(request)),
            Self::NotFound => {
                (RevocationError::CertificateNotFoundError, "not issued by this endpoint")
            }
            Self::Unreadable => {
                (RevocationError::ParameterDataInvalidError, "not a serial number of a certificate")
            }
            Self::Failed => (RevocationError::ServiceUnavailableException, "not revoked yet"),
        };
        Ok(RevocationResult::failed(request, error, ErrorDescription::new(text)?))
    }
}

/// The content octets of the INTEGER with this value.
fn content_octets(serial: &SerialNumber) -> Option<scep_store::SerialNumber> {
    let value = serial.octets();
    let sign = value.first().filter(|octet| **octet >= 0x80).map(|_| 0);
    let content: Vec<u8> = sign.into_iter().chain(value.iter().copied()).collect();
    scep_store::SerialNumber::new(&content).ok()
}

fn answer<T>(answered: Answered<T>, done: &'static str) -> Result<T, ServiceError> {
    let activity_id = answered.activity_id;
    match &answered.result {
        Ok(_) => tracing::debug!(%activity_id, "revocation requests were {done}"),
        Err(error) => tracing::warn!(%activity_id, %error, "revocation requests were not {done}"),
    }
    answered.result
}

/// Requests of one answer.
const MOST: u16 = 500;
