//! CMS as it was received, for diagnosis: read-only views of what the parsers see.
//!
//! Nothing in a view is verified unless it is asked for, and nothing in it may be believed. The machines of
//! [`client`](crate::client) and [`server`](crate::server) do not use it.

use std::fmt;

use bytes::Bytes;
use scep_types::oid::Oid;
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, ContentKey, CryptoProvider, DigestAlgorithm,
    KeyTransport, Name, SignatureScheme, UnixTime, hex,
};
use zeroize::Zeroizing;

use crate::attributes::{Attributes, FailInfo, MessageType, Nonce, PkiStatus, TransactionId};
use crate::cms::{self, Envelope, SignedData, SignerInfo};
use crate::error::Error;

/// What a view shows is shown whatever its strength.
const POLICY: AlgorithmPolicy = AlgorithmPolicy::Obsolete;

/// SignedData: a pkiMessage, or certificates and CRLs only (RFC 5652 §5.1).
#[derive(Debug, Clone)]
pub struct Signed(SignedData);

/// One SignerInfo (RFC 5652 §5.3).
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    message: &'a SignedData,
    info: &'a SignerInfo,
}

/// The signed attributes of a pkiMessage (RFC 8894 §3.2.1); each is an error if it is there and not as it should be.
#[derive(Debug, Clone)]
pub struct SignedAttributes {
    /// messageType.
    pub message_type: Result<MessageType, Error>,
    /// transactionID.
    pub transaction_id: Result<TransactionId, Error>,
    /// pkiStatus, of a CertRep.
    pub pki_status: Result<PkiStatus, Error>,
    /// failInfo.
    pub fail_info: Result<Option<FailInfo>, Error>,
    /// failInfoText.
    pub fail_info_text: Result<Option<String>, Error>,
    /// senderNonce.
    pub sender_nonce: Result<Option<Nonce>, Error>,
    /// recipientNonce.
    pub recipient_nonce: Result<Option<Nonce>, Error>,
    /// signingTime.
    pub signing_time: Result<Option<UnixTime>, Error>,
}

/// EnvelopedData (RFC 5652 §6.1).
#[derive(Debug, Clone)]
pub struct Enveloped(Envelope);

/// One KeyTransRecipientInfo (RFC 5652 §6.2.1).
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a>(&'a cms::Recipient);

/// One PasswordRecipientInfo (RFC 5652 §6.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordRecipient {
    /// The key-encryption key is derived by PBKDF2 with HMAC over this digest.
    pub prf: DigestAlgorithm,
    /// How often.
    pub iterations: u32,
    /// What the content key is encrypted with.
    pub cipher: ContentCipher,
}

/// How a SignerInfo or RecipientInfo names a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifier {
    /// issuerAndSerialNumber; the serial as the content octets of its INTEGER.
    IssuerAndSerial(Name, Bytes),
    /// subjectKeyIdentifier.
    KeyIdentifier(Bytes),
}

impl Signed {
    /// Reads a ContentInfo with SignedData, BER or DER.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(message: impl Into<Bytes>) -> Result<Self, Error> {
        SignedData::parse(&message.into()).map(Self)
    }

    /// The type of the content.
    #[must_use]
    pub fn content_type(&self) -> Oid {
        self.0.content_type
    }

    /// The content, segments joined; empty if there is none.
    #[must_use]
    pub fn content(&self) -> &Bytes {
        &self.0.content
    }

    /// The certificates, in the order of the message.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0.certificates
    }

    /// The CRLs, DER each.
    #[must_use]
    pub fn crls(&self) -> &[Bytes] {
        &self.0.crls
    }

    /// The SignerInfos.
    pub fn signers(&self) -> impl Iterator<Item = Signer<'_>> {
        self.0.signers.iter().map(|info| Signer { message: &self.0, info })
    }
}

impl<'a> Signer<'a> {
    /// Which certificate it names.
    #[must_use]
    pub fn identifier(&self) -> Identifier {
        self.info.identifier()
    }

    /// The certificate it names, of those in the message.
    #[must_use]
    pub fn certificate(&self) -> Option<&'a Certificate> {
        self.info.find(&self.message.certificates)
    }

    /// The digest algorithm.
    ///
    /// # Errors
    /// We do not know it.
    pub fn digest(&self) -> Result<DigestAlgorithm, Error> {
        self.info.digest()
    }

    /// How it is signed.
    ///
    /// # Errors
    /// We do not know it.
    pub fn scheme(&self) -> Result<SignatureScheme, Error> {
        self.info.scheme(POLICY)
    }

    /// The types of all signed attributes, and the content of their SETs of values.
    pub fn attribute_values(&self) -> impl Iterator<Item = (Oid, &'a Bytes)> {
        self.info.attributes.iter()
    }

    /// The attributes that SCEP knows.
    #[must_use]
    pub fn attributes(&self) -> SignedAttributes {
        SignedAttributes::read(&self.info.attributes)
    }

    /// Verifies contentType, messageDigest and signature with the key in `certificate`, whoever that belongs to.
    ///
    /// # Errors
    /// [`Error`] says what is wrong.
    pub fn verify(
        &self,
        certificate: &Certificate,
        provider: &CryptoProvider,
    ) -> Result<(), Error> {
        let SignedData { content_type, content, .. } = self.message;
        self.info.verify(*content_type, content, certificate, self.scheme()?, provider)?;
        Ok(())
    }
}

impl SignedAttributes {
    fn read(attributes: &Attributes) -> Self {
        Self {
            message_type: attributes.message_type(),
            transaction_id: attributes.transaction_id(),
            pki_status: attributes.pki_status(),
            fail_info: attributes.fail_info(),
            fail_info_text: attributes.fail_info_text(),
            sender_nonce: attributes.sender_nonce(),
            recipient_nonce: attributes.recipient_nonce(),
            signing_time: attributes.signing_time(),
        }
    }
}

impl Enveloped {
    /// Reads a ContentInfo with EnvelopedData, BER or DER.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(message: impl Into<Bytes>) -> Result<Self, Error> {
        Envelope::parse(&message.into()).map(Self)
    }

    /// The recipients with a key; those of other kinds than KeyTransRecipientInfo are not shown.
    pub fn recipients(&self) -> impl Iterator<Item = Recipient<'_>> {
        self.0.recipients.iter().map(Recipient)
    }

    /// The recipient that is whoever knows a password, if there is one.
    ///
    /// # Errors
    /// We do not know its algorithms, or it asks for more iterations than are ever computed.
    pub fn password_recipient(&self) -> Result<Option<PasswordRecipient>, Error> {
        Ok(self.0.password_recipient(POLICY)?.map(|recipient| {
            let (prf, iterations) = recipient.derivation();
            PasswordRecipient { prf, iterations: iterations.get(), cipher: recipient.kek_cipher }
        }))
    }

    /// The content cipher.
    ///
    /// # Errors
    /// We do not know it, or its initialisation vector is none.
    pub fn cipher(&self) -> Result<ContentCipher, Error> {
        Ok(self.0.cipher(POLICY)?.0)
    }

    /// The encrypted content.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        self.0.ciphertext()
    }

    /// Decrypts the content with a content key, right or wrong: a wrong one can give octets that mean nothing.
    ///
    /// # Errors
    /// We do not know the cipher, or [`Error::Crypto`].
    pub fn decrypt(
        &self,
        key: &ContentKey,
        provider: &CryptoProvider,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (cipher, iv) = self.0.cipher(POLICY)?;
        Ok(Zeroizing::new(provider.envelope.decrypt(cipher, key, &iv, self.0.ciphertext())?))
    }
}

impl<'a> Recipient<'a> {
    /// Which certificate it names.
    #[must_use]
    pub fn identifier(&self) -> Identifier {
        self.0.identifier()
    }

    /// How the content key is wrapped.
    ///
    /// # Errors
    /// We do not know it.
    pub fn transport(&self) -> Result<KeyTransport, Error> {
        self.0.transport()
    }

    /// The wrapped content key.
    #[must_use]
    pub fn encrypted_key(&self) -> &'a Bytes {
        &self.0.encrypted_key
    }
}

/// Serial number and issuer, or the key identifier; octets in upper-case hexadecimal.
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerAndSerial(issuer, serial) => {
                write!(f, "serial number {} of {issuer}", hex::upper(serial))
            }
            Self::KeyIdentifier(identifier) => {
                write!(f, "key identifier {}", hex::upper(identifier))
            }
        }
    }
}
