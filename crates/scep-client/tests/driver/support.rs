//! A SCEP server that answers as a test wants, over HTTP made by hand: so it can also break off, hang and lie.
//!
//! The tests of the `scep` program use it too.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData,
    SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::http::{Method, Request};
use scep_proto::server::{Opened, Recipient, Reply, ReplySettings, Unverified, Verified};
use scep_proto::{
    CaAnchor, Capabilities, FailInfo, FallbackKey, MessageRandom, write_ca_certificates,
};
use scep_test::ber;
use scep_test::craft::SignedMessage;
use scep_types::asn1::{Reader, Tag};
use scep_types::{
    AlgorithmPolicy, Certificate, Csr, DigestAlgorithm, KeyKind, SigningKey, UnixTime,
};

pub(crate) fn key_path(name: &str) -> String {
    format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn key(name: &str) -> SoftwareKey {
    SoftwareKey::from_pkcs8_pem(&std::fs::read_to_string(key_path(name)).unwrap()).unwrap()
}

fn rcgen_key(name: &str) -> KeyPair {
    KeyPair::from_pem(&std::fs::read_to_string(key_path(name)).unwrap()).unwrap()
}

/// The next serial number.
static ISSUED: AtomicU64 = AtomicU64::new(100);

/// A CA with a separate RA.
pub(crate) struct Pki {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) ca: Certificate,
    pub(crate) ra: Certificate,
    ra_key: SoftwareKey,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let key_of_ca = rcgen_key("rsa2048-ca");
        let mut params = params("Test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = parse(&params.self_signed(&key_of_ca).unwrap());
        let issuer = Issuer::new(params, key_of_ca);
        let ra = parse(&ra_params().signed_by(&rcgen_key("rsa2048-ra"), &issuer).unwrap());
        Self { issuer, ca, ra, ra_key: key("rsa2048-ra") }
    }

    /// A certificate for the key and commonName of the CSR.
    pub(crate) fn issue(&self, csr: &Csr) -> Certificate {
        let mut params = params(&csr.subject().common_names().next().unwrap_or_default());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // By default it is made of the key, and a renewed certificate would be the old one.
        params.serial_number = Some(ISSUED.fetch_add(1, Ordering::Relaxed).into());
        parse(&params.signed_by(&PublicKey::of(csr.spki(), csr.key_kind()), &self.issuer).unwrap())
    }

    /// A CRL in the CA's name, signed by its key or by another.
    pub(crate) fn crl(&self, signer: &str) -> Vec<u8> {
        let revocations = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 11, 1),
            next_update: date_time_ymd(2036, 11, 1),
            crl_number: SerialNumber::from_slice(&[4]),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let mut params = params("Test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(params, rcgen_key(signer));
        revocations.signed_by(&issuer).unwrap().der().to_vec()
    }

    /// The next certificate of the CA, with another key.
    pub(crate) fn next_ca(&self) -> Certificate {
        let mut params = params("Test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parse(&params.self_signed(&rcgen_key("rsa2048-anchor")).unwrap())
    }

    pub(crate) fn fingerprint(&self, algorithm: DigestAlgorithm) -> Vec<u8> {
        provider().digest.digest(algorithm, self.ca.der()).unwrap().as_ref().to_vec()
    }

    pub(crate) fn anchor(&self) -> CaAnchor {
        CaAnchor::Fingerprint(DigestAlgorithm::Sha256, self.fingerprint(DigestAlgorithm::Sha256))
    }
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn ra_params() -> CertificateParams {
    let mut params = params("Test RA");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params
}

fn parse(certificate: &rcgen::Certificate) -> Certificate {
    Certificate::parse(certificate.der().to_vec()).unwrap()
}

/// The key of a CSR, which we parse ourselves.
struct PublicKey(Vec<u8>, KeyKind);

impl PublicKey {
    fn of(spki: &[u8], kind: KeyKind) -> Self {
        let mut info = Reader::der(spki).sequence().unwrap();
        info.expect(Tag::SEQUENCE).unwrap();
        Self(info.bit_string_octets().unwrap().to_vec(), kind)
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.1 {
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            _ => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

/// How the server answers one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// As a good server does: capabilities, CA certificates, SUCCESS.
    Well,
    /// PENDING.
    Pend,
    /// FAILURE.
    Fail(FailInfo, Option<&'static str>),
    /// FAILURE with HTTP 500.
    FailWithStatus500(FailInfo),
    /// A status with a body.
    Http(u16, Vec<u8>),
    /// A status and where to go instead.
    Redirect(u16, String),
    /// The connection is closed without an answer.
    BreakOff,
    /// Half an answer, and then the connection is closed.
    BreakOffInside,
    /// Nothing happens for a while.
    Hang,
    /// 10 MiB of nothing, without a Content-Length.
    Flood,
    /// The reply before this one, once more.
    SameReplyAgain,
    /// A good reply to a message of another transaction.
    ReplyToAnother,
    /// A good reply signed by somebody else, whose certificate stands in it.
    SignedByAttacker,
    /// A certificate for our key, or a CRL, that another CA signed.
    IssuedByStranger,
    /// A good reply in BER, as Bouncy Castle streams it.
    Ber,
    /// To GetNextCACert, the certificates beside what is signed, where jscep puts them.
    OutsideOnly,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has_message(&self) -> bool {
        self.target.contains("PKIOperation")
    }
}

/// A server on loopback until the process ends.
pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) pki: Arc<Pki>,
    state: Arc<Mutex<State>>,
}

struct State {
    capabilities: Act,
    ca: Act,
    script: VecDeque<Act>,
    seen: Vec<Seen>,
    csr: Option<Csr>,
    issued: Vec<Certificate>,
    last_reply: Vec<u8>,
}

/// What a request wants to have.
enum Wanted {
    /// A certificate for its CSR, or for the one that waits.
    NewCertificate,
    /// A certificate that was issued.
    Certificate(Bytes),
    Crl,
}

impl TestServer {
    /// A server whose PKIOperations are answered like this, one after the other; the last for ever.
    pub(crate) fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::with(Act::Well, Act::Well, script)
    }

    /// The same with answers to GetCACaps and GetCACert of its own.
    pub(crate) fn with(capabilities: Act, ca: Act, script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/scep", listener.local_addr().unwrap());
        let state = State {
            capabilities,
            ca,
            script: script.into_iter().collect(),
            seen: Vec::new(),
            csr: None,
            issued: Vec::new(),
            last_reply: Vec::new(),
        };
        let (pki, state) = (Arc::new(Pki::new()), Arc::new(Mutex::new(state)));
        let server = Self { url, pki: Arc::clone(&pki), state: Arc::clone(&state) };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (pki, state) = (Arc::clone(&pki), Arc::clone(&state));
                // A client that goes away is its own business.
                std::thread::spawn(move || serve(&connection.unwrap(), &pki, &state).ok());
            }
        });
        server
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        locked(&self.state).seen.clone()
    }

    /// How many certificates it issued.
    pub(crate) fn issued(&self) -> usize {
        locked(&self.state).issued.len()
    }

    /// The reply it sent last.
    pub(crate) fn last_reply(&self) -> Vec<u8> {
        locked(&self.state).last_reply.clone()
    }

    /// How many PKIOperations came.
    pub(crate) fn messages(&self) -> usize {
        self.seen().iter().filter(|seen| seen.has_message()).count()
    }
}

/// A message it cannot read ends its thread, and must not end the server.
fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut connection: &TcpStream, pki: &Pki, state: &Mutex<State>) -> std::io::Result<()> {
    let seen = read_request(connection)?;
    let act = {
        let mut state = locked(state);
        let act = state.choose(&seen);
        state.seen.push(seen.clone());
        act
    };
    match act {
        Act::BreakOff => Ok(()),
        Act::Hang => {
            std::thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        Act::BreakOffInside => {
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n0\x82")
        }
        Act::Flood => flood(connection),
        Act::Redirect(status, to) => {
            let head =
                format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            connection.write_all(head.as_bytes())
        }
        Act::Http(status, body) => respond(connection, status, &body),
        act => {
            let status = if matches!(act, Act::FailWithStatus500(_)) { 500 } else { 200 };
            let body = locked(state).scep(pki, &seen, &act);
            respond(connection, status, &body)
        }
    }
}

fn read_request(connection: &TcpStream) -> std::io::Result<Seen> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen { method, target, headers, body: Vec::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    seen.body = body;
    Ok(seen)
}

fn respond(mut connection: &TcpStream, status: u16, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(body)
}

fn flood(mut connection: &TcpStream) -> std::io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
    for _ in 0..160 {
        connection.write_all(&[b'\n'; 64 * 1024])?;
    }
    Ok(())
}

impl State {
    fn choose(&mut self, seen: &Seen) -> Act {
        if seen.target.contains("GetCACaps") {
            self.capabilities.clone()
        } else if seen.target.contains("GetCACert") {
            self.ca.clone()
        } else if self.script.len() > 1 {
            self.script.pop_front().unwrap()
        } else {
            self.script.front().cloned().unwrap()
        }
    }

    fn scep(&mut self, pki: &Pki, seen: &Seen, act: &Act) -> Vec<u8> {
        let (_, query) = seen.target.split_once('?').unwrap();
        let method = if seen.method == "POST" { Method::Post } else { Method::Get };
        match Request::parse(method, Some(query), seen.body.clone().into()).unwrap() {
            Request::GetCaCaps => {
                let caps = Capabilities::SCEP_STANDARD.union(Capabilities::RENEWAL);
                caps.to_answer().into_bytes()
            }
            Request::GetCaCert => write_ca_certificates(&[&pki.ca, &pki.ra]).1.to_vec(),
            Request::PkiOperation(_) if matches!(act, Act::SameReplyAgain) => {
                self.last_reply.clone()
            }
            Request::PkiOperation(message) => {
                let (reply, wanted) = self.open(pki, message.clone());
                self.last_reply = match (act, &wanted) {
                    (Act::Pend, Wanted::Certificate(_) | Wanted::Crl) => pending(pki, &message),
                    _ => self.finish(pki, reply, wanted, act),
                };
                self.last_reply.clone()
            }
            Request::GetNextCaCert => next_ca_answer(pki, act),
        }
    }

    fn open(&mut self, pki: &Pki, message: Bytes) -> (Reply, Wanted) {
        let (provider, policy) = (provider(), AlgorithmPolicy::Modern);
        let recipients = [Recipient { certificate: &pki.ra, key: &pki.ra_key }];
        match Unverified::parse(message).unwrap().verify(&provider, policy).unwrap() {
            Verified::Poll(poll) => (poll.reply, Wanted::NewCertificate),
            Verified::Sealed(sealed) => {
                let fallback = FallbackKey::new([9; 32]);
                match sealed.open(&recipients, &fallback, &provider, policy).unwrap() {
                    Opened::Enrol(enrolment) | Opened::Renew(enrolment) => {
                        self.csr = Some((*enrolment.csr).clone());
                        (enrolment.reply, Wanted::NewCertificate)
                    }
                    Opened::GetCert(query) => (query.reply, Wanted::Certificate(query.serial)),
                    Opened::GetCrl(query) => (query.reply, Wanted::Crl),
                }
            }
        }
    }

    fn finish(&mut self, pki: &Pki, reply: Reply, wanted: Wanted, act: &Act) -> Vec<u8> {
        let (provider, random) = (provider(), MessageRandom::new(&[0x5A; MessageRandom::OCTETS]));
        let reply = if matches!(act, Act::ReplyToAnother) { reply_to_another(pki) } else { reply };
        let attacker = (attacker(pki), key("rsa2048-signer"));
        let (signer, key) = match act {
            Act::SignedByAttacker => (&attacker.0, &attacker.1),
            _ => (&pki.ra, &pki.ra_key),
        };
        let now = UnixTime::from_secs(1_795_219_200);
        let settings = ReplySettings { signer, provider: &provider, now };
        let unsigned = match act {
            Act::Pend | Act::ReplyToAnother => reply.pend(&random, settings),
            Act::Fail(fail_info, text) => reply.fail(*fail_info, *text, &random, settings),
            Act::FailWithStatus500(fail_info) => reply.fail(*fail_info, None, &random, settings),
            act => match wanted {
                Wanted::NewCertificate if self.csr.is_none() => {
                    reply.fail(FailInfo::BAD_CERT_ID, None, &random, settings)
                }
                Wanted::NewCertificate => {
                    let certificate = self.certificate(pki, act);
                    reply.succeed(&[certificate.der()], &random, settings)
                }
                Wanted::Certificate(serial) => match self.issued.last() {
                    Some(issued) if issued.serial() == serial => {
                        reply.succeed(&[pki.ca.der(), issued.der()], &random, settings)
                    }
                    _ => reply.fail(FailInfo::BAD_CERT_ID, None, &random, settings),
                },
                Wanted::Crl => {
                    let stranger = matches!(act, Act::IssuedByStranger);
                    let signer = if stranger { "rsa2048-signer" } else { "rsa2048-ca" };
                    reply.succeed_with_crl(&pki.crl(signer), &random, settings)
                }
            },
        };
        let unsigned = unsigned.unwrap();
        let signature = key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
        let reply = unsigned.finish(&signature);
        match act {
            Act::Ber => ber::signed_data(&reply, &ber::Style::streamed()),
            _ => reply.to_vec(),
        }
    }

    fn certificate(&mut self, pki: &Pki, act: &Act) -> Certificate {
        let csr = self.csr.as_ref().unwrap();
        let certificate = match act {
            Act::IssuedByStranger => {
                let stranger = Issuer::new(params("Test CA"), rcgen_key("rsa2048-signer"));
                let public = PublicKey::of(csr.spki(), csr.key_kind());
                parse(&params("device").signed_by(&public, &stranger).unwrap())
            }
            _ => pki.issue(csr),
        };
        self.issued.push(certificate.clone());
        certificate
    }
}

/// The next CA's certificate, signed by the current one (RFC 8894 §4.7.1).
fn next_ca_answer(pki: &Pki, act: &Act) -> Vec<u8> {
    let next = pki.next_ca();
    let inside = write_ca_certificates(&[&next, &pki.ca]).1.to_vec();
    let nothing = write_ca_certificates(&[]).1.to_vec();
    let ca_key = Arc::new(key("rsa2048-ca"));
    let sha256 = DigestAlgorithm::Sha256;
    let message = match act {
        Act::SignedByAttacker => {
            let key = Arc::new(key("rsa2048-signer"));
            SignedMessage::new(key, &attacker(pki), inside, sha256)
        }
        Act::OutsideOnly => {
            let mut message = SignedMessage::new(ca_key, &pki.ca, nothing, sha256);
            message.certificates.push(next.der().to_vec());
            message
        }
        _ => SignedMessage::new(ca_key, &pki.ca, inside, sha256),
    };
    message.build().to_vec()
}

/// A certificate of this very CA for the attacker's key.
fn attacker(pki: &Pki) -> Certificate {
    let key = rcgen_key("rsa2048-signer");
    parse(&params("attacker").signed_by(&key, &pki.issuer).unwrap())
}

/// The way to answer a request that somebody else made.
/// PENDING to a query, which our own server cannot say (RFC 8894 §4.5.1).
fn pending(pki: &Pki, request: &Bytes) -> Vec<u8> {
    let key = Arc::new(key("rsa2048-ra"));
    SignedMessage::reply(key, &pki.ra, request, "3", Vec::new()).build().to_vec()
}

fn reply_to_another(pki: &Pki) -> Reply {
    use scep_proto::TransactionId;
    use scep_proto::client::{Algorithms, Payload, RequestSettings, build};
    let (provider, key) = (provider(), key("rsa2048-signer"));
    let signer = attacker(pki);
    let id = TransactionId::new("another").unwrap();
    let settings = RequestSettings {
        transaction_id: &id,
        signer: &signer,
        recipient: &pki.ra,
        algorithms: Algorithms::default(),
        signing_time: None,
        provider: &provider,
    };
    let names = (pki.ca.subject(), signer.subject());
    let payload = Payload::Poll { issuer: names.0, subject: names.1 };
    let random = MessageRandom::new(&[1; MessageRandom::OCTETS]);
    let (unsigned, _) = build(payload, settings, &random).unwrap();
    let signature = key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
    let unverified = Unverified::parse(unsigned.finish(&signature)).unwrap();
    match unverified.verify(&provider, AlgorithmPolicy::Modern).unwrap() {
        Verified::Poll(poll) => poll.reply,
        other => panic!("unexpected {other:?}"),
    }
}
