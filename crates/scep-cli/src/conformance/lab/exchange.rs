//! How a [`Lab`] talks to its server: sending, opening what came, and the first certificate.

use bytes::Bytes;
use scep_client::Client;
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::Capabilities;
use scep_proto::client::HttpRequest;
use scep_proto::http::{Method, PKI_MESSAGE};
use scep_proto::inspect::{Enveloped, Signed};
use scep_types::{Certificate, ContentKey, DecryptionKey};

use super::{Came, First, Granted, Lab};
use crate::answer::AnswerKind;
use crate::conformance::craft::{Message, Sender};
use crate::conformance::row::{NoVerdict, not_tested};

/// Sending.
impl Lab {
    pub(crate) fn get(&self, query: &str) -> Came {
        self.exchange(&self.setting.client, &get(query))
    }

    /// Posts a message as RFC 8894 wants it, or by GET where POST is not announced.
    pub(crate) fn send(&self, message: &Message) -> Result<Came, NoVerdict> {
        Ok(self.post(&message.build()?))
    }

    pub(crate) fn post(&self, message: &Bytes) -> Came {
        let by_post = self.capabilities().contains(Capabilities::POST_PKI_OPERATION);
        let method = if by_post { Method::Post } else { Method::Get };
        self.exchange(&self.setting.client, &HttpRequest::pki_operation(message, method))
    }

    /// Posts any octets with any query.
    pub(crate) fn post_as(&self, query: &str, content_type: ContentType, body: Bytes) -> Came {
        let content_type = match content_type {
            ContentType::Message => Some(PKI_MESSAGE),
            ContentType::Octets => Some("application/octet-stream"),
            ContentType::Absent => None,
        };
        let query = query.to_owned();
        let request = HttpRequest { method: Method::Post, query, content_type, body };
        self.exchange(&self.setting.client, &request)
    }

    /// Sends anything anywhere, unless the server issued as many certificates as it may: some give one to every message.
    pub(crate) fn exchange(&self, client: &Client, request: &HttpRequest) -> Came {
        if self.successes.get() >= self.setting.budget {
            self.held_back.set(true);
            return Came { kind: AnswerKind::Nothing, status: None, observed: None };
        }
        let came = self.send_anyway(client, request);
        if came.kind.is_success() {
            self.successes.set(self.successes.get().saturating_add(1));
        }
        came
    }

    /// Whether something was held back since this was asked last.
    pub(crate) fn take_held_back(&self) -> bool {
        self.held_back.replace(false)
    }

    fn send_anyway(&self, client: &Client, request: &HttpRequest) -> Came {
        match self.setting.runtime.block_on(client.observe(request)) {
            Ok(observed) => Came {
                kind: AnswerKind::of(observed.answer.status, &observed.answer.body),
                status: Some(observed.answer.status),
                observed: Some(observed),
            },
            Err(_) => Came { kind: AnswerKind::Nothing, status: None, observed: None },
        }
    }
}

/// What a POST says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentType {
    Message,
    Octets,
    Absent,
}

/// Receiving.
impl Lab {
    /// Whether a CertRep is signed by the CA or RA.
    pub(crate) fn is_authentic(&self, came: &Came) -> Result<bool, NoVerdict> {
        let signed = came.signed()?;
        let certificates = self.setting.ca.certificates();
        let verifies = signed.signers().next().is_some_and(|signer| {
            certificates.iter().any(|certificate| signer.verify(certificate, &provider()).is_ok())
        });
        Ok(verifies)
    }

    /// The certs-only SignedData in a SUCCESS, opened with the key of its receiver.
    pub(crate) fn open(&self, came: &Came, key: &SoftwareKey) -> Result<Signed, NoVerdict> {
        let envelope = Enveloped::parse(came.signed()?.content().clone());
        let opened = envelope.ok().and_then(|envelope| {
            let length = envelope.cipher().ok()?.key_len();
            let fallback = ContentKey::from_prefix(&self.random().ok()?, length);
            envelope.recipients().find_map(|recipient| {
                let transport = recipient.transport().ok()?;
                let key = key.unwrap_key(transport, recipient.encrypted_key(), &fallback).ok()?;
                let plaintext = envelope.decrypt(&key, &provider()).ok()?;
                Signed::parse(Bytes::from_owner(plaintext)).ok()
            })
        });
        match opened {
            Some(opened) => Ok(opened),
            None => not_tested(format_args!("cannot be opened: {came}")),
        }
    }

    /// Sends a CSR as a message of this type and, if it is granted, opens what came. A challenge in it is spent then.
    pub(crate) fn request(
        &mut self,
        sender: &Sender,
        message_type: &str,
        csr: &[u8],
    ) -> Result<(Bytes, Came), NoVerdict> {
        let message = self.message_of(sender, message_type, self.sealed(csr)?)?.build()?;
        let came = self.post(&message);
        if came.kind.is_success() {
            self.spend();
        }
        Ok((message, came))
    }

    /// What the device got first; asked for now if it was not yet.
    pub(crate) fn granted(&mut self) -> Result<Granted, NoVerdict> {
        match self.first()? {
            Ok(granted) => Ok(*granted),
            Err(came) => not_tested(format_args!("no certificate was granted: {came}")),
        }
    }

    /// The first certificate with the right challenge, or what came instead.
    pub(crate) fn first(&mut self) -> Result<First, NoVerdict> {
        if let Some(first) = &self.first {
            return Ok(first.clone());
        }
        let first = self.enrol()?;
        self.first = Some(first.clone());
        Ok(first)
    }

    fn enrol(&mut self) -> Result<First, NoVerdict> {
        let (challenge, device) = (self.challenge()?, self.device.clone());
        let csr = self.csr_with(&device, challenge.as_ref())?;
        let (request, reply) = self.request(&device, "19", &csr)?;
        if !reply.kind.is_success() {
            return Ok(Err(reply));
        }
        let inner = self.open(&reply, &device.key)?;
        let certificates = inner.certificates().to_vec();
        let is_ours = |c: &&Certificate| c.spki() == device.certificate.spki();
        let Some(certificate) = certificates.iter().find(is_ours).cloned() else {
            return not_tested("SUCCESS without a certificate for the key");
        };
        let crls = inner.crls().len();
        let granted = Granted { certificate, request, csr, reply, certificates, crls };
        Ok(Ok(Box::new(granted)))
    }

    /// The challenge was good for one certificate only, and is spent.
    pub(crate) fn learn_one_time(&mut self) {
        if !self.one_time {
            self.one_time = true;
            self.live.clear();
        }
    }
}

fn get(query: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        query: query.to_owned(),
        content_type: None,
        body: Bytes::new(),
    }
}
