//! Enrolments that go well, and how they look on the wire.

use std::time::Duration;

use scep_client::{
    Begun, Client, Error, HttpSettings, Identity, Pending, Progress, Proxy, self_signed, sign_csr,
};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::Capabilities;
use scep_proto::client::{CaTrust, EnrolmentSettings, HttpRequest, Issued, MethodChoice};
use scep_types::{Name, Secret, oid};

use crate::support::{Act, TestServer, key};

pub(crate) fn client(url: &str) -> Client {
    let settings = HttpSettings {
        timeout: Duration::from_secs(5),
        proxy: Proxy::Direct,
        ..HttpSettings::default()
    };
    Client::with_http(url, provider(), &settings).unwrap()
}

/// Pins the server's CA; nobody waits longer than needed.
pub(crate) fn settings(server: &TestServer) -> EnrolmentSettings {
    let mut settings = EnrolmentSettings::new(CaTrust::Anchor(server.pki.anchor()));
    settings.retries.interval = Duration::ZERO;
    settings.polling.interval = Duration::ZERO;
    settings
}

pub(crate) fn identity(key: &SoftwareKey) -> Identity<'_> {
    let subject = Name::build(&[(oid::COMMON_NAME, "device")]);
    let challenge = Secret::new("secret");
    let csr = sign_csr(key, &subject, Some(&challenge), &[]).unwrap();
    let signer = self_signed(key, &subject, scep_client::now(), provider().random).unwrap();
    Identity::new(csr, signer, key)
}

pub(crate) async fn enrol(
    server: &TestServer,
    settings: EnrolmentSettings,
) -> Result<Issued, Error> {
    let key = key("rsa2048-device");
    client(&server.url).enrol(settings, &identity(&key), |_| ()).await
}

// R-7.10-01
#[tokio::test]
async fn a_device_enrols() {
    let server = TestServer::start([Act::Well]);
    let issued = enrol(&server, settings(&server)).await.unwrap();
    assert_eq!(issued.certificate.subject().to_string(), "CN=device");
    assert!(issued.ca.certificates().contains(&server.pki.ca));
    assert_eq!(server.issued(), 1);
}

fn pending(begun: Begun) -> Pending {
    match begun {
        Begun::Pending(pending) => pending,
        Begun::Issued(issued) => panic!("{issued:?}"),
    }
}

#[tokio::test]
async fn a_request_that_waits_is_gone_on_with_by_another_process() {
    let server = TestServer::start([Act::Pend, Act::Pend, Act::Well]);
    let key = key("rsa2048-device");
    let begun = client(&server.url).begin(settings(&server), &identity(&key)).await.unwrap();
    let waiting = pending(begun);
    assert_eq!(format!("{waiting:?}"), "Pending { .. }", "the challenge is in it");
    // What the other one knows of the CA is in the state.
    let nobody = || EnrolmentSettings::new(CaTrust::Ask);
    let begun = client(&server.url).resume(&waiting.state, nobody(), &key).await.unwrap();
    let begun = client(&server.url).resume(&pending(begun).state, nobody(), &key).await.unwrap();
    let Begun::Issued(issued) = begun else { panic!("{begun:?}") };
    assert_eq!(issued.certificate.subject().to_string(), "CN=device");
    assert_eq!(server.issued(), 1);
}

#[tokio::test]
async fn other_octets_are_no_request_that_waits() {
    let server = TestServer::start([Act::Well]);
    let key = key("rsa2048-device");
    let resumed = client(&server.url).resume(b"0", settings(&server), &key).await;
    let misuse = scep_proto::Error::from(scep_proto::ApiMisuse::PersistedState);
    assert_eq!(resumed.unwrap_err(), misuse.into());
    assert!(server.seen().is_empty());
}

// R-3.2-06
#[tokio::test]
async fn a_device_enrols_where_replies_are_streamed() {
    let server = TestServer::start([Act::Ber]);
    let issued = enrol(&server, settings(&server)).await.unwrap();
    assert_eq!(issued.certificate.subject().to_string(), "CN=device");
}

#[tokio::test]
async fn an_observer_sees_the_headers_of_an_answer() {
    let server = TestServer::start([Act::Well]);
    let observed = client(&server.url).observe(&HttpRequest::get_ca_caps()).await.unwrap();
    assert_eq!(observed.header("Content-Type"), Some("text/html"));
    assert_eq!(observed.header("X-Nothing"), None);
    assert!(observed.answer.capabilities().contains(Capabilities::SCEP_STANDARD));
}

// R-4.3-02
#[tokio::test]
async fn a_message_is_posted_whole_with_its_bare_type() {
    let server = TestServer::start([Act::Well]);
    enrol(&server, settings(&server)).await.unwrap();
    let [caps, ca, message] = server.seen().try_into().unwrap();
    assert_eq!((caps.method.as_str(), caps.target.as_str()), ("GET", "/scep?operation=GetCACaps"));
    assert_eq!((ca.method.as_str(), ca.target.as_str()), ("GET", "/scep?operation=GetCACert"));
    assert_eq!(
        (message.method.as_str(), message.target.as_str()),
        ("POST", "/scep?operation=PKIOperation")
    );
    assert_eq!(message.header("content-type"), Some("application/x-pki-message"));
    assert_eq!(message.header("transfer-encoding"), None, "IIS refuses chunks");
    assert_eq!(message.header("content-length"), Some(message.body.len().to_string().as_str()));
}

// R-4.1-04
#[tokio::test]
async fn a_message_by_get_arrives_as_it_was() {
    let server = TestServer::start([Act::Well]);
    let mut settings = settings(&server);
    settings.method = MethodChoice::Get;
    enrol(&server, settings).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[2].method, "GET");
    assert!(seen[2].target.starts_with("/scep?operation=PKIOperation&message=MI"));
}

// R-4.1-12
#[tokio::test]
async fn a_configured_query_is_sent_with_every_operation() {
    let server = TestServer::start([Act::Well]);
    let key = key("rsa2048-device");
    let url = format!("{}?tenant=1", server.url);
    client(&url).enrol(settings(&server), &identity(&key), |_| ()).await.unwrap();
    for seen in server.seen() {
        assert!(seen.target.starts_with("/scep?tenant=1&operation="), "{}", seen.target);
    }
}

#[tokio::test]
async fn pending_is_polled_for_until_success() {
    let server = TestServer::start([Act::Pend, Act::Pend, Act::Well]);
    let key = key("rsa2048-device");
    let mut polls = Vec::new();
    let progress = |progress| match progress {
        Progress::Pending { polls: done, .. } => polls.push(done),
        other => panic!("unexpected {other:?}"),
    };
    client(&server.url).enrol(settings(&server), &identity(&key), progress).await.unwrap();
    assert_eq!(polls, [0, 1]);
    assert_eq!(server.messages(), 3);
}

#[tokio::test]
async fn a_future_of_an_enrolment_can_move_between_threads() {
    let server = TestServer::start([Act::Well]);
    let (url, settings) = (server.url.clone(), settings(&server));
    let task = tokio::spawn(async move {
        let key = key("rsa2048-device");
        client(&url).enrol(settings, &identity(&key), |_| ()).await
    });
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_before_anything_is_sent() {
    let server = TestServer::start([Act::Well]);
    let (ours, other) = (key("rsa2048-device"), key("rsa2048-device2"));
    let identity = Identity { signing_key: &other, ..identity(&ours) };
    let refused = client(&server.url).enrol(settings(&server), &identity, |_| ()).await;
    assert_eq!(refused.unwrap_err(), Error::KeyMismatch);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_unknown_ca_is_handed_to_the_caller_and_gets_nothing() {
    let server = TestServer::start([Act::Well]);
    let settings = EnrolmentSettings::new(CaTrust::Ask);
    let Error::CaNotTrusted(ca) = enrol(&server, settings).await.unwrap_err() else {
        panic!("the CA was believed")
    };
    assert_eq!(ca.certificates(), [server.pki.ca.clone(), server.pki.ra.clone()]);
    assert_eq!(server.messages(), 0);
}
