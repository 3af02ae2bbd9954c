//! Our client, told to call a simulator.

use std::sync::Arc;
use std::time::Duration;

use intune_client::service::{
    Application, Cloud, Enrolment, Setting, Settings, TransactionId, UrlPolicy, Validated,
};
use intune_client::{
    BearerHosts, Called, Client, ClientSettings, Credential, Error, HttpSettings, Loopback, Proxy,
    ReqwestTransport, Retries, Roots, Tenant,
};
use intune_sim::device::{Device, Family};
use intune_sim::{Policy, Simulator, SimulatorConfig};
use scep_test::keys;
use scep_test::pki::{Pki, Role};
use scep_types::{Certificate, CryptoProvider, SigningKey};

pub(crate) fn provider() -> CryptoProvider {
    scep_crypto::aws_lc_rs::provider()
}

/// A simulator, and a client with little patience.
pub(crate) struct Stand {
    pub(crate) simulator: Simulator,
    pub(crate) client: Client<ReqwestTransport>,
    pub(crate) tenant: Tenant,
}

impl Stand {
    pub(crate) async fn start() -> Self {
        let simulator = Simulator::start(SimulatorConfig::new(provider())).await.unwrap();
        let secret = Credential::Secret(simulator.credentials().unwrap().client_secret);
        let tenant = tenant(&simulator, secret);
        Self { client: client(), tenant, simulator }
    }

    pub(crate) fn with_credential(&mut self, credential: Credential) {
        self.tenant = tenant(&self.simulator, credential);
    }

    pub(crate) fn policy(&self) -> Policy {
        self.simulator.mint_challenge("device-1", "profile-1").unwrap()
    }

    pub(crate) async fn validate(&self, enrolment: &Enrolment) -> Called<Result<Validated, Error>> {
        self.client.validate(&self.tenant, enrolment).await
    }
}

fn client() -> Client<ReqwestTransport> {
    let http = HttpSettings {
        proxy: Proxy::Direct,
        roots: Roots::Only(String::new()),
        ..HttpSettings::default()
    };
    let transport = ReqwestTransport::new(&http).or_else(|_| {
        // No certificate at all is no set of roots to some; the system's do as well over plain HTTP.
        ReqwestTransport::new(&HttpSettings { roots: Roots::System, ..http })
    });
    let moment = Duration::from_millis(1);
    let settings = ClientSettings {
        bearer_hosts: BearerHosts::default().with_loopback(Loopback::Allowed),
        retries: Retries {
            attempts: 3,
            attempt_timeout: Duration::from_secs(1),
            first_delay: moment,
            longest_delay: moment,
        },
        ..ClientSettings::default()
    };
    Client::new(transport.unwrap(), provider(), settings)
}

fn tenant(simulator: &Simulator, credential: Credential) -> Tenant {
    let (urls, credentials) = (simulator.urls(), simulator.credentials().unwrap());
    let settings = Settings::new(Cloud::Global, "contract/1.0")
        .unwrap()
        .with_url_policy(UrlPolicy::HttpForTests)
        .with(Setting::Login, &urls.login)
        .unwrap()
        .with(Setting::Graph, &urls.graph)
        .unwrap();
    let application = Application::new(&credentials.tenant, &credentials.client_id).unwrap();
    Tenant::new(application, credential, settings)
}

/// An enrolment by a policy, as a server would make it of a CSR.
pub(crate) fn enrolment(family: Family, policy: &Policy) -> Enrolment {
    let device = Device::new(family, Arc::new(keys::software("rsa2048-device")), provider());
    let csr = device.csr(policy.spec(), Some(policy.challenge())).unwrap();
    Enrolment::new(TransactionId::new("transaction-1").unwrap(), csr).unwrap()
}

pub(crate) fn windows(policy: &Policy) -> Enrolment {
    enrolment(Family::Windows, policy)
}

/// A certificate for the key that all devices here have.
pub(crate) fn certificate(serial: &[u8]) -> Certificate {
    let key = keys::software("rsa2048-device");
    Pki::shared().issue("device-1", serial, Role::Device, SigningKey::spki(&key))
}
