//! Renewal: which message type, which signer, which key.

use scep_proto::client::{Purpose, RenewalMessage};
use scep_proto::inspect::Signed;
use scep_proto::{Error, FailInfo, MessageType, Refusal};
use scep_test::keys;
use scep_test::pki::Pki;
use scep_test::requests::Device;

use crate::server::{Act, Server, issue};
use crate::support::{Host, device_with_certificate, pki, settings, stranger};

fn types(server: &Server<'_>) -> Vec<MessageType> {
    server.seen.iter().map(|seen| seen.message_type).collect()
}

/// A device that renews with a new key.
fn device(pki: &Pki) -> Device {
    let next = keys::software("rsa2048-device2");
    Device::renewing(pki, "device", keys::software("rsa2048-device"), &next)
}

fn renew(message: RenewalMessage, server: &mut Server<'_>) -> Result<(), Error> {
    let mut settings = settings(server.pki);
    settings.purpose = Purpose::Renew(message);
    let device = device(server.pki);
    Host::new().drive(&device, settings, server).map(|_| ())
}

// R-2.3-06, R-2.3-11, R-2.3-14, R-2.3-15
#[test]
fn a_renewal_is_signed_with_the_old_certificate_and_answered_to_it() {
    let pki = pki();
    let mut server = Server::new(pki, [Act::Succeed]);
    renew(RenewalMessage::Auto, &mut server).unwrap();
    assert_eq!(types(&server), [MessageType::RENEWAL_REQ]);
    let signed = Signed::parse(server.seen[0].message.clone()).unwrap();
    let signer = signed.signers().next().unwrap();
    let certificate = signer.certificate().unwrap();
    assert_eq!(*certificate, device(pki).signer);
    signer.verify(certificate, &scep_crypto::aws_lc_rs::provider()).unwrap();
}

// R-2.3-07, R-3.5.2-14
#[test]
fn renewal_without_scepstandard_is_not_renewalreq() {
    let pki = pki();
    for capabilities in ["POSTPKIOperation\nRenewal\nSHA-256\nAES", "SCEPStandard", ""] {
        let mut server = Server::new(pki, [Act::Succeed]).with_capabilities(capabilities);
        renew(RenewalMessage::Auto, &mut server).unwrap();
        assert_eq!(types(&server), [MessageType::PKCS_REQ], "{capabilities:?}");
    }
}

#[test]
fn the_message_type_can_be_settled() {
    let pki = pki();
    let mut server = Server::new(pki, [Act::Succeed]).with_capabilities("AES\nSHA-256");
    renew(RenewalMessage::RenewalReq, &mut server).unwrap();
    assert_eq!(types(&server), [MessageType::RENEWAL_REQ]);
    let mut server = Server::new(pki, [Act::Succeed]);
    renew(RenewalMessage::PkcsReq, &mut server).unwrap();
    assert_eq!(types(&server), [MessageType::PKCS_REQ]);
}

#[test]
fn a_refused_renewalreq_is_tried_once_as_pkcsreq_in_a_new_transaction() {
    let pki = pki();
    let bad_request = || Act::Fail(FailInfo::BAD_REQUEST, None);
    for first in [bad_request(), Act::Http(500, "unknown message type")] {
        let mut server = Server::new(pki, [first, Act::Succeed]);
        renew(RenewalMessage::Auto, &mut server).unwrap();
        assert_eq!(types(&server), [MessageType::RENEWAL_REQ, MessageType::PKCS_REQ]);
        assert_ne!(server.seen[0].transaction_id, server.seen[1].transaction_id);
    }
    let mut server = Server::new(pki, [bad_request(), bad_request()]);
    let refused = renew(RenewalMessage::Auto, &mut server).unwrap_err();
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_REQUEST), text: None };
    assert_eq!(refused, Error::Refused(refusal));
}

#[test]
fn a_renewalreq_refused_for_another_reason_stays_refused() {
    let pki = pki();
    let mut server = Server::new(pki, [Act::Fail(FailInfo::BAD_ALG, None)]);
    let refused = renew(RenewalMessage::Auto, &mut server).unwrap_err();
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_ALG), text: None };
    assert_eq!(refused, Error::Refused(refusal));
}

#[test]
fn a_renewal_with_the_same_key_takes_the_new_certificate() {
    let (pki, device) = (pki(), device_with_certificate(pki()));
    let new = issue(pki, &device.csr);
    let reply = vec![device.signer.clone(), new.clone()];
    let mut server = Server::new(pki, [Act::SucceedWith(reply)]);
    let mut settings = settings(pki);
    settings.purpose = Purpose::Renew(RenewalMessage::Auto);
    let issued = Host::new().drive(&device, settings, &mut server).unwrap();
    assert_eq!(issued.certificate, new);
}

// R-2.3-08
#[test]
fn a_certificate_of_another_ca_can_sign_a_renewal() {
    let (pki, device) = (pki(), device(&stranger()));
    let mut settings = settings(pki);
    settings.purpose = Purpose::Renew(RenewalMessage::Auto);
    let mut server = Server::new(pki, [Act::Succeed]);
    Host::new().drive(&device, settings, &mut server).unwrap();
    assert_eq!(types(&server), [MessageType::RENEWAL_REQ]);
}
