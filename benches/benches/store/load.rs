//! Tasks that do one thing after the other, for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use scep_store::{
    Begin, Begun, CertificateId, ChallengeUse, DeviceLimit, EndpointId, EnrolmentStore,
    NewCertificate, RequestId, SerialNumber, Sha256, Submission, Terms, TransactionId,
    TransactionKey,
};
use scep_types::{Basis, UnixTime};

use crate::bare::Bare;
use crate::figures::Figure;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const HOUR: Duration = Duration::from_secs(3_600);
/// Store and bare statement take turns this often, so that a machine that slows down slows both.
const TURNS: u32 = 4;
/// About what a certificate of a device has.
const CERTIFICATE: [u8; 1_000] = [0x30; 1_000];

static NEXT: AtomicU64 = AtomicU64::new(0);

/// What one side did in all of its turns.
#[derive(Default)]
struct Side {
    latencies: Vec<Duration>,
    spent: Duration,
}

/// Measures enrolments of `tasks` together, and the bare statement as often as it comes.
pub(crate) async fn measure(
    name: &str,
    tasks: u32,
    store: &Arc<dyn EnrolmentStore>,
    bare: Option<&Bare>,
) -> Result<Figure> {
    let (mut enrolments, mut statements) = (Side::default(), Side::default());
    for _ in 0..TURNS {
        enrolments.turn(tasks, async || enrol(store.as_ref(), number()).await).await?;
        if let Some(bare) = bare {
            statements.turn(tasks, async || bare.take(key(b'b', number())).await).await?;
        }
    }
    let bare = bare.map(|_| (statements.per_second(), statements.p99()));
    Ok(Figure::of_load(name, enrolments.per_second(), enrolments.p99(), bare))
}

impl Side {
    async fn turn(&mut self, tasks: u32, once: impl AsyncFn() -> Result<()>) -> Result<()> {
        let began = Instant::now();
        let end = began + turn();
        let work = async || -> Result<Vec<Duration>> {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                once().await?;
                latencies.push(began.elapsed());
            }
            Ok(latencies)
        };
        let done = futures_util::future::join_all((0..tasks).map(|_| work())).await;
        self.spent += began.elapsed();
        for latencies in done {
            self.latencies.extend(latencies?);
        }
        Ok(())
    }

    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.spent.as_secs_f64()
    }

    fn p99(&self) -> Duration {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default()
    }
}

fn turn() -> Duration {
    let seconds = std::env::var("SCEP_BENCH_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(4.0)) / (2 * TURNS)
}

/// An enrolment as the pipeline asks for it: a challenge, a device's limit, a certificate.
async fn enrol(store: &dyn EnrolmentStore, number: u64) -> Result<()> {
    let limit = DeviceLimit::new(key(b'd', number).into(), 3, HOUR)?;
    let begin = request(number)?.with_device_limit(limit);
    let Begun::Fresh(reservation) = store.begin(&begin, NOW).await? else { bail!("not fresh") };
    Ok(store.commit(reservation, certificate(number)?, None, NOW).await?)
}

pub(crate) fn number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn request(number: u64) -> Result<Begin> {
    let transaction_id = TransactionId::new(&key(b't', number))?;
    let transaction = TransactionKey { endpoint: EndpointId::new("devices")?, transaction_id };
    let submission =
        Submission { signer_key: key(b's', number).into(), csr_info: key(b'c', number).into() };
    let terms = Terms::new(Duration::from_secs(60), HOUR)?;
    let challenge = ChallengeUse { key: key(b'k', number).into(), remember_until: NOW.plus(HOUR) };
    Ok(Begin::new(RequestId { transaction, submission }, terms).with_challenge(challenge))
}

pub(crate) fn certificate(number: u64) -> Result<NewCertificate> {
    let serial = SerialNumber::new(&number.to_be_bytes())?;
    let id = CertificateId { issuer: Sha256::new([b'i'; 32]), serial };
    let basis = Basis::SignedChallenge("a nonce of thirty-two characters".to_owned());
    let not_after = NOW.plus(HOUR * 24 * 365);
    Ok(NewCertificate::new(id, &CERTIFICATE, key(b'p', number).into(), not_after, basis)?)
}

/// Spread over the whole range, as digests are.
pub(crate) fn key(kind: u8, number: u64) -> [u8; 32] {
    let mut key = [kind; 32];
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    key.iter_mut().zip(spread.to_be_bytes()).for_each(|(to, from)| *to = from);
    key
}
