//! What 2,000 enrolments do to a service that answers after 200 ms: `cargo bench -p scep-benches --bench intune_load`.
//!
//! First the caller alone, then the whole way: 2,000 pkiMessages into an endpoint that lets no certificate leave before the
//! service took note of it. Each enrolment validates and notifies over real HTTP on this machine, 64 of them at one time. The
//! bench fails if more than 64 calls are in flight, or if more tokens or discoveries are asked for than one of each kind; how
//! long enrolments take and how much memory grows depends on the machine and is printed.

mod microsoft;
mod pipeline;

use std::io::Write;
use std::ops::Range;
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
/// KiB of an enrolment that the store may keep: its certificate, its transaction, and that its challenge was used.
const KEPT: i64 = 4;
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
    let caller = measure(move |_| {
        let (client, tenant, request) = (client.clone(), tenant.clone(), Arc::clone(&request));
        async move { enrol(&client, &tenant, &request).await }
    });
    print("the caller", &microsoft, &caller.await?)?;

    let microsoft = Microsoft::start().await?;
    let pipeline =
        Arc::new(pipeline::Pipeline::new(self::client()?, self::tenant(&microsoft.url)?)?);
    let shared = Arc::clone(&pipeline);
    let whole = measure(move |position| {
        let pipeline = Arc::clone(&shared);
        async move { pipeline.enrol(position).await }
    });
    let whole = whole.await?;
    print("the whole way", &microsoft, &whole)?;
    ensure!(pipeline.issued() == ENROLMENTS, "a certificate an enrolment");
    Ok(())
}

/// What was measured.
struct Measured {
    /// Of each enrolment after the first ones, sorted.
    took: Vec<Duration>,
    elapsed: Duration,
    /// KiB.
    grown: i64,
}

/// Carries out all enrolments; `enrol` does one, by its position.
async fn measure<F>(enrol: impl Fn(usize) -> F + Clone + Send + 'static) -> Result<Measured>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let started = Instant::now();
    load(0..WARM_UP, enrol.clone()).await?;
    let memory = resident();
    let took = load(WARM_UP..ENROLMENTS, enrol).await?;
    Ok(Measured { took, elapsed: started.elapsed(), grown: resident() - memory })
}

/// Carries out enrolments, as many as allowed at one time, and says how long each took.
async fn load<F>(
    positions: Range<usize>,
    enrol: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Result<Vec<Duration>>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (next, mut workers) = (Arc::new(AtomicUsize::new(positions.start)), JoinSet::new());
    for _ in 0..IN_FLIGHT {
        let (next, enrol) = (Arc::clone(&next), enrol.clone());
        workers.spawn(async move {
            let mut took = Vec::new();
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                if position >= positions.end {
                    return anyhow::Ok(took);
                }
                let started = Instant::now();
                enrol(position).await?;
                took.push(started.elapsed());
            }
        });
    }
    let mut took = Vec::new();
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

fn print(title: &str, microsoft: &Microsoft, measured: &Measured) -> Result<()> {
    let Measured { took, elapsed, grown } = measured;
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let counts = &microsoft.counts;
    let part =
        |hundredths: usize| took.get(took.len() * hundredths / 100).copied().unwrap_or_default();
    let verdict = |is_met: bool| if is_met { "OK" } else { "MISSED" };
    let mut out = std::io::stdout().lock();
    let rate = f64::from(u32::try_from(ENROLMENTS)?) / elapsed.as_secs_f64();
    writeln!(
        out,
        "{title}: {ENROLMENTS} enrolments in {elapsed:.1?}, {rate:.0} a second, {} calls",
        count(&counts.calls)
    )?;
    let most = count(&counts.most_in_flight);
    writeln!(
        out,
        "most in flight  {most:>8}    {} (at most {IN_FLIGHT})",
        verdict(most <= IN_FLIGHT)
    )?;
    let tokens = count(&counts.tokens);
    writeln!(out, "tokens          {tokens:>8}    {} (one of each kind)", verdict(tokens == 2))?;
    let discoveries = count(&counts.discoveries);
    writeln!(out, "discoveries     {discoveries:>8}    {}", verdict(discoveries == 1))?;
    writeln!(out, "p50             {:>8.1?}", part(50))?;
    writeln!(
        out,
        "p99             {:>8.1?}    {} (within {TARGET:?})",
        part(99),
        verdict(part(99) <= TARGET)
    )?;
    let each = grown / i64::try_from(ENROLMENTS - WARM_UP)?;
    writeln!(
        out,
        "memory grown    {grown:>8} KiB {} (at most {KEPT} KiB an enrolment, which the store keeps)\n",
        verdict(each < KEPT)
    )?;
    ensure!(most <= IN_FLIGHT, "too many calls in flight");
    ensure!(tokens == 2, "one token for Graph and one for Intune");
    ensure!(discoveries == 1, "one discovery");
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
