//! A router that is replaced while it serves.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use scep_server::{HotRouter, RecipientKey};
use tower::ServiceExt as _;

use crate::support::device::{Device, granted};
use crate::support::faults::BlockingKey;
use crate::support::key;
use crate::support::server::{Answer, PASSWORD, Server, static_password};

async fn get(router: axum::Router, target: &str) -> StatusCode {
    let request = Request::get(target).body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn a_router_that_was_replaced_serves_no_new_request() {
    let first = Server::new(static_password());
    let second = Server::with_password(|config| config.path = "/other".to_owned());
    let hot = HotRouter::new(first.router());
    let router = hot.to_router(); // is served on, by any number of connections
    assert_eq!(get(router.clone(), "/scep?operation=GetCACaps").await, StatusCode::OK);
    assert_eq!(get(router.clone(), "/other?operation=GetCACaps").await, StatusCode::NOT_FOUND);
    hot.replace(second.router());
    assert_eq!(get(router.clone(), "/scep?operation=GetCACaps").await, StatusCode::NOT_FOUND);
    assert_eq!(get(router, "/other?operation=GetCACaps").await, StatusCode::OK);
}

#[tokio::test]
async fn a_request_ends_with_the_endpoint_it_began_with() {
    let (blocking, at_work, release) = BlockingKey::new(key("rsa2048-ra"));
    let first = Server::with_password(|config| {
        let certificate = config.authority.ra.certificate.clone();
        config.authority.ra.recipients = vec![RecipientKey { certificate, key: blocking }];
        config.host.execution = scep_server::Execution::default();
    });
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&first);
    let hot = HotRouter::new(first.router());
    let request = Request::post("/scep?operation=PKIOperation");
    let request = request.body(Body::from(sent.message.clone())).unwrap();
    let answer = tokio::spawn(hot.to_router().oneshot(request));
    while at_work.try_recv().is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    hot.replace(axum::Router::new()); // with which nothing could be answered
    release.send(()).unwrap();
    let (parts, body) = answer.await.unwrap().unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let answer = Answer { status: parts.status, headers: parts.headers, body };
    granted(device.read(&first, &sent, &answer));
    assert_eq!(get(hot.to_router(), "/scep?operation=GetCACaps").await, StatusCode::NOT_FOUND);
}
