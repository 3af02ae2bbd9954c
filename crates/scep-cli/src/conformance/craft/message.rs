use std::sync::Arc;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, CryptoError, DigestAlgorithm, SignatureScheme, SigningKey};

use super::request::KEY_IDENTIFIER;
use super::{attribute, content_info, issuer_and_serial, octets, printable};

/// A pkiMessage. [`Message::new`] makes an honest one; change what a row is about, then [`Message::build`].
#[derive(Clone)]
pub(crate) struct Message {
    /// Signed attributes: type and values; `None` leaves the field out.
    pub(crate) attributes: Option<Vec<Attribute>>,
    pub(crate) unsigned_attributes: Vec<Attribute>,
    pub(crate) content: Vec<u8>,
    pub(crate) content_type: Oid,
    pub(crate) certificates: Vec<Bytes>,
    pub(crate) signer: Certificate,
    pub(crate) signer_id: SignerId,
    pub(crate) digest: DigestAlgorithm,
    pub(crate) signature_algorithm: Oid,
    /// AlgorithmIdentifier parameters of the digest and of the signature.
    pub(crate) parameters: Parameters,
    pub(crate) order: Order,
    /// How many SignerInfos there are, all alike.
    pub(crate) signers: usize,
    pub(crate) signature: Signature,
    pub(crate) key: Arc<SoftwareKey>,
}

/// An attribute: its type, and each value encoded.
pub(crate) type Attribute = (Oid, Vec<Vec<u8>>);

/// How the signer is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignerId {
    IssuerAndSerial,
    /// By the identifier of [`with_key_identifier`].
    KeyIdentifier,
}

/// Whether an algorithm without parameters has NULL there, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameters {
    Null,
    Absent,
}

/// In which order attributes are signed and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As DER wants it.
    Sorted,
    /// The other way round, as old Java clients send them.
    Reversed,
}

/// What becomes of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    Good,
    /// One bit of it is flipped.
    Broken,
}

/// Who a message is from.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) certificate: Certificate,
    pub(crate) key: Arc<SoftwareKey>,
}

impl Message {
    /// What an honest client would send, SHA-256.
    pub(crate) fn new(
        sender: &Sender,
        message_type: &str,
        id: &str,
        nonce: &[u8],
        content: Vec<u8>,
    ) -> Self {
        let attributes = vec![
            (oid::CONTENT_TYPE, vec![DerWriter::encode(|der| der.oid(&oid::ID_DATA))]),
            (oid::MESSAGE_TYPE, vec![printable(message_type)]),
            (oid::TRANSACTION_ID, vec![printable(id)]),
            (oid::SENDER_NONCE, vec![octets(nonce)]),
        ];
        Self {
            attributes: Some(attributes),
            unsigned_attributes: Vec::new(),
            content,
            content_type: oid::ID_DATA,
            certificates: vec![sender.certificate.der().clone()],
            signer: sender.certificate.clone(),
            signer_id: SignerId::IssuerAndSerial,
            digest: DigestAlgorithm::Sha256,
            signature_algorithm: oid::RSA_ENCRYPTION,
            parameters: Parameters::Null,
            order: Order::Sorted,
            signers: 1,
            signature: Signature::Good,
            key: Arc::clone(&sender.key),
        }
    }

    /// The attribute of this type with these values instead of what it has.
    pub(crate) fn with(self, oid: Oid, values: Vec<Vec<u8>>) -> Self {
        self.without(oid).and(oid, values)
    }

    /// One more attribute, even if there is one of that type.
    pub(crate) fn and(mut self, oid: Oid, values: Vec<Vec<u8>>) -> Self {
        self.attributes.get_or_insert_default().push((oid, values));
        self
    }

    /// Without the attributes of this type.
    pub(crate) fn without(mut self, oid: Oid) -> Self {
        if let Some(attributes) = &mut self.attributes {
            attributes.retain(|(other, _)| *other != oid);
        }
        self
    }

    /// Without messageDigest, which [`Message::build`] would add.
    pub(crate) fn without_message_digest(self) -> Self {
        self.with(oid::MESSAGE_DIGEST, Vec::new())
    }

    pub(crate) fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn build(&self) -> Result<Bytes, CryptoError> {
        let sent = match &self.attributes {
            Some(attributes) => Some(self.in_order(&self.with_digest(attributes)?)),
            None => None,
        };
        let signature = self.sign(sent.as_deref())?;
        Ok(Bytes::from(content_info(oid::ID_SIGNED_DATA, |der| {
            der.sequence(|der| self.write(sent.as_deref(), &signature, der));
        })))
    }

    /// messageDigest over the content is added unless it stands there; without any value it is left out.
    fn with_digest(&self, attributes: &[Attribute]) -> Result<Vec<Attribute>, CryptoError> {
        let mut all = attributes.to_vec();
        if !all.iter().any(|(oid, _)| *oid == oid::MESSAGE_DIGEST) {
            let digest = provider().digest.digest(self.digest, &self.content)?;
            all.push((oid::MESSAGE_DIGEST, vec![octets(digest.as_ref())]));
        }
        all.retain(|(oid, values)| *oid != oid::MESSAGE_DIGEST || !values.is_empty());
        Ok(all)
    }

    fn in_order(&self, attributes: &[Attribute]) -> Vec<u8> {
        let mut members: Vec<Vec<u8>> = attributes.iter().map(attribute).collect();
        members.sort_unstable();
        if self.order == Order::Reversed {
            members.reverse();
        }
        members.concat()
    }

    fn sign(&self, sent: Option<&[u8]>) -> Result<Vec<u8>, CryptoError> {
        let covered = match sent {
            Some(attributes) => DerWriter::encode(|der| der.set(|der| der.raw(attributes))),
            None => self.content.clone(),
        };
        let scheme = match self.digest {
            // No key here signs with MD5; a server that admits it refuses the signature instead.
            DigestAlgorithm::Md5 => SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256),
            digest => SignatureScheme::RsaPkcs1(digest),
        };
        let mut signature = self.key.sign(scheme, &covered)?;
        if let (Signature::Broken, Some(last)) = (self.signature, signature.last_mut()) {
            *last ^= 1;
        }
        Ok(signature)
    }

    fn write(&self, sent: Option<&[u8]>, signature: &[u8], der: &mut DerWriter) {
        der.unsigned(1_u64);
        der.set(|der| self.algorithm(self.digest.oid(), der));
        der.sequence(|der| {
            der.oid(&self.content_type);
            der.constructed(Tag::context(0), |der| {
                der.primitive(Tag::OCTET_STRING, &self.content);
            });
        });
        if !self.certificates.is_empty() {
            der.constructed(Tag::context(0), |der| {
                self.certificates.iter().for_each(|certificate| der.raw(certificate));
            });
        }
        der.set(|der| {
            (0..self.signers).for_each(|_| self.signer_info(sent, signature, der));
        });
    }

    fn signer_info(&self, sent: Option<&[u8]>, signature: &[u8], der: &mut DerWriter) {
        der.sequence(|der| {
            der.unsigned(1_u64);
            match self.signer_id {
                SignerId::IssuerAndSerial => {
                    der.raw(&issuer_and_serial(self.signer.issuer().der(), self.signer.serial()));
                }
                SignerId::KeyIdentifier => der.primitive(Tag::context(0), &KEY_IDENTIFIER),
            }
            self.algorithm(self.digest.oid(), der);
            if let Some(sent) = sent {
                der.constructed(Tag::context(0), |der| der.raw(sent));
            }
            self.algorithm(self.signature_algorithm, der);
            der.primitive(Tag::OCTET_STRING, signature);
            if !self.unsigned_attributes.is_empty() {
                let unsigned = self.unsigned_attributes.iter().map(attribute);
                der.sorted_set(Tag::context(1), unsigned.collect());
            }
        });
    }

    fn algorithm(&self, oid: Oid, der: &mut DerWriter) {
        der.sequence(|der| {
            der.oid(&oid);
            if self.parameters == Parameters::Null {
                der.null();
            }
        });
    }
}

/// A pkiMessage, DER, as Apple and Bouncy Castle write it: indefinite lengths, and the content in segments.
pub(crate) fn streamed(message: &[u8]) -> Result<Bytes, Asn1Error> {
    const END: [u8; 2] = [0, 0];
    let mut info = Reader::der(message).sequence()?;
    let content_type = info.any()?.raw;
    let mut data = info.expect(Tag::context(0))?.open()?.sequence()?;
    let head = [data.any()?.raw, data.any()?.raw].concat();
    let mut encapsulated = data.sequence()?;
    let inner_type = encapsulated.any()?.raw;
    let content = encapsulated.expect(Tag::context(0))?.open()?.octet_string()?.into_owned();
    let segments: Vec<u8> = content.chunks(1000).flat_map(octets).collect();
    let mut out = [&[0x30, 0x80], content_type, &[0xA0, 0x80, 0x30, 0x80], &head].concat();
    out.extend([&[0x30, 0x80], inner_type, &[0xA0, 0x80, 0x24, 0x80], &segments].concat());
    out.extend([END, END, END].concat());
    out.extend_from_slice(data.rest());
    out.extend([END, END, END].concat());
    Ok(out.into())
}
