//! CSRs with the attributes of a family.

use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Csr, DigestAlgorithm, Extension, Secret, SignatureScheme, SigningKey};

use super::Device;
use super::dialect::Family;
use crate::error::Error;
use crate::spec::CsrSpec;

/// Windows' version, an IA5String.
const MS_OS_VERSION: Oid = Oid::new("1.3.6.1.4.1.311.13.2.3");
/// Windows' key storage provider.
const MS_ENROLMENT_CSP: Oid = Oid::new("1.3.6.1.4.1.311.13.2.2");
/// Who asks, on Windows.
const MS_REQUEST_CLIENT_INFO: Oid = Oid::new("1.3.6.1.4.1.311.21.20");
/// All families sign CSRs with SHA-256.
const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);

/// A CSR for what the policy says, with the device's own key.
pub(super) fn csr(
    device: &Device,
    spec: &CsrSpec,
    challenge: Option<&Secret>,
) -> Result<Csr, Error> {
    let mut attributes: Vec<Vec<u8>> = challenge.into_iter().map(challenge_password).collect();
    let mut extensions = spec.extensions()?;
    if device.dialect.family == Family::Windows {
        extensions.push(basic_constraints());
        attributes.extend(windows_attributes(spec));
    }
    attributes.push(extension_request(&extensions));
    let subject = spec.name()?;
    let info = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.unsigned(device.dialect.csr_version);
            der.raw(subject.der());
            der.raw(SigningKey::spki(&*device.key));
            der.sorted_set(Tag::context(0), attributes);
        });
    });
    let signature = device.key.sign(SCHEME, &info)?;
    Ok(Csr::parse(DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(&info);
            SCHEME.write(der);
            der.bit_string_of(|der| der.raw(&signature));
        });
    }))?)
}

fn attribute(oid: Oid, value: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid);
            der.set(value);
        });
    })
}

/// Always a PrintableString: Windows does not look at the characters.
fn challenge_password(challenge: &Secret) -> Vec<u8> {
    attribute(oid::CHALLENGE_PASSWORD, |der| {
        der.primitive(Tag::PRINTABLE_STRING, challenge.expose().as_bytes());
    })
}

fn extension_request(extensions: &[Extension]) -> Vec<u8> {
    attribute(oid::EXTENSION_REQUEST, |der| {
        der.sequence(|der| {
            for extension in extensions {
                der.sequence(|der| {
                    der.oid(&extension.oid);
                    if extension.critical {
                        der.boolean_true();
                    }
                    der.primitive(Tag::OCTET_STRING, &extension.value);
                });
            }
        });
    })
}

/// cA FALSE with a pathLenConstraint, which RFC 5280 §4.2.1.9 forbids.
fn basic_constraints() -> Extension {
    let value = DerWriter::encode(|der| der.sequence(|der| der.unsigned(0_u64)));
    Extension { oid: oid::BASIC_CONSTRAINTS, critical: false, value: value.into() }
}

fn windows_attributes(spec: &CsrSpec) -> Vec<Vec<u8>> {
    let mut attributes = vec![
        attribute(MS_OS_VERSION, |der| der.primitive(Tag::IA5_STRING, b"10.0.22631.2")),
        attribute(MS_REQUEST_CLIENT_INFO, |der| {
            der.sequence(|der| {
                der.unsigned(5_u64);
                der.primitive(Tag::UTF8_STRING, b"DESKTOP-1");
                der.primitive(Tag::UTF8_STRING, b"NT AUTHORITY\\SYSTEM");
                der.primitive(Tag::UTF8_STRING, b"omadmprc.exe");
            });
        }),
        attribute(MS_ENROLMENT_CSP, |der| {
            der.sequence(|der| {
                der.unsigned(1_u64);
                bmp_string(der, "Microsoft Software Key Storage Provider");
                der.bit_string_of(|_| ());
            });
        }),
    ];
    if let Some(validity) = spec.validity {
        attributes.push(name_value_pair("ValidityPeriod", validity.unit.text()));
        attributes.push(name_value_pair("ValidityPeriodUnits", &validity.count.to_string()));
    }
    attributes
}

/// One attribute a pair.
fn name_value_pair(name: &str, value: &str) -> Vec<u8> {
    attribute(oid::MS_ENROLLMENT_NAME_VALUE_PAIR, |der| {
        der.sequence(|der| {
            bmp_string(der, name);
            bmp_string(der, value);
        });
    })
}

fn bmp_string(der: &mut DerWriter, text: &str) {
    let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    der.primitive(Tag::BMP_STRING, &octets);
}
