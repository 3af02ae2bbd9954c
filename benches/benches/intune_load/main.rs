//! What 2,000 enrolments do to a service that answers after 200 ms: `cargo bench -p scep-benches --bench intune_load`.
//!
//! Each enrolment validates and notifies over real HTTP on this machine, 64 of them at one time. The bench fails if more
//! than 64 calls are in flight, or if more tokens or discoveries are asked for than one of each kind; how long calls take and how much
//! memory grows depends on the machine and is printed.

mod microsoft;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use intune_client::service::{
    Application, Cloud, Enrolment, Setting, Settings, TransactionId, UrlPolicy,
};
use intune_client::{
    BearerHosts, Client, ClientSettings, Credential, HttpSettings, Loopback, Proxy,
    ReqwestTransport, Roots, Tenant,
};
use scep_crypto::aws_lc_rs::provider;
use scep_types::{Certificate, Csr, Secret};
use tokio::task::JoinSet;

use self::microsoft::Microsoft;

const ENROLMENTS: usize = 2_000;
/// Enrolments after which memory is measured for the first time.
const WARM_UP: usize = 200;
const IN_FLIGHT: usize = 64;
const ANSWERS_AFTER: Duration = Duration::from_millis(200);
/// Two calls and 150 ms.
const TARGET: Duration = Duration::from_millis(550);

type Caller = Client<ReqwestTransport>;

/// What is enrolled, over and over.
struct Request {
    enrolment: Enrolment,
    certificate: Certificate,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let microsoft = Microsoft::start().await?;
    let (client, tenant, request) = (client()?, tenant(&microsoft.url)?, request()?);
    let started = Instant::now();
    load(WARM_UP, &client, &tenant, &request).await?;
    let memory = resident();
    let took = load(ENROLMENTS - WARM_UP, &client, &tenant, &request).await?;
    let (elapsed, grown) = (started.elapsed(), resident() - memory);
    print(&microsoft, &took, elapsed, grown)
}

/// Enrols so many times, as many as allowed at one time, and says how long each took.
async fn load(
    enrolments: usize,
    client: &Caller,
    tenant: &Tenant,
    request: &Arc<Request>,
) -> Result<Vec<Duration>> {
    let (left, mut workers) = (Arc::new(AtomicUsize::new(enrolments)), JoinSet::new());
    for _ in 0..IN_FLIGHT {
        let (client, tenant) = (client.clone(), tenant.clone());
        let (request, left) = (Arc::clone(request), Arc::clone(&left));
        workers.spawn(async move {
            let mut took = Vec::new();
            let one_less = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
                let started = Instant::now();
                enrol(&client, &tenant, &request).await?;
                took.push(started.elapsed());
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::with_capacity(enrolments);
    while let Some(worker) = workers.join_next().await {
        took.extend(worker??);
    }
    took.sort_unstable();
    Ok(took)
}

async fn enrol(client: &Caller, tenant: &Tenant, request: &Request) -> Result<()> {
    let Request { enrolment, certificate } = request;
    client.validate(tenant, enrolment).await.outcome?;
    client.notify_success(tenant, enrolment, certificate).await.outcome?;
    Ok(())
}

fn print(microsoft: &Microsoft, took: &[Duration], elapsed: Duration, grown: i64) -> Result<()> {
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let counts = &microsoft.counts;
    let part =
        |hundredths: usize| took.get(took.len() * hundredths / 100).copied().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    let rate = f64::from(u32::try_from(ENROLMENTS)?) / elapsed.as_secs_f64();
    writeln!(
        out,
        "{ENROLMENTS} enrolments in {elapsed:.1?}: {rate:.0} a second, {} calls",
        count(&counts.calls)
    )?;
    writeln!(out, "most in flight  {:>8}", count(&counts.most_in_flight))?;
    writeln!(out, "tokens          {:>8}", count(&counts.tokens))?;
    writeln!(out, "discoveries     {:>8}", count(&counts.discoveries))?;
    writeln!(out, "p50             {:>8.1?}", part(50))?;
    writeln!(out, "p99             {:>8.1?}  (target {TARGET:?})", part(99))?;
    writeln!(out, "memory grown    {grown:>8} KiB after the first {WARM_UP}")?;
    if part(99) > TARGET {
        writeln!(out, "MISSED: p99 is {:?}, {TARGET:?} is the target", part(99))?;
    }
    ensure!(count(&counts.most_in_flight) <= IN_FLIGHT, "too many calls in flight");
    ensure!(count(&counts.tokens) == 2, "one token for Graph and one for Intune");
    ensure!(count(&counts.discoveries) == 1, "one discovery");
    ensure!(count(&counts.calls) == 2 * ENROLMENTS, "two calls an enrolment");
    Ok(())
}

fn client() -> Result<Caller> {
    // Plain HTTP needs no roots, but a machine may have none either.
    let root = rcgen::generate_simple_self_signed(["unused".to_owned()])?;
    let http = HttpSettings {
        proxy: Proxy::Direct,
        roots: Roots::Only(root.cert.pem()),
        ..HttpSettings::default()
    };
    let settings = ClientSettings {
        in_flight: IN_FLIGHT,
        bearer_hosts: BearerHosts::default().with_loopback(Loopback::Allowed),
        ..ClientSettings::default()
    };
    Ok(Client::new(ReqwestTransport::new(&http)?, provider(), settings))
}

fn tenant(microsoft: &str) -> Result<Tenant> {
    let settings = Settings::new(Cloud::Global, "Bench/1.0")?
        .with_url_policy(UrlPolicy::HttpForTests)
        .with(Setting::Login, microsoft)?
        .with(Setting::Graph, microsoft)?;
    let credential = Credential::Secret(Secret::new("secret"));
    Ok(Tenant::new(Application::new("tenant", "client")?, credential, settings))
}

/// A CSR with a challenge as long as Microsoft's, and a certificate for its key.
fn request() -> Result<Arc<Request>> {
    let key = rcgen::KeyPair::generate()?;
    let params = rcgen::CertificateParams::default();
    let challenge = "C".repeat(5_000);
    let length = challenge.len() as u16;
    // SET { PrintableString }, each with a length of two octets.
    let [set, text] = [length + 4, length].map(u16::to_be_bytes);
    let heads = [0x31, 0x82, set[0], set[1], 0x13, 0x82, text[0], text[1]];
    let values = [&heads[..], challenge.as_bytes()].concat();
    let attribute = rcgen::Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 7], values };
    let csr = params.serialize_request_with_attributes(&key, vec![attribute])?;
    let csr = Csr::parse(csr.der().to_vec())?;
    let certificate = Certificate::parse(params.self_signed(&key)?.der().to_vec())?;
    let enrolment = Enrolment::new(TransactionId::new("transaction-1")?, csr)?;
    Ok(Arc::new(Request { enrolment, certificate }))
}

/// KiB of memory that this process has, as Linux says; 0 elsewhere.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
