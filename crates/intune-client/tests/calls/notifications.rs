//! Notifications and revocation: what is sent, how often, and what is told.

use std::time::Duration;

use intune_client::service::{
    ErrorDescription, HResult, RevocationDownload, RevocationError, RevocationResult,
    RevocationUpload, SuccessNotification,
};

use crate::microsoft::{Act, CONNECTOR, Microsoft, Place, VALIDATION};
use crate::support::{client, crypto, enrolled, enrolment, tenant, verdict};

async fn notify_success(microsoft: &Microsoft) -> (String, u32, Duration) {
    let (enrolment, certificate) = enrolled();
    let called = client(microsoft).notify_success(&tenant(), &enrolment, &certificate).await;
    let (attempts, duration) = (called.attempts, called.duration);
    (verdict(called), attempts, duration)
}

async fn notify_failure(microsoft: &Microsoft) -> (String, u32, Duration) {
    let description = ErrorDescription::new("the CA does not answer").unwrap();
    let hresult = HResult::CA_UNAVAILABLE;
    let called =
        client(microsoft).notify_failure(&tenant(), &enrolment(), hresult, description).await;
    let (attempts, duration) = (called.attempts, called.duration);
    (verdict(called), attempts, duration)
}

fn code(code: &str) -> Act {
    Act::Answer(200, format!(r#"{{"code":"{code}","errorDescription":""}}"#))
}

// library test 4.3-11
#[tokio::test(start_paused = true)]
async fn a_success_notification_says_which_certificate() {
    let microsoft = Microsoft::new();
    let (enrolment, certificate) = enrolled();
    let client = client(&microsoft);
    let tenant = tenant();
    assert_eq!(verdict(client.validate(&tenant, &enrolment).await), "well");
    let called = client.notify_success(&tenant, &enrolment, &certificate).await;
    assert_eq!(verdict(called), "well");
    assert_eq!(microsoft.counts(), (2, 1, 2));

    let (validated, notified) =
        (microsoft.at(Place::Validate)[0].json(), microsoft.at(Place::Success)[0].json());
    let notification = &notified["notification"];
    for same in ["transactionId", "certificateRequest"] {
        assert_eq!(notification[same], validated["request"][same], "{same}");
    }
    assert_eq!(notification["certificateThumbprint"].as_str().unwrap().len(), 40);
    assert_eq!(microsoft.at(Place::Success)[0].header("api-version"), Some("2018-02-20"));
}

#[tokio::test(start_paused = true)]
async fn a_notification_of_ones_own_has_a_ca_configuration() {
    let microsoft = Microsoft::new();
    let (enrolment, certificate) = enrolled();
    let notification = SuccessNotification::new(&enrolment, &certificate, crypto().digest).unwrap();
    let notification = notification.with_ca_configuration("profile-7").unwrap();
    let notification = notification.with_certificate_authority("Contoso Issuing CA 1").unwrap();
    let called = client(&microsoft).notify(&tenant(), &notification).await;
    assert_eq!(verdict(called), "well");
    let notified = &microsoft.at(Place::Success)[0].json()["notification"];
    assert_eq!(notified["caConfiguration"], "profile-7");
    assert_eq!(notified["certificateAuthority"], "Contoso Issuing CA 1");
    // Without one of its own, neither is said.
    assert_eq!(notify_success(&microsoft).await.0, "well");
    let notified = &microsoft.at(Place::Success)[1].json()["notification"];
    assert_eq!(
        (notified.get("caConfiguration"), notified.get("certificateAuthority")),
        (None, None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_another_key_is_not_notified() {
    let microsoft = Microsoft::new();
    let ((enrolment, _), (_, other)) = (enrolled(), enrolled());
    let called = client(&microsoft).notify_success(&tenant(), &enrolment, &other).await;
    assert_eq!((called.attempts, verdict(called).as_str()), (0, "input"));
    assert_eq!(microsoft.counts(), (0, 0, 0));
}

// library test 4.3-13
#[tokio::test(start_paused = true)]
async fn a_failure_notification_says_why() {
    let microsoft = Microsoft::new();
    assert_eq!(notify_failure(&microsoft).await.0, "well");
    let notified = microsoft.at(Place::Failure)[0].json();
    assert_eq!(notified["notification"]["hResult"], 0x8007_06BA_u32);
    assert_eq!(notified["notification"]["errorDescription"], "the CA does not answer");
}

// library test 4.3-12, 14
#[tokio::test(start_paused = true)]
async fn a_denied_notification_is_told_by_its_code() {
    let act = || [code("ChallengeDecryptionError")];
    let success = notify_success(&Microsoft::new().then(Place::Success, act())).await;
    let failure = notify_failure(&Microsoft::new().then(Place::Failure, act())).await;
    assert_eq!((success.0.as_str(), success.1), ("ChallengeDecryptionError", 1));
    assert_eq!((failure.0.as_str(), failure.1), ("ChallengeDecryptionError", 1));
}

/// Fault, attempts, milliseconds, what is told.
fn faults() -> Vec<(Act, u32, u64, &'static str)> {
    let answer = |status, body: &str| Act::Answer(status, body.to_owned());
    vec![
        (Act::Hang, 3, 20_000, "timeout"),
        (Act::Refuse, 4, 1_500, "connect"),
        (Act::BreakOff, 3, 1_500, "interrupted"),
        (answer(500, "{}"), 3, 1_500, "500"),
        (Act::ComeAgain(503, "3"), 3, 6_000, "503"),
        (Act::ComeAgain(429, "30"), 1, 0, "throttled"),
        (answer(401, "{}"), 2, 0, "intune_token_refused"),
        (answer(403, "{}"), 1, 0, "intune_permission"),
        (answer(404, ""), 2, 0, "moved"),
        (answer(200, "{"), 1, 0, "malformed"),
        (answer(200, "[]"), 1, 0, "malformed"),
        (answer(200, "{}"), 1, 0, "malformed"),
        (code("NeverHeardOf"), 1, 0, "NeverHeardOf"),
        (code("success"), 1, 0, "well"),
        (Act::Slow(Duration::from_secs(2)), 1, 2_000, "well"),
        (Act::Redirect, 1, 0, "redirected"),
    ]
}

#[tokio::test(start_paused = true)]
async fn faults_at_the_success_notification() {
    for (act, attempts, spent, told) in faults() {
        let microsoft = Microsoft::new();
        microsoft.always(Place::Success, act.clone());
        let expected = (told.to_owned(), attempts, Duration::from_millis(spent));
        assert_eq!(notify_success(&microsoft).await, expected, "{act:?}");
        assert_eq!(microsoft.count(Place::Success), attempts as usize, "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn faults_at_the_failure_notification() {
    for (act, attempts, spent, told) in faults() {
        let microsoft = Microsoft::new();
        microsoft.always(Place::Failure, act.clone());
        let expected = (told.to_owned(), attempts, Duration::from_millis(spent));
        assert_eq!(notify_failure(&microsoft).await, expected, "{act:?}");
        assert_eq!(microsoft.count(Place::Failure), attempts as usize, "{act:?}");
    }
}

// library test 4.3-07, 08
#[tokio::test(start_paused = true)]
async fn revocations_are_downloaded_and_their_results_uploaded() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    let download = RevocationDownload::new(10, None).unwrap();
    let requests = client.download_revocations(&tenant, &download).await.outcome.unwrap();
    assert_eq!(microsoft.counts(), (2, 1, 1));
    assert_eq!(requests.len(), 2);
    assert_eq!(
        (requests[0].context.as_str(), requests[0].serial_number.as_str()),
        ("context-1", "0A0B")
    );
    assert_eq!(requests[0].issuer_name.as_deref(), Some("CN=Test"));
    assert_eq!(microsoft.at(Place::Download)[0].header("api-version"), Some("5019-05-05"));

    let error = ErrorDescription::new("Error Test").unwrap();
    let results = vec![
        RevocationResult::succeeded(&requests[0]),
        RevocationResult::failed(&requests[1], RevocationError::AuthenticationException, error),
    ];
    let upload = RevocationUpload::new(results).unwrap();
    assert_eq!(verdict(client.upload_revocations(&tenant, &upload).await), "well");
    assert_eq!(microsoft.counts(), (2, 1, 2));
    assert_eq!(
        microsoft.at(Place::Upload)[0].json()["results"][1]["errorCode"],
        "AuthenticationException"
    );
}

#[tokio::test(start_paused = true)]
async fn results_that_are_not_accepted_are_told() {
    for (body, told) in [
        (r#"{"value":false}"#, "NotAccepted"),
        (r#"{"value":"test"}"#, "malformed"),
        ("{}", "malformed"),
    ] {
        let microsoft = Microsoft::new().then(Place::Upload, [Act::Answer(200, body.to_owned())]);
        let (client, tenant) = (client(&microsoft), tenant());
        let download = RevocationDownload::new(100, Some("CN=Test")).unwrap();
        let requests = client.download_revocations(&tenant, &download).await.outcome.unwrap();
        let results = requests.iter().map(RevocationResult::succeeded).collect();
        let upload = RevocationUpload::new(results).unwrap();
        assert_eq!(verdict(client.upload_revocations(&tenant, &upload).await), told);
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_without_the_connector_does_not_keep_requests_from_being_validated() {
    let microsoft = Microsoft::new();
    microsoft.set_services(vec![VALIDATION]);
    let (client, tenant) = (client(&microsoft), tenant());
    let download = RevocationDownload::new(100, None).unwrap();
    let refused = client.download_revocations(&tenant, &download).await;
    assert_eq!(verdict(refused), "service_not_listed");
    assert_eq!(verdict(client.validate(&tenant, &enrolment()).await), "well");
    assert_eq!(microsoft.count(Place::Discovery), 1);

    microsoft.set_services(vec![VALIDATION, CONNECTOR]);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(client.download_revocations(&tenant, &download).await.outcome.is_ok());
    assert_eq!(microsoft.count(Place::Discovery), 2);
}
