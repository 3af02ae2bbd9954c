//! Reloads: another credential, another policy, and workers that are replaced.

use intune_sim::device::Family;
use intune_sim::{Endpoint, SimulatorConfig};
use scep_types::Secret;

use super::stage::{Stage, is_deferred};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_secret_is_taken_over_and_a_wrong_file_leaves_the_old_one() {
    let stage = Stage::set("").await;
    let mut scepd = stage.serve();
    stage.enrol(Family::Apple, scepd.url()).await.unwrap();
    let old = stage.place.read("intune.secret");
    for wrong in ["", "0f6c1f2e-aaaa-4bbb-8ccc-0123456789ab"] {
        stage.place.write("intune.secret", wrong, 0o600);
        scepd.hang_up("not reloaded, everything stays as it is");
        stage.simulator.expire_tokens();
        stage.enrol(Family::Apple, scepd.url()).await.unwrap();
    }
    let change = |app: &mut intune_sim::App| app.secrets[0].value = Secret::new("another~one");
    stage.simulator.change_app(SimulatorConfig::TENANT, change).unwrap();
    stage.simulator.expire_tokens();
    stage.place.write("intune.secret", &old, 0o600);
    let got = stage.enrol(Family::Apple, scepd.url()).await;
    assert!(is_deferred(&got), "{got:?}");
    stage.place.write("intune.secret", "another~one", 0o600);
    scepd.hang_up("reloaded");
    stage.enrol(Family::Apple, scepd.url()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_come_and_go_with_a_reload() {
    let stage = Stage::set("").await;
    let mut scepd = stage.serve();
    let enrolled = stage.enrol(Family::Apple, scepd.url()).await.unwrap();
    assert_eq!(stage.simulator.count(Endpoint::DownloadRevocationRequests), 0, "off by default");
    stage
        .place
        .replace("proxy = \"direct\"", "proxy = \"direct\"\nrevocation = { every = \"1s\" }");
    scepd.hang_up("reloaded");
    let serial = enrolled.certificate.serial_hex();
    stage.simulator.request_revocation(&serial, None).unwrap();
    stage.asked(Endpoint::UploadRevocationResults, 1).await;
    stage.place.replace("revocation = { every = \"1s\" }\n", "");
    scepd.hang_up("reloaded");
    let url = format!("http://{}/crl/devices.crl", scepd.address());
    let crl = crate::support::http().get(url).send().await.unwrap().bytes().await.unwrap();
    let serial = enrolled.certificate.serial();
    assert!(crl.windows(serial.len()).any(|octets| octets == serial), "a reload loses no CRL");
    // A round that had begun may end; then there is no other.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let asked = stage.simulator.count(Endpoint::DownloadRevocationRequests);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(stage.simulator.count(Endpoint::DownloadRevocationRequests), asked);
}
