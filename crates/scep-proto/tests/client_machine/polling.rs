//! PENDING, and what comes after.

use std::time::Duration;

use scep_proto::client::{PollBy, Purpose, RenewalMessage};
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::{Error, FailInfo, MessageType, Refusal, Unfinished};
use scep_types::asn1::Reader;
use scep_types::{ContentKey, DecryptionKey};

use crate::server::{Act, Server};
use crate::support::{Host, device, device_with_certificate, pki, settings};

fn refusal(fail_info: FailInfo) -> Error {
    Error::Refused(Refusal { fail_info: Some(fail_info), text: None })
}

// R-2.5-04, R-4.4-01, R-3.2.1.5-01, R-2.5-05
#[test]
fn a_pending_request_is_polled_with_the_same_id_and_fresh_nonces() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut server = Server::new(pki, [Act::Pend, Act::Pend, Act::Pend, Act::Succeed]);
    let mut settings = settings(pki);
    settings.polling.interval = Duration::from_secs(300);
    host.drive(&device, settings, &mut server).unwrap();

    let types: Vec<_> = server.seen.iter().map(|seen| seen.message_type).collect();
    let polls = [MessageType::CERT_POLL; 3];
    assert_eq!(types, [&[MessageType::PKCS_REQ][..], &polls].concat());
    assert!(server.seen.iter().all(|seen| seen.transaction_id == server.seen[0].transaction_id));
    let mut nonces: Vec<_> = server.seen.iter().map(|seen| seen.nonce.clone()).collect();
    assert!(nonces.iter().all(|nonce| nonce.len() == 16));
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
    assert_eq!(host.waits, [Duration::from_secs(300); 3]);
}

// R-3.3.3-01
#[test]
fn a_poll_names_the_ca_and_the_subject_of_the_request() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Pend, Act::Succeed]);
    Host::new().drive(&device, settings(pki), &mut server).unwrap();
    let signed = Signed::parse(server.seen[1].message.clone()).unwrap();
    let envelope = Enveloped::parse(signed.content().clone()).unwrap();
    let recipient = envelope.recipients().next().unwrap();
    let fallback = ContentKey::new(&[0; 16]).unwrap();
    let (transport, wrapped) = (recipient.transport().unwrap(), recipient.encrypted_key());
    let key = pki.ra_key.unwrap_key(transport, wrapped, &fallback).unwrap();
    let plaintext = envelope.decrypt(&key, &scep_crypto::aws_lc_rs::provider()).unwrap();
    let mut names = Reader::der(&plaintext).sequence().unwrap();
    assert_eq!(names.any().unwrap().raw, pki.ca.subject().der());
    assert_eq!(names.any().unwrap().raw, device.csr.subject().der());
    names.finish().unwrap();
}

// R-2.5.1-03
#[test]
fn after_as_many_polls_as_allowed_it_is_over() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Pend, Act::Pend, Act::Pend]);
    let mut settings = settings(pki);
    settings.polling.max_polls = 2;
    let ended = Host::new().drive(&device, settings, &mut server).unwrap_err();
    assert_eq!(ended, Error::Unfinished(Unfinished::PollLimit { polls: 2 }));
    assert_eq!(server.seen.len(), 3);
}

#[test]
fn no_poll_comes_after_the_time_is_up() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Pend, Act::Pend, Act::Pend, Act::Pend]);
    let mut settings = settings(pki);
    settings.polling.interval = Duration::from_secs(60);
    settings.polling.max_time = Duration::from_secs(150);
    let ended = Host::new().drive(&device, settings, &mut server).unwrap_err();
    assert_eq!(ended, Error::Unfinished(Unfinished::TimeLimit { polls: 2 }));
}

// R-4.4-05
#[test]
fn a_poll_can_be_refused() {
    let (pki, device) = (pki(), device());
    let script = [Act::Pend, Act::Pend, Act::Fail(FailInfo::BAD_REQUEST, None)];
    let mut server = Server::new(pki, script);
    let ended = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert_eq!(ended, refusal(FailInfo::BAD_REQUEST));
}

#[test]
fn a_lost_poll_and_a_server_in_trouble_count_as_polls() {
    let (pki, device) = (pki(), device());
    let polling = |max_polls, script| {
        let mut settings = settings(pki);
        settings.polling.max_polls = max_polls;
        Host::new().drive(&device, settings, &mut Server::new(pki, script)).map(|_| ())
    };
    let script = vec![Act::Pend, Act::Silence, Act::Http(503, "busy"), Act::Succeed];
    assert_eq!(polling(3, script), Ok(()));
    let script = vec![Act::Pend, Act::Silence, Act::Http(500, "down")];
    let limit = Error::Unfinished(Unfinished::PollLimit { polls: 2 });
    assert_eq!(polling(2, script), Err(limit));
}

#[test]
fn a_server_without_certpoll_gets_the_request_again_if_allowed() {
    let (pki, device) = (pki(), device());
    for first in [Act::Fail(FailInfo::BAD_CERT_ID, None), Act::Http(500, "not implemented")] {
        let script = [Act::Pend, first, Act::Pend, Act::Succeed];
        let mut server = Server::new(pki, script);
        let mut settings = settings(pki);
        settings.polling.by = PollBy::CertPollThenResubmission;
        Host::new().drive(&device, settings, &mut server).unwrap();
        let types: Vec<_> = server.seen.iter().map(|seen| seen.message_type).collect();
        let expected = [
            MessageType::PKCS_REQ,
            MessageType::CERT_POLL,
            MessageType::PKCS_REQ,
            MessageType::PKCS_REQ,
        ];
        assert_eq!(types, expected);
        let id = &server.seen[0].transaction_id;
        assert!(server.seen.iter().all(|seen| seen.transaction_id == *id));
    }
}

#[test]
fn a_refused_first_poll_is_a_refusal_unless_resubmission_is_allowed() {
    let (pki, device) = (pki(), device());
    let script = [Act::Pend, Act::Fail(FailInfo::BAD_CERT_ID, None)];
    let mut server = Server::new(pki, script);
    let ended = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert_eq!(ended, refusal(FailInfo::BAD_CERT_ID));
}

// R-5.2-05
#[test]
fn a_server_known_to_have_no_certpoll_gets_nothing_but_the_request() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Pend, Act::Pend, Act::Silence, Act::Succeed]);
    let mut settings = settings(pki);
    settings.polling.by = PollBy::Resubmission;
    Host::new().drive(&device, settings, &mut server).unwrap();
    assert!(server.seen.iter().all(|seen| seen.message_type == MessageType::PKCS_REQ));
    assert_eq!(server.seen.len(), 4);
    let id = &server.seen[0].transaction_id;
    assert!(server.seen.iter().all(|seen| seen.transaction_id == *id));
}

#[test]
fn a_renewal_that_was_pending_and_then_refused_is_not_asked_for_in_another_form() {
    let pki = pki();
    let device = device_with_certificate(pki);
    let mut settings = settings(pki);
    settings.purpose = Purpose::Renew(RenewalMessage::Auto);
    settings.polling.by = PollBy::Resubmission;
    for last in [Act::Fail(FailInfo::BAD_REQUEST, None), Act::Http(400, "no")] {
        let mut server = Server::new(pki, [Act::Pend, last]);
        assert!(Host::new().drive(&device, settings.clone(), &mut server).is_err());
        let types: Vec<_> = server.seen.iter().map(|seen| seen.message_type).collect();
        assert_eq!(types, [MessageType::RENEWAL_REQ; 2]);
    }
}
