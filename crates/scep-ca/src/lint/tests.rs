//! The lint sees what no public function lets one write: bytes that differ from what was admitted.

use std::time::Duration;

use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, Authorization, Basis, Certificate, CryptoError, Csr, Digest, DigestAlgorithm,
    DigestProvider, NameAssurance, SignatureScheme, SignatureVerifier, UnixTime, Validity,
    VerifyingKey,
};

use crate::certificate::Particulars;
use crate::{
    Admitted, CrlBuilder, Issuer, LintFinding, Profile, ProfileConfig, RevocationReason,
    RevokedCertificate, Serial, SidExtension, SubjectAltNamePolicy, Unlisted,
};

const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);
const DAY: Duration = Duration::from_secs(86_400);
const TEMPLATE: Oid = Oid::new("1.3.6.1.4.1.311.21.7");
const SID_URI: &str = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-512";

/// Believes every signature and digests to zeros: no key is needed to look at bytes.
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

impl DigestProvider for Credulous {
    fn digest(&self, _: DigestAlgorithm, _: &[u8]) -> Result<Digest, CryptoError> {
        Ok(Digest::new(&[0x5A; 20]))
    }
}

fn name(text: &str) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.set(|der| {
                der.sequence(|der| {
                    der.oid(&oid::COMMON_NAME);
                    der.primitive(Tag::UTF8_STRING, text.as_bytes());
                });
            });
        });
    })
}

fn spki(octet: u8) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::EC_PUBLIC_KEY);
                der.oid(&oid::SECP256R1);
            });
            der.bit_string_of(|der| der.raw(&[&[4][..], &[octet; 64]].concat()));
        });
    })
}

fn extension(oid: &Oid, critical: bool, value: &[u8]) -> Vec<u8> {
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

/// Puts an algorithm and no signature under the bytes.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(bytes);
            SignatureScheme::Ecdsa(DigestAlgorithm::Sha256).write(der);
            der.bit_string_of(|_| ());
        });
    })
}

fn issuer() -> Issuer {
    let validity = Validity { not_before: NOW.minus(DAY * 300), not_after: NOW.plus(DAY * 300) };
    let tbs = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.constructed(Tag::context(0), |der| der.unsigned(2_u8));
            der.unsigned(1_u8);
            SignatureScheme::Ecdsa(DigestAlgorithm::Sha256).write(der);
            der.raw(&name("Test CA"));
            validity.write(der);
            der.raw(&name("Test CA"));
            der.raw(&spki(1));
            der.constructed(Tag::context(3), |der| {
                der.sequence(|der| {
                    der.raw(&extension(&oid::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xFF]));
                });
            });
        });
    });
    Issuer::new(Certificate::parse(unsigned(&tbs)).unwrap(), &Credulous, NOW).unwrap()
}

/// A request for two names, a strong mapping URI and an extension that the profile copies.
fn admitted() -> Admitted {
    let uri = |text: &str| DerWriter::encode(|der| der.primitive(Tag::context(6), text.as_bytes()));
    let dns = DerWriter::encode(|der| der.primitive(Tag::context(2), b"device.example"));
    let names = DerWriter::encode(|der| der.sequence(|der| der.raw(&[dns, uri(SID_URI)].concat())));
    let extensions =
        [extension(&oid::SUBJECT_ALT_NAME, false, &names), extension(&TEMPLATE, false, &[5, 0])];
    let info = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.unsigned(0_u8);
            der.raw(&name("device"));
            der.raw(&spki(2));
            der.constructed(Tag::context(0), |der| {
                der.sequence(|der| {
                    der.oid(&oid::EXTENSION_REQUEST);
                    der.set(|der| der.sequence(|der| der.raw(&extensions.concat())));
                });
            });
        });
    });
    let csr = Csr::parse(unsigned(&info)).unwrap();
    let csr = csr.verify(&Credulous, AlgorithmPolicy::Modern).unwrap();
    let authorization = Authorization::assertion(&csr, Basis::Webhook, NameAssurance::Vouched);
    let config = ProfileConfig {
        sid_extension: SidExtension::FromAuthorizedSanUri,
        copied_extensions: vec![TEMPLATE],
        ocsp_urls: vec!["http://ocsp.example/".to_owned()],
        crl_urls: vec!["http://crl.example/".to_owned()],
        certificate_policies: vec![Oid::new("1.3.6.1.4.1.99999.1")],
        subject_alt_names: SubjectAltNamePolicy {
            others: Unlisted::Refuse,
            ..SubjectAltNamePolicy::default()
        },
        ..ProfileConfig::new(DAY * 90)
    };
    Profile::new(config).unwrap().admit(&csr, authorization, NOW).unwrap()
}

/// Runs a check with good bytes and what they should say.
fn with_certificate(check: impl FnOnce(&[u8], &Particulars<'_>)) {
    let (admitted, issuer, serial) = (admitted(), issuer(), Serial::from_random([3; 16]));
    let bytes = {
        let prepared = self::admitted().prepare(serial, &issuer, &Credulous).unwrap();
        prepared.to_be_signed().to_vec()
    };
    let validity = admitted.validity();
    let key_identifier = [0x5A; 20];
    let particulars =
        Particulars { admitted: &admitted, issuer: &issuer, serial, validity, key_identifier };
    assert_eq!(super::certificate(&bytes, &particulars), Ok(()));
    check(&bytes, &particulars);
}

/// The bytes with the only occurrence of `from` replaced by as many octets.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    let mut changed = bytes.to_vec();
    changed[at..at + to.len()].copy_from_slice(to);
    changed
}

/// The bytes with their list of extensions changed.
fn with_extensions(bytes: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut fields = Reader::der(bytes).sequence().unwrap();
    let mut before = Vec::new();
    let mut list = loop {
        let field = fields.any().unwrap();
        if field.tag == Tag::context(3) {
            break field.open().unwrap().sequence().unwrap();
        }
        before.extend_from_slice(field.raw);
    };
    let mut extensions = Vec::new();
    while !list.is_empty() {
        extensions.push(list.any().unwrap().raw.to_vec());
    }
    change(&mut extensions);
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(&before);
            der.constructed(Tag::context(3), |der| {
                der.sequence(|der| der.raw(&extensions.concat()));
            });
        });
    })
}

#[test]
fn no_single_changed_octet_passes() {
    with_certificate(|bytes, particulars| {
        for at in 0..bytes.len() {
            for change in [0x01, 0x02, 0x20, 0x80, 0xFF] {
                let mut changed = bytes.to_vec();
                changed[at] ^= change;
                let found = super::certificate(&changed, particulars);

                assert!(found.is_err(), "octet {at}: {:02X} to {:02X}", bytes[at], changed[at]);
            }
        }
    });
}

#[test]
fn no_truncation_and_no_trailing_octet_passes() {
    with_certificate(|bytes, particulars| {
        for end in 0..bytes.len() {
            assert!(super::certificate(&bytes[..end], particulars).is_err());
        }
        let longer = [bytes, &[0]].concat();
        assert_eq!(super::certificate(&longer, particulars), Err(LintFinding::Unreadable));
    });
}

#[test]
fn changed_fields_are_named() {
    let not_after = b"270219000000Z";
    let year_later = b"280219000000Z";
    for (from, to, finding) in [
        (&b"\x0c\x06device"[..], &b"\x0c\x06devils"[..], LintFinding::Subject),
        (b"\x0c\x07Test CA", b"\x0c\x07Text CA", LintFinding::Issuer),
        (&[2; 64], &[3; 64], LintFinding::PublicKey),
        (&[1, 3, 3, 3, 3, 3], &[1, 3, 3, 3, 3, 4], LintFinding::Serial),
        (not_after, year_later, LintFinding::Validity),
        (&[0xA0, 3, 2, 1, 2], &[0xA0, 3, 2, 1, 1], LintFinding::Version),
    ] {
        with_certificate(|bytes, particulars| {
            let changed = replaced(bytes, from, to);
            assert_eq!(super::certificate(&changed, particulars), Err(finding));
        });
    }
}

#[test]
fn changed_extensions_are_named() {
    for (from, to, oid) in [
        (&b"\x82\x0edevice.example"[..], &b"\x86\x0edevice.example"[..], oid::SUBJECT_ALT_NAME),
        (b"\x82\x0edevice", b"\x82\x0edemons", oid::SUBJECT_ALT_NAME),
        (&[3, 2, 7, 0x80], &[3, 2, 7, 0xC0], oid::KEY_USAGE),
        (b"\x04\x14ZZZZ", b"\x04\x14ZZZz", oid::SUBJECT_KEY_IDENTIFIER),
        (b"\x80\x14ZZZZ", b"\x80\x14ZZZz", oid::AUTHORITY_KEY_IDENTIFIER),
        (b"http://ocsp", b"http://evil", oid::AUTHORITY_INFO_ACCESS),
        (b"http://crl", b"http://clr", oid::CRL_DISTRIBUTION_POINTS),
    ] {
        with_certificate(|bytes, particulars| {
            let changed = replaced(bytes, from, to);
            let found = super::certificate(&changed, particulars);
            assert_eq!(found, Err(LintFinding::WrongExtension(oid)));
        });
    }
}

#[test]
fn a_certificate_that_would_be_a_ca_is_not_signed() {
    with_certificate(|bytes, particulars| {
        let ca = extension(&oid::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xFF]);
        let changed = with_extensions(bytes, |list| list[3] = ca);
        let finding = LintFinding::WrongExtension(oid::BASIC_CONSTRAINTS);
        assert_eq!(super::certificate(&changed, particulars), Err(finding));

        let signs = extension(&oid::KEY_USAGE, true, &[3, 2, 1, 0x86]);
        let changed = with_extensions(bytes, |list| list[2] = signs);
        let finding = LintFinding::WrongExtension(oid::KEY_USAGE);
        assert_eq!(super::certificate(&changed, particulars), Err(finding));
    });
}

#[test]
fn repeated_unexpected_and_missing_extensions_are_named() {
    with_certificate(|bytes, particulars| {
        let found = |changed: Vec<u8>| super::certificate(&changed, particulars).unwrap_err();
        let count = {
            let mut count = 0;
            with_extensions(bytes, |list| count = list.len());
            count
        };
        for index in 0..count {
            let mut oid = None;
            let without = with_extensions(bytes, |list| {
                let removed = list.remove(index);
                oid = Reader::der(&removed).sequence().unwrap().oid().ok();
            });
            let oid = oid.unwrap();
            // basicConstraints may be absent (RFC 5280 §4.2.1.9).
            if oid != oid::BASIC_CONSTRAINTS {
                assert_eq!(found(without), LintFinding::MissingExtension(oid));
            }
            let twice = with_extensions(bytes, |list| list.push(list[index].clone()));
            assert_eq!(found(twice), LintFinding::RepeatedExtension(oid));
        }
        for oid in [Oid::new("2.5.29.30"), Oid::new("1.3.6.1.4.1.99999.4")] {
            let more = with_extensions(bytes, |list| list.push(extension(&oid, false, &[5, 0])));
            let finding = found(more);
            assert!(matches!(
                finding,
                LintFinding::UnexpectedExtension(_) | LintFinding::WrongExtension(_)
            ));
        }
        let other = extension(&TEMPLATE, false, &[4, 0]);
        let changed = with_extensions(bytes, |list| *list.last_mut().unwrap() = other);
        assert_eq!(found(changed), LintFinding::WrongExtension(TEMPLATE));
    });
}

#[test]
fn a_sid_that_is_in_no_name_is_not_signed() {
    with_certificate(|bytes, particulars| {
        let value = bytes.windows(7).rposition(|window| window == b"1-2-3-5").unwrap();
        let mut changed = bytes.to_vec();
        changed[value + 6] = b'6';
        let finding = LintFinding::WrongExtension(oid::MS_NTDS_CA_SECURITY_EXT);
        assert_eq!(super::certificate(&changed, particulars), Err(finding));
    });
}

#[test]
fn no_single_changed_octet_of_a_crl_passes() {
    let issuer = issuer();
    let entry = |octet, reason| RevokedCertificate {
        serial: Serial::from_random([octet; 16]),
        revoked_at: NOW.minus(DAY),
        reason,
    };
    let revoked =
        [entry(1, RevocationReason::Unspecified), entry(2, RevocationReason::KeyCompromise)];
    let mut builder = CrlBuilder::new();
    revoked.iter().for_each(|entry| builder.revoke(*entry).unwrap());
    let next_update = NOW.plus(DAY);
    let prepared = builder.prepare(258, NOW, next_update, &issuer).unwrap();
    let bytes = prepared.to_be_signed();
    let expected = super::ExpectedCrl {
        revoked: &revoked,
        issuer: &issuer,
        number: 258,
        this_update: NOW,
        next_update,
    };
    assert_eq!(super::crl(bytes, &expected), Ok(()));
    for at in 0..bytes.len() {
        for change in [0x01, 0x02, 0x20, 0x80, 0xFF] {
            let mut changed = bytes.to_vec();
            changed[at] ^= change;
            let found = super::crl(&changed, &expected);
            assert!(found.is_err(), "octet {at}: {:02X} to {:02X}", bytes[at], changed[at]);
        }
    }
}
