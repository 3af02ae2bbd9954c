use scep_crypto::aws_lc_rs::provider;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, ContentCipher, ContentKey, KeyTransport};

use super::parts::{algorithm, issuer_and_serial, octets, primitive, write_content_info};
use super::password::{Derivation, PasswordRecipient};

/// A ContentInfo with EnvelopedData (RFC 5652 §6.1).
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The version.
    pub version: u8,
    /// The RecipientInfos, encoded each: [`key_transport`], or anything.
    pub recipients: Vec<Vec<u8>>,
    /// contentType.
    pub content_type: Oid,
    /// contentEncryptionAlgorithm, encoded.
    pub algorithm: Vec<u8>,
    /// The element that stands for encryptedContent.
    pub encrypted_content: Vec<u8>,
}

impl Envelope {
    /// An honest one: PKCS #1 v1.5, issuerAndSerialNumber, the content key of [`content_key`].
    #[must_use]
    pub fn new(plaintext: &[u8], recipient: &Certificate, cipher: ContentCipher) -> Self {
        let key = content_key(cipher);
        let iv = vec![0x11; cipher.block_len()];
        let envelopes = provider().envelope;
        let ciphertext = envelopes.encrypt(cipher, &key, &iv, plaintext).unwrap();
        let rid = issuer_and_serial(recipient);
        Self {
            version: 0,
            recipients: vec![key_transport(&rid, KeyTransport::Pkcs1v15, recipient.spki(), &key)],
            content_type: oid::ID_DATA,
            algorithm: algorithm(cipher.oid(), Some(&octets(&iv))),
            encrypted_content: primitive(Tag::context(0), &ciphertext),
        }
    }

    /// An honest one for whoever knows a password, the content key of [`content_key`].
    #[must_use]
    pub fn by_password(
        plaintext: &[u8],
        derivation: &Derivation,
        password: &str,
        cipher: ContentCipher,
    ) -> Self {
        let recipient = PasswordRecipient::new(derivation, password, &content_key(cipher));
        Self::around(plaintext, recipient.build(), cipher)
    }

    /// One of version 3 around any RecipientInfo, the content key of [`content_key`].
    #[must_use]
    pub fn around(plaintext: &[u8], recipient: Vec<u8>, cipher: ContentCipher) -> Self {
        Self::with_key(plaintext, recipient, cipher, &content_key(cipher))
    }

    /// One of version 3 around any RecipientInfo and content key.
    #[must_use]
    pub fn with_key(
        plaintext: &[u8],
        recipient: Vec<u8>,
        cipher: ContentCipher,
        key: &ContentKey,
    ) -> Self {
        let iv = vec![0x11; cipher.block_len()];
        let ciphertext = provider().envelope.encrypt(cipher, key, &iv, plaintext).unwrap();
        Self {
            version: 3,
            recipients: vec![recipient],
            content_type: oid::ID_DATA,
            algorithm: algorithm(cipher.oid(), Some(&octets(&iv))),
            encrypted_content: primitive(Tag::context(0), &ciphertext),
        }
    }

    /// The envelope, DER.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            write_content_info(der, oid::ID_ENVELOPED_DATA, |der| {
                der.sequence(|der| {
                    der.unsigned(u64::from(self.version));
                    der.set(|der| self.recipients.iter().for_each(|info| der.raw(info)));
                    der.sequence(|der| {
                        der.oid(&self.content_type);
                        der.raw(&self.algorithm);
                        der.raw(&self.encrypted_content);
                    });
                });
            });
        })
    }
}

/// The content key of every crafted envelope with this cipher.
#[must_use]
pub fn content_key(cipher: ContentCipher) -> ContentKey {
    ContentKey::from_prefix(
        &std::array::from_fn(|at| [0xC0, 0x51, 0x9E, 0x27][at % 4] ^ at as u8),
        cipher.key_len(),
    )
}

/// KeyTransRecipientInfo around a wrapped key (RFC 5652 §6.2.1).
#[must_use]
pub fn key_transport(
    rid: &[u8],
    transport: KeyTransport,
    spki: &[u8],
    key: &ContentKey,
) -> Vec<u8> {
    let wrapped = provider().envelope.wrap_key(transport, spki, key).unwrap();
    let algorithm = DerWriter::encode(|der| transport.write(der));
    key_transport_with(rid, &algorithm, &wrapped)
}

/// KeyTransRecipientInfo with any keyEncryptionAlgorithm and encryptedKey.
#[must_use]
pub fn key_transport_with(rid: &[u8], algorithm: &[u8], encrypted_key: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.unsigned(0_u64);
            der.raw(rid);
            der.raw(algorithm);
            der.primitive(Tag::OCTET_STRING, encrypted_key);
        });
    })
}
