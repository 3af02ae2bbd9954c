//! RSA work is bounded, and done elsewhere than on the runtime's own threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use http::{Method, Request};
use scep_server::{EndpointConfig, Execution, RecipientKey, WorkerPool};
use tower::ServiceExt as _;

use crate::support::device::{Device, granted};
use crate::support::faults::BlockingKey;
use crate::support::key;
use crate::support::server::{PASSWORD, Server};

#[tokio::test]
async fn when_the_queue_is_full_a_request_is_told_to_come_again_before_any_rsa_work() {
    let (blocking, at_work, release) = BlockingKey::new(key("rsa2048-ra"));
    let server = Arc::new(Server::with_password(|config| {
        open_with(config, blocking);
        config.host.execution = Execution::Pool(WorkerPool::new(NonZeroUsize::MIN, 0));
    }));
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&server);
    let first = tokio::spawn({
        let (server, message) = (server.clone(), sent.message.clone());
        async move { server.post(message).await }
    });
    let worker = wait(&at_work).await;
    assert_ne!(worker, std::thread::current().id());
    let second = server.post(Device::new("tablet").challenge(PASSWORD).ask(&server).message).await;
    assert_eq!(second.status, 503);
    assert!(second.header("retry-after").is_some());
    assert_eq!(server.last().reason, Some("overloaded"));
    assert!(at_work.try_recv().is_err(), "no key was used for it");
    // What needs no key is served all the same.
    assert_eq!(server.get("/scep?operation=GetCACaps").await.status, 200);
    release.send(()).unwrap();
    granted(device.read(&server, &sent, &first.await.unwrap()));
}

#[tokio::test]
async fn a_queue_holds_as_many_as_it_is_told_to() {
    let (blocking, at_work, release) = BlockingKey::new(key("rsa2048-ra"));
    let server = Arc::new(Server::with_password(|config| {
        open_with(config, blocking);
        config.host.execution = Execution::Pool(WorkerPool::new(NonZeroUsize::MIN, 2));
    }));
    let requests: Vec<_> = (0..4)
        .map(|number| {
            let device = Device::new("phone").transaction(&number.to_string()).challenge(PASSWORD);
            let (server, message) = (server.clone(), device.ask(&server).message);
            tokio::spawn(async move { server.post(message).await.status.as_u16() })
        })
        .collect();
    wait(&at_work).await;
    (0..4).for_each(|_| release.send(()).unwrap());
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 503]);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_what_it_began() {
    let (blocking, at_work, release) = BlockingKey::new(key("rsa2048-ra"));
    let server = Server::with_password(|config| {
        open_with(config, blocking);
        config.host.execution = Execution::default();
    });
    let message = Device::new("phone").challenge(PASSWORD).ask(&server).message;
    let request = Request::builder().method(Method::POST).uri("/scep");
    let request = request.body(axum::body::Body::from(message)).unwrap();
    let answer = tokio::spawn(server.router().oneshot(request));
    wait(&at_work).await;
    answer.abort();
    release.send(()).unwrap();
    for _ in 0..1000 {
        if server.certificates() == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nothing was issued");
}

#[tokio::test]
async fn a_pool_closes_once_what_was_begun_is_done_even_for_a_client_that_went_away() {
    let (blocking, at_work, release) = BlockingKey::new(key("rsa2048-ra"));
    let pool = WorkerPool::new(NonZeroUsize::MIN, 8);
    let server = Server::with_password(|config| {
        open_with(config, blocking);
        config.host.execution = Execution::Pool(pool.clone());
    });
    let message = Device::new("phone").challenge(PASSWORD).ask(&server).message;
    let request = Request::builder().method(Method::POST).uri("/scep");
    let request = request.body(axum::body::Body::from(message.clone())).unwrap();
    let answer = tokio::spawn(server.router().oneshot(request));
    wait(&at_work).await;
    answer.abort();
    let closing = tokio::spawn(async move { pool.close().await });
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), async {
        while !closing.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(early.await.is_err(), "the request is still at work");
    assert_eq!(server.post(message.clone()).await.status, 503, "no more are taken");
    release.send(()).unwrap();
    closing.await.unwrap();
    assert_eq!(server.certificates(), 1);
    assert_eq!(server.post(message).await.status, 503, "nor afterwards");
}

fn open_with(config: &mut EndpointConfig, key: Arc<BlockingKey>) {
    let certificate = config.authority.ra.certificate.clone();
    config.authority.ra.recipients = vec![RecipientKey { certificate, key }];
}

/// Waits for a blocking thread without blocking this one.
async fn wait<T>(receiver: &std::sync::mpsc::Receiver<T>) -> T {
    for _ in 0..1000 {
        if let Ok(value) = receiver.try_recv() {
            return value;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nobody came");
}
