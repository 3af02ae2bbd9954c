//! The Intune mode: the service alone lets a request in, and takes note of a certificate before it leaves.

use std::sync::Arc;
use std::time::Duration;

use scep_proto::FailInfo;
use scep_server::{DeviceAllowance, IntuneMode, RenewalPolicy, SignerBinding};
use scep_types::{Basis, Secret};

use crate::support::device::{Device, MessageKind, granted, refused};
use crate::support::intune::{
    Call, Intune, delivering_first, denied, intune, misconfigured, opaque, unavailable,
    unavailable_for,
};
use crate::support::server::{Server, challenge};
use crate::support::{DAY, MINUTE, key};

fn phone() -> Device {
    Device::new("phone").challenge(opaque("for the phone"))
}

#[tokio::test]
async fn the_service_validates_then_takes_note_and_then_the_certificate_leaves() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    let certificate = granted(phone().enrol(&server).await);
    let transaction = "tx-phone".to_owned();
    let serial = certificate.serial_hex();
    assert_eq!(
        service.seen(),
        [Call::Validate { transaction: transaction.clone() }, Call::Issued { transaction, serial }]
    );
    let seen = server.last();
    assert_eq!((seen.outcome, seen.basis), ("issued", Some(Basis::IntuneService.label())));
    assert_eq!(seen.activity_id.as_deref(), Some("01010101-0101-4101-8101-010101010101"));
    assert_eq!((server.certificates(), server.store.usage().unwrap().notices), (1, 0));
}

#[tokio::test]
async fn a_csr_without_challenge_is_refused_without_a_call() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    for device in [Device::new("phone"), Device::new("phone").challenge("")] {
        assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("challenge_missing"));
    }
    assert_eq!((service.seen().len(), server.certificates()), (0, 0));
}

#[tokio::test]
async fn what_the_service_denies_is_refused_with_its_code_and_burns_nothing() {
    for (code, fail_info) in [
        ("ChallengeExpired", FailInfo::BAD_TIME),
        ("SubjectNameMismatch", FailInfo::BAD_REQUEST),
        ("BadTenantIdInChallenge", FailInfo::BAD_REQUEST),
        ("a new one", FailInfo::BAD_REQUEST),
    ] {
        let service = Intune::new();
        let server = Server::new(intune(&service));
        service.validations([denied(code)]);
        assert_eq!(refused(phone().enrol(&server).await), fail_info);
        let seen = server.last();
        assert_eq!((seen.outcome, seen.reason), ("refused", Some("intune_denied")));
        assert_eq!(seen.service_code.as_deref(), Some(code));
        assert!(seen.activity_id.is_some());
        assert_eq!(service.counts(), [1, 0, 0], "the service knows its own answer");
        assert_eq!((server.certificates(), server.challenges()), (0, 0));
    }
}

#[tokio::test]
async fn no_other_way_in_is_tried() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    service.validations([denied("ChallengeDecodingError"), denied("ChallengeDecodingError")]);
    // A static password and a good signed challenge are nothing here.
    let by_password = Device::new("phone").challenge(crate::support::server::PASSWORD);
    assert_eq!(refused(by_password.enrol(&server).await), FailInfo::BAD_REQUEST);
    let signed = Device::new("phone").challenge(challenge("phone", &[], "n1").expose());
    assert_eq!(refused(signed.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.certificates(), 0);
}

#[tokio::test]
async fn while_the_service_is_away_a_device_is_told_to_come_again_and_nothing_is_burnt() {
    for (error, reason, seconds) in [
        (unavailable(), "intune_unavailable", "30"),
        (unavailable_for(42), "intune_unavailable", "42"),
        (unavailable_for(86_400), "intune_unavailable", "600"),
        (unavailable_for(0), "intune_unavailable", "5"),
        (misconfigured(), "intune_misconfigured", "30"),
    ] {
        let service = Intune::new();
        let server = Server::new(intune(&service));
        service.validations([error]);
        let sent = phone().ask(&server);
        let answer = server.post(sent.message.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some(seconds)));
        assert_eq!((server.last().outcome, server.last().reason), ("deferred", Some(reason)));
        assert_eq!((server.certificates(), server.challenges()), (0, 0));
        assert_eq!(service.counts(), [1, 0, 0]);
        // The very same message succeeds later.
        granted(phone().send(&server, &sent).await);
        assert_eq!(service.counts(), [2, 1, 0]);
    }
}

#[tokio::test]
async fn a_proof_for_another_csr_issues_nothing() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    let other = Device::with_key("other", key("rsa2048-device2")).challenge(opaque("x"));
    *service.confused_by.lock().unwrap() = Some(other.csr());
    let answer = server.post(phone().ask(&server).message).await;
    assert_eq!(answer.status, 500);
    assert_eq!(server.certificates(), 0);
}

#[tokio::test]
async fn a_challenge_is_used_once() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    granted(phone().enrol(&server).await);
    // Same challenge and names, another key: the service says yes, since it compares names only.
    let other = Device::with_key("phone", key("rsa2048-device2")).transaction("other");
    let other = other.challenge(opaque("for the phone"));
    assert_eq!(refused(other.enrol(&server).await), FailInfo::BAD_MESSAGE_CHECK);
    assert_eq!((server.last().reason, server.certificates()), (Some("replay"), 1));
    // It is not told of a failure: it would take that for the phone's.
    assert_eq!(service.counts(), [2, 1, 0]);
    server.clock.advance(DAY - MINUTE);
    assert_eq!(refused(other.enrol(&server).await), FailInfo::BAD_MESSAGE_CHECK);
    // Another challenge is another matter.
    granted(other.challenge(opaque("another")).enrol(&server).await);
}

#[tokio::test]
async fn the_same_request_gets_the_same_certificate_without_a_call() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    let device = phone();
    let sent = device.ask(&server);
    let first = granted(device.send(&server, &sent).await);
    // The reply was lost. By now the service would say that the challenge expired.
    service.validations([denied("ChallengeExpired"), denied("ChallengeExpired")]);
    assert_eq!(granted(device.send(&server, &sent).await), first);
    assert_eq!(granted(device.enrol(&server).await), first);
    assert_eq!((server.last().outcome, service.counts()), ("repeated", [1, 1, 0]));
    // Another signer's key is another request, to be validated.
    let stranger = device.signed_by("rsa2048-signer");
    let any = Server::on_store(server.store.clone(), intune(&service), |config| {
        config.signer_binding = SignerBinding::Any;
    });
    assert_eq!(refused(stranger.enrol(&any).await), FailInfo::BAD_TIME);
}

#[tokio::test]
async fn a_copy_of_a_csr_that_the_service_finds_valid_gets_the_certificate_of_that_csr() {
    let service = Intune::new();
    let any = |config: &mut scep_server::EndpointConfig| {
        config.signer_binding = SignerBinding::Any;
    };
    let server = Server::with(intune(&service), any);
    let device = phone().signed_by("rsa2048-signer");
    let first = granted(device.enrol(&server).await);
    // Windows draws a new signer's key and a new transactionID for each attempt.
    let again = phone().signed_by("rsa2048-device2").transaction("second attempt");
    assert_eq!(granted(again.enrol(&server).await), first);
    assert_eq!((service.counts(), server.certificates()), ([2, 1, 0], 1));
}

#[tokio::test]
async fn a_certificate_waits_until_the_service_took_note_of_it() {
    for error in [unavailable(), unavailable_for(20), misconfigured()] {
        let service = Intune::new();
        let server = Server::new(intune(&service));
        service.notifications([error.clone(), error]);
        let device = phone();
        let sent = device.ask(&server);
        for _ in 0..2 {
            let answer = server.post(sent.message.clone()).await;
            assert_eq!(answer.status, 503);
            let seen = server.last();
            assert_eq!((seen.outcome, seen.reason), ("deferred", Some("intune_notification")));
        }
        assert_eq!((server.certificates(), service.counts()), (1, [1, 2, 0]));
        // The same request resumes from the certificate that was recorded: no validation, no second certificate.
        let certificate = granted(device.send(&server, &sent).await);
        assert_eq!((server.certificates(), service.counts()), (1, [1, 3, 0]));
        assert_eq!(service.told(), vec![certificate.serial_hex(); 3]);
        assert_eq!(granted(device.send(&server, &sent).await), certificate);
        assert_eq!(service.counts(), [1, 3, 0]);
    }
}

#[tokio::test]
async fn a_certificate_that_is_kept_back_cannot_be_polled_for() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    service.notifications([unavailable()]);
    let device = phone();
    assert_eq!(server.post(device.ask(&server).message).await.status, 503);
    assert_eq!(server.certificates(), 1);
    let poll = device.clone().message(MessageKind::Poll);
    assert_eq!(refused(poll.enrol(&server).await), FailInfo::BAD_CERT_ID);
    granted(device.enrol(&server).await);
    assert_eq!(refused(poll.enrol(&server).await), FailInfo::BAD_CERT_ID);
    assert_eq!(service.counts(), [1, 2, 0]);
}

#[tokio::test]
async fn a_certificate_that_the_service_refuses_to_note_never_leaves() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    service.notifications([denied("ChallengeExpired")]);
    let device = phone();
    let sent = device.ask(&server);
    for fail_info in [FailInfo::BAD_TIME, FailInfo::BAD_REQUEST, FailInfo::BAD_REQUEST] {
        assert_eq!(refused(device.send(&server, &sent).await), fail_info);
        assert_eq!(server.last().reason, Some("intune_notification"));
    }
    assert_eq!((server.certificates(), service.counts()), (1, [1, 1, 0]));
    // With a new challenge the device starts afresh.
    granted(device.transaction("next").challenge(opaque("next")).enrol(&server).await);
}

#[tokio::test]
async fn delivered_first_a_certificate_does_not_wait() {
    let service = Intune::new();
    let server = Server::new(delivering_first(&service));
    let device = phone();
    let sent = device.ask(&server);
    let certificate = granted(device.send(&server, &sent).await);
    assert_eq!(service.counts(), [1, 0, 0]);
    assert_eq!(server.store.usage().unwrap().notices, 1);
    assert_eq!(granted(device.send(&server, &sent).await), certificate);
    assert_eq!(service.counts(), [1, 0, 0]);
}

#[tokio::test]
async fn renewal_is_only_by_a_fresh_challenge() {
    let service = Intune::new();
    let server = Server::new(intune(&service));
    let device = phone();
    let old = granted(device.enrol(&server).await);
    let renewal = device.clone().renewing(&old, "rsa2048-device2");
    assert_eq!(refused(renewal.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.last().reason, Some("renewal"));
    // Nor does a PKCSReq signed with the old certificate renew without a challenge.
    let enrol = renewal.message(MessageKind::Enrol).transaction("signed by the old one");
    let lenient = Server::on_store(server.store.clone(), intune(&service), |config| {
        config.signer_binding = SignerBinding::Any;
    });
    assert_eq!(refused(enrol.enrol(&lenient).await), FailInfo::BAD_REQUEST);
    assert_eq!(lenient.last().reason, Some("challenge_missing"));
    let fresh = Device { challenge: Some(Secret::new(opaque("fresh"))), ..enrol };
    assert_ne!(granted(fresh.enrol(&lenient).await).serial(), old.serial());
}

#[tokio::test]
async fn a_device_is_counted_by_the_names_the_service_vouches_for() {
    let service = Intune::new();
    let server = Server::with(intune(&service), |config| {
        config.device_allowance = Some(DeviceAllowance { certificates: 1, window: DAY });
    });
    granted(phone().enrol(&server).await);
    let second = phone().transaction("second").challenge(opaque("second"));
    assert_eq!(refused(second.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.last().reason, Some("rate_limited"));
    assert_eq!(service.counts(), [2, 1, 1]);
    granted(Device::new("tablet").challenge(opaque("tablet")).enrol(&server).await);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_do_not_eat_up_the_lease() {
    let service = Intune::new();
    let server = Server::with(intune(&service), |config| config.lease = Duration::from_secs(10));
    *service.delay.lock().unwrap() = Duration::from_secs(19);
    let certificate = granted(phone().enrol(&server).await);
    assert_eq!(service.told(), [certificate.serial_hex()]);
}

#[tokio::test]
async fn an_endpoint_that_turned_to_intune_hands_out_nothing_of_before() {
    let by_operator = Server::new(crate::support::server::manual());
    let device = phone();
    assert_eq!(device.enrol(&by_operator).await, scep_proto::client::CertRep::Pending);
    let service = Intune::new();
    let server = Server::on_store(by_operator.store.clone(), intune(&service), |_| ());
    assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!((server.last().reason, server.certificates()), (Some("conflict"), 0));
    assert_eq!(service.counts(), [0, 0, 0]);
    // Nor what a password had got.
    let by_password = Server::new(crate::support::server::static_password());
    let device = Device::new("phone").challenge(crate::support::server::PASSWORD);
    granted(device.enrol(&by_password).await);
    let server = Server::on_store(by_password.store.clone(), delivering_first(&service), |_| ());
    assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!((server.last().reason, service.counts()), (Some("conflict"), [0, 0, 0]));
}

#[test]
fn what_cannot_hold_is_refused_at_configuration() {
    use scep_server::{Misconfigured, Mode};
    let refused = |change: fn(&mut IntuneMode), renewal| {
        let mut mode = IntuneMode::new(Intune::new());
        change(&mut mode);
        crate::config::defect(|config| {
            config.mode = Mode::Intune(Arc::new(mode));
            config.renewal = renewal;
        })
    };
    let renewing = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
    assert_eq!(refused(|_| (), renewing), Misconfigured::IntuneRenewal);
    let forgetful = refused(|mode| mode.remember_challenge = MINUTE * 59, RenewalPolicy::Deny);
    assert_eq!(forgetful, Misconfigured::ForgetfulChallenges { remembered: MINUTE * 59 });
    for change in [(|mode| mode.notice_keep = Duration::ZERO) as fn(&mut IntuneMode), |mode| {
        mode.notice_lease = Duration::ZERO;
    }] {
        assert!(matches!(refused(change, RenewalPolicy::Deny), Misconfigured::Notices(_)));
    }
}
