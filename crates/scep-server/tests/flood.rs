//! Whoever has neither a challenge nor a certificate can make the server do no more RSA operations than it is configured to
//! take in, and no more at a time than it has workers.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_server::{
    CertificateAuthority, Execution, Rate, RegistrationAuthority, RequestLimits, WorkerPool,
    limited,
};
use scep_test::counting::{Calls, Counting};
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, KeyTransport, SignatureScheme, SigningKey,
};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::support::device::{Device, granted};
use crate::support::server::{PASSWORD, Server};
use crate::support::{key, provider};

/// Requests of a flood, all at once.
const FLOOD: usize = 300;

/// Private RSA operations: how many, and how many at a time.
#[derive(Default)]
struct Meter {
    done: AtomicUsize,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
}

impl Meter {
    fn measure<T>(&self, operation: impl FnOnce() -> T) -> T {
        let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_work.fetch_max(at_work, Ordering::SeqCst);
        let result = operation();
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        self.done.fetch_add(1, Ordering::SeqCst);
        result
    }
}

/// A key whose private operations are measured.
struct MeteredKey {
    key: Arc<SoftwareKey>,
    meter: Arc<Meter>,
}

impl SigningKey for MeteredKey {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(self.key.as_ref())
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.meter.measure(|| self.key.sign(scheme, message))
    }
}

impl DecryptionKey for MeteredKey {
    fn spki(&self) -> &[u8] {
        SigningKey::spki(self.key.as_ref())
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        self.meter.measure(|| self.key.unwrap_key(transport, encrypted, fallback))
    }
}

/// A server whose RSA operations are all counted.
struct Metered {
    server: Server,
    meter: Arc<Meter>,
    counting: &'static Counting,
}

/// What was done since the last time: private operations, and those with a public key.
#[derive(Debug, PartialEq, Eq)]
struct Spent {
    private: usize,
    verifications: usize,
    wraps: usize,
}

impl Metered {
    fn new(workers: usize, queue: usize) -> Self {
        let meter = Arc::new(Meter::default());
        let counting = Counting::new(provider());
        let metered = |name| Arc::new(MeteredKey { key: key(name), meter: Arc::clone(&meter) });
        let server = Server::with_password(|config| {
            let authority = &mut config.authority;
            let (ca, ra) = (authority.ca.issuer.clone(), authority.ra.certificate.clone());
            authority.ca = CertificateAuthority::root(ca, metered("rsa2048-ca"));
            authority.ra = RegistrationAuthority::new(ra, metered("rsa2048-ra"));
            config.host.provider = counting.provider();
            let workers = NonZeroUsize::new(workers).unwrap();
            config.host.execution = Execution::Pool(WorkerPool::new(workers, queue));
        });
        counting.take();
        Self { server, meter, counting }
    }

    fn spent(&self) -> Spent {
        let Calls { verifications, wraps, .. } = self.counting.take();
        Spent { private: self.meter.done.swap(0, Ordering::SeqCst), verifications, wraps }
    }

    /// Well-formed requests of devices that have made up their passwords.
    fn flood(&self) -> Vec<Bytes> {
        let stranger = |number: usize| {
            let device = Device::new("stranger").challenge("made up");
            device.transaction(&format!("flood-{number}")).ask(&self.server).message
        };
        (0..FLOOD).map(stranger).collect()
    }
}

/// Posts all of them at once; how many were answered 200, and how many 503.
async fn post_all(router: &Router, messages: Vec<Bytes>) -> (usize, usize) {
    let mut posts = JoinSet::new();
    for message in messages {
        let router = router.clone();
        posts.spawn(async move {
            let request = Request::post("/scep?operation=PKIOperation").body(Body::from(message));
            router.oneshot(request.unwrap()).await.unwrap().status()
        });
    }
    let statuses = posts.join_all().await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    let counts = (count(StatusCode::OK), count(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(counts.0 + counts.1, statuses.len(), "{statuses:?}");
    counts
}

/// What a stranger's request may cost: unwrap and the answer's signature; its own signature and the CSR's.
fn cost_of(strangers: usize) -> Spent {
    Spent { private: 2 * strangers, verifications: 2 * strangers, wraps: 0 }
}

#[tokio::test]
async fn a_flood_costs_what_the_queue_takes_in_and_never_more_than_the_workers_at_a_time() {
    for workers in [1, 2] {
        let metered = Metered::new(workers, 8);
        let flood = metered.flood();
        let (answered, turned_away) = post_all(&metered.server.router(), flood).await;
        assert!(answered >= workers + 8 && turned_away > 0, "{answered} and {turned_away}");
        assert_eq!(metered.spent(), cost_of(answered), "who is turned away costs nothing");
        assert!(metered.meter.most_at_work.load(Ordering::SeqCst) <= workers);
        assert_eq!(metered.server.certificates(), 0);
        let device = Device::new("phone").challenge(PASSWORD);
        granted(device.enrol(&metered.server).await);
    }
}

#[tokio::test]
async fn a_flood_costs_what_its_rate_allows_and_nothing_more() {
    let metered = Metered::new(2, FLOOD);
    let day = Duration::from_secs(86_400);
    let share = Rate { requests: NonZeroU32::MIN, per: day, burst: NonZeroU32::new(20).unwrap() };
    let mut limits = RequestLimits::default();
    limits.global = Some(share);
    let router = limited(metered.server.router(), limits);
    let flood = metered.flood();
    assert_eq!(post_all(&router, flood).await, (20, FLOOD - 20));
    assert_eq!(metered.spent(), cost_of(20));
}

#[tokio::test]
async fn garbage_costs_no_rsa_operation_and_a_broken_signature_one_answer() {
    let metered = Metered::new(2, FLOOD);
    let message = Device::new("stranger").challenge("made up").ask(&metered.server).message;
    let half = message.slice(..message.len() / 2);
    let status = async |body: Bytes| metered.server.post(body).await.status;
    for garbage in [Bytes::new(), Bytes::from_static(&[0x30; 4_000]), half] {
        assert_eq!(status(garbage).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(metered.spent(), Spent { private: 0, verifications: 0, wraps: 0 });
    let mut broken = message.to_vec();
    *broken.last_mut().unwrap() ^= 1;
    assert_eq!(status(broken.into()).await, StatusCode::OK);
    assert_eq!(metered.spent(), Spent { private: 1, verifications: 1, wraps: 0 });
}
