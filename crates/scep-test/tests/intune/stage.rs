//! A server with an Intune endpoint, and the simulator it calls; the clock of both stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use intune_client::service::{Application, Cloud, Setting, Settings, UrlPolicy};
use intune_client::{
    BearerHosts, Client, ClientSettings, Credential, HttpSettings, Loopback, ReqwestTransport,
    Retries, Tenant,
};
use intune_sim::device::{Device, DeviceKey, Family, Request, Session};
use intune_sim::{Policy, SimulatedClock, Simulator, SimulatorConfig, User};
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::provider;
use scep_server::{
    Authority, CertificateAuthority, Clock, ComplianceCheck, CrlPublisher, DeviceCompliance,
    Endpoint, EndpointConfig, GracePeriod, Host, IntuneMode, IntuneTenant, Mode, NotifyPolicy,
    OutboxWorker, RegistrationAuthority, RevocationWorker, ScepService, SignerBinding, crl_router,
    router, serve,
};
use scep_store::MemoryStore;
use scep_test::pki::{NOW, Pki};
use scep_test::{canaries, keys};
use scep_types::{AlgorithmPolicy, Secret, UnixTime};

use crate::log::Log;
use crate::secrets::Secrets;

pub(crate) const FAMILIES: [Family; 3] = [Family::Windows, Family::Apple, Family::Android];

pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub(crate) struct Stage {
    pub(crate) url: String,
    pub(crate) simulator: Simulator,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) outbox: OutboxWorker,
    pub(crate) revocation: RevocationWorker,
    pub(crate) publisher: Arc<CrlPublisher>,
    clock: Arc<StandingClock>,
    log: Log,
}

/// In the end, all that was logged is looked through for secrets.
impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let mut secrets = Secrets::default();
            secrets.add_all_of(&self.simulator);
            let logged = [self.log.take().into_bytes(), self.log.of_others()].concat();
            assert_eq!(secrets.first_in(&logged), None, "a piece of a secret was logged");
        }
    }
}

pub(crate) struct StandingClock(pub(crate) AtomicI64);

impl Default for StandingClock {
    fn default() -> Self {
        Self(AtomicI64::new(NOW.as_secs()))
    }
}

impl Clock for StandingClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl Stage {
    pub(crate) async fn set(notify: NotifyPolicy) -> Self {
        Self::checking(notify, None).await
    }

    /// With a compliance check that has this way with grace periods.
    pub(crate) async fn checking(notify: NotifyPolicy, grace: Option<GracePeriod>) -> Self {
        Self::build(notify, grace, ProfileConfig::new(YEAR)).await
    }

    /// With certificates as this profile has them.
    pub(crate) async fn issuing(profile: ProfileConfig) -> Self {
        Self::build(NotifyPolicy::BeforeDelivery, None, profile).await
    }

    async fn build(
        notify: NotifyPolicy,
        grace: Option<GracePeriod>,
        profile: ProfileConfig,
    ) -> Self {
        let log = Log::listen();
        let mut config = SimulatorConfig::new(provider());
        config.clock = SimulatedClock::Standing(NOW);
        config.tenants[0].apps[0].secrets[0].value = Secret::new(canaries::CLIENT_SECRET);
        let simulator = Simulator::start(config).await.unwrap();
        let (client, tenant) = caller(&simulator);
        let compliance = grace.map(|grace| -> Arc<dyn ComplianceCheck> {
            Arc::new(DeviceCompliance::new(client.clone(), tenant.clone()).with_grace(grace))
        });
        let service = Arc::new(IntuneTenant::new(client, tenant));
        let store = Arc::new(MemoryStore::default());
        let clock = Arc::new(StandingClock::default());
        let mode = IntuneMode::new(service.clone()).with_notify(notify);
        let host = Host::new(provider(), store.clone());
        let endpoint = endpoint(Mode::Intune(Arc::new(mode)), host, compliance, profile);
        let publisher = Arc::new(CrlPublisher::new(&endpoint, YEAR).unwrap());
        let outbox = OutboxWorker::new(&endpoint).unwrap().with_clock(clock.clone());
        let revocation = RevocationWorker::new(&endpoint, service, publisher.clone());
        let scep = router([ScepService::new(endpoint).with_clock(clock.clone())]).unwrap();
        let router = scep.merge(crl_router("/ca.crl", publisher.clone()).unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/scep", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, router, std::future::pending()));
        let revocation = revocation.with_clock(clock.clone());
        Self { url, simulator, store, outbox, revocation, publisher, clock, log }
    }

    /// Whose devices are.
    pub(crate) fn user() -> Option<User> {
        Some(User {
            name: "alice".to_owned(),
            principal_name: "alice@contoso.example".to_owned(),
            ..User::default()
        })
    }

    pub(crate) fn policy(&self) -> Policy {
        self.simulator.mint_challenge("device-1", "profile-1").unwrap()
    }

    /// A message of this device, ready to be sent as often as one likes.
    pub(crate) async fn message(&self, device: &Device, policy: &Policy) -> (Session, Request) {
        let session = device.connect(&self.url).await.unwrap();
        let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        (session, request)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn certificates(&self) -> usize {
        self.store.usage().unwrap().certificates
    }
}

pub(crate) fn endpoint(
    mode: Mode,
    host: Host,
    compliance: Option<Arc<dyn ComplianceCheck>>,
    profile: ProfileConfig,
) -> Endpoint {
    let pki = Pki::shared();
    let issuer = Issuer::new(pki.ca.clone(), provider().digest, NOW).unwrap();
    let key = |name| Arc::new(keys::software(name));
    let authority = Authority {
        ca: CertificateAuthority::root(issuer, key("rsa2048-ca")),
        ra: RegistrationAuthority::new(pki.ra.clone(), key("rsa2048-ra")),
        profiles: Profiles::new(Profile::new(profile).unwrap()),
    };
    let mut config = EndpointConfig::new("intune", mode, authority, host);
    config.compliance = compliance;
    config.algorithms = AlgorithmPolicy::Legacy; // Windows signs with SHA-1
    config.signer_binding = SignerBinding::Any; // and with a key that it throws away
    Endpoint::new(config, NOW).unwrap()
}

/// The simulator's tenant, called without much patience.
fn caller(simulator: &Simulator) -> (Client<ReqwestTransport>, Tenant) {
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
        retries: Retries { attempts: 1, ..Retries::default() },
        bearer_hosts: BearerHosts::default().with_loopback(Loopback::Allowed),
        ..ClientSettings::default()
    };
    let transport = ReqwestTransport::new(&HttpSettings::default()).unwrap();
    let client = Client::new(transport, provider(), client_settings);
    (client, Tenant::new(application, secret, settings))
}

pub(crate) fn device(family: Family) -> Device {
    device_with(family, "rsa2048-device")
}

/// A device with this key.
pub(crate) fn device_with(family: Family, name: &str) -> Device {
    let key: Arc<dyn DeviceKey> = match name {
        "rsa1024-device" => Arc::new(keys::textbook(name)), // too short for backends
        _ => Arc::new(keys::software(name)),
    };
    let device = Device::new(family, key, provider()).with_time(NOW);
    match family {
        Family::Windows => device.with_signer_key(Arc::new(keys::software("rsa2048-signer"))),
        Family::Apple | Family::Android => device,
    }
}
