use std::time::Duration;

use intune_client::Error;
use intune_sim::{Endpoint, Fault, Host, Times};

use crate::support::{Stand, certificate, windows};

/// The endpoints that a validation and its notification pass.
const PASSED: [Endpoint; 4] =
    [Endpoint::Token, Endpoint::Discovery, Endpoint::Validate, Endpoint::SuccessNotification];

/// Validates and notifies; the label of the first failure.
async fn enrol(stand: &Stand) -> Result<(), &'static str> {
    let label = |error: Error| error.label();
    let enrolment = windows(&stand.policy());
    stand.validate(&enrolment).await.outcome.map_err(label)?;
    let notified = stand.client.notify_success(&stand.tenant, &enrolment, &certificate(&[5])).await;
    notified.outcome.map(|_| ()).map_err(label)
}

#[tokio::test]
async fn what_passes_is_passed_over() {
    for endpoint in PASSED {
        for fault in [
            Fault::InternalError,
            Fault::ServiceUnavailable(None),
            Fault::TooManyRequests(None),
            Fault::Dropped,
            Fault::AnswerLost,
            Fault::Timeout,
            Fault::SlowBody(Duration::from_millis(1)),
            Fault::Delay(Duration::from_millis(1)),
        ] {
            let stand = Stand::start().await;
            stand.simulator.inject(endpoint, fault.clone(), Times::N(1));
            assert_eq!(enrol(&stand).await, Ok(()), "{endpoint} {fault:?}");
            let issued = stand.simulator.issued();
            assert_eq!(issued.len(), 1, "{endpoint} {fault:?}");
        }
    }
}

#[tokio::test]
async fn repeats_have_the_same_activity_id() {
    let stand = Stand::start().await;
    stand.simulator.inject(Endpoint::Validate, Fault::InternalError, Times::N(2));
    let called = stand.validate(&windows(&stand.policy())).await;
    called.outcome.unwrap();
    assert_eq!(called.attempts, 3);
    let requests = stand.simulator.requests_of(Endpoint::Validate);
    let id = called.activity_id.to_string();
    assert!(requests.iter().all(|request| request.activity_id() == Some(&id)));
}

#[tokio::test]
async fn what_lasts_is_never_a_success() {
    for endpoint in PASSED {
        for fault in [
            Fault::InternalError,
            Fault::ServiceUnavailable(Some(3600)),
            Fault::TooManyRequests(Some(3600)),
            Fault::Dropped,
            Fault::Status(401),
            Fault::Status(403),
            Fault::InvalidClient,
            Fault::MalformedJson,
            Fault::NotAnObject,
            Fault::WithoutCode,
            Fault::unknown_code(),
            Fault::Redirect,
        ] {
            let stand = Stand::start().await;
            stand.simulator.inject(endpoint, fault.clone(), Times::UntilCleared);
            let failed = enrol(&stand).await;
            assert!(failed.is_err(), "{endpoint} {fault:?}");
            assert!(stand.simulator.issued().is_empty(), "{endpoint} {fault:?}");
            let leaked = stand.simulator.requests().iter().any(|r| r.host == Host::Elsewhere);
            assert!(!leaked, "{endpoint} {fault:?}: something went elsewhere");
        }
    }
}

#[tokio::test]
async fn success_in_lower_case_is_success() {
    let stand = Stand::start().await;
    for endpoint in [Endpoint::Validate, Endpoint::SuccessNotification] {
        stand.simulator.inject(endpoint, Fault::LowerCaseSuccess, Times::N(1));
    }
    assert_eq!(enrol(&stand).await, Ok(()));
}

#[tokio::test]
async fn a_wrong_secret_is_asked_about_once() {
    let stand = Stand::start().await;
    stand.simulator.inject(Endpoint::Token, Fault::InvalidClient, Times::UntilCleared);
    assert_eq!(enrol(&stand).await, Err("misconfigured"));
    assert_eq!(enrol(&stand).await, Err("misconfigured"), "remembered for a few seconds");
    assert_eq!(stand.simulator.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_host_that_refuses_is_tried_again_when_it_is_back() {
    let stand = Stand::start().await;
    assert_eq!(enrol(&stand).await, Ok(()));
    stand.simulator.refuse(Host::Service).await;
    assert_eq!(enrol(&stand).await, Err("connect"));
    stand.simulator.restore().await.unwrap();
    assert_eq!(enrol(&stand).await, Ok(()));
}
