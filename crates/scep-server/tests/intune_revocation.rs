//! Revocation on the word of Intune: carried out, on the CRL, reported, however often it is interrupted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use intune_challenge::service::{
    ErrorDescription, HttpResponse, RevocationDownload, RevocationError, RevocationRequest,
    RevocationResult, RevocationUpload,
};
use scep_server::{
    CrlPublisher, Endpoint, Error, Misconfigured, RevocationWorker, ServiceError, Signing,
    crl_router,
};
use scep_store::{CertificateId, EnrolmentStore as _, MemoryStore, SerialNumber};
use scep_types::{Certificate, DigestAlgorithm};
use tower::ServiceExt as _;

use crate::support::device::{Device, granted};
use crate::support::faults::{FailingKey, FailingStore, Verb};
use crate::support::intune::{Call, Intune, intune, misconfigured, ok, opaque, unavailable};
use crate::support::server::Server;
use crate::support::{DAY, NOW, key, pki, provider};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

struct Office {
    service: Arc<Intune>,
    server: Server,
    publisher: Arc<CrlPublisher>,
}

impl Office {
    fn new() -> Self {
        Self::on(Intune::new(), |service| Server::new(intune(service)))
    }

    fn on(service: Arc<Intune>, server: impl FnOnce(&Arc<Intune>) -> Server) -> Self {
        let server = server(&service);
        let publisher = Arc::new(CrlPublisher::new(&server.endpoint, WEEK).unwrap());
        Self { service, server, publisher }
    }

    async fn issue(&self, name: &str) -> Certificate {
        granted(Device::new(name).challenge(opaque(name)).enrol(&self.server).await)
    }

    fn worker(&self) -> RevocationWorker {
        let (service, publisher) = (self.service.clone(), self.publisher.clone());
        RevocationWorker::new(&self.server.endpoint, service, publisher)
            .with_clock(self.server.clock.clone())
    }

    /// One round about these serial numbers, and what must be reported of each.
    async fn reports(&self, requests: &[(&str, &str, Outcome)]) {
        let asked = asked(requests);
        self.service.revocations([asked.clone()]);
        self.worker().run_once().await.unwrap();
        let read = RevocationDownload::read(&asked, NOW).unwrap();
        let expected = read.iter().zip(requests).map(|(request, (.., done))| done.result(request));
        let expected = RevocationUpload::new(expected.collect()).unwrap();
        assert_eq!(self.service.seen().pop(), Some(Call::Upload(expected)));
    }

    async fn is_revoked(&self, certificate: &Certificate) -> bool {
        let issued = self.server.store.certificate_by_serial(&id(certificate)).await.unwrap();
        issued.unwrap().revocation.is_some()
    }

    fn crl_lists(&self, certificate: &Certificate) -> bool {
        let Some(crl) = self.publisher.latest() else { return false };
        // `INTEGER 17 octets`: serial numbers of ours are random, so they do not occur by chance.
        crl.der().windows(17).any(|octets| octets == certificate.serial())
    }
}

/// What is reported of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Revoked,
    NotFound,
    Unreadable,
    Failed,
}

impl Outcome {
    fn result(self, request: &RevocationRequest) -> RevocationResult {
        let (error, text) = match self {
            Self::Revoked => return RevocationResult::succeeded(request),
            Self::NotFound => {
                (RevocationError::CertificateNotFoundError, "not issued by this endpoint")
            }
            Self::Unreadable => {
                (RevocationError::ParameterDataInvalidError, "not a serial number of a certificate")
            }
            Self::Failed => (RevocationError::ServiceUnavailableException, "not revoked yet"),
        };
        RevocationResult::failed(request, error, ErrorDescription::new(text).unwrap())
    }
}

/// The service's answer with these requests: context and serial number.
fn asked(requests: &[(&str, &str, Outcome)]) -> HttpResponse {
    let request = |(context, serial, _): &(&str, &str, Outcome)| {
        format!(r#"{{"requestContext":"{context}","serialNumber":"{serial}"}}"#)
    };
    let requests: Vec<_> = requests.iter().map(request).collect();
    ok(&format!(r#"{{"value":[{}]}}"#, requests.join(",")))
}

fn id(certificate: &Certificate) -> CertificateId {
    let authority = pki::authority();
    let ca = authority.ca.issuer.certificate();
    let issuer = provider().digest.digest(DigestAlgorithm::Sha256, ca.spki()).unwrap();
    CertificateId {
        issuer: scep_store::Sha256::from_digest(&issuer).unwrap(),
        serial: SerialNumber::new(certificate.serial()).unwrap(),
    }
}

#[tokio::test]
async fn what_an_administrator_revokes_is_revoked_listed_and_reported() {
    let office = Office::new();
    let (phone, tablet) = (office.issue("phone").await, office.issue("tablet").await);
    let asked = asked(&[("ctx-1", &phone.serial_hex(), Outcome::Revoked)]);
    office.service.revocations([asked.clone()]);
    let round = office.worker().run_once().await.unwrap();
    assert_eq!((round.requests, round.revoked), (1, 1));
    let issuer = phone.issuer().to_string();
    let download = RevocationDownload::new(100, Some(&issuer)).unwrap();
    let [request] = RevocationDownload::read(&asked, NOW).unwrap().try_into().unwrap();
    let upload = RevocationUpload::new(vec![Outcome::Revoked.result(&request)]).unwrap();
    let calls = office.service.seen();
    assert_eq!(calls[4..], [Call::Download(download), Call::Upload(upload)]);
    assert!(office.is_revoked(&phone).await && !office.is_revoked(&tablet).await);
    assert!(office.crl_lists(&phone) && !office.crl_lists(&tablet));
}

#[tokio::test]
async fn what_is_revoked_already_counts_as_success() {
    let office = Office::new();
    let phone = office.issue("phone").await;
    let serial = phone.serial_hex();
    let serial = serial.as_str();
    office.reports(&[("a", serial, Outcome::Revoked), ("b", serial, Outcome::Revoked)]).await;
    office.reports(&[("a", serial, Outcome::Revoked)]).await;
}

#[tokio::test]
async fn what_this_endpoint_did_not_issue_is_not_found_and_not_touched() {
    let office = Office::new();
    let others = Server::on_store(office.server.store.clone(), intune(&office.service), |config| {
        config.name = "another tenant".to_owned();
    });
    let foreign = granted(Device::new("theirs").challenge(opaque("theirs")).enrol(&others).await);
    office
        .reports(&[
            ("foreign", &foreign.serial_hex(), Outcome::NotFound),
            ("unknown", "010203", Outcome::NotFound),
            ("with a sign bit", &"FF".repeat(20), Outcome::Unreadable),
            ("nothing", "0", Outcome::Unreadable),
            ("unreadable", "no digits", Outcome::Unreadable),
        ])
        .await;
    assert!(!office.is_revoked(&foreign).await);
    assert!(office.publisher.latest().is_none(), "nothing was revoked");
}

#[tokio::test]
async fn a_serial_number_is_found_however_it_is_written() {
    let office = Office::new();
    let phone = office.issue("phone").await;
    let hex = phone.serial_hex();
    for written in [hex.to_lowercase(), format!("0000{hex}"), hex.replace('0', "0 : ")] {
        office.reports(&[("a", &written, Outcome::Revoked)]).await;
    }
    assert!(office.is_revoked(&phone).await);
}

#[tokio::test]
async fn without_the_store_a_request_is_to_come_again() {
    for verb in [Verb::CertificateBySerial, Verb::Revoke, Verb::Revoked] {
        let memory = Arc::new(MemoryStore::default());
        let store = FailingStore::new(memory.clone(), verb);
        let office = Office::on(Intune::new(), |service| {
            Server::on_store(memory, intune(service), |config| config.host.store = store.clone())
        });
        let phone = office.issue("phone").await;
        let serial = phone.serial_hex();
        let serial = serial.as_str();
        office.reports(&[("a", serial, Outcome::Failed)]).await;
        assert!(!office.crl_lists(&phone));
        store.recover();
        office.reports(&[("a", serial, Outcome::Revoked)]).await;
        assert!(office.crl_lists(&phone));
    }
}

#[tokio::test]
async fn it_is_a_success_only_once_the_crl_is_out() {
    let signing = FailingKey::new(key("rsa2048-ca"));
    signing.recover();
    let office = Office::on(Intune::new(), |service| {
        Server::with(intune(service), |config| {
            config.authority.ca.signing = Signing::Local(signing.clone());
        })
    });
    let phone = office.issue("phone").await;
    signing.failing.store(true, Ordering::SeqCst);
    let serial = phone.serial_hex();
    let unreadable = ("b", "no digits", Outcome::Unreadable);
    office.reports(&[("a", &serial, Outcome::Failed), unreadable]).await;
    signing.recover();
    office.reports(&[("a", &phone.serial_hex(), Outcome::Revoked)]).await;
    assert!(office.crl_lists(&phone));
}

#[tokio::test]
async fn what_could_not_be_reported_comes_again_and_is_reported_then() {
    let office = Office::new();
    let phone = office.issue("phone").await;
    office.service.revocations([asked(&[("a", &phone.serial_hex(), Outcome::Revoked)])]);
    office.service.uploads([unavailable()]);
    let failed = office.worker().run_once().await;
    assert!(matches!(failed, Err(Error::Validation(ServiceError::Unavailable { .. }))));
    assert!(office.is_revoked(&phone).await);
    office.reports(&[("a", &phone.serial_hex(), Outcome::Revoked)]).await;
}

#[tokio::test]
async fn a_service_that_cannot_be_asked_revokes_nothing() {
    let office = Office::new();
    let phone = office.issue("phone").await;
    for error in [unavailable(), misconfigured()] {
        office.service.revocations([error]);
        assert!(matches!(office.worker().run_once().await, Err(Error::Validation(_))));
    }
    assert!(!office.is_revoked(&phone).await);
    // Nothing asked, nothing reported.
    assert_eq!(office.worker().run_once().await.unwrap().requests, 0);
    assert!(!office.service.seen().iter().any(|call| matches!(call, Call::Upload(_))));
}

#[tokio::test(start_paused = true)]
async fn a_running_worker_asks_each_hour_and_renews_the_crl_in_time() {
    let office = Office::new();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(office.worker().run(async {
        let _ended = stopped.await;
    }));
    tokio::time::sleep(Duration::from_secs(3_590)).await;
    assert_eq!(office.service.seen().len(), 1);
    let first = office.publisher.latest().unwrap();
    assert_eq!((first.this_update(), first.next_update()), (NOW, NOW.plus(WEEK)));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(office.service.seen().len(), 2);
    assert_eq!(office.publisher.latest().unwrap(), first);
    office.server.clock.advance(DAY * 4);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(office.publisher.latest().unwrap().number(), first.number() + 1);
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn the_newest_crl_is_handed_out() {
    let office = Office::new();
    let phone = office.issue("phone").await;
    let router = crl_router("/ca.crl", office.publisher.clone()).unwrap();
    let get = async || {
        let request = Request::builder().uri("/ca.crl").body(Body::empty()).unwrap();
        let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let media_type = parts.headers.get("content-type").unwrap().clone();
        (parts.status.as_u16(), media_type, body.collect().await.unwrap().to_bytes())
    };
    assert_eq!(get().await.0, 503);
    office.reports(&[("a", &phone.serial_hex(), Outcome::Revoked)]).await;
    let (status, media_type, body) = get().await;
    assert_eq!((status, media_type.as_bytes()), (200, &b"application/pkix-crl"[..]));
    assert_eq!(&body, office.publisher.latest().unwrap().der());
    let older = office.publisher.latest().unwrap().number();
    assert!(office.publisher.publish(NOW).await.unwrap().number() > older);
    for path in ["ca.crl", "/{x}", "/*y"] {
        let refused = crl_router(path, office.publisher.clone()).err();
        assert_eq!(refused, Some(Misconfigured::Path(path.to_owned()).into()));
    }
}

#[test]
fn a_crl_is_good_for_a_minute_at_least() {
    let office = Office::new();
    let endpoint: &Endpoint = &office.server.endpoint;
    let validity = Duration::from_secs(59);
    let refused = CrlPublisher::new(endpoint, validity).err();
    assert_eq!(refused, Some(Misconfigured::CrlValidity { validity }.into()));
}
