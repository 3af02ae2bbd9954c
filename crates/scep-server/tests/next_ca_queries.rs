//! The next CA's certificates and CRL, by message, by publisher, and on the word of Intune.

use std::sync::Arc;

use intune_challenge::service::{RevocationDownload, RevocationResult, RevocationUpload};
use scep_proto::client::{CertRep, Payload};
use scep_proto::{CaCertificates, Crl};
use scep_server::{CrlPublisher, Misconfigured, NextAuthority, QueryPolicy, RevocationWorker};
use scep_store::{CertificateId, EnrolmentStore as _, Revocation, SerialNumber, Sha256};
use scep_types::{AlgorithmPolicy, Certificate, DigestAlgorithm};

use crate::next_ca::{both, ca, ra, server};
use crate::support::device::{Device, granted};
use crate::support::intune::{Call, Intune, intune, ok, opaque};
use crate::support::pki::{self, Template};
use crate::support::server::{PASSWORD, Server, static_password};
use crate::support::{DAY, NOW, provider};

fn named(name: &'static str) -> NextAuthority {
    pki::next(&Template { common_name: name, ..ca() }, &ra())
}

async fn revoke(server: &Server, certificate: &Certificate, ca: &CaCertificates) {
    let issuer = provider().digest.digest(DigestAlgorithm::Sha256, ca.issuer().spki()).unwrap();
    let issuer = Sha256::from_digest(&issuer).unwrap();
    let serial = SerialNumber::new(certificate.serial()).unwrap();
    let id = CertificateId { issuer, serial };
    server.store.revoke(&id, Revocation { at: NOW, reason: 1 }).await.unwrap();
}

fn lists(crl: &[u8], certificate: &Certificate) -> bool {
    crl.windows(certificate.serial().len()).any(|octets| octets == certificate.serial())
}

async fn ask(
    device: &Device,
    server: &Server,
    ca: &CaCertificates,
    payload: Payload<'_>,
) -> CertRep {
    let sent = device.say_to(ca, payload);
    let answer = server.post(sent.message.clone()).await;
    device.read_from(ca, &sent, &answer).unwrap()
}

// R-4.5-01, R-4.6.1-02
#[tokio::test]
async fn certificates_and_crls_of_both_are_had_by_a_message_to_either() {
    // The CA to come has a name of its own, or, as is usual, that of the one before it.
    for name in ["Next CA", "Test CA"] {
        let server = server(static_password(), |config| {
            config.queries = QueryPolicy::Holders;
            config.next = Some(named(name));
        });
        let cas = both(&server).await;
        let enrol = |id: &'static str, ca: usize| {
            let device = Device::new("phone").challenge(PASSWORD).transaction(id);
            let (server, ca) = (&server, &cas[ca]);
            async move { granted(device.enrol_at(server, ca).await) }
        };
        let issued = [enrol("one", 0).await, enrol("two", 1).await];
        for (certificate, ca) in issued.iter().zip(&cas) {
            revoke(&server, certificate, ca).await;
        }
        let holder = Device::new("phone").challenge(PASSWORD).transaction("holder");
        let signer = granted(holder.enrol_at(&server, &cas[0]).await);
        let holder = Device { signer, challenge: None, ..holder };
        for asked in &cas {
            for (of, wanted) in issued.iter().enumerate() {
                let (issuer, serial) = (wanted.issuer(), wanted.serial());
                let found = ask(&holder, &server, asked, Payload::GetCert { issuer, serial }).await;
                assert_eq!(granted(found), *wanted);
                let found = ask(&holder, &server, asked, Payload::GetCrl { issuer, serial }).await;
                let CertRep::Success { crls, .. } = found else { panic!("{found:?}") };
                assert!(lists(&crls[0], wanted) && !lists(&crls[0], &issued[1 - of]), "{name}");
                let crl = Crl::parse(crls[0].clone()).unwrap();
                let key = cas[of].issuer().spki();
                crl.verify(key, provider().verify, AlgorithmPolicy::Modern).unwrap();
            }
            // By the CA's own certificate, as sscep asks.
            let own = cas[1].issuer();
            let payload = Payload::GetCrl { issuer: own.issuer(), serial: own.serial() };
            let CertRep::Success { crls, .. } = ask(&holder, &server, asked, payload).await else {
                panic!("no CRL")
            };
            assert!(lists(&crls[0], &issued[1]), "{name}");
        }
    }
}

// R-5280-14
#[tokio::test]
async fn each_of_them_publishes_its_own_crl_and_the_next_one_dates_it_from_its_beginning() {
    let server = server(static_password(), |_| ());
    let cas = both(&server).await;
    let device = Device::new("phone").challenge(PASSWORD);
    let of_current = granted(device.clone().transaction("one").enrol_at(&server, &cas[0]).await);
    let of_next = granted(device.transaction("two").enrol_at(&server, &cas[1]).await);
    revoke(&server, &of_current, &cas[0]).await;
    revoke(&server, &of_next, &cas[1]).await;
    let current = CrlPublisher::new(&server.endpoint, DAY).unwrap();
    let next = CrlPublisher::of_next(&server.endpoint, DAY).unwrap();
    let [first, second] = [current.publish(NOW).await.unwrap(), next.publish(NOW).await.unwrap()];
    assert!(lists(first.der(), &of_current) && !lists(first.der(), &of_next));
    assert!(lists(second.der(), &of_next) && !lists(second.der(), &of_current));
    let begins = cas[1].issuer().validity().not_before;
    assert_eq!(first.this_update(), NOW);
    assert_eq!((second.this_update(), second.next_update()), (begins, begins.plus(DAY)));
    assert!(!next.is_due(NOW.plus(DAY)), "it is good for its day after the beginning");
    assert!(next.is_due(begins.plus(DAY)));
    let again = next.publish(begins.plus(DAY)).await.unwrap();
    assert!(again.number() > second.number() && again.this_update() == begins.plus(DAY));
}

#[tokio::test]
async fn a_next_ca_that_is_only_announced_publishes_no_crl() {
    let announced = NextAuthority::Announced { ca: ca().self_signed(), ra: Vec::new() };
    for next in [None, Some(announced)] {
        let server = Server::with_password(|config| config.next = next);
        let refused = CrlPublisher::of_next(&server.endpoint, DAY).unwrap_err();
        assert_eq!(refused, Misconfigured::NoNextCa.into());
    }
}

#[tokio::test]
async fn under_intune_what_the_next_ca_issued_is_validated_told_of_and_revoked_on_its_crl() {
    let service = Intune::new();
    let server = server(intune(&service), |_| ());
    let [_, next] = both(&server).await;
    let device = Device::new("phone").challenge(opaque("phone"));
    let issued = granted(device.enrol_at(&server, &next).await);
    assert_eq!(service.counts(), [1, 1, 0], "asked, and told before the certificate left");

    let request = format!(
        r#"{{"value":[{{"requestContext":"ctx","serialNumber":"{}"}}]}}"#,
        issued.serial_hex()
    );
    let request = ok(&request);
    let read = RevocationDownload::read(&request, NOW).unwrap();
    let current = Arc::new(CrlPublisher::new(&server.endpoint, DAY).unwrap());
    let worker = || {
        RevocationWorker::new(&server.endpoint, service.clone(), current.clone())
            .with_clock(server.clock.clone())
    };
    // Both CAs are asked for, by name; without a CRL that says so nothing counts as revoked.
    service.revocations([request.clone()]);
    assert_eq!(worker().run_once().await.unwrap().revoked, 0);
    let publisher = Arc::new(CrlPublisher::of_next(&server.endpoint, DAY).unwrap());
    service.revocations([request]);
    let round = worker().with_next_publisher(publisher.clone()).run_once().await.unwrap();
    assert_eq!((round.requests, round.revoked), (1, 1));
    assert!(lists(publisher.latest().unwrap().der(), &issued));
    assert!(current.latest().is_none_or(|crl| !lists(crl.der(), &issued)));
    let reported = RevocationUpload::new(vec![RevocationResult::succeeded(&read[0])]).unwrap();
    assert_eq!(service.seen().pop(), Some(Call::Upload(reported)));
}
