//! What a refusal tells the peer, and what it tells the log (RFC 8894 §3.2.1.4).

use scep_proto::{ApiMisuse, Error, FailInfo, Misbehaviour, PkiStatus, Refusal, Unsupported};
use scep_test::craft::{Envelope, SignedMessage, algorithm, printable};
use scep_types::asn1::Asn1Error;
use scep_types::oid;
use scep_types::{ContentCipher, CryptoError, DigestAlgorithm};

use crate::support::{
    attacker, because, device, envelope, pkcs_req, pkcs_req_around, pki, refusal, refusal_to_open,
};

// R-3.2.1.4-08, R-3.2.1.4-01
#[test]
fn each_fail_info_has_its_reason() {
    let sha_1 = SignedMessage::request_with(device(), "19", envelope(), DigestAlgorithm::Sha1);
    assert_eq!(refusal(&sha_1).1, FailInfo::BAD_ALG);
    let des = Envelope::new(device().csr.der(), &pki().ra, ContentCipher::DesCbc);
    assert_eq!(refusal_to_open(&pkcs_req_around(&des)).1, FailInfo::BAD_ALG);

    let other_key = attacker().key.clone();
    let bad_signature = pkcs_req().signed_by(|signer| signer.key = other_key);
    assert_eq!(refusal(&bad_signature).1, FailInfo::BAD_MESSAGE_CHECK);
    let garbage = Envelope::new(b"garbage", &pki().ra, ContentCipher::Aes128Cbc);
    assert_eq!(refusal_to_open(&pkcs_req_around(&garbage)).1, FailInfo::BAD_MESSAGE_CHECK);

    let unknown_type = pkcs_req().with(oid::MESSAGE_TYPE, &[printable("18")]);
    assert_eq!(refusal(&unknown_type).1, FailInfo::BAD_REQUEST);
    let stranger = Envelope::new(device().csr.der(), &attacker().signer, ContentCipher::Aes128Cbc);
    assert_eq!(refusal_to_open(&pkcs_req_around(&stranger)).1, FailInfo::BAD_REQUEST);
}

// R-3.2.1.4-08
#[test]
fn every_error_becomes_one_of_three_fail_infos() {
    let ours = [
        Error::Crypto(CryptoError::Unavailable),
        ApiMisuse::SigningKey.into(),
        Asn1Error::HighTagNumber.into(),
        Misbehaviour::SignerCount(2).into(),
        Refusal { fail_info: Some(FailInfo::BAD_ALG), text: None }.into(),
    ];
    for error in ours {
        assert_eq!(FailInfo::from(&error), FailInfo::BAD_REQUEST, "{error}");
    }
    for error in [
        Error::Crypto(CryptoError::Unsupported),
        Unsupported::RecipientKind.into(),
        Unsupported::Digest(DigestAlgorithm::Md5).into(),
        Unsupported::InitialisationVector(3).into(),
    ] {
        assert_eq!(FailInfo::from(&error), FailInfo::BAD_ALG, "{error}");
    }
    for error in [
        Error::Undecipherable(None),
        Error::Undecipherable(Some(CryptoError::Unsupported.into())),
        Misbehaviour::SignatureInvalid.into(),
        Misbehaviour::SignerNotFound.into(),
    ] {
        assert_eq!(FailInfo::from(&error), FailInfo::BAD_MESSAGE_CHECK, "{error}");
    }
}

#[test]
fn codes_print_their_names_and_unknown_ones_their_numbers() {
    assert_eq!(FailInfo::BAD_MESSAGE_CHECK.to_string(), "badMessageCheck (1)");
    assert_eq!(FailInfo::new(9).to_string(), "failInfo 9");
    assert_eq!(PkiStatus::PENDING.to_string(), "PENDING (3)");
    assert_eq!(format!("{:?}", PkiStatus::SUCCESS), "SUCCESS (0)");
    assert_eq!(scep_proto::MessageType::CERT_POLL.to_string(), "CertPoll (20)");
    assert_eq!(scep_proto::MessageType::new(18).to_string(), "messageType 18");
}

/// An error names what was found, so that a log line is enough.
#[test]
fn errors_say_what_was_found() {
    let unknown = pkcs_req().signed_by(|s| s.signature_algorithm = algorithm(oid::SHA256, None));
    assert_eq!(refusal(&unknown).0.to_string(), "algorithm 2.16.840.1.101.3.4.2.1");
    let des = Envelope::new(device().csr.der(), &pki().ra, ContentCipher::DesCbc);
    let text = refusal_to_open(&pkcs_req_around(&des)).0.to_string();
    assert_eq!(text, "DesCbc is not allowed by the algorithm policy");
    let rejected = crate::support::verify(&pkcs_req().without(oid::MESSAGE_TYPE)).unwrap_err();
    let text = because(rejected).0.to_string();
    assert_eq!(text, "signed attribute 2.16.840.1.113733.1.9.2 is missing");
}
