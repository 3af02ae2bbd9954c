//! A compliance check has the last word about what was authorised, and no other.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scep_proto::FailInfo;
use scep_server::{
    Compliance, ComplianceCheck, ComplianceRequest, EndpointConfig, Mode, RenewalPolicy,
};
use scep_store::{Cause, EnrolmentStore as _, Operator};

use crate::support::NOW;
use crate::support::device::{Device, MessageKind, challenged, granted, refused};
use crate::support::intune::{Call, Intune, intune, opaque};
use crate::support::server::{PASSWORD, Server, manual, signed, static_password};

/// Says what it is told to, and remembers what it was asked.
#[derive(Default)]
struct Check {
    answer: Mutex<Option<Result<Compliance, Cause>>>,
    asked: Mutex<Vec<(String, &'static str, Option<String>)>>,
}

#[async_trait]
impl ComplianceCheck for Check {
    async fn check(&self, request: ComplianceRequest<'_>) -> Result<Compliance, Cause> {
        self.asked.lock().unwrap().push((
            request.csr.subject().to_string(),
            request.basis.label(),
            request.device.map(str::to_owned),
        ));
        self.answer.lock().unwrap().clone().unwrap_or(Ok(Compliance::Compliant))
    }
}

impl Check {
    fn says(&self, answer: Result<Compliance, Cause>) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn not_compliant() -> Result<Compliance, Cause> {
    Ok(Compliance::NotCompliant { reason: "no disk encryption".to_owned() })
}

fn with_check(mode: Mode, also: impl FnOnce(&mut EndpointConfig)) -> (Server, Arc<Check>) {
    let check = Arc::new(Check::default());
    let server = Server::with(mode, |config| {
        config.compliance = Some(check.clone());
        also(config);
    });
    (server, check)
}

#[tokio::test]
async fn a_device_that_does_not_comply_is_refused_and_its_challenge_is_not_burnt() {
    for answer in [not_compliant(), Err(Cause::new("Graph: HTTP 503"))] {
        let (server, check) = with_check(signed(), |_| ());
        check.says(answer);
        let device = challenged("phone", "n1");
        assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_REQUEST);
        let seen = server.last();
        assert_eq!((seen.outcome, seen.reason), ("refused", Some("compliance_failed")));
        assert_eq!((server.certificates(), server.challenges()), (0, 0));
        check.says(Ok(Compliance::Compliant));
        granted(device.enrol(&server).await);
    }
}

#[tokio::test]
async fn it_is_asked_about_what_was_authorised_and_about_nothing_else() {
    let (server, check) = with_check(signed(), |_| ());
    refused(Device::new("phone").challenge("nonsense").enrol(&server).await);
    assert_eq!(check.asked(), 0);
    granted(challenged("phone", "n1").enrol(&server).await);
    let expected = ("CN=phone".to_owned(), "signed_challenge", Some("device-7".to_owned()));
    assert_eq!(*check.asked.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn it_has_its_word_in_every_mode_and_on_renewals() {
    let renewing = |config: &mut EndpointConfig| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: std::time::Duration::ZERO };
    };
    let (server, check) = with_check(static_password(), renewing);
    let device = Device::new("phone").challenge(PASSWORD);
    let old = granted(device.enrol(&server).await);
    check.says(not_compliant());
    let renewal = device.clone().renewing(&old, "rsa2048-device2");
    refused(renewal.enrol(&server).await);
    refused(device.clone().transaction("other").enrol(&server).await);
    assert_eq!((check.asked(), server.certificates()), (3, 1));
    // What it had it still gets again: nothing new is issued.
    assert_eq!(granted(device.enrol(&server).await), old);
}

#[tokio::test]
async fn what_an_operator_approved_may_still_not_comply() {
    let (server, check) = with_check(manual(), |_| ());
    check.says(not_compliant());
    let device = Device::new("phone");
    assert_eq!(device.enrol(&server).await, scep_proto::client::CertRep::Pending);
    assert_eq!(check.asked(), 0);
    let request = server.store.list_pending(server.endpoint.id(), NOW).await.unwrap().remove(0);
    let operator = Operator::new("alice").unwrap();
    server.store.approve(&request.request, &operator, NOW).await.unwrap();
    let poll = device.message(MessageKind::Poll);
    for reason in ["compliance_failed", "rejected"] {
        refused(poll.enrol(&server).await);
        assert_eq!(server.last().reason, Some(reason));
    }
    assert_eq!(server.certificates(), 0);
}

#[tokio::test]
async fn intune_is_told_of_a_device_that_does_not_comply() {
    let service = Intune::new();
    let (server, check) = with_check(intune(&service), |_| ());
    check.says(not_compliant());
    let device = Device::new("phone").challenge(opaque("for the phone"));
    refused(device.enrol(&server).await);
    let seen = service.seen();
    let Some(Call::Failed { hresult: 0x8007_0005, description, .. }) = seen.last() else {
        panic!("{seen:?}")
    };
    assert!(description.contains("no disk encryption"), "{description}");
    assert_eq!((server.certificates(), server.challenges()), (0, 0));
}
