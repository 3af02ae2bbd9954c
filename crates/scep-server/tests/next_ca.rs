//! Certificates of the next CA, before it takes over: who encrypts to it is under it, and nobody else (RFC 8894 §5.1).

use std::time::Duration;

use scep_ca::{CertificateRole, Incompatibility};
use scep_proto::client::CertRep;
use scep_proto::{CaCertificates, FailInfo};
use scep_server::{
    CertificateAllowance, DeviceAllowance, EndpointConfig, Misconfigured, Mode, NextAuthority,
    PasswordOrder, RegistrationAuthority, RenewalPolicy, ReplyChain, Signing, Warning,
};
use scep_store::{EnrolmentStore as _, Operator};
use scep_types::{AlgorithmPolicy, Certificate, SigningKey as _, oid};

use crate::config::defect;
use crate::one_time::one_time;
use crate::support::device::{Device, MessageKind, challenged, granted, refused};
use crate::support::faults::FailingKey;
use crate::support::forge::{Forged, attributes_of, envelope};
use crate::support::pki::{self, CA_USAGES, Template, with_ra};
use crate::support::server::{Answer, PASSWORD, Server, manual, signed, static_password};
use crate::support::{DAY, MINUTE, NOW, key, provider};

/// The CA to come, in ten days, whose key is one of a curve.
pub(crate) fn ca() -> Template {
    Template { common_name: "Next CA", key: "p384-ca", not_before: (2026, 12, 1), ..Template::ca() }
}

pub(crate) fn ra() -> Template {
    Template { common_name: "Next RA", key: "rsa2048-signer", ..Template::ra() }
}

pub(crate) fn next() -> NextAuthority {
    pki::next(&ca(), &ra())
}

/// A server whose next CA issues already.
pub(crate) fn server(mode: Mode, configure: impl FnOnce(&mut EndpointConfig)) -> Server {
    Server::with(mode, |config| {
        config.next = Some(next());
        configure(config);
    })
}

/// Certificates that are believed: of the current CA alone, and of the next alone.
pub(crate) async fn both(server: &Server) -> [CaCertificates; 2] {
    [server.ca(), server.next_ca().await.ca().clone()]
}

fn is_of(certificate: &Certificate, ca: &CaCertificates) -> bool {
    let signed = |ca: &Certificate| {
        certificate.verify_signature(ca.spki(), provider().verify, AlgorithmPolicy::Modern).is_ok()
    };
    signed(ca.issuer()) && certificate.issuer() == ca.issuer().subject()
}

// R-5.1-01
#[tokio::test]
async fn who_encrypts_to_the_next_ca_gets_its_certificate_from_its_ra_and_nobody_else_does() {
    for mode in [static_password(), signed()] {
        let server = server(mode.clone(), |_| ());
        let cas = both(&server).await;
        for (asked, other, id) in [(0, 1, "current"), (1, 0, "next")] {
            let device = match mode {
                Mode::Static(_) => Device::new("phone").challenge(PASSWORD).transaction(id),
                _ => challenged("phone", id).transaction(id),
            };
            let sent = device.ask_ca(&cas[asked], &device.csr());
            let answer = server.post(sent.message.clone()).await;
            let issued = granted(device.read_from(&cas[asked], &sent, &answer).unwrap());
            assert!(is_of(&issued, &cas[asked]) && !is_of(&issued, &cas[other]), "{id}");
            let by_other = device.read_from(&cas[other], &sent, &answer);
            assert!(by_other.is_err(), "{id}: signed by the other RA");
            assert_eq!(issued.spki(), device.key.spki());
        }
        assert_eq!(server.certificates(), 2);
    }
}

// R-5.1-01, R-5280-06
#[tokio::test]
async fn what_the_next_ca_issues_begins_when_it_begins_and_lasts_as_long_as_any() {
    let server = server(static_password(), |_| ());
    let [current, next] = both(&server).await;
    let begins = next.issuer().validity().not_before;
    assert!(begins > NOW);
    let device = Device::new("phone").challenge(PASSWORD);
    let issued = granted(device.enrol_at(&server, &next).await);
    assert_eq!(issued.validity().not_before, begins);
    assert_eq!(issued.validity().not_after, begins.plus(DAY * 30));
    let of_today = granted(device.clone().transaction("today").enrol_at(&server, &current).await);
    assert_eq!(of_today.validity().not_after, NOW.plus(DAY * 30));
    // Once it has begun, it issues as of the moment, like any other.
    server.clock.advance(DAY * 20);
    let later = granted(device.transaction("later").enrol_at(&server, &next).await);
    assert_eq!(later.validity().not_before, NOW.plus(DAY * 20).minus(MINUTE * 10));
    assert_eq!(later.validity().not_after, NOW.plus(DAY * 50));
}

#[tokio::test]
async fn a_client_that_believes_both_while_they_hand_over_enrols_at_either() {
    let server = server(static_password(), |_| ());
    let rollover = server.next_ca().await.for_rollover(&server.ca());
    let device = Device::new("phone").challenge(PASSWORD);
    let issued = granted(device.enrol_at(&server, &rollover).await);
    assert!(rollover.issued(&issued, &provider()) && !server.ca().issued(&issued, &provider()));
}

#[tokio::test]
async fn a_retry_gets_its_certificate_again_and_none_of_the_other_ca() {
    let server = server(static_password(), |_| ());
    let cas = both(&server).await;
    let device = Device::new("phone").challenge(PASSWORD);
    let csr = device.csr();
    for (first, second) in [(0, 1), (1, 0)] {
        // One transactionID and one CSR for both, as a client has that makes the one of its key.
        let device = device.clone().transaction(&format!("{first} first"));
        let issued = granted(ask(&device, &server, &cas[first], &csr).await);
        assert_eq!(granted(ask(&device, &server, &cas[first], &csr).await), issued);
        let other = granted(ask(&device, &server, &cas[second], &csr).await);
        assert_eq!(granted(ask(&device, &server, &cas[second], &csr).await), other);
        assert!(is_of(&issued, &cas[first]) && is_of(&other, &cas[second]));
    }
    assert_eq!(server.certificates(), 4);
}

#[tokio::test]
async fn a_challenge_that_was_used_under_one_of_them_is_of_no_use_under_the_other() {
    for (first, second) in [(0, 1), (1, 0)] {
        for (mode, fail_info) in
            [(signed(), FailInfo::BAD_MESSAGE_CHECK), (one_time(), FailInfo::BAD_REQUEST)]
        {
            let server = server(mode.clone(), |_| ());
            let cas = both(&server).await;
            let device = match mode {
                Mode::Signed(_) => challenged("phone", "n1"),
                _ => {
                    let order = PasswordOrder::new(Operator::new("ann").unwrap());
                    let minted = server.endpoint.mint_password(order, NOW).await.unwrap();
                    Device::new("phone").challenge(minted.password.expose())
                }
            };
            let csr = device.csr();
            let issued = granted(ask(&device, &server, &cas[first], &csr).await);
            assert!(is_of(&issued, &cas[first]));
            // The very same CSR, in the same transaction and in another, and one that is signed anew.
            let again = device.clone().transaction("another");
            let other = Device { key: key("rsa2048-device2"), ..again.clone() };
            let other = Device { signer_key: other.key.clone(), ..other };
            let other = Device {
                signer: crate::support::device::self_signed(&other.subject, &other.key),
                ..other
            };
            for (device, csr) in
                [(&device, csr.clone()), (&again, csr.clone()), (&other, other.csr())]
            {
                let reply = ask(device, &server, &cas[second], &csr).await;
                assert_eq!(refused(reply), fail_info);
                assert_eq!(server.last().reason, Some("replay"));
            }
            assert_eq!((server.certificates(), server.challenges()), (1, 1));
            // Where it was used, it still gives that one certificate.
            assert_eq!(granted(ask(&device, &server, &cas[first], &csr).await), issued);
        }
    }
}

async fn ask(
    device: &Device,
    server: &Server,
    ca: &CaCertificates,
    csr: &scep_types::Csr,
) -> CertRep {
    let sent = device.ask_ca(ca, csr);
    let answer = server.post(sent.message.clone()).await;
    device.read_from(ca, &sent, &answer).unwrap()
}

#[tokio::test]
async fn without_its_keys_a_message_to_the_next_ca_is_one_to_a_stranger() {
    let stranger = Template { common_name: "Other RA", key: "rsa2048-device2", ..Template::ra() };
    let stranger = stranger.issued_by(&Template { common_name: "Other CA", ..Template::ca() });
    let next_ra = ra().issued_by(&ca());
    let announced =
        || NextAuthority::Announced { ca: ca().self_signed(), ra: vec![ra().issued_by(&ca())] };
    let device = Device::new("phone").challenge(PASSWORD);
    for several_recipients in [false, true] {
        let mut seen = Vec::new();
        // The last server has the keys, and a message to a stranger is none of its affair either.
        for (next, recipient) in [
            (None, &stranger),
            (None, &next_ra),
            (Some(announced()), &stranger),
            (Some(announced()), &next_ra),
            (Some(next()), &stranger),
        ] {
            let server = Server::with_password(|config| {
                config.next = next;
                if several_recipients {
                    let older =
                        Template { common_name: "Old RA", key: "rsa2048-anchor", ..Template::ra() };
                    let older = with_ra(&Template::ca(), &older).ra.recipients;
                    config.authority.ra.recipients.extend(older);
                }
            });
            let envelope = envelope(recipient, &oid::AES128_CBC, &[1; 16]);
            let answer = server.post(Forged::new(&device, 19, &envelope).build()).await;
            seen.push((told(&answer), server.last().reason));
            assert_eq!(server.certificates(), 0);
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    }
}

/// All that an answer says but the nonce that was drawn for it.
fn told(answer: &Answer) -> (u16, Vec<(oid::Oid, Vec<u8>)>) {
    let attributes = attributes_of(&answer.body).into_iter();
    (answer.status.as_u16(), attributes.filter(|(oid, _)| *oid != oid::SENDER_NONCE).collect())
}

// R-3218-01
#[tokio::test]
async fn whatever_is_wrong_inside_an_envelope_to_either_of_them_the_answer_says_the_same() {
    let server = server(static_password(), |_| ());
    let device = Device::new("phone").challenge(PASSWORD);
    let mut seen = Vec::new();
    for ca in &both(&server).await {
        let garbage = envelope(ca.encryption(), &oid::AES128_CBC, &[1; 16]);
        let answer = server.post(Forged::new(&device, 19, &garbage).build()).await;
        seen.push((told(&answer), server.last().reason));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].1, Some("undecipherable"));
}

// R-CMS6.2.1-03
#[tokio::test]
async fn a_message_to_a_certificate_that_the_ra_had_before_is_opened_as_without_a_next_ca() {
    let stale = Template::ra().issued_by_as(&Template::ca(), &[9, 9, 9]);
    let before = Server::with_password(|config| {
        config.authority.ra = RegistrationAuthority::new(stale.clone(), key("rsa2048-ra"));
    });
    assert_ne!(before.ca().encryption().serial(), pki::authority().ra.certificate.serial());
    let server = server(static_password(), |_| ());
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&before);
    let issued = granted(device.send(&server, &sent).await);
    assert!(is_of(&issued, &server.ca()));
}

#[tokio::test]
async fn limits_count_what_both_of_them_issue() {
    let device_allowance = Some(DeviceAllowance { certificates: 1, window: DAY });
    let allowance = Some(CertificateAllowance { certificates: 1, window: DAY });
    let of_device = server(signed(), |config| config.device_allowance = device_allowance);
    let of_endpoint = server(signed(), |config| config.allowance = allowance);
    let of_all = server(signed(), |config| config.host.allowance = allowance);
    for (server, reason) in [
        (of_device, "rate_limited"),
        (of_endpoint, "endpoint_allowance"),
        (of_all, "global_allowance"),
    ] {
        let [current, next] = both(&server).await;
        granted(challenged("phone", "n1").transaction("n1").enrol_at(&server, &current).await);
        let second = challenged("phone", "n2").transaction("n2");
        server.post(second.ask_ca(&next, &second.csr()).message).await;
        assert_eq!(server.last().reason, Some(reason));
        assert_eq!((server.certificates(), server.challenges()), (1, 1));
    }
}

#[tokio::test]
async fn a_failing_key_of_the_next_ca_burns_nothing_and_leaves_the_current_one_alone() {
    let failing = FailingKey::new(key("p384-ca"));
    let server = server(signed(), |config| {
        let Some(NextAuthority::Issuing(next)) = &mut config.next else { panic!("it issues") };
        next.ca.signing = Signing::Local(failing.clone());
    });
    let [current, next] = both(&server).await;
    let device = challenged("phone", "n1");
    let answer = server.post(device.ask_ca(&next, &device.csr()).message).await;
    assert_eq!(answer.status, 503);
    assert_eq!((server.certificates(), server.challenges()), (0, 0));
    assert!(is_of(&granted(device.enrol_at(&server, &current).await), &current));
}

#[tokio::test]
async fn the_chain_beside_a_certificate_is_that_of_its_own_ca() {
    let server = server(static_password(), |config| config.reply_chain = ReplyChain::WithIssuer);
    for (ca, id) in both(&server).await.iter().zip(["current", "next"]) {
        let device = Device::new("phone").challenge(PASSWORD).transaction(id);
        let CertRep::Success { certificates, .. } = device.enrol_at(&server, ca).await else {
            panic!("{id}")
        };
        assert_eq!(certificates[1..], [ca.issuer().clone()], "{id}");
    }
}

// R-4.4-01
#[tokio::test]
async fn what_an_operator_approved_is_issued_by_the_ca_that_was_asked_whoever_is_polled() {
    for (asked, polled) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let server = server(manual(), |_| ());
        let cas = both(&server).await;
        let rollover = server.next_ca().await.for_rollover(&server.ca());
        let device = Device::new("phone");
        assert_eq!(device.enrol_at(&server, &cas[asked]).await, CertRep::Pending);
        approve(&server).await;
        let poll = device.clone().message(MessageKind::Poll);
        let sent = poll.ask_ca(&cas[polled], &poll.csr());
        for outcome in ["issued", "repeated"] {
            let answer = server.post(sent.message.clone()).await;
            let believed = if asked == 1 { &rollover } else { &cas[0] };
            let issued = granted(poll.read_from(believed, &sent, &answer).unwrap());
            assert!(is_of(&issued, &cas[asked]), "{asked} {polled}");
            assert!(poll.read_from(&cas[asked], &sent, &answer).is_ok(), "its own RA signs");
            assert_eq!(server.last().outcome, outcome);
        }
        assert_eq!(server.certificates(), 1);
    }
}

async fn approve(server: &Server) {
    let id = server.endpoint.id();
    let waiting = server.store.list_pending(id, NOW).await.unwrap();
    let operator = Operator::new("ann").unwrap();
    server.store.approve(&waiting[0].request, &operator, NOW).await.unwrap();
}

// R-5.1-01, R-2.3-06
#[tokio::test]
async fn a_certificate_of_either_renews_under_the_next_ca_once_it_is_valid() {
    let server = server(static_password(), |config| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
    });
    let [current, next] = both(&server).await;
    let device = Device::new("phone").challenge(PASSWORD);
    let old = granted(device.enrol_at(&server, &current).await);
    let renewal = device.renewing(&old, "rsa2048-device2");
    let new = granted(renewal.enrol_at(&server, &next).await);
    assert!(is_of(&new, &next));
    assert_eq!((server.last().basis, new.subject()), (Some("renewal"), old.subject()));
    // The next CA's own do not hold yet, and so renew nothing yet.
    let again = renewal.renewing(&new, "rsa2048-device").transaction("again");
    assert_eq!(refused(again.enrol_at(&server, &next).await), FailInfo::BAD_REQUEST);
    server.clock.advance(DAY * 20);
    assert!(is_of(&granted(again.enrol_at(&server, &next).await), &next));
    assert_eq!(server.last().basis, Some("renewal"));
}

#[test]
fn a_next_ca_that_could_not_issue_is_a_mistake() {
    let next_with = |ca: &Template, change: fn(&mut scep_server::Authority)| {
        let mut authority = with_ra(ca, &ra());
        change(&mut authority);
        NextAuthority::Issuing(authority)
    };
    let stranger = |authority: &mut scep_server::Authority| {
        authority.ca.signing = Signing::Local(key("p256-ca"));
    };
    let within = |defect| Misconfigured::Next(Box::new(defect));
    let same_name = Template { common_name: "Test CA", ..ca() };
    let unusable = Template { usages: CA_USAGES.to_vec(), ..ra() };
    let current = pki::authority();
    let mut twin = with_ra(&same_name, &ra());
    let serial = current.ra.certificate.serial();
    twin.ra.certificate = ra().issued_by_as(&same_name, serial);
    twin.ra.recipients[0].certificate = twin.ra.certificate.clone();
    for (next, expected) in [
        (next_with(&ca(), stranger), within(Misconfigured::Key(CertificateRole::CaBehindRa))),
        (
            next_with(&ca(), |authority| authority.ra.signing = Signing::Local(key("rsa2048-ra"))),
            within(Misconfigured::Key(CertificateRole::SigningRa)),
        ),
        (
            next_with(&ca(), |authority| authority.ra.recipients.clear()),
            Misconfigured::NextNoRecipient,
        ),
        (
            next_with(&ca(), |authority| authority.ra = pki::authority().ra),
            within(Misconfigured::NotIssuedByCa(CertificateRole::Ra)),
        ),
        (
            pki::next(&ca(), &unusable),
            within(Misconfigured::Certificate {
                role: CertificateRole::Ra,
                found: Incompatibility::LacksDigitalSignature,
            }),
        ),
        (
            pki::next(&Template { common_name: "Other name", ..Template::ca() }, &ra()),
            Misconfigured::NextSameKey,
        ),
        (NextAuthority::Issuing(twin), Misconfigured::NextSameRecipient),
    ] {
        assert_eq!(defect(|config| config.next = Some(next)), expected);
    }
    // Of the same name it may be, and what is only a nuisance about it is a warning.
    let fine = server(static_password(), |config| config.next = Some(pki::next(&same_name, &ra())));
    let about_next = |warning: &&Warning| matches!(warning, Warning::NextCertificate { .. });
    let warned = fine.endpoint.warnings().iter().filter(about_next).count();
    assert_eq!(warned, fine.endpoint.warnings().len() - warned_of_current());
}

fn warned_of_current() -> usize {
    Server::with_password(|_| ()).endpoint.warnings().len()
}
