//! A SCEP server that follows a script.

use std::collections::VecDeque;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Algorithms, HttpAnswer, HttpRequest, Payload, RequestSettings, build};
use scep_proto::http::{Method, Request};
use scep_proto::inspect::Signed;
use scep_proto::server::{Opened, Reply, ReplySettings, Verified};
use scep_proto::{
    Capabilities, FailInfo, MessageRandom, MessageType, TransactionId, write_ca_certificates,
};
use scep_test::keys;
use scep_test::pki::{NOW, Pki, Role, finish};
use scep_test::requests::CHALLENGE;
use scep_types::{AlgorithmPolicy, Certificate, Csr, DigestAlgorithm, Secret, SigningKey};

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
    /// PENDING, signed with this digest.
    PendWith(DigestAlgorithm),
    /// PENDING, signed by the attacker, whose certificate stands in the reply.
    SignedByAttacker,
    /// SUCCESS for our transaction and nonce, but encrypted to the attacker.
    EncryptedToAttacker,
    /// A request of the RA for our transaction.
    RequestOfTheRa,
    /// PENDING, changed on its way.
    Tampered(fn(Vec<u8>) -> Vec<u8>),
    /// The reply before this one, once more.
    SameReplyAgain,
    /// A reply to a message that another client sent.
    ReplyTo(Bytes),
    /// An HTTP status, and a reply that is made of the request.
    Craft(u16, fn(&Bytes) -> Bytes),
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
    pub(crate) policy: AlgorithmPolicy,
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
            policy: AlgorithmPolicy::Modern,
            csr: None,
            last_reply: Bytes::new(),
        }
    }

    /// A server that was asked for a certificate before.
    pub(crate) fn having_seen(mut self, csr: &Csr) -> Self {
        self.csr = Some(csr.clone());
        self
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
        let act = self.script.pop_front().unwrap(); // the script must not end before the client
        let mut status = 200;
        let reply = match act {
            Act::Silence => return None,
            Act::Http(status, body) => return Some(HttpAnswer { status, body: body.into() }),
            Act::Craft(status, craft) => {
                return Some(HttpAnswer { status, body: craft(message) });
            }
            Act::SameReplyAgain => return Some(ok(self.last_reply.clone())),
            Act::ReplyTo(other) => {
                let reply = self.open(&other);
                self.finish(reply, &Act::Pend)
            }
            Act::EncryptedToAttacker => {
                let theirs = self.request_in_our_name(&attacker(self.pki), &attacker_key());
                let reply = self.open(&theirs);
                self.finish(reply, &Act::Succeed)
            }
            Act::RequestOfTheRa => self.request_in_our_name(&self.pki.ra, &self.pki.ra_key),
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
        let password = Secret::new(CHALLENGE);
        if let Verified::Poll(poll) = Pki::verify(message, self.policy).unwrap() {
            return poll.reply.with_password(&password, &provider());
        }
        match self.pki.open_knowing(message, self.policy, &[password]).unwrap() {
            Opened::Enrol(enrolment) | Opened::Renew(enrolment) => {
                self.csr = Some((*enrolment.csr).clone());
                enrolment.reply
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    /// A PKCSReq with the transactionID and nonce of the latest request, signed by somebody else.
    fn request_in_our_name(&self, signer: &Certificate, key: &dyn SigningKey) -> Bytes {
        let ours = self.seen.last().unwrap();
        let settings = RequestSettings {
            transaction_id: &TransactionId::new(&ours.transaction_id).unwrap(),
            signer,
            recipient: &self.pki.ra,
            algorithms: Algorithms::default(),
            signing_time: None,
            provider: &provider(),
        };
        let csr = scep_test::requests::csr("device", None, &[], key);
        // The host draws one octet repeated, and the nonce shows which.
        let random = MessageRandom::new(&[ours.nonce[0]; MessageRandom::OCTETS]);
        finish(build(Payload::Enrol(&csr), settings, &random).unwrap().0, key)
    }

    fn finish(&self, reply: Reply, act: &Act) -> Bytes {
        let (provider, random) = (provider(), scep_test::requests::random(0x5A));
        let (attacker, attacker_key) = (attacker(self.pki), attacker_key());
        let (signer, key): (_, &dyn SigningKey) = match act {
            Act::SignedByAttacker => (&attacker, &attacker_key),
            _ => (&self.pki.ra, &self.pki.ra_key),
        };
        let settings = ReplySettings { signer, provider: &provider, now: NOW };
        let unsigned = match act {
            Act::Succeed => {
                let certificate = issue(self.pki, self.csr.as_ref().unwrap());
                reply.succeed(&[certificate.der()], &random, settings)
            }
            Act::SucceedWith(certificates) => {
                let certificates: Vec<&[u8]> =
                    certificates.iter().map(|certificate| &certificate.der()[..]).collect();
                reply.succeed(&certificates, &random, settings)
            }
            Act::Fail(fail_info, text) => reply.fail(*fail_info, *text, &random, settings),
            Act::FailWithStatus(_, fail_info) => reply.fail(*fail_info, None, &random, settings),
            Act::PendWith(digest) => reply.with_digest(*digest).pend(&random, settings),
            _ => reply.pend(&random, settings),
        };
        let message = finish(unsigned.unwrap(), key);
        match act {
            Act::Tampered(change) => change(message.to_vec()).into(),
            _ => message,
        }
    }
}

/// A certificate for what the CSR asks for.
pub(crate) fn issue(pki: &Pki, csr: &Csr) -> Certificate {
    pki.issue("device", &[10], Role::Device, csr.spki())
}

fn attacker_key() -> scep_crypto::aws_lc_rs::SoftwareKey {
    keys::software("rsa2048-signer")
}

/// The attacker holds a certificate of this very CA.
fn attacker(pki: &Pki) -> Certificate {
    pki.issue("attacker", &[11], Role::Device, SigningKey::spki(&attacker_key()))
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
