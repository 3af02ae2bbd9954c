//! What fails on Microsoft's side costs a device nothing but time.

use intune_sim::device::Family;
use intune_sim::{Endpoint, Fault, Times};

use super::stage::{FAMILIES, Stage, is_deferred, send_until_decided};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_outage_the_device_comes_again_with_the_same_message_and_enrols() {
    let stage = Stage::set("").await;
    let scepd = stage.serve();
    for family in FAMILIES {
        let (_, session, request) = stage.message(family, scepd.url()).await;
        let fault = Fault::ServiceUnavailable(Some(60));
        stage.simulator.inject(Endpoint::Validate, fault, Times::UntilCleared);
        let got = session.send(&request).await;
        assert!(is_deferred(&got), "{family:?}: {got:?}");
        stage.simulator.clear_faults();
        session.send(&request).await.unwrap();
    }
    assert_eq!(stage.simulator.issued().len(), 3);
    assert_eq!(stage.simulator.count(Endpoint::FailureNotification), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_notification_no_certificate_leaves_and_the_retry_gets_the_same_one() {
    let stage = Stage::set("budget = \"1s\"").await;
    let scepd = stage.serve();
    let (_, session, request) = stage.message(Family::Windows, scepd.url()).await;
    let fault = Fault::InternalError;
    stage.simulator.inject(Endpoint::SuccessNotification, fault, Times::UntilCleared);
    assert!(is_deferred(&session.send(&request).await));
    assert!(stage.simulator.issued().is_empty());
    let tried = stage.simulator.requests_of(Endpoint::SuccessNotification);
    let made = tried[0].json()["notification"]["certificateSerialNumber"].clone();
    stage.simulator.clear_faults();
    let enrolled = send_until_decided(&session, &request).await.unwrap();
    assert_eq!(made, enrolled.certificate.serial_hex());
    assert_eq!(stage.simulator.issued().len(), 1);
    assert_eq!(stage.simulator.count(Endpoint::Validate), 1, "it was not validated again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivered_first_intune_is_told_by_the_worker_as_soon_as_it_listens() {
    let stage = Stage::set("notify = \"deliver-then-notify\"").await;
    let scepd = stage.serve();
    stage.simulator.inject(Endpoint::SuccessNotification, Fault::Status(400), Times::N(1));
    let enrolled = stage.enrol(Family::Android, scepd.url()).await.unwrap();
    let told = stage.told(1).await;
    assert_eq!(told[0].serial_number, enrolled.certificate.serial_hex());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_waits_for_the_call_that_is_under_way() {
    let stage = Stage::set("notify = \"deliver-then-notify\"").await;
    let mut scepd = stage.serve();
    let slow = Fault::Delay(std::time::Duration::from_secs(1));
    stage.simulator.inject(Endpoint::SuccessNotification, slow.clone(), Times::UntilCleared);
    stage.enrol(Family::Android, scepd.url()).await.unwrap();
    stage.asked(Endpoint::SuccessNotification, 1).await;
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    assert_eq!(stage.simulator.issued().len(), 1);

    // And for a request whose device waits.
    let mut scepd = stage.serve();
    stage.simulator.inject(Endpoint::Validate, slow, Times::UntilCleared);
    let (_, session, request) = stage.message(Family::Apple, scepd.url()).await;
    let waiting = tokio::spawn(async move { session.send(&request).await });
    stage.asked(Endpoint::Validate, 2).await;
    scepd.signal("TERM");
    let enrolled = waiting.await.unwrap().unwrap();
    assert!(scepd.ended().success());
    let told = stage.simulator.issued();
    assert_eq!(told[1].serial_number, enrolled.certificate.serial_hex());
}
