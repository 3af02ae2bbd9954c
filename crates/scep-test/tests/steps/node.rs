//! A node: this very program once more, serving one endpoint over HTTP on loopback until it dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use intune_challenge::signed::{TrustAnchor, Verifier, VerifierConfig};
use intune_client::service::{Application, Cloud, Setting, Settings, UrlPolicy};
use intune_client::{BearerHosts, Client, ClientSettings, Credential, Loopback, Retries, Tenant};
use intune_sim::Simulator;
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::provider;
use scep_server::{
    Authority, CertificateAuthority, Clock, CrlPublisher, Endpoint, EndpointConfig, Host,
    IntuneMode, IntuneTenant, Mode, NotifyPolicy, OutboxWorker, RegistrationAuthority, ScepService,
    router, serve,
};
use scep_test::pki::{NOW, Pki, Role, self_signed};
use scep_types::{Secret, UnixTime};

use crate::place::Place;
use crate::stepped::{AtHand, SteppedKey, SteppedStore, SteppedTransport};
use crate::steps::{ANSWER, Counting, How, Steps, Stop, say};

/// The endpoint's name.
pub(crate) const ENDPOINT: &str = "devices";
/// The audience of signed challenges.
pub(crate) const AUDIENCE: &str = "https://scep.example";
/// So much later all leases are over, and everything that waits is due.
pub(crate) const LATER: Duration = Duration::from_secs(120);
/// Any size will do: the CRL is for the numbers in it.
const CRL_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// How enrolments are authorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Signed,
    Intune(NotifyPolicy),
}

/// What a node is told.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) flow: Flow,
    /// Its clock, which stands.
    pub(crate) now: UnixTime,
    pub(crate) stop: Option<Stop>,
    /// The CA's key.
    pub(crate) ca_key: AtHand,
    /// Microsoft's side: login, Graph, its scope, the application's secret.
    pub(crate) service: String,
}

impl Job {
    /// How a child learns of it.
    pub(crate) const VARIABLE: &str = "SCEP_STEPS_JOB";

    pub(crate) fn text(&self) -> String {
        let flow = match self.flow {
            Flow::Signed => "signed",
            Flow::Intune(NotifyPolicy::BeforeDelivery) => "before-delivery",
            Flow::Intune(NotifyPolicy::DeliverThenNotify) => "deliver-then-notify",
        };
        let stop = match self.stop {
            Some(Stop { at, how: How::Die }) => format!("die {at}"),
            Some(Stop { at, how: How::Pause }) => format!("pause {at}"),
            None => "never".to_owned(),
        };
        let ca_key = match self.ca_key {
            AtHand::Yes => "at hand",
            AtHand::No => "away",
        };
        let (place, now) = (self.place.name(), self.now.as_secs().to_string());
        [place.as_str(), flow, &now, &stop, ca_key, &self.service].join("\n")
    }

    fn read(text: &str) -> Self {
        let [place, flow, now, stop, ca_key, service] =
            text.split('\n').collect::<Vec<_>>().try_into().unwrap();
        let stop = stop.split_once(' ').map(|(how, at)| {
            let how = if how == "die" { How::Die } else { How::Pause };
            Stop { at: at.parse().unwrap(), how }
        });
        Self {
            place: Place::named(place),
            flow: match flow {
                "signed" => Flow::Signed,
                "before-delivery" => Flow::Intune(NotifyPolicy::BeforeDelivery),
                "deliver-then-notify" => Flow::Intune(NotifyPolicy::DeliverThenNotify),
                other => panic!("{other}"),
            },
            now: UnixTime::from_secs(now.parse().unwrap()),
            stop,
            ca_key: if ca_key == "away" { AtHand::No } else { AtHand::Yes },
            service: service.to_owned(),
        }
    }
}

/// What a node must know of the simulator.
pub(crate) fn service_of(simulator: &Simulator) -> String {
    let (urls, credentials) = (simulator.urls(), simulator.credentials().unwrap());
    let secret = credentials.client_secret.expose();
    let application = format!("{} {}", credentials.tenant, credentials.client_id);
    format!("{} {} {} {application} {secret}", urls.login, urls.graph, urls.graph_scope)
}

/// In a child: serves until it dies. In the parent: returns at once.
pub(crate) fn serve_if_asked() {
    let Ok(job) = std::env::var(Job::VARIABLE) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    runtime.unwrap().block_on(run(Job::read(&job)));
}

async fn run(job: Job) {
    let steps = Arc::new(Steps::new(job.stop));
    let endpoint = endpoint(&job, &steps).await;
    let clock = Arc::new(StandingClock(AtomicI64::new(job.now.as_secs())));
    let service = ScepService::new(endpoint.clone()).with_clock(clock.clone());
    let router = router([service]).unwrap().merge(controls(&endpoint, &clock));
    let router = router.layer(from_fn(move |request: Request, next: Next| {
        let steps = Arc::clone(&steps);
        async move {
            if !has_steps(&request) {
                return next.run(request).await;
            }
            steps.count(Counting::Begins);
            let response = next.run(request).await;
            steps.take(ANSWER);
            steps.count(Counting::Ends);
            response
        }
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    say(format_args!("serving {}", listener.local_addr().unwrap()));
    serve(listener, router, std::future::pending()).await;
}

fn has_steps(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.contains("operation=PKIOperation") || matches!(request.uri().path(), "/outbox" | "/crl")
}

/// What else is asked of a node: to empty its outbox once, to publish a CRL, to move its clock.
fn controls(endpoint: &Endpoint, clock: &Arc<StandingClock>) -> Router {
    let publisher = Arc::new(CrlPublisher::new(endpoint, CRL_VALIDITY).unwrap());
    let worker = OutboxWorker::new(endpoint).ok(); // there is none for signed challenges
    let worker = Arc::new(worker.map(|worker| worker.with_clock(clock.clone())));
    let (outbox_clock, crl_clock) = (Arc::clone(clock), Arc::clone(clock));
    Router::new()
        .route(
            "/outbox",
            get(move || async move {
                match worker.as_ref() {
                    Some(worker) => done(worker.run_once().await),
                    None => done(Ok::<_, scep_server::Error>(())),
                }
            }),
        )
        .route(
            "/crl",
            get(move || async move {
                done(publisher.publish(crl_clock.now()).await.map(|crl| crl.number()))
            }),
        )
        .route("/later", get(move || async move { outbox_clock.advance(LATER) }))
}

fn done<T: std::fmt::Debug>(result: Result<T, scep_server::Error>) -> String {
    match result {
        Ok(done) => format!("done {done:?}"),
        Err(error) => format!("failed {error}"),
    }
}

async fn endpoint(job: &Job, steps: &Arc<Steps>) -> Endpoint {
    let store = SteppedStore::new(job.place.open().await, steps);
    let pki = Pki::shared();
    let issuer = Issuer::new(pki.ca.clone(), provider().digest, NOW).unwrap();
    let ca_key = SteppedKey::new("rsa2048-ca", "for the CA", job.ca_key, steps);
    let ra_key = SteppedKey::new("rsa2048-ra", "the reply", AtHand::Yes, steps);
    let profile = ProfileConfig::new(Duration::from_secs(30 * 24 * 60 * 60));
    let authority = Authority {
        ca: CertificateAuthority::root(issuer, ca_key),
        ra: RegistrationAuthority::new(pki.ra.clone(), ra_key),
        profiles: Profiles::new(Profile::new(profile).unwrap()),
    };
    let mode = match job.flow {
        Flow::Signed => signed(),
        Flow::Intune(notify) => intune(&job.service, notify, steps),
    };
    let host = Host::new(provider(), Arc::new(store));
    Endpoint::new(EndpointConfig::new(ENDPOINT, mode, authority, host), NOW).unwrap()
}

fn signed() -> Mode {
    let mdm = self_signed("MDM", &[3], Role::Device, "p256-anchor");
    let anchor = TrustAnchor::from_certificate(mdm.der().clone()).unwrap();
    let config = VerifierConfig::new(vec![anchor], Some(AUDIENCE.to_owned()));
    Mode::Signed(Arc::new(Verifier::new(config, &provider()).unwrap()))
}

/// The simulator's tenant, asked once for each thing.
fn intune(service: &str, notify: NotifyPolicy, steps: &Arc<Steps>) -> Mode {
    let [login, graph, graph_scope, tenant, client_id, secret] =
        service.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let settings = Settings::new(Cloud::Global, "scep-test/1")
        .unwrap()
        .with_url_policy(UrlPolicy::HttpForTests)
        .with(Setting::Login, login)
        .unwrap()
        .with(Setting::Graph, graph)
        .unwrap()
        .with(Setting::GraphScope, graph_scope)
        .unwrap();
    let application = Application::new(tenant, client_id).unwrap();
    let credential = Credential::Secret(Secret::new(secret));
    let client_settings = ClientSettings {
        retries: Retries { attempts: 1, ..Retries::default() },
        bearer_hosts: BearerHosts::default().with_loopback(Loopback::Allowed),
        ..ClientSettings::default()
    };
    let client = Client::new(SteppedTransport::new(steps), provider(), client_settings);
    let tenant = IntuneTenant::new(client, Tenant::new(application, credential, settings));
    Mode::Intune(Arc::new(IntuneMode::new(Arc::new(tenant)).with_notify(notify)))
}

/// A clock that stands until it is moved: how fast the machine is decides nothing.
struct StandingClock(AtomicI64);

impl StandingClock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}
