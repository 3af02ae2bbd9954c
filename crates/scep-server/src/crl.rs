//! The CRL of an endpoint's CA: made from the store, signed by the CA's key, handed out.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::{StatusCode, header};
use scep_ca::{Crl, CrlBuilder, RevocationReason, RevokedCertificate, Serial};
use scep_store::Sha256;
use scep_types::UnixTime;
use tokio::sync::Mutex;

use crate::endpoint::Inner;
use crate::pipeline::signed;
use crate::{Endpoint, Error, Misconfigured};

/// Publishes the complete CRL of an endpoint's CA, or of its next one (RFC 5280 §5).
///
/// A CRL that the next CA signs before it begins is dated from its beginning, as its certificates are.
///
/// The store says what is revoked and which number is next, so nodes that share a store publish CRLs that differ in
/// nothing but the moment. It remembers the newest one it made, for [`crl_router`] and for hosts that carry it elsewhere.
pub struct CrlPublisher {
    /// The endpoint under the CA whose CRL it is.
    inner: Arc<Inner>,
    validity: Duration,
    latest: NewestCrl,
}

/// The CRL with the highest number of those that were made.
#[derive(Default)]
pub(crate) struct NewestCrl {
    newest: RwLock<Option<Crl>>,
    /// Held while one is made for a GetCRL, so that others wait for that one.
    making: Mutex<()>,
}

impl CrlPublisher {
    /// A publisher of CRLs that are good for `validity`; nothing is published yet.
    ///
    /// # Errors
    /// [`Misconfigured::CrlValidity`] for less than a minute.
    pub fn new(endpoint: &Endpoint, validity: Duration) -> Result<Self, Error> {
        Self::of(endpoint.inner(), validity)
    }

    /// A publisher of CRLs of the endpoint's next CA; that of the CA before it is another's.
    ///
    /// # Errors
    /// [`Misconfigured::NoNextCa`] unless there is a [`NextAuthority::Issuing`](crate::NextAuthority::Issuing), and as
    /// [`CrlPublisher::new`].
    pub fn of_next(endpoint: &Endpoint, validity: Duration) -> Result<Self, Error> {
        let next = endpoint.inner().successor().ok_or(Misconfigured::NoNextCa)?;
        Self::of(next, validity)
    }

    fn of(inner: &Arc<Inner>, validity: Duration) -> Result<Self, Error> {
        if validity < SHORTEST {
            return Err(Misconfigured::CrlValidity { validity }.into());
        }
        Ok(Self { inner: Arc::clone(inner), validity, latest: NewestCrl::default() })
    }

    /// Makes and signs a CRL of everything that is revoked; the newest one made stands.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Certificate`] if the CA may not sign CRLs, and what a key can fail with. The CRL before
    /// it stands then.
    pub async fn publish(&self, now: UnixTime) -> Result<Crl, Error> {
        let crl = make(&self.inner, self.validity, now).await?;
        tracing::info!(endpoint = %self.inner.id, number = crl.number(), "a CRL was published");
        self.latest.replace(&crl);
        Ok(crl)
    }

    /// SHA-256 of the key of the CA whose CRLs they are.
    pub(crate) fn issuer_key(&self) -> Sha256 {
        self.inner.issuer_key
    }

    /// The newest CRL that this publisher made.
    #[must_use]
    pub fn latest(&self) -> Option<Crl> {
        self.latest.get()
    }

    /// Whether it is time for another one although nothing was revoked: half of the last one's life is over.
    #[must_use]
    pub fn is_due(&self, now: UnixTime) -> bool {
        let half = self.validity / 2;
        self.latest().is_none_or(|crl| crl.this_update().plus(half) <= now)
    }
}

impl fmt::Debug for CrlPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrlPublisher")
            .field("endpoint", &self.inner.id)
            .field("issuer", self.inner.config.authority.ca.issuer.certificate().subject())
            .field("validity", &self.validity)
            .field("latest", &self.latest())
            .finish()
    }
}

impl NewestCrl {
    fn get(&self) -> Option<Crl> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, crl: &Crl) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|before| before.number() < crl.number()) {
            *newest = Some(crl.clone());
        }
    }

    /// The newest one, unless it is over soon.
    fn good(&self, now: UnixTime) -> Option<Crl> {
        self.get().filter(|crl| crl.next_update() >= now.plus(MADE_FOR_A_QUERY / 2))
    }
}

/// The CRL for a GetCRL: the newest one, or one made for the purpose.
pub(crate) async fn current(inner: &Arc<Inner>, now: UnixTime) -> Result<Crl, Error> {
    if let Some(crl) = inner.crl.good(now) {
        return Ok(crl);
    }
    let _only_one_is_made = inner.crl.making.lock().await;
    match inner.crl.good(now) {
        Some(crl) => Ok(crl),
        None => make(inner, MADE_FOR_A_QUERY, now).await,
    }
}

/// Makes and signs a CRL of everything that is revoked.
async fn make(inner: &Arc<Inner>, validity: Duration, now: UnixTime) -> Result<Crl, Error> {
    let store = &inner.config.host.store;
    let revoked = store.revoked(&inner.issuer_key).await?;
    let number = store.next_crl_number(&inner.issuer_key).await?;
    let this_update = inner.dated(now);
    let next_update = this_update.plus(validity);
    let prepare = move |inner: &Inner| {
        let mut builder = CrlBuilder::new();
        for entry in &revoked {
            builder.revoke(line(entry)?)?;
        }
        Ok(builder.prepare(number, this_update, next_update, &inner.config.authority.ca.issuer)?)
    };
    let crl = signed(inner, &inner.config.authority.ca.signing, prepare).await?;
    inner.crl.replace(&crl);
    Ok(crl)
}

/// A router that hands out the newest CRL at `path`, as RFC 5280 §4.2.1.13 wants it: DER, `application/pkix-crl`.
///
/// Before the first one it answers 503, so that nobody takes an empty answer for an empty CRL.
///
/// # Errors
/// [`Misconfigured::Path`].
pub fn crl_router(path: &str, publisher: Arc<CrlPublisher>) -> Result<Router, Error> {
    crate::endpoint::check_path(path)?;
    let answer = move || async move {
        match publisher.latest() {
            Some(crl) => ([(header::CONTENT_TYPE, PKIX_CRL)], crl.der().clone()).into_response(),
            None => (StatusCode::SERVICE_UNAVAILABLE, "no CRL yet\n").into_response(),
        }
    };
    Ok(Router::new().route(path, get(answer)))
}

fn line(entry: &scep_store::RevokedCertificate) -> Result<RevokedCertificate, Error> {
    Ok(RevokedCertificate {
        serial: Serial::from_content(entry.serial.content())?,
        revoked_at: entry.revocation.at,
        // A reason that no entry can have is not worth losing the entry for.
        reason: RevocationReason::from_code(entry.revocation.reason).unwrap_or_default(),
    })
}

/// How long a CRL is good that is made for a GetCRL; half of that is how long it is handed out.
const MADE_FOR_A_QUERY: Duration = Duration::from_secs(60 * 60);
const PKIX_CRL: &str = "application/pkix-crl";
/// Shorter ones would be over before anyone has them.
const SHORTEST: Duration = Duration::from_secs(60);
