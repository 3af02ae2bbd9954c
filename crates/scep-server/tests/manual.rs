//! Requests that wait for an operator, and the polls for them.

use scep_proto::FailInfo;
use scep_proto::client::CertRep;
use scep_store::{EnrolmentStore as _, Operator, PendingRequest, Rejection, Terms};
use scep_types::{SigningKey as _, oid};

use crate::support::device::{Device, MessageKind, granted, refused, self_signed};
use crate::support::forge::attributes_of;
use crate::support::server::{Server, manual};
use crate::support::{DAY, MINUTE, NOW, key};

// R-4.3-01, R-2.5-04, R-2.5-06, R-5.2-03, R-4.4-01, R-2.4-04
#[tokio::test]
async fn a_request_waits_until_an_operator_approves_and_is_then_issued_once() {
    let (server, device) = waiting().await;
    let poll = device.clone().message(MessageKind::Poll);
    for _ in 0..2 {
        assert_eq!(poll.enrol(&server).await, CertRep::Pending);
    }
    approve(&server).await;
    let issued = granted(poll.enrol(&server).await);
    assert_eq!((server.last().outcome, server.last().basis), ("issued", Some("operator")));
    assert_eq!(issued.spki(), device.key.spki());
    // The reply was lost: polled again, and asked for again.
    assert_eq!(granted(poll.enrol(&server).await), issued);
    assert_eq!(granted(device.enrol(&server).await), issued);
    assert_eq!(server.certificates(), 1);
}

// R-3211-08, R-3.1-04, R-3.1-07
#[tokio::test]
async fn a_device_that_cannot_decrypt_gets_what_was_approved_by_its_challenge() {
    let server = Server::new(manual());
    let device = Device::with_key("phone", key("p256-device")).challenge("a long secret");
    assert_eq!(device.enrol(&server).await, CertRep::Pending);
    approve(&server).await;
    let poll = device.clone().message(MessageKind::Poll);
    let issued = granted(poll.enrol(&server).await);
    assert_eq!(issued.spki(), device.key.spki());
    // The challenge went with the pending request: what comes after asks by it.
    assert_eq!(refused(poll.enrol(&server).await), FailInfo::BAD_ALG);
    assert_eq!(granted(device.enrol(&server).await), issued);
    assert_eq!(server.certificates(), 1);
}

// R-5.2-05
#[tokio::test]
async fn a_client_may_ask_again_instead_of_polling() {
    let (server, device) = waiting().await;
    assert_eq!(device.enrol(&server).await, CertRep::Pending);
    assert_eq!(pending(&server).await.len(), 1);
    approve(&server).await;
    granted(device.enrol(&server).await);
    assert_eq!(server.last().basis, Some("operator"));
}

// R-4.4-05
#[tokio::test]
async fn what_an_operator_denied_polls_learn() {
    let (server, device) = waiting().await;
    let [request] = pending(&server).await.try_into().unwrap();
    let terms = Terms::new(MINUTE, MINUTE * 60).unwrap();
    let rejection = Rejection { fail_info: FailInfo::BAD_REQUEST.number() };
    server.store.deny(&request.request, rejection, terms, NOW).await.unwrap();
    for message in [MessageKind::Poll, MessageKind::Enrol] {
        let reply = device.clone().message(message).enrol(&server).await;
        assert_eq!(refused(reply), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("rejected"));
    }
    assert_eq!(server.certificates(), 0);
}

// R-4.4-02, R-4.4-03, R-3.2.1.1-05
#[tokio::test]
async fn a_poll_with_another_key_and_one_for_nothing_get_the_same_answer() {
    let (server, device) = waiting().await;
    let poll = device.message(MessageKind::Poll);
    let other_key = key("rsa2048-device2");
    let wrong_key = Device {
        signer: self_signed(&poll.subject, &other_key),
        signer_key: other_key,
        ..poll.clone()
    };
    let mut answers = Vec::new();
    for poll in [wrong_key.clone(), wrong_key.transaction("unknown")] {
        let sent = poll.ask(&server);
        let answer = server.post(sent.message.clone()).await;
        assert_eq!(refused(poll.read(&server, &sent, &answer)), FailInfo::BAD_CERT_ID);
        let differ = [oid::SENDER_NONCE, oid::RECIPIENT_NONCE, oid::TRANSACTION_ID];
        let attributes: Vec<_> = attributes_of(&answer.body)
            .into_iter()
            .filter(|(oid, _)| !differ.contains(oid))
            .collect();
        answers.push(attributes);
    }
    assert_eq!(answers[0], answers[1]);
}

// R-4.4-03
#[tokio::test]
async fn a_poll_may_be_signed_with_a_new_certificate_of_the_same_key() {
    let (server, device) = waiting().await;
    let name = scep_types::Name::build(&[(oid::COMMON_NAME, "made for this poll")]);
    let poll = Device { signer: self_signed(&name, &device.key), ..device };
    assert_eq!(poll.message(MessageKind::Poll).enrol(&server).await, CertRep::Pending);
}

// R-3.2.1.1-05
#[tokio::test]
async fn another_keys_request_under_a_pending_transaction_is_refused_and_changes_nothing() {
    let (server, device) = waiting().await;
    let other = Device::with_key("other", key("rsa2048-device2"));
    let other = Device { transaction_id: device.transaction_id.clone(), ..other };
    assert_eq!(refused(other.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.last().reason, Some("conflict"));
    assert_eq!(device.enrol(&server).await, CertRep::Pending);
}

#[tokio::test]
async fn a_new_csr_of_the_same_key_takes_the_place_of_the_one_that_waits() {
    let (server, device) = waiting().await;
    let old = pending(&server).await.remove(0);
    let changed = device.clone().dns(&["phone.example"]);
    assert_eq!(changed.enrol(&server).await, CertRep::Pending);
    let waiting = pending(&server).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].csr, changed.csr().der());
    // What the operator saw first is not what would be issued now.
    let operator = Operator::new("alice").unwrap();
    server.store.approve(&old.request, &operator, NOW).await.unwrap_err();
}

#[tokio::test]
async fn what_nobody_decides_is_forgotten() {
    let (server, device) = waiting().await;
    server.clock.advance(DAY * 2);
    let poll = device.message(MessageKind::Poll);
    assert_eq!(refused(poll.enrol(&server).await), FailInfo::BAD_CERT_ID);
}

#[tokio::test]
async fn what_an_operator_approves_the_profile_may_still_refuse_for_good() {
    let server = Server::with(manual(), |config| {
        let mut profile = scep_ca::ProfileConfig::new(DAY);
        profile.subject_alt_names.keep = Vec::new();
        config.authority.profiles = scep_ca::Profiles::new(scep_ca::Profile::new(profile).unwrap());
    });
    let device = Device::new("phone").dns(&["phone.example"]);
    assert_eq!(device.enrol(&server).await, CertRep::Pending);
    approve(&server).await;
    let poll = device.message(MessageKind::Poll);
    for reason in ["profile", "rejected"] {
        assert_eq!(refused(poll.enrol(&server).await), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some(reason));
    }
}

async fn waiting() -> (Server, Device) {
    let server = Server::new(manual());
    let device = Device::new("phone");
    assert_eq!(device.enrol(&server).await, CertRep::Pending);
    (server, device)
}

async fn pending(server: &Server) -> Vec<PendingRequest> {
    server.store.list_pending(server.endpoint.id(), NOW).await.unwrap()
}

async fn approve(server: &Server) {
    let [request] = pending(server).await.try_into().unwrap();
    let operator = Operator::new("alice").unwrap();
    server.store.approve(&request.request, &operator, NOW).await.unwrap();
}
