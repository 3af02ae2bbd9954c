//! Certificates of throw-away signers are read although RFC 5280 would refuse them, and kept octet for octet.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::sync::Mutex;

use proptest::prelude::*;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, BasicConstraints, Certificate, CryptoError, DigestAlgorithm, Error, KeyKind,
    KeyUsage, Name, SignatureScheme, SignatureVerifier, Structure, UnixTime, VerifyingKey,
};

/// The parts of a certificate, each as a peer might write it.
#[derive(Clone)]
struct Parts {
    version: Option<u8>,
    serial: Vec<u8>,
    validity: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    signature: SignatureScheme,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            version: Some(2),
            serial: vec![0x01, 0x23],
            validity: validity(Tag::UTC_TIME, "240101000000Z", "250101000000Z"),
            extensions: Vec::new(),
            signature: SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256),
        }
    }
}

impl Parts {
    fn with_extension(mut self, oid: Oid, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(oid, critical, value));
        self
    }

    fn tbs(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                if let Some(version) = self.version {
                    der.constructed(Tag::context(0), |der| der.unsigned(version));
                }
                der.primitive(Tag::INTEGER, &self.serial);
                self.signature.write(der);
                der.raw(issuer().der());
                der.raw(&self.validity);
                der.raw(Name::build(&[(oid::COMMON_NAME, "device")]).der());
                der.raw(&spki());
                if !self.extensions.is_empty() {
                    der.constructed(Tag::context(3), |der| {
                        der.sequence(|der| self.extensions.iter().for_each(|ext| der.raw(ext)));
                    });
                }
            });
        })
    }

    fn encode(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.raw(&self.tbs());
                self.signature.write(der);
                der.bit_string_of(|der| der.raw(b"signature"));
            });
        })
    }

    fn parse(&self) -> Certificate {
        Certificate::parse(self.encode()).unwrap()
    }
}

fn issuer() -> Name {
    Name::build(&[(oid::ORGANIZATION_NAME, "Example"), (oid::COMMON_NAME, "SIGNER")])
}

fn spki() -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::EC_PUBLIC_KEY);
                der.oid(&oid::SECP256R1);
            });
            der.bit_string_of(|der| der.raw(&[4; 65]));
        });
    })
}

fn validity(tag: Tag, not_before: &str, not_after: &str) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.primitive(tag, not_before.as_bytes());
            der.primitive(tag, not_after.as_bytes());
        });
    })
}

fn extension(oid: Oid, critical: bool, value: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid);
            if critical {
                der.boolean_true();
            }
            der.primitive(Tag::OCTET_STRING, value);
        });
    })
}

#[test]
fn a_v3_certificate_gives_all_its_parts() {
    let parts = Parts::default()
        .with_extension(oid::SUBJECT_KEY_IDENTIFIER, false, &[4, 3, 1, 2, 3])
        .with_extension(oid::KEY_USAGE, true, &[3, 2, 5, 0xA0])
        .with_extension(oid::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xFF]);
    let certificate = parts.parse();
    assert_eq!(certificate.der(), &parts.encode());
    assert_eq!(certificate.serial_hex(), "0123");
    assert_eq!(certificate.issuer(), &issuer());
    assert_eq!(certificate.subject().to_string(), "CN=device");
    assert_eq!(certificate.spki(), spki());
    assert_eq!(certificate.key_kind(), Ok(KeyKind::P256));
    assert!(!certificate.is_self_issued());
    assert_eq!(certificate.validity().not_before, UnixTime::from_secs(1_704_067_200));
    assert_eq!(certificate.subject_key_identifier().unwrap().as_ref(), [1, 2, 3]);
    assert!(certificate.key_usage().unwrap().contains(KeyUsage::KEY_ENCIPHERMENT));
    assert_eq!(certificate.basic_constraints(), BasicConstraints::Ca);
}

#[test]
fn a_v1_certificate_has_no_extensions() {
    // certmonger, Cisco PIX
    let certificate = Parts { version: None, ..Parts::default() }.parse();
    assert_eq!(certificate.serial(), [1, 0x23]);
    assert_eq!(certificate.extension(&oid::KEY_USAGE), None);
    assert_eq!(certificate.key_usage(), None);
    assert_eq!(certificate.subject_key_identifier(), None);
    assert_eq!(certificate.extended_key_usages(), None);
    assert_eq!(certificate.basic_constraints(), BasicConstraints::EndEntity);
}

#[test]
fn serials_of_any_length_and_sign_are_kept_as_received() {
    // certmonger 33 octets, sscep 32 with a trailing NUL, others up to 64.
    for serial in [
        vec![0xAB; 33],
        [&[0x41; 32][..], &[0]].concat(),
        vec![0x11; 64],
        vec![0x80],
        vec![0, 0, 0x80],
        vec![0],
    ] {
        let certificate = Parts { serial: serial.clone(), ..Parts::default() }.parse();
        assert_eq!(certificate.serial(), serial);
    }
    let padded = Parts { serial: vec![0, 0, 0x0A, 0xBC], ..Parts::default() }.parse();
    assert_eq!(padded.serial_hex(), "0ABC");
}

#[test]
fn a_critical_authority_key_identifier_is_no_reason_to_refuse() {
    // Windows
    let aki = [0x30, 4, 0x80, 2, 7, 7];
    let certificate =
        Parts::default().with_extension(oid::AUTHORITY_KEY_IDENTIFIER, true, &aki).parse();
    assert_eq!(certificate.extension(&oid::AUTHORITY_KEY_IDENTIFIER).unwrap().as_ref(), aki);
}

#[test]
fn generalized_time_before_2050_is_read() {
    // certmonger
    let times = validity(Tag::GENERALIZED_TIME, "20240101000000Z", "21231231235959Z");
    let certificate = Parts { validity: times, ..Parts::default() }.parse();
    assert_eq!(certificate.validity().not_before, UnixTime::from_secs(1_704_067_200));
    assert!(certificate.validity().contains(UnixTime::from_secs(4_000_000_000)));
}

#[test]
fn a_certificate_in_ber_is_read_and_keeps_its_octets() {
    let der = Parts::default().encode();
    let content = &der[if der[1] == 0x82 { 4 } else { 3 }..];
    let ber = [&[0x30, 0x80], content, &[0, 0]].concat();
    let certificate = Certificate::parse(ber.clone()).unwrap();
    assert_eq!(certificate.der(), &ber);
    assert_eq!(certificate.spki(), spki());
}

#[test]
fn malformed_extension_values_count_as_absent_rights() {
    let certificate = Parts::default()
        .with_extension(oid::KEY_USAGE, true, &[3, 2, 9, 0xFF])
        .with_extension(oid::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 2, 0xFF])
        .with_extension(oid::SUBJECT_KEY_IDENTIFIER, false, &[2, 1, 1])
        .with_extension(oid::EXTENDED_KEY_USAGE, false, &[0x30, 1])
        .parse();
    assert_eq!(certificate.key_usage(), None);
    assert_eq!(certificate.basic_constraints(), BasicConstraints::EndEntity);
    assert_eq!(certificate.subject_key_identifier(), None);
    assert_eq!(certificate.extended_key_usages(), Some(vec![]));
}

#[test]
fn basic_constraints_say_ca_only_by_a_true_boolean() {
    for (value, expected) in [
        (&[0x30, 0][..], BasicConstraints::EndEntity),
        (&[0x30, 3, 1, 1, 0], BasicConstraints::EndEntity),
        (&[0x30, 3, 2, 1, 0], BasicConstraints::EndEntity), // pathLen alone, as Windows asks for
        (&[0x30, 3, 1, 1, 0xFF], BasicConstraints::Ca),
        (&[0x30, 3, 1, 1, 1], BasicConstraints::Ca),
        (&[0x30, 6, 1, 1, 0xFF, 2, 1, 0], BasicConstraints::Ca),
        (&[0x30, 2, 1, 0], BasicConstraints::EndEntity),
        (&[], BasicConstraints::EndEntity),
    ] {
        let parts = Parts::default().with_extension(oid::BASIC_CONSTRAINTS, true, value);
        assert_eq!(parts.parse().basic_constraints(), expected, "{value:02x?}");
    }
}

#[test]
fn extended_key_usages_are_listed_in_order() {
    let value = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid::CLIENT_AUTH);
            der.oid(&oid::MS_CERTIFICATE_REQUEST_AGENT);
        });
    });
    let certificate =
        Parts::default().with_extension(oid::EXTENDED_KEY_USAGE, false, &value).parse();
    let expected = vec![oid::CLIENT_AUTH, oid::MS_CERTIFICATE_REQUEST_AGENT];
    assert_eq!(certificate.extended_key_usages(), Some(expected));
}

#[test]
fn a_certificate_may_have_64_extensions() {
    let with = |count: usize| {
        let extensions = vec![extension(oid::KEY_USAGE, false, &[]); count];
        Certificate::parse(Parts { extensions, ..Parts::default() }.encode())
    };
    assert!(with(64).is_ok());
    let structure = Structure::Extensions;
    assert_eq!(with(65), Err(Error::TooMany { structure, found: 65, limit: 64 }));
}

#[test]
fn a_certificate_may_have_64_kib() {
    let structure = Structure::Octets;
    let expected = Err(Error::TooMany { structure, found: 65_537, limit: 65_536 });
    assert_eq!(Certificate::parse(vec![0; 65_537]), expected);
    assert!(matches!(Certificate::parse(vec![0; 65_536]), Err(Error::Malformed(_))));
}

#[test]
fn trailing_octets_and_prefixes_are_refused() {
    let der = Parts::default().with_extension(oid::KEY_USAGE, true, &[3, 2, 5, 0xA0]).encode();
    let trailing = [&der[..], &[0]].concat();
    assert!(matches!(Certificate::parse(trailing), Err(Error::Malformed(_))));
    for end in 0..der.len() {
        let refused = Certificate::parse(der[..end].to_vec());
        assert!(matches!(refused, Err(Error::Malformed(_))), "prefix of {end}: {refused:?}");
    }
}

/// Scheme, message and signature.
type Question = (SignatureScheme, Vec<u8>, Vec<u8>);

/// Records what it is asked to verify, and agrees.
#[derive(Default)]
struct Recorder(Mutex<Vec<Question>>);

impl SignatureVerifier for Recorder {
    fn verify(
        &self,
        scheme: SignatureScheme,
        _spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.0.lock().unwrap().push((scheme, message.to_vec(), signature.to_vec()));
        Ok(())
    }

    fn verifying_key(
        &self,
        _scheme: SignatureScheme,
        _spki: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Err(CryptoError::Unsupported)
    }
}

#[test]
fn a_signature_is_verified_over_the_tbs_as_received() {
    let parts = Parts::default();
    let verifier = Recorder::default();
    parts.parse().verify_signature(&spki(), &verifier, AlgorithmPolicy::Modern).unwrap();
    let seen = verifier.0.into_inner().unwrap();
    assert_eq!(seen, [(parts.signature, parts.tbs(), b"signature".to_vec())]);
}

#[test]
fn a_digest_the_policy_forbids_never_reaches_the_verifier() {
    let signature = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1);
    let certificate = Parts { signature, ..Parts::default() }.parse();
    let verifier = Recorder::default();
    let refused = certificate.verify_signature(&spki(), &verifier, AlgorithmPolicy::Modern);
    assert_eq!(refused, Err(Error::DigestNotAllowed { digest: DigestAlgorithm::Sha1 }));
    assert!(verifier.0.lock().unwrap().is_empty());
    certificate.verify_signature(&spki(), &verifier, AlgorithmPolicy::Legacy).unwrap();
}

/// Touches everything a certificate offers; the point is that it returns.
fn explore(certificate: &Certificate) {
    let _ = (certificate.key_kind(), certificate.key_usage(), certificate.basic_constraints());
    let _ = (certificate.subject_key_identifier(), certificate.extended_key_usages());
    let _ = (certificate.serial_hex(), format!("{certificate:?}"));
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(input in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Certificate::parse(input);
    }

    #[test]
    fn single_octet_changes_never_panic(position in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut der = Parts::default()
            .with_extension(oid::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xFF])
            .with_extension(oid::EXTENDED_KEY_USAGE, false, &[0x30, 3, 6, 1, 0x2A])
            .encode();
        let position = position.index(der.len());
        der[position] = octet;
        if let Ok(certificate) = Certificate::parse(der.clone()) {
            prop_assert_eq!(certificate.der(), &der);
            explore(&certificate);
        }
    }
}
