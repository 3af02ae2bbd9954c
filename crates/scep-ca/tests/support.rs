//! CSRs, CA certificates and names of every shape, written by hand so that no library tidies them up.

use std::time::Duration;

use scep_ca::{Error, Issued, Issuer, Profile, ProfileConfig, Serial};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, Authorization, Basis, Certificate, CryptoError, CryptoProvider, Csr,
    DigestAlgorithm, KeyKind, KeyUsage, NameAssurance, SignatureScheme, SignatureVerifier,
    SigningKey, UnixTime, Validity, VerifiedCsr, VerifyingKey, spki_key_kind,
};

/// 2026-11-21T00:00:00Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// What implements the cryptography.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    AwsLcRs,
    Ring,
}

impl Backend {
    pub(crate) const ALL: [Self; 2] = [Self::AwsLcRs, Self::Ring];

    pub(crate) fn provider(self) -> CryptoProvider {
        match self {
            Self::AwsLcRs => scep_crypto::aws_lc_rs::provider(),
            Self::Ring => scep_crypto::ring::provider(),
        }
    }

    /// The private key in `testdata/keys/<name>.pem`.
    #[expect(clippy::disallowed_methods, reason = "the test keys lie in files")]
    pub(crate) fn key(self, name: &str) -> Box<dyn SigningKey> {
        let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        let pem = std::fs::read_to_string(path).unwrap();
        match self {
            Self::AwsLcRs => {
                Box::new(scep_crypto::aws_lc_rs::SoftwareKey::from_pkcs8_pem(&pem).unwrap())
            }
            Self::Ring => Box::new(scep_crypto::ring::SoftwareKey::from_pkcs8_pem(&pem).unwrap()),
        }
    }
}

pub(crate) fn provider() -> CryptoProvider {
    Backend::AwsLcRs.provider()
}

pub(crate) fn key(name: &str) -> Box<dyn SigningKey> {
    Backend::AwsLcRs.key(name)
}

/// How a test key signs what is not under test.
pub(crate) fn natural_scheme(key: &dyn SigningKey) -> SignatureScheme {
    let kind = spki_key_kind(key.spki()).unwrap();
    let digest =
        if kind == KeyKind::P384 { DigestAlgorithm::Sha384 } else { DigestAlgorithm::Sha256 };
    SignatureScheme::for_key(kind, digest).unwrap()
}

/// A self-signed CA certificate.
pub(crate) struct Ca {
    pub(crate) key: &'static str,
    pub(crate) subject: Vec<u8>,
    pub(crate) validity: Validity,
    pub(crate) extensions: Vec<u8>,
}

impl Ca {
    /// A P-256 CA, valid from 2025 to 2035, with cA TRUE, keyCertSign, cRLSign and a key identifier.
    pub(crate) fn new() -> Self {
        Self {
            key: "p256-ca",
            subject: name(&[&[(oid::COMMON_NAME, Tag::UTF8_STRING, b"Test CA")]]),
            validity: Validity { not_before: NOW.minus(YEAR), not_after: NOW.plus(YEAR * 9) },
            extensions: [
                extension(&oid::BASIC_CONSTRAINTS, true, &CA_TRUE),
                extension(&oid::KEY_USAGE, true, &ca_usage().to_extension()),
                extension(&oid::SUBJECT_KEY_IDENTIFIER, false, &[&[4, 20], &[7; 20][..]].concat()),
            ]
            .concat(),
        }
    }

    pub(crate) fn with_key(key: &'static str) -> Self {
        Self { key, ..Self::new() }
    }

    pub(crate) fn certificate(&self) -> Certificate {
        let key = key(self.key);
        self.certificate_signed_by(key.as_ref(), natural_scheme(key.as_ref()))
    }

    pub(crate) fn certificate_signed_by(
        &self,
        key: &dyn SigningKey,
        scheme: SignatureScheme,
    ) -> Certificate {
        let tbs = self.tbs(key.spki(), scheme);
        Certificate::parse(sign(&tbs, key, scheme)).unwrap()
    }

    /// A certificate that says it is signed by this scheme, though nobody signed it.
    pub(crate) fn certificate_claiming(&self, scheme: SignatureScheme) -> Certificate {
        let tbs = self.tbs(key(self.key).spki(), scheme);
        Certificate::parse(signed(&tbs, scheme, &[7; 256])).unwrap()
    }

    fn tbs(&self, spki: &[u8], scheme: SignatureScheme) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.constructed(Tag::context(0), |der| der.unsigned(2_u8));
                der.unsigned(1_u8);
                scheme.write(der);
                der.raw(&self.subject);
                self.validity.write(der);
                der.raw(&self.subject);
                der.raw(spki);
                if !self.extensions.is_empty() {
                    der.constructed(Tag::context(3), |der| {
                        der.sequence(|der| der.raw(&self.extensions));
                    });
                }
            });
        })
    }

    pub(crate) fn issuer(&self) -> Issuer {
        Issuer::new(self.certificate(), provider().digest, NOW).unwrap()
    }
}

/// A CSR to be.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) key: &'static str,
    pub(crate) subject: Vec<u8>,
    /// GeneralNames, DER; none means no subjectAltName.
    pub(crate) names: Vec<Vec<u8>>,
    /// Further extensions, DER.
    pub(crate) extensions: Vec<Vec<u8>>,
    /// Further attributes, DER.
    pub(crate) attributes: Vec<Vec<u8>>,
}

impl Request {
    /// A P-256 key for CN=device-1.
    pub(crate) fn new() -> Self {
        Self {
            key: "p256-device",
            subject: name(&[&[(oid::COMMON_NAME, Tag::UTF8_STRING, b"device-1")]]),
            names: Vec::new(),
            extensions: Vec::new(),
            attributes: Vec::new(),
        }
    }

    pub(crate) fn with_key(key: &'static str) -> Self {
        Self { key, ..Self::new() }
    }

    pub(crate) fn with_names(names: &[Vec<u8>]) -> Self {
        Self { names: names.to_vec(), ..Self::new() }
    }

    pub(crate) fn with_extension(oid: &Oid, critical: bool, value: &[u8]) -> Self {
        Self { extensions: vec![extension(oid, critical, value)], ..Self::new() }
    }

    pub(crate) fn with_key_usage(key: &'static str, usage: KeyUsage) -> Self {
        Self { key, ..Self::with_extension(&oid::KEY_USAGE, true, &usage.to_extension()) }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.der_with_key(key(self.key).as_ref())
    }

    fn der_with_key(&self, key: &dyn SigningKey) -> Vec<u8> {
        let mut extensions = self.extensions.concat();
        if !self.names.is_empty() {
            let value = DerWriter::encode(|der| der.sequence(|der| der.raw(&self.names.concat())));
            extensions.extend(extension(&oid::SUBJECT_ALT_NAME, false, &value));
        }
        let info = DerWriter::encode(|der| {
            der.sequence(|der| {
                der.unsigned(0_u8);
                der.raw(&self.subject);
                der.raw(key.spki());
                der.constructed(Tag::context(0), |der| {
                    self.attributes.iter().for_each(|attribute| der.raw(attribute));
                    if !extensions.is_empty() {
                        der.raw(&attribute(&oid::EXTENSION_REQUEST, |der| {
                            der.sequence(|der| der.raw(&extensions));
                        }));
                    }
                });
            });
        });
        sign(&info, key, natural_scheme(key))
    }

    pub(crate) fn verified(&self) -> VerifiedCsr {
        let csr = Csr::parse(self.der()).unwrap();
        csr.verify(provider().verify, AlgorithmPolicy::Modern).unwrap()
    }

    /// The certificate that this request becomes, names vouched for.
    pub(crate) fn issue(&self, config: ProfileConfig) -> Result<Certificate, Error> {
        self.issue_from(&Ca::new(), config)
    }

    pub(crate) fn issue_from(&self, ca: &Ca, config: ProfileConfig) -> Result<Certificate, Error> {
        let csr = self.verified();
        issue(&csr, vouched(&csr), ca, config).map(Issued::into_certificate)
    }
}

/// Believes every signature, so that keys can be tried that nobody has.
struct Credulous;

impl SignatureVerifier for Credulous {
    fn verify(&self, _: SignatureScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }

    fn verifying_key(
        &self,
        _: SignatureScheme,
        _: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Err(CryptoError::Unsupported)
    }
}

/// A CSR with this SubjectPublicKeyInfo, as if its holder had proven the key.
pub(crate) fn csr_with_spki(spki: &[u8]) -> VerifiedCsr {
    let der = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.unsigned(0_u8);
                der.raw(&Request::new().subject);
                der.raw(spki);
                der.constructed(Tag::context(0), |_| ());
            });
            SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256).write(der);
            der.bit_string_of(|_| ());
        });
    });
    Csr::parse(der).unwrap().verify(&Credulous, AlgorithmPolicy::Modern).unwrap()
}

/// Issues with a fixed serial number.
pub(crate) fn issue(
    csr: &VerifiedCsr,
    authorization: Authorization,
    ca: &Ca,
    config: ProfileConfig,
) -> Result<Issued, Error> {
    let admitted = Profile::new(config)?.admit(csr, authorization, NOW)?;
    let prepared = admitted.prepare(serial(1), &ca.issuer(), provider().digest)?;
    prepared.sign_with(key(ca.key).as_ref())
}

pub(crate) fn config() -> ProfileConfig {
    ProfileConfig::new(DAY * 90)
}

pub(crate) fn serial(last: u8) -> Serial {
    Serial::from_random([last; Serial::RANDOM_OCTETS])
}

pub(crate) fn vouched(csr: &Csr) -> Authorization {
    Authorization::assertion(csr, Basis::Webhook, NameAssurance::Vouched)
}

pub(crate) fn self_asserted(csr: &Csr) -> Authorization {
    Authorization::assertion(csr, Basis::StaticPassword, NameAssurance::SelfAsserted)
}

/// A distinguished name with these RDNs, their members in this order.
pub(crate) fn name(rdns: &[&[(Oid, Tag, &[u8])]]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            for rdn in rdns {
                der.set(|der| rdn.iter().for_each(|member| name_attribute(der, member)));
            }
        });
    })
}

fn name_attribute(der: &mut DerWriter, (oid, tag, value): &(Oid, Tag, &[u8])) {
    der.sequence(|der| {
        der.oid(oid);
        der.primitive(*tag, value);
    });
}

pub(crate) fn extension(oid: &Oid, critical: bool, value: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(oid);
            if critical {
                der.boolean_true();
            }
            der.primitive(Tag::OCTET_STRING, value);
        });
    })
}

pub(crate) fn attribute(oid: &Oid, value: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(oid);
            der.set(value);
        });
    })
}

/// A GeneralName of a primitive type.
pub(crate) fn general_name(number: u8, content: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(Tag::context(number), content))
}

pub(crate) fn dns(text: &str) -> Vec<u8> {
    general_name(2, text.as_bytes())
}

pub(crate) fn uri(text: &str) -> Vec<u8> {
    general_name(6, text.as_bytes())
}

pub(crate) fn other_name(oid: &Oid, value: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.constructed(Tag::context(0), |der| {
            der.oid(oid);
            der.constructed(Tag::context(0), value);
        });
    })
}

pub(crate) fn upn(text: &str) -> Vec<u8> {
    other_name(&oid::MS_UPN, |der| der.primitive(Tag::UTF8_STRING, text.as_bytes()))
}

/// Whether the certificate has the extension, and its criticality as the octets say.
pub(crate) fn criticality(certificate: &Certificate, oid: &Oid) -> Option<bool> {
    let head = DerWriter::encode(|der| der.oid(oid));
    let der = certificate.der();
    let at = der.windows(head.len()).position(|window| window == head)?;
    Some(der[at + head.len()..].starts_with(&[1, 1, 0xFF]))
}

pub(crate) fn has_octets(certificate: &Certificate, octets: &[u8]) -> bool {
    certificate.der().windows(octets.len()).any(|window| window == octets)
}

fn sign(message: &[u8], key: &dyn SigningKey, scheme: SignatureScheme) -> Vec<u8> {
    signed(message, scheme, &key.sign(scheme, message).unwrap())
}

/// `SEQUENCE { toBeSigned, signatureAlgorithm, signature BIT STRING }`
fn signed(message: &[u8], scheme: SignatureScheme, signature: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(message);
            scheme.write(der);
            der.bit_string_of(|der| der.raw(signature));
        });
    })
}

pub(crate) fn ca_usage() -> KeyUsage {
    KeyUsage::KEY_CERT_SIGN.union(KeyUsage::CRL_SIGN)
}

/// `SEQUENCE { BOOLEAN TRUE }`.
pub(crate) const CA_TRUE: [u8; 5] = [0x30, 3, 1, 1, 0xFF];
