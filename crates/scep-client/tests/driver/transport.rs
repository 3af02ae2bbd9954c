//! HTTP at its worst.

use std::net::TcpListener;
use std::time::Duration;

use scep_client::{Client, Error, Failure, HttpSettings, Progress, Proxy};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::Unfinished;
use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_proto::http::MAX_MESSAGE;

use crate::enrolment::{client, enrol, identity, settings};
use crate::support::{Act, TestServer, key};

fn failure(error: &Error) -> Failure {
    match error {
        Error::Transport { failure, .. } => *failure,
        other => panic!("unexpected {other:?}"),
    }
}

fn http_status(error: &Error) -> u16 {
    match error {
        Error::Protocol(scep_proto::Error::Unfinished(Unfinished::HttpStatus(status))) => *status,
        other => panic!("unexpected {other:?}"),
    }
}

// R-3.5.2-07, R-3.5.2-10
#[tokio::test]
async fn whatever_happens_to_getcacaps_the_enrolment_goes_on() {
    let html = format!("<html>{}</html>", "<p>".repeat(100_000));
    for capabilities in [
        Act::Http(404, b"Not Found".to_vec()),
        Act::Http(200, html.into_bytes()),
        Act::Http(200, Vec::new()),
        Act::BreakOff,
        Act::BreakOffInside,
        Act::Flood,
        Act::Redirect(302, "http://elsewhere.example/".to_owned()),
    ] {
        let server = TestServer::with(capabilities, Act::Well, [Act::Well]);
        enrol(&server, settings(&server)).await.unwrap();
        assert_eq!(server.seen()[2].method, "GET", "no capability, so no POST");
    }
}

// R-4.3-10
#[tokio::test]
async fn an_answer_beyond_bounds_ends_the_enrolment_at_once() {
    let server = TestServer::start([Act::Flood]);
    let ended = enrol(&server, settings(&server)).await.unwrap_err();
    assert_eq!(failure(&ended), Failure::TooLarge { limit: MAX_MESSAGE });
    assert_eq!(server.messages(), 1);

    let server = TestServer::with(Act::Well, Act::Flood, []);
    let ended = client(&server.url).ca_certificates(None).await.unwrap_err();
    assert_eq!(failure(&ended), Failure::TooLarge { limit: MAX_MESSAGE });
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_message() {
    let server = TestServer::start([Act::BreakOff, Act::BreakOffInside, Act::Well]);
    let key = key("rsa2048-device");
    let mut retries = 0;
    let progress = |progress| match progress {
        Progress::Unanswered { .. } => retries += 1,
        other => panic!("unexpected {other:?}"),
    };
    client(&server.url).enrol(settings(&server), &identity(&key), progress).await.unwrap();
    assert_eq!(retries, 2);
    let messages: Vec<_> = server.seen().into_iter().filter(|seen| seen.has_message()).collect();
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| message.body == messages[0].body));
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_the_error() {
    let server = TestServer::start([Act::BreakOff]);
    let mut settings = settings(&server);
    settings.retries.attempts = 2;
    let ended = enrol(&server, settings).await.unwrap_err();
    assert_eq!(failure(&ended), Failure::Interrupted);
    assert_eq!(server.messages(), 2);
}

#[tokio::test]
async fn nobody_listening_is_said_in_so_many_words() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let key = key("rsa2048-device");
    let url = format!("http://{unused}/scep?tenant=of-importance");
    let settings = EnrolmentSettings::new(CaTrust::Ask);
    let ended = client(&url).enrol(settings, &identity(&key), |_| ()).await.unwrap_err();
    assert_eq!(failure(&ended), Failure::Connect);
    let text = ended.to_string();
    assert!(text.starts_with("cannot connect: ") && text.contains("refused"), "{text}");
    assert!(!text.contains("of-importance"), "URLs may hold what a log should not");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_on() {
    let server = TestServer::with(Act::Hang, Act::Hang, []);
    let http = HttpSettings {
        timeout: Duration::from_millis(200),
        proxy: Proxy::Direct,
        ..HttpSettings::default()
    };
    let client = Client::with_http(&server.url, provider(), &http).unwrap();
    let ended = client.capabilities().await.unwrap_err();
    assert_eq!(failure(&ended), Failure::Timeout);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = TestServer::start([Act::Well]);
    let to = format!("{}?operation=GetCACert", elsewhere.url);
    let server = TestServer::with(Act::Well, Act::Redirect(301, to.clone()), []);
    let ended = enrol(&server, settings(&server)).await.unwrap_err();
    assert_eq!(ended, Error::Redirected { status: 301, location: Some(to) });
    assert!(elsewhere.seen().is_empty());

    let server = TestServer::start([Act::Redirect(307, elsewhere.url.clone())]);
    let ended = enrol(&server, settings(&server)).await.unwrap_err();
    let location = Some(elsewhere.url.clone());
    assert_eq!(ended, Error::Redirected { status: 307, location });
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn an_http_error_is_an_http_error() {
    let server = TestServer::with(Act::Http(500, b"oops".to_vec()), Act::Well, []);
    let ended = client(&server.url).capabilities().await.unwrap_err();
    assert_eq!(http_status(&ended), 500);

    let server = TestServer::start([Act::Http(404, b"<html>".to_vec())]);
    let ended = enrol(&server, settings(&server)).await.unwrap_err();
    assert_eq!(http_status(&ended), 404);
}

// R-3.5.2-09, R-4.2.1-01
#[tokio::test]
async fn what_an_answer_is_its_content_says_not_its_type() {
    // The test server calls everything text/html.
    let server = TestServer::start([Act::Well]);
    let capabilities = client(&server.url).capabilities().await.unwrap();
    assert!(capabilities.contains(scep_proto::Capabilities::SCEP_STANDARD));
    let ca = client(&server.url).ca_certificates(None).await.unwrap();
    assert_eq!(ca.certificates(), [server.pki.ca.clone(), server.pki.ra.clone()]);
}
