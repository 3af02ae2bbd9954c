//! GetNextCACert, both roles (RFC 8894 §4.7).

use std::sync::Arc;

use bytes::Bytes;
use der::{Decode, Encode};
use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::HttpRequest;
use scep_proto::http::{Method, Request, X509_NEXT_CA_CERT};
use scep_proto::inspect::Signed;
use scep_proto::{ApiMisuse, Error, Misbehaviour, NextCa, Unsupported, write_next_ca_certificates};
use scep_test::ber::{self, Lengths, Segments, Style};
use scep_test::craft::SignedMessage;
use scep_test::keys;
use scep_test::pki::{Role, finish, self_signed};
use scep_types::oid;
use scep_types::{AlgorithmPolicy, Certificate, DigestAlgorithm, SigningKey, UnixTime};

use crate::support::{MODERN, authenticated, current, next};

const SHA_256: DigestAlgorithm = DigestAlgorithm::Sha256;

fn answer() -> Bytes {
    let certificates = [&next().ca, &next().ra];
    let unsigned =
        write_next_ca_certificates(&certificates, &current().ca, SHA_256, &provider()).unwrap();
    finish(unsigned, &current().ca_key)
}

fn verify(answer: impl Into<Bytes>) -> Result<NextCa, Error> {
    NextCa::verify(answer, &authenticated(current()), &provider(), MODERN)
}

/// An answer around any content, signed with the current CA's key.
fn signed_content(content: Vec<u8>) -> SignedMessage {
    let key = Arc::new(keys::software("rsa2048-ca"));
    SignedMessage::new(key, &current().ca, content, SHA_256)
}

fn certs_only(certificates: &[&Certificate]) -> Vec<u8> {
    scep_proto::write_ca_certificates(certificates).1.to_vec()
}

// R-4.7-01
#[test]
fn the_request_is_a_get_without_data_and_the_server_reads_it() {
    let request = HttpRequest::get_next_ca_cert();
    assert_eq!((request.method, request.query.as_str()), (Method::Get, "operation=GetNextCACert"));
    assert!(request.body.is_empty() && request.content_type.is_none());
    let read = Request::parse(request.method, Some(&request.query), request.body);
    assert_eq!(read, Ok(Request::GetNextCaCert));
}

// R-4.7.1-01, R-4.7.1-05
#[test]
fn the_answer_is_signed_by_the_current_ca_around_the_next_ones_certificates() {
    assert_eq!(X509_NEXT_CA_CERT, "application/x-x509-next-ca-cert");
    let signed = Signed::parse(answer()).unwrap();
    assert_eq!(signed.content_type(), oid::ID_DATA);
    assert_eq!(signed.certificates(), std::slice::from_ref(&current().ca));
    let signer = signed.signers().next().unwrap();
    assert_eq!(signer.verify(&current().ca, &provider()), Ok(()));
    let types: Vec<_> = signer.attribute_values().map(|(oid, _)| oid).collect();
    assert_eq!(types, [oid::CONTENT_TYPE, oid::MESSAGE_DIGEST], "and nothing of SCEP's");
    let inner = Signed::parse(signed.content().clone()).unwrap();
    assert_eq!(inner.certificates(), [next().ca.clone(), next().ra.clone()]);
    assert_eq!(inner.signers().count(), 0);
}

// R-4.7.1-01, R-3.2-06
#[test]
fn the_answer_is_der_and_another_library_reads_it_alike() {
    use der::{Decode, Encode};
    let answer = answer();
    let info = cms::content_info::ContentInfo::from_der(&answer).unwrap();
    assert_eq!(info.to_der().unwrap(), answer.to_vec());
    let data: cms::signed_data::SignedData = info.content.decode_as().unwrap();
    assert_eq!(data.signer_infos.0.len(), 1);
    let other: rasn_cms::ContentInfo = rasn::der::decode(&answer).unwrap();
    let other: rasn_cms::SignedData = rasn::der::decode(other.content.as_bytes()).unwrap();
    let content = data.encap_content_info.econtent.unwrap();
    assert_eq!(other.encap_content_info.content.unwrap().to_vec(), content.value());
}

// R-4.7.1-01, R-4.7.1-02
#[test]
fn an_honest_answer_verifies() {
    let found = verify(answer()).unwrap();
    assert_eq!(found.ca().certificates(), [next().ca.clone(), next().ra.clone()]);
    assert_eq!((found.ca().issuer(), found.ca().encryption()), (&next().ca, &next().ra));
}

// R-4.7.1-02
#[test]
fn what_the_current_ca_did_not_sign_is_nothing() {
    let certificates = [&next().ca, &next().ra];
    let unsigned =
        || write_next_ca_certificates(&certificates, &next().ca, SHA_256, &provider()).unwrap();
    let by_itself = finish(unsigned(), &next().ca_key);
    assert!(matches!(verify(by_itself), Err(Error::Misbehaved(Misbehaviour::SignatureInvalid))));
    let stranger = self_signed("Stranger", &[1], Role::CaAndRa, "rsa2048-device");
    let key = keys::software("rsa2048-device");
    let unsigned =
        write_next_ca_certificates(&certificates, &stranger, SHA_256, &provider()).unwrap();
    let untrusted = Err(Error::Misbehaved(Misbehaviour::UntrustedSigner));
    assert_eq!(verify(finish(unsigned, &key)), untrusted);
    let nobody = verify(certs_only(&[&next().ca, &next().ra]));
    assert_eq!(nobody, Err(Error::Misbehaved(Misbehaviour::SignerCount(0))));
    let mut changed = answer().to_vec();
    let at = changed.windows(7).rposition(|window| window == b"Test RA").unwrap();
    changed[at] = b'B';
    assert_eq!(verify(changed), Err(Error::Misbehaved(Misbehaviour::DigestMismatch)));
}

// R-4.7.1-04
#[test]
fn an_ra_cannot_hand_over_the_ca() {
    let key = Arc::new(keys::software("rsa2048-ra"));
    let content = certs_only(&[&next().ca, &next().ra]);
    let by_ra = SignedMessage::new(key, &current().ra, content, SHA_256).build();
    assert_eq!(verify(by_ra), Err(Error::Misbehaved(Misbehaviour::UntrustedSigner)));
}

// R-4.7.1-03
#[test]
fn certificates_beside_the_signed_content_count_for_nothing() {
    let mut message = signed_content(certs_only(&[&next().ca, &next().ra]));
    let stranger = self_signed("Stranger", &[1], Role::CaAndRa, "rsa2048-device");
    message.certificates.push(stranger.der().to_vec());
    let found = verify(message.build()).unwrap();
    assert!(!found.ca().certificates().contains(&stranger));

    // jscep's server puts the next certificates there, and nothing into the content.
    let mut message = signed_content(Vec::new());
    message.certificates.push(next().ca.der().to_vec());
    assert!(verify(message.build()).is_err());
    let mut message = signed_content(certs_only(&[&current().ra, &next().ra]));
    message.certificates.push(next().ca.der().to_vec());
    assert_eq!(verify(message.build()), Err(Error::Misbehaved(Misbehaviour::NoCaCertificate)));
}

// R-4.7.1-05
#[test]
fn both_content_types_are_read_with_and_without_a_content_info() {
    use scep_types::asn1::{DerWriter, Reader};
    let content_info = certs_only(&[&next().ca, &next().ra]);
    let mut fields = Reader::der(&content_info).sequence().unwrap();
    fields.any().unwrap();
    let bare = fields.any().unwrap().open().unwrap().any().unwrap().raw.to_vec();
    for content in [content_info, bare] {
        for content_type in [oid::ID_DATA, oid::ID_SIGNED_DATA] {
            let value = DerWriter::encode(|der| der.oid(&content_type));
            let mut message = signed_content(content.clone()).with(oid::CONTENT_TYPE, &[value]);
            message.content_type = content_type;
            assert!(verify(message.build()).is_ok(), "{content_type}");
        }
    }
}

// R-4.7.1-07
#[test]
fn the_next_ca_is_kept_until_it_is_valid() {
    let found = verify(answer()).unwrap();
    let activation = next().ca.validity().not_before;
    assert_eq!(found.activation(), activation);
    let before = UnixTime::from_secs(activation.as_secs() - 1);
    assert_eq!(found.active(before), None);
    assert_eq!(found.active(activation), Some(found.ca()));
}

#[test]
fn the_policy_decides_about_the_digest() {
    let certificates = [&next().ca, &next().ra];
    let weak = DigestAlgorithm::Sha1;
    let unsigned =
        write_next_ca_certificates(&certificates, &current().ca, weak, &provider()).unwrap();
    let answer = finish(unsigned, &current().ca_key);
    assert_eq!(verify(answer.clone()), Err(Unsupported::Digest(weak).into()));
    let ca = authenticated(current());
    assert!(NextCa::verify(answer, &ca, &provider(), AlgorithmPolicy::Legacy).is_ok());
}

#[test]
fn an_ec_ca_hands_over_with_its_own_digest() {
    let pki = scep_test::pki::Pki::new("p384-ca", "rsa2048-ra");
    let unsigned =
        write_next_ca_certificates(&[&next().ca], &pki.ca, SHA_256, &provider()).unwrap();
    let answer = finish(unsigned, &pki.ca_key);
    let found = NextCa::verify(answer, &authenticated(&pki), &provider(), MODERN).unwrap();
    assert_eq!(found.ca().issuer(), &next().ca);
    assert!(SigningKey::spki(&pki.ca_key) != next().ca.spki());
}

#[test]
fn nothing_is_no_answer() {
    let refused = write_next_ca_certificates(&[], &current().ca, SHA_256, &provider());
    assert_eq!(refused.unwrap_err(), ApiMisuse::NoCertificate.into());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // R-4.7.1-01, R-3.2-06
    #[test]
    fn an_answer_in_ber_says_the_same(size in 1..1500_usize, zeros in 0..4_u8, indefinite: bool) {
        let lengths = if indefinite { Lengths::Indefinite } else { Lengths::Padded(zeros) };
        let style = Style { lengths, segments: Segments::OfOctets(size) };
        prop_assert_eq!(verify(ber::signed_data(&answer(), &style)), verify(answer()));
    }

    // R-4.7.1-01, R-3.2-06
    #[test]
    fn every_answer_is_der_and_reads_as_it_was_written(
        digest in prop::sample::select(DigestAlgorithm::ALL[1..].to_vec()),
        with_ra: bool,
    ) {
        let (next_ca, next_ra) = (&next().ca, &next().ra);
        let mut certificates = vec![next_ca];
        certificates.extend(with_ra.then_some(next_ra));
        let unsigned =
            write_next_ca_certificates(&certificates, &current().ca, digest, &provider()).unwrap();
        let answer = finish(unsigned, &current().ca_key);
        let info = cms::content_info::ContentInfo::from_der(&answer).unwrap();
        let data = info.content.decode_as::<cms::signed_data::SignedData>().unwrap();
        prop_assert_eq!(data.to_der().unwrap(), info.content.to_der().unwrap(), "DER");
        let ca = authenticated(current());
        let found = NextCa::verify(answer, &ca, &provider(), AlgorithmPolicy::Obsolete).unwrap();
        let expected = if with_ra { next_ra } else { next_ca };
        prop_assert_eq!(found.ca().issuer(), next_ca);
        prop_assert_eq!(found.ca().encryption(), expected);
    }

    // R-4.7.1-02
    #[test]
    fn no_octet_can_be_changed_unnoticed(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut changed = answer().to_vec();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        if let Ok(found) = verify(changed) {
            prop_assert_eq!(found, verify(answer()).unwrap());
        }
    }
}
