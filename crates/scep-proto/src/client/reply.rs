use bytes::Bytes;
use scep_types::oid;
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, ContentKey, CryptoError, CryptoProvider,
    DecryptionKey, KeyTransport, Name, Secret,
};
use zeroize::Zeroizing;

use super::quirks::{ServerQuirk, ServerQuirks};
use crate::attributes::{FailInfo, MessageType, Nonce, PkiStatus, TransactionId};
use crate::ca_certificates::CaCertificates;
use crate::cms::{Envelope, PasswordRecipient, SignedData, SignerInfo};
use crate::crl::Crl;
use crate::error::{Error, Misbehaviour, Refusal, Unsupported};
use crate::random::FallbackKey;

/// A request that was sent and what its reply must match. It may be given several replies; each is checked anew.
#[derive(Debug, Clone)]
pub struct Awaiting {
    pub(super) transaction_id: TransactionId,
    pub(super) sender_nonce: Nonce,
    pub(super) signer: Certificate,
    /// What opens a reply if the signer's key cannot.
    pub(super) password: Option<Secret>,
    pub(super) quirks: ServerQuirks,
}

/// A CertRep that verified and answers our request (RFC 8894 §3.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum CertRep {
    /// Granted.
    Success {
        /// The certificates, in the order of the reply; which one is ours, its key says.
        certificates: Vec<Certificate>,
        /// The CRLs, DER each.
        crls: Vec<Bytes>,
    },
    /// Refused.
    Failure {
        /// Why; `None` if the server does not say.
        fail_info: Option<FailInfo>,
        /// What a person should read.
        text: Option<String>,
    },
    /// Waiting for approval.
    Pending,
}

/// A CertRep that verified and answers our request; the envelope of a SUCCESS is still closed.
#[derive(Debug, Clone)]
#[must_use]
pub enum VerifiedReply {
    /// Granted, encrypted to the signer's key.
    Success(SealedReply),
    /// Granted, encrypted with the challengePassword.
    SuccessByPassword(PasswordSealedReply),
    /// Refused.
    Failure(Refusal),
    /// Waiting for approval.
    Pending,
}

/// The envelope of a SUCCESS that only lacks its content key, for keys that unwrap remotely.
#[derive(Debug, Clone)]
#[must_use]
pub struct SealedReply {
    content: Content,
    transport: KeyTransport,
    encrypted_key: Bytes,
}

/// The envelope of a SUCCESS whose content key a password wraps (RFC 8894 §3.1); the password is with it.
#[derive(Debug, Clone)]
#[must_use]
pub struct PasswordSealedReply {
    content: Content,
    recipient: PasswordRecipient,
    password: Secret,
}

/// The encrypted content of a SUCCESS.
#[derive(Debug, Clone)]
struct Content {
    envelope: Envelope,
    cipher: ContentCipher,
    iv: Bytes,
}

/// What checking a reply needs.
#[derive(Clone, Copy)]
pub struct ReplyCheck<'a> {
    /// The authenticated certificates of the CA.
    pub ca: &'a CaCertificates,
    /// The key of the certificate that signed the request.
    pub key: &'a dyn DecryptionKey,
    /// Digests, verification, decryption.
    pub provider: &'a CryptoProvider,
    /// Which algorithms are taken.
    pub policy: AlgorithmPolicy,
}

impl std::fmt::Debug for ReplyCheck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ca, key: _, provider: _, policy } = self;
        f.debug_struct("ReplyCheck").field("ca", ca).field("policy", policy).finish_non_exhaustive()
    }
}

impl CertRep {
    /// The certificate that a GetCert asked for, by its issuer and serial number (RFC 8894 §4.5.1).
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Misbehaviour::UnexpectedStatus`] for PENDING, which no query can be;
    /// [`Misbehaviour::NotWhatWasAsked`] if it is not in the reply.
    pub fn into_certificate(self, issuer: &Name, serial: &[u8]) -> Result<Certificate, Error> {
        let (certificates, _) = self.granted()?;
        let asked = |certificate: &Certificate| {
            certificate.serial() == serial && certificate.issuer().matches(issuer)
        };
        let found = certificates.into_iter().find(asked);
        Ok(found.ok_or(Misbehaviour::NotWhatWasAsked)?)
    }

    /// The CRL that a GetCRL asked for: the only one, of this issuer, its signature verified with the CA's key
    /// (RFC 8894 §4.6.1). Whether it is current is for whoever uses it to say.
    ///
    /// # Errors
    /// As [`CertRep::into_certificate`]; [`Misbehaviour::UntrustedCrl`] if its signature does not verify.
    pub fn into_crl(
        self,
        issuer: &Name,
        ca: &CaCertificates,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<Crl, Error> {
        let (_, crls) = self.granted()?;
        let [der] = crls.as_slice() else { return Err(Misbehaviour::NotWhatWasAsked.into()) };
        let crl = Crl::parse(der.clone())?;
        if !crl.issuer().matches(issuer) {
            return Err(Misbehaviour::NotWhatWasAsked.into());
        }
        let mut issuers = ca.certificates().iter().filter(|ca| ca.subject().matches(issuer));
        if issuers.any(|ca| crl.verify(ca.spki(), provider.verify, policy).is_ok()) {
            return Ok(crl);
        }
        Err(Misbehaviour::UntrustedCrl.into())
    }

    fn granted(self) -> Result<(Vec<Certificate>, Vec<Bytes>), Error> {
        match self {
            Self::Success { certificates, crls } => Ok((certificates, crls)),
            Self::Failure { fail_info, text } => Err(Refusal { fail_info, text }.into()),
            Self::Pending => Err(Misbehaviour::UnexpectedStatus(PkiStatus::PENDING).into()),
        }
    }
}

impl Awaiting {
    /// For a request that was written elsewhere, such as in the dialect of a device family. What it sent as
    /// senderNonce (1 to 64 octets) must come back; `signer` is whose key opens the answer.
    #[must_use]
    pub fn new(transaction_id: TransactionId, sender_nonce: &[u8], signer: Certificate) -> Self {
        Self {
            transaction_id,
            sender_nonce: Nonce::new(sender_nonce),
            signer,
            password: None,
            quirks: ServerQuirks::default(),
        }
    }

    /// The same, with these quirks of the server taken and no others.
    #[must_use]
    pub fn with_quirks(self, quirks: ServerQuirks) -> Self {
        Self { quirks, ..self }
    }

    /// Verifies a reply: signed by the authenticated CA or RA, of this transaction, for this request; then opens it.
    ///
    /// A certificate is not trusted by being in the reply. Nothing in an unverified reply is believed, PENDING included.
    ///
    /// # Errors
    /// [`Error`]; decryption fails in one way only.
    pub fn receive(
        &self,
        reply: impl Into<Bytes>,
        check: ReplyCheck<'_>,
        fallback: &FallbackKey,
    ) -> Result<CertRep, Error> {
        match self.verify(reply, check.ca, check.provider, check.policy)? {
            VerifiedReply::Success(sealed) => {
                let (transport, encrypted_key) = (sealed.transport(), sealed.encrypted_key());
                let fallback = sealed.fallback(fallback);
                let key = check.key.unwrap_key(transport, encrypted_key, &fallback)?;
                let (certificates, crls) = sealed.open_with(&key, check.provider)?;
                Ok(CertRep::Success { certificates, crls })
            }
            VerifiedReply::SuccessByPassword(sealed) => {
                let (certificates, crls) = sealed.open(check.provider)?;
                Ok(CertRep::Success { certificates, crls })
            }
            VerifiedReply::Failure(Refusal { fail_info, text }) => {
                Ok(CertRep::Failure { fail_info, text })
            }
            VerifiedReply::Pending => Ok(CertRep::Pending),
        }
    }

    /// The first half of [`Awaiting::receive`]: everything but opening the envelope.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify(
        &self,
        reply: impl Into<Bytes>,
        ca: &CaCertificates,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<VerifiedReply, Error> {
        let signed = SignedData::parse(&reply.into())?;
        let info = signed.signer()?;
        let scheme = info.scheme(policy)?;
        // Only the authenticated set: any holder of a certificate from this CA could put its own into the reply.
        let signer = info.find(ca.reply_signers()).ok_or(Misbehaviour::UntrustedSigner)?;
        info.verify(signed.content_type, &signed.content, signer, scheme, provider)?;
        self.check_attributes(info)?;
        self.check_quirks(&signed, info)?;
        match info.attributes.pki_status()? {
            PkiStatus::SUCCESS => self.sealed(&signed.content, policy),
            PkiStatus::FAILURE => Ok(VerifiedReply::Failure(Refusal {
                fail_info: info.attributes.fail_info()?,
                text: info.attributes.fail_info_text()?,
            })),
            PkiStatus::PENDING => Ok(VerifiedReply::Pending),
            other => Err(Misbehaviour::UnexpectedStatus(other).into()),
        }
    }

    fn check_quirks(&self, signed: &SignedData, info: &SignerInfo) -> Result<(), Error> {
        let granted = info.attributes.pki_status()? == PkiStatus::SUCCESS;
        let has_stray_content = !granted && !signed.content.is_empty();
        if has_stray_content && !self.quirks.takes(ServerQuirk::ContentWithoutEnvelope) {
            return Err(Misbehaviour::StrayContent.into());
        }
        let names_its_signer = info.find(&signed.certificates).is_some();
        if !names_its_signer && !self.quirks.takes(ServerQuirk::SignerCertificateMissing) {
            return Err(Misbehaviour::SignerNotFound.into());
        }
        Ok(())
    }

    /// Finds what opens the envelope, without using a key or the password.
    fn sealed(&self, content: &Bytes, policy: AlgorithmPolicy) -> Result<VerifiedReply, Error> {
        let content = Content::read(content, policy)?;
        let found = content.envelope.find_recipient(&[&self.signer]).map(|(found, _)| found);
        let none_ours = match found {
            Ok(recipient) => {
                let transport = recipient.transport()?;
                let is_oaep = matches!(transport, KeyTransport::Oaep(_));
                if is_oaep && !self.quirks.takes(ServerQuirk::OaepReply) {
                    return Err(Unsupported::Algorithm(oid::RSAES_OAEP).into());
                }
                let encrypted_key = recipient.encrypted_key.clone();
                let sealed = SealedReply { content, transport, encrypted_key };
                return Ok(VerifiedReply::Success(sealed));
            }
            Err(error) => error,
        };
        let recipient = content.envelope.password_recipient(policy)?;
        match (recipient, self.password.clone()) {
            (Some(recipient), Some(password)) => {
                let sealed = PasswordSealedReply { content, recipient, password };
                Ok(VerifiedReply::SuccessByPassword(sealed))
            }
            _ => Err(none_ours),
        }
    }

    fn check_attributes(&self, info: &SignerInfo) -> Result<(), Error> {
        let message_type = info.attributes.message_type()?;
        if message_type != MessageType::CERT_REP {
            return Err(Misbehaviour::UnexpectedMessageType(message_type).into());
        }
        let found = info.attributes.transaction_id()?;
        if found.octets() != self.transaction_id.octets() {
            return Err(Misbehaviour::TransactionMismatch(Box::new(found)).into());
        }
        if info.attributes.recipient_nonce()?.as_ref() != Some(&self.sender_nonce) {
            return Err(Misbehaviour::NonceMismatch.into());
        }
        Ok(())
    }
}

impl SealedReply {
    /// How the content key is wrapped.
    #[must_use]
    pub fn transport(&self) -> KeyTransport {
        self.transport
    }

    /// The wrapped content key.
    #[must_use]
    pub fn encrypted_key(&self) -> &[u8] {
        &self.encrypted_key
    }

    /// The key to go on with if unwrapping fails or gives another length (RFC 3218 §2.3.2).
    #[must_use]
    pub fn fallback(&self, drawn: &FallbackKey) -> ContentKey {
        drawn.key(self.content.cipher)
    }

    /// Decrypts the content: the certificates and the CRLs (DER each), in the order of the reply.
    ///
    /// # Errors
    /// [`Error::Undecipherable`], whatever went wrong; [`Error::Crypto`] if the provider does not have the cipher.
    pub fn open_with(
        self,
        key: &ContentKey,
        provider: &CryptoProvider,
    ) -> Result<(Vec<Certificate>, Vec<Bytes>), Error> {
        self.content.open(key, provider)
    }
}

impl PasswordSealedReply {
    /// Decrypts the content: the certificates and the CRLs (DER each), in the order of the reply.
    ///
    /// # Errors
    /// [`Error::Undecipherable`], whatever went wrong; [`Error::Crypto`] if the provider cannot.
    pub fn open(self, provider: &CryptoProvider) -> Result<(Vec<Certificate>, Vec<Bytes>), Error> {
        let Self { content, recipient, password } = self;
        let key = recipient.unwrap(&password, content.cipher.key_len(), provider.envelope)?;
        content.open(&key.ok_or(Error::Undecipherable(None))?, provider)
    }
}

impl Content {
    fn read(content: &Bytes, policy: AlgorithmPolicy) -> Result<Self, Error> {
        if content.is_empty() {
            return Err(Misbehaviour::EnvelopeMissing.into());
        }
        let envelope = Envelope::parse(content)?;
        let (cipher, iv) = envelope.cipher(policy).map_err(|error| match error {
            Error::Unsupported(Unsupported::Cipher(cipher)) => {
                Unsupported::ReplyCipher(cipher).into()
            }
            other => other,
        })?;
        Ok(Self { envelope, cipher, iv })
    }

    fn open(
        self,
        key: &ContentKey,
        provider: &CryptoProvider,
    ) -> Result<(Vec<Certificate>, Vec<Bytes>), Error> {
        let plaintext = provider
            .envelope
            .decrypt(self.cipher, key, &self.iv, self.envelope.ciphertext())
            .map(Zeroizing::new)
            .map_err(|error| match error {
                CryptoError::Unsupported => error.into(),
                _ => Error::Undecipherable(None),
            })?;
        let inner = SignedData::parse(&Bytes::from_owner(plaintext))
            .map_err(|_| Error::Undecipherable(None))?;
        Ok((inner.certificates, inner.crls))
    }
}
