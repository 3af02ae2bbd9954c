use scep_types::{Certificate, ContentCipher, CryptoProvider, DigestAlgorithm, Secret, UnixTime};

use super::opened::OpenedWith;
use crate::attributes::{FailInfo, MessageType, Nonce, PkiStatus, TransactionId};
use crate::cms::{EnvelopeFor, can_wrap_by_password};
use crate::cms::{write_certs_only, write_crl_only, write_envelope};
use crate::error::{ApiMisuse, Error, Unsupported};
use crate::message::{Header, ReplyHeader, ToBeSigned};
use crate::random::MessageRandom;

/// What is needed to answer one request. Nonce, transactionID, digest and cipher are taken from it; answering consumes it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Reply {
    pub(super) transaction_id: TransactionId,
    pub(super) sender_nonce: Option<Nonce>,
    pub(super) digest: DigestAlgorithm,
    pub(super) cipher: ContentCipher,
    /// Whose key the answer is encrypted to; `None` if the request had no usable signer.
    pub(super) recipient: Option<Certificate>,
    /// What the answer is encrypted with where that key cannot: the challengePassword.
    pub(super) password: Option<Secret>,
    pub(super) pending: Pending,
}

/// Whether PENDING is an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Possible,
    /// GetCert and GetCRL are granted or refused (RFC 8894 §4.5.1).
    Impossible,
}

/// What the host brings to an answer.
#[derive(Debug, Clone, Copy)]
pub struct ReplySettings<'a> {
    /// The RA's (or CA's) certificate whose key will sign; it travels with the answer.
    pub signer: &'a Certificate,
    /// Digests and encryption.
    pub provider: &'a CryptoProvider,
    /// The signingTime; iOS wants one.
    pub now: UnixTime,
}

impl Reply {
    /// The request's transactionID.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// The digest it will be signed with: the request's.
    #[must_use]
    pub fn digest(&self) -> DigestAlgorithm {
        self.digest
    }

    /// The cipher of a SUCCESS: the request's.
    #[must_use]
    pub fn cipher(&self) -> ContentCipher {
        self.cipher
    }

    /// The same answer signed with another digest, for a key that does not sign with the request's.
    pub fn with_digest(self, digest: DigestAlgorithm) -> Self {
        Self { digest, ..self }
    }

    /// The same answer for a signer whose key cannot encrypt, such as an EC key: encrypted with the challengePassword of
    /// its request (RFC 8894 §3.1). An enrolment that has one brings it along; hosts keep it for the polls that follow.
    ///
    /// It is dropped where it is not needed, and where the provider cannot encrypt with it.
    pub fn with_password(mut self, password: &Secret, provider: &CryptoProvider) -> Self {
        if self.needs_password() && can_wrap_by_password(provider.envelope) {
            self.password = Some(password.clone()).filter(|password| !password.is_empty());
        }
        self
    }

    pub(super) fn with_password_of(self, opened: &OpenedWith, provider: &CryptoProvider) -> Self {
        match opened {
            OpenedWith::Password(password) => self.with_password(password, provider),
            OpenedWith::Key(_) | OpenedWith::NoPassword => self,
        }
    }

    fn needs_password(&self) -> bool {
        let kind = self.recipient.as_ref().and_then(|recipient| recipient.key_kind().ok());
        kind.is_some_and(|kind| !kind.can_encrypt())
    }

    /// Checks that a SUCCESS could be encrypted, before anything is issued (R-3.1-07).
    ///
    /// # Errors
    /// [`Unsupported::ReplyKey`] if the signer's key cannot encrypt and there is no password.
    pub fn check_encryptable(&self) -> Result<(), Error> {
        let recipient = self.recipient.as_ref().ok_or(ApiMisuse::RecipientKey)?;
        let kind = recipient.key_kind()?;
        if kind.can_encrypt() || self.password.is_some() {
            return Ok(());
        }
        Err(Unsupported::ReplyKey(kind).into())
    }

    /// SUCCESS with certificates in the order given, DER each; the issued one first, and for Apple alone
    /// (RFC 8894 §3.3.2.1).
    ///
    /// # Errors
    /// [`ApiMisuse`], or what the provider says.
    pub fn succeed(
        self,
        certificates: &[&[u8]],
        random: &MessageRandom,
        settings: ReplySettings<'_>,
    ) -> Result<ToBeSigned, Error> {
        if certificates.is_empty() {
            return Err(ApiMisuse::NoCertificate.into());
        }
        self.succeed_with(&write_certs_only(certificates), random, settings)
    }

    /// SUCCESS with one CRL, DER (RFC 8894 §4.6.1).
    ///
    /// # Errors
    /// As [`Reply::succeed`].
    pub fn succeed_with_crl(
        self,
        crl: &[u8],
        random: &MessageRandom,
        settings: ReplySettings<'_>,
    ) -> Result<ToBeSigned, Error> {
        self.succeed_with(&write_crl_only(crl), random, settings)
    }

    fn succeed_with(
        self,
        payload: &[u8],
        random: &MessageRandom,
        settings: ReplySettings<'_>,
    ) -> Result<ToBeSigned, Error> {
        let recipient = self.recipient.as_ref().ok_or(ApiMisuse::RecipientKey)?;
        let recipient = EnvelopeFor::choose(recipient, self.password.as_ref())?;
        let envelopes = settings.provider.envelope;
        let envelope = write_envelope(payload, recipient, self.cipher, random, envelopes)?;
        self.prepare(envelope, PkiStatus::SUCCESS, None, None, random, settings)
    }

    /// PENDING, without an envelope (RFC 8894 §3.3.2.3).
    ///
    /// # Errors
    /// As [`Reply::succeed`]; [`ApiMisuse::PendingQuery`] for GetCert and GetCRL (RFC 8894 §4.5.1).
    pub fn pend(
        self,
        random: &MessageRandom,
        settings: ReplySettings<'_>,
    ) -> Result<ToBeSigned, Error> {
        if self.pending == Pending::Impossible {
            return Err(ApiMisuse::PendingQuery.into());
        }
        self.prepare(Vec::new(), PkiStatus::PENDING, None, None, random, settings)
    }

    /// FAILURE, without an envelope (RFC 8894 §3.3.2.2). The text is for people and must tell nothing secret.
    ///
    /// # Errors
    /// As [`Reply::succeed`].
    pub fn fail(
        self,
        fail_info: FailInfo,
        text: Option<&str>,
        random: &MessageRandom,
        settings: ReplySettings<'_>,
    ) -> Result<ToBeSigned, Error> {
        self.prepare(Vec::new(), PkiStatus::FAILURE, Some(fail_info), text, random, settings)
    }

    fn prepare(
        &self,
        content: Vec<u8>,
        status: PkiStatus,
        fail_info: Option<FailInfo>,
        fail_info_text: Option<&str>,
        random: &MessageRandom,
        settings: ReplySettings<'_>,
    ) -> Result<ToBeSigned, Error> {
        let header = Header {
            message_type: MessageType::CERT_REP,
            transaction_id: &self.transaction_id,
            sender_nonce: self.nonce_of_peer_length(random),
            signing_time: Some(settings.now),
            reply: Some(ReplyHeader {
                status,
                fail_info,
                fail_info_text,
                recipient_nonce: self.sender_nonce.as_ref(),
            }),
        };
        header.prepare(content, settings.signer, self.digest, settings.provider.digest)
    }

    /// 16 octets, or as many as a peer that sends (and understands) fewer: old iOS has 8.
    fn nonce_of_peer_length<'a>(&self, random: &'a MessageRandom) -> &'a [u8] {
        let octets = self.sender_nonce.as_ref().map_or(16, |nonce| nonce.octets().len());
        random.nonce().get(..octets.max(8)).unwrap_or(random.nonce())
    }
}
