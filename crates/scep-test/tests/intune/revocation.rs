//! What an administrator revokes in the console ends in the CRL.

use intune_sim::device::{Family, enrol};
use intune_sim::{Endpoint, Fault, RevocationState, Times};
use scep_server::NotifyPolicy;

use crate::stage::{Stage, device};

#[tokio::test]
async fn a_revocation_ends_in_the_crl_and_is_reported_however_often_that_takes() {
    let stage = Stage::set(NotifyPolicy::BeforeDelivery).await;
    let policy = stage.policy();
    let enrolled = enrol(&device(Family::Windows), &stage.url, &policy).await.unwrap();
    let [record] = &stage.simulator.issued()[..] else { panic!() };
    let issuer = record.issuing_certificate_authority.as_str();
    stage.simulator.request_revocation(&record.serial_number, Some(issuer)).unwrap();
    stage.simulator.request_revocation("0123456789ABCDEF", Some(issuer)).unwrap();

    let upload = Endpoint::UploadRevocationResults;
    stage.simulator.inject(upload, Fault::InternalError, Times::N(1));
    stage.revocation.run_once().await.unwrap_err();
    assert!(lists(&stage, enrolled.certificate.serial()));
    let first = stage.publisher.latest().unwrap().number();

    let round = stage.revocation.run_once().await.unwrap();
    assert_eq!((round.requests, round.revoked), (2, 1));
    assert!(stage.publisher.latest().unwrap().number() > first);
    let states: Vec<_> = stage.simulator.revocations().into_iter().map(|one| one.state).collect();
    assert_eq!(states[0], RevocationState::Succeeded);
    assert!(matches!(states[1], RevocationState::Failed(_)), "{states:?}");
    assert!(stage.simulator.issued()[0].is_revoked);
    assert_eq!(stage.revocation.run_once().await.unwrap().requests, 0);
}

/// Whether the newest CRL has an entry with this serial number, which is random and does not occur by chance.
fn lists(stage: &Stage, serial: &[u8]) -> bool {
    let crl = stage.publisher.latest().unwrap();
    crl.der().windows(serial.len()).any(|octets| octets == serial)
}
