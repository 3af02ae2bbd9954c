//! Who needs which key, and who learns what.

use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Payload, csr, signer_certificate};
use scep_proto::inspect::Signed;
use scep_proto::server::{Opened, Recipient, Verified};
use scep_proto::{Error, FailInfo, FallbackKey, Misbehaviour, Unsupported};
use scep_test::craft::printable;
use scep_test::keys;
use scep_test::pki::{NOW, Pki};
use scep_test::requests::{CHALLENGE, Device, Draft, random, scheme};
use scep_types::oid;
use scep_types::{AlgorithmPolicy, DigestAlgorithm, Name, Secret, SigningKey, Validity};

use crate::support::{attacker, device, pkcs_req, pki, refusal, refusal_to_open};

const MODERN: AlgorithmPolicy = AlgorithmPolicy::Modern;

// R-7.2-01
#[test]
fn an_ra_opens_and_answers_without_the_cas_key() {
    let sent = device().enrol(&Draft::default(), pki());
    let only_ra = [Recipient { certificate: &pki().ra, key: &pki().ra_key }];
    let Ok(Verified::Sealed(sealed)) = Pki::verify(&sent.message, MODERN) else { panic!() };
    let (fallback, provider) = (FallbackKey::new([7; 32]), provider());
    let Ok(Opened::Enrol(enrolment)) = sealed.open(&only_ra, &fallback, &provider, MODERN) else {
        panic!("the RA's key is enough")
    };
    let settings = pki().reply_settings(&provider);
    let reply = enrolment.reply.pend(&random(3), settings).unwrap();
    let reply = Signed::parse(pki().sign_reply(reply)).unwrap();
    let signer = reply.signers().next().unwrap();
    assert_eq!(signer.certificate(), Some(&pki().ra));
    assert_eq!(signer.verify(&pki().ra, &provider), Ok(()));
    assert_ne!(SigningKey::spki(&pki().ra_key), SigningKey::spki(&pki().ca_key));
    let to_ca = device().send(Payload::Enrol(&device().csr), &Draft::default(), &pki().ca);
    let Ok(Verified::Sealed(sealed)) = Pki::verify(&to_ca.message, MODERN) else { panic!() };
    assert!(sealed.open(&only_ra, &fallback, &provider, MODERN).is_err(), "and no more");
}

// R-7.7-01, R-2.3-04
#[test]
fn a_signer_may_have_another_name_so_that_the_wire_does_not_tell_who_enrols() {
    let key = keys::software("rsa2048-device");
    let scheme = scheme(&key);
    let placeholder = Name::build(&[(oid::COMMON_NAME, "7f0c")]);
    let validity = Validity { not_before: NOW, not_after: NOW };
    let spki = SigningKey::spki(&key).to_vec();
    let unsigned = signer_certificate(&placeholder, &spki, &[7], validity, scheme).unwrap();
    let signature = key.sign(scheme, unsigned.bytes()).unwrap();
    let signer = unsigned.finish(&signature).unwrap();
    let subject = Name::build(&[(oid::COMMON_NAME, "very.private.example")]);
    let unsigned = csr(&subject, &spki, Some(&Secret::new(CHALLENGE)), &[], scheme);
    let signature = key.sign(scheme, unsigned.bytes()).unwrap();
    let csr = unsigned.finish(&signature).unwrap();
    let device = Device { signer, csr, ..device().clone() };
    let sent = device.enrol(&Draft::default(), pki());
    assert!(!sent.message.windows(12).any(|window| window == b"very.private"));
    let Ok(Opened::Enrol(enrolment)) = pki().open(&sent.message, MODERN) else { panic!() };
    assert_eq!(enrolment.csr.subject(), &subject);
    assert_eq!(enrolment.check_same_key(), Ok(()));
}

// R-3.2.1.4-08, R-3.2.1.4-09
#[test]
fn each_fail_info_has_its_causes() {
    let weak = scep_test::craft::SignedMessage::request_with(
        device(),
        "19",
        crate::support::envelope(),
        DigestAlgorithm::Sha1,
    );
    let weak = weak.signed_by(|signer| {
        signer.key = std::sync::Arc::new(keys::textbook("rsa2048-device"));
    });
    let (error, fail_info) = refusal(&weak);
    assert_eq!(error, Error::Unsupported(Unsupported::Digest(DigestAlgorithm::Sha1)));
    assert_eq!(fail_info, FailInfo::BAD_ALG);
    let forged = pkcs_req().signed_by(|signer| signer.key = attacker().key.clone());
    let invalid = Misbehaviour::SignatureInvalid;
    assert_eq!(refusal(&forged), (invalid.into(), FailInfo::BAD_MESSAGE_CHECK));
    let unknown = pkcs_req().with(oid::MESSAGE_TYPE, &[printable("18")]);
    assert_eq!(refusal(&unknown).1, FailInfo::BAD_REQUEST);
    let elsewhere = device().send(
        Payload::Enrol(&device().csr),
        &Draft::default(),
        &pki().issue("Other RA", &[0x77], scep_test::pki::Role::Ra, pki().ra.spki()),
    );
    let not_ours = Misbehaviour::NotRecipient { recipients: 1 };
    assert_eq!(refusal_to_open(&elsewhere.message), (not_ours.into(), FailInfo::BAD_REQUEST));
    // badTime and badCertId are the host's to say: it has the clock, and the records.
    let late = device().enrol(&Draft { signing_time: Some(NOW), ..Draft::default() }, pki());
    let Ok(Verified::Sealed(sealed)) = Pki::verify(&late.message, MODERN) else { panic!() };
    assert_eq!(sealed.signing_time(), Some(NOW));
    for said in [FailInfo::BAD_TIME, FailInfo::BAD_CERT_ID] {
        let provider = provider();
        let settings = pki().reply_settings(&provider);
        let reply = sealed.clone().into_reply().fail(said, None, &random(3), settings).unwrap();
        let reply = Signed::parse(pki().sign_reply(reply)).unwrap();
        let attributes = reply.signers().next().unwrap().attributes();
        assert_eq!(attributes.fail_info, Ok(Some(said)));
    }
}
