//! The main job end to end on one machine: a fresh CA and RA, endpoints on loopback, a device that enrols over real HTTP,
//! and the attacks that fail, each a line with its reason and its time.

mod device;
mod directory;
mod endpoints;
mod intune;
mod report;
mod scenario;
mod state;
mod witness;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use scep_crypto::aws_lc_rs;
use scep_proto::{CaAnchor, UnauthenticatedCa};
use scep_server::ScepService;
use scep_types::{Certificate, DigestAlgorithm, Secret, UnixTime, hex};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::DemoArgs;
use crate::pki::{self, Pair, Pki};
use crate::x509;
use device::Device;
use directory::Directory;
use endpoints::{LEGACY, MANUAL, SIGNED, STATIC, Wiring};
use report::{Form, Report};
use scenario::Scenario;
use state::State;
use witness::Witness;

/// What the names of a demo's certificates begin with.
const TITLE: &str = "SCEP Demo";

/// Plays the demonstration and, unless told to end, keeps serving.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime
        .block_on(async { if args.intune { intune::demo(args).await } else { demo(args).await } })
}

async fn demo(args: &DemoArgs) -> Result<ExitCode> {
    let directory = Directory::create(&args.dir)?;
    let listener = bind(args.address()).await?;
    let state = State::create()?;
    let stage = Stage::set(&directory, &state, &listener)?;
    let mut report = Report::new(if args.json { Form::Json } else { Form::Text });
    report.say(&stage.introduction())?;
    report.state(state.directory())?;

    let services = stage.endpoints.iter().cloned().map(ScepService::new);
    let router = scep_server::router(services)?;
    let server = tokio::spawn(scep_server::serve(listener, router, shutdown()));
    stage.play(&directory, &mut report).await?;

    let code = ExitCode::from(u8::from(report.failed() > 0));
    if args.exit {
        end(server, stage).await;
        state.remove()?;
        return Ok(code);
    }
    report.say(&stage.how_to_go_on(&directory))?;
    report.serving(&stage.origin, stage.password.expose())?;
    server.await.context("serving")?;
    drop(stage);
    state.remove()?;
    Ok(code)
}

/// Ends what serves, and lets go of all that holds the store.
async fn end<S>(server: tokio::task::JoinHandle<()>, stage: S) {
    server.abort();
    // It was told to.
    let _ = server.await;
    drop(stage);
}

/// Everything a demonstration stands on.
struct Stage {
    now: UnixTime,
    origin: String,
    pki: Pki,
    mdm: Pair,
    password: Secret,
    witness: Arc<Witness>,
    endpoints: Vec<scep_server::Endpoint>,
}

impl Stage {
    /// Makes CA, RA, password and endpoints, and writes down what others may need.
    fn set(directory: &Directory, state: &State, listener: &TcpListener) -> Result<Self> {
        let now = now()?;
        let origin = format!("http://{}", listener.local_addr().context("reading the address")?);
        let (pki, mdm) = (Pki::generate(TITLE)?, pki::challenge_signer(TITLE)?);
        let password = password()?;
        directory.public("ca.pem", &pki.ca.certificate)?;
        directory.private("ca.key", &pki.ca.key)?;
        directory.public("ra.pem", &pki.ra.certificate)?;
        directory.private("ra.key", &pki.ra.key)?;
        directory.public("mdm.pem", &mdm.certificate)?;
        directory.private("mdm.key", &mdm.key)?;
        directory.private("password.txt", password.expose())?;
        let witness = Arc::new(Witness::default());
        let wiring = Wiring {
            pki: &pki,
            mdm: &mdm,
            password: &password,
            origin: &origin,
            observer: witness.clone(),
            store: state.store(),
            now,
        };
        let endpoints = wiring.endpoints()?;
        Ok(Self { now, origin, pki, mdm, password, witness, endpoints })
    }

    /// Plays the scenario and keeps the device's key and certificate.
    async fn play(&self, directory: &Directory, report: &mut Report) -> Result<()> {
        let url = format!("{}{SIGNED}", self.origin);
        let http =
            reqwest::Client::builder().no_proxy().build().context("making an HTTP client")?;
        let answer = http.get(format!("{url}?operation=GetCACert")).send().await?.bytes().await?;
        let anchor = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, self.fingerprint()?);
        let provider = aws_lc_rs::provider();
        let ca = UnauthenticatedCa::parse(answer)?.authenticate(&anchor, &provider, self.now)?;

        let device = Device::new("device-1", self.now)?;
        let mut scenario = Scenario {
            signed_url: &url,
            ca: &ca,
            mdm: scenario::mdm(&self.mdm.key)?,
            witness: &self.witness,
            report,
            now: self.now,
            http,
        };
        let certificate = scenario.play(&device).await?;
        directory.private("device-1.key", &device.key.to_pkcs8_pem()?)?;
        directory.public("device-1.pem", &x509::to_pem(&certificate))
    }

    fn fingerprint(&self) -> Result<Vec<u8>> {
        let ca: Certificate = x509::certificate(&self.pki.ca.certificate)?;
        let digest = aws_lc_rs::provider().digest.digest(DigestAlgorithm::Sha256, ca.der())?;
        Ok(digest.as_ref().to_vec())
    }

    fn introduction(&self) -> String {
        let origin = &self.origin;
        format!("scepd demo: a fresh CA and RA, {origin}{STATIC} and {origin}{SIGNED}\n")
    }

    /// Command lines that work as they stand.
    fn how_to_go_on(&self, directory: &Directory) -> String {
        let (origin, password) = (&self.origin, self.password.expose());
        let fingerprint = self.fingerprint().map(|octets| hex::lower(&octets)).unwrap_or_default();
        let path = |name| directory.path(name).display().to_string();
        let (ca, certificate) = (path("ca.pem"), path("device-1.pem"));
        format!(
            "
Check the certificate:
  openssl verify -CAfile {ca} {certificate}

Enrol with our client:
  scep enroll {origin}{STATIC} --fingerprint {fingerprint} --subject CN=device-2 --challenge {password}

Enrol with a client that others wrote (it knows only DES and SHA-1, so it has an endpoint of its own):
  scepclient -server-url {origin}{LEGACY} -private-key k.key -certificate c.pem -challenge {password} -cn device-3 -keySize 2048

Wait for an operator who never comes:
  {origin}{MANUAL}

Serving until interrupted."
        )
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    let explain = || format!("cannot listen on {address}: choose another with --listen");
    TcpListener::bind(address).await.with_context(explain)
}

/// Completes at Ctrl-C, or when it is told to terminate; if neither can be waited for, never.
async fn shutdown() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

fn now() -> Result<UnixTime> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(UnixTime::from_secs(i64::try_from(since.as_secs())?))
}

/// 16 hexadecimal digits, which every client can encode.
fn password() -> Result<Secret> {
    let mut drawn = [0; 8];
    aws_lc_rs::provider().random.fill(&mut drawn)?;
    Ok(Secret::new(hex::lower(&drawn)))
}
