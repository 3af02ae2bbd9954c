//! A device as a network sees it: it makes requests one by one, so that the same one can be sent again.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use scep_crypto::aws_lc_rs::{self, SoftwareKey};
use scep_proto::client::{
    Algorithms, Awaiting, CertRep, Payload, ReplyCheck, RequestSettings, build, csr,
    signer_certificate, subject_alt_name,
};
use scep_proto::{CaCertificates, FallbackKey, MessageRandom, TransactionId};
use scep_types::{
    AlgorithmPolicy, Certificate, CryptoProvider, DigestAlgorithm, GeneralName, GeneralNameValue,
    KeyKind, Name, Secret, SignatureScheme, SigningKey, UnixTime, Validity, hex, oid,
};

/// A key, and the self-signed certificate that speaks for it.
pub(super) struct Device {
    pub(super) name: String,
    pub(super) key: SoftwareKey,
    subject: Name,
    signer: Certificate,
    provider: CryptoProvider,
}

/// A request ready to be sent, as often as one likes.
pub(super) struct Request {
    pub(super) message: Bytes,
    awaiting: Awaiting,
}

const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);

impl Device {
    /// A device with a fresh RSA-2048 key.
    pub(super) fn new(name: &str, now: UnixTime) -> Result<Self> {
        let key = SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?;
        let subject = Name::build(&[(oid::COMMON_NAME, name)]);
        let day = Duration::from_secs(24 * 60 * 60);
        let validity = Validity { not_before: now.minus(day), not_after: now.plus(day) };
        let spki = SigningKey::spki(&key);
        let certificate = signer_certificate(&subject, spki, &[1], validity, SCHEME)?;
        let signature = key.sign(SCHEME, certificate.bytes())?;
        let signer = certificate.finish(&signature)?;
        let provider = aws_lc_rs::provider();
        Ok(Self { name: name.to_owned(), key, subject, signer, provider })
    }

    /// A PKCSReq for this challenge and these DNS names.
    pub(super) fn request(
        &self,
        ca: &CaCertificates,
        challenge: &Secret,
        dns: &[&str],
    ) -> Result<Request> {
        let names = dns
            .iter()
            .filter_map(|name| GeneralName::new(GeneralNameValue::Dns((*name).to_owned())));
        let names = [subject_alt_name(&names.collect::<Vec<_>>())];
        let spki = SigningKey::spki(&self.key);
        let unsigned = csr(&self.subject, spki, Some(challenge), &names, SCHEME);
        let csr = unsigned.bytes().to_vec();
        let csr = unsigned.finish(&self.key.sign(SCHEME, &csr)?)?;
        let id = TransactionId::new(&hex::lower(&self.draw::<16>()?))?;
        let settings = RequestSettings {
            transaction_id: &id,
            signer: &self.signer,
            recipient: ca.encryption(),
            algorithms: Algorithms::default(),
            signing_time: None,
            provider: &self.provider,
        };
        let random = MessageRandom::new(&self.draw()?);
        let (unsigned, awaiting) = build(Payload::Enrol(&csr), settings, &random)?;
        let signature = self.key.sign(unsigned.scheme(), unsigned.bytes())?;
        Ok(Request { message: unsigned.finish(&signature), awaiting })
    }

    /// Verifies and opens the answer to a request.
    pub(super) fn receive(
        &self,
        request: &Request,
        ca: &CaCertificates,
        reply: Bytes,
    ) -> Result<CertRep> {
        let check = ReplyCheck {
            ca,
            key: &self.key,
            provider: &self.provider,
            policy: AlgorithmPolicy::Modern,
        };
        let fallback = FallbackKey::new(self.draw()?);
        request.awaiting.receive(reply, check, &fallback).context("the answer")
    }

    fn draw<const OCTETS: usize>(&self) -> Result<[u8; OCTETS]> {
        let mut drawn = [0; OCTETS];
        self.provider.random.fill(&mut drawn)?;
        Ok(drawn)
    }
}
