//! kill -9 between any two steps, then a restart on the same store: no notification is lost, none is sent for a
//! certificate that was not issued, there is no second certificate.

use std::sync::Arc;

use bytes::Bytes;
use scep_server::{IntuneMode, Mode, NotifyPolicy, OutboxWorker, Response};
use scep_store::MemoryStore;

use crate::support::crash::{Crash, Wire};
use crate::support::device::{Device, Sent, granted};
use crate::support::faults::FailingStore;
use crate::support::intune::{Intune, opaque, unavailable};
use crate::support::server::Server;
use crate::support::{MINUTE, NOW};

/// Where all of it happens: what outlives the process.
struct World {
    store: Arc<MemoryStore>,
    service: Arc<Intune>,
    policy: NotifyPolicy,
}

impl World {
    fn new(policy: NotifyPolicy) -> Self {
        Self { store: Arc::default(), service: Intune::new(), policy }
    }

    /// A process, from its start until it dies.
    fn process(&self, crash: &Arc<Crash>) -> Server {
        let wire = Wire { service: self.service.clone(), crash: crash.clone() };
        let mode = IntuneMode::new(Arc::new(wire)).with_notify(self.policy);
        let store = FailingStore::crashing(self.store.clone(), crash.clone());
        Server::on_store(self.store.clone(), Mode::Intune(Arc::new(mode)), |config| {
            config.host.store = store;
        })
    }

    fn certificates(&self) -> usize {
        self.store.usage().unwrap().certificates
    }

    /// What holds at any moment: at most one certificate, and nothing was told but of a recorded one.
    fn check(&self, step: usize) {
        let told = self.service.told();
        assert!(self.certificates() <= 1, "step {step}");
        assert!(told.is_empty() || self.certificates() == 1, "step {step}: told of {told:?}");
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "step {step}: {told:?}");
    }

    /// After a restart, the leases being over: the device asks once more, the worker works.
    async fn restart(&self, device: &Device, sent: &Sent, step: usize) {
        let server = self.process(&Crash::never());
        server.clock.advance(MINUTE * 3);
        let certificate = granted(device.send(&server, sent).await);
        if self.policy == NotifyPolicy::BeforeDelivery {
            assert!(!self.service.told().is_empty(), "step {step}: delivered before it was told");
        }
        worker(&server).run_once().await.unwrap();
        self.check(step);
        assert_eq!(self.certificates(), 1, "step {step}");
        assert_eq!(self.service.told().last(), Some(&certificate.serial_hex()), "step {step}");
        assert_eq!(self.store.usage().unwrap().notices, 0, "step {step}");
    }
}

fn phone() -> Device {
    Device::new("phone").challenge(opaque("for the phone"))
}

fn worker(server: &Server) -> OutboxWorker {
    OutboxWorker::new(&server.endpoint).unwrap().with_clock(server.clock.clone())
}

async fn handle(server: &Server, crash: &Crash, message: Bytes) -> Option<Response> {
    let now = scep_server::Clock::now(server.clock.as_ref());
    crash.survive(server.endpoint.handle(message, now)).await
}

/// Lets a request die at each of its steps in turn, until it gets through; tells how many there were.
async fn each_step(policy: NotifyPolicy, failed_before: usize) -> usize {
    for step in 0..100 {
        let (world, crash, device) = (World::new(policy), Crash::at(step), phone());
        let before = world.process(&Crash::never());
        let sent = device.ask(&before);
        for _ in 0..failed_before {
            world.service.notifications([unavailable()]);
            let response = before.endpoint.handle(sent.message.clone(), NOW).await;
            assert!(matches!(response, Response::ComeAgain { .. }));
        }
        let survived = handle(&world.process(&crash), &crash, sent.message.clone()).await;
        world.check(step);
        if policy == NotifyPolicy::BeforeDelivery && matches!(survived, Some(Response::Message(_)))
        {
            assert_eq!(world.service.told().len(), 1 + failed_before);
        }
        world.restart(&device, &sent, step).await;
        if survived.is_some() {
            return step;
        }
    }
    panic!("it never gets through");
}

#[tokio::test]
async fn a_request_may_die_between_any_two_steps() {
    // recall, validate, begin, commit, notify, settle: before and after each.
    assert_eq!(each_step(NotifyPolicy::BeforeDelivery, 0).await, 12);
    assert_eq!(each_step(NotifyPolicy::DeliverThenNotify, 0).await, 8);
}

#[tokio::test]
async fn a_retry_after_a_failed_notification_may_die_between_any_two_steps() {
    // recall, claim, notify, settle.
    assert_eq!(each_step(NotifyPolicy::BeforeDelivery, 1).await, 8);
}

#[tokio::test]
async fn a_worker_may_die_between_any_two_steps() {
    let mut steps = 0;
    for step in 0.. {
        let (world, crash, device) =
            (World::new(NotifyPolicy::DeliverThenNotify), Crash::at(step), phone());
        let before = world.process(&Crash::never());
        let sent = device.ask(&before);
        granted(device.send(&before, &sent).await);
        let dying = world.process(&crash);
        let survived = crash.survive(worker(&dying).run_once()).await;
        world.check(step);
        world.restart(&device, &sent, step).await;
        if survived.is_some() {
            steps = step;
            break;
        }
    }
    assert_eq!(steps, 6, "lease, notify, settle: before and after each");
}

#[tokio::test]
async fn a_failure_may_be_told_or_not_but_nothing_is_issued_for_it() {
    use crate::support::faults::FailingKey;
    use crate::support::key;
    use scep_server::Signing;
    for step in 0..20 {
        let (world, crash, device) =
            (World::new(NotifyPolicy::BeforeDelivery), Crash::at(step), phone());
        let wire = Wire { service: world.service.clone(), crash: crash.clone() };
        let store = FailingStore::crashing(world.store.clone(), crash.clone());
        let mode = Mode::Intune(Arc::new(IntuneMode::new(Arc::new(wire))));
        let server = Server::on_store(world.store.clone(), mode, |config| {
            config.host.store = store;
            config.authority.ca.signing = Signing::Local(FailingKey::new(key("rsa2048-ca")));
        });
        let sent = device.ask(&server);
        let survived = handle(&server, &crash, sent.message.clone()).await;
        assert_eq!((world.certificates(), world.service.told().len()), (0, 0));
        world.restart(&device, &sent, step).await;
        if survived.is_some() {
            assert_eq!((step, world.service.counts()), (10, [2, 1, 1]));
            return;
        }
    }
    panic!("it never gets through");
}
