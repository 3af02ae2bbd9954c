//! A device: what it asks for, and what it makes of the answers.

use std::sync::Arc;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_proto::client::{
    self, Algorithms, Awaiting, CertRep, Payload, ReplyCheck, RequestSettings,
};
use scep_proto::{CaCertificates, FailInfo, FallbackKey, MessageRandom, TransactionId};
use scep_types::{
    AlgorithmPolicy, Certificate, Csr, DigestAlgorithm, Extension, GeneralName, GeneralNameValue,
    KeyKind, Name, Secret, SignatureScheme, SigningKey as _, Validity, oid,
};

use super::server::{Answer, Server, challenge};
use super::{DAY, NOW, key, provider, random};

#[derive(Clone)]
pub(crate) struct Device {
    /// The key it wants a certificate for.
    pub(crate) key: Arc<SoftwareKey>,
    /// The key it signs messages with.
    pub(crate) signer_key: Arc<SoftwareKey>,
    /// The certificate of that key.
    pub(crate) signer: Certificate,
    pub(crate) subject: Name,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) challenge: Option<Secret>,
    pub(crate) transaction_id: TransactionId,
    pub(crate) algorithms: Algorithms,
    pub(crate) message: MessageKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Enrol,
    Renew,
    Poll,
    GetCert,
    GetCrl,
}

/// A message on its way, and what its answer must be.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) message: Bytes,
    pub(crate) awaiting: Awaiting,
}

impl Device {
    /// A device with a fresh start: one key, a self-signed certificate for it.
    pub(crate) fn new(common_name: &str) -> Self {
        Self::with_key(common_name, key("rsa2048-device"))
    }

    pub(crate) fn with_key(common_name: &str, key: Arc<SoftwareKey>) -> Self {
        let subject = Name::build(&[(oid::COMMON_NAME, common_name)]);
        Self {
            signer: self_signed(&subject, &key),
            signer_key: key.clone(),
            key,
            subject,
            extensions: Vec::new(),
            challenge: None,
            transaction_id: TransactionId::new(&format!("tx-{common_name}")).unwrap(),
            algorithms: Algorithms::default(),
            message: MessageKind::Enrol,
        }
    }

    pub(crate) fn challenge(self, challenge: impl Into<String>) -> Self {
        Self { challenge: Some(Secret::new(challenge)), ..self }
    }

    pub(crate) fn dns(mut self, names: &[&str]) -> Self {
        let names: Vec<_> = names
            .iter()
            .map(|name| GeneralName::new(GeneralNameValue::Dns((*name).to_owned())).unwrap())
            .collect();
        self.extensions.push(client::subject_alt_name(&names));
        self
    }

    pub(crate) fn transaction(self, id: &str) -> Self {
        Self { transaction_id: TransactionId::new(id).unwrap(), ..self }
    }

    /// Signs messages with a key of its own that is not the CSR's, as Windows does.
    pub(crate) fn signed_by(self, signer: &str) -> Self {
        let signer_key = key(signer);
        let name = Name::build(&[(oid::COMMON_NAME, "SCEP Protocol Certificate")]);
        Self { signer: self_signed(&name, &signer_key), signer_key, ..self }
    }

    /// Renews `old` with a new key: RenewalReq signed by the old one.
    pub(crate) fn renewing(self, old: &Certificate, new: &str) -> Self {
        Self {
            signer: old.clone(),
            signer_key: self.key,
            key: key(new),
            challenge: None,
            message: MessageKind::Renew,
            transaction_id: TransactionId::new("renewal").unwrap(),
            ..self
        }
    }

    pub(crate) fn message(self, message: MessageKind) -> Self {
        Self { message, ..self }
    }

    pub(crate) fn csr(&self) -> Csr {
        self.csr_signed_by(natural_scheme(&self.key))
    }

    pub(crate) fn csr_signed_by(&self, scheme: SignatureScheme) -> Csr {
        let challenge = self.challenge.as_ref();
        let unsigned =
            client::csr(&self.subject, self.key.spki(), challenge, &self.extensions, scheme);
        let signature = self.key.sign(scheme, unsigned.bytes()).unwrap();
        unsigned.finish(&signature).unwrap()
    }

    /// The next message to this server.
    pub(crate) fn ask(&self, server: &Server) -> Sent {
        self.ask_with(server, &self.csr())
    }

    pub(crate) fn ask_with(&self, server: &Server, csr: &Csr) -> Sent {
        self.ask_ca(&server.ca(), csr)
    }

    /// The next message to this CA, which GetCACert need not hand out.
    pub(crate) fn ask_ca(&self, ca: &CaCertificates, csr: &Csr) -> Sent {
        let issuer = ca.encryption().issuer();
        let payload = match self.message {
            MessageKind::Enrol => Payload::Enrol(csr),
            MessageKind::Renew => Payload::Renew(csr),
            MessageKind::Poll => Payload::Poll { issuer, subject: &self.subject },
            MessageKind::GetCert => Payload::GetCert { issuer, serial: &[1] },
            MessageKind::GetCrl => Payload::GetCrl { issuer, serial: &[1] },
        };
        self.say_to(ca, payload)
    }

    /// A message with this payload to this server.
    pub(crate) fn say(&self, server: &Server, payload: Payload<'_>) -> Sent {
        self.say_to(&server.ca(), payload)
    }

    /// A message with this payload to this CA.
    pub(crate) fn say_to(&self, ca: &CaCertificates, payload: Payload<'_>) -> Sent {
        let settings = RequestSettings {
            transaction_id: &self.transaction_id,
            signer: &self.signer,
            recipient: ca.encryption(),
            algorithms: self.algorithms,
            signing_time: Some(NOW),
            provider: &provider(),
        };
        let drawn = MessageRandom::new(&random());
        let built = match &self.challenge {
            Some(challenge) => client::build_with_password(payload, settings, challenge, &drawn),
            None => client::build(payload, settings, &drawn),
        };
        let (unsigned, awaiting) = built.unwrap();
        let signature = self.signer_key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
        Sent { message: unsigned.finish(&signature), awaiting }
    }

    /// Asks, and reads the answer.
    pub(crate) async fn enrol(&self, server: &Server) -> CertRep {
        let sent = self.ask(server);
        self.send(server, &sent).await
    }

    /// Sends a message and reads the answer, which must be a CertRep.
    pub(crate) async fn send(&self, server: &Server, sent: &Sent) -> CertRep {
        let answer = server.post(sent.message.clone()).await;
        self.read(server, sent, &answer)
    }

    pub(crate) fn read(&self, server: &Server, sent: &Sent, answer: &Answer) -> CertRep {
        assert_eq!(answer.status, 200, "{:?}: {:?}", answer.body, server.last());
        self.read_from(&server.ca(), sent, answer).unwrap()
    }

    /// Asks this CA, whose RA alone is believed.
    pub(crate) async fn enrol_at(&self, server: &Server, ca: &CaCertificates) -> CertRep {
        let sent = self.ask_ca(ca, &self.csr());
        let answer = server.post(sent.message.clone()).await;
        assert_eq!(answer.status, 200, "{:?}: {:?}", answer.body, server.last());
        self.read_from(ca, &sent, &answer).unwrap()
    }

    /// What the answer comes to for whoever believes this CA alone.
    pub(crate) fn read_from(
        &self,
        ca: &CaCertificates,
        sent: &Sent,
        answer: &Answer,
    ) -> Result<CertRep, scep_proto::Error> {
        let provider = provider();
        let check = ReplyCheck {
            ca,
            key: self.signer_key.as_ref(),
            provider: &provider,
            policy: AlgorithmPolicy::Obsolete,
        };
        let fallback = FallbackKey::new(random());
        sent.awaiting.receive(answer.body.clone(), check, &fallback)
    }
}

/// A device with a challenge that says what its CSR says.
pub(crate) fn challenged(common_name: &str, nonce: &str) -> Device {
    Device::new(common_name).challenge(challenge(common_name, &[], nonce).expose())
}

/// The issued certificate.
pub(crate) fn granted(reply: CertRep) -> Certificate {
    match reply {
        CertRep::Success { mut certificates, .. } => certificates.remove(0),
        other => panic!("{other:?}"),
    }
}

/// Why it was refused.
pub(crate) fn refused(reply: CertRep) -> FailInfo {
    match reply {
        CertRep::Failure { fail_info: Some(fail_info), text: None } => fail_info,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn self_signed(subject: &Name, key: &SoftwareKey) -> Certificate {
    let validity = Validity { not_before: NOW.minus(DAY), not_after: NOW.plus(DAY) };
    let scheme = natural_scheme(key);
    let unsigned =
        client::signer_certificate(subject, key.spki(), &[1, 2, 3], validity, scheme).unwrap();
    let signature = key.sign(scheme, unsigned.bytes()).unwrap();
    unsigned.finish(&signature).unwrap()
}

pub(crate) fn natural_scheme(key: &SoftwareKey) -> SignatureScheme {
    let digest = match key.kind() {
        KeyKind::P384 => DigestAlgorithm::Sha384,
        _ => DigestAlgorithm::Sha256,
    };
    SignatureScheme::for_key(key.kind(), digest).unwrap()
}
