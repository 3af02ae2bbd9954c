//! A device: our client's machine, which outlives the node it talks to and sends what was not answered again.

use scep_client::{Client, self_signed};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{CaTrust, Enrolment, EnrolmentSettings, Step, Turn};
use scep_proto::{CaAnchor, FallbackKey, MessageRandom};
use scep_test::pki::NOW;
use scep_types::{Certificate, Csr, DecryptionKey as _, SigningKey as _};

/// More attempts than any test needs.
const ATTEMPTS: u32 = 30;

pub(crate) struct Device {
    key: SoftwareKey,
    transaction_id: [u8; 16],
    csr: Csr,
    /// Where its enrolment is: at its beginning, or at a request that was not answered.
    step: Step,
}

/// What came of it so far.
#[derive(Debug)]
pub(crate) enum Got {
    Certificate(Box<Certificate>),
    Refused(scep_proto::Error),
    /// No answer, or to come again.
    Nothing,
}

impl Device {
    pub(crate) fn new(key: SoftwareKey, csr: Csr, transaction_id: [u8; 16]) -> Self {
        let mut settings = EnrolmentSettings::new(CaTrust::Anchor(CaAnchor::TrustUnverified));
        settings.retries.attempts = ATTEMPTS;
        let signer = self_signed(&key, csr.subject(), NOW, provider().random).unwrap();
        let step = Enrolment::start(settings, csr.clone(), signer, provider()).unwrap();
        Self { key, transaction_id, csr, step }
    }

    /// Goes on with the node at this URL, until it has an answer or lost its node.
    pub(crate) async fn go(self, url: &str) -> (Self, Got) {
        let client = Client::new(url, provider()).unwrap();
        let Self { key, transaction_id, csr, mut step } = self;
        let turn = || Turn { now: NOW, transaction_id, message: MessageRandom::new(&drawn()) };
        let afresh = |key| Self::new(key, csr.clone(), transaction_id);
        if let Step::Wait(waiting) = step {
            step = waiting.resume(&turn()).unwrap();
        }
        loop {
            step = match step {
                Step::Send(exchange) => match client.send(exchange.request()).await {
                    Ok(answer) => match exchange.answered(&answer, &turn()) {
                        Ok(step) => step,
                        Err(error) => return (afresh(key), Got::Refused(error)),
                    },
                    Err(_) => exchange.unanswered(&turn()).unwrap(),
                },
                Step::Sign(request) => {
                    let signature = key.sign(request.scheme(), request.bytes()).unwrap();
                    request.signed(&signature)
                }
                Step::Decrypt(reply) => {
                    let fallback = reply.fallback(&FallbackKey::new(drawn()));
                    let (transport, wrapped) = (reply.transport(), reply.encrypted_key());
                    let content_key = key.unwrap_key(transport, wrapped, &fallback).unwrap();
                    reply.decrypted(&content_key).unwrap()
                }
                Step::Wait(waiting) => {
                    assert_eq!(waiting.pending_polls(), None, "nothing is ever pending");
                    let step = Step::Wait(waiting);
                    return (Self { key, transaction_id, csr, step }, Got::Nothing);
                }
                Step::Done(issued) => {
                    return (afresh(key), Got::Certificate(Box::new(issued.certificate)));
                }
                Step::AskTrust(_) => panic!("it trusts any CA"),
            };
        }
    }
}

impl Got {
    /// Whether it is a CertRep that says no.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(scep_proto::Error::Refused(_)))
    }

    /// The serial number of the certificate.
    pub(crate) fn serial(&self) -> String {
        match self {
            Self::Certificate(certificate) => certificate.serial_hex(),
            other => panic!("{other:?}"),
        }
    }
}

fn drawn<const OCTETS: usize>() -> [u8; OCTETS] {
    let mut drawn = [0; OCTETS];
    provider().random.fill(&mut drawn).unwrap();
    drawn
}
