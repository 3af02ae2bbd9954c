//! What a reply must be to be believed.

use std::time::Duration;

use scep_proto::client::signer_certificate;
use scep_proto::{Error, FailInfo, MessageType, Misbehaviour, Refusal};
use scep_test::keys;
use scep_test::pki::{NOW, Role};
use scep_types::{DigestAlgorithm, SignatureScheme, SigningKey, UnixTime, Validity};

use crate::server::{Act, Server, issue};
use crate::support::{Host, device, device_with_certificate, pki, settings, stranger};

fn enrol(act: Act) -> Result<scep_proto::client::Issued, Error> {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [act]);
    Host::new().drive(&device, settings(pki), &mut server)
}

// R-3.3.2.1-02
#[test]
fn our_certificate_is_the_one_for_our_key_wherever_it_stands() {
    let (pki, device) = (pki(), device());
    let ours = issue(pki, &device.csr);
    let mut server =
        Server::new(pki, [Act::SucceedWith(vec![pki.ca.clone(), pki.ra.clone(), ours.clone()])]);
    let issued = Host::new().drive(&device, settings(pki), &mut server).unwrap();
    assert_eq!(issued.certificate, ours);
    assert_eq!(issued.others, [pki.ca.clone(), pki.ra.clone()]);
    assert_eq!(issued.ca.certificates(), [pki.ca.clone(), pki.ra.clone()]);
}

#[test]
fn a_certificate_for_another_key_is_not_ours() {
    let other = keys::software("rsa2048-device2");
    let other = pki().issue("device", &[10], Role::Device, other.spki());
    let refused = enrol(Act::SucceedWith(vec![other])).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::NoCertificateForKey));
}

// R-3.3.2.1-03
#[test]
fn a_certificate_of_a_stranger_is_not_taken() {
    // It even has the name of our CA.
    let theirs = issue(&stranger(), &device().csr);
    let refused = enrol(Act::SucceedWith(vec![theirs])).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::UntrustedCertificate));
}

// R-3.2-10
#[test]
fn a_reply_signed_by_a_certificate_inside_it_is_not_believed() {
    let refused = enrol(Act::SignedByAttacker).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::UntrustedSigner));
}

// R-3.2.1.2-04
#[test]
fn a_request_is_no_reply() {
    let refused = enrol(Act::RequestOfTheRa).unwrap_err();
    let unexpected = Misbehaviour::UnexpectedMessageType(MessageType::PKCS_REQ);
    assert_eq!(refused, Error::Misbehaved(unexpected));
}

// R-3218-04
#[test]
fn a_reply_encrypted_to_somebody_else_is_undecipherable() {
    let refused = enrol(Act::EncryptedToAttacker).unwrap_err();
    assert_eq!(refused, Error::Undecipherable(None));
}

// R-3.2.1.5-03
#[test]
fn a_reply_to_an_earlier_message_is_not_believed() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Pend, Act::SameReplyAgain]);
    let refused = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::NonceMismatch));
}

// R-3.2.1.1-06
#[test]
fn a_reply_of_another_transaction_is_not_believed() {
    let (pki, device) = (pki(), device());
    let mut other = Server::new(pki, [Act::Succeed]);
    let mut settings = settings(pki);
    settings.transaction_id = scep_proto::client::TransactionIdSource::KeyHash;
    Host::new().drive(&device, settings, &mut other).unwrap();
    let message = other.seen[0].message.clone();
    let refused = enrol(Act::ReplyTo(message)).unwrap_err();
    assert!(matches!(refused, Error::Misbehaved(Misbehaviour::TransactionMismatch(_))));
}

// R-3.2.1-06
#[test]
fn a_changed_reply_is_not_believed_and_a_changed_pending_is_not_waited_for() {
    let flip_last: fn(Vec<u8>) -> Vec<u8> = |mut reply| {
        *reply.last_mut().unwrap() ^= 1;
        reply
    };
    let refused = enrol(Act::Tampered(flip_last)).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::SignatureInvalid));

    // PENDING (3) becomes SUCCESS (0) inside the signed attributes.
    let lie: fn(Vec<u8>) -> Vec<u8> = |mut reply| {
        let status = scep_types::oid::PKI_STATUS;
        let at = reply.windows(10).position(|octets| octets == status.content()).unwrap();
        let value = reply.iter().skip(at).position(|octet| *octet == b'3').unwrap() + at;
        reply[value] = b'0';
        reply
    };
    let refused = enrol(Act::Tampered(lie)).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::SignatureInvalid));
}

// R-2.5.1-02
#[test]
fn a_failure_ends_with_its_reason() {
    let refused = enrol(Act::Fail(FailInfo::BAD_REQUEST, Some("unknown challenge"))).unwrap_err();
    let expected = Refusal {
        fail_info: Some(FailInfo::BAD_REQUEST),
        text: Some("unknown challenge".to_owned()),
    };
    assert_eq!(refused, Error::Refused(expected));
    assert_eq!(refused.to_string(), r#"refused: badRequest (2), "unknown challenge""#);
}

// R-3.2.1.4-02
#[test]
fn an_unknown_fail_info_is_reported() {
    let refused = enrol(Act::Fail(FailInfo::new(7), None)).unwrap_err();
    assert_eq!(refused.to_string(), "refused: failInfo 7");
}

// R-3.2.1.4-06
#[test]
fn the_text_of_a_failure_cannot_write_lines_into_a_log() {
    let refused = enrol(Act::Fail(FailInfo::BAD_ALG, Some("no\r\nroot: logged in"))).unwrap_err();
    assert!(!refused.to_string().contains(['\r', '\n']));
}

// R-4.3-06
#[test]
fn a_refusal_is_read_whatever_the_http_status() {
    let refused = enrol(Act::FailWithStatus(400, FailInfo::BAD_MESSAGE_CHECK)).unwrap_err();
    let expected = Refusal { fail_info: Some(FailInfo::BAD_MESSAGE_CHECK), text: None };
    assert_eq!(refused, Error::Refused(expected));
}

// R-5.1-02
#[test]
fn of_two_certificates_for_our_key_the_newer_is_ours_even_if_it_begins_tomorrow() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (pki, device) = (pki(), device());
    let from = |not_before: UnixTime| {
        let validity = Validity { not_before, not_after: not_before.plus(DAY * 365) };
        let (name, spki) = (pki.ca.subject(), device.csr.spki());
        let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
        let unsigned = signer_certificate(name, spki, &[10], validity, scheme).unwrap();
        let signature = pki.ca_key.sign(scheme, unsigned.bytes()).unwrap();
        unsigned.finish(&signature).unwrap()
    };
    let (now, tomorrow) = (from(NOW), from(NOW.plus(DAY)));
    let reply = vec![tomorrow.clone(), now.clone()];
    let mut server = Server::new(pki, [Act::SucceedWith(reply)]);
    let issued = Host::new().drive(&device, settings(pki), &mut server).unwrap();
    assert_eq!(issued.certificate, tomorrow);
    assert_eq!(issued.others, [now]);
}

#[test]
fn the_certificate_that_signed_the_request_is_not_the_new_one() {
    let (pki, device) = (pki(), device_with_certificate(pki()));
    let mut server = Server::new(pki, [Act::SucceedWith(vec![device.signer.clone()])]);
    let refused = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::NoCertificateForKey));
}
