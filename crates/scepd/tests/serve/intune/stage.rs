//! A simulator, a configuration that calls it, and devices.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use intune_sim::device::{Device, Enrolled, Family, Request, Session};
use intune_sim::{DeviceError, Endpoint, Error, IssuedRecord, Policy, Simulator, SimulatorConfig};
use scep_crypto::aws_lc_rs::provider;

use crate::support::{Place, Scepd, software};

pub(super) const FAMILIES: [Family; 3] = [Family::Windows, Family::Apple, Family::Android];

/// How long something may take that has no reason to take long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Stage {
    pub(super) simulator: Simulator,
    pub(super) place: Place,
}

impl Stage {
    /// A simulator, and a configuration with these lines more in `[endpoint.intune]`.
    pub(super) async fn set(more: &str) -> Self {
        let simulator = Simulator::start(SimulatorConfig::new(provider())).await.unwrap();
        let place = Place::new(&configuration(&simulator, more));
        let secret = simulator.credentials().unwrap().client_secret;
        place.write("intune.secret", secret.expose(), 0o600);
        Self { simulator, place }
    }

    pub(super) fn serve(&self) -> Scepd {
        self.place.serve()
    }

    pub(super) fn policy(&self) -> Policy {
        self.simulator.mint_challenge("device-1", "profile-1").unwrap()
    }

    /// A message of a device of this family, to be sent as often as one likes.
    pub(super) async fn message(&self, family: Family, url: &str) -> (Device, Session, Request) {
        let (device, policy) = (device(family), self.policy());
        let session = device.connect(url).await.unwrap();
        let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        (device, session, request)
    }

    /// Enrols a device of this family.
    pub(super) async fn enrol(&self, family: Family, url: &str) -> Result<Enrolled, Error> {
        intune_sim::device::enrol(&device(family), url, &self.policy()).await
    }

    /// Waits until the simulator was asked so often.
    pub(super) async fn asked(&self, endpoint: Endpoint, times: u64) {
        let start = Instant::now();
        while self.simulator.count(endpoint) < times {
            assert!(start.elapsed() < PATIENCE, "{endpoint} was not asked {times} times");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the simulator was told of so many certificates.
    pub(super) async fn told(&self, certificates: usize) -> Vec<IssuedRecord> {
        let start = Instant::now();
        while self.simulator.issued().len() < certificates {
            assert!(start.elapsed() < PATIENCE, "{certificates} certificates were not told of");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.simulator.issued()
    }
}

/// An endpoint on a port that stays over restarts.
fn configuration(simulator: &Simulator, more: &str) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (urls, credentials) = (simulator.urls(), simulator.credentials().unwrap());
    format!(
        r#"
[[listener]]
address = "127.0.0.1:{port}"
[store]
url = "sqlite:scepd.sqlite"
[log]
audit = {{ file = "audit" }}
[admin]
address = "127.0.0.1:0"
[authority.a]
ca = {{ certificate = "ca.pem", key = {{ file = "ca.key" }} }}
ra = {{ certificate = "ra.pem", key = {{ file = "ra.key" }} }}
[profile.p]
validity = "30d"
[[endpoint]]
name = "devices"
mode = "intune"
algorithms = "legacy"
signer-binding = "any"
ca-certificates = "chain"
crl = {{ path = "/crl/devices.crl" }}
[endpoint.intune]
tenant = "{tenant}"
application = "{application}"
secret = {{ file = "intune.secret" }}
proxy = "direct"
{more}
[endpoint.intune.service]
login = "{login}"
graph = "{graph}"
"#,
        tenant = credentials.tenant,
        application = credentials.client_id,
        login = urls.login,
        graph = urls.graph,
    )
}

/// A device with keys of testdata.
pub(super) fn device(family: Family) -> Device {
    let key = |name| Arc::new(software(name));
    let device = Device::new(family, key("rsa2048-device"), provider());
    match family {
        Family::Windows => device.with_signer_key(key("rsa2048-signer")),
        _ => device,
    }
}

/// Whether the device was told to come again.
pub(super) fn is_deferred(got: &Result<Enrolled, Error>) -> bool {
    matches!(got, Err(Error::Device(DeviceError::Http { status: 503, retry_after: Some(_) })))
}

/// Sends until there is an answer other than "come again".
pub(super) async fn send_until_decided(
    session: &Session,
    request: &Request,
) -> Result<Enrolled, Error> {
    let start = Instant::now();
    loop {
        let got = session.send(request).await;
        if !is_deferred(&got) {
            return got;
        }
        assert!(start.elapsed() < PATIENCE, "nothing is decided: {got:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
