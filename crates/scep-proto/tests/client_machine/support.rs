//! A device, and a host with a clock of its own.

use std::time::Duration;

use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{
    CaTrust, Enrolment, EnrolmentSettings, HttpRequest, Issued, State, Step, Turn,
};
use scep_proto::{CaAnchor, Error, FallbackKey, MessageRandom};
use scep_test::keys;
use scep_test::pki::{NOW, Pki};
use scep_test::requests::Device;
use scep_types::{DigestAlgorithm, UnixTime};

use crate::server::Server;

pub(crate) fn pki() -> &'static Pki {
    Pki::shared()
}

/// A CA of the same name with another key.
pub(crate) fn stranger() -> Pki {
    Pki::new("rsa2048-signer", "rsa2048-ra")
}

/// A device without a certificate.
pub(crate) fn device() -> Device {
    Device::new("device", keys::software("rsa2048-device"))
}

/// A device with a certificate of this CA, about to renew it with the same key.
pub(crate) fn device_with_certificate(pki: &Pki) -> Device {
    let key = keys::software("rsa2048-device");
    Device::renewing(pki, "device", keys::software("rsa2048-device"), &key)
}

pub(crate) fn fingerprint(pki: &Pki) -> CaAnchor {
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, pki.ca.der()).unwrap();
    CaAnchor::Fingerprint(DigestAlgorithm::Sha256, digest.as_ref().to_vec())
}

/// Settings that pin this CA.
pub(crate) fn settings(pki: &Pki) -> EnrolmentSettings {
    EnrolmentSettings::new(CaTrust::Anchor(fingerprint(pki)))
}

pub(crate) fn start(device: &Device, settings: EnrolmentSettings) -> Step {
    Enrolment::start(settings, device.csr.clone(), device.signer.clone(), provider()).unwrap()
}

/// Whoever drives the machine: a clock that only moves when the machine waits, and octets that never repeat.
pub(crate) struct Host {
    pub(crate) now: UnixTime,
    pub(crate) requests: Vec<HttpRequest>,
    pub(crate) waits: Vec<Duration>,
    pub(crate) states: Vec<State>,
    drawn: u8,
    repeated: bool,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self {
            now: NOW,
            requests: Vec::new(),
            waits: Vec::new(),
            states: Vec::new(),
            drawn: 0,
            repeated: true,
        }
    }

    /// One whose octets differ from each other, too: triple DES takes no key of equal parts.
    pub(crate) fn with_distinct_octets() -> Self {
        Self { repeated: false, ..Self::new() }
    }

    pub(crate) fn turn(&mut self) -> Turn {
        self.drawn += 1;
        let drawn = self.drawn;
        let message = if self.repeated {
            MessageRandom::new(&[drawn; MessageRandom::OCTETS])
        } else {
            scep_test::requests::random(drawn)
        };
        Turn { now: self.now, transaction_id: [self.drawn; 16], message }
    }

    /// Drives the machine to its end.
    pub(crate) fn drive(
        &mut self,
        device: &Device,
        settings: EnrolmentSettings,
        server: &mut Server<'_>,
    ) -> Result<Issued, Error> {
        let mut step = start(device, settings);
        loop {
            self.states.push(step.state());
            step = match step {
                Step::Done(issued) => return Ok(*issued),
                other => self.take(other, device, server)?,
            };
        }
    }

    /// Does one step.
    pub(crate) fn take(
        &mut self,
        step: Step,
        device: &Device,
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
                let signature = device.key.sign(request.scheme(), request.bytes()).unwrap();
                Ok(request.signed(&signature))
            }
            Step::Decrypt(reply) => {
                let fallback = reply.fallback(&FallbackKey::new([3; 32]));
                let (transport, wrapped) = (reply.transport(), reply.encrypted_key());
                let key = device.opening_key.unwrap_key(transport, wrapped, &fallback).unwrap();
                reply.decrypted(&key)
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
