//! The doctor: at start, and as `scepd check --online`.

use intune_sim::device::Family;
use intune_sim::{Endpoint, Fault, Host, Permission, SimulatorConfig, Times};
use serde_json::Value;

use super::stage::Stage;

/// The report of `scepd check --online --json`, with its exit code.
fn online(stage: &Stage) -> (Value, i32) {
    let output = stage.place.run(&["check", "--online", "--json"]);
    let code = output.status.code().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), code)
}

/// What was found with this severity.
fn found<'a>(report: &'a Value, severity: &str) -> Vec<&'a str> {
    let findings = report["online"][0]["findings"].as_array().unwrap();
    let of = findings.iter().filter(|finding| finding["severity"] == severity);
    of.map(|finding| finding["what"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_up_is_good_and_the_hashes_are_those_of_the_certificates() {
    let stage = Stage::set("").await;
    let (report, code) = online(&stage);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}");
    assert_eq!(found(&report, "good").len(), 5);
    let shown = &report["online"][0]["certificates"];
    let digests = scep_crypto::aws_lc_rs::provider().digest;
    for (position, (role, name, platforms)) in
        [("ra", "ra.pem", vec![]), ("ca", "ca.pem", vec!["Windows", "Apple", "Android"])]
            .into_iter()
            .enumerate()
    {
        let der = pem::parse(stage.place.read(name)).unwrap().into_contents();
        for (key, kind) in [
            ("sha1", scep_types::DigestAlgorithm::Sha1),
            ("sha256", scep_types::DigestAlgorithm::Sha256),
            ("sha512", scep_types::DigestAlgorithm::Sha512),
        ] {
            let hash = scep_types::hex::upper(digests.digest(kind, &der).unwrap().as_ref());
            assert_eq!(shown[position][key], hash);
        }
        assert_eq!(shown[position]["role"], role);
        assert_eq!(shown[position]["choose_for"], serde_json::json!(platforms));
    }
    let output = stage.place.run(&["check", "--online"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("good: the application has Intune's permission"), "{text}");
    assert!(text.contains(shown[1]["sha1"].as_str().unwrap()), "{text}");
    // Nothing was asked of the SCEP service itself.
    assert_eq!(stage.simulator.count(Endpoint::Validate), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_at_microsoft_is_a_problem_with_what_to_do() {
    let stage = Stage::set("").await;
    let tenant = SimulatorConfig::TENANT;
    // Without any permission of Intune, Entra's token has no `roles` at all.
    stage.simulator.set_permissions(tenant, [Permission::GraphApplicationReadAll]).unwrap();
    let (report, code) = online(&stage);
    assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)), "{report:#}");
    assert!(found(&report, "problem")[0].contains("scep_challenge_provider"), "{report:#}");

    stage.simulator.set_permissions(tenant, [Permission::ScepChallengeProvider]).unwrap();
    let (report, code) = online(&stage);
    assert!(code == 1 && found(&report, "problem")[0].contains("Application.Read.All"));

    stage.place.write("intune.secret", "not~the.secret", 0o600);
    let (report, code) = online(&stage);
    assert!(code == 1 && found(&report, "problem")[0].contains("AADSTS7000215"), "{report:#}");

    stage.simulator.refuse(Host::Login).await;
    let (report, code) = online(&stage);
    assert!(code == 1 && found(&report, "problem").len() == 2, "{report:#}");
    // Offline, there is nothing to say against it.
    assert_eq!(stage.place.check()["ok"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_start_the_doctor_warns_and_the_server_serves() {
    let stage = Stage::set("budget = \"1s\"").await;
    stage.simulator.inject(Endpoint::Token, Fault::InvalidClient, Times::UntilCleared);
    let mut scepd = stage.serve();
    scepd.wait_for("no certificate will be issued", 0);
    scepd.wait_for("worst=\"problem\"", 0);
    stage.simulator.clear_faults();
    scepd.hang_up("worst=\"good\"");
    stage.enrol(Family::Apple, scepd.url()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_of_the_configuration_is_the_way_unless_it_is_bypassed() {
    let stage = Stage::set("").await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let through = format!("proxy = {{ through = {{ url = \"http://{closed}\" }} }}");
    stage.place.replace("proxy = \"direct\"", &through);
    let (report, code) = online(&stage);
    assert!(code == 1 && found(&report, "problem").len() == 2, "{report:#}");
    assert!(stage.simulator.requests().is_empty());
    let past_it = through.replace("\" } }", "\", bypass = [\"127.0.0.1\"] } }");
    stage.place.replace(&through, &past_it);
    let (report, code) = online(&stage);
    assert_eq!((code, found(&report, "good").len()), (0, 5), "{report:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_of_a_ca_that_is_not_there_yet_are_not_made_up() {
    let stage = Stage::set("").await;
    for pair in ["ca", "ra"] {
        let line = format!(
            "{pair} = {{ certificate = \"{pair}.pem\", key = {{ file = \"{pair}.key\" }} }}\n"
        );
        stage.place.replace(&line, "");
    }
    let (report, _) = online(&stage);
    assert_eq!(report["online"][0]["certificates"], serde_json::json!([]));
    let text = stage.place.run(&["check", "--online"]).stdout;
    assert!(String::from_utf8(text).unwrap().contains("generated at the first start"));
    drop(stage.serve());
    let (report, _) = online(&stage);
    assert_eq!(report["online"][0]["certificates"].as_array().unwrap().len(), 2);
}
