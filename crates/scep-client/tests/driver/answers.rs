//! Answers that are not believed, and refusals.

use scep_client::Error;
use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_proto::{CaAnchor, FailInfo, Misbehaviour, Refusal, Unfinished};
use scep_types::DigestAlgorithm;

use crate::enrolment::{enrol, settings};
use crate::support::{Act, TestServer};

async fn misbehaviour(script: &[Act]) -> Misbehaviour {
    let server = TestServer::start(script.iter().cloned());
    match enrol(&server, settings(&server)).await.unwrap_err() {
        Error::Protocol(scep_proto::Error::Misbehaved(misbehaviour)) => misbehaviour,
        other => panic!("unexpected {other:?}"),
    }
}

// R-2.2-05
#[tokio::test]
async fn with_a_wrong_fingerprint_no_message_is_sent() {
    let server = TestServer::start([Act::Well]);
    let wrong = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, vec![0; 32]);
    let refused = enrol(&server, EnrolmentSettings::new(CaTrust::Anchor(wrong))).await;
    let Err(Error::Protocol(scep_proto::Error::Misbehaved(Misbehaviour::FingerprintMismatch {
        found,
    }))) = refused
    else {
        panic!("unexpected {refused:?}")
    };
    assert_eq!(found.0.len(), 2);
    assert_eq!(server.messages(), 0);
    assert!(server.seen().iter().all(|seen| seen.body.is_empty()));
}

#[tokio::test]
async fn a_reply_to_an_earlier_message_is_not_believed() {
    assert_eq!(misbehaviour(&[Act::Pend, Act::SameReplyAgain]).await, Misbehaviour::NonceMismatch);
}

#[tokio::test]
async fn a_reply_of_another_transaction_is_not_believed() {
    let found = misbehaviour(&[Act::ReplyToAnother]).await;
    assert!(matches!(found, Misbehaviour::TransactionMismatch(id) if id.octets() == b"another"));
}

#[tokio::test]
async fn a_reply_signed_by_a_certificate_it_brings_along_is_not_believed() {
    assert_eq!(misbehaviour(&[Act::SignedByAttacker]).await, Misbehaviour::UntrustedSigner);
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_not_taken() {
    assert_eq!(misbehaviour(&[Act::IssuedByStranger]).await, Misbehaviour::UntrustedCertificate);
}

#[tokio::test]
async fn a_refusal_arrives_with_its_text() {
    let server = TestServer::start([Act::Fail(FailInfo::BAD_REQUEST, Some("challenge unknown"))]);
    let refusal = Refusal {
        fail_info: Some(FailInfo::BAD_REQUEST),
        text: Some("challenge unknown".to_owned()),
    };
    assert_eq!(
        enrol(&server, settings(&server)).await.unwrap_err(),
        Error::Protocol(scep_proto::Error::Refused(refusal))
    );
}

// R-4.3-06
#[tokio::test]
async fn a_refusal_is_read_out_of_an_http_500() {
    let server = TestServer::start([Act::FailWithStatus500(FailInfo::BAD_ALG)]);
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_ALG), text: None };
    assert_eq!(
        enrol(&server, settings(&server)).await.unwrap_err(),
        Error::Protocol(scep_proto::Error::Refused(refusal))
    );
}

#[tokio::test]
async fn a_request_still_pending_after_the_last_poll_is_unfinished() {
    let server = TestServer::start([Act::Pend]);
    let mut settings = settings(&server);
    settings.polling.max_polls = 2;
    assert_eq!(
        enrol(&server, settings).await.unwrap_err(),
        Error::Protocol(scep_proto::Error::Unfinished(Unfinished::PollLimit { polls: 2 }))
    );
    assert_eq!(server.messages(), 3);
}
