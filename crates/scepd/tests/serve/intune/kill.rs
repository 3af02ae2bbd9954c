//! kill -9 of scepd between any two steps, and a restart on the same SQLite file: no notification is lost, none is sent
//! for a certificate that was not issued, and there is no second certificate.

use std::time::Duration;

use intune_sim::device::{Enrolled, Family};
use intune_sim::{Endpoint, Fault, Times};
use scep_store::{EnrolmentStore as _, SqliteOptions, SqliteStore};

use super::stage::{Stage, send_until_decided};
use crate::support::Scepd;

/// A lease of a notification that is over soon after a kill: it is three times the budget.
const QUICK: &str = "budget = \"1s\"";

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(600);

fn kill(scepd: &mut Scepd) {
    scepd.signal("KILL");
    assert!(!scepd.ended().success());
}

/// A request is sent, and scepd is killed once this endpoint was asked, which answers with this fault.
async fn killed_at(
    stage: &Stage,
    endpoint: Endpoint,
    fault: Fault,
) -> (intune_sim::device::Device, intune_sim::device::Request) {
    let mut scepd = stage.serve();
    stage.simulator.inject(endpoint, fault, Times::UntilCleared);
    let (device, session, request) = stage.message(Family::Windows, scepd.url()).await;
    let sent = request.clone();
    let waiting = tokio::spawn(async move { session.send(&sent).await });
    stage.asked(endpoint, 1).await;
    kill(&mut scepd);
    assert!(waiting.await.unwrap().is_err(), "the device has nothing");
    stage.simulator.clear_faults();
    (device, request)
}

/// Exactly this certificate was issued, and Intune was told of it and of no other.
async fn is_the_only_one(stage: &Stage, mut scepd: Scepd, enrolled: &Enrolled) {
    let told = stage.told(1).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].serial_number, enrolled.certificate.serial_hex());
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    nothing_waits(stage).await;
    assert_eq!(stage.simulator.issued().len(), 1);
    assert_eq!(stage.simulator.failures().len(), 0);
}

/// No certificate waits for its notification: one that nobody knows of would.
async fn nothing_waits(stage: &Stage) {
    let options = SqliteOptions::default();
    let store = SqliteStore::open(stage.place.path("scepd.sqlite"), options).unwrap();
    let endpoint = scep_store::EndpointId::new("devices").unwrap();
    // Long after every lease and every wait, and before a notification is given up.
    let later = scep_client::now().plus(Duration::from_secs(2 * 86_400));
    let waiting = store.lease_notices(&endpoint, 100, Duration::from_secs(60), later).await;
    assert_eq!(waiting.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_answer_of_the_validation_nothing_was_issued() {
    let stage = Stage::set(QUICK).await;
    let (device, request) = killed_at(&stage, Endpoint::Validate, Fault::Delay(FOREVER)).await;
    assert!(stage.simulator.issued().is_empty());
    nothing_waits(&stage).await;
    let scepd = stage.serve();
    let session = device.connect(scepd.url()).await.unwrap();
    let enrolled = send_until_decided(&session, &request).await.unwrap();
    is_the_only_one(&stage, scepd, &enrolled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_validation_and_commit_nothing_was_issued() {
    // What is asked in between is whether the device complies.
    let stage = Stage::set(&format!("{QUICK}\ncompliance = {{ grace-period = \"denied\" }}")).await;
    let id = "0f6c1f2e-aaaa-4bbb-8ccc-0123456789ab";
    let mut managed = intune_sim::ManagedDevice::new(intune_sim::SimulatorConfig::TENANT, id);
    managed.compliance = intune_sim::Compliance::Compliant;
    managed.user = Some(intune_sim::User {
        principal_name: "alice@contoso.example".to_owned(),
        ..intune_sim::User::default()
    });
    stage.simulator.put_device(managed).unwrap();
    let policy = stage.simulator.mint_challenge(id, "profile-1").unwrap();
    let device = super::stage::device(Family::Apple);
    let mut scepd = stage.serve();
    let delay = Fault::Delay(FOREVER);
    stage.simulator.inject(Endpoint::Compliance, delay, Times::UntilCleared);
    let session = device.connect(scepd.url()).await.unwrap();
    let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
    let (sender, sent) = (session.clone(), request.clone());
    let waiting = tokio::spawn(async move { sender.send(&sent).await });
    stage.asked(Endpoint::Compliance, 1).await;
    assert_eq!(stage.simulator.requests_of(Endpoint::Validate)[0].code.as_deref(), Some("Success"));
    kill(&mut scepd);
    assert!(waiting.await.unwrap().is_err());
    stage.simulator.clear_faults();
    nothing_waits(&stage).await;
    let scepd = stage.serve();
    let enrolled = send_until_decided(&session, &request).await.unwrap();
    assert_eq!(stage.simulator.count(Endpoint::Validate), 2, "it was validated again");
    is_the_only_one(&stage, scepd, &enrolled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_notification_arrived_it_is_sent_and_the_retry_gets_the_certificate() {
    let stage = Stage::set(QUICK).await;
    let at = Endpoint::SuccessNotification;
    let (device, request) = killed_at(&stage, at, Fault::Timeout).await;
    assert!(stage.simulator.issued().is_empty());
    let tried = stage.simulator.requests_of(at);
    let made = tried[0].json()["notification"]["certificateSerialNumber"].clone();
    let scepd = stage.serve();
    let session = device.connect(scepd.url()).await.unwrap();
    let enrolled = send_until_decided(&session, &request).await.unwrap();
    assert_eq!(made, enrolled.certificate.serial_hex());
    assert_eq!(stage.simulator.count(Endpoint::Validate), 1, "it was not validated again");
    is_the_only_one(&stage, scepd, &enrolled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_the_notification_arrived_it_may_be_sent_twice_for_the_one_certificate() {
    let stage = Stage::set(QUICK).await;
    let slow = Fault::SlowBody(Duration::from_secs(5)); // it is done, and the answer does not end
    let (device, request) = killed_at(&stage, Endpoint::SuccessNotification, slow).await;
    let told = stage.told(1).await;
    let scepd = stage.serve();
    let session = device.connect(scepd.url()).await.unwrap();
    let enrolled = send_until_decided(&session, &request).await.unwrap();
    assert_eq!(told[0].serial_number, enrolled.certificate.serial_hex());
    is_the_only_one(&stage, scepd, &enrolled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_never_comes_again_has_its_certificate_told_of_after_the_restart() {
    let stage = Stage::set(QUICK).await;
    let (_, request) = killed_at(&stage, Endpoint::SuccessNotification, Fault::Timeout).await;
    let tried = stage.simulator.requests_of(Endpoint::SuccessNotification);
    let made = tried[0].json()["notification"]["certificateSerialNumber"].clone();
    let _scepd = stage.serve();
    let told = stage.told(1).await;
    assert_eq!(made, told[0].serial_number);
    assert_eq!(told[0].transaction_id, request.transaction_id().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivered_and_killed_before_the_notification_it_is_sent_after_the_restart() {
    let stage = Stage::set("budget = \"1s\"\nnotify = \"deliver-then-notify\"").await;
    let mut scepd = stage.serve();
    stage.simulator.inject(Endpoint::SuccessNotification, Fault::Timeout, Times::UntilCleared);
    let enrolled = stage.enrol(Family::Android, scepd.url()).await.unwrap();
    kill(&mut scepd);
    assert!(stage.simulator.issued().is_empty());
    stage.simulator.clear_faults();
    let scepd = stage.serve();
    is_the_only_one(&stage, scepd, &enrolled).await;
}

/// Kills at moments that lie between all the steps: every call of Microsoft's takes a while, and the moments are spread
/// over the whole way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_each_device_ends_with_one_certificate_that_intune_knows() {
    const KILLS: u64 = 10;
    let stage = Stage::set(QUICK).await;
    let pause = Fault::Delay(Duration::from_millis(100));
    for endpoint in [Endpoint::Validate, Endpoint::SuccessNotification] {
        stage.simulator.inject(endpoint, pause.clone(), Times::UntilCleared);
    }
    let mut serials = Vec::new();
    for number in 0..KILLS {
        let mut scepd = stage.serve();
        let (device, session, request) = stage.message(Family::Apple, scepd.url()).await;
        let sent = request.clone();
        let waiting = tokio::spawn(async move { session.send(&sent).await });
        // The calls alone take 200 ms; the rest is RSA.
        tokio::time::sleep(Duration::from_millis(40 * number)).await;
        kill(&mut scepd);
        let first = waiting.await.unwrap();
        let scepd = stage.serve();
        let session = device.connect(scepd.url()).await.unwrap();
        let enrolled = send_until_decided(&session, &request).await.unwrap();
        if let Ok(first) = first {
            assert_eq!(first.certificate, enrolled.certificate, "kill {number}");
        }
        serials.push(enrolled.certificate.serial_hex());
    }
    let scepd = stage.serve();
    drop(scepd);
    nothing_waits(&stage).await;
    let told = stage.simulator.issued();
    let told: Vec<_> = told.into_iter().map(|record| record.serial_number).collect();
    assert_eq!(told, serials);
    assert!(stage.simulator.failures().is_empty());
}
