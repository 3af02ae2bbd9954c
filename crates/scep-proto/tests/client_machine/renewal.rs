//! Renewal: which message type, which signer, which key.

use scep_proto::client::{Purpose, RenewalMessage};
use scep_proto::inspect::Signed;
use scep_proto::{Error, FailInfo, MessageType, Refusal};
use scep_types::SigningKey;

use crate::support::{Act, Device, Host, Pki, Server, key, name, request};

fn types(server: &Server<'_>) -> Vec<MessageType> {
    server.seen.iter().map(|seen| seen.message_type).collect()
}

/// A device that renews with a new key.
fn device(pki: &Pki) -> Device {
    let device = Device::with_certificate(pki);
    Device { csr: request(&key("rsa2048-device2"), None), ..device }
}

fn renew(message: RenewalMessage, server: &mut Server<'_>) -> Result<(), Error> {
    let mut settings = server.pki.settings();
    settings.purpose = Purpose::Renew(message);
    let device = device(server.pki);
    Host::new().drive(&device, settings, server).map(|_| ())
}

// R-2.3-06, R-2.3-11, R-2.3-14
#[test]
fn a_renewal_is_signed_with_the_old_certificate_and_answered_to_it() {
    let pki = Pki::new();
    let mut server = Server::new(&pki, [Act::Succeed]);
    renew(RenewalMessage::Auto, &mut server).unwrap();
    assert_eq!(types(&server), [MessageType::RENEWAL_REQ]);
    let signed = Signed::parse(server.seen[0].message.clone()).unwrap();
    let signer = signed.signers().next().unwrap();
    let certificate = signer.certificate().unwrap();
    assert_eq!(*certificate, device(&pki).signer);
    signer.verify(certificate, &scep_crypto::aws_lc_rs::provider()).unwrap();
}

// R-2.3-07, R-3.5.2-14
#[test]
fn renewal_without_scepstandard_is_not_renewalreq() {
    let pki = Pki::new();
    for capabilities in ["POSTPKIOperation\nRenewal\nSHA-256\nAES", "SCEPStandard", ""] {
        let mut server = Server::new(&pki, [Act::Succeed]).with_capabilities(capabilities);
        renew(RenewalMessage::Auto, &mut server).unwrap();
        assert_eq!(types(&server), [MessageType::PKCS_REQ], "{capabilities:?}");
    }
}

#[test]
fn the_message_type_can_be_settled() {
    let pki = Pki::new();
    let mut server = Server::new(&pki, [Act::Succeed]).with_capabilities("AES\nSHA-256");
    renew(RenewalMessage::RenewalReq, &mut server).unwrap();
    assert_eq!(types(&server), [MessageType::RENEWAL_REQ]);
    let mut server = Server::new(&pki, [Act::Succeed]);
    renew(RenewalMessage::PkcsReq, &mut server).unwrap();
    assert_eq!(types(&server), [MessageType::PKCS_REQ]);
}

#[test]
fn a_refused_renewalreq_is_tried_once_as_pkcsreq_in_a_new_transaction() {
    let pki = Pki::new();
    let bad_request = || Act::Fail(FailInfo::BAD_REQUEST, None);
    for first in [bad_request(), Act::Http(500, "unknown message type")] {
        let mut server = Server::new(&pki, [first, Act::Succeed]);
        renew(RenewalMessage::Auto, &mut server).unwrap();
        assert_eq!(types(&server), [MessageType::RENEWAL_REQ, MessageType::PKCS_REQ]);
        assert_ne!(server.seen[0].transaction_id, server.seen[1].transaction_id);
    }
    let mut server = Server::new(&pki, [bad_request(), bad_request()]);
    let refused = renew(RenewalMessage::Auto, &mut server).unwrap_err();
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_REQUEST), text: None };
    assert_eq!(refused, Error::Refused(refusal));
}

#[test]
fn a_renewalreq_refused_for_another_reason_stays_refused() {
    let pki = Pki::new();
    let mut server = Server::new(&pki, [Act::Fail(FailInfo::BAD_ALG, None)]);
    let refused = renew(RenewalMessage::Auto, &mut server).unwrap_err();
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_ALG), text: None };
    assert_eq!(refused, Error::Refused(refusal));
}

#[test]
fn a_renewal_with_the_same_key_takes_the_new_certificate() {
    let pki = Pki::new();
    let device = Device::with_certificate(&pki);
    let spki = SigningKey::spki(&device.key);
    let issuer = (pki.ca.subject(), &pki.ca_key);
    let new = crate::support::certificate(
        &name("device"),
        spki,
        crate::support::Role::Device,
        issuer,
        10,
    );
    let reply = vec![device.signer.clone(), new.clone()];
    let mut server = Server::new(&pki, [Act::SucceedWith(reply)]);
    let mut settings = pki.settings();
    settings.purpose = Purpose::Renew(RenewalMessage::Auto);
    let issued = Host::new().drive(&device, settings, &mut server).unwrap();
    assert_eq!(issued.certificate, new);
}
