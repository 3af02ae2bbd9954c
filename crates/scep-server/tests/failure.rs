//! What fails halfway burns nothing, and what was not recorded does not leave.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use scep_server::{EndpointConfig, Execution, RenewalPolicy, Signing, WorkerPool};
use scep_store::MemoryStore;
use scep_types::{CryptoError, SecureRandom};

use crate::support::device::{Device, MessageKind, challenged, granted};
use crate::support::faults::{BadSigner, BlockingKey, FailingKey, FailingStore, Fronted, Verb};
use crate::support::server::{PASSWORD, Server, challenge, signed};
use crate::support::{key, pki};

// R-2.4-03
#[tokio::test]
async fn a_failed_issuance_burns_nothing() {
    let failing = FailingKey::new(key("rsa2048-ca"));
    let server = Server::with(signed(), |config| {
        config.authority.ca.signing = Signing::Local(failing.clone());
    });
    let device = challenged("phone", "n1");
    assert_come_again(&server, &device, "signer").await;
    assert_eq!(server.certificates(), 0);
    failing.recover();
    // Not even the challenge: another CSR may use it.
    let other = Device::with_key("phone", key("rsa2048-device2")).transaction("other");
    granted(other.challenge(challenge("phone", &[], "n1").expose()).enrol(&server).await);
    assert_eq!((server.certificates(), server.challenges()), (1, 1));
}

#[tokio::test]
async fn a_remote_key_issues_and_answers() {
    let (ca, ra) = (FailingKey::new(key("rsa2048-ca")), FailingKey::new(key("rsa2048-ra")));
    let server = Server::with(signed(), |config| {
        config.authority.ca.signing = Signing::Remote(ca.clone());
        config.authority.ra.signing = Signing::Remote(ra.clone());
        config.host.execution = Execution::default();
    });
    ra.recover();
    let device = challenged("phone", "n1");
    assert_come_again(&server, &device, "signer").await;
    ca.recover();
    granted(device.enrol(&server).await);
    assert_eq!((ca.signed.load(Ordering::SeqCst), ra.signed.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn what_a_remote_key_answers_is_verified_before_it_is_recorded() {
    let server = Server::with(signed(), |config| {
        let liar = BadSigner::Lies(key("rsa2048-ca"));
        config.authority.ca.signing = Signing::Remote(Arc::new(liar));
    });
    let answer = server.post(challenged("phone", "n1").ask(&server).message).await;
    assert_eq!(answer.status, 500);
    assert_eq!((server.last().outcome, server.certificates()), ("broken", 0));
}

#[tokio::test(start_paused = true)]
async fn a_remote_key_that_hangs_is_given_up_when_the_lease_is_over() {
    let server = Server::with(signed(), |config| {
        let hanging = BadSigner::Hangs(key("rsa2048-ca"));
        config.authority.ca.signing = Signing::Remote(Arc::new(hanging));
        config.lease = Duration::from_secs(7);
    });
    let started = tokio::time::Instant::now();
    assert_come_again(&server, &challenged("phone", "n1"), "signer").await;
    assert_eq!(started.elapsed().as_secs(), 7);
    assert_eq!(server.certificates(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_outlives_its_lease_is_not_committed() {
    let (blocking, at_work, release) = BlockingKey::new(key("rsa2048-ca"));
    let server = Arc::new(Server::with(signed(), |config| {
        config.authority.ca.signing = Signing::Local(blocking);
        config.host.execution = Execution::Pool(WorkerPool::new(NonZeroUsize::MIN, 0));
        config.lease = Duration::from_secs(7);
    }));
    let device = challenged("phone", "n1");
    let message = device.ask(&server).message;
    let late = tokio::spawn({
        let server = server.clone();
        async move { server.post(message).await }
    });
    while at_work.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(Duration::from_secs(8)).await;
    server.clock.advance(Duration::from_secs(8));
    release.send(()).unwrap();
    assert_eq!(late.await.unwrap().status, 503);
    assert_eq!(server.certificates(), 0);
    release.send(()).unwrap();
    granted(device.enrol(&server).await);
}

// R-5.2-03
#[tokio::test]
async fn a_certificate_whose_answer_was_not_signed_is_had_by_asking_again() {
    let failing = FailingKey::new(key("rsa2048-ra"));
    let server = Server::with(signed(), |config| {
        config.authority.ra.signing = Signing::Local(failing.clone());
    });
    let device = challenged("phone", "n1");
    let sent = device.ask(&server);
    let answer = server.post(sent.message.clone()).await;
    assert_eq!((answer.status.as_u16(), server.last().outcome), (503, "issued"));
    failing.recover();
    granted(device.send(&server, &sent).await);
    assert_eq!((server.last().outcome, server.certificates()), ("repeated", 1));
}

#[tokio::test]
async fn a_certificate_that_was_not_recorded_does_not_leave() {
    let (server, store) = on_failing_store(Verb::Commit);
    let device = challenged("phone", "n1");
    assert_come_again(&server, &device, "store").await;
    store.recover();
    // Whether it was recorded is unknown, so the reservation stands until its lease is over.
    assert_come_again(&server, &device, "busy").await;
    server.clock.advance(Duration::from_secs(31));
    granted(device.enrol(&server).await);
}

#[tokio::test]
async fn a_store_that_does_not_answer_issues_nothing() {
    let (server, store) = on_failing_store(Verb::Begin);
    let device = challenged("phone", "n1");
    assert_come_again(&server, &device, "store").await;
    store.recover();
    granted(device.enrol(&server).await);
    // A refusal may have been an answer before: until the store says, it is none.
    let (server, _) = on_failing_store(Verb::Recall);
    assert_come_again(&server, &Device::new("phone"), "store").await;
    let (server, _) = on_failing_store(Verb::Poll);
    assert_come_again(&server, &Device::new("phone").message(MessageKind::Poll), "store").await;
}

#[tokio::test]
async fn a_renewal_is_not_judged_without_the_store() {
    let (server, store) = on_failing_store(Verb::CertificateBySerial);
    let old = granted(challenged("phone", "n1").enrol(&server).await);
    let renewal = challenged("phone", "n2").renewing(&old, "rsa2048-device2");
    for message in [MessageKind::Renew, MessageKind::Enrol] {
        assert_come_again(&server, &renewal.clone().message(message), "store").await;
    }
    store.recover();
    granted(renewal.enrol(&server).await);
}

#[tokio::test]
async fn a_reservation_that_cannot_be_released_ends_with_its_lease() {
    let failing = FailingKey::new(key("rsa2048-ca"));
    let (server, _) = on_failing_store_with(Verb::Release, |config| {
        config.authority.ca.signing = Signing::Local(failing.clone());
    });
    let device = challenged("phone", "n1");
    assert_come_again(&server, &device, "signer").await;
    failing.recover();
    assert_come_again(&server, &device, "busy").await;
    server.clock.advance(Duration::from_secs(31));
    granted(device.enrol(&server).await);
}

#[tokio::test]
async fn a_panic_in_a_key_is_an_error_of_the_server_and_no_more() {
    let failing = FailingKey::new(key("rsa2048-ca"));
    let server = Server::with_password(|config| {
        config.authority.ca.signing = Signing::Local(failing.clone());
        config.host.execution = Execution::Pool(WorkerPool::new(NonZeroUsize::MIN, 0));
    });
    failing.panicking.store(true, Ordering::SeqCst);
    let device = Device::new("phone").challenge(PASSWORD);
    let answer = server.post(device.ask(&server).message).await;
    assert_eq!((answer.status.as_u16(), server.last().reason), (500, Some("aborted")));
    failing.recover();
    granted(device.transaction("again").enrol(&server).await);
}

#[tokio::test]
async fn a_random_source_that_fails_stops_everything() {
    struct NoRandom;
    impl SecureRandom for NoRandom {
        fn fill(&self, _: &mut [u8]) -> Result<(), CryptoError> {
            Err(CryptoError::Unavailable)
        }
    }
    let server = Server::with_password(|config| config.host.provider.random = &NoRandom);
    let device = Device::new("phone").challenge(PASSWORD);
    assert_come_again(&server, &device, "signer").await;
    assert_eq!(server.certificates(), 0);
}

#[tokio::test]
async fn a_ca_that_has_expired_issues_nothing() {
    let server = Server::with_password(|config| {
        let ca = pki::Template { not_after: (2026, 12, 1), ..pki::Template::ca() };
        config.authority = pki::with_ra(&ca, &pki::Template::ra());
    });
    server.clock.advance(crate::support::DAY * 30);
    let answer = server.post(Device::new("phone").challenge(PASSWORD).ask(&server).message).await;
    assert_eq!((answer.status.as_u16(), server.last().reason), (500, Some("profile")));
    assert_eq!(server.certificates(), 0);
}

fn on_failing_store(verb: Verb) -> (Server, Arc<Fronted<FailingStore>>) {
    on_failing_store_with(verb, |_| ())
}

fn on_failing_store_with(
    verb: Verb,
    configure: impl FnOnce(&mut EndpointConfig),
) -> (Server, Arc<Fronted<FailingStore>>) {
    let memory = Arc::new(MemoryStore::new(Default::default()));
    let store = FailingStore::new(memory.clone(), verb);
    let server = Server::on_store(memory, signed(), |config| {
        config.host.store = store.clone();
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
        configure(config);
    });
    (server, store)
}

/// Nothing is decided: HTTP 503 with Retry-After.
async fn assert_come_again(server: &Server, device: &Device, reason: &str) {
    let answer = server.post(device.ask(server).message).await;
    assert_eq!((answer.status.as_u16(), server.last().reason), (503, Some(reason)));
    assert_eq!(server.last().outcome, "deferred");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
}
