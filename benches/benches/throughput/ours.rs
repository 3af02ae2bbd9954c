//! Our server on loopback, in a process of its own: this program, run again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_server::{
    Authority, CertificateAuthority, Endpoint, EndpointConfig, Host, Mode, RegistrationAuthority,
    ScepService, router, serve,
};
use scep_store::{EnrolmentStore, MemoryStore, SqliteOptions, SqliteStore, StoreLimits};
use scep_types::{Certificate, Secret};
use tokio::net::TcpListener;

pub(crate) const PASSWORD: &str = "7hePasswordOfThisBench";

const CA: &str = include_str!("../../../testdata/keys/rsa2048-ca.pem");
const RA: &str = include_str!("../../../testdata/keys/rsa2048-ra.pem");

/// The argument that makes this program a server; after it comes the file of the database, or [`MEMORY`].
pub(crate) const SERVE: &str = "--serve";
pub(crate) const MEMORY: &str = "memory";

/// A server until it is dropped.
pub(crate) struct Ours {
    pub(crate) url: String,
    process: Child,
}

impl Ours {
    pub(crate) fn start(store: &str) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([SERVE, store]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut url = String::new();
        let said = process.stdout.take().context("no output")?;
        BufReader::new(said).read_line(&mut url)?;
        Ok(Self { url: url.trim().to_owned(), process })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves as `scepd` would, a worker for each core, until nobody holds the other end of standard input any more.
pub(crate) fn serve_here(store: &str) -> Result<()> {
    let store: Arc<dyn EnrolmentStore> = match store {
        MEMORY => Arc::new(memory()),
        file => Arc::new(SqliteStore::open(Path::new(file), SqliteOptions::default())?),
    };
    let mode = Mode::Static(Secret::new(PASSWORD));
    let config = EndpointConfig::new("bench", mode, authority()?, Host::new(provider(), store));
    let endpoint = Endpoint::new(config, scep_client::now())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "http://{}{}", listener.local_addr()?, endpoint.path())?;
    out.flush()?;
    let router = router([ScepService::new(endpoint)])?;
    let wait_for_the_end = || std::io::stdin().read_to_end(&mut Vec::new());
    let ended = runtime.spawn_blocking(wait_for_the_end);
    runtime.block_on(serve(listener, router, async {
        let _ = ended.await;
    }));
    Ok(())
}

fn memory() -> MemoryStore {
    let mut limits = StoreLimits::in_memory();
    limits.transactions = 1_000_000;
    limits.certificates = 1_000_000;
    MemoryStore::new(limits)
}

/// A CA with an RA beside it.
fn authority() -> Result<Authority> {
    let (ca_key, ra_key) = (KeyPair::from_pem(CA)?, KeyPair::from_pem(RA)?);
    let mut ca = params("Bench CA", [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ra = [KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    let ra = params("Bench RA", ra);
    let ca_certificate = Certificate::parse(ca.self_signed(&ca_key)?.der().to_vec())?;
    let ra = ra.signed_by(&ra_key, &rcgen::Issuer::new(ca, &ca_key))?;
    let issuer = Issuer::new(ca_certificate, provider().digest, scep_client::now())?;
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    let key = |pem| -> Result<_> { Ok(Arc::new(SoftwareKey::from_pem(pem)?)) };
    Ok(Authority {
        ca: CertificateAuthority::root(issuer, key(CA)?),
        ra: RegistrationAuthority::new(Certificate::parse(ra.der().to_vec())?, key(RA)?),
        profiles: Profiles::new(Profile::new(ProfileConfig::new(month))?),
    })
}

fn params(common_name: &str, usages: [KeyUsagePurpose; 2]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = usages.to_vec();
    params.use_authority_key_identifier_extension = true;
    params
}
