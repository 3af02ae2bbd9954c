use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use tracing::Instrument as _;

use super::client::{TrustedProxies, client_of, subscriber};
use super::pace::{Pace, Paces};

/// How often something may happen: `requests` in each `per` in the long run, and `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: NonZeroU32,
    /// In how long.
    pub per: Duration,
    /// How many at once.
    pub burst: NonZeroU32,
}

/// How many requests are taken before anything is done for them; by default any number.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RequestLimits {
    /// From one client; more get 429. An IPv6 /64 is one client.
    pub per_address: Option<Rate>,
    /// From all together; more get 503.
    pub global: Option<Rate>,
    /// Proxies whose word about the client's address is taken; none by default.
    pub trusted_proxies: Option<TrustedProxies>,
    /// Where refusals are counted; share it to count over several limits.
    pub refusals: Arc<Refusals>,
}

/// How many requests and connections were refused unseen.
#[derive(Debug, Default)]
pub struct Refusals {
    by_address: AtomicU64,
    by_all: AtomicU64,
    connections: AtomicU64,
}

impl Refusals {
    /// Requests of a client that asked too often.
    #[must_use]
    pub fn by_address(&self) -> u64 {
        self.by_address.load(Ordering::Relaxed)
    }

    /// Requests while all together asked too often.
    #[must_use]
    pub fn by_all(&self) -> u64 {
        self.by_all.load(Ordering::Relaxed)
    }

    /// Connections of an address that had too many.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }
}

/// Puts limits before a router: 429 or 503 with Retry-After, before a body is read and long before any RSA operation.
///
/// Each request is also given a span with the client's address, which then stands beside each decision in the log.
pub fn limited(router: Router, limits: RequestLimits) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::new(Limiter::new(limits)), limit))
}

struct Limiter {
    by_address: Option<Paces>,
    by_all: Option<Pace>,
    proxies: Option<TrustedProxies>,
    refusals: Arc<Refusals>,
    started: Instant,
}

/// Why a request is refused, and when to come again.
enum Refusal {
    ByAddress(Duration),
    ByAll(Duration),
}

async fn limit(State(limiter): State<Arc<Limiter>>, request: Request, next: Next) -> Response {
    let client = client_of(request.extensions(), request.headers(), limiter.proxies.as_ref());
    let span = tracing::info_span!("http", %client);
    match limiter.check(client) {
        Ok(()) => next.run(request).instrument(span).await,
        Err(refusal) => span.in_scope(|| refusal.respond()),
    }
}

impl Limiter {
    fn new(limits: RequestLimits) -> Self {
        let RequestLimits { per_address, global, trusted_proxies, refusals } = limits;
        Self {
            by_address: per_address.map(Paces::new),
            by_all: global.map(Pace::new),
            proxies: trusted_proxies,
            refusals,
            started: Instant::now(),
        }
    }

    /// The client's own rate first, so that who is over it does not use up what others share.
    fn check(&self, client: IpAddr) -> Result<(), Refusal> {
        let now = self.started.elapsed();
        if let Some(paces) = &self.by_address {
            paces.admit(subscriber(client), now).map_err(|wait| {
                self.refusals.by_address.fetch_add(1, Ordering::Relaxed);
                Refusal::ByAddress(wait)
            })?;
        }
        if let Some(pace) = &self.by_all {
            pace.admit(now).map_err(|wait| {
                self.refusals.by_all.fetch_add(1, Ordering::Relaxed);
                Refusal::ByAll(wait)
            })?;
        }
        Ok(())
    }
}

impl Refusal {
    fn respond(&self) -> Response {
        let (status, wait, text) = match self {
            Self::ByAddress(wait) => {
                (StatusCode::TOO_MANY_REQUESTS, wait, "too many requests from this address\n")
            }
            Self::ByAll(wait) => (StatusCode::SERVICE_UNAVAILABLE, wait, "too many requests\n"),
        };
        tracing::debug!(status = status.as_u16(), "refused unseen");
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let seconds = wait.as_secs().saturating_add(1);
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        // The body is not read, so nothing can follow on this connection.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("refusals", &self.refusals).finish_non_exhaustive()
    }
}
