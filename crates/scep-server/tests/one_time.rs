//! One-time passwords: each one makes one certificate, for whom it was made, and tells a stranger nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scep_proto::FailInfo;
use scep_server::{
    DeviceAllowance, Error, MintedPassword, Misconfigured, Mode, OneTimePasswords, PasswordOrder,
    RenewalPolicy, Signing,
};
use scep_store::{
    BoundName, Capacity, MemoryStore, Operator, PasswordBinding, StoreError, Withdrawn,
};
use scep_types::{
    CryptoError, CryptoProvider, Digest, DigestAlgorithm, DigestProvider, SigningKey as _, oid,
};

use crate::config::defect;
use crate::support::device::{Device, granted, refused};
use crate::support::faults::{FailingKey, FailingStore, Verb};
use crate::support::forge::attributes_of;
use crate::support::server::{Server, static_password};
use crate::support::{DAY, MINUTE, NOW, key, provider};

pub(crate) fn one_time() -> Mode {
    Mode::OneTimePassword(OneTimePasswords::default())
}

fn settings(change: impl FnOnce(&mut OneTimePasswords)) -> Mode {
    let mut settings = OneTimePasswords::default();
    change(&mut settings);
    Mode::OneTimePassword(settings)
}

pub(crate) fn order() -> PasswordOrder {
    PasswordOrder::new(Operator::new("ann").unwrap())
}

fn bound(names: Vec<BoundName>) -> PasswordOrder {
    let mut order = order();
    order.binding = PasswordBinding::new(names).unwrap();
    order
}

pub(crate) async fn mint(server: &Server) -> MintedPassword {
    server.endpoint.mint_password(order(), NOW).await.unwrap()
}

/// A device that presents this password.
fn device(name: &str, minted: &MintedPassword) -> Device {
    Device::new(name).challenge(minted.password.expose())
}

/// Another device, with a key of its own.
fn other_device(name: &str, minted: &MintedPassword) -> Device {
    Device::with_key(name, key("rsa2048-device2")).challenge(minted.password.expose())
}

/// Two devices ask at once; the loser is refused, or told to come again while the winner is at work.
pub(crate) async fn race(server: &Arc<Server>, racers: [Device; 2], round: usize) {
    let racers = racers.into_iter().enumerate().map(|(number, device)| {
        let (server, device) = (server.clone(), device.transaction(&format!("{round}-{number}")));
        tokio::spawn(async move { server.post(device.ask(&server).message).await.status })
    });
    for racer in racers.collect::<Vec<_>>() {
        assert!([200, 503].contains(&racer.await.unwrap().as_u16()));
    }
}

// R-7.3-01
#[tokio::test]
async fn a_password_is_random_printable_and_short_enough_for_every_client() {
    let server = Server::new(one_time());
    let (one, other) = (mint(&server).await, mint(&server).await);
    assert_ne!(one.password, other.password);
    for minted in [&one, &other] {
        let text = minted.password.expose();
        assert_eq!(text.len(), 32, "Jamf takes no more");
        assert!(text.bytes().all(|octet| b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ".contains(&octet)));
        assert_eq!(minted.facts.id.as_str(), &text[..6]);
        assert_eq!(minted.facts.expires, NOW.plus(MINUTE * 60));
        assert_eq!(minted.facts.minted_by.as_str(), "ann");
        let shown = format!("{minted:?} {:?}", server.store);
        assert!(!shown.contains(&text[6..]), "{shown}");
    }
    assert_eq!(server.endpoint.passwords(NOW).await.unwrap(), [one.facts, other.facts]);
}

// R-2.4-02
#[tokio::test]
async fn a_password_makes_one_certificate_and_the_same_csr_gets_it_again() {
    let server = Server::new(one_time());
    let minted = mint(&server).await;
    let phone = device("phone", &minted);
    let csr = phone.csr();
    let first = granted(phone.send(&server, &phone.ask_with(&server, &csr)).await);
    assert_eq!(server.last().basis, Some("one_time_password"));
    let lost = granted(phone.send(&server, &phone.ask_with(&server, &csr)).await);
    let again = phone.clone().transaction("again");
    let renumbered = granted(again.send(&server, &again.ask_with(&server, &csr)).await);
    assert_eq!((lost.der(), renumbered.der()), (first.der(), first.der()));

    assert_eq!(
        refused(other_device("phone", &minted).transaction("2").enrol(&server).await),
        FailInfo::BAD_REQUEST
    );
    assert_eq!(server.last().reason, Some("replay"));
    assert_eq!((server.certificates(), server.challenges()), (1, 1));
    assert_eq!(server.endpoint.passwords(NOW).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_devices_that_race_for_a_password_get_one_certificate() {
    let server = Arc::new(Server::with(one_time(), |config| {
        config.host.execution = scep_server::Execution::default();
    }));
    for round in 0..5 {
        let minted = mint(&server).await;
        race(&server, [device("phone", &minted), other_device("tablet", &minted)], round).await;
        assert_eq!(server.certificates(), round + 1);
    }
}

// R-2.4-09
#[tokio::test]
async fn whatever_is_wrong_with_a_password_the_answer_is_the_same() {
    let server = Server::new(one_time());
    let good = mint(&server).await;
    let withdrawn = mint(&server).await;
    let gone = server.endpoint.withdraw_password(&withdrawn.facts.id, NOW).await;
    assert_eq!(gone, Ok(Withdrawn::Now));
    let bound_to = bound(vec![BoundName::CommonName("tablet".into())]);
    let bound_to = server.endpoint.mint_password(bound_to, NOW).await.unwrap();
    let elsewhere =
        Server::on_store(server.store.clone(), one_time(), |config| config.name = "other".into());
    let foreign = mint(&elsewhere).await;
    let mut short = order();
    short.lifetime = Some(MINUTE);
    let expired = server.endpoint.mint_password(short, NOW).await.unwrap();
    server.clock.advance(MINUTE);

    let text = good.password.expose();
    let near =
        |text: &str| format!("{}{}", &text[..31], if text.ends_with('2') { '3' } else { '2' });
    let mut answers = Vec::new();
    for wrong in [
        None,
        Some("x".to_owned()),
        Some("é".repeat(40)),
        Some(text[..6].to_owned()),
        Some(near(text)),
        Some(text.to_lowercase()),
        Some(format!("222222{}", &text[6..])),
        Some(expired.password.expose().to_owned()),
        Some(withdrawn.password.expose().to_owned()),
        Some(foreign.password.expose().to_owned()),
        Some(bound_to.password.expose().to_owned()),
    ] {
        let mut phone = Device::new("phone").transaction("same");
        phone.challenge = wrong.map(scep_types::Secret::new);
        let sent = phone.ask(&server);
        let answer = server.post(sent.message.clone()).await;
        assert_eq!(refused(phone.read(&server, &sent, &answer)), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("password"));
        let fixed = |oid| ![oid::SENDER_NONCE, oid::RECIPIENT_NONCE].contains(&oid);
        let attributes = attributes_of(&answer.body).into_iter().filter(|(oid, _)| fixed(*oid));
        answers.push(attributes.collect::<Vec<_>>());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((server.certificates(), server.challenges()), (0, 0));
    granted(device("phone", &good).enrol(&server).await);
}

/// Octets that were digested.
static DIGESTED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

impl DigestProvider for Counting {
    fn digest(&self, algorithm: DigestAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        DIGESTED.fetch_add(data.len(), Ordering::SeqCst);
        provider().digest.digest(algorithm, data)
    }
}

#[tokio::test]
async fn whether_a_password_exists_does_not_show_in_the_work() {
    let server = Server::with(one_time(), |config| {
        config.host.provider = CryptoProvider { digest: &Counting, ..provider() };
    });
    let minted = mint(&server).await;
    let secret = &minted.password.expose()[6..];
    let unknown = if minted.facts.id.as_str() == "222222" { "333333" } else { "222222" };
    let mut work = Vec::new();
    for wrong in [format!("{unknown}{secret}"), format!("{}{}", minted.facts.id, "2".repeat(26))] {
        let sent = Device::new("phone").challenge(wrong).ask(&server);
        DIGESTED.store(0, Ordering::SeqCst);
        server.post(sent.message).await;
        assert_eq!(server.last().reason, Some("password"));
        work.push(DIGESTED.load(Ordering::SeqCst));
    }
    assert!(work[0] > 0 && work[0] == work[1], "{work:?}");
}

#[tokio::test]
async fn a_bound_password_is_for_its_names_neither_more_nor_fewer() {
    let server = Server::new(one_time());
    let names = ["phone.example", "other.example"];
    let order = bound(vec![
        BoundName::CommonName("phone".into()),
        BoundName::Dns(names[0].into()),
        BoundName::Dns(names[1].into()),
    ]);
    let minted = server.endpoint.mint_password(order, NOW).await.unwrap();
    for wrong in [
        device("phone", &minted),
        device("phone", &minted).dns(&names[..1]),
        device("phone", &minted).dns(&[names[0], names[1], "third.example"]),
        device("tablet", &minted).dns(&names),
    ] {
        assert_eq!(refused(wrong.enrol(&server).await), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("password"));
    }
    assert_eq!(server.challenges(), 0, "nothing is burnt");
    granted(device("phone", &minted).dns(&[names[1], names[0]]).enrol(&server).await);
    assert_eq!(server.last().device.as_deref(), Some("phone"));
}

#[tokio::test]
async fn a_device_that_passwords_are_bound_to_gets_as_many_as_it_may() {
    let server = Server::with(one_time(), |config| {
        config.device_allowance = Some(DeviceAllowance { certificates: 1, window: DAY });
    });
    for (position, expected) in [Some("issued"), Some("refused")].into_iter().enumerate() {
        let order = bound(vec![BoundName::CommonName("phone".into())]);
        let minted = server.endpoint.mint_password(order, NOW).await.unwrap();
        let device = device("phone", &minted).transaction(&format!("{position}"));
        server.post(device.ask(&server).message).await;
        assert_eq!(Some(server.last().outcome), expected);
    }
    assert_eq!(server.last().reason, Some("rate_limited"));
}

// R-3.1-04
#[tokio::test]
async fn a_device_whose_key_cannot_decrypt_is_answered_by_its_password() {
    let server = Server::new(one_time());
    let minted = mint(&server).await;
    let tablet = Device::with_key("tablet", key("p256-device")).challenge(minted.password.expose());
    assert_eq!(granted(tablet.enrol(&server).await).spki(), tablet.key.spki());
}

#[tokio::test]
async fn what_was_answered_is_answered_again_after_expiry_and_nothing_else_is() {
    let server = Server::new(settings(|settings| settings.lifetime = MINUTE));
    let (used, unused) = (mint(&server).await, mint(&server).await);
    let phone = device("phone", &used);
    let sent = phone.ask(&server);
    let first = granted(phone.send(&server, &sent).await);
    server.clock.advance(MINUTE * 2);
    assert_eq!(granted(phone.send(&server, &sent).await).der(), first.der());
    refused(other_device("phone", &used).transaction("2").enrol(&server).await);
    refused(other_device("phone", &unused).transaction("3").enrol(&server).await);
    assert_eq!(server.certificates(), 1);
}

// R-2.4-03
#[tokio::test]
async fn a_failure_before_the_commit_burns_no_password() {
    let failing = FailingKey::new(key("rsa2048-ca"));
    let server = Server::with(one_time(), |config| {
        config.authority.ca.signing = Signing::Local(failing.clone());
    });
    let minted = mint(&server).await;
    let answer = server.post(device("phone", &minted).ask(&server).message).await;
    assert_eq!((answer.status.as_u16(), server.certificates()), (503, 0));
    failing.recover();
    granted(other_device("tablet", &minted).enrol(&server).await);
    assert_eq!(server.certificates(), 1);
}

#[tokio::test]
async fn while_the_store_does_not_answer_nobody_is_refused_or_let_in() {
    let memory = Arc::new(MemoryStore::default());
    let store = FailingStore::new(memory.clone(), Verb::Password);
    let server = Server::on_store(memory, one_time(), |config| config.host.store = store.clone());
    let minted = mint(&server).await;
    let phone = device("phone", &minted);
    assert_eq!(server.post(phone.ask(&server).message).await.status, 503);
    assert_eq!((server.last().reason, server.certificates()), (Some("store"), 0));
    store.recover();
    granted(phone.enrol(&server).await);
}

#[tokio::test]
async fn a_renewal_needs_no_password_where_renewal_is_allowed() {
    let renewing = Server::with(one_time(), |config| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
    });
    let minted = mint(&renewing).await;
    let phone = device("phone", &minted);
    let first = granted(phone.enrol(&renewing).await);
    granted(phone.renewing(&first, "rsa2048-device2").enrol(&renewing).await);
    assert_eq!(renewing.last().basis, Some("renewal"));

    let strict = Server::new(one_time());
    let phone = device("phone", &mint(&strict).await);
    let first = granted(phone.enrol(&strict).await);
    refused(phone.renewing(&first, "rsa2048-device2").enrol(&strict).await);
}

#[tokio::test]
async fn as_many_as_may_wait_are_made_and_no_more() {
    let server = Server::new(settings(|settings| settings.most = 1));
    let first = mint(&server).await;
    let refused = server.endpoint.mint_password(order(), NOW).await;
    let full = StoreError::Full { what: Capacity::LivePasswords, limit: 1 };
    assert_eq!(refused.err(), Some(Error::Store(full)));
    granted(device("phone", &first).enrol(&server).await);
    mint(&server).await;
}

#[tokio::test]
async fn an_endpoint_of_another_mode_makes_none() {
    let server = Server::new(static_password());
    let none = Some(Error::Misconfigured(Misconfigured::NotOneTime));
    assert_eq!(server.endpoint.mint_password(order(), NOW).await.err(), none);
    assert_eq!(server.endpoint.passwords(NOW).await.err(), none);
}

#[tokio::test]
async fn lifetimes_and_numbers_have_bounds() {
    for lifetime in [Duration::ZERO, DAY * 30 + Duration::from_secs(1)] {
        let mode = settings(|settings| settings.lifetime = lifetime);
        let expected = Misconfigured::PasswordLifetime { lifetime };
        assert_eq!(defect(|config| config.mode = mode), expected);
        let mut long = order();
        long.lifetime = Some(lifetime);
        let refused = Server::new(one_time()).endpoint.mint_password(long, NOW).await;
        assert_eq!(refused.err(), Some(Error::Misconfigured(expected)));
    }
    for most in [0, 2_001] {
        let mode = settings(|settings| settings.most = most);
        assert_eq!(defect(|config| config.mode = mode), Misconfigured::PasswordCount { most });
    }
}
