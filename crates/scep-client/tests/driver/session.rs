//! Single messages: CertPoll, GetCert, GetCRL, GetNextCACert.

use scep_client::{AnswerFault, Client, Correspondent, Error, Polled, Session, self_signed};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_proto::inspect::{Enveloped, Identifier, Signed};
use scep_proto::{FailInfo, Misbehaviour, NextCa, PkiStatus, Refusal, TransactionId, Unfinished};
use scep_types::{AlgorithmPolicy, Certificate, Name, oid};

use crate::enrolment::{client, enrol, settings};
use crate::support::{Act, TestServer, key};

fn subject() -> Name {
    Name::build(&[(oid::COMMON_NAME, "device")])
}

async fn session<'a>(
    client: &'a Client,
    server: &TestServer,
    signer: &Certificate,
    key: &'a SoftwareKey,
) -> Session<'a> {
    client.session(&settings(server), Correspondent::new(signer.clone(), key)).await.unwrap()
}

/// Enrols, and polls for the same key after that.
async fn poll(script: [Act; 2]) -> Result<Polled, Error> {
    let server = TestServer::start(script);
    let _ = enrol(&server, leave_pending(&server)).await;
    let (key, client) = (key("rsa2048-device"), client(&server.url));
    let signer = self_signed(&key, &subject(), scep_client::now(), provider().random).unwrap();
    let session = session(&client, &server, &signer, &key).await;
    session.poll(&TransactionId::new("1").unwrap(), &subject()).await
}

fn leave_pending(server: &TestServer) -> EnrolmentSettings {
    let mut settings = settings(server);
    settings.polling.max_polls = 0;
    settings
}

fn refused(error: Error) -> Option<FailInfo> {
    match error {
        Error::Protocol(scep_proto::Error::Refused(Refusal { fail_info, .. })) => fail_info,
        other => panic!("unexpected {other:?}"),
    }
}

// R-2.5-04, R-4.4-03
#[tokio::test]
async fn a_pending_request_is_polled_for_with_its_key_alone() {
    let polled = poll([Act::Pend, Act::Well]).await.unwrap();
    let Polled::Issued(certificate) = polled else { panic!("unexpected {polled:?}") };
    assert_eq!(certificate.subject().to_string(), "CN=device");
    assert_eq!(poll([Act::Pend, Act::Pend]).await.unwrap(), Polled::Pending);
    let denied = Act::Fail(FailInfo::BAD_REQUEST, None);
    let error = poll([Act::Pend, denied]).await.unwrap_err();
    assert_eq!(refused(error), Some(FailInfo::BAD_REQUEST));
}

// R-3.3.2.1-03
#[tokio::test]
async fn a_polled_certificate_of_another_ca_is_refused() {
    let error = poll([Act::Pend, Act::IssuedByStranger]).await.unwrap_err();
    let expected = scep_proto::Error::from(Misbehaviour::UntrustedCertificate);
    assert_eq!(error, expected.into());
}

// R-4.5.1-01
#[tokio::test]
async fn get_cert_returns_the_certificate_asked_for() {
    let server = TestServer::start([Act::Well]);
    let issued = enrol(&server, settings(&server)).await.unwrap().certificate;
    let (key, client) = (key("rsa2048-device"), client(&server.url));
    let session = session(&client, &server, &issued, &key).await;
    let issuer = server.pki.ca.subject();
    assert_eq!(session.certificate(issuer, issued.serial()).await.unwrap(), issued);
    let error = session.certificate(issuer, &[1]).await.unwrap_err();
    assert_eq!(refused(error), Some(FailInfo::BAD_CERT_ID));
    // Ours is in the answer, but it is of another issuer than the one asked for.
    let error = session.certificate(&subject(), issued.serial()).await.unwrap_err();
    assert_eq!(error, AnswerFault::CertificateMissing.into());
}

// R-4.5-01
#[tokio::test]
async fn the_answer_to_get_cert_is_encrypted_to_our_certificate() {
    let server = TestServer::start([Act::Well]);
    let issued = enrol(&server, settings(&server)).await.unwrap().certificate;
    let (key, client) = (key("rsa2048-device"), client(&server.url));
    let session = session(&client, &server, &issued, &key).await;
    session.certificate(issued.issuer(), issued.serial()).await.unwrap();
    let reply = Signed::parse(server.last_reply()).unwrap();
    let envelope = Enveloped::parse(reply.content().clone()).unwrap();
    let recipients: Vec<_> = envelope.recipients().map(|it| it.identifier()).collect();
    let serial = issued.serial().to_vec().into();
    assert_eq!(recipients, [Identifier::IssuerAndSerial(issued.issuer().clone(), serial)]);
}

// R-4.5.1-01
#[tokio::test]
async fn pending_is_no_answer_to_get_cert() {
    let server = TestServer::start([Act::Well, Act::Pend]);
    let issued = enrol(&server, settings(&server)).await.unwrap().certificate;
    let (key, client) = (key("rsa2048-device"), client(&server.url));
    let session = session(&client, &server, &issued, &key).await;
    let error = session.certificate(issued.issuer(), issued.serial()).await.unwrap_err();
    let expected = Misbehaviour::UnexpectedStatus(PkiStatus::PENDING);
    assert_eq!(error, scep_proto::Error::from(expected).into());
}

// R-2.7-02, R-4.6.1-01
#[tokio::test]
async fn get_crl_returns_the_one_crl_of_the_issuer_if_its_signature_verifies() {
    let server = TestServer::start([Act::Well, Act::Well, Act::IssuedByStranger]);
    let issued = enrol(&server, settings(&server)).await.unwrap().certificate;
    let (key, client) = (key("rsa2048-device"), client(&server.url));
    let session = session(&client, &server, &issued, &key).await;
    let crl = session.crl(issued.issuer(), issued.serial()).await.unwrap();
    assert_eq!(crl, server.pki.crl("rsa2048-ca"));
    let error = session.crl(issued.issuer(), issued.serial()).await.unwrap_err();
    assert_eq!(error, AnswerFault::CrlSignature.into());
}

#[tokio::test]
async fn a_session_needs_a_known_ca_and_the_signers_key() {
    let server = TestServer::start([Act::Well]);
    let (key, other) = (key("rsa2048-device"), key("rsa2048-device2"));
    let signer = self_signed(&key, &subject(), scep_client::now(), provider().random).unwrap();
    let client = client(&server.url);
    let ask = EnrolmentSettings::new(CaTrust::Ask);
    let error = client.session(&ask, Correspondent::new(signer.clone(), &key)).await.unwrap_err();
    assert!(matches!(error, Error::CaNotTrusted(_)), "{error:?}");
    let party = Correspondent::new(signer, &other);
    let error = client.session(&settings(&server), party).await.unwrap_err();
    assert_eq!(error, Error::KeyMismatch);
    assert_eq!(server.messages(), 0);
}

async fn next_ca(act: Act) -> Result<NextCa, Error> {
    let server = TestServer::start([act]);
    let client = client(&server.url);
    let trust = CaTrust::Anchor(server.pki.anchor());
    let ca = client.authenticated_ca(&trust, None).await.unwrap();
    client.next_ca(&ca, AlgorithmPolicy::Modern).await
}

// R-4.7-01, R-4.7.1-05
#[tokio::test]
async fn the_next_ca_is_what_the_current_one_signed() {
    let next = next_ca(Act::Well).await.unwrap();
    assert_eq!(next.ca().certificates().len(), 2);
    assert_eq!(next.ca().issuer().subject().to_string(), "CN=Test CA");
}

// R-4.7.1-02, R-4.7.1-03, R-4.7.1-04, R-4.7.1-06
#[tokio::test]
async fn a_next_ca_that_the_current_one_did_not_sign_is_not_believed() {
    let error = next_ca(Act::SignedByAttacker).await.unwrap_err();
    assert_eq!(error, scep_proto::Error::from(Misbehaviour::UntrustedSigner).into());
    let error = next_ca(Act::OutsideOnly).await.unwrap_err();
    assert_eq!(error, scep_proto::Error::from(Misbehaviour::NoCaCertificate).into());
    let error = next_ca(Act::Http(404, Vec::new())).await.unwrap_err();
    assert_eq!(error, scep_proto::Error::from(Unfinished::HttpStatus(404)).into());
}
