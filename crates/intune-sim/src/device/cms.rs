//! CMS as a family writes it: DER, or BER of indefinite length with segmented strings.

use scep_proto::TransactionId;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, ContentCipher, ContentKey, DigestAlgorithm, SignatureScheme};

use super::Device;
use super::dialect::{Encoding, Family};
use crate::error::Error;

/// cmsAlgorithmProtection (RFC 6211), which Bouncy Castle adds.
const ALGORITHM_PROTECTION: Oid = Oid::new("1.2.840.113549.1.9.52");

/// Writes elements in an encoding.
struct Writer {
    encoding: Encoding,
    out: Vec<u8>,
}

impl Writer {
    fn encode(encoding: Encoding, content: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self { encoding, out: Vec::new() };
        content(&mut writer);
        writer.out
    }

    fn der(&mut self, content: impl FnOnce(&mut DerWriter)) {
        self.out.extend(DerWriter::encode(content));
    }

    fn constructed(&mut self, tag: Tag, content: impl FnOnce(&mut Self)) {
        let content = Self::encode(self.encoding, content);
        match self.encoding {
            Encoding::Der => self.der(|der| der.constructed(tag, |der| der.raw(&content))),
            Encoding::Indefinite { .. } => {
                self.out.extend([tag.constructed(), 0x80]);
                self.out.extend(content);
                self.out.extend([0, 0]); // end-of-contents
            }
        }
    }

    /// An OCTET STRING under this tag.
    fn octets(&mut self, tag: Tag, octets: &[u8]) {
        match self.encoding {
            Encoding::Der => self.der(|der| der.primitive(tag, octets)),
            Encoding::Indefinite { segment } => self.constructed(tag, |out| {
                for part in octets.chunks(segment.max(1)) {
                    out.der(|der| der.primitive(Tag::OCTET_STRING, part));
                }
            }),
        }
    }

    fn content_info(&mut self, content_type: Oid, content: impl FnOnce(&mut Self)) {
        self.constructed(Tag::SEQUENCE, |out| {
            out.der(|der| der.oid(&content_type));
            out.constructed(Tag::context(0), |out| out.constructed(Tag::SEQUENCE, content));
        });
    }
}

/// EnvelopedData around a plaintext (RFC 5652 §6.1).
pub(super) fn envelope(
    device: &Device,
    plaintext: &[u8],
    recipient: &Certificate,
    cipher: ContentCipher,
) -> Result<Vec<u8>, Error> {
    let (mut key, mut iv) = ([0; ContentKey::MAX_OCTETS], [0; 16]);
    device.provider.random.fill(&mut key)?;
    device.provider.random.fill(&mut iv)?;
    let key = ContentKey::from_prefix(&key, cipher.key_len());
    let iv = iv.get(..cipher.block_len()).unwrap_or_default();
    let envelopes = device.provider.envelope;
    let wrapped = envelopes.wrap_key(device.dialect.transport, recipient.spki(), &key)?;
    let ciphertext = envelopes.encrypt(cipher, &key, iv, plaintext)?;
    Ok(Writer::encode(device.dialect.encoding, |out| {
        out.content_info(oid::ID_ENVELOPED_DATA, |out| {
            out.der(|der| der.unsigned(0_u64));
            out.der(|der| {
                der.set(|der| {
                    der.sequence(|der| {
                        der.unsigned(0_u64);
                        issuer_and_serial(der, recipient);
                        device.dialect.transport.write(der);
                        der.primitive(Tag::OCTET_STRING, &wrapped);
                    });
                });
            });
            out.constructed(Tag::SEQUENCE, |out| {
                out.der(|der| der.oid(&oid::ID_DATA));
                out.der(|der| {
                    der.sequence(|der| {
                        der.oid(&cipher.oid());
                        der.primitive(Tag::OCTET_STRING, iv);
                    });
                });
                out.octets(Tag::context(0), &ciphertext);
            });
        });
    }))
}

/// What a pkiMessage says beside its content.
pub(super) struct Header<'a> {
    pub(super) signer: &'a Certificate,
    pub(super) digest: DigestAlgorithm,
    pub(super) transaction_id: &'a TransactionId,
    pub(super) nonce: &'a [u8],
}

/// A PKCSReq: SignedData around an envelope (RFC 8894 §3.2).
pub(super) fn pkcs_req(
    device: &Device,
    envelope: &[u8],
    header: &Header<'_>,
) -> Result<Vec<u8>, Error> {
    let attributes = signed_attributes(device, envelope, header)?;
    let signed = DerWriter::encode(|der| der.set(|der| der.raw(&attributes)));
    let signature = device.signer_key.sign(SignatureScheme::RsaPkcs1(header.digest), &signed)?;
    Ok(Writer::encode(device.dialect.encoding, |out| {
        out.content_info(oid::ID_SIGNED_DATA, |out| {
            out.der(|der| {
                der.unsigned(1_u64);
                der.set(|der| digest_algorithm(device, header.digest, der));
            });
            out.constructed(Tag::SEQUENCE, |out| {
                out.der(|der| der.oid(&oid::ID_DATA));
                out.constructed(Tag::context(0), |out| out.octets(Tag::OCTET_STRING, envelope));
            });
            out.constructed(Tag::context(0), |out| out.out.extend_from_slice(header.signer.der()));
            out.der(|der| {
                der.set(|der| {
                    der.sequence(|der| {
                        der.unsigned(1_u64);
                        issuer_and_serial(der, header.signer);
                        digest_algorithm(device, header.digest, der);
                        der.constructed(Tag::context(0), |der| der.raw(&attributes));
                        signature_algorithm(device, header.digest, der);
                        der.primitive(Tag::OCTET_STRING, &signature);
                    });
                });
            });
        });
    }))
}

/// The content of the signed attributes, in DER order.
fn signed_attributes(
    device: &Device,
    content: &[u8],
    header: &Header<'_>,
) -> Result<Vec<u8>, Error> {
    let digest = device.provider.digest.digest(header.digest, content)?;
    let text = |der: &mut DerWriter, text: &str| {
        der.primitive(Tag::PRINTABLE_STRING, text.as_bytes());
    };
    let mut attributes = vec![
        attribute(oid::CONTENT_TYPE, |der| der.oid(&oid::ID_DATA)),
        attribute(oid::MESSAGE_DIGEST, |der| {
            der.primitive(Tag::OCTET_STRING, digest.as_ref());
        }),
        attribute(oid::MESSAGE_TYPE, |der| text(der, "19")),
        attribute(oid::TRANSACTION_ID, |der| text(der, &header.transaction_id.to_string())),
        attribute(oid::SENDER_NONCE, |der| der.primitive(Tag::OCTET_STRING, header.nonce)),
    ];
    if device.dialect.family == Family::Android {
        attributes.push(attribute(oid::SIGNING_TIME, |der| device.now.write(der)));
        attributes.push(attribute(ALGORITHM_PROTECTION, |der| {
            der.sequence(|der| {
                digest_algorithm(device, header.digest, der);
                let with_rsa = SignatureScheme::RsaPkcs1(header.digest);
                let algorithm = DerWriter::encode(|der| with_rsa.write(der));
                // [1] IMPLICIT: the same content under another tag.
                der.raw(&[Tag::context(1).constructed()]);
                der.raw(algorithm.get(1..).unwrap_or_default());
            });
        }));
    }
    attributes.sort_unstable();
    Ok(attributes.concat())
}

fn attribute(oid: Oid, value: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid);
            der.set(value);
        });
    })
}

/// Bouncy Castle leaves the parameters out.
fn digest_algorithm(device: &Device, digest: DigestAlgorithm, der: &mut DerWriter) {
    match device.dialect.family {
        Family::Android => der.sequence(|der| der.oid(&digest.oid())),
        Family::Windows | Family::Apple => digest.write(der),
    }
}

/// Bouncy Castle names the digest here, too; the others write rsaEncryption.
fn signature_algorithm(device: &Device, digest: DigestAlgorithm, der: &mut DerWriter) {
    match device.dialect.family {
        Family::Android => SignatureScheme::RsaPkcs1(digest).write(der),
        Family::Windows | Family::Apple => der.sequence(|der| {
            der.oid(&oid::RSA_ENCRYPTION);
            der.null();
        }),
    }
}

fn issuer_and_serial(der: &mut DerWriter, certificate: &Certificate) {
    der.sequence(|der| {
        der.raw(certificate.issuer().der());
        der.primitive(Tag::INTEGER, certificate.serial());
    });
}
