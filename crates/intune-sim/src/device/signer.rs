//! The throw-away certificates that messages are signed with.

use std::time::Duration;

use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    Certificate, DigestAlgorithm, KeyUsage, Name, SignatureScheme, SigningKey, Validity,
};

use super::Device;
use super::dialect::SignerStyle;
use crate::error::Error;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the certificates of two styles differ in.
struct Draft {
    subject: Name,
    serial: Vec<u8>,
    scheme: SignatureScheme,
    extensions: Vec<(Oid, Vec<u8>)>,
}

/// The self-signed certificate of the device's signer key; all extensions are critical.
pub(super) fn certificate(device: &Device, csr_subject: &Name) -> Result<Certificate, Error> {
    let key = SigningKey::spki(&*device.signer_key);
    let sha256 = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
    let usage = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT).to_extension();
    let draft = match device.dialect.signer {
        SignerStyle::ScepProtocolCertificate => Draft {
            subject: Name::build(&[(oid::COMMON_NAME, "SCEP Protocol Certificate")]),
            serial: serial(device)?,
            scheme: SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1),
            extensions: vec![
                (oid::KEY_USAGE, usage),
                (oid::AUTHORITY_KEY_IDENTIFIER, authority_key_identifier(device, key)?),
            ],
        },
        SignerStyle::MdmScepSigner => Draft {
            subject: Name::build(&[
                (oid::COMMON_NAME, "MDM SCEP SIGNER"),
                (oid::COUNTRY_NAME, "US"),
            ]),
            serial: vec![1],
            scheme: sha256,
            extensions: vec![(oid::KEY_USAGE, usage)],
        },
        SignerStyle::SubjectOfCsr => Draft {
            subject: csr_subject.clone(),
            serial: vec![1],
            scheme: sha256,
            extensions: Vec::new(),
        },
    };
    draft.sign(device)
}

/// 16 random octets, positive.
fn serial(device: &Device) -> Result<Vec<u8>, Error> {
    let mut serial = [0; 16];
    device.provider.random.fill(&mut serial)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x7F | 0x40;
    Ok(serial.to_vec())
}

/// `SEQUENCE { keyIdentifier [0] }`, SHA-1 of the key.
fn authority_key_identifier(device: &Device, spki: &[u8]) -> Result<Vec<u8>, Error> {
    let identifier = device.provider.digest.digest(DigestAlgorithm::Sha1, spki)?;
    Ok(DerWriter::encode(|der| {
        der.sequence(|der| der.primitive(Tag::context(0), identifier.as_ref()));
    }))
}

impl Draft {
    fn sign(&self, device: &Device) -> Result<Certificate, Error> {
        let validity =
            Validity { not_before: device.now.minus(DAY), not_after: device.now.plus(DAY * 365) };
        let tbs = DerWriter::encode(|der| {
            der.sequence(|der| {
                der.constructed(Tag::context(0), |der| der.unsigned(2_u64));
                der.unsigned_octets(&self.serial);
                self.scheme.write(der);
                der.raw(self.subject.der());
                validity.write(der);
                der.raw(self.subject.der());
                der.raw(SigningKey::spki(&*device.signer_key));
                self.write_extensions(der);
            });
        });
        let signature = device.signer_key.sign(self.scheme, &tbs)?;
        Ok(Certificate::parse(DerWriter::encode(|der| {
            der.sequence(|der| {
                der.raw(&tbs);
                self.scheme.write(der);
                der.bit_string_of(|der| der.raw(&signature));
            });
        }))?)
    }

    fn write_extensions(&self, der: &mut DerWriter) {
        if self.extensions.is_empty() {
            return;
        }
        der.constructed(Tag::context(3), |der| {
            der.sequence(|der| {
                for (oid, value) in &self.extensions {
                    der.sequence(|der| {
                        der.oid(oid);
                        der.boolean_true();
                        der.primitive(Tag::OCTET_STRING, value);
                    });
                }
            });
        });
    }
}
