//! The outbox worker: what was not told is told, once at a time, later and later, until it arrives.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use scep_server::{BackOff, Emptied, Endpoint, Error, Misconfigured, OutboxWorker};
use scep_store::EnrolmentStore as _;

use crate::support::device::{Device, granted};
use crate::support::intune::{
    Intune, delivering_first, denied, intune, misconfigured, opaque, unavailable, unavailable_for,
};
use crate::support::server::{Server, static_password};
use crate::support::{DAY, MINUTE};

fn device(name: &str) -> Device {
    Device::new(name).challenge(opaque(name))
}

fn worker(server: &Server) -> OutboxWorker {
    OutboxWorker::new(&server.endpoint).unwrap().with_clock(server.clock.clone())
}

/// What a round came to: delivered, postponed, given up.
fn counts(emptied: Emptied) -> [usize; 3] {
    [emptied.delivered, emptied.postponed, emptied.given_up]
}

async fn round(server: &Server) -> [usize; 3] {
    counts(worker(server).run_once().await.unwrap())
}

#[tokio::test]
async fn what_was_delivered_first_is_told_by_the_worker_once() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    let mut serials = Vec::new();
    for name in ["phone", "tablet"] {
        serials.push(granted(device(name).enrol(&server).await).serial_hex());
    }
    assert_eq!(round(&server).await, [2, 0, 0]);
    let mut told = service.told();
    told.sort();
    serials.sort();
    assert_eq!(told, serials);
    server.clock.advance(DAY);
    assert_eq!(round(&server).await, [0, 0, 0]);
    assert_eq!(server.store.usage().unwrap().notices, 0);
}

#[tokio::test]
async fn what_failed_is_told_later_and_later() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    granted(device("phone").enrol(&server).await);
    service.notifications([unavailable(), misconfigured(), unavailable()]);
    // The first attempt was the recorder's, so the waits are 10, 20 and 40 seconds, of which half is drawn by lot.
    for wait in [10, 20, 40] {
        assert_eq!(round(&server).await, [0, 1, 0]);
        server.clock.advance(Duration::from_secs(wait / 2 - 1));
        assert_eq!(round(&server).await, [0, 0, 0]);
        server.clock.advance(Duration::from_secs(wait / 2 + 2));
    }
    assert_eq!(round(&server).await, [1, 0, 0]);
    assert_eq!(service.told().len(), 4);
}

#[tokio::test]
async fn the_service_may_ask_for_more_time_than_the_back_off_gives() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    granted(device("phone").enrol(&server).await);
    service.notifications([unavailable_for(300)]);
    assert_eq!(round(&server).await, [0, 1, 0]);
    server.clock.advance(Duration::from_secs(299));
    assert_eq!(round(&server).await, [0, 0, 0]);
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(round(&server).await, [1, 0, 0]);
}

#[tokio::test]
async fn what_the_service_refuses_is_not_told_again() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    let phone = device("phone");
    let certificate = granted(phone.enrol(&server).await);
    service.notifications([denied("ChallengeExpired")]);
    assert_eq!(round(&server).await, [0, 0, 1]);
    server.clock.advance(MINUTE * 30);
    assert_eq!(round(&server).await, [0, 0, 0]);
    // It left before; the same request still gets it.
    assert_eq!(granted(phone.enrol(&server).await), certificate);
    assert_eq!((service.told().len(), server.store.usage().unwrap().notices), (1, 0));
}

#[tokio::test]
async fn a_certificate_that_is_kept_back_leaves_once_the_worker_told_of_it() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    service.notifications([unavailable()]);
    let phone = device("phone");
    let sent = phone.ask(&server);
    assert_eq!(server.post(sent.message.clone()).await.status, 503);
    server.clock.advance(MINUTE);
    assert_eq!(round(&server).await, [1, 0, 0]);
    granted(phone.send(&server, &sent).await);
    assert_eq!(service.counts(), [1, 2, 0]);
}

#[tokio::test]
async fn after_a_week_a_notification_is_given_up_and_its_certificate_never_leaves() {
    let service = Intune::new();
    let server = Server::with(intune(&service), |config| config.replay_window = DAY * 30);
    service.notifications([unavailable()]);
    let phone = device("phone");
    let sent = phone.ask(&server);
    assert_eq!(server.post(sent.message.clone()).await.status, 503);
    server.clock.advance(DAY * 7);
    assert_eq!(round(&server).await, [0, 0, 0]);
    crate::support::device::refused(phone.send(&server, &sent).await);
    assert_eq!(server.last().reason, Some("intune_notification"));
    assert_eq!((service.counts(), server.store.usage().unwrap().notices), ([1, 1, 0], 0));
}

#[tokio::test(start_paused = true)]
async fn workers_that_race_tell_of_each_certificate_once() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    for number in 0..24 {
        granted(device(&format!("d{number}")).enrol(&server).await);
    }
    *service.delay.lock().unwrap() = Duration::from_secs(3);
    let rounds: Vec<_> = (0..4)
        .map(|_| {
            let worker = worker(&server);
            tokio::spawn(async move { counts(worker.run_once().await.unwrap())[0] })
        })
        .collect();
    let mut delivered = 0;
    for round in rounds {
        delivered += round.await.unwrap();
    }
    let mut told = service.told();
    told.sort();
    told.dedup();
    assert_eq!((delivered, told.len(), service.told().len()), (24, 24, 24));
}

#[tokio::test(start_paused = true)]
async fn a_running_worker_is_woken_and_stops_when_what_is_on_its_way_arrived() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    *service.delay.lock().unwrap() = Duration::from_millis(700);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(worker(&server).run(async {
        let _ended = stopped.await;
    }));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let started = tokio::time::Instant::now();
    granted(device("phone").enrol(&server).await); // validated in 700 ms
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(service.counts(), [1, 1, 0], "woken, not by its interval");
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(started.elapsed().as_millis(), 1_400);
    assert_eq!(server.store.usage().unwrap().notices, 0);
}

#[tokio::test(start_paused = true)]
async fn a_worker_outlives_a_store_that_does_not_answer() {
    use crate::support::faults::{FailingStore, Verb};
    let service = Intune::new();
    let memory = Arc::new(scep_store::MemoryStore::default());
    let store = FailingStore::new(memory.clone(), Verb::LeaseNotices);
    let server = Server::on_store(memory, delivering_first(&service), |config| {
        config.host.store = store.clone();
    });
    granted(device("phone").enrol(&server).await);
    assert!(matches!(worker(&server).run_once().await, Err(Error::Store(_))));
    let running = tokio::spawn(worker(&server).run(std::future::pending()));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(service.told().len(), 0);
    store.recover();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(service.told().len(), 1);
    running.abort();
}

#[tokio::test]
async fn a_notification_is_sent_with_what_was_validated_even_to_a_later_process() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    let phone = device("phone").transaction("it's (readable)");
    let csr = phone.csr();
    granted(phone.send(&server, &phone.ask_with(&server, &csr)).await);
    let id = server.endpoint.id();
    let later = scep_server::Clock::now(server.clock.as_ref());
    let mut leased = server.store.lease_notices(id, 1, MINUTE, later).await.unwrap();
    assert_eq!(leased.remove(0).body.expose(), csr.der().as_ref());
    server.clock.advance(MINUTE);
    assert_eq!(round(&server).await, [1, 0, 0]);
    let transactions: Vec<_> = service
        .seen()
        .into_iter()
        .map(|call| match call {
            crate::support::intune::Call::Validate { transaction }
            | crate::support::intune::Call::Issued { transaction, .. } => transaction,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(transactions, ["it's (readable)", "it's (readable)"]);
}

#[test]
fn only_an_intune_endpoint_has_a_worker() {
    let server = Server::new(static_password());
    let endpoint: &Endpoint = &server.endpoint;
    let refused = OutboxWorker::new(endpoint).err();
    assert_eq!(refused, Some(Error::Misconfigured(Misconfigured::NotIntune)));
}

proptest! {
    #[test]
    fn the_back_off_doubles_up_to_its_most_and_half_of_it_is_drawn(
        attempt in 1..100_u32, lot: u32, first in 1..100_u64, most in 1..100_000_u64,
    ) {
        let (first, most) = (Duration::from_secs(first), Duration::from_secs(most));
        let back_off = BackOff { first, most };
        let whole = first.saturating_mul(1 << (attempt - 1).min(31)).min(most);
        let after = back_off.after(attempt, lot);
        prop_assert!(whole / 2 <= after && after <= whole);
        prop_assert_eq!(back_off.after(attempt, 0), whole / 2);
        prop_assert!(back_off.after(attempt + 1, lot) >= after);
    }
}
