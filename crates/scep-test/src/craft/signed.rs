use std::sync::Arc;

use bytes::Bytes;
use scep_proto::inspect;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, DigestAlgorithm, SignatureScheme, SigningKey};

use super::parts::{
    NULL, algorithm, constructed, digest_of, issuer_and_serial, octets, printable,
    write_content_info,
};
use crate::requests::Device;

/// A ContentInfo with SignedData (RFC 5652 §5.1).
#[derive(Debug, Clone)]
pub struct SignedMessage {
    /// The version.
    pub version: u8,
    /// The members of digestAlgorithms.
    pub digest_algorithms: Vec<Vec<u8>>,
    /// eContentType.
    pub content_type: Oid,
    /// eContent.
    pub content: Content,
    /// The members of `[0]`, in this order; absent if there are none.
    pub certificates: Vec<Vec<u8>>,
    /// The SignerInfos.
    pub signers: Vec<Signer>,
    /// Octets after the end.
    pub trailer: Vec<u8>,
}

/// What stands for eContent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Absent,
    /// An OCTET STRING.
    Octets(Vec<u8>),
    /// This element.
    Element(Vec<u8>),
}

/// A SignerInfo (RFC 5652 §5.3).
#[derive(Clone)]
pub struct Signer {
    /// The version.
    pub version: u8,
    /// The sid, encoded: `issuer_and_serial` or `key_identifier`.
    pub sid: Vec<u8>,
    /// digestAlgorithm, encoded.
    pub digest_algorithm: Vec<u8>,
    /// signedAttrs; `None` leaves the field out.
    pub attributes: Option<Vec<Attribute>>,
    /// In which order they are sent.
    pub order: Order,
    /// What the signature covers.
    pub signed: Signed,
    /// signatureAlgorithm, encoded.
    pub signature_algorithm: Vec<u8>,
    /// How the key signs.
    pub scheme: SignatureScheme,
    /// Who signs.
    pub key: Arc<dyn SigningKey>,
    /// unsignedAttrs; absent if there are none.
    pub unsigned_attributes: Vec<Attribute>,
}

/// An attribute with its values, encoded each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its type.
    pub oid: Oid,
    /// Its values.
    pub values: Vec<Vec<u8>>,
}

/// The order of signed attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// DER's.
    Sorted,
    /// The reverse of DER's.
    Reversed,
}

/// What a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The attributes as a SET in the order they are sent.
    AsSent,
    /// The attributes as a SET in DER order.
    Sorted,
    /// The attributes under the `[0]` they are sent under.
    UnderContextTag,
    /// The content, as if there were no attributes.
    Content,
}

impl SignedMessage {
    /// What `device` would send: a request of this type around this envelope, SHA-256.
    #[must_use]
    pub fn request(device: &Device, message_type: &str, envelope: Vec<u8>) -> Self {
        Self::request_with(device, message_type, envelope, DigestAlgorithm::Sha256)
    }

    /// What `device` would send with another digest.
    #[must_use]
    pub fn request_with(
        device: &Device,
        message_type: &str,
        envelope: Vec<u8>,
        digest: DigestAlgorithm,
    ) -> Self {
        Self::new(device.key.clone(), &device.signer, envelope, digest)
            .with(oid::MESSAGE_TYPE, &[printable(message_type)])
            .with(oid::TRANSACTION_ID, &[printable("1f3a5b7c9d")])
            .with(oid::SENDER_NONCE, &[octets(&[0xAB; 16])])
    }

    /// A CertRep of this pkiStatus to `request`, around this content, SHA-256; without failInfo.
    #[must_use]
    pub fn reply(
        key: Arc<dyn SigningKey>,
        signer: &Certificate,
        request: &Bytes,
        pki_status: &str,
        content: Vec<u8>,
    ) -> Self {
        let request = inspect::Signed::parse(request.clone()).unwrap();
        let attributes = request.signers().next().unwrap().attributes();
        let id = attributes.transaction_id.unwrap();
        let nonce = attributes.sender_nonce.unwrap().unwrap();
        Self::new(key, signer, content, DigestAlgorithm::Sha256)
            .with(oid::MESSAGE_TYPE, &[printable("3")])
            .with(oid::PKI_STATUS, &[printable(pki_status)])
            .with(oid::TRANSACTION_ID, &[printable(&id.to_string())])
            .with(oid::SENDER_NONCE, &[octets(&[0xCD; 16])])
            .with(oid::RECIPIENT_NONCE, &[octets(nonce.octets())])
    }

    /// Signed content with the two attributes that CMS demands.
    #[must_use]
    pub fn new(
        key: Arc<dyn SigningKey>,
        signer: &Certificate,
        content: Vec<u8>,
        digest: DigestAlgorithm,
    ) -> Self {
        let attributes = vec![
            Attribute::one(oid::CONTENT_TYPE, DerWriter::encode(|der| der.oid(&oid::ID_DATA))),
            Attribute::one(oid::MESSAGE_DIGEST, octets(digest_of(digest, &content).as_ref())),
        ];
        Self {
            version: 1,
            digest_algorithms: vec![DerWriter::encode(|der| digest.write(der))],
            content_type: oid::ID_DATA,
            content: Content::Octets(content),
            certificates: vec![signer.der().to_vec()],
            signers: vec![Signer::new(key, signer, digest, attributes)],
            trailer: Vec::new(),
        }
    }

    /// The first SignerInfo.
    pub fn signer(&mut self) -> &mut Signer {
        self.signers.first_mut().unwrap()
    }

    /// Gives the first SignerInfo an attribute with these values instead of the one of that type.
    #[must_use]
    pub fn with(mut self, oid: Oid, values: &[Vec<u8>]) -> Self {
        self = self.without(oid);
        self.with_another(Attribute { oid, values: values.to_vec() })
    }

    /// Adds an attribute, even if there is one of that type.
    #[must_use]
    pub fn with_another(mut self, attribute: Attribute) -> Self {
        self.signer().attributes.get_or_insert_default().push(attribute);
        self
    }

    /// Takes the attributes of this type out of the first SignerInfo.
    #[must_use]
    pub fn without(mut self, oid: Oid) -> Self {
        if let Some(attributes) = &mut self.signer().attributes {
            attributes.retain(|attribute| attribute.oid != oid);
        }
        self
    }

    /// Changes the first SignerInfo.
    #[must_use]
    pub fn signed_by(mut self, change: impl FnOnce(&mut Signer)) -> Self {
        change(self.signer());
        self
    }

    /// The message, DER but for the order of its sets.
    #[must_use]
    pub fn build(&self) -> Bytes {
        let mut message = DerWriter::encode(|der| {
            write_content_info(der, oid::ID_SIGNED_DATA, |der| {
                der.sequence(|der| self.write(der));
            });
        });
        message.extend_from_slice(&self.trailer);
        message.into()
    }

    fn write(&self, der: &mut DerWriter) {
        der.unsigned(u64::from(self.version));
        der.set(|der| self.digest_algorithms.iter().for_each(|algorithm| der.raw(algorithm)));
        der.sequence(|der| {
            der.oid(&self.content_type);
            match &self.content {
                Content::Absent => {}
                Content::Octets(content) => der.constructed(Tag::context(0), |der| {
                    der.primitive(Tag::OCTET_STRING, content);
                }),
                Content::Element(element) => {
                    der.constructed(Tag::context(0), |der| der.raw(element));
                }
            }
        });
        if !self.certificates.is_empty() {
            der.constructed(Tag::context(0), |der| {
                self.certificates.iter().for_each(|certificate| der.raw(certificate));
            });
        }
        let content = match &self.content {
            Content::Octets(content) => content.as_slice(),
            Content::Absent | Content::Element(_) => &[],
        };
        der.set(|der| self.signers.iter().for_each(|signer| signer.write(content, der)));
    }
}

impl Signer {
    fn new(
        key: Arc<dyn SigningKey>,
        signer: &Certificate,
        digest: DigestAlgorithm,
        attributes: Vec<Attribute>,
    ) -> Self {
        Self {
            version: 1,
            sid: issuer_and_serial(signer),
            digest_algorithm: DerWriter::encode(|der| digest.write(der)),
            attributes: Some(attributes),
            order: Order::Sorted,
            signed: Signed::AsSent,
            signature_algorithm: algorithm(oid::RSA_ENCRYPTION, Some(&NULL)),
            scheme: SignatureScheme::RsaPkcs1(digest),
            key,
            unsigned_attributes: Vec::new(),
        }
    }

    fn write(&self, content: &[u8], der: &mut DerWriter) {
        let sent = self.attributes.as_ref().map(|attributes| in_order(attributes, self.order));
        let signature = self.sign(sent.as_deref(), content);
        der.sequence(|der| {
            der.unsigned(u64::from(self.version));
            der.raw(&self.sid);
            der.raw(&self.digest_algorithm);
            if let Some(sent) = &sent {
                der.constructed(Tag::context(0), |der| der.raw(sent));
            }
            der.raw(&self.signature_algorithm);
            der.primitive(Tag::OCTET_STRING, &signature);
            if !self.unsigned_attributes.is_empty() {
                let unsigned = in_order(&self.unsigned_attributes, Order::Sorted);
                der.constructed(Tag::context(1), |der| der.raw(&unsigned));
            }
        });
    }

    fn sign(&self, sent: Option<&[u8]>, content: &[u8]) -> Vec<u8> {
        let sorted = || in_order(self.attributes.as_deref().unwrap_or_default(), Order::Sorted);
        let message = match (self.signed, sent) {
            (Signed::Content, _) | (_, None) => content.to_vec(),
            (Signed::AsSent, Some(sent)) => constructed(Tag::SET, sent),
            (Signed::Sorted, Some(_)) => constructed(Tag::SET, &sorted()),
            (Signed::UnderContextTag, Some(sent)) => constructed(Tag::context(0), sent),
        };
        self.key.sign(self.scheme, &message).unwrap()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}

impl Attribute {
    /// An attribute with one value.
    #[must_use]
    pub fn one(oid: Oid, value: Vec<u8>) -> Self {
        Self { oid, values: vec![value] }
    }

    fn to_der(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.oid(&self.oid);
                der.set(|der| self.values.iter().for_each(|value| der.raw(value)));
            });
        })
    }
}

fn in_order(attributes: &[Attribute], order: Order) -> Vec<u8> {
    let mut members: Vec<Vec<u8>> = attributes.iter().map(Attribute::to_der).collect();
    members.sort_unstable();
    if order == Order::Reversed {
        members.reverse();
    }
    members.concat()
}
