//! What the doctor finds, and in which words.

use intune_client::service::{Audience, ServiceName};
use intune_client::{BearerHosts, ClientSettings, Finding, Severity};

use crate::log;
use crate::microsoft::{Act, CONNECTOR, Microsoft, Place, VALIDATION};
use crate::support::{client, client_with, enrolment, tenant, verdict};

async fn findings(microsoft: &Microsoft) -> Vec<Finding> {
    let findings = client(microsoft).check(&tenant()).await;
    tracing::error!(?findings, "found");
    findings
}

fn worst(findings: &[Finding]) -> Severity {
    findings.iter().map(Finding::severity).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_set_up_has_only_good_findings() {
    let microsoft = Microsoft::new();
    let findings = findings(&microsoft).await;
    assert_eq!(worst(&findings), Severity::Good);
    assert_eq!(findings.len(), 5);
    assert!(findings.contains(&Finding::RoleGranted));
    assert_eq!(microsoft.counts(), (2, 1, 0), "the service itself is not asked");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named() {
    let microsoft = Microsoft::new();
    microsoft.set_roles(vec!["Application.Read.All"]);
    let findings = findings(&microsoft).await;
    let finding = findings.iter().find(|finding| finding.severity() == Severity::Problem).unwrap();
    assert_eq!(*finding, Finding::RoleMissing { roles: vec!["Application.Read.All".to_owned()] });
    let text = finding.to_string();
    assert!(text.contains("scep_challenge_provider") && text.contains("admin consent"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_cannot_be_read_does_not_hide_the_rest() {
    let microsoft = Microsoft::new();
    microsoft.always(Place::Discovery, Act::Hang);
    let findings = findings(&microsoft).await;
    assert!(matches!(findings[1], Finding::NoDirectory(_)));
    assert_eq!(findings[3], Finding::RoleGranted);
}

#[tokio::test(start_paused = true)]
async fn a_refused_secret_is_a_problem_for_both_tokens() {
    let microsoft = Microsoft::new();
    microsoft.set_secret("another-one");
    let findings = findings(&microsoft).await;
    let [
        Finding::NoToken { audience: Audience::Graph, .. },
        Finding::NoToken { audience: Audience::Intune, .. },
    ] = &findings[..]
    else {
        panic!("{findings:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn a_missing_service_is_a_problem_and_one_for_revocation_a_warning() {
    let microsoft = Microsoft::new();
    microsoft.set_services(vec![VALIDATION]);
    let found = findings(&microsoft).await;
    assert!(found.iter().any(|finding| matches!(
        finding,
        Finding::NoService { service: ServiceName::PkiConnector, .. }
    )));
    assert_eq!(worst(&found), Severity::Warning);

    microsoft.set_services(vec![CONNECTOR]);
    let found = findings(&microsoft).await;
    assert!(found.iter().any(|finding| matches!(
        finding,
        Finding::NoService { service: ServiceName::ScepValidation, .. }
    )));
    assert_eq!(worst(&found), Severity::Problem);
}

#[tokio::test(start_paused = true)]
async fn a_place_outside_the_allowed_domains_gets_no_token_and_is_reported() {
    let microsoft = Microsoft::new();
    let bearer_hosts = BearerHosts::new(["manage.microsoft.us"]);
    let client =
        client_with(&microsoft, ClientSettings { bearer_hosts, ..ClientSettings::default() });
    let findings = client.check(&tenant()).await;
    assert!(matches!(
        &findings[1],
        Finding::PlaceRefused { service: ServiceName::ScepValidation, .. }
    ));
    assert_eq!(worst(&findings), Severity::Problem);

    let called = client.validate(&tenant(), &enrolment()).await;
    assert_eq!(verdict(called), "place_refused");
    assert_eq!(microsoft.count(Place::Validate), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_doctor_finds_is_not_from_memory() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(worst(&client.check(&tenant).await), Severity::Good);
    microsoft.set_roles(vec![]);
    assert_eq!(worst(&client.check(&tenant).await), Severity::Problem);
}

#[tokio::test(start_paused = true)]
async fn a_call_logs_activity_tenant_action_attempts_and_duration() {
    let microsoft = Microsoft::new().then(Place::Validate, [Act::BreakOff]);
    let called = client(&microsoft).validate(&tenant(), &enrolment()).await;
    let activity = called.activity_id.to_string();
    assert_eq!(verdict(called), "well");
    let log = log::so_far();
    let line =
        log.lines().find(|line| line.contains(&activity) && line.contains("client: answered"));
    let line = line.unwrap();
    for part in
        ["tenant=\"contoso.example\"", "action=\"validate\"", "attempts=2", "duration_ms=500"]
    {
        assert!(line.contains(part), "{part} in {line}");
    }
}
