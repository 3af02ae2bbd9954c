use scep_crypto::aws_lc_rs::provider;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;
use scep_types::{Certificate, ContentCipher, ContentKey, CryptoError, KeyTransport};

use super::{content_info, issuer_and_serial};

/// EnvelopedData for one recipient; what a row is about is changed before [`Envelope::build`].
#[derive(Clone)]
pub(crate) struct Envelope {
    /// RecipientInfos, encoded.
    pub(crate) recipients: Vec<Vec<u8>>,
    /// contentEncryptionAlgorithm, encoded.
    pub(crate) algorithm: Vec<u8>,
    /// The element in place of encryptedContent.
    pub(crate) encrypted_content: Vec<u8>,
    /// The key of the content.
    pub(crate) key: ContentKey,
}

impl Envelope {
    /// What an honest client would send.
    pub(crate) fn new(
        plaintext: &[u8],
        recipient: &Certificate,
        cipher: ContentCipher,
    ) -> Result<Self, CryptoError> {
        let mut drawn = [0; ContentKey::MAX_OCTETS];
        let mut iv = vec![0; cipher.block_len()];
        provider().random.fill(&mut drawn)?;
        provider().random.fill(&mut iv)?;
        let key = ContentKey::from_prefix(&drawn, cipher.key_len());
        let ciphertext = provider().envelope.encrypt(cipher, &key, &iv, plaintext)?;
        let rid = issuer_and_serial(recipient.issuer().der(), recipient.serial());
        Ok(Self {
            recipients: vec![key_transport(&rid, KeyTransport::Pkcs1v15, recipient, &key)?],
            algorithm: DerWriter::encode(|der| {
                der.sequence(|der| {
                    der.oid(&cipher.oid());
                    der.primitive(Tag::OCTET_STRING, &iv);
                });
            }),
            encrypted_content: DerWriter::encode(|der| {
                der.primitive(Tag::context(0), &ciphertext);
            }),
            key,
        })
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        content_info(oid::ID_ENVELOPED_DATA, |der| {
            der.sequence(|der| {
                der.unsigned(0_u64);
                der.set(|der| self.recipients.iter().for_each(|info| der.raw(info)));
                der.sequence(|der| {
                    der.oid(&oid::ID_DATA);
                    der.raw(&self.algorithm);
                    der.raw(&self.encrypted_content);
                });
            });
        })
    }
}

/// KeyTransRecipientInfo.
pub(crate) fn key_transport(
    rid: &[u8],
    transport: KeyTransport,
    recipient: &Certificate,
    key: &ContentKey,
) -> Result<Vec<u8>, CryptoError> {
    let wrapped = provider().envelope.wrap_key(transport, recipient.spki(), key)?;
    Ok(key_transport_of(rid, transport, &wrapped))
}

/// KeyTransRecipientInfo around any octets.
pub(crate) fn key_transport_of(rid: &[u8], transport: KeyTransport, wrapped: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.unsigned(if rid.first() == Some(&0x80) { 2_u64 } else { 0 });
            der.raw(rid);
            transport.write(der);
            der.primitive(Tag::OCTET_STRING, wrapped);
        });
    })
}
