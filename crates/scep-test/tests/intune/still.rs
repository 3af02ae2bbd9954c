//! A server with an Intune endpoint in a runtime whose time stands still, and the simulator in one whose time does not.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use intune_client::service::{Application, Cloud, Setting, Settings, UrlPolicy};
use intune_client::{BearerHosts, Client, ClientSettings, Credential, Loopback, Tenant};
use intune_sim::device::{Enrolled, Family, Request, Session};
use intune_sim::{Endpoint, Fault, SimulatedClock, Simulator, SimulatorConfig, Times};
use scep_ca::ProfileConfig;
use scep_crypto::aws_lc_rs::provider;
use scep_server::{
    Clock, ComplianceCheck, CrlPublisher, Decision, Host, IntuneMode, IntuneTenant, Mode, Observer,
    Response, RevocationWorker, ScepService, router, serve,
};
use scep_store::MemoryStore;
use scep_test::canaries;
use scep_test::pki::NOW;
use scep_types::{CryptoError, CryptoProvider, Secret, SecureRandom};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::carrier::{Ahead, Carrier};
use crate::log::Log;
use crate::secrets::Secrets;
use crate::stage::{StandingClock, YEAR, device, endpoint};

pub(crate) struct Still {
    pub(crate) simulator: Arc<Simulator>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) carrier: Carrier,
    pub(crate) log: Log,
    pub(crate) endpoint: scep_server::Endpoint,
    pub(crate) revocation: RevocationWorker,
    clock: Arc<StandingClock>,
    seen: Arc<Seen>,
    pub(crate) session: Session,
    pub(crate) request: Request,
    secrets: Mutex<Secrets>,
    /// Dropped last: what the others leave behind ends in them.
    paused: Runtime,
    real: Runtime,
}

/// What a device learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Learned {
    Certificate(Box<Enrolled>),
    /// HTTP 503, with Retry-After in seconds.
    ComeAgain(u64),
    /// A CertRep with this failInfo.
    Refused(u8),
}

/// What became of one attempt, of a device or of a worker.
#[derive(Debug)]
pub(crate) struct Attempt<T> {
    pub(crate) learned: T,
    /// By tokio's paused clock.
    pub(crate) spent: Duration,
    /// What the log says of it, all lines.
    pub(crate) log: String,
}

impl Still {
    pub(crate) fn set(compliance: Option<Arc<dyn ComplianceCheck>>) -> Self {
        let log = Log::listen();
        let real = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let paused = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let simulator = Arc::new(real.block_on(simulator()));
        let carrier = Carrier::new(real.handle().clone(), simulator.clone());
        let service = Arc::new(service(&simulator, carrier.clone()));
        let (store, seen) = (Arc::new(MemoryStore::default()), Arc::new(Seen::default()));
        let clock = Arc::new(StandingClock::default());
        let mut host = Host::new(provider(), store.clone());
        host.observer = seen.clone();
        host.execution = scep_server::Execution::Inline;
        let mode = Mode::Intune(Arc::new(IntuneMode::new(service.clone())));
        let endpoint = endpoint(mode, host, compliance, ProfileConfig::new(YEAR));
        let publisher = Arc::new(CrlPublisher::new(&endpoint, YEAR).unwrap());
        let revocation = RevocationWorker::new(&endpoint, service, publisher);
        let revocation = revocation.with_clock(clock.clone());
        let (session, request, challenge) = real.block_on(first_message(&endpoint, &simulator));
        let mut secrets = Secrets::default();
        secrets.add(challenge.expose());
        Self {
            simulator,
            store,
            carrier,
            log,
            endpoint,
            revocation,
            clock,
            seen,
            session,
            request,
            secrets: Mutex::new(secrets),
            paused,
            real,
        }
    }

    /// The device sends its message, the same each time.
    pub(crate) fn send(&self) -> Attempt<Learned> {
        let message = self.request.message().clone();
        let now = self.clock.now();
        let attempt = self.attempt(self.endpoint.handle(message, now));
        let learned = match attempt.learned {
            Response::Message(reply) => match self.session.receive(&self.request, reply) {
                Ok(enrolled) => Learned::Certificate(Box::new(enrolled)),
                Err(intune_sim::Error::Device(intune_sim::DeviceError::Refused { fail_info })) => {
                    Learned::Refused(fail_info.unwrap())
                }
                Err(error) => panic!("{error:?}"),
            },
            Response::ComeAgain { retry_after } => Learned::ComeAgain(retry_after.as_secs()),
            other => panic!("{other:?}"),
        };
        Attempt { learned, spent: attempt.spent, log: attempt.log }
    }

    /// The revocation worker does one round.
    pub(crate) fn revoke(&self) -> Attempt<Result<usize, String>> {
        self.attempt(async {
            let round = self.revocation.run_once().await;
            tracing::trace!(?round, "round");
            round.map(|round| round.revoked).map_err(|error| error.to_string())
        })
    }

    fn attempt<T>(&self, work: impl Future<Output = T>) -> Attempt<T> {
        self.log.take();
        let (learned, spent) = self.paused.block_on(async {
            let began = Instant::now();
            (work.await, began.elapsed())
        });
        let attempt = Attempt { learned, spent, log: self.log.take() };
        self.holds_no_secret(attempt.log.as_bytes());
        attempt
    }

    /// Why there was no certificate, as the audit trail has it.
    pub(crate) fn reason(&self) -> String {
        self.seen.0.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// Makes an endpoint fail until [`Still::mend`].
    pub(crate) fn fail(&self, endpoint: Endpoint, trouble: &Trouble) {
        match trouble {
            Trouble::Refused => self.carrier.set_ahead(Some((endpoint, Ahead::Refusal))),
            Trouble::Injected(fault) => {
                if *fault == Fault::Timeout {
                    self.carrier.set_ahead(Some((endpoint, Ahead::Silence)));
                }
                self.simulator.inject(endpoint, fault.clone(), Times::UntilCleared);
            }
        }
    }

    /// All is well again, and what was remembered of the trouble is forgotten: a minute has passed.
    pub(crate) fn mend(&self) {
        const MINUTE: Duration = Duration::from_secs(61);
        self.carrier.set_ahead(None);
        self.simulator.clear_faults();
        self.real.block_on(self.simulator.restore()).unwrap();
        self.paused.block_on(tokio::time::advance(MINUTE));
        self.clock.0.fetch_add(61, Ordering::SeqCst);
    }

    pub(crate) fn certificates(&self) -> usize {
        self.store.usage().unwrap().certificates
    }

    pub(crate) fn holds_no_secret(&self, log: &[u8]) {
        let mut secrets = self.secrets.lock().unwrap();
        secrets.add_all_of(&self.simulator);
        assert_eq!(secrets.first_in(log), None, "a piece of a secret was logged");
    }
}

/// In the end, what was logged on the threads of the simulator and of HTTP is looked through.
impl Drop for Still {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.holds_no_secret(&self.log.of_others());
        }
    }
}

/// How something fails.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    Injected(Fault),
    /// Connections are refused.
    Refused,
}

async fn simulator() -> Simulator {
    let mut config = SimulatorConfig::new(provider());
    config.clock = SimulatedClock::Standing(NOW);
    config.tenants[0].apps[0].secrets[0].value = Secret::new(canaries::CLIENT_SECRET);
    Simulator::start(config).await.unwrap()
}

/// The simulator's tenant, called as it is by default: three attempts, twenty seconds.
fn service(simulator: &Simulator, carrier: Carrier) -> IntuneTenant<Carrier> {
    let (urls, credentials) = (simulator.urls(), simulator.credentials().unwrap());
    let settings = Settings::new(Cloud::Global, "scep-test/1")
        .unwrap()
        .with_url_policy(UrlPolicy::HttpForTests)
        .with(Setting::Login, &urls.login)
        .unwrap()
        .with(Setting::Graph, &urls.graph)
        .unwrap();
    let settings = settings.with(Setting::GraphScope, &urls.graph_scope).unwrap();
    let application = Application::new(&credentials.tenant, &credentials.client_id).unwrap();
    let secret = Credential::Secret(credentials.client_secret);
    let client_settings = ClientSettings {
        bearer_hosts: BearerHosts::default().with_loopback(Loopback::Allowed),
        ..ClientSettings::default()
    };
    let crypto = CryptoProvider { random: &NoSpread, ..provider() };
    let client = Client::new(carrier, crypto, client_settings);
    IntuneTenant::new(client, Tenant::new(application, secret, settings))
}

/// Of the octets that spread repeats over time, each draws the longest wait.
#[derive(Debug)]
struct NoSpread;

impl SecureRandom for NoSpread {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        match out {
            [lot] => *lot = u8::MAX,
            more => provider().random.fill(more)?,
        }
        Ok(())
    }
}

/// What the device of Windows will send, with the challenge in it.
async fn first_message(
    endpoint: &scep_server::Endpoint,
    simulator: &Simulator,
) -> (Session, Request, Secret) {
    let router = router([ScepService::new(endpoint.clone())]).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/scep", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, router, std::future::pending()));
    let policy = simulator.mint_challenge("device-1", "profile-1").unwrap();
    let session = device(Family::Windows).connect(&url).await.unwrap();
    let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
    (session, request, policy.challenge().clone())
}

/// The audit trail: why there was no certificate, the last time.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn decided(&self, decision: &Decision<'_>) {
        // All that an observer could print goes where secrets are looked for.
        tracing::trace!(?decision, "decided");
        let reason = decision.outcome.error().map(ToString::to_string).unwrap_or_default();
        self.0.lock().unwrap().push(reason);
    }
}
