//! A running scepd, a directory for it, and a device.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use reqwest::StatusCode;
use scep_client::{Client, Error, Identity, self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{self, SoftwareKey};
use scep_proto::client::{
    CaTrust, Enrolment, EnrolmentSettings, Issued, Purpose, RenewalMessage, Step, Turn,
};
use scep_proto::{CaAnchor, MessageRandom};
use scep_types::{Certificate, Name, Secret, SigningKey as _, oid};
use serde_json::Value;
use tempfile::TempDir;

/// The password of the endpoint `devices` in [`STATIC`].
pub(crate) const PASSWORD: &str = "7hePasswordOfThisTest";

/// A configuration with one endpoint and an admin API, both on free ports.
pub(crate) const STATIC: &str = r#"
[[listener]]
address = "127.0.0.1:0"
[admin]
address = "127.0.0.1:0"
[authority.a]
ca = { certificate = "ca.pem", key = { file = "ca.key" } }
ra = { certificate = "ra.pem", key = { file = "ra.key" } }
[profile.p]
validity = "30d"
[[endpoint]]
name = "devices"
mode = "static"
static = { password = { file = "password" } }
renewal = { allow = { grace = "0s" } }
"#;

/// How long something may take that has no reason to take long; nothing is concluded from how long it took.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a CA, an RA, a password and a configuration.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    /// What stands in the environment of each scepd here.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Place {
    /// A configuration and what it names.
    pub(crate) fn new(configuration: &str) -> Self {
        Self::within(tempfile::tempdir().unwrap(), configuration)
    }

    /// An empty directory.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// The same in a directory that there is.
    pub(crate) fn within(dir: TempDir, configuration: &str) -> Self {
        let place = Self { dir, environment: Vec::new() };
        let ca = ca("Test CA");
        place.write("ca.pem", &ca.pem, 0o644);
        place.write("ca.key", &key_pem("rsa2048-ca"), 0o600);
        place.write("ra.pem", &ra(&ca, "rsa2048-ra"), 0o644);
        place.write("ra.key", &key_pem("rsa2048-ra"), 0o600);
        place.write("password", &format!("{PASSWORD}\n"), 0o600);
        place.write("scepd.toml", configuration, 0o644);
        place
    }

    pub(crate) fn write(&self, name: &str, content: &str, mode: u32) {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Puts something else into the configuration.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let text = self.read("scepd.toml");
        assert!(text.contains(from), "{from} is not in the configuration");
        self.write("scepd.toml", &text.replace(from, to), 0o644);
    }

    /// Makes a token for the admin API.
    pub(crate) fn token(&self, name: &str, role: &str) -> String {
        let output = self.run(&["admin", "token", "new", "--name", name, "--role", role]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs scepd in this directory to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scepd"));
        command.current_dir(self.dir.path()).args(arguments).env_remove("RUST_LOG");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// The report of `scepd check --json`.
    pub(crate) fn check(&self) -> Value {
        let output = self.run(&["check", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let code = if report["ok"] == true { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        report
    }

    /// Serves this directory's configuration.
    pub(crate) fn serve(&self) -> Scepd {
        Scepd::start(self, &["serve", "--config", "scepd.toml"])
    }
}

/// A running scepd.
pub(crate) struct Scepd {
    child: Child,
    log: PathBuf,
    lines: Mutex<Receiver<String>>,
    /// What was printed until it served.
    pub(crate) said: Vec<String>,
    /// The URL of each endpoint at each address, in the order of the configuration.
    pub(crate) urls: Vec<String>,
    pub(crate) admin: Option<String>,
}

impl Scepd {
    /// Starts it in a directory and waits until it serves.
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::start_with(place, arguments, &[])
    }

    /// As [`Scepd::start`], with more in its environment.
    pub(crate) fn start_with(
        place: &Place,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let log = place.path("log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let already = fs::read_to_string(&log).unwrap().lines().count();
        let mut child = Command::new(env!("CARGO_BIN_EXE_scepd"))
            .current_dir(place.dir.path())
            .args(arguments)
            .env_remove("RUST_LOG")
            .envs(place.environment.iter().map(|(name, value)| (name, value)))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let said = Vec::new();
        let mut scepd =
            Self { child, log, lines: Mutex::new(lines), said, urls: Vec::new(), admin: None };
        scepd.wait_for("serving", already);
        scepd.listen();
        scepd
    }

    fn listen(&mut self) {
        let lines = self.lines.get_mut().unwrap_or_else(PoisonError::into_inner);
        let patience = |said: &[String]| {
            // What is printed may come after what is logged.
            if said.is_empty() { PATIENCE } else { Duration::from_millis(200) }
        };
        while let Ok(line) = lines.recv_timeout(patience(&self.said)) {
            if let Some(url) = line.strip_prefix("serving ") {
                self.urls.push(url.split(' ').next().unwrap().to_owned());
            }
            if let Some(url) = line.strip_prefix("admin ") {
                self.admin = Some(url.to_owned());
            }
            self.said.push(line);
        }
        assert!(!self.urls.is_empty(), "{}", self.log());
    }

    /// The URL of the first endpoint.
    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    /// `address:port` of the first listener.
    pub(crate) fn address(&self) -> String {
        self.url().split('/').nth(2).unwrap().to_owned()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Lines of the log that hold this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Waits until a line with this text was added to the log after so many lines.
    pub(crate) fn wait_for(&mut self, text: &str, after: usize) {
        let start = Instant::now();
        while !self.log().lines().skip(after).any(|line| line.contains(text)) {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("scepd ended with {status}: {}", self.log());
            }
            assert!(start.elapsed() < PATIENCE, "{text:?} is not in the log: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGHUP and waits for the line that says what came of it.
    pub(crate) fn hang_up(&mut self, expected: &str) {
        let after = self.log().lines().count();
        self.signal("HUP");
        self.wait_for(expected, after);
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks the admin API.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> (StatusCode, String) {
        let url = format!("{}{path}", self.admin.as_ref().unwrap());
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = http().request(method, url).body(body.to_owned());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// A JSON answer to a GET.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Value {
        let (status, body) = self.ask("GET", path, Some(token), "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// How many PKIOperations were decided, whatever about them: each of them cost RSA work.
    pub(crate) async fn decided(&self, token: &str) -> u64 {
        let counters = self.get("/api/v1/counters", token).await;
        let decisions = counters["decisions"].as_array().unwrap();
        decisions.iter().map(|counted| counted["count"].as_u64().unwrap()).sum()
    }
}

impl Drop for Scepd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP client that knows no proxy.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Enrols a device with a key of testdata.
pub(crate) async fn enrol(url: &str, name: &str, password: &str) -> Result<Issued, Error> {
    enrol_with("rsa2048-device", url, name, password).await
}

/// As [`enrol`], with another key.
pub(crate) async fn enrol_with(
    key: &str,
    url: &str,
    name: &str,
    password: &str,
) -> Result<Issued, Error> {
    enrol_at(trust(), key, url, name, password).await
}

/// As [`enrol_with`], at a CA that is known.
pub(crate) async fn enrol_at(
    trust: CaTrust,
    key: &str,
    url: &str,
    name: &str,
    password: &str,
) -> Result<Issued, Error> {
    let key = software(key);
    let subject = Name::build(&[(oid::COMMON_NAME, name)]);
    let csr = sign_csr(&key, &subject, Some(&Secret::new(password)), &[])?;
    let now = scep_client::now();
    let signer = self_signed(&key, &subject, now, aws_lc_rs::provider().random)?;
    send(url, &Identity::new(csr, signer, &key), EnrolmentSettings::new(trust)).await
}

/// Renews a certificate that [`enrol`] got, under the same key.
pub(crate) async fn renew(url: &str, certificate: &Certificate) -> Result<Issued, Error> {
    renew_at(trust(), url, certificate).await
}

/// As [`renew`], at a CA that is known.
pub(crate) async fn renew_at(
    trust: CaTrust,
    url: &str,
    certificate: &Certificate,
) -> Result<Issued, Error> {
    let key = software("rsa2048-device");
    let csr = sign_csr(&key, certificate.subject(), None, &[])?;
    let mut settings = EnrolmentSettings::new(trust);
    settings.purpose = Purpose::Renew(RenewalMessage::default());
    send(url, &Identity::new(csr, certificate.clone(), &key), settings).await
}

async fn send(
    url: &str,
    identity: &Identity<'_>,
    mut settings: EnrolmentSettings,
) -> Result<Issued, Error> {
    settings.polling.max_polls = 1;
    settings.polling.interval = Duration::from_secs(1);
    let client = Client::new(url, aws_lc_rs::provider())?;
    client.enrol(settings, identity, |_| ()).await
}

pub(crate) fn trust() -> CaTrust {
    CaTrust::Anchor(CaAnchor::TrustUnverified)
}

pub(crate) fn software(name: &str) -> SoftwareKey {
    SoftwareKey::from_pkcs8_pem(&key_pem(name)).unwrap()
}

pub(crate) fn key_pem(name: &str) -> String {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/keys");
    fs::read_to_string(keys.join(format!("{name}.pem"))).unwrap()
}

/// A CA, and how it issues.
pub(crate) struct Ca {
    pub(crate) pem: String,
    params: CertificateParams,
    key: KeyPair,
}

/// A CA with the key `rsa2048-ca`.
pub(crate) fn ca(name: &str) -> Ca {
    ca_with(name, "rsa2048-ca", vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign])
}

/// A CA with another key of testdata, which may sign messages too.
pub(crate) fn ca_with_key(name: &str, key: &str) -> Ca {
    let usages =
        [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    ca_with(name, key, usages.to_vec())
}

/// A CA with another key of testdata, whose certificate begins in so many days, which may be some ago.
pub(crate) fn ca_beginning_in(days: i64, name: &str, key: &str) -> Ca {
    let mut params = named(name);
    params.not_before = time::OffsetDateTime::now_utc() + time::Duration::days(days);
    ca_of(params, key, vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign])
}

fn ca_with(name: &str, key: &str, usages: Vec<KeyUsagePurpose>) -> Ca {
    ca_of(named(name), key, usages)
}

fn ca_of(mut params: CertificateParams, key: &str, usages: Vec<KeyUsagePurpose>) -> Ca {
    let key = KeyPair::from_pem(&key_pem(key)).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = usages;
    Ca { pem: params.self_signed(&key).unwrap().pem(), params, key }
}

/// An RA with a key of testdata, PEM.
pub(crate) fn ra(ca: &Ca, key: &str) -> String {
    let mut params = named("Test RA");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    issue(ca, &params, key)
}

/// A certificate for TLS on loopback, PEM.
pub(crate) fn tls_certificate(ca: &Ca, key: &str) -> String {
    let mut params = named("127.0.0.1");
    params.subject_alt_names = vec![rcgen::SanType::IpAddress([127, 0, 0, 1].into())];
    issue(ca, &params, key)
}

fn issue(ca: &Ca, params: &CertificateParams, key: &str) -> String {
    let issuer = Issuer::new(ca.params.clone(), &ca.key);
    params.signed_by(&KeyPair::from_pem(&key_pem(key)).unwrap(), &issuer).unwrap().pem()
}

pub(crate) fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(90);
    params.use_authority_key_identifier_extension = true;
    params
}

/// A PKCSReq that [`enrol`] would send.
pub(crate) async fn message(url: &str, name: &str, password: &str) -> bytes::Bytes {
    message_to(trust(), url, name, password).await
}

/// As [`message`], to a CA that is known.
pub(crate) async fn message_to(
    trust: CaTrust,
    url: &str,
    name: &str,
    password: &str,
) -> bytes::Bytes {
    let key = software("rsa2048-device");
    let provider = aws_lc_rs::provider();
    let subject = Name::build(&[(oid::COMMON_NAME, name)]);
    let csr = sign_csr(&key, &subject, Some(&Secret::new(password)), &[]).unwrap();
    let signer = self_signed(&key, &subject, scep_client::now(), provider.random).unwrap();
    let client = Client::new(url, provider).unwrap();
    let turn = || Turn {
        now: scep_client::now(),
        transaction_id: [7; 16],
        message: MessageRandom::new(&[7; _]),
    };
    let settings = EnrolmentSettings::new(trust);
    let mut step = Enrolment::start(settings, csr, signer, provider).unwrap();
    loop {
        step = match step {
            Step::Send(exchange) if !exchange.request().body.is_empty() => {
                return exchange.request().body.clone();
            }
            Step::Send(exchange) => {
                let answer = client.send(exchange.request()).await.unwrap();
                exchange.answered(&answer, &turn()).unwrap()
            }
            Step::Sign(request) => {
                let signature = key.sign(request.scheme(), request.bytes()).unwrap();
                request.signed(&signature)
            }
            _ => panic!("no request was sent"),
        };
    }
}
