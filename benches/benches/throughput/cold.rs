//! From the start of the program to the first certificate in a device's hands, with keys and configuration that are there.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use scep_client::{Client, Identity, self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::CaAnchor;
use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_types::{Name, Secret, oid};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::scepserver::free_port;

const DEVICE: &str = include_str!("../../../testdata/keys/rsa2048-device.pem");
/// How often it is started.
const STARTS: usize = 9;
const PATIENCE: Duration = Duration::from_secs(60);

/// How long each of some starts took.
pub(crate) fn starts() -> Result<Vec<Duration>> {
    let program = scepd()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = TempDir::new()?;
    let port = free_port()?;
    let device = Device { key: SoftwareKey::from_pem(DEVICE)?, port };
    // The first start makes the keys and the configuration.
    let scepd = Scepd::start(&program, folder.path(), Some(port))?;
    let ca = device.wait_for_ca(&runtime)?;
    drop(scepd);
    let password = Secret::new(std::fs::read_to_string(folder.path().join("devices.password"))?);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let scepd = Scepd::start(&program, folder.path(), None)?;
        device.enrol(&runtime, &ca, &password)?;
        starts.push(began.elapsed());
        drop(scepd);
    }
    Ok(starts)
}

/// The program as a release, beside this one, built if it is not there.
fn scepd() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "-p", "scepd"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    ensure!(built.success(), "scepd cannot be built");
    let this = std::env::current_exe()?;
    let release = this.parent().and_then(Path::parent).context("no target folder")?;
    Ok(release.join("scepd"))
}

/// `scepd serve` until it is dropped.
struct Scepd(Child);

impl Scepd {
    fn start(program: &Path, folder: &Path, port: Option<u16>) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--dir"]).arg(folder);
        if let Some(port) = port {
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().context("scepd")?))
    }
}

impl Drop for Scepd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Device {
    key: SoftwareKey,
    port: u16,
}

impl Device {
    fn client(&self) -> Result<Client> {
        Ok(Client::new(&format!("http://127.0.0.1:{}/scep/devices", self.port), provider())?)
    }

    /// What the CA is, once the server answers.
    fn wait_for_ca(&self, runtime: &Runtime) -> Result<CaTrust> {
        let (client, start) = (self.client()?, Instant::now());
        let anchor = CaTrust::Anchor(CaAnchor::TrustUnverified);
        loop {
            match runtime.block_on(client.authenticated_ca(&anchor, None)) {
                Ok(ca) => return Ok(CaTrust::Known(Box::new(ca))),
                Err(error) => {
                    ensure!(start.elapsed() < PATIENCE, "scepd does not answer: {error}");
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// Enrols as soon as the server listens; it is asked each millisecond.
    fn enrol(&self, runtime: &Runtime, ca: &CaTrust, password: &Secret) -> Result<()> {
        let subject = Name::build(&[(oid::COMMON_NAME, "first")]);
        let csr = sign_csr(&self.key, &subject, Some(password), &[])?;
        let signer = self_signed(&self.key, &subject, scep_client::now(), provider().random)?;
        let identity = Identity::new(csr, signer, &self.key);
        let (client, start) = (self.client()?, Instant::now());
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            ensure!(start.elapsed() < PATIENCE, "scepd does not listen");
            std::thread::sleep(Duration::from_millis(1));
        }
        let settings = EnrolmentSettings::new(ca.clone());
        runtime.block_on(client.enrol(settings, &identity, |_| ()))?;
        Ok(())
    }
}
