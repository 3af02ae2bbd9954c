//! What goes well, and what operators see of it.

use intune_sim::device::Family;
use intune_sim::{DeviceError, Endpoint, Error};
use serde_json::Value;

use super::stage::{FAMILIES, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_of_each_family_enrols_at_the_served_endpoint() {
    let stage = Stage::set("").await;
    let scepd = stage.serve();
    for (before, family) in FAMILIES.into_iter().enumerate() {
        let enrolled = stage.enrol(family, scepd.url()).await.unwrap();
        let told = stage.simulator.issued();
        assert_eq!(told.len(), before + 1, "{family:?}: told before it was delivered");
        assert_eq!(told[before].serial_number, enrolled.certificate.serial_hex());
        assert!(told[before].caller_info.starts_with("scepd/"), "{told:?}");
    }
    assert_eq!(stage.simulator.count(Endpoint::FailureNotification), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_with_a_certificate_enrols_devices_too() {
    let stage = Stage::set("").await;
    let certificate = crate::support::ca("Application");
    stage.place.write("app.pem", &certificate.pem, 0o644);
    stage.place.write("app.key", &crate::support::key_pem("rsa2048-ca"), 0o600);
    stage.place.replace(
        "secret = { file = \"intune.secret\" }",
        "certificate = { certificate = \"app.pem\", key = { file = \"app.key\" } }",
    );
    let der = pem::parse(&certificate.pem).unwrap().into_contents();
    let certificate = scep_types::Certificate::parse(der).unwrap();
    let register = |app: &mut intune_sim::App| {
        app.secrets.clear();
        app.certificates.push(certificate);
    };
    stage.simulator.change_app(intune_sim::SimulatorConfig::TENANT, register).unwrap();
    let scepd = stage.serve();
    stage.enrol(Family::Windows, scepd.url()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_intune_denies_is_seen_by_code_and_activity_id_everywhere() {
    let stage = Stage::set("").await;
    let token = stage.place.token("monitor", "viewer");
    let mut scepd = stage.serve();
    let (_, metrics) = scepd.ask("GET", "/metrics", Some(&token), "").await;
    let untouched = "scep_intune_denials_total{endpoint=\"devices\",code=\"ChallengeExpired\"} 0";
    assert!(metrics.contains(untouched), "{metrics}");
    let tampered = stage.policy().with_spec(|spec| spec.subject.clear());
    let device = super::stage::device(Family::Apple);
    let refused = intune_sim::device::enrol(&device, scepd.url(), &tampered).await.unwrap_err();
    assert_eq!(refused, Error::Device(DeviceError::Refused { fail_info: Some(2) }));

    let asked = stage.simulator.requests_of(Endpoint::Validate);
    let (activity, code) = (asked[0].activity_id().unwrap(), asked[0].code.as_deref().unwrap());
    let shown = scepd.get("/api/v1/decisions", &token).await;
    let decision = &shown["decisions"][0];
    assert_eq!(decision["reason"], "intune_denied");
    assert_eq!(decision["activity_id"], activity);
    assert_eq!(decision["service_code"], code);
    let (_, metrics) = scepd.ask("GET", "/metrics", Some(&token), "").await;
    let counted = format!("scep_intune_denials_total{{endpoint=\"devices\",code=\"{code}\"}} 1");
    assert!(metrics.contains(&counted), "{counted} in {metrics}");
    assert!(scepd.log().lines().any(|line| line.contains(activity) && line.contains(code)));

    // A code of tomorrow is in the audit trail, and no label.
    let unknown = intune_sim::Fault::unknown_code();
    stage.simulator.inject(Endpoint::Validate, unknown, intune_sim::Times::N(1));
    stage.enrol(Family::Apple, scepd.url()).await.unwrap_err();
    let (_, metrics) = scepd.ask("GET", "/metrics", Some(&token), "").await;
    assert!(metrics.contains("scep_intune_denials_total{endpoint=\"devices\",code=\"other\"} 1"));
    assert!(!metrics.contains("CodeOfTomorrow"));
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    let audit = stage.place.read("audit");
    let lines = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let codes: Vec<_> =
        lines.filter_map(|line| line["service_code"].as_str().map(str::to_owned)).collect();
    assert_eq!(codes, [code, "CodeOfTomorrow"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_administrator_revokes_is_on_the_crl_that_is_served() {
    let stage = Stage::set("revocation = { every = \"1s\" }").await;
    let scepd = stage.serve();
    let url = format!("http://{}/crl/devices.crl", scepd.address());
    let crl = || async {
        let answer = crate::support::http().get(&url).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/pkix-crl");
        answer.bytes().await.unwrap()
    };
    let enrolled = stage.enrol(Family::Windows, scepd.url()).await.unwrap();
    let serial = enrolled.certificate.serial();
    let lists = |crl: &[u8]| crl.windows(serial.len()).any(|octets| octets == serial);
    assert!(!lists(&crl().await), "there is a CRL from the start");
    let record = &stage.simulator.issued()[0];
    stage.simulator.request_revocation(&record.serial_number, None).unwrap();
    stage.asked(Endpoint::UploadRevocationResults, 1).await;
    assert!(lists(&crl().await));
    assert!(stage.simulator.issued()[0].is_revoked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_through_the_admin_api_is_on_the_crl_at_once() {
    let stage = Stage::set("").await;
    let token = stage.place.token("alice", "operator");
    let scepd = stage.serve();
    let enrolled = stage.enrol(Family::Apple, scepd.url()).await.unwrap();
    let serial = enrolled.certificate.serial_hex();
    let order = format!("{{\"endpoint\": \"devices\", \"serial\": \"{serial}\"}}");
    let path = "/api/v1/certificates/revoke";
    let (status, answer) = scepd.ask("POST", path, Some(&token), &order).await;
    assert!(status.is_success() && answer.contains("\"on_crl\":true"), "{answer}");
    let url = format!("http://{}/crl/devices.crl", scepd.address());
    let crl = crate::support::http().get(url).send().await.unwrap().bytes().await.unwrap();
    let serial = enrolled.certificate.serial();
    assert!(crl.windows(serial.len()).any(|octets| octets == serial));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_comply_gets_no_certificate_where_that_counts() {
    let stage = Stage::set("compliance = { grace-period = \"denied\" }").await;
    let scepd = stage.serve();
    let mut device = intune_sim::ManagedDevice::new(
        intune_sim::SimulatorConfig::TENANT,
        "0f6c1f2e-aaaa-4bbb-8ccc-0123456789ab",
    );
    device.user = Some(intune_sim::User {
        principal_name: "alice@contoso.example".to_owned(),
        ..intune_sim::User::default()
    });
    for (compliance, issued) in [
        (intune_sim::Compliance::NonCompliant, 0),
        (intune_sim::Compliance::InGracePeriod, 0),
        (intune_sim::Compliance::Compliant, 1),
    ] {
        device.compliance = compliance;
        stage.simulator.put_device(device.clone()).unwrap();
        let policy = stage.simulator.mint_challenge(&device.id, "profile-1").unwrap();
        let apple = super::stage::device(Family::Apple);
        let got = intune_sim::device::enrol(&apple, scepd.url(), &policy).await;
        assert_eq!(usize::from(got.is_ok()), issued, "{compliance:?}: {got:?}");
        assert_eq!(stage.simulator.issued().len(), issued, "{compliance:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_token_or_challenge_is_in_the_log_the_audit_trail_or_the_api() {
    let stage = Stage::set("").await;
    stage.place.replace("[log]", "[log]\nlevel = \"trace\"");
    let token = stage.place.token("root", "admin");
    let mut scepd = stage.serve();
    let policy = stage.policy();
    let device = super::stage::device(Family::Windows);
    intune_sim::device::enrol(&device, scepd.url(), &policy).await.unwrap();
    let fault = intune_sim::Fault::InvalidClient;
    stage.simulator.inject(Endpoint::Token, fault, intune_sim::Times::UntilCleared);
    scepd.hang_up("worst=\"problem\"");
    stage.enrol(Family::Windows, scepd.url()).await.unwrap_err();
    let mut seen = Vec::new();
    for path in ["/api/v1/endpoints", "/api/v1/decisions", "/api/v1/actions", "/metrics"] {
        seen.push(scepd.ask("GET", path, Some(&token), "").await.1);
    }
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    let checked = stage.place.run(&["check", "--online", "--json"]).stdout;
    seen.extend([scepd.log(), stage.place.read("audit"), String::from_utf8(checked).unwrap()]);
    let bearer = stage.simulator.requests_of(Endpoint::Validate);
    let bearer = bearer[0].header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let challenge = policy.challenge().expose();
    let secret = stage.place.read("intune.secret");
    for text in seen {
        for hidden in [bearer, &challenge[..40], secret.as_str()] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}
