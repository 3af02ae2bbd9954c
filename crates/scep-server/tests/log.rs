//! What the log says of each decision, and what it must never say.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

#[expect(dead_code, reason = "what the other tests need of it is not needed here")]
mod support;

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use scep_proto::FailInfo;
use scep_server::{Mode, OneTimePasswords, OutboxWorker, PasswordOrder, RegistrationAuthority};
use scep_store::EnrolmentStore as _;
use scep_types::{DigestAlgorithm, SignatureScheme, oid};

use crate::support::device::{Device, challenged, granted, refused};
use crate::support::forge::{Forged, attributes_of, envelope_of};
use crate::support::intune::{
    Intune, delivering_first, denied, intune, misconfigured, opaque, unavailable,
};
use crate::support::pki::{CA_USAGES, Template, certificate_authority, profiles};
use crate::support::server::{PASSWORD, Server, signed, static_password};
use crate::support::{NOW, key as key_of};

#[tokio::test]
async fn decisions_are_logged_with_endpoint_transaction_and_reason() {
    let log = Log::start();
    let server = Server::new(signed());
    granted(challenged("phone", "n1").enrol(&server).await);
    let issued = log.take();
    for expected in [
        "endpoint=test",
        "transaction_id=tx-phone",
        "INFO",
        "outcome=\"issued\"",
        "basis=\"signed_challenge\"",
        "device=\"device-7\"",
        "subject=CN=phone",
        "subject_alt_names=0",
        "PKCSReq (19)",
        "serial=",
    ] {
        assert!(issued.contains(expected), "{expected} in {issued}");
    }
    let device = challenged("phone", "n2").dns(&["other.example"]);
    refused(device.enrol(&server).await);
    let refusal = log.take();
    for expected in [
        "WARN",
        "outcome=\"refused\"",
        "fail_info=badRequest (2)",
        "reason=\"claim_mismatch\"",
        "other.example",
        "subject_alt_names=1",
    ] {
        assert!(refusal.contains(expected), "{expected} in {refusal}");
    }
}

#[tokio::test]
async fn the_log_knows_what_a_csr_suffers_from_though_the_peer_does_not() {
    let log = Log::start();
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let weak = device.csr_signed_by(SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1));
    let sent = device.ask_with(&server, &weak);
    let refusal = refused(device.send(&server, &sent).await);
    assert_eq!(refusal, FailInfo::BAD_MESSAGE_CHECK);
    let log = log.take();
    assert!(log.contains("cause=Sha1 is not allowed by the algorithm policy"), "{log}");
}

// R-P10-08, R-7.1-01
#[tokio::test]
async fn no_secret_is_ever_logged() {
    let log = Log::start();
    let by_password = Server::new(static_password());
    let by_challenge = Server::new(signed());
    let wrong = "wrong-horse-battery";
    let mut secrets = vec![PASSWORD.to_owned(), wrong.to_owned(), "n-secret-nonce".to_owned()];
    for (server, device) in [
        (&by_password, Device::new("phone").challenge(PASSWORD)),
        (&by_password, Device::new("phone").transaction("2").challenge(wrong)),
        (&by_challenge, challenged("phone", "n-secret-nonce")),
        (&by_challenge, challenged("tablet", "n-secret-nonce")),
        (&by_challenge, challenged("phone", "n-secret-nonce").dns(&["more.example"])),
        (&by_challenge, Device::new("phone").challenge("a.b.c")),
        (&by_challenge, Device::new("phone").challenge(wrong)),
    ] {
        let sent = device.ask(server);
        let challenge = device.challenge.as_ref().unwrap().expose().to_owned();
        secrets.extend(challenge.split('.').filter(|part| part.len() > 8).map(str::to_owned));
        let answer = server.post(sent.message.clone()).await;
        for (oid, value) in attributes_of(&answer.body).into_iter() {
            if [oid::SENDER_NONCE, oid::RECIPIENT_NONCE].contains(&oid) {
                let nonce = value.get(2..).unwrap();
                secrets.push(nonce.iter().map(|octet| format!("{octet:02x}")).collect());
            }
        }
    }
    let log = log.take();
    assert!(log.contains("refused") && log.contains("issued"));
    let lower = log.to_lowercase();
    for secret in secrets {
        assert!(!lower.contains(&secret.to_lowercase()), "{secret} in {log}");
    }
}

#[tokio::test]
async fn a_sealed_password_that_does_not_open_is_told_loudly_and_without_a_secret() {
    let log = Log::start();
    let elliptic = |key: u8| {
        let key = scep_crypto::aws_lc_rs::Aes256GcmKey::new(&[key; 32]).unwrap();
        let passwords = OneTimePasswords::sealed(std::sync::Arc::new(key));
        Server::with(Mode::OneTimePassword(passwords), |config| {
            let usages = [CA_USAGES, &[rcgen::KeyUsagePurpose::DigitalSignature]].concat();
            let ca = Template { key: "p256-ca", usages, ..Template::ca() };
            let ca = certificate_authority(&ca);
            let ra = RegistrationAuthority::of_ca(&ca, key_of("p256-ca"));
            config.authority = scep_server::Authority { ca, ra, profiles: profiles() };
        })
    };
    let (before, after) = (elliptic(7), elliptic(8));
    let order = PasswordOrder::new(scep_store::Operator::new("ann").unwrap());
    let minted = before.endpoint.mint_password(order, NOW).await.unwrap();
    let kept = before.store.list_passwords(before.endpoint.id(), NOW).await.unwrap();
    after.store.add_password(&kept[0], 1, NOW).await.unwrap();
    let phone = Device::new("phone").challenge(minted.password.expose());
    after.post(phone.ask(&after).message).await;
    assert_eq!(after.last().reason, Some("undecipherable"));
    let log = log.take();
    let line = log.lines().find(|line| line.contains("does not open")).unwrap();
    assert!(line.contains("ERROR") && line.contains("endpoint=test"), "{line}");
    assert!(line.contains(&format!("password={} others=0", minted.facts.id)), "{line}");
    assert!(!log.contains(&minted.password.expose()[6..]), "{log}");
}

#[tokio::test]
async fn no_one_time_password_is_ever_logged_but_what_is_wrong_with_it_is() {
    let log = Log::start();
    let server = Server::new(Mode::OneTimePassword(OneTimePasswords::default()));
    let order = || PasswordOrder::new(scep_store::Operator::new("ann").unwrap());
    let mut bound = order();
    let names = vec![scep_store::BoundName::CommonName("tablet".to_owned())];
    bound.binding = scep_store::PasswordBinding::new(names).unwrap();
    let mut minted = Vec::new();
    for order in [order(), bound, order()] {
        minted.push(server.endpoint.mint_password(order, NOW).await.unwrap());
    }
    let [good, bound, withdrawn] = &minted[..] else { panic!("{minted:?}") };
    server.endpoint.withdraw_password(&withdrawn.facts.id, NOW).await.unwrap();
    tracing::info!("{:?} {:?} {minted:?}", server.endpoint, server.store);
    let text = |password: &scep_server::MintedPassword| password.password.expose().to_owned();
    let wrong = format!("{}{}", good.facts.id, "7".repeat(26));
    let sent = [text(good), text(bound), text(withdrawn), wrong, "z".repeat(40)];
    for (number, password) in sent.iter().enumerate() {
        let device = Device::new("phone").transaction(&format!("{number}"));
        server.post(device.challenge(password.clone()).ask(&server).message).await;
    }
    let log = log.take();
    for expected in [
        "basis=\"one_time_password\"",
        "commonName [\"phone\"] where Some(\"tablet\") is claimed",
        "withdrawn at 2026-11-21",
        "the rest of it is wrong",
        "one-time password: unknown",
    ] {
        assert!(log.contains(expected), "{expected} in {log}");
    }
    for password in sent {
        assert!(!log.contains(&password[6..]), "{password} in {log}");
    }
}

#[tokio::test]
async fn what_intune_says_is_logged_with_its_code_and_activity_id() {
    let log = Log::start();
    let service = Intune::new();
    let server = Server::new(intune(&service));
    service.validations([denied("ChallengeExpired\\nINFO forged"), misconfigured()]);
    let device = Device::new("phone").challenge(opaque("phone"));
    refused(device.enrol(&server).await);
    let denial = log.take();
    for expected in [
        "WARN",
        "reason=\"intune_denied\"",
        r#"service_code="ChallengeExpired INFO forged""#,
        "activity_id=00000000-0000-4000-8000-000000000000",
        "challengeExpInterval=60",
    ] {
        assert!(denial.contains(expected), "{expected} in {denial}");
    }
    assert!(!denial.contains("\nINFO forged"), "{denial}");
    server.post(device.ask(&server).message).await;
    let misconfiguration = log.take();
    assert!(misconfiguration.contains("ERROR"), "{misconfiguration}");
    assert!(misconfiguration.contains("scep_challenge_provider"), "{misconfiguration}");
}

#[tokio::test]
async fn no_opaque_challenge_is_ever_logged() {
    let log = Log::start();
    let service = Intune::new();
    let waiting = Server::new(intune(&service));
    let first = Server::new(delivering_first(&service));
    let names = ["kangaroo", "wallaby", "quokka", "numbat", "bilby"];
    service.notifications([unavailable(), misconfigured(), denied("ChallengeExpired")]);
    for (server, name) in names
        .iter()
        .enumerate()
        .map(|(position, name)| (if position % 2 == 0 { &waiting } else { &first }, name))
    {
        let device = Device::new("phone").transaction(name).challenge(opaque(name));
        for _ in 0..2 {
            server.post(device.ask(server).message).await;
        }
    }
    service.validations([denied("ChallengeExpired"), unavailable(), misconfigured()]);
    for _ in 0..3 {
        let device = Device::new("phone").transaction("last").challenge(opaque("bandicoot"));
        waiting.post(device.ask(&waiting).message).await;
    }
    for server in [&waiting, &first] {
        let worker = OutboxWorker::new(&server.endpoint).unwrap();
        worker.with_clock(server.clock.clone()).run_once().await.unwrap();
        tracing::info!("{:?}", server.endpoint);
    }
    let log = log.take();
    assert!(log.contains("issued") && log.contains("kept back") && log.contains("took note"));
    for name in names.iter().chain(&["bandicoot"]) {
        // The transactionIDs are the names, once; the challenges repeat them.
        assert!(!log.contains(&name.repeat(2)), "{name} in {log}");
    }
}

// R-3.2.1.1-04
#[tokio::test]
async fn what_a_peer_chose_is_escaped() {
    let log = Log::start();
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let id = [b"\x0C\x0A", &b"a\nINFO b\x1b["[..]].concat();
    let message = Forged::new(&device, 19, &envelope_of(&device.ask(&server).message));
    server
        .post(message.without(oid::TRANSACTION_ID).with(oid::TRANSACTION_ID, vec![id]).build())
        .await;
    let log = log.take();
    assert!(log.contains(r"transaction_id=a\nINFO b\x1b["), "{log}");
    assert!(!log.contains('\u{1b}'));
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Everything that is logged on this thread.
struct Log;

impl Log {
    /// One subscriber for the program: what is cached about callsites does not change under a test then.
    fn start() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(|| Self)
                .init();
        });
        Self
    }

    fn take(&self) -> String {
        String::from_utf8(LOG.take()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(octets));
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
