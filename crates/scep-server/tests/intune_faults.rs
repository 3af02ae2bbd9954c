//! What fails after the service said yes: what the device gets, what the service is told, what a retry gets.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use scep_ca::{Profile, ProfileConfig, Profiles};
use scep_server::{EndpointConfig, Signing};
use scep_store::{MemoryStore, StoreLimits};

use crate::support::device::{Device, granted, refused};
use crate::support::faults::{BadSigner, FailingKey, FailingStore, Fronted, Verb};
use crate::support::intune::{Call, Intune, intune, opaque, unavailable};
use crate::support::server::Server;
use crate::support::{DAY, MINUTE, key};

fn phone() -> Device {
    Device::new("phone").challenge(opaque("for the phone"))
}

/// The HRESULT and the text of the one failure that was told.
fn told_failure(service: &Intune) -> (u32, String) {
    let failures = service.seen().into_iter().filter_map(|call| match call {
        Call::Failed { hresult, description, transaction } => {
            assert_eq!(transaction, "tx-phone");
            Some((hresult, description))
        }
        _ => None,
    });
    let [failure] = failures.collect::<Vec<_>>().try_into().unwrap();
    failure
}

#[tokio::test]
async fn what_the_profile_refuses_the_service_is_told() {
    let service = Intune::new();
    let server = Server::with(intune(&service), |config| {
        let mut profile = ProfileConfig::new(DAY);
        profile.subject_alt_names.keep = Vec::new();
        config.authority.profiles = Profiles::new(Profile::new(profile).unwrap());
    });
    refused(phone().dns(&["phone.example"]).enrol(&server).await);
    assert_eq!((server.last().reason, server.challenges()), (Some("profile"), 0));
    let (hresult, description) = told_failure(&service);
    assert_eq!(hresult, 0x8009_4012);
    assert!(description.starts_with("profile: ") && description.len() <= 255, "{description}");
    assert_eq!(service.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn a_ca_that_does_not_answer_is_told_and_the_device_comes_again() {
    let failing = FailingKey::new(key("rsa2048-ca"));
    let (service, server) =
        signing_with(|config| config.authority.ca.signing = Signing::Local(failing.clone()));
    come_again(&server, "signer").await;
    assert_eq!(told_failure(&service).0, 0x8007_06BA);
    assert_eq!((server.certificates(), server.challenges()), (0, 0));
    failing.recover();
    // What comes again after a failure was told is validated afresh.
    granted(phone().enrol(&server).await);
    assert_eq!(service.counts(), [2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_ca_that_hangs_lies_or_panics_is_told() {
    let hangs = Arc::new(BadSigner::Hangs(key("rsa2048-ca")));
    let (service, server) =
        signing_with(|config| config.authority.ca.signing = Signing::Remote(hangs));
    come_again(&server, "signer").await;
    assert_eq!(told_failure(&service).0, 0x8007_06BA);

    let lies = Arc::new(BadSigner::Lies(key("rsa2048-ca")));
    let (service, server) =
        signing_with(|config| config.authority.ca.signing = Signing::Remote(lies));
    assert_eq!(server.post(phone().ask(&server).message).await.status, 500);
    assert_eq!(told_failure(&service).0, 0x8000_FFFF);

    let panics = FailingKey::new(key("rsa2048-ca"));
    panics.panicking.store(true, Ordering::SeqCst);
    let (service, server) = signing_with(|config| {
        config.authority.ca.signing = Signing::Local(panics);
        config.host.execution = scep_server::Execution::default();
    });
    assert_eq!(server.post(phone().ask(&server).message).await.status, 500);
    assert_eq!(told_failure(&service).0, 0x8000_FFFF);
}

#[tokio::test]
async fn a_store_without_room_is_told_before_or_after_signing() {
    let no_room = |limit: fn(&mut StoreLimits)| {
        let mut limits = StoreLimits::in_memory();
        limit(&mut limits);
        Arc::new(MemoryStore::new(limits))
    };
    for limit in [
        (|limits| limits.certificates = 0) as fn(&mut StoreLimits),
        |limits| limits.challenges = 0,
        |limits| limits.notices = 0,
    ] {
        let service = Intune::new();
        let server = Server::on_store(no_room(limit), intune(&service), |_| ());
        come_again(&server, "store").await;
        assert_eq!(told_failure(&service).0, 0x8000_4005);
        assert_eq!((service.counts(), server.certificates()), ([1, 0, 1], 0));
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_issues_nothing_and_the_service_is_told_nothing() {
    for (verb, validations) in [(Verb::Recall, 0), (Verb::Begin, 1), (Verb::Commit, 1)] {
        let (service, server, store) = on_failing_store(verb);
        come_again(&server, "store").await;
        // Whether a commit took place is unknown, so neither a success nor a failure may be told.
        assert_eq!(service.counts(), [validations, 0, 0], "{verb:?}");
        store.recover();
        server.clock.advance(MINUTE);
        granted(phone().enrol(&server).await);
        assert_eq!((service.counts()[1], server.certificates()), (1, 1), "{verb:?}");
    }
}

#[tokio::test]
async fn a_notification_that_arrived_counts_although_the_store_does_not_learn_it() {
    let (service, server, store) = on_failing_store(Verb::SettleNotice);
    granted(phone().enrol(&server).await);
    store.recover();
    assert_eq!(service.counts(), [1, 1, 0]);
    // To the store it is still being sent: until its lease is over nobody sends it again, and nobody gets it.
    come_again(&server, "busy").await;
    server.clock.advance(MINUTE);
    granted(phone().enrol(&server).await);
    assert_eq!((service.counts(), server.certificates()), ([1, 2, 0], 1));
}

#[tokio::test]
async fn without_the_store_a_certificate_that_waits_waits_on() {
    let (service, server, store) = on_failing_store(Verb::ClaimNotice);
    service.notifications([unavailable()]);
    come_again(&server, "intune_notification").await;
    come_again(&server, "store").await;
    store.recover();
    granted(phone().enrol(&server).await);
    assert_eq!((service.counts(), server.certificates()), ([1, 2, 0], 1));
}

#[tokio::test]
async fn a_request_at_work_elsewhere_is_no_failure() {
    let failing = FailingKey::new(key("rsa2048-ca"));
    let service = Intune::new();
    let memory = Arc::new(MemoryStore::default());
    let store = FailingStore::new(memory.clone(), Verb::Release);
    let server = Server::on_store(memory, intune(&service), |config| {
        config.host.store = store;
        config.authority.ca.signing = Signing::Local(failing.clone());
    });
    come_again(&server, "signer").await;
    come_again(&server, "busy").await;
    assert_eq!(service.counts(), [2, 0, 1]);
}

fn signing_with(configure: impl FnOnce(&mut EndpointConfig)) -> (Arc<Intune>, Server) {
    let service = Intune::new();
    let server = Server::with(intune(&service), configure);
    (service, server)
}

fn on_failing_store(verb: Verb) -> (Arc<Intune>, Server, Arc<Fronted<FailingStore>>) {
    let memory = Arc::new(MemoryStore::default());
    let store = FailingStore::new(memory.clone(), verb);
    let service = Intune::new();
    let server = Server::on_store(memory, intune(&service), |config| {
        config.host.store = store.clone();
    });
    (service, server, store)
}

/// Nothing leaves: HTTP 503 with Retry-After.
async fn come_again(server: &Server, reason: &str) {
    let answer = server.post(phone().ask(server).message).await;
    assert_eq!((answer.status.as_u16(), server.last().reason), (503, Some(reason)));
    assert!(answer.header("retry-after").is_some());
}
