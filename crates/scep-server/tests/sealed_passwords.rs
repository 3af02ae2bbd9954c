//! One-time passwords that requests are encrypted by, since no key of the CA or RA can decrypt.

use std::sync::Arc;
use std::time::Duration;

use scep_crypto::aws_lc_rs::Aes256GcmKey;
use scep_proto::FailInfo;
use scep_proto::client::{CertRep, Payload};
use scep_server::{
    EndpointConfig, Execution, MintedPassword, Misconfigured, Mode, OneTimePasswords, QueryPolicy,
    RenewalPolicy,
};
use scep_store::{
    BoundName, EnrolmentStore as _, MemoryStore, OneTimePassword, Operator, PasswordBinding,
    StoreLimits,
};
use scep_types::{SigningKey as _, oid};

use crate::config::defect;
use crate::one_time::{mint, one_time, order, race};
use crate::passwords::{elliptic_ca, openssl};
use crate::support::device::{Device, MessageKind, granted, refused};
use crate::support::faults::{FailingStore, Verb};
use crate::support::forge::{Forged, attributes_of, envelope_of};
use crate::support::pki::authority;
use crate::support::server::{Answer, PASSWORD, Server, manual, signed};
use crate::support::{DAY, MINUTE, NOW, key, provider};

pub(crate) fn sealed() -> Mode {
    sealed_by([7; 32], 16)
}

pub(crate) fn sealed_by(key: [u8; 32], most: usize) -> Mode {
    let key = Aes256GcmKey::new(&key).unwrap();
    let mut passwords = OneTimePasswords::sealed(Arc::new(key));
    passwords.most = most;
    Mode::OneTimePassword(passwords)
}

/// A server whose CA has a P-256 key and speaks for itself.
pub(crate) fn elliptic() -> Server {
    elliptic_with(sealed(), |_| ())
}

pub(crate) fn elliptic_with(mode: Mode, configure: impl FnOnce(&mut EndpointConfig)) -> Server {
    Server::with(mode, |config| {
        config.authority = elliptic_ca();
        configure(config);
    })
}

/// A device that can decrypt nothing, so that its answer comes by the password, too.
pub(crate) fn device(name: &str, minted: &MintedPassword) -> Device {
    Device::with_key(name, key("p256-device")).challenge(minted.password.expose())
}

/// Another one, with a key of its own.
fn other_device(name: &str, minted: &MintedPassword) -> Device {
    Device::with_key(name, key("p384-device")).challenge(minted.password.expose())
}

async fn waiting(server: &Server) -> usize {
    server.endpoint.passwords(NOW).await.unwrap().len()
}

/// What does not differ from answer to answer anyway.
fn seen(answer: &Answer) -> Vec<(oid::Oid, Vec<u8>)> {
    let fixed = |oid| ![oid::SENDER_NONCE, oid::RECIPIENT_NONCE].contains(&oid);
    attributes_of(&answer.body).into_iter().filter(|(oid, _)| fixed(*oid)).collect()
}

// R-2.4-02, R-3.1-03, R-3.1-04, R-3211-07, R-3211-08
#[tokio::test]
async fn a_ca_that_cannot_decrypt_makes_one_certificate_for_a_password() {
    let server = elliptic();
    let [first, minted, last] = [mint(&server).await, mint(&server).await, mint(&server).await];
    let phone = device("phone", &minted);
    let sent = phone.ask(&server);
    let certificate = granted(phone.send(&server, &sent).await);
    assert_eq!(certificate.spki(), phone.key.spki());
    assert!(server.ca().issued(&certificate, &provider()));
    assert_eq!(server.last().basis, Some("one_time_password"));
    let kept = server.endpoint.passwords(NOW).await.unwrap();
    assert_eq!(kept, [first.facts, last.facts]);

    let lost = granted(phone.send(&server, &sent).await);
    assert_eq!((lost.der(), server.certificates()), (certificate.der(), 1));
    for thief in [other_device("phone", &minted), other_device("tablet", &minted).transaction("t")]
    {
        server.post(thief.ask(&server).message).await;
        assert_eq!(
            (server.last().outcome, server.last().reason),
            ("refused", Some("undecipherable"))
        );
    }
    assert_eq!((server.certificates(), server.challenges()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_devices_that_race_for_a_sealed_password_get_one_certificate() {
    let server = Arc::new(elliptic_with(sealed(), |config| {
        config.host.execution = Execution::default();
    }));
    for round in 0..3 {
        let minted = mint(&server).await;
        race(&server, [device("phone", &minted), other_device("tablet", &minted)], round).await;
        assert_eq!(server.certificates(), round + 1);
    }
}

// R-2.4-09, R-3211-03
#[tokio::test]
async fn whichever_password_does_not_fit_and_whether_there_is_any_the_answer_is_the_same() {
    let server = elliptic();
    let message = |wrong: &str| Device::new("phone").challenge(wrong).ask(&server).message;
    server.clock.advance(MINUTE);
    let none = server.post(message("wrong")).await;
    server.clock.go_back(MINUTE);
    let mut short = order();
    short.lifetime = Some(MINUTE);
    let expired = server.endpoint.mint_password(short, NOW).await.unwrap();
    let (used, withdrawn) = (mint(&server).await, mint(&server).await);
    server.endpoint.withdraw_password(&withdrawn.facts.id, NOW).await.unwrap();
    granted(device("tablet", &used).enrol(&server).await);
    let elsewhere = Server::on_store(server.store.clone(), sealed(), |config| {
        config.authority = elliptic_ca();
        config.name = "other".to_owned();
    });
    let foreign = mint(&elsewhere).await;
    server.clock.advance(MINUTE);
    let live = mint(&server).await;
    let near = format!("{}2222", &live.password.expose()[..28]);
    let mut answers = vec![seen(&none)];
    let others = [&expired, &used, &withdrawn, &foreign].map(|minted| minted.password.expose());
    for wrong in others.into_iter().chain([&*near, PASSWORD, &live.password.expose()[..31]]) {
        answers.push(seen(&server.post(message(wrong)).await));
        assert_eq!(server.last().reason, Some("undecipherable"));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.certificates(), 1);
    granted(Device::new("phone").challenge(live.password.expose()).enrol(&server).await);
}

#[tokio::test]
async fn a_csr_uses_up_the_password_that_its_request_is_encrypted_by_and_no_other() {
    let server = elliptic_with(sealed(), |config| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: DAY };
    });
    let (own, others) = (mint(&server).await, mint(&server).await);
    let phone = device("phone", &own);
    for csr in [device("phone", &others).csr(), phone.clone().challenge("wrong").csr()] {
        let sent = phone.ask_with(&server, &csr);
        server.post(sent.message).await;
        assert_eq!((server.last().outcome, server.last().reason), ("refused", Some("password")));
    }
    let bare = Device { challenge: None, ..phone.clone() };
    server.post(phone.ask_with(&server, &bare.csr()).message).await;
    assert_eq!((server.last().outcome, server.last().reason), ("refused", Some("password")));
    assert_eq!((waiting(&server).await, server.certificates()), (2, 0));
    let old = granted(phone.enrol(&server).await);
    let renewal = phone.renewing(&old, "p384-device").challenge(others.password.expose());
    let sent = renewal.ask_with(&server, &renewal.clone().challenge("wrong").csr());
    server.post(sent.message).await;
    assert_eq!((server.last().outcome, server.last().reason), ("refused", Some("password")));
}

#[tokio::test]
async fn a_password_that_is_bound_opens_for_its_names_alone() {
    let server = elliptic();
    let mut order = order();
    order.binding = PasswordBinding::new(vec![BoundName::CommonName("phone".into())]).unwrap();
    let minted = server.endpoint.mint_password(order, NOW).await.unwrap();
    let tablet = device("tablet", &minted);
    assert_eq!(refused(tablet.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!((server.last().reason, waiting(&server).await), (Some("password"), 1));
    granted(device("phone", &minted).enrol(&server).await);
    assert_eq!(server.last().device.as_deref(), Some("phone"));
}

// R-3211-08
#[tokio::test]
async fn a_renewal_is_judged_by_its_certificate_and_uses_up_no_password() {
    let server = elliptic_with(sealed(), |config| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: DAY };
    });
    let (first, second) = (mint(&server).await, mint(&server).await);
    let phone = device("phone", &first);
    let old = granted(phone.enrol(&server).await);
    let renewal = phone.clone().renewing(&old, "p384-device").challenge(second.password.expose());
    let sent = renewal.ask(&server);
    let new = granted(renewal.send(&server, &sent).await);
    assert_eq!((new.spki(), server.last().basis), (renewal.key.spki(), Some("renewal")));
    assert_eq!(granted(renewal.send(&server, &sent).await).der(), new.der());
    assert_eq!((waiting(&server).await, server.certificates()), (1, 2));

    let used_up = phone.renewing(&old, "p256-anchor").challenge(first.password.expose());
    server.post(used_up.transaction("used").ask(&server).message).await;
    assert_eq!(server.last().reason, Some("undecipherable"));
    let strict = elliptic();
    let phone = device("phone", &mint(&strict).await);
    let old = granted(phone.enrol(&strict).await);
    let renewal =
        phone.renewing(&old, "p384-device").challenge(mint(&strict).await.password.expose());
    strict.post(renewal.ask(&strict).message).await;
    assert_eq!(strict.last().reason, Some("renewal"));
}

#[tokio::test]
async fn a_holder_asks_for_certificates_by_a_password_that_is_not_used_up() {
    let server = elliptic_with(sealed(), |config| config.queries = QueryPolicy::Holders);
    let phone = device("phone", &mint(&server).await);
    let certificate = granted(phone.enrol(&server).await);
    let minted = mint(&server).await;
    let holder = Device { signer: certificate.clone(), ..device("phone", &minted) };
    let payload = Payload::GetCert { issuer: certificate.issuer(), serial: certificate.serial() };
    for (device, works) in [
        (holder.clone(), true),
        (Device { signer: certificate.clone(), ..device("phone", &minted) }, true),
        (holder.clone().challenge("wrong"), false),
    ] {
        let sent = device.transaction("query").say(&server, payload);
        let answer = server.post(sent.message.clone()).await;
        match holder.read(&server, &sent, &answer) {
            CertRep::Success { certificates, .. } => {
                assert!(works && certificates == [certificate.clone()]);
            }
            other => assert!(!works, "{other:?}"),
        }
    }
    assert_eq!(waiting(&server).await, 1);
}

#[tokio::test]
async fn while_the_store_does_not_answer_nothing_is_opened_and_nobody_is_refused() {
    let memory = Arc::new(MemoryStore::new(StoreLimits::in_memory()));
    let failing = FailingStore::new(memory.clone(), Verb::ListPasswords);
    let server = Server::on_store(memory, sealed(), |config| {
        config.authority = elliptic_ca();
        config.host.store = failing.clone();
    });
    let minted = mint(&server).await;
    let phone = device("phone", &minted);
    assert_eq!(server.post(phone.ask(&server).message).await.status, 503);
    assert_eq!((server.last().reason, server.certificates()), (Some("store"), 0));
    failing.recover();
    granted(phone.enrol(&server).await);
}

/// What the store has of the only live password of an endpoint.
async fn kept(server: &Server) -> OneTimePassword {
    server.store.list_passwords(server.endpoint.id(), NOW).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_record_of_another_endpoint_or_another_sealing_key_opens_nothing() {
    let server = elliptic();
    let minted = mint(&server).await;
    let record = kept(&server).await;
    let named =
        |name: &'static str| elliptic_with(sealed(), move |config| config.name = name.to_owned());
    let moved = |server: &Server| {
        let mut record = record.clone();
        record.facts.endpoint = server.endpoint.id().clone();
        record
    };
    let (same, other) = (named("test"), named("other"));
    let rekeyed = elliptic_with(sealed_by([8; 32], 16), |_| ());
    let renamed = elliptic();
    let mut under_another_key = moved(&renamed);
    under_another_key.key = scep_store::Sha256::new([1; 32]);
    for (server, record, opens) in [
        (&same, moved(&same), true),
        (&other, moved(&other), false),
        (&rekeyed, moved(&rekeyed), false),
        (&renamed, under_another_key, false),
    ] {
        server.store.add_password(&record, 16, NOW).await.unwrap();
        server.post(device("phone", &minted).ask(server).message).await;
        let expected = if opens { None } else { Some("undecipherable") };
        assert_eq!(server.last().reason, expected);
        assert_eq!(server.certificates(), usize::from(opens));
    }
}

// R-7.3-02
#[tokio::test]
async fn what_is_kept_shows_nothing_of_the_password_and_elsewhere_only_a_hash_is_kept() {
    let server = elliptic();
    let minted = mint(&server).await;
    let record = kept(&server).await;
    let sealed = record.sealed.as_ref().unwrap().octets();
    let secret = &minted.password.expose()[6..];
    assert_eq!(sealed.len(), 12 + 32 + 16);
    assert!(
        !sealed.windows(4).any(|octets| secret.as_bytes().windows(4).any(|part| part == octets))
    );
    let shown =
        format!("{record:?} {:?} {:?} {:?}", server.endpoint, server.store, sealed_by([7; 32], 3));
    assert!(shown.contains("sealed: true") && !shown.contains(secret), "{shown}");
    let by_key = Server::new(one_time());
    mint(&by_key).await;
    assert_eq!(kept(&by_key).await.sealed, None);
}

#[tokio::test]
async fn passwords_made_before_there_was_a_sealing_key_open_nothing() {
    let by_key = Server::new(one_time());
    let minted = mint(&by_key).await;
    let server = Server::on_store(by_key.store.clone(), sealed(), |config| {
        config.authority = elliptic_ca();
    });
    server.post(device("phone", &minted).ask(&server).message).await;
    assert_eq!((server.last().reason, server.certificates()), (Some("undecipherable"), 0));
    assert_eq!(waiting(&server).await, 1, "it can be withdrawn");
    granted(device("phone", &mint(&server).await).enrol(&server).await);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_had_again_until_the_password_is_forgotten() {
    let server = elliptic();
    let mut short = order();
    short.lifetime = Some(MINUTE);
    let minted = server.endpoint.mint_password(short, NOW).await.unwrap();
    let phone = device("phone", &minted);
    let sent = phone.ask(&server);
    let first = granted(phone.send(&server, &sent).await);
    server.clock.advance(MINUTE * 2);
    assert_eq!(granted(phone.send(&server, &sent).await).der(), first.der());
    server.clock.advance(Duration::from_secs(30 * 60));
    server.post(sent.message).await;
    assert_eq!(server.certificates(), 1);
}

#[test]
fn a_sealing_key_is_needed_where_nothing_else_opens_and_refused_elsewhere() {
    let refused = defect(|config| {
        config.mode = one_time();
        config.authority = elliptic_ca();
    });
    assert_eq!(refused, Misconfigured::NoSealingKey);
    let refused = defect(|config| {
        config.mode = sealed();
        config.authority = authority();
    });
    assert_eq!(refused, Misconfigured::NeedlessSealingKey);
    let refused = defect(|config| {
        config.mode = signed();
        config.authority = elliptic_ca();
    });
    assert_eq!(refused, Misconfigured::NoRecipient);
}

#[tokio::test]
async fn a_request_by_password_is_refused_where_a_key_opens_requests() {
    let (elliptic, by_key) = (elliptic(), Server::new(one_time()));
    let minted = mint(&by_key).await;
    let phone = Device::new("phone").challenge(minted.password.expose());
    let envelope = envelope_of(&phone.ask(&elliptic).message);
    by_key.post(Forged::new(&phone, 19, &envelope).build()).await;
    assert_eq!((by_key.last().reason, waiting(&by_key).await), (Some("undecipherable"), 1));
}

/// An approval of the time before, which a sender's own transactionID finds, stays what it is.
#[tokio::test]
async fn an_approval_from_when_an_operator_decided_is_neither_used_nor_kept_from_anyone() {
    let before = Server::new(manual());
    let phone = device("phone", &mint(&elliptic()).await);
    before.post(phone.ask(&before).message).await;
    assert_eq!(before.last().outcome, "pending");
    let waits = before.store.list_pending(before.endpoint.id(), NOW).await.unwrap().remove(0);
    let operator = Operator::new("ann").unwrap();
    before.store.approve(&waits.request, &operator, NOW).await.unwrap();
    let server = Server::on_store(before.store.clone(), sealed(), |config| {
        config.authority = elliptic_ca();
    });
    server.post(phone.ask(&server).message).await;
    assert_eq!((server.last().reason, server.certificates()), (Some("undecipherable"), 0));
    let poll = phone.clone().message(MessageKind::Poll);
    before.post(poll.ask(&before).message).await;
    assert_eq!((before.last().outcome, before.last().basis), ("issued", Some("operator")));
}

// R-3211-01, R-3211-07
#[tokio::test]
#[ignore = "needs openssl"]
async fn what_openssl_encrypts_by_one_of_the_passwords_is_opened_and_granted_once() {
    let server = elliptic();
    let [_, minted, _] = [mint(&server).await, mint(&server).await, mint(&server).await];
    let folder = tempfile::tempdir().unwrap();
    let phone = Device::new("phone").challenge(minted.password.expose());
    std::fs::write(folder.path().join("csr.der"), phone.csr().der()).unwrap();
    let encrypt = ["cms", "-encrypt", "-binary", "-in", "csr.der", "-aes128", "-outform", "der"];
    let password = ["-pwri_password", minted.password.expose(), "-out", "request.der"];
    openssl(folder.path(), &[&encrypt[..], &password].concat());
    let envelope = std::fs::read(folder.path().join("request.der")).unwrap();
    for (transaction, expected) in [("1", "issued"), ("1", "repeated"), ("2", "refused")] {
        let phone = phone.clone().transaction(transaction);
        server.post(Forged::new(&phone, 19, &envelope).build()).await;
        assert_eq!(server.last().outcome, expected, "{transaction}");
    }
    assert_eq!((waiting(&server).await, server.certificates()), (2, 1));
}
