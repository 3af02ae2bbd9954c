//! A CA, a server that follows a script, and a host with a clock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{
    CaTrust, Enrolment, EnrolmentSettings, HttpAnswer, HttpRequest, Issued, State, Step, Turn, csr,
    signer_certificate,
};
use scep_proto::http::{Method, Request};
use scep_proto::inspect::Signed;
use scep_proto::server::{Opened, Recipient, Reply, ReplySettings, Unverified, Verified};
use scep_proto::{
    CaAnchor, Capabilities, Error, FailInfo, FallbackKey, MessageRandom, MessageType,
    write_ca_certificates,
};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, Certificate, Csr, DecryptionKey, DigestAlgorithm, KeyUsage, Name, Secret,
    SignatureScheme, SigningKey, UnixTime, Validity,
};

/// 2026-11-21T00:00:00Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const CHALLENGE: &str = "a challenge nobody may see";
const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);

pub(crate) fn key(name: &str) -> SoftwareKey {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    SoftwareKey::from_pkcs8_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn name(common_name: &str) -> Name {
    Name::build(&[(oid::COMMON_NAME, common_name)])
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ca,
    Ra,
    Device,
}

/// A certificate for the key in `spki`, signed by the CA of this name and key.
pub(crate) fn certificate(
    subject: &Name,
    spki: &[u8],
    role: Role,
    issuer: (&Name, &SoftwareKey),
    serial: u8,
) -> Certificate {
    let validity = Validity { not_before: NOW.minus(DAY), not_after: NOW.plus(DAY * 365) };
    certificate_valid(subject, spki, role, issuer, serial, validity)
}

pub(crate) fn certificate_valid(
    subject: &Name,
    spki: &[u8],
    role: Role,
    issuer: (&Name, &SoftwareKey),
    serial: u8,
    validity: Validity,
) -> Certificate {
    let tbs = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.constructed(Tag::context(0), |der| der.unsigned(2_u64));
            der.unsigned(u64::from(serial));
            SCHEME.write(der);
            der.raw(issuer.0.der());
            validity.write(der);
            der.raw(subject.der());
            der.raw(spki);
            der.constructed(Tag::context(3), |der| {
                der.sequence(|der| write_extensions(der, role));
            });
        });
    });
    let signature = issuer.1.sign(SCHEME, &tbs).unwrap();
    let der = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(&tbs);
            SCHEME.write(der);
            der.bit_string_of(|der| der.raw(&signature));
        });
    });
    Certificate::parse(der).unwrap()
}

fn write_extensions(der: &mut DerWriter, role: Role) {
    let transport = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);
    match role {
        Role::Ca => {
            write_extension(der, &oid::BASIC_CONSTRAINTS, &[0x30, 3, 1, 1, 0xFF]);
            write_extension(der, &oid::KEY_USAGE, &KeyUsage::KEY_CERT_SIGN.to_extension());
        }
        Role::Ra => write_extension(der, &oid::KEY_USAGE, &transport.to_extension()),
        Role::Device => {
            write_extension(der, &oid::KEY_USAGE, &transport.to_extension());
            let client = DerWriter::encode(|der| der.sequence(|der| der.oid(&oid::CLIENT_AUTH)));
            write_extension(der, &oid::EXTENDED_KEY_USAGE, &client);
        }
    }
}

fn write_extension(der: &mut DerWriter, oid: &Oid, value: &[u8]) {
    der.sequence(|der| {
        der.oid(oid);
        der.primitive(Tag::OCTET_STRING, value);
    });
}

/// A CA with a separate RA.
pub(crate) struct Pki {
    pub(crate) ca_key: SoftwareKey,
    pub(crate) ca: Certificate,
    pub(crate) ra_key: SoftwareKey,
    pub(crate) ra: Certificate,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let (ca_key, ra_key) = (key("rsa2048-ca"), key("rsa2048-ra"));
        let subject = name("Test CA");
        let spki = SigningKey::spki(&ca_key);
        let ca = certificate(&subject, spki, Role::Ca, (&subject, &ca_key), 1);
        let spki = SigningKey::spki(&ra_key);
        let ra = certificate(&name("Test RA"), spki, Role::Ra, (&subject, &ca_key), 2);
        Self { ca_key, ca, ra_key, ra }
    }

    pub(crate) fn issue(&self, csr: &Csr) -> Certificate {
        self.issue_for(csr.subject(), csr.spki())
    }

    pub(crate) fn issue_for(&self, subject: &Name, spki: &[u8]) -> Certificate {
        certificate(subject, spki, Role::Device, (self.ca.subject(), &self.ca_key), 9)
    }

    pub(crate) fn fingerprint(&self) -> CaAnchor {
        let digest = provider().digest.digest(DigestAlgorithm::Sha256, self.ca.der()).unwrap();
        CaAnchor::Fingerprint(DigestAlgorithm::Sha256, digest.as_ref().to_vec())
    }

    /// Settings that pin this CA.
    pub(crate) fn settings(&self) -> EnrolmentSettings {
        EnrolmentSettings::new(CaTrust::Anchor(self.fingerprint()))
    }
}

/// A device with a key and the certificate that speaks for it.
pub(crate) struct Device {
    pub(crate) key: SoftwareKey,
    pub(crate) signer: Certificate,
    pub(crate) csr: Csr,
}

impl Device {
    /// Self-signed.
    pub(crate) fn new() -> Self {
        let key = key("rsa2048-device");
        let validity = Validity { not_before: NOW.minus(DAY), not_after: NOW.plus(DAY) };
        let spki = SigningKey::spki(&key);
        let signer = signer_certificate(&name("device"), spki, &[7], validity, SCHEME).unwrap();
        let signature = key.sign(SCHEME, signer.bytes()).unwrap();
        let signer = signer.finish(&signature).unwrap();
        let csr = request(&key, Some(&Secret::new(CHALLENGE)));
        Self { key, signer, csr }
    }

    /// With a certificate of this CA, about to renew it with the same key.
    pub(crate) fn with_certificate(pki: &Pki) -> Self {
        let key = key("rsa2048-device");
        let signer = pki.issue_for(&name("device"), SigningKey::spki(&key));
        let csr = request(&key, None);
        Self { key, signer, csr }
    }

    pub(crate) fn start(&self, settings: EnrolmentSettings) -> Step {
        Enrolment::start(settings, self.csr.clone(), self.signer.clone(), provider()).unwrap()
    }
}

/// A CSR of the device for this key.
pub(crate) fn request(key: &SoftwareKey, challenge: Option<&Secret>) -> Csr {
    let unsigned = csr(&name("device"), SigningKey::spki(key), challenge, &[], SCHEME);
    let signature = key.sign(SCHEME, unsigned.bytes()).unwrap();
    unsigned.finish(&signature).unwrap()
}

/// How the server answers one PKIOperation.
pub(crate) enum Act {
    /// SUCCESS with a certificate for the CSR.
    Succeed,
    /// SUCCESS with these certificates.
    SucceedWith(Vec<Certificate>),
    /// PENDING.
    Pend,
    /// FAILURE.
    Fail(FailInfo, Option<&'static str>),
    /// An HTTP status with this body.
    Http(u16, &'static str),
    /// A FAILURE with this HTTP status.
    FailWithStatus(u16, FailInfo),
    /// Nothing comes back.
    Silence,
    /// PENDING, signed by another key whose certificate stands in the reply.
    SignedBy(Box<(Certificate, SoftwareKey)>),
    /// PENDING, changed on its way.
    Tampered(fn(Vec<u8>) -> Vec<u8>),
    /// The reply before this one, once more.
    SameReplyAgain,
    /// A reply to a message that another client sent.
    ReplyTo(Bytes),
}

/// A request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) message_type: MessageType,
    pub(crate) transaction_id: String,
    pub(crate) nonce: Vec<u8>,
    pub(crate) method: Method,
    pub(crate) message: Bytes,
}

/// A SCEP server that follows a script.
pub(crate) struct Server<'a> {
    pub(crate) pki: &'a Pki,
    pub(crate) capabilities: Option<HttpAnswer>,
    pub(crate) ca_answer: Option<HttpAnswer>,
    pub(crate) script: VecDeque<Act>,
    pub(crate) seen: Vec<Seen>,
    /// The CSR of the request, which a poll is answered for.
    csr: Option<Csr>,
    last_reply: Bytes,
}

impl<'a> Server<'a> {
    pub(crate) fn new(pki: &'a Pki, script: impl IntoIterator<Item = Act>) -> Self {
        let (_, certificates) = write_ca_certificates(&[&pki.ca, &pki.ra]);
        Self {
            pki,
            capabilities: Some(ok(Capabilities::SCEP_STANDARD
                .union(Capabilities::RENEWAL)
                .to_answer())),
            ca_answer: Some(ok(certificates)),
            script: script.into_iter().collect(),
            seen: Vec::new(),
            csr: None,
            last_reply: Bytes::new(),
        }
    }

    pub(crate) fn with_capabilities(mut self, text: &str) -> Self {
        self.capabilities = Some(ok(text.to_owned()));
        self
    }

    pub(crate) fn answer(&mut self, request: &HttpRequest) -> Option<HttpAnswer> {
        let parsed = Request::parse(request.method, Some(&request.query), request.body.clone());
        match parsed.unwrap() {
            Request::GetCaCaps => self.capabilities.clone(),
            Request::GetCaCert => self.ca_answer.clone(),
            Request::PkiOperation(message) => self.operation(request.method, &message),
            Request::GetNextCaCert => panic!("nobody asked for the next CA"),
        }
    }

    fn operation(&mut self, method: Method, message: &Bytes) -> Option<HttpAnswer> {
        self.seen.push(see(method, message));
        let act = self.script.pop_front().expect("the script has come to its end");
        let mut status = 200;
        let reply = match act {
            Act::Silence => return None,
            Act::Http(status, body) => return Some(HttpAnswer { status, body: body.into() }),
            Act::SameReplyAgain => return Some(ok(self.last_reply.clone())),
            Act::ReplyTo(other) => {
                let reply = self.open(&other);
                self.finish(reply, &Act::Pend)
            }
            act => {
                if let Act::FailWithStatus(code, _) = act {
                    status = code;
                }
                let reply = self.open(message);
                self.finish(reply, &act)
            }
        };
        self.last_reply = reply.clone();
        Some(HttpAnswer { status, body: reply })
    }

    /// Opens a request as any server does, and remembers the CSR.
    fn open(&mut self, message: &Bytes) -> Reply {
        let provider = provider();
        let policy = AlgorithmPolicy::Modern;
        let recipients = [
            Recipient { certificate: &self.pki.ra, key: &self.pki.ra_key },
            Recipient { certificate: &self.pki.ca, key: &self.pki.ca_key },
        ];
        let unverified = Unverified::parse(message.clone()).unwrap();
        match unverified.verify(&provider, policy).unwrap() {
            Verified::Poll(poll) => poll.reply,
            Verified::Sealed(sealed) => {
                let fallback = FallbackKey::new([9; 32]);
                match sealed.open(&recipients, &fallback, &provider, policy).unwrap() {
                    Opened::Enrol(enrolment) | Opened::Renew(enrolment) => {
                        self.csr = Some((*enrolment.csr).clone());
                        enrolment.reply
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
        }
    }

    fn finish(&self, reply: Reply, act: &Act) -> Bytes {
        let provider = provider();
        let random = MessageRandom::new(&[0x5A; MessageRandom::OCTETS]);
        let (signer, key) = match act {
            Act::SignedBy(other) => (&other.0, &other.1),
            _ => (&self.pki.ra, &self.pki.ra_key),
        };
        let settings = ReplySettings { signer, provider: &provider, now: NOW };
        let unsigned = match act {
            Act::Succeed => {
                let certificate = self.pki.issue(self.csr.as_ref().unwrap());
                reply.succeed(&[certificate.der()], &random, settings)
            }
            Act::SucceedWith(certificates) => {
                let certificates: Vec<&[u8]> =
                    certificates.iter().map(|certificate| &certificate.der()[..]).collect();
                reply.succeed(&certificates, &random, settings)
            }
            Act::Fail(fail_info, text) => reply.fail(*fail_info, *text, &random, settings),
            Act::FailWithStatus(_, fail_info) => reply.fail(*fail_info, None, &random, settings),
            _ => reply.pend(&random, settings),
        };
        let unsigned = unsigned.unwrap();
        let signature = key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
        let message = unsigned.finish(&signature);
        match act {
            Act::Tampered(change) => change(message.to_vec()).into(),
            _ => message,
        }
    }
}

pub(crate) fn ok(body: impl Into<Bytes>) -> HttpAnswer {
    HttpAnswer { status: 200, body: body.into() }
}

fn see(method: Method, message: &Bytes) -> Seen {
    let signed = Signed::parse(message.clone()).unwrap();
    let attributes = signed.signers().next().unwrap().attributes();
    Seen {
        message_type: attributes.message_type.unwrap(),
        transaction_id: attributes.transaction_id.unwrap().to_string(),
        nonce: attributes.sender_nonce.unwrap().unwrap().octets().to_vec(),
        method,
        message: message.clone(),
    }
}

/// Whoever drives the machine: a clock that only moves when the machine waits, and octets that never repeat.
pub(crate) struct Host {
    pub(crate) now: UnixTime,
    pub(crate) requests: Vec<HttpRequest>,
    pub(crate) waits: Vec<Duration>,
    pub(crate) states: Vec<State>,
    drawn: u8,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self { now: NOW, requests: Vec::new(), waits: Vec::new(), states: Vec::new(), drawn: 0 }
    }

    pub(crate) fn turn(&mut self) -> Turn {
        self.drawn += 1;
        Turn {
            now: self.now,
            transaction_id: [self.drawn; 16],
            message: MessageRandom::new(&[self.drawn; MessageRandom::OCTETS]),
        }
    }

    /// Drives the machine to its end.
    pub(crate) fn drive(
        &mut self,
        device: &Device,
        settings: EnrolmentSettings,
        server: &mut Server<'_>,
    ) -> Result<Issued, Error> {
        let mut step = device.start(settings);
        loop {
            self.states.push(step.state());
            step = match step {
                Step::Done(issued) => return Ok(*issued),
                other => self.take(other, &device.key, server)?,
            };
        }
    }

    /// Does one step.
    pub(crate) fn take(
        &mut self,
        step: Step,
        key: &SoftwareKey,
        server: &mut Server<'_>,
    ) -> Result<Step, Error> {
        let turn = self.turn();
        match step {
            Step::Send(exchange) => {
                self.requests.push(exchange.request().clone());
                match server.answer(exchange.request()) {
                    Some(answer) => exchange.answered(&answer, &turn),
                    None => exchange.unanswered(&turn),
                }
            }
            Step::Sign(request) => {
                let signature = key.sign(request.scheme(), request.bytes()).unwrap();
                Ok(request.signed(&signature))
            }
            Step::Decrypt(reply) => {
                let fallback = reply.fallback(&FallbackKey::new([3; 32]));
                let unwrapped =
                    key.unwrap_key(reply.transport(), reply.encrypted_key(), &fallback).unwrap();
                reply.decrypted(&unwrapped)
            }
            Step::Wait(waiting) => {
                let seconds = waiting.until().as_secs() - self.now.as_secs();
                self.waits.push(Duration::from_secs(u64::try_from(seconds).unwrap()));
                self.now = waiting.until();
                let turn = self.turn();
                waiting.resume(&turn)
            }
            Step::AskTrust(question) => panic!("nobody here decides about {:?}", question.ca()),
            Step::Done(_) => panic!("there is nothing left to do"),
        }
    }
}
