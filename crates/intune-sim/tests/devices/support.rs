//! A SCEP server that writes down what it is asked, and a simulator beside it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use intune_sim::device::{Device, Family};
use intune_sim::{Policy, SimulatedClock, Simulator, SimulatorConfig};
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_server::{
    Authority, CertificateAuthority, Clock, Endpoint, EndpointConfig, Host, Mode,
    RegistrationAuthority, ScepService, SignerBinding, router, serve,
};
use scep_store::MemoryStore;
use scep_test::keys;
use scep_test::pki::{NOW, Pki};
use scep_types::{AlgorithmPolicy, CryptoProvider, Csr, Secret, UnixTime};
use serde_json::{Value, json};

pub(crate) const FAMILIES: [Family; 3] = [Family::Windows, Family::Apple, Family::Android];

pub(crate) fn provider() -> CryptoProvider {
    scep_crypto::aws_lc_rs::provider()
}

/// What a device asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) user_agent: String,
}

/// What the server says instead of its own capabilities.
pub(crate) type Capabilities = Option<&'static str>;

/// A server with a static password, which ends with the runtime of its test.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> UnixTime {
        NOW
    }
}

impl Server {
    /// The password is a challenge of the simulator's: whoever sends it with its CSR may have a certificate.
    pub(crate) async fn start(password: &Secret, capabilities: Capabilities) -> Self {
        let pki = Pki::shared();
        let issuer = Issuer::new(pki.ca.clone(), provider().digest, NOW).unwrap();
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let key = |name| Arc::new(keys::software(name));
        let authority = Authority {
            ca: CertificateAuthority::root(issuer, key("rsa2048-ca")),
            ra: RegistrationAuthority::new(pki.ra.clone(), key("rsa2048-ra")),
            profiles: Profiles::new(Profile::new(ProfileConfig::new(year)).unwrap()),
        };
        let host = Host::new(provider(), Arc::new(MemoryStore::default()));
        let mode = Mode::Static(password.clone());
        let mut config = EndpointConfig::new("devices", mode, authority, host);
        config.algorithms = AlgorithmPolicy::Legacy; // Windows signs with SHA-1
        config.signer_binding = SignerBinding::Any; // and with a key that it throws away
        let endpoint = Endpoint::new(config, NOW).unwrap();
        let service = ScepService::new(endpoint).with_clock(Arc::new(StandingClock));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let router: Router = router([service])
            .unwrap()
            .layer(from_fn_with_state((asked.clone(), capabilities), watch));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/scep", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, router, std::future::pending()));
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn watch(
    axum::extract::State((asked, capabilities)): axum::extract::State<(
        Arc<Mutex<Vec<Asked>>>,
        Capabilities,
    )>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let header = request.headers().get("user-agent");
    let query = request.uri().query().unwrap_or_default().to_owned();
    asked.lock().unwrap().push(Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: query.clone(),
        user_agent: header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default(),
    });
    match capabilities {
        Some(text) if query.contains("GetCACaps") => text.into_response(),
        _ => next.run(request).await,
    }
}

/// A simulator whose clock stands at the time of all certificates here.
pub(crate) async fn simulator() -> Simulator {
    let mut config = SimulatorConfig::new(provider());
    config.clock = SimulatedClock::Standing(NOW);
    Simulator::start(config).await.unwrap()
}

pub(crate) fn policy(simulator: &Simulator) -> Policy {
    simulator.mint_challenge("device-1", "profile-1").unwrap()
}

fn key(name: &str) -> Arc<SoftwareKey> {
    Arc::new(keys::software(name))
}

pub(crate) fn device(family: Family) -> Device {
    let device = Device::new(family, key("rsa2048-device"), provider()).with_time(NOW);
    match family {
        Family::Windows => device.with_signer_key(key("rsa2048-signer")),
        Family::Apple | Family::Android => device,
    }
}

/// What the simulator's Intune says of a CSR, asked as a server would.
pub(crate) async fn validate(simulator: &Simulator, csr: &Csr) -> String {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let (urls, credentials) = (simulator.urls(), simulator.credentials().unwrap());
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &credentials.client_id),
        ("client_secret", credentials.client_secret.expose()),
        ("scope", &urls.intune_scope),
    ];
    let form = reqwest::Url::parse_with_params("http://form/", fields).unwrap();
    let url = format!("{}/{}/oauth2/v2.0/token", urls.login, credentials.tenant);
    let answer = http.post(url).body(form.query().unwrap().to_owned()).send().await.unwrap();
    let token: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let body = json!({ "request": {
        "transactionId": "t", "certificateRequest": STANDARD.encode(csr.der()), "callerInfo": "test",
    }});
    let url = format!(
        "{}/msub06/RACerts/ScepRequestValidationFEService/Gateway/\
         StatelessScepRequestValidationService/ScepActions/validateRequest",
        urls.service
    );
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let request =
        http.post(url).header("authorization", bearer).header("api-version", "2018-02-20");
    let answer = request.body(body.to_string()).send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["code"].as_str().unwrap().to_owned()
}
