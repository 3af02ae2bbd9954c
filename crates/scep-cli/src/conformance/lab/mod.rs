//! The server under test, and what rows send to it.

mod exchange;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scep_client::{Client, Observed, now, self_signed};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::inspect::Signed;
use scep_proto::{CaCertificates, Capabilities};
use scep_types::asn1::DerWriter;
use scep_types::{Certificate, ContentCipher, CryptoError, KeyKind, Name, Secret, hex};

pub(crate) use exchange::ContentType;

use super::craft::{Envelope, Message, Sender, Signature, challenge_password, csr};
use super::row::{NoVerdict, not_tested};
use crate::answer::AnswerKind;

/// What a run is about.
pub(crate) struct Setting {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) timeout: Duration,
    /// The CA, authenticated.
    pub(crate) ca: CaCertificates,
    /// The answer to GetCACaps.
    pub(crate) caps: Option<Observed>,
    pub(crate) subject: Name,
    pub(crate) challenges: Vec<Secret>,
    /// How many certificates the server may issue.
    pub(crate) budget: u32,
}

/// A server, keys and challenges, and what rows before found out.
pub(crate) struct Lab {
    pub(crate) setting: Setting,
    /// The device that enrols.
    pub(crate) device: Sender,
    /// Somebody else, with the same subject.
    pub(crate) stranger: Sender,
    /// Challenges that were not good for a certificate yet; the last one stays if it is good for any number.
    live: Vec<Secret>,
    one_time: bool,
    first: Option<First>,
    /// Answers of SUCCESS so far, each of which may be a certificate.
    successes: Cell<u32>,
    /// Whether something was not sent because the budget is used up.
    held_back: Cell<bool>,
    /// What the server says to harmless messages, or why that is not known.
    baseline: Result<Baseline, NoVerdict>,
}

/// A certificate, and how it came.
#[derive(Clone)]
pub(crate) struct Granted {
    pub(crate) certificate: Certificate,
    pub(crate) request: Bytes,
    pub(crate) csr: Vec<u8>,
    pub(crate) reply: Came,
    /// All of the certificates and CRLs in the reply.
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) crls: usize,
}

/// How a server answers messages that change nothing.
#[derive(Clone)]
struct Baseline {
    form: Harmless,
    kind: AnswerKind,
    /// To a PKCSReq with a wrong challenge.
    refused: AnswerKind,
    /// To one whose envelope does not open.
    garbled: AnswerKind,
}

/// A message that gets no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harmless {
    /// A CertPoll for a transaction that nobody knows.
    Poll,
    /// A PKCSReq with a challenge that nobody made.
    Refused,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) kind: AnswerKind,
    pub(crate) status: Option<u16>,
    observed: Option<Observed>,
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.observed.as_ref()?.header(name)
    }

    pub(crate) fn body(&self) -> Bytes {
        self.observed.as_ref().map(|observed| observed.answer.body.clone()).unwrap_or_default()
    }

    /// The CertRep, if it is one.
    pub(crate) fn signed(&self) -> Result<Signed, NoVerdict> {
        match Signed::parse(self.body()) {
            Ok(signed) if self.kind.is_cert_rep() => Ok(signed),
            _ => not_tested(format_args!("no CertRep to look at: {self}")),
        }
    }
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Lab {
    /// Makes keys and finds out how the server answers harmless messages.
    ///
    /// # Errors
    /// No key can be made.
    pub(crate) fn new(setting: Setting) -> Result<Self, scep_client::Error> {
        let (device, stranger) = (sender(&setting.subject)?, sender(&setting.subject)?);
        let one_time = setting.challenges.len() > 1;
        let mut live = setting.challenges.clone();
        live.reverse();
        let baseline = not_tested("nothing was sent yet");
        let (successes, held_back) = (Cell::new(0), Cell::new(false));
        let mut lab = Self {
            setting,
            device,
            stranger,
            live,
            one_time,
            first: None,
            successes,
            held_back,
            baseline,
        };
        lab.baseline = lab.find_baseline();
        Ok(lab)
    }

    fn find_baseline(&self) -> Result<Baseline, NoVerdict> {
        let poll = self.poll_for_nothing()?;
        let poll = self.send(&poll)?.kind;
        let refused = self.wrong_challenge()?;
        let refused = self.send(&refused)?.kind;
        let mut garbled = self.wrong_challenge()?;
        garbled.content = self.sealed(b"no CSR at all")?;
        let garbled = self.send(&garbled)?.kind;
        let (form, kind) =
            match (poll.is_cert_rep(), refused.is_cert_rep() && !refused.is_success()) {
                (true, _) => (Harmless::Poll, poll),
                (false, true) => (Harmless::Refused, refused.clone()),
                (false, false) => {
                    return not_tested("the server answers no harmless message with a CertRep");
                }
            };
        Ok(Baseline { form, kind, refused, garbled })
    }

    /// A message that gets no certificate, and is answered by a CertRep.
    pub(crate) fn harmless(&self) -> Result<Message, NoVerdict> {
        match self.baseline()?.form {
            Harmless::Poll => self.poll_for_nothing(),
            Harmless::Refused => self.wrong_challenge(),
        }
    }

    /// Whether the answer is the usual one to [`Lab::harmless`].
    pub(crate) fn is_usual(&self, came: &Came) -> bool {
        self.baseline.as_ref().is_ok_and(|baseline| baseline.kind == came.kind)
    }

    fn baseline(&self) -> Result<&Baseline, NoVerdict> {
        self.baseline.as_ref().map_err(Clone::clone)
    }

    /// Whether the answer is a refusal; of a server that never says anything else, that says nothing.
    pub(crate) fn refuses(&self, came: &Came) -> Result<bool, NoVerdict> {
        self.baseline()?;
        Ok(came.kind.is_failure() || matches!(came.kind, AnswerKind::Http(400..)))
    }

    /// A PKCSReq with a wrong challenge around this envelope. It tells whether the envelope was opened, where a server
    /// says something else to one that does not open.
    pub(crate) fn openable(&self, envelope: &Envelope) -> Result<Message, NoVerdict> {
        let Baseline { refused, garbled, .. } = self.baseline()?;
        if refused.is_success() {
            return not_tested("a wrong challenge gets a certificate here");
        }
        if refused == garbled {
            return not_tested(format_args!("opened or not, the server says {refused}"));
        }
        self.message("19", envelope.build())
    }

    /// Whether the answer is the one to a request that was opened, and refused for its challenge.
    pub(crate) fn was_opened(&self, came: &Came) -> bool {
        self.baseline.as_ref().is_ok_and(|baseline| baseline.refused == came.kind)
    }

    /// A CSR of the device with a challenge that nobody made.
    pub(crate) fn hopeless_csr(&self) -> Result<Vec<u8>, NoVerdict> {
        let challenge = Secret::new(format!("wrong{}", hex::lower(&self.random::<8>()?)));
        self.csr_with(&self.device, Some(&challenge))
    }

    fn wrong_challenge(&self) -> Result<Message, NoVerdict> {
        let content = self.sealed(&self.hopeless_csr()?)?;
        self.message("19", content)
    }

    fn poll_for_nothing(&self) -> Result<Message, NoVerdict> {
        let content = self.sealed(&self.issuer_and_subject())?;
        self.message("20", content)
    }

    /// What a CertPoll holds.
    pub(crate) fn issuer_and_subject(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.raw(self.setting.ca.issuer().subject().der());
                der.raw(self.setting.subject.der());
            });
        })
    }

    /// A message of the device with a fresh transactionID and nonce.
    pub(crate) fn message(
        &self,
        message_type: &str,
        content: Vec<u8>,
    ) -> Result<Message, NoVerdict> {
        self.message_of(&self.device, message_type, content)
    }

    pub(crate) fn message_of(
        &self,
        sender: &Sender,
        message_type: &str,
        content: Vec<u8>,
    ) -> Result<Message, NoVerdict> {
        let (id, nonce) = (hex::lower(&self.random::<16>()?), self.random::<16>()?);
        Ok(Message::new(sender, message_type, &id, &nonce, content))
    }

    /// Enveloped to the CA with AES-128, as every server must take it.
    pub(crate) fn sealed(&self, plaintext: &[u8]) -> Result<Vec<u8>, NoVerdict> {
        Ok(self.envelope(plaintext, ContentCipher::Aes128Cbc)?.build())
    }

    pub(crate) fn envelope(
        &self,
        plaintext: &[u8],
        cipher: ContentCipher,
    ) -> Result<Envelope, NoVerdict> {
        Ok(Envelope::new(plaintext, self.setting.ca.encryption(), cipher)?)
    }

    /// A CSR for a sender's key with the subject of the run.
    pub(crate) fn csr_with(
        &self,
        sender: &Sender,
        challenge: Option<&Secret>,
    ) -> Result<Vec<u8>, NoVerdict> {
        let attributes: Vec<_> = challenge.map(challenge_password).into_iter().collect();
        Ok(csr(&self.setting.subject, &sender.key, &attributes, Signature::Good)?)
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        let caps = self.setting.caps.as_ref();
        caps.map(|caps| caps.answer.capabilities()).unwrap_or_default()
    }

    /// A challenge that is still good for a certificate; `None` in it where the server needs none.
    pub(crate) fn challenge(&self) -> Result<Option<Secret>, NoVerdict> {
        if self.setting.challenges.is_empty() {
            return Ok(None);
        }
        match self.live.last() {
            Some(challenge) => Ok(Some(challenge.clone())),
            None => not_tested("every challenge is spent; give more with --challenge"),
        }
    }

    /// The challenge was good for a certificate.
    pub(crate) fn spend(&mut self) {
        if self.one_time {
            self.live.pop();
        }
    }

    pub(crate) fn random<const OCTETS: usize>(&self) -> Result<[u8; OCTETS], CryptoError> {
        let mut drawn = [0; OCTETS];
        provider().random.fill(&mut drawn)?;
        Ok(drawn)
    }
}

/// The first certificate, or what came instead.
pub(crate) type First = Result<Box<Granted>, Came>;

fn sender(subject: &Name) -> Result<Sender, scep_client::Error> {
    let key = Arc::new(SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?);
    let certificate = self_signed(&*key, subject, now(), provider().random)?;
    Ok(Sender { certificate, key })
}
