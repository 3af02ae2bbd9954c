use std::fmt;

use bytes::Bytes;
use scep_proto::client::{
    Algorithms, CaTrust, CertRep, EnrolmentSettings, HttpRequest, Payload, ReplyCheck,
    RequestSettings, SigningTime, build,
};
use scep_proto::http::Method;
use scep_proto::inspect::Signed;
use scep_proto::{
    CaCertificates, Capabilities, FallbackKey, MessageRandom, Misbehaviour, NextCa, PkiStatus,
    Refusal, TransactionId, Unfinished, Unsupported,
};
use scep_types::{AlgorithmPolicy, Certificate, DecryptionKey, Name, SigningKey, hex};

use crate::client::{Client, now};
use crate::crl::verify_crl;
use crate::error::{AnswerFault, Error};

/// Who sends single messages: a certificate, self-signed or issued, and its RSA key.
#[derive(Clone)]
pub struct Correspondent<'a> {
    /// Signs the messages and receives the answers.
    pub signer: Certificate,
    /// Its key, to sign with.
    pub signing_key: &'a dyn SigningKey,
    /// Its key, to open answers with.
    pub decryption_key: &'a dyn DecryptionKey,
}

/// How a poll came out; a refusal is an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Polled {
    /// The certificate for our key, issued by the authenticated CA.
    Issued(Box<Certificate>),
    /// Still waiting for approval.
    Pending,
}

/// Single messages to one authenticated CA: CertPoll, GetCert and GetCRL (RFC 8894 §4.4 to §4.6).
#[derive(Debug)]
pub struct Session<'a> {
    client: &'a Client,
    party: Correspondent<'a>,
    ca: CaCertificates,
    algorithms: Algorithms,
    policy: AlgorithmPolicy,
    method: Method,
    signing_time: SigningTime,
}

impl Client {
    /// The certificates of the CA, authenticated.
    ///
    /// # Errors
    /// As [`Client::ca_certificates`], [`Error::CaNotTrusted`] for [`CaTrust::Ask`], or what
    /// [`UnauthenticatedCa::authenticate`](scep_proto::UnauthenticatedCa::authenticate) says.
    pub async fn authenticated_ca(
        &self,
        trust: &CaTrust,
        ca_identifier: Option<&str>,
    ) -> Result<CaCertificates, Error> {
        let anchor = match trust {
            CaTrust::Known(ca) => return Ok((**ca).clone()),
            CaTrust::Anchor(anchor) => Some(anchor),
            CaTrust::Ask => None,
        };
        let found = self.ca_certificates(ca_identifier).await?;
        match anchor {
            Some(anchor) => Ok(found.authenticate(anchor, self.provider(), now())?),
            None => Err(Error::CaNotTrusted(Box::new(found))),
        }
    }

    /// Asks for capabilities and CA certificates, as the settings say, and is ready to send single messages then.
    ///
    /// Of the settings, those for polling, retries, purpose and transactionID do not matter here.
    ///
    /// # Errors
    /// As [`Client::authenticated_ca`], [`Error::KeyMismatch`], or
    /// [`Unsupported`] for a key that no answer can be encrypted to or an algorithm that the policy does not admit.
    pub async fn session<'a>(
        &'a self,
        settings: &EnrolmentSettings,
        party: Correspondent<'a>,
    ) -> Result<Session<'a>, Error> {
        party.check_keys()?;
        let capabilities = match self.send(&HttpRequest::get_ca_caps()).await {
            Ok(answer) => answer.capabilities(),
            Err(error) if error.is_transient() => Capabilities::empty(),
            Err(error) => return Err(error),
        };
        let ca = self.authenticated_ca(&settings.trust, settings.ca_identifier.as_deref()).await?;
        Ok(Session {
            client: self,
            party,
            ca,
            algorithms: settings.algorithms(capabilities)?,
            policy: settings.policy,
            method: settings.method.first(capabilities),
            signing_time: settings.signing_time,
        })
    }

    /// The next certificates of the CA, signed by the current one (RFC 8894 §4.7).
    ///
    /// # Errors
    /// [`Unfinished::HttpStatus`] if there are none, or what [`NextCa::verify`] says.
    pub async fn next_ca(
        &self,
        ca: &CaCertificates,
        policy: AlgorithmPolicy,
    ) -> Result<NextCa, Error> {
        let answer = self.send(&HttpRequest::get_next_ca_cert()).await?;
        if !answer.is_success() {
            return Err(scep_proto::Error::from(Unfinished::HttpStatus(answer.status)).into());
        }
        Ok(NextCa::verify(answer.body, ca, self.provider(), policy)?)
    }
}

impl Session<'_> {
    /// The authenticated CA.
    #[must_use]
    pub fn ca(&self) -> &CaCertificates {
        &self.ca
    }

    /// Asks once how a request for our key is getting on (RFC 8894 §4.4); `subject` is the one it asked for.
    ///
    /// # Errors
    /// [`Refusal`], or why the answer is not believed.
    pub async fn poll(&self, id: &TransactionId, subject: &Name) -> Result<Polled, Error> {
        let payload = Payload::Poll { issuer: self.ca.issuer().subject(), subject };
        match self.ask(payload, id).await? {
            CertRep::Success { certificates, .. } => self.ours(certificates),
            CertRep::Pending => Ok(Polled::Pending),
            CertRep::Failure { fail_info, text } => Err(refused(fail_info, text)),
        }
    }

    /// Fetches the certificate with this issuer and serial number, as content octets of its INTEGER (RFC 8894 §4.5).
    ///
    /// # Errors
    /// As [`Session::poll`], or [`AnswerFault::CertificateMissing`].
    pub async fn certificate(&self, issuer: &Name, serial: &[u8]) -> Result<Certificate, Error> {
        let (certificates, _) = self.granted(Payload::GetCert { issuer, serial }).await?;
        let asked_for = |certificate: &Certificate| {
            certificate.serial() == serial && certificate.issuer().matches(issuer)
        };
        let found = certificates.into_iter().find(asked_for);
        found.ok_or(AnswerFault::CertificateMissing.into())
    }

    /// Fetches the CRL on which a certificate with this issuer and serial number would stand, DER, and verifies its
    /// signature (RFC 8894 §4.6).
    ///
    /// # Errors
    /// As [`Session::poll`], or [`AnswerFault`] for any but exactly one CRL of that issuer, signed by it.
    pub async fn crl(&self, issuer: &Name, serial: &[u8]) -> Result<Bytes, Error> {
        let (_, crls) = self.granted(Payload::GetCrl { issuer, serial }).await?;
        let [crl] = crls.as_slice() else { return Err(AnswerFault::CrlCount(crls.len()).into()) };
        // A CA that changes its key is there twice under one name.
        let of_issuer = |ca: &&Certificate| ca.subject().matches(issuer);
        let mut verdict = Err(AnswerFault::CrlIssuer.into());
        for signer in self.ca.certificates().iter().filter(of_issuer) {
            verdict = verify_crl(crl, signer, self.client.provider(), self.policy);
            if verdict.is_ok() {
                break;
            }
        }
        verdict.map(|()| crl.clone())
    }

    /// What a SUCCESS holds; PENDING is none of the answers here.
    async fn granted(&self, payload: Payload<'_>) -> Result<(Vec<Certificate>, Vec<Bytes>), Error> {
        let drawn = self.client.draw::<16>()?;
        let id = TransactionId::new(&hex::lower(&*drawn))?;
        match self.ask(payload, &id).await? {
            CertRep::Success { certificates, crls } => Ok((certificates, crls)),
            CertRep::Failure { fail_info, text } => Err(refused(fail_info, text)),
            CertRep::Pending => {
                let fault = Misbehaviour::UnexpectedStatus(PkiStatus::PENDING);
                Err(scep_proto::Error::from(fault).into())
            }
        }
    }

    async fn ask(&self, payload: Payload<'_>, id: &TransactionId) -> Result<CertRep, Error> {
        let provider = self.client.provider();
        let settings = RequestSettings {
            transaction_id: id,
            signer: &self.party.signer,
            recipient: self.ca.encryption(),
            algorithms: self.algorithms,
            signing_time: match self.signing_time {
                SigningTime::Omitted => None,
                SigningTime::Included => Some(now()),
            },
            provider,
        };
        let random = MessageRandom::new(&*self.client.draw()?);
        let (unsigned, awaiting) = build(payload, settings, &random)?;
        let signature = self.party.signing_key.sign(unsigned.scheme(), unsigned.bytes())?;
        let request = HttpRequest::pki_operation(&unsigned.finish(&signature), self.method);
        let answer = self.client.send(&request).await?;
        // Any HTTP status will do if there is a message: OpenXPKI sends refusals with 4xx.
        if Signed::parse(answer.body.clone()).is_err() {
            if !answer.is_success() {
                return Err(scep_proto::Error::from(Unfinished::HttpStatus(answer.status)).into());
            }
            if answer.body.is_empty() {
                return Err(scep_proto::Error::from(Unfinished::EmptyAnswer).into());
            }
        }
        let key = self.party.decryption_key;
        let check = ReplyCheck { ca: &self.ca, key, provider, policy: self.policy };
        let fallback = FallbackKey::new(*self.client.draw()?);
        Ok(awaiting.receive(answer.body, check, &fallback)?)
    }

    /// The newest certificate for our key, wherever it stands in the reply.
    fn ours(&self, certificates: Vec<Certificate>) -> Result<Polled, Error> {
        let spki = self.party.signing_key.spki();
        let mut ours: Vec<_> = certificates.into_iter().filter(|c| c.spki() == spki).collect();
        if ours.is_empty() {
            return Err(scep_proto::Error::from(Misbehaviour::NoCertificateForKey).into());
        }
        ours.retain(|certificate| self.ca.issued(certificate, self.client.provider()));
        ours.sort_by_key(|certificate| certificate.validity().not_before);
        match ours.pop() {
            Some(certificate) => Ok(Polled::Issued(Box::new(certificate))),
            None => Err(scep_proto::Error::from(Misbehaviour::UntrustedCertificate).into()),
        }
    }
}

impl<'a> Correspondent<'a> {
    /// A correspondent whose key does both.
    #[must_use]
    pub fn new<K: SigningKey + DecryptionKey>(signer: Certificate, key: &'a K) -> Self {
        Self { signer, signing_key: key, decryption_key: key }
    }

    fn check_keys(&self) -> Result<(), Error> {
        let spki = self.signer.spki();
        if self.signing_key.spki() != spki || self.decryption_key.spki() != spki {
            return Err(Error::KeyMismatch);
        }
        let kind = self.signer.key_kind()?;
        if kind.can_encrypt() {
            Ok(())
        } else {
            Err(scep_proto::Error::from(Unsupported::ReplyKey(kind)).into())
        }
    }
}

impl fmt::Debug for Correspondent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signer, signing_key: _, decryption_key: _ } = self;
        f.debug_struct("Correspondent").field("signer", signer).finish_non_exhaustive()
    }
}

fn refused(fail_info: Option<scep_proto::FailInfo>, text: Option<String>) -> Error {
    scep_proto::Error::from(Refusal { fail_info, text }).into()
}
