//! SignedData of requests: whose signature it is, over what, and by which algorithm (RFC 5652 §5).

use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::inspect::Signed as View;
use scep_proto::{Error, FailInfo, Misbehaviour, Unsupported};
use scep_test::craft::{
    Content, NULL, Order, Signed, SignedMessage, algorithm, constructed, issuer_and_serial,
    key_identifier, octets,
};
use scep_test::keys;
use scep_test::legacy_rsa::DigestInfo;
use scep_test::pki::{Role, self_signed};
use scep_test::requests::{Device, scheme};
use scep_types::asn1::{Asn1Error, DerWriter, Tag};
use scep_types::oid;
use scep_types::{AlgorithmPolicy, Certificate, DigestAlgorithm, SignatureScheme, SigningKey};

use crate::support::{
    attacker, device, envelope, open, opens, opens_to, pkcs_req, pki, refusal, unanswerable,
};

/// The device, signing with a certificate that is not self-written: with subjectKeyIdentifier.
fn device_with(signer: Certificate) -> Device {
    Device { signer, ..device().clone() }
}

fn refused_as(message: &SignedMessage, expected: Misbehaviour) {
    assert_eq!(refusal(message), (expected.into(), FailInfo::BAD_MESSAGE_CHECK));
}

// R-3.2-04
#[test]
fn without_signed_attributes_there_is_nothing_to_answer_with() {
    let message = pkcs_req().signed_by(|signer| signer.attributes = None);
    let missing = Misbehaviour::MissingAttribute(oid::TRANSACTION_ID);
    assert_eq!(unanswerable(&message), missing.into());
}

// R-3.2-05
#[test]
fn a_message_has_exactly_one_signer() {
    for count in [0, 2, 3] {
        let mut message = pkcs_req();
        let signer = message.signers[0].clone();
        message.signers = vec![signer; count];
        assert_eq!(unanswerable(&message), Misbehaviour::SignerCount(count).into());
    }
}

// R-2.3-12
#[test]
fn the_signers_certificate_must_be_there() {
    let mut message = pkcs_req();
    message.certificates.clear();
    refused_as(&message, Misbehaviour::SignerNotFound);
    message.certificates = vec![attacker().signer.der().to_vec(), pki().ca.der().to_vec()];
    refused_as(&message, Misbehaviour::SignerNotFound);
}

// R-2.3-13, R-CMS5.1-02
#[test]
fn the_signer_is_found_by_its_identifier_wherever_it_stands() {
    let others = [pki().ra.der().to_vec(), pki().ca.der().to_vec()];
    for at in 0..3 {
        let mut message = pkcs_req();
        message.certificates = others.to_vec();
        message.certificates.insert(at, device().signer.der().to_vec());
        let enrolment = open(&message.build(), AlgorithmPolicy::Modern);
        assert_eq!(enrolment.signer, device().signer);
        let view = View::parse(message.build()).unwrap();
        assert_eq!(view.certificates()[at], device().signer, "the order is the message's");
    }
}

// R-CMS5.3-01
#[test]
fn the_signer_may_be_named_by_subject_key_identifier() {
    let device = device_with(self_signed("device", &[5], Role::CaAndRa, "rsa2048-device"));
    let message = SignedMessage::request(&device, "19", envelope())
        .signed_by(|signer| signer.sid = key_identifier(&device.signer));
    opens(&message);
    let unknown = message.signed_by(|signer| signer.sid = key_identifier(&pki().ca));
    refused_as(&unknown, Misbehaviour::SignerNotFound);
}

// R-CMS10-01
#[test]
fn what_is_no_certificate_in_the_set_of_certificates_is_passed_over() {
    let mut message = pkcs_req();
    let attribute_certificate = constructed(Tag::context(2), &[0x02, 0x01, 0x05]);
    let neither = constructed(Tag::SEQUENCE, &[0x02, 0x01, 0x05]);
    message.certificates.insert(0, attribute_certificate);
    message.certificates.insert(0, neither);
    opens(&message);
}

#[test]
fn certificates_are_bounded_in_number() {
    let mut message = pkcs_req();
    message.certificates.resize(16, pki().ca.der().to_vec());
    opens(&message);
    message.certificates.push(pki().ca.der().to_vec());
    let expected = Misbehaviour::TooManyCertificates { found: 17, limit: 16 };
    assert_eq!(unanswerable(&message), expected.into());
}

// R-CMS5.1-01, R-3.2-02
#[test]
fn versions_and_content_types_that_old_peers_write_are_read() {
    for version in [0, 1, 3, 4, 5] {
        let mut message = pkcs_req();
        message.version = version;
        opens(&message.signed_by(|signer| signer.version = version));
    }
    let mut message = pkcs_req();
    message.version = 3;
    message.content_type = oid::ID_ENVELOPED_DATA;
    refused_as(&message, Misbehaviour::ContentTypeMismatch);
    let enveloped = DerWriter::encode(|der| der.oid(&oid::ID_ENVELOPED_DATA));
    opens(&message.with(oid::CONTENT_TYPE, &[enveloped]));
}

// R-CMS5.3-04
#[test]
fn the_list_of_digest_algorithms_says_nothing() {
    for list in [vec![], vec![algorithm(oid::MD5, None), algorithm(oid::SHA512, None)]] {
        let mut message = pkcs_req();
        message.digest_algorithms = list;
        opens(&message);
    }
}

// R-CMS5.4-01
#[test]
fn the_signature_covers_the_attributes_as_a_set() {
    for signed in [Signed::UnderContextTag, Signed::Content] {
        let message = pkcs_req().signed_by(|signer| signer.signed = signed);
        refused_as(&message, Misbehaviour::SignatureInvalid);
    }
}

// R-CMS5.3-03
#[test]
fn attributes_may_be_signed_in_the_order_sent_or_in_der_order() {
    for (order, signed) in [
        (Order::Sorted, Signed::AsSent),
        (Order::Reversed, Signed::AsSent),
        (Order::Reversed, Signed::Sorted),
    ] {
        opens(&pkcs_req().signed_by(|signer| {
            signer.order = order;
            signer.signed = signed;
        }));
    }
}

// R-CMS5.4-02, R-CMS5.6-01
#[test]
fn digest_content_type_and_signature_must_all_fit() {
    refused_as(
        &pkcs_req().with(oid::MESSAGE_DIGEST, &[octets(&[0; 32])]),
        Misbehaviour::DigestMismatch,
    );
    let mut message = pkcs_req();
    message.content = Content::Octets(
        scep_test::craft::Envelope::new(
            attacker().csr.der(),
            &pki().ra,
            scep_types::ContentCipher::Aes128Cbc,
        )
        .build(),
    );
    refused_as(&message, Misbehaviour::DigestMismatch);
    let signed_data = DerWriter::encode(|der| der.oid(&oid::ID_SIGNED_DATA));
    let message = pkcs_req().with(oid::CONTENT_TYPE, &[signed_data]);
    refused_as(&message, Misbehaviour::ContentTypeMismatch);
    let other_key = attacker().key.clone();
    let message = pkcs_req().signed_by(|signer| signer.key = other_key);
    refused_as(&message, Misbehaviour::SignatureInvalid);
}

// R-CMS5.4-02
#[test]
fn the_digest_is_over_the_octets_of_the_content_and_nothing_if_there_is_none() {
    let empty = SignedMessage::request(device(), "20", Vec::new());
    assert!(crate::support::verify(&empty).is_ok());
    let mut absent = empty;
    absent.content = Content::Absent;
    assert!(crate::support::verify(&absent).is_ok());
}

// R-3370-01, R-3370-03
#[test]
fn rsa_signatures_have_two_names_and_their_parameters_may_be_absent() {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    for (digest, with_rsa) in [
        (Sha256, oid::SHA256_WITH_RSA),
        (Sha384, oid::SHA384_WITH_RSA),
        (Sha512, oid::SHA512_WITH_RSA),
    ] {
        for name in [oid::RSA_ENCRYPTION, with_rsa] {
            for parameters in [None, Some(&NULL[..])] {
                let message = SignedMessage::request_with(device(), "19", envelope(), digest);
                opens(&message.signed_by(|signer| {
                    signer.signature_algorithm = algorithm(name, parameters);
                    signer.digest_algorithm = algorithm(digest.oid(), parameters);
                }));
            }
        }
    }
}

// R-3370-02
#[test]
fn a_signature_algorithm_that_contradicts_the_digest_algorithm_is_refused() {
    for name in [oid::SHA1_WITH_RSA, oid::SHA512_WITH_RSA, oid::ECDSA_WITH_SHA384] {
        let message = pkcs_req().signed_by(|s| s.signature_algorithm = algorithm(name, None));
        let (error, fail_info) = refusal(&message);
        assert!(
            matches!(error, Error::Types(scep_types::Error::ContradictingDigest { .. })),
            "{error}"
        );
        assert_eq!(fail_info, FailInfo::BAD_MESSAGE_CHECK);
    }
}

#[test]
fn algorithms_that_nobody_knows_or_that_do_not_fit_the_key_are_bad_algorithms() {
    let message = pkcs_req().signed_by(|s| s.signature_algorithm = algorithm(oid::SHA256, None));
    let expected = Unsupported::Algorithm(oid::SHA256);
    assert_eq!(refusal(&message), (expected.into(), FailInfo::BAD_ALG));
    const SHA3_256: oid::Oid = oid::Oid::new("2.16.840.1.101.3.4.2.8");
    let message = pkcs_req().signed_by(|s| s.digest_algorithm = algorithm(SHA3_256, None));
    let expected = Unsupported::Algorithm(SHA3_256);
    assert_eq!(refusal(&message), (expected.into(), FailInfo::BAD_ALG));
    let ecdsa = algorithm(oid::ECDSA_WITH_SHA256, None);
    let (_, fail_info) = refusal(&pkcs_req().signed_by(|s| s.signature_algorithm = ecdsa));
    assert_eq!(fail_info, FailInfo::BAD_ALG, "an RSA key makes no ECDSA signature");
}

// R-5758-01
#[test]
fn ecdsa_signers_of_three_curves_verify() {
    for name in ["p256-device", "p384-device", "p521-device"] {
        let device = Device::new("device", keys::software(name));
        let scheme = scheme(&*device.key);
        let digest = scheme.digest().unwrap();
        let envelope = envelope_for(&device);
        let message = SignedMessage::request_with(&device, "19", envelope, digest);
        let message = message.signed_by(|signer| {
            signer.scheme = scheme;
            signer.signature_algorithm = DerWriter::encode(|der| scheme.write(der));
        });
        opens_to(&message.build(), &device.csr);
    }
}

fn envelope_for(device: &Device) -> Vec<u8> {
    let cipher = scep_types::ContentCipher::Aes128Cbc;
    scep_test::craft::Envelope::new(device.csr.der(), &pki().ra, cipher).build()
}

// R-5758-02
#[test]
fn rsassa_pss_verifies_with_each_digest() {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    for digest in [Sha256, Sha384, Sha512] {
        let scheme = SignatureScheme::RsaPss(digest);
        let message = SignedMessage::request_with(device(), "19", envelope(), digest);
        opens(&message.signed_by(|signer| {
            signer.scheme = scheme;
            signer.signature_algorithm = DerWriter::encode(|der| scheme.write(der));
        }));
    }
}

#[test]
fn the_default_backend_takes_no_digest_info_without_parameters() {
    let key = keys::textbook("rsa2048-device").with_digest_info(DigestInfo::WithoutParameters);
    let mut message = pkcs_req();
    message.signer().key = std::sync::Arc::new(key);
    refused_as(&message, Misbehaviour::SignatureInvalid);
}

// R-2.9-02, R-7.9-01
#[test]
fn sha_1_is_for_legacy_policies_and_is_mirrored() {
    let sha_1 = DigestAlgorithm::Sha1;
    let message = SignedMessage::request_with(device(), "19", envelope(), sha_1);
    let expected = Unsupported::Digest(sha_1);
    assert_eq!(refusal(&message), (expected.into(), FailInfo::BAD_ALG));
    let enrolment = open(&message.build(), AlgorithmPolicy::Legacy);
    assert_eq!(enrolment.reply.digest(), sha_1);
}

// R-2.9-04
#[test]
fn md5_is_refused_unless_obsolete_algorithms_are_admitted() {
    let device = Device::new("device", keys::textbook("rsa2048-device"));
    let envelope = envelope_for(&device);
    let message = SignedMessage::request_with(&device, "19", envelope, DigestAlgorithm::Md5);
    for policy in [AlgorithmPolicy::Modern, AlgorithmPolicy::Legacy] {
        let rejected = scep_test::pki::Pki::verify(&message.build(), policy).unwrap_err();
        assert_eq!(rejected.error, Unsupported::Digest(DigestAlgorithm::Md5).into());
        assert_eq!(FailInfo::from(&rejected.error), FailInfo::BAD_ALG);
        assert_eq!(rejected.reply.digest(), DigestAlgorithm::Sha256, "not mirrored");
    }
    let enrolment = open(&message.build(), AlgorithmPolicy::Obsolete);
    assert_eq!(*enrolment.csr, device.csr);
}

// R-3.2-11
#[test]
fn padding_after_the_message_is_tolerated_and_nothing_else() {
    for trailer in [&b"\r\n"[..], b"\0", b"\0\0\0\0\0\0\0", b"\n"] {
        let mut message = pkcs_req();
        message.trailer = trailer.to_vec();
        opens(&message);
    }
    for trailer in [&b" "[..], b"\r\nx", &[0x30, 0]] {
        let mut message = pkcs_req();
        message.trailer = trailer.to_vec();
        let octets = trailer.len();
        assert_eq!(unanswerable(&message), Asn1Error::TrailingData { octets }.into());
    }
}

// R-2.3-04
#[test]
fn the_signers_subject_need_not_be_the_csrs() {
    let signer = scep_test::requests::self_signed("SCEP Protocol Certificate", &*device().key);
    let device = device_with(signer);
    let message = SignedMessage::request(&device, "19", envelope()).build();
    let enrolment = open(&message, AlgorithmPolicy::Modern);
    assert_ne!(enrolment.signer.subject(), enrolment.csr.subject());
    assert_eq!(enrolment.check_same_key(), Ok(()));
}

// R-2.3-05
#[test]
fn a_signer_with_another_key_than_the_csr_is_told_apart() {
    let message = SignedMessage::request(attacker(), "19", envelope()).build();
    let enrolment = open(&message, AlgorithmPolicy::Modern);
    let refusal = enrolment.check_same_key().unwrap_err();
    assert_eq!(refusal, Misbehaviour::SignerBinding.into());
    assert_eq!(FailInfo::from(&refusal), FailInfo::BAD_REQUEST);
}

#[test]
fn the_issuer_of_the_signer_is_compared_as_a_name() {
    let printable = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.set(|der| {
                der.sequence(|der| {
                    der.oid(&oid::COMMON_NAME);
                    der.primitive(Tag::PRINTABLE_STRING, b"DEVICE");
                });
            });
        });
    });
    let sid = scep_test::craft::name_and_serial(&printable, device().signer.serial());
    assert_ne!(sid, issuer_and_serial(&device().signer));
    opens(&pkcs_req().signed_by(|signer| signer.sid = sid));
}

/// The throw-away certificates of devices need not be what RFC 5280 wants: only the key counts.
#[test]
fn the_signers_own_signature_says_nothing() {
    let mut der = device().signer.der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let signer = Certificate::parse(der).unwrap();
    opens(&SignedMessage::request(&device_with(signer), "19", envelope()));
}

#[test]
fn a_view_verifies_with_the_right_key_only() {
    let view = View::parse(pkcs_req().build()).unwrap();
    let signer = view.signers().next().unwrap();
    assert_eq!(signer.certificate(), Some(&device().signer));
    assert_eq!(signer.verify(&device().signer, &provider()), Ok(()));
    let refusal = signer.verify(&attacker().signer, &provider()).unwrap_err();
    assert_eq!(refusal, Misbehaviour::SignatureInvalid.into());
    let key: SoftwareKey = keys::software("rsa2048-device");
    assert_eq!(signer.scheme().unwrap(), scheme(&key));
    assert_eq!(SigningKey::spki(&key), device().signer.spki());
}
