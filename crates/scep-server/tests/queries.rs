//! GetCert and GetCRL: who may ask, and what is answered.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use scep_proto::client::{CertRep, Payload};
use scep_proto::{Crl, FailInfo};
use scep_server::{CrlPublisher, OutboxWorker, QueryPolicy};
use scep_store::{
    Begin, Begun, CertificateId, EndpointId, EnrolmentStore as _, NewCertificate, RequestId,
    Revocation, SerialNumber, Sha256, Submission, Terms, TransactionId, TransactionKey,
};
use scep_types::{AlgorithmPolicy, Basis, Certificate, DigestAlgorithm, Name, oid};
use tower::ServiceExt as _;

use crate::support::device::{Device, granted, refused};
use crate::support::intune::{Intune, intune, opaque, unavailable};
use crate::support::server::{PASSWORD, Server};
use crate::support::{DAY, MINUTE, NOW, provider};

fn server(policy: QueryPolicy) -> Server {
    Server::with_password(|config| config.queries = policy)
}

/// A device that holds this certificate, and signs with it.
async fn holder(server: &Server, name: &str) -> Device {
    let device = Device::new(name).challenge(PASSWORD);
    let signer = granted(device.enrol(server).await);
    Device { signer, challenge: None, ..device }
}

async fn ask(device: &Device, server: &Server, payload: Payload<'_>) -> CertRep {
    let sent = device.say(server, payload);
    device.send(server, &sent).await
}

async fn get_cert(device: &Device, server: &Server, wanted: &Certificate) -> CertRep {
    let payload = Payload::GetCert { issuer: wanted.issuer(), serial: wanted.serial() };
    ask(device, server, payload).await
}

async fn get_crl(device: &Device, server: &Server) -> CertRep {
    let (issuer, serial) = (device.signer.issuer(), device.signer.serial());
    ask(device, server, Payload::GetCrl { issuer, serial }).await
}

/// The only CRL of an answer.
fn crl(reply: CertRep) -> Crl {
    match reply {
        CertRep::Success { crls, .. } => {
            assert_eq!(crls.len(), 1);
            Crl::parse(crls[0].clone()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

async fn revoke(server: &Server, certificate: &Certificate) {
    let serial = SerialNumber::new(certificate.serial()).unwrap();
    let id = CertificateId { issuer: issuer(server), serial };
    server.store.revoke(&id, Revocation { at: NOW, reason: 1 }).await.unwrap();
}

fn issuer(server: &Server) -> Sha256 {
    let ca = server.ca();
    let key = provider().digest.digest(DigestAlgorithm::Sha256, ca.issuer().spki()).unwrap();
    Sha256::from_digest(&key).unwrap()
}

/// So many more certificates of its CA are revoked.
async fn revoke_more(server: &Server, count: u32) {
    let (issuer, store) = (issuer(server), &server.store);
    let terms = Terms::new(MINUTE, Duration::ZERO).unwrap();
    for number in 0..count {
        let transaction = TransactionKey {
            endpoint: EndpointId::new("devices").unwrap(),
            transaction_id: TransactionId::new(&number.to_be_bytes()).unwrap(),
        };
        let submission = Submission { signer_key: issuer, csr_info: issuer };
        let begin = Begin::new(RequestId { transaction, submission }, terms);
        let Ok(Begun::Fresh(reservation)) = store.begin(&begin, NOW).await else {
            panic!("{number} is not fresh")
        };
        let serial = [&[1; 12][..], &number.to_be_bytes()].concat();
        let id = CertificateId { issuer, serial: SerialNumber::new(&serial).unwrap() };
        let (until, basis) = (NOW.plus(DAY), Basis::StaticPassword);
        let certificate = NewCertificate::new(id, b"DER", issuer, until, basis).unwrap();
        store.commit(reservation, certificate, None, NOW).await.unwrap();
        store.revoke(&id, Revocation { at: NOW, reason: 1 }).await.unwrap();
    }
}

// R-3.3.4-01, R-4.5-01
#[tokio::test]
async fn whoever_holds_a_certificate_gets_its_own_and_others() {
    let server = server(QueryPolicy::Holders);
    let phone = holder(&server, "phone").await;
    let tablet = holder(&server, "tablet").await;
    for wanted in [&phone.signer, &tablet.signer] {
        assert_eq!(granted(get_cert(&phone, &server, wanted).await), *wanted);
        assert_eq!(server.last().outcome, "answered");
    }
}

#[tokio::test]
async fn who_holds_no_valid_certificate_learns_nothing() {
    let server = server(QueryPolicy::Holders);
    let phone = holder(&server, "phone").await;
    let revoked = holder(&server, "tablet").await;
    revoke(&server, &revoked.signer).await;
    let self_signed = Device::new("stranger");
    for device in [&revoked, &self_signed] {
        assert_eq!(refused(get_cert(device, &server, &phone.signer).await), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("not_holder"));
        assert_eq!(refused(get_crl(device, &server).await), FailInfo::BAD_REQUEST);
    }
    server.clock.advance(DAY * 31);
    assert_eq!(refused(get_cert(&phone, &server, &phone.signer).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.last().reason, Some("not_holder"));
}

#[tokio::test]
async fn anybody_may_ask_where_the_policy_says_so() {
    let server = server(QueryPolicy::Anyone);
    let phone = holder(&server, "phone").await;
    let stranger = Device::new("stranger");
    assert_eq!(granted(get_cert(&stranger, &server, &phone.signer).await), phone.signer);
    let (issuer, serial) = (phone.signer.issuer(), phone.signer.serial());
    crl(ask(&stranger, &server, Payload::GetCrl { issuer, serial }).await);
}

#[tokio::test]
async fn a_crl_that_no_message_can_hold_is_refused_and_a_router_hands_it_out() {
    let server = server(QueryPolicy::Anyone);
    revoke_more(&server, 8_000).await;
    let phone = holder(&server, "phone").await;
    assert_eq!(refused(get_crl(&phone, &server).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.last().reason, Some("crl_too_large"));
    let publisher = Arc::new(CrlPublisher::new(&server.endpoint, DAY).unwrap());
    let crl = publisher.publish(NOW).await.unwrap();
    assert!(crl.der().len() > scep_proto::http::MAX_MESSAGE);
    let router = scep_server::crl_router("/crl", publisher).unwrap();
    let request = Request::get("/crl").body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), *crl.der());
}

// R-4.6.1-02
#[tokio::test]
async fn what_this_ca_did_not_issue_is_a_bad_certificate_id() {
    let server = server(QueryPolicy::Holders);
    let phone = holder(&server, "phone").await;
    let other = Name::build(&[(oid::COMMON_NAME, "Other CA")]);
    let ours = phone.signer.issuer();
    let unknown = |issuer, serial| Payload::GetCert { issuer, serial };
    for payload in [
        unknown(ours, &[1]),
        unknown(ours, &[0x7F; 21]),
        unknown(&other, phone.signer.serial()),
        Payload::GetCrl { issuer: &other, serial: phone.signer.serial() },
    ] {
        assert_eq!(refused(ask(&phone, &server, payload).await), FailInfo::BAD_CERT_ID);
        assert_eq!(server.last().reason, Some("unknown_certificate"));
    }
}

#[tokio::test]
async fn a_certificate_that_intune_was_not_told_of_is_kept_back_from_everyone() {
    let service = Intune::new();
    let server = Server::with(intune(&service), |config| config.queries = QueryPolicy::Anyone);
    service.notifications([unavailable()]);
    let device = Device::new("phone").challenge(opaque("phone"));
    let answer = server.post(device.ask(&server).message).await;
    assert_eq!((answer.status.as_u16(), server.certificates()), (503, 1));
    let ca = server.ca();
    let key = provider().digest.digest(DigestAlgorithm::Sha256, ca.issuer().spki()).unwrap();
    let serial = SerialNumber::new(&serial_of(&service.told()[0])).unwrap();
    let id = CertificateId { issuer: Sha256::from_digest(&key).unwrap(), serial };
    let stored = server.store.certificate_by_serial(&id).await.unwrap().unwrap();
    let kept_back = Certificate::parse(stored.certificate.der).unwrap();
    let stranger = Device::new("stranger");
    assert_eq!(refused(get_cert(&stranger, &server, &kept_back).await), FailInfo::BAD_CERT_ID);
    server.clock.advance(MINUTE * 5);
    let worker = OutboxWorker::new(&server.endpoint).unwrap().with_clock(server.clock.clone());
    assert_eq!(worker.run_once().await.unwrap().delivered, 1);
    assert_eq!(granted(get_cert(&stranger, &server, &kept_back).await), kept_back);
}

/// The octets of a serial number in hexadecimal.
fn serial_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

// R-4.6.1-01
#[tokio::test]
async fn get_crl_gives_a_crl_of_this_ca_that_is_made_anew_once_half_its_life_is_over() {
    let server = server(QueryPolicy::Holders);
    let phone = holder(&server, "phone").await;
    let first = crl(get_crl(&phone, &server).await);
    let ca = server.ca();
    first.verify(ca.issuer().spki(), provider().verify, AlgorithmPolicy::Modern).unwrap();
    assert_eq!((first.issuer(), first.this_update()), (ca.issuer().subject(), NOW));
    server.clock.advance(MINUTE * 30);
    assert_eq!(crl(get_crl(&phone, &server).await), first, "it is still good");
    let tablet = holder(&server, "tablet").await;
    revoke(&server, &tablet.signer).await;
    server.clock.advance(MINUTE);
    let second = crl(get_crl(&phone, &server).await);
    assert_eq!(second.this_update(), NOW.plus(MINUTE * 31));
    let serial = tablet.signer.serial();
    let lists = |crl: &Crl| crl.der().windows(serial.len()).any(|window| window == serial);
    assert!(lists(&second) && !lists(&first));
}

// R-4.6.1-01
#[tokio::test]
async fn get_crl_gives_what_the_publisher_published() {
    let server = server(QueryPolicy::Holders);
    let phone = holder(&server, "phone").await;
    let before = crl(get_crl(&phone, &server).await);
    let publisher = CrlPublisher::new(&server.endpoint, DAY * 7).unwrap();
    let published = publisher.publish(NOW.plus(Duration::from_secs(1))).await.unwrap();
    let after = crl(get_crl(&phone, &server).await);
    assert_eq!(after.der(), published.der());
    assert_ne!(after, before);
    assert_eq!(publisher.latest().map(|crl| crl.number()), Some(published.number()));
    server.clock.advance(DAY * 6);
    assert_eq!(crl(get_crl(&phone, &server).await), after);
}

// R-4.6.1-01
#[tokio::test]
async fn of_many_that_ask_at_once_only_the_first_has_a_crl_made() {
    let server = Arc::new(server(QueryPolicy::Holders));
    let phone = holder(&server, "phone").await;
    let asking = (0..8).map(|_| {
        let (phone, server) = (phone.clone(), Arc::clone(&server));
        tokio::spawn(async move { crl(get_crl(&phone, &server).await) })
    });
    let mut answers = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        answers.push(asked.await.unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}
