//! The program `intune-sim`, as a person or a script meets it.

#![cfg(feature = "program")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use axum::Router;
use axum::routing::post;
use intune_sim::Policy;
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_proto::UnauthenticatedCa;
use scep_test::pki::Pki;
use scep_types::SigningKey;

use crate::support::{FAMILIES, Server, policy, provider, simulator};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_intune-sim"))
}

async fn run(arguments: Vec<String>) -> Output {
    let run = move || program().args(arguments).output().unwrap();
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

/// One line on standard error, and nothing but that.
fn line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("intune-sim: "), "{text}");
    text.trim().to_owned()
}

#[tokio::test]
async fn a_device_that_is_refused_says_so_and_exits_with_1() {
    let simulator = simulator().await;
    let policy = policy(&simulator); // the device gets another challenge
    let server = Server::start(policy.challenge(), None).await;
    let control = simulator.urls().control;
    let arguments = ["device", "--family", "apple", "--url", &server.url, "--sim", &control];
    let output = run(words(&arguments)).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(line(&output).contains("the server refused: failInfo "), "{}", line(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("a PKCSReq of "), "{said}");
    assert!(!said.contains(policy.challenge().expose()));
}

/// A control API that hands out this policy and no other.
async fn control(policy: &Policy) -> String {
    let policy = serde_json::to_string(policy).unwrap();
    let router = Router::new().route("/challenges", post(|| async move { policy }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_device_of_each_family_says_what_happened_and_keeps_its_certificate() {
    let simulator = simulator().await;
    let policy = policy(&simulator);
    let control = control(&policy).await;
    for family in FAMILIES {
        let server = Server::start(policy.challenge(), None).await;
        let directory = tempfile::tempdir().unwrap();
        let (family, out) = (family.to_string(), directory.path().to_str().unwrap());
        let mut arguments = words(&["device", "--family", &family, "--url", &server.url]);
        arguments.extend(words(&["--sim", &control, "--out", out]));
        let output = run(arguments).await;
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{family}: {said}");
        assert_eq!(said.lines().count(), 4, "{said}");
        assert!(said.lines().all(|line| line.starts_with(&format!("{family}: "))), "{said}");
        assert!(!said.contains(policy.challenge().expose()));
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        let key = SoftwareKey::from_pkcs8_pem(&read("device-1.key")).unwrap();
        let certificate = UnauthenticatedCa::parse(read("device-1.pem").into_bytes()).unwrap();
        let certificate = certificate.certificates().first().unwrap();
        assert_eq!(certificate.spki(), SigningKey::spki(&key));
        assert!(said.contains(&certificate.serial_hex()), "{said}");
    }
}

#[tokio::test]
async fn a_wrong_fingerprint_ends_before_a_request_is_written() {
    let simulator = simulator().await;
    let server = Server::start(policy(&simulator).challenge(), None).await;
    let control = simulator.urls().control;
    let zeros = "00".repeat(32);
    let mut arguments =
        words(&["device", "--family", "windows", "--url", &server.url, "--sim", &control]);
    arguments.extend(words(&["--fingerprint", &zeros]));
    let output = run(arguments.clone()).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("PKCSReq"));
    let digest = scep_types::DigestAlgorithm::Sha256;
    let right = provider().digest.digest(digest, Pki::shared().ca.der()).unwrap().to_hex();
    *arguments.last_mut().unwrap() = right;
    let output = run(arguments).await;
    assert!(String::from_utf8(output.stdout).unwrap().contains("PKCSReq"));
}

#[tokio::test]
async fn what_the_simulator_does_not_know_is_one_line() {
    let simulator = simulator().await;
    let control = simulator.urls().control;
    let mut arguments =
        words(&["device", "--family", "android", "--url", "http://127.0.0.1:1/scep", "--sim"]);
    arguments.push(control);
    let mut unknown = arguments.clone();
    unknown.extend(words(&["--device", "nobody"]));
    let output = run(unknown).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(line(&output).ends_with("there is no device nobody"), "{}", line(&output));
    let output = run(arguments).await;
    assert_eq!(output.status.code(), Some(3), "nobody answers at the SCEP server");
    assert!(line(&output).contains("http://127.0.0.1:1/scep did not answer"), "{}", line(&output));
}

#[test]
fn a_wrong_command_line_is_one_line_and_exits_with_2() {
    for arguments in [
        &["device", "--family", "symbian", "--url", "x"][..],
        &["serve", "--fail", "validate=often"],
        &["serve", "--fail", "nowhere=500"],
        &["serve", "--tenant", "no-domain"],
        &["serve", "--listen", "here"],
        &["dance"],
        &[],
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        line(&output);
    }
}

/// A service that is killed when the test ends.
struct Serving {
    child: Child,
    settings: Vec<String>,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut settings = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            settings.push(line.unwrap());
            if settings.last().unwrap().starts_with("# for example") {
                break;
            }
        }
        Self { child, settings }
    }

    fn setting(&self, name: &str) -> String {
        let prefix = format!("{name} = \"");
        let line = self.settings.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap();
        line.trim_end_matches('"').to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn what_serve_prints_is_what_a_server_needs() {
    let fail = ["--fail", "token=invalid-client:1", "--tenant", "fabrikam=fabrikam.example"];
    let serving = tokio::task::spawn_blocking(move || Serving::start(&fail)).await.unwrap();
    assert!(serving.settings.contains(&"# fabrikam.example".to_owned()), "{:?}", serving.settings);
    let fields = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", serving.setting("client_id")),
        ("client_secret", serving.setting("client_secret")),
        ("scope", serving.setting("intune_scope")),
    ];
    let form = reqwest::Url::parse_with_params("http://form/", fields).unwrap();
    let tenant = serving.setting("tenant");
    let url = format!("{}/{tenant}/oauth2/v2.0/token", serving.setting("authority"));
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let post = || http.post(&url).body(form.query().unwrap().to_owned()).send();
    assert_eq!(post().await.unwrap().status(), 400, "as it was told to fail, once");
    assert_eq!(post().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_device_gets_its_challenge_from_a_service_of_the_program() {
    let serving = tokio::task::spawn_blocking(|| Serving::start(&[])).await.unwrap();
    let control = serving.setting("control");
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let body = r#"{"device":"device-1","profile":"profile-1"}"#;
    let answer = http.post(format!("{control}/challenges")).body(body).send().await.unwrap();
    let policy = answer.text().await.unwrap();
    let policy: Policy = serde_json::from_str(&policy).unwrap();
    assert!(policy.challenge().expose().len() > 4_800);
}
