//! An endpoint behind its router, with a clock that stands until it is moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use intune_challenge::signed::{Algorithm, Claims, Issuer, TrustAnchor, Verifier, VerifierConfig};
use scep_proto::{CaAnchor, CaCertificates, NextCa, UnauthenticatedCa};
use scep_server::{
    Clock, Decision, Endpoint, EndpointConfig, Execution, Host, Mode, Observer, Outcome,
    ScepService, router,
};
use scep_store::{MemoryStore, StoreLimits};
use scep_types::{AlgorithmPolicy, Secret, UnixTime};
use tower::ServiceExt as _;

use super::{MINUTE, NOW, key, pki, provider};

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<StandingClock>,
    pub(crate) decisions: Arc<Recorder>,
    pub(crate) service: ScepService,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Server {
    pub(crate) fn new(mode: Mode) -> Self {
        Self::with(mode, |_| ())
    }

    /// The static password, and what `configure` changes.
    pub(crate) fn with_password(configure: impl FnOnce(&mut EndpointConfig)) -> Self {
        Self::with(static_password(), configure)
    }

    pub(crate) fn with(mode: Mode, configure: impl FnOnce(&mut EndpointConfig)) -> Self {
        let store = Arc::new(MemoryStore::new(StoreLimits::in_memory()));
        Self::on_store(store, mode, configure)
    }

    pub(crate) fn on_store(
        store: Arc<MemoryStore>,
        mode: Mode,
        configure: impl FnOnce(&mut EndpointConfig),
    ) -> Self {
        let decisions = Arc::new(Recorder::default());
        let mut host = Host::new(provider(), store.clone());
        host.observer = decisions.clone();
        host.execution = Execution::Inline;
        let mut config = EndpointConfig::new("test", mode, pki::authority(), host);
        configure(&mut config);
        let endpoint = Endpoint::new(config, NOW).unwrap();
        let clock = Arc::new(StandingClock(AtomicI64::new(NOW.as_secs())));
        let service = ScepService::new(endpoint.clone()).with_clock(clock.clone());
        Self { endpoint, store, clock, decisions, service }
    }

    pub(crate) fn router(&self) -> Router {
        router([self.service.clone()]).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(Request::builder().uri(target).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, message: Bytes) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/scep?operation=PKIOperation")
            .body(Body::from(message));
        self.send(request.unwrap()).await
    }

    /// What a device knows of the CA after GetCACert.
    pub(crate) fn ca(&self) -> CaCertificates {
        let (_, answer) = self.endpoint.ca_certificates();
        let answer = UnauthenticatedCa::parse(answer).unwrap();
        let root = answer.certificates().iter().find(|certificate| certificate.is_self_issued());
        let anchor = CaAnchor::Certificate(Box::new(root.unwrap().clone()));
        answer.authenticate(&anchor, &provider(), NOW).unwrap()
    }

    /// What a device learns by GetNextCACert.
    pub(crate) async fn next_ca(&self) -> NextCa {
        let answer = self.get("/scep?operation=GetNextCACert").await;
        assert_eq!(answer.status, 200);
        NextCa::verify(answer.body, &self.ca(), &provider(), AlgorithmPolicy::Modern).unwrap()
    }

    /// How the last request ended: the label of its outcome, and of its reason.
    pub(crate) fn last(&self) -> Seen {
        self.decisions.0.lock().unwrap().last().cloned().unwrap()
    }

    pub(crate) fn certificates(&self) -> usize {
        self.store.usage().unwrap().certificates
    }

    pub(crate) fn challenges(&self) -> usize {
        self.store.usage().unwrap().challenges
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn static_password() -> Mode {
    Mode::Static(Secret::new(PASSWORD))
}

pub(crate) fn manual() -> Mode {
    Mode::Manual { keep: super::DAY }
}

/// Signed challenges of our anchor, for the audience `test`.
pub(crate) fn signed() -> Mode {
    let pem = pki::Template {
        common_name: "MDM",
        key: "rsa2048-anchor",
        usages: pki::RA_USAGES.to_vec(),
        ca: false,
        not_before: (2026, 1, 1),
        not_after: (2036, 1, 1),
    };
    let anchor = TrustAnchor::from_certificate(pem.self_signed().der().clone()).unwrap();
    let config = VerifierConfig::new(vec![anchor], Some("test".to_owned()));
    Mode::Signed(Arc::new(Verifier::new(config, &provider()).unwrap()))
}

/// A challenge for this device, valid for ten minutes.
pub(crate) fn challenge(device: &str, dns: &[&str], nonce: &str) -> Secret {
    challenge_at(NOW, device, dns, nonce)
}

pub(crate) fn challenge_at(now: UnixTime, device: &str, dns: &[&str], nonce: &str) -> Secret {
    let mut claims = Claims::new("device-7", Secret::new(nonce), now, now.plus(MINUTE * 10));
    claims.issuer = Some("mdm".to_owned());
    claims.audience = Some("test".to_owned());
    claims.device_name = Some(device.to_owned());
    claims.san_dns = dns.iter().map(|name| (*name).to_owned()).collect();
    let issuer = Issuer::new(key("rsa2048-anchor"), Algorithm::Rs256, None).unwrap();
    issuer.mint(&claims).unwrap()
}

/// A clock that stands until it is moved.
pub(crate) struct StandingClock(AtomicI64);

impl StandingClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn go_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_secs()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// An observer that remembers.
#[derive(Default)]
pub(crate) struct Recorder(pub(crate) Mutex<Vec<Seen>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) basis: Option<&'static str>,
    pub(crate) device: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) service_code: Option<String>,
    pub(crate) activity_id: Option<String>,
}

impl Observer for Recorder {
    fn decided(&self, decision: &Decision<'_>) {
        let basis = match decision.outcome {
            Outcome::Issued { basis, .. } => Some(basis.label()),
            _ => None,
        };
        self.0.lock().unwrap().push(Seen {
            outcome: decision.outcome.label(),
            reason: decision.outcome.error().map(scep_server::Error::label),
            basis,
            device: decision.device.map(str::to_owned),
            subject: decision.subject.map(ToString::to_string),
            transaction_id: decision.transaction_id.map(ToString::to_string),
            service_code: decision.service_code.map(str::to_owned),
            activity_id: decision.activity_id.map(|id| id.to_string()),
        });
    }
}
