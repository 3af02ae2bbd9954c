//! Nodes that share a store, and requests that are built before they are sent.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use intune_challenge::signed::{Algorithm, Claims, Issuer};
use scep_client::{self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{self, SoftwareKey};
use scep_proto::client::{
    self, Algorithms, Awaiting, CertRep, Payload, ReplyCheck, RequestSettings,
};
use scep_proto::{
    CaAnchor, CaCertificates, FailInfo, FallbackKey, MessageRandom, TransactionId,
    UnauthenticatedCa, write_ca_certificates,
};
use scep_types::{AlgorithmPolicy, Certificate, Name, Secret, SigningKey as _, oid};
use tempfile::TempDir;

use crate::support::{Place, http, key_pem, named, software};

/// How long a request may take that nothing keeps from being answered.
const PATIENCE: Duration = Duration::from_secs(120);
/// Keys of devices: so many different CSRs can ask for the same.
pub(crate) const KEYS: [&str; 4] =
    ["rsa2048-device", "rsa2048-device2", "rsa2048-signer", "rsa2048-anchor"];

/// A configuration with an endpoint for signed challenges and no limits that a test could meet.
pub(crate) fn signed_place(dir: TempDir, store: &str) -> Place {
    let configuration = format!(
        r#"
[[listener]]
address = "127.0.0.1:0"
[store]
{store}
[limits]
per-address = {{ requests = 1000000, per = "1s", burst = 1000000 }}
connections-per-address = 10000
[authority.a]
ca = {{ certificate = "ca.pem", key = {{ file = "ca.key" }} }}
ra = {{ certificate = "ra.pem", key = {{ file = "ra.key" }} }}
[profile.p]
validity = "30d"
[[endpoint]]
name = "devices"
mode = "signed"
signed = {{ anchors = "mdm.pem", audience = "https://scep.example" }}
lease = "1s"
device-allowance = {{ certificates = 5, window = "12h" }}
renewal = {{ allow = {{ grace = "0s" }} }}
"#
    );
    let place = Place::within(dir, &configuration);
    let anchor = rcgen::KeyPair::from_pem(&key_pem("p256-anchor")).unwrap();
    place.write("mdm.pem", &named("Test MDM").self_signed(&anchor).unwrap().pem(), 0o644);
    place
}

/// A scepd that can be killed.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
    /// Where it says where it serves; open, so that it may say more.
    _stdout: BufReader<ChildStdout>,
}

impl Node {
    /// Starts one more on this configuration; it has a port of its own.
    pub(crate) fn start(place: &Place) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(place.path("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_scepd"));
        command.current_dir(place.dir.path()).args(["serve", "--config", "scepd.toml"]);
        command.env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.strip_prefix("serving ").and_then(|said| said.split(' ').next());
        let url = url.unwrap_or_else(|| panic!("{line}{}", place.read("log"))).to_owned();
        Self { child, url, _stdout: stdout }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Devices, the MDM that signs challenges for them, and what they know of the CA.
pub(crate) struct Fleet {
    ca: CaCertificates,
    devices: Vec<(Arc<SoftwareKey>, Certificate)>,
    subject: Name,
    mdm: Issuer,
    http: reqwest::Client,
}

/// A request, octet for octet, and what opens its answers.
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) challenge: Secret,
    message: Bytes,
    awaiting: Awaiting,
    key: Arc<SoftwareKey>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Issued(Box<Certificate>),
    Refused(FailInfo),
    Pending,
    /// 503: it is at work, or there is no room.
    ComeAgain,
    /// The connection was refused or ended.
    Gone,
}

impl Fleet {
    /// Devices that enrol at the CA of this directory.
    pub(crate) fn of(place: &Place) -> Self {
        let certificate = |name: &str| {
            let pem = pem::parse(place.read(name)).unwrap();
            Certificate::parse(pem.into_contents()).unwrap()
        };
        let (_, answer) = write_ca_certificates(&[&certificate("ca.pem"), &certificate("ra.pem")]);
        let (provider, now) = (aws_lc_rs::provider(), scep_client::now());
        let ca = UnauthenticatedCa::parse(answer).unwrap();
        let ca = ca.authenticate(&CaAnchor::TrustUnverified, &provider, now).unwrap();
        let subject = Name::build(&[(oid::COMMON_NAME, "phone")]);
        let device = |name: &&str| {
            let key = Arc::new(software(name));
            let signer = self_signed(key.as_ref(), &subject, now, provider.random).unwrap();
            (key, signer)
        };
        let devices = KEYS.iter().map(device).collect();
        let mdm = Issuer::new(Arc::new(software("p256-anchor")), Algorithm::Es256, None).unwrap();
        Self { ca, devices, subject, mdm, http: http() }
    }

    /// A challenge for this device.
    pub(crate) fn challenge(&self, nonce: &str, device: &str) -> Secret {
        let now = scep_client::now();
        let ends = now.plus(Duration::from_secs(3_000));
        let mut claims = Claims::new(device, Secret::new(nonce), now, ends);
        claims.issuer = Some("test-mdm".to_owned());
        claims.audience = Some("https://scep.example".to_owned());
        claims.device_name = Some("phone".to_owned());
        self.mdm.mint(&claims).unwrap()
    }

    /// A request with one of the [`KEYS`].
    pub(crate) fn order(&self, id: &str, key: usize, challenge: &Secret) -> Order {
        let (key, signer) = &self.devices[key];
        let provider = aws_lc_rs::provider();
        let csr = sign_csr(key.as_ref(), &self.subject, Some(challenge), &[]).unwrap();
        let mut drawn = [0; _];
        provider.random.fill(&mut drawn).unwrap();
        let settings = RequestSettings {
            transaction_id: &TransactionId::new(id).unwrap(),
            signer,
            recipient: self.ca.encryption(),
            algorithms: Algorithms::default(),
            signing_time: None,
            provider: &provider,
        };
        let random = MessageRandom::new(&drawn);
        let (unsigned, awaiting) = client::build(Payload::Enrol(&csr), settings, &random).unwrap();
        let signature = key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
        let (id, challenge, key) = (id.to_owned(), challenge.clone(), key.clone());
        Order { id, challenge, message: unsigned.finish(&signature), awaiting, key }
    }

    /// Sends it once.
    pub(crate) async fn send(&self, url: &str, order: &Order) -> Answer {
        let url = format!("{url}?operation=PKIOperation");
        let Ok(answer) = self.http.post(url).body(order.message.clone()).send().await else {
            return Answer::Gone;
        };
        let status = answer.status().as_u16();
        let Ok(body) = answer.bytes().await else { return Answer::Gone };
        match status {
            200 => self.read(order, body),
            503 => Answer::ComeAgain,
            other => panic!("{other}: {body:?}"),
        }
    }

    /// Sends it, first to the node of this number, until it is answered.
    pub(crate) async fn settle(&self, urls: &[String], first: usize, order: &Order) -> Answer {
        let start = Instant::now();
        for node in first.. {
            match self.send(&urls[node % urls.len()], order).await {
                Answer::ComeAgain | Answer::Gone => {
                    assert!(start.elapsed() < PATIENCE, "{} is not answered", order.id);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                answer => return answer,
            }
        }
        Answer::Gone
    }

    fn read(&self, order: &Order, body: Bytes) -> Answer {
        let provider = aws_lc_rs::provider();
        let check = ReplyCheck {
            ca: &self.ca,
            key: order.key.as_ref(),
            provider: &provider,
            policy: AlgorithmPolicy::Modern,
        };
        match order.awaiting.receive(body, check, &FallbackKey::new([7; 32])).unwrap() {
            CertRep::Success { mut certificates, .. } => {
                Answer::Issued(Box::new(certificates.remove(0)))
            }
            CertRep::Failure { fail_info, .. } => Answer::Refused(fail_info.unwrap()),
            CertRep::Pending => Answer::Pending,
        }
    }
}

impl Answer {
    /// The serial number of the certificate.
    pub(crate) fn serial(&self) -> String {
        match self {
            Self::Issued(certificate) => certificate.serial_hex(),
            other => panic!("{other:?}"),
        }
    }
}
