use bytes::Bytes;
use scep_types::asn1::{DerWriter, Limits, Reader, Tag, Tlv, survey};
use scep_types::oid;
use scep_types::{AlgorithmPolicy, Certificate, ContentCipher, EnvelopeProvider};
use scep_types::{KeyTransport, Secret, spki_key_kind};

use super::password::{PasswordRecipient, password_recipient};
use super::signed::joined;
use super::{IssuerAndSerial, open_content_info, write_content_info, write_issuer_and_serial};
use crate::error::{ApiMisuse, Error, Misbehaviour, Unsupported};
use crate::inspect::Identifier;
use crate::random::MessageRandom;

/// Recipients an envelope may have: micromdm's client writes one for each certificate of GetCACert.
const MAX_RECIPIENTS: usize = 16;

/// EnvelopedData as received (RFC 5652 §6.1).
///
/// ```text
/// EnvelopedData ::= SEQUENCE { version, originatorInfo [0] IMPLICIT OPTIONAL, recipientInfos SET OF RecipientInfo,
///                              encryptedContentInfo, unprotectedAttrs [1] IMPLICIT OPTIONAL }
/// EncryptedContentInfo ::= SEQUENCE { contentType, contentEncryptionAlgorithm, encryptedContent [0] IMPLICIT OCTET STRING }
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) recipients: Vec<Recipient>,
    /// The first PasswordRecipientInfo, not yet read: whoever finds a key of its own need not mind it.
    password_recipient: Option<Bytes>,
    algorithm: Bytes,
    ciphertext: Bytes,
}

/// KeyTransRecipientInfo as received (RFC 5652 §6.2.1).
///
/// ```text
/// KeyTransRecipientInfo ::= SEQUENCE { version, rid, keyEncryptionAlgorithm, encryptedKey OCTET STRING }
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) id: RecipientId,
    algorithm: Bytes,
    pub(crate) encrypted_key: Bytes,
}

/// RecipientIdentifier (RFC 5652 §6.2.1).
#[derive(Debug, Clone)]
pub(crate) enum RecipientId {
    IssuerAndSerial(IssuerAndSerial),
    KeyIdentifier(Bytes),
}

impl RecipientId {
    pub(crate) fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial(id) => id.names(certificate),
            Self::KeyIdentifier(id) => certificate.subject_key_identifier().as_ref() == Some(id),
        }
    }
}

impl Envelope {
    /// Reads a ContentInfo with EnvelopedData.
    pub(crate) fn parse(message: &Bytes) -> Result<Self, Error> {
        survey(message, Limits::MESSAGE)?;
        let content = open_content_info(&mut Reader::ber(message), oid::ID_ENVELOPED_DATA)
            .map_err(as_unsupported_encryption)?;
        let mut fields = content.open()?;
        fields.integer()?; // version: 0, 2 or 3, and nothing depends on it
        fields.optional(Tag::context(0))?; // originatorInfo
        let (recipients, password_recipient) = read_recipients(message, &fields.expect(Tag::SET)?)?;
        let mut encrypted = fields.sequence()?;
        encrypted.oid()?; // id-data, or what old peers write instead
        let algorithm = encrypted.expect(Tag::SEQUENCE)?.raw;
        let ciphertext = encrypted.expect(Tag::context(0))?.octets()?;
        encrypted.finish()?;
        Ok(Self {
            recipients,
            password_recipient,
            algorithm: message.slice_ref(algorithm),
            ciphertext: joined(message, ciphertext),
        })
    }

    /// The cipher and its initialisation vector, if known, well-formed and admitted.
    pub(crate) fn cipher(&self, policy: AlgorithmPolicy) -> Result<(ContentCipher, Bytes), Error> {
        let mut algorithm = Reader::ber(&self.algorithm).sequence()?;
        let oid = algorithm.oid()?;
        let cipher = ContentCipher::from_oid(&oid).ok_or(Unsupported::Algorithm(oid))?;
        if !policy.allows_cipher(cipher) {
            return Err(Unsupported::Cipher(cipher).into());
        }
        // Absent parameters are zeros to one old client; only legacy ciphers came that way.
        if algorithm.is_empty() && cipher.block_len() == 8 {
            return Ok((cipher, Bytes::from_static(&[0; 8])));
        }
        let iv = joined(&self.algorithm, algorithm.octet_string()?);
        if iv.len() != cipher.block_len() {
            return Err(Unsupported::InitialisationVector(iv.len()).into());
        }
        Ok((cipher, iv))
    }

    /// The encrypted content.
    pub(crate) fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// The recipient that is whoever knows a password, if there is one that can be read.
    pub(crate) fn password_recipient(
        &self,
        policy: AlgorithmPolicy,
    ) -> Result<Option<PasswordRecipient>, Error> {
        let element = self.password_recipient.as_ref();
        element.map(|element| PasswordRecipient::parse(element, policy)).transpose()
    }

    /// Our recipient and the certificate it is for: the first that names one of `ours`; with a single recipient and a
    /// single certificate also one that names a stale certificate, since devices keep an old CA certificate.
    pub(crate) fn find_recipient(
        &self,
        ours: &[&Certificate],
    ) -> Result<(&Recipient, usize), Error> {
        if self.recipients.is_empty() {
            return Err(Unsupported::RecipientKind.into());
        }
        let named = self.recipients.iter().find_map(|recipient| {
            let index = ours.iter().position(|certificate| recipient.id.names(certificate))?;
            Some((recipient, index))
        });
        match (named, self.recipients.as_slice(), ours) {
            (Some(found), _, _) => Ok(found),
            (None, [only], [_]) => Ok((only, 0)),
            (None, all, _) => Err(Misbehaviour::NotRecipient { recipients: all.len() }.into()),
        }
    }
}

impl Recipient {
    pub(crate) fn identifier(&self) -> Identifier {
        match &self.id {
            RecipientId::IssuerAndSerial(id) => id.to_identifier(),
            RecipientId::KeyIdentifier(id) => Identifier::KeyIdentifier(id.clone()),
        }
    }

    /// How the key is wrapped, if we know it.
    pub(crate) fn transport(&self) -> Result<KeyTransport, Error> {
        Ok(KeyTransport::read(&mut Reader::ber(&self.algorithm))?)
    }
}

/// To the peer that sends AuthEnvelopedData, it is the algorithm that we do not take.
fn as_unsupported_encryption(error: Error) -> Error {
    match error {
        Error::Misbehaved(Misbehaviour::ContentType(oid::ID_AUTH_ENVELOPED_DATA)) => {
            Unsupported::Algorithm(oid::ID_AUTH_ENVELOPED_DATA).into()
        }
        other => other,
    }
}

/// The KeyTransRecipientInfos and the first PasswordRecipientInfo; other kinds are skipped, they are never ours.
fn read_recipients(owner: &Bytes, set: &Tlv<'_>) -> Result<(Vec<Recipient>, Option<Bytes>), Error> {
    let mut infos = set.open()?;
    let mut recipients = Vec::with_capacity(1);
    let mut password_recipient = None;
    let mut found = 0_usize;
    while !infos.is_empty() {
        found = found.saturating_add(1);
        if found > MAX_RECIPIENTS {
            return Err(Misbehaviour::NotRecipient { recipients: found }.into());
        }
        let info = infos.any()?;
        if info.tag == Tag::context(3) && password_recipient.is_none() {
            password_recipient = Some(owner.slice_ref(info.raw));
        }
        if info.tag != Tag::SEQUENCE {
            continue;
        }
        let mut fields = info.open()?;
        fields.integer()?;
        let id = match fields.any()? {
            tlv if tlv.tag == Tag::SEQUENCE => {
                RecipientId::IssuerAndSerial(IssuerAndSerial::read(owner, &tlv)?)
            }
            tlv => RecipientId::KeyIdentifier(joined(owner, tlv.octets()?)),
        };
        let algorithm = owner.slice_ref(fields.expect(Tag::SEQUENCE)?.raw);
        let encrypted_key = joined(owner, fields.octet_string()?);
        fields.finish()?;
        recipients.push(Recipient { id, algorithm, encrypted_key });
    }
    Ok((recipients, password_recipient))
}

/// Who an envelope is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EnvelopeFor<'a> {
    /// Whoever holds the private key.
    Certificate(&'a Certificate),
    /// Whoever knows the password.
    Password(&'a Secret),
}

impl<'a> EnvelopeFor<'a> {
    /// The key if it can encrypt, else the password (RFC 8894 §3.1).
    pub(crate) fn choose(
        certificate: &'a Certificate,
        password: Option<&'a Secret>,
    ) -> Result<Self, Error> {
        if spki_key_kind(certificate.spki())?.can_encrypt() {
            return Ok(Self::Certificate(certificate));
        }
        let password = password.filter(|password| !password.is_empty());
        Ok(Self::Password(password.ok_or(ApiMisuse::RecipientKey)?))
    }
}

/// Encrypts `plaintext` and writes a ContentInfo with EnvelopedData for one recipient: issuerAndSerialNumber and
/// PKCS #1 v1.5 in version 0, the form every peer reads, or PasswordRecipientInfo, which makes it version 3.
pub(crate) fn write_envelope(
    plaintext: &[u8],
    recipient: EnvelopeFor<'_>,
    cipher: ContentCipher,
    random: &MessageRandom,
    provider: &dyn EnvelopeProvider,
) -> Result<Vec<u8>, Error> {
    let (key, iv) = (random.key(cipher), random.iv(cipher));
    let (version, recipient) = match recipient {
        EnvelopeFor::Certificate(certificate) => {
            let transport = KeyTransport::Pkcs1v15;
            let encrypted_key = provider.wrap_key(transport, certificate.spki(), &key)?;
            (0_u64, key_transport_recipient(certificate, transport, &encrypted_key))
        }
        EnvelopeFor::Password(password) => {
            (3, password_recipient(password, cipher, &key, random, provider)?)
        }
    };
    let ciphertext = provider.encrypt(cipher, &key, iv, plaintext)?;
    let mut der = DerWriter::with_room_for(&[&ciphertext], 1024);
    write_content_info(&mut der, oid::ID_ENVELOPED_DATA, |der| {
        der.sequence(|der| {
            der.unsigned(version);
            der.set(|der| der.raw(&recipient));
            der.sequence(|der| {
                der.oid(&oid::ID_DATA);
                der.sequence(|der| {
                    der.oid(&cipher.oid());
                    der.primitive(Tag::OCTET_STRING, iv);
                });
                der.primitive(Tag::context(0), &ciphertext);
            });
        });
    });
    Ok(der.into_vec())
}

fn key_transport_recipient(
    certificate: &Certificate,
    transport: KeyTransport,
    encrypted_key: &[u8],
) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.unsigned(0_u64);
            write_issuer_and_serial(der, certificate);
            transport.write(der);
            der.primitive(Tag::OCTET_STRING, encrypted_key);
        });
    })
}
