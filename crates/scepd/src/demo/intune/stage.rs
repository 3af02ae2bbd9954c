//! The simulator, the server under it, and the wire between them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use intune_challenge::service::{Application, Cloud, Setting, Settings, UrlPolicy};
use intune_client::{
    BearerHosts, Client, ClientSettings, Credential, HttpSettings, Loopback, Proxy,
    ReqwestTransport, Tenant,
};
use intune_sim::{Simulator, SimulatorConfig};
use scep_crypto::aws_lc_rs;
use scep_server::{
    CrlPublisher, Endpoint, EndpointConfig, Host, IntuneMode, IntuneTenant, Mode, RevocationWorker,
    SignerBinding,
};
use scep_types::{AlgorithmPolicy, UnixTime};
use tokio::net::TcpListener;

use super::super::TITLE;
use super::super::directory::Directory;
use super::super::endpoints::authority;
use super::super::now;
use super::super::state::State;
use super::super::witness::Witness;
use crate::pki::Pki;

/// Where the endpoint is.
pub(super) const INTUNE: &str = "/scep/intune";
/// Where the CRL is.
pub(super) const CRL: &str = "/crl/intune.crl";

const CALLER_INFO: &str = concat!("scepd/", env!("CARGO_PKG_VERSION"));

/// Everything the demonstration stands on.
pub(super) struct Stage {
    pub(super) now: UnixTime,
    pub(super) origin: String,
    pub(super) simulator: Simulator,
    pub(super) endpoint: Endpoint,
    pub(super) publisher: Arc<CrlPublisher>,
    pub(super) revocation: RevocationWorker,
    pub(super) witness: Arc<Witness>,
}

impl Stage {
    pub(super) async fn set(
        directory: &Directory,
        state: &State,
        listener: &TcpListener,
    ) -> Result<Self> {
        let now = now()?;
        let origin = format!("http://{}", listener.local_addr().context("reading the address")?);
        let provider = aws_lc_rs::provider();
        let simulator = Simulator::start(SimulatorConfig::new(provider)).await?;
        let service = Arc::new(service(&simulator)?);
        let pki = Pki::generate(TITLE)?;
        directory.public("ca.pem", &pki.ca.certificate)?;

        let witness = Arc::new(Witness::default());
        let mut host = Host::new(provider, state.store());
        host.observer = witness.clone();
        let mode = Mode::Intune(Arc::new(IntuneMode::new(service.clone())));
        let mut config = EndpointConfig::new("intune", mode, authority(&pki, now)?, host);
        INTUNE.clone_into(&mut config.path);
        config.algorithms = AlgorithmPolicy::Legacy; // Windows signs its messages with SHA-1
        config.signer_binding = SignerBinding::Any; // and with a key that it throws away
        let endpoint = Endpoint::new(config, now).context("building the endpoint")?;
        let publisher = Arc::new(CrlPublisher::new(&endpoint, Duration::from_secs(24 * 60 * 60))?);
        let revocation = RevocationWorker::new(&endpoint, service, publisher.clone());
        Ok(Self { now, origin, simulator, endpoint, publisher, revocation, witness })
    }

    pub(super) fn introduction(&self) -> String {
        let (origin, urls) = (&self.origin, self.simulator.urls());
        format!("scepd demo: {origin}{INTUNE} under a simulated Intune at {}\n", urls.service)
    }

    pub(super) fn how_to_go_on(&self) -> String {
        let (origin, control) = (&self.origin, self.simulator.urls().control);
        format!(
            "
Enrol a simulated device:
  intune-sim device --family windows --url {origin}{INTUNE} --sim {control}

Look at the CRL:
  curl -s {origin}{CRL} | openssl crl -inform DER -noout -text

Serving until interrupted."
        )
    }
}

/// The service as the simulator plays it.
fn service(simulator: &Simulator) -> Result<IntuneTenant<ReqwestTransport>> {
    let (urls, credentials) = (simulator.urls(), simulator.credentials()?);
    let settings = Settings::new(Cloud::Global, CALLER_INFO)?
        .with_url_policy(UrlPolicy::HttpForTests)
        .with(Setting::Login, &urls.login)?
        .with(Setting::Graph, &urls.graph)?;
    let application = Application::new(&credentials.tenant, &credentials.client_id)?;
    let credential = Credential::Secret(credentials.client_secret);
    let http = HttpSettings { proxy: Proxy::Direct, ..HttpSettings::default() };
    let bearer_hosts = BearerHosts::default().with_loopback(Loopback::Allowed);
    let client = ClientSettings { bearer_hosts, ..ClientSettings::default() };
    let client = Client::new(ReqwestTransport::new(&http)?, aws_lc_rs::provider(), client);
    Ok(IntuneTenant::new(client, Tenant::new(application, credential, settings)))
}
