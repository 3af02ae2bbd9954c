//! pkiMessages that no honest client sends, written by hand.

use std::sync::Arc;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, DigestAlgorithm, SignatureScheme, SigningKey as _};

use super::device::Device;
use super::provider;

pub(crate) struct Forged {
    /// Type and values of each signed attribute; contentType and messageDigest are added unless they stand here.
    pub(crate) attributes: Vec<(Oid, Vec<Vec<u8>>)>,
    pub(crate) content: Vec<u8>,
    pub(crate) digest: DigestAlgorithm,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) signer: Certificate,
    pub(crate) key: Arc<SoftwareKey>,
}

impl Forged {
    /// A well-formed message of this type and content, signed by the device's signer.
    pub(crate) fn new(device: &Device, message_type: u8, content: &[u8]) -> Self {
        let id = device.transaction_id.octets();
        Self {
            attributes: vec![
                (oid::TRANSACTION_ID, vec![printable(id)]),
                (oid::MESSAGE_TYPE, vec![printable(message_type.to_string().as_bytes())]),
                (oid::SENDER_NONCE, vec![octets(&[7; 16])]),
            ],
            content: content.to_vec(),
            digest: DigestAlgorithm::Sha256,
            certificates: vec![device.signer.clone()],
            signer: device.signer.clone(),
            key: device.signer_key.clone(),
        }
    }

    pub(crate) fn without(mut self, oid: Oid) -> Self {
        self.attributes.retain(|(other, _)| *other != oid);
        self
    }

    pub(crate) fn with(mut self, oid: Oid, values: Vec<Vec<u8>>) -> Self {
        self.attributes.push((oid, values));
        self
    }

    pub(crate) fn build(self) -> Bytes {
        let attributes = self.signed_attributes();
        let set = DerWriter::encode(|der| der.sorted_set(Tag::SET, attributes));
        // MD5 is refused before anything is verified, and no key here signs with it.
        let scheme = SignatureScheme::RsaPkcs1(self.digest);
        let signature = self.key.sign(scheme, &set).unwrap_or(vec![1; 256]);
        let certificates: Vec<_> = self.certificates.iter().map(|c| c.der().clone()).collect();
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.oid(&oid::ID_SIGNED_DATA);
                der.constructed(Tag::context(0), |der| {
                    der.sequence(|der| {
                        der.unsigned(1_u64);
                        der.set(|der| self.digest.write(der));
                        der.sequence(|der| {
                            der.oid(&oid::ID_DATA);
                            der.constructed(Tag::context(0), |der| {
                                der.primitive(Tag::OCTET_STRING, &self.content);
                            });
                        });
                        der.constructed(Tag::context(0), |der| {
                            certificates.iter().for_each(|certificate| der.raw(certificate));
                        });
                        der.set(|der| self.write_signer_info(der, &set, &signature));
                    });
                });
            });
        })
        .into()
    }

    fn write_signer_info(&self, der: &mut DerWriter, set: &[u8], signature: &[u8]) {
        der.sequence(|der| {
            der.unsigned(1_u64);
            der.sequence(|der| {
                der.raw(self.signer.issuer().der());
                der.primitive(Tag::INTEGER, self.signer.serial());
            });
            self.digest.write(der);
            der.raw(&[0xA0]);
            der.raw(&set[1..]);
            der.sequence(|der| {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            });
            der.primitive(Tag::OCTET_STRING, signature);
        });
    }

    fn signed_attributes(&self) -> Vec<Vec<u8>> {
        let mut all = self.attributes.clone();
        let has = |oid: Oid| self.attributes.iter().any(|(other, _)| *other == oid);
        if !has(oid::CONTENT_TYPE) {
            all.push((oid::CONTENT_TYPE, vec![DerWriter::encode(|der| der.oid(&oid::ID_DATA))]));
        }
        if !has(oid::MESSAGE_DIGEST) {
            let digest = provider().digest.digest(self.digest, &self.content);
            let digest = digest.map_or(vec![0; 16], |digest| digest.as_ref().to_vec());
            all.push((oid::MESSAGE_DIGEST, vec![octets(&digest)]));
        }
        let write = |(oid, values): &(Oid, Vec<Vec<u8>>)| {
            DerWriter::encode(|der| {
                der.sequence(|der| {
                    der.oid(oid);
                    der.set(|der| values.iter().for_each(|value| der.raw(value)));
                });
            })
        };
        all.iter().map(write).collect()
    }
}

pub(crate) fn printable(text: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(Tag::PRINTABLE_STRING, text))
}

pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(Tag::OCTET_STRING, content))
}

/// The envelope inside a pkiMessage: anyone on the wire can take it out.
pub(crate) fn envelope_of(message: &Bytes) -> Vec<u8> {
    signed_data(message, |fields| {
        let mut encapsulated = fields.sequence().unwrap();
        encapsulated.oid().unwrap();
        let explicit = encapsulated.expect(Tag::context(0)).unwrap();
        explicit.open().unwrap().octet_string().unwrap().into_owned()
    })
}

/// Type and values of each signed attribute of an answer, in order.
pub(crate) fn attributes_of(message: &Bytes) -> Vec<(Oid, Vec<u8>)> {
    signed_data(message, |fields| {
        fields.any().unwrap();
        fields.optional(Tag::context(0)).unwrap();
        let mut signer = fields.set().unwrap().sequence().unwrap();
        signer.any().unwrap();
        signer.any().unwrap();
        signer.any().unwrap();
        let mut list = signer.expect(Tag::context(0)).unwrap().open().unwrap();
        let mut attributes = Vec::new();
        while !list.is_empty() {
            let mut attribute = list.sequence().unwrap();
            let oid = attribute.oid().unwrap();
            attributes.push((oid, attribute.expect(Tag::SET).unwrap().content.to_vec()));
        }
        attributes
    })
}

/// The failInfo of an answer that its asker cannot read.
pub(crate) fn fail_info(answer: &Bytes) -> Vec<u8> {
    let attributes = attributes_of(answer);
    let (_, value) = attributes.iter().find(|(oid, _)| *oid == oid::FAIL_INFO).unwrap();
    value[2..].to_vec()
}

fn signed_data<T>(message: &Bytes, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
    let mut info = Reader::ber(message).sequence().unwrap();
    info.oid().unwrap();
    let explicit = info.expect(Tag::context(0)).unwrap();
    let mut fields = explicit.open().unwrap().sequence().unwrap();
    fields.integer().unwrap();
    fields.expect(Tag::SET).unwrap();
    read(&mut fields)
}

/// An envelope to this recipient whose cipher and contents are whatever is asked for; nothing in it decrypts.
pub(crate) fn envelope(recipient: &Certificate, cipher: &Oid, iv: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid::ID_ENVELOPED_DATA);
            der.constructed(Tag::context(0), |der| {
                der.sequence(|der| {
                    der.unsigned(0_u64);
                    der.set(|der| write_recipient(der, recipient));
                    der.sequence(|der| {
                        der.oid(&oid::ID_DATA);
                        der.sequence(|der| {
                            der.oid(cipher);
                            der.primitive(Tag::OCTET_STRING, iv);
                        });
                        der.primitive(Tag::context(0), &[0x5A; 512]);
                    });
                });
            });
        });
    })
}

fn write_recipient(der: &mut DerWriter, recipient: &Certificate) {
    der.sequence(|der| {
        der.unsigned(0_u64);
        der.sequence(|der| {
            der.raw(recipient.issuer().der());
            der.primitive(Tag::INTEGER, recipient.serial());
        });
        der.sequence(|der| {
            der.oid(&oid::RSA_ENCRYPTION);
            der.null();
        });
        der.primitive(Tag::OCTET_STRING, &[0x55; 256]);
    });
}
