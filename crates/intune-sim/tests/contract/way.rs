use std::sync::Arc;

use intune_client::service::{
    AssertionAlgorithm, ErrorDescription, HResult, RevocationDownload, RevocationError,
    RevocationResult, RevocationUpload, SuccessNotification,
};
use intune_client::{CertificateCredential, Credential, Severity};
use intune_sim::device::Family;
use intune_sim::{
    DiscoveryQuirk, Endpoint, NotificationPolicy, OldScaleUnit, Permission, RevocationState,
    SimulatorConfig,
};
use scep_test::keys;
use scep_test::pki::{Role, self_signed};
use scep_types::DigestAlgorithm;

use crate::support::{Stand, certificate, enrolment, provider, windows};

#[tokio::test]
async fn the_doctor_finds_nothing_wrong_where_nothing_is() {
    let stand = Stand::start().await;
    let findings = stand.client.check(&stand.tenant).await;
    assert!(findings.len() >= 5, "{findings:?}");
    assert!(findings.iter().all(|f| f.severity() == Severity::Good), "{findings:?}");
}

#[tokio::test]
async fn the_doctor_sees_each_missing_permission() {
    for missing in [Permission::GraphApplicationReadAll, Permission::ScepChallengeProvider] {
        let stand = Stand::start().await;
        let all = [Permission::GraphApplicationReadAll, Permission::ScepChallengeProvider];
        let left = all.into_iter().filter(|permission| *permission != missing);
        stand.simulator.set_permissions(SimulatorConfig::TENANT, left).unwrap();
        let findings = stand.client.check(&stand.tenant).await;
        assert!(findings.iter().any(|f| f.severity() == Severity::Problem), "{findings:?}");
    }
}

#[tokio::test]
async fn a_device_of_each_family_is_validated_and_notified() {
    let stand = Stand::start().await;
    stand.simulator.set_notification_policy(NotificationPolicy::AfterValidation);
    for (serial, family) in
        [(0x81, Family::Windows), (0x0A, Family::Apple), (0x10, Family::Android)]
    {
        let enrolment = enrolment(family, &stand.policy());
        let called = stand.validate(&enrolment).await;
        called.outcome.unwrap();
        let request = stand.simulator.requests_of(Endpoint::Validate).pop().unwrap();
        assert_eq!(request.activity_id(), Some(called.activity_id.to_string().as_str()));

        let certificate = certificate(&[serial, 0x01]);
        let called = stand.client.notify_success(&stand.tenant, &enrolment, &certificate).await;
        called.outcome.unwrap();
        let issued = stand.simulator.issued().pop().unwrap();
        let sha1 = provider().digest.digest(DigestAlgorithm::Sha1, certificate.der()).unwrap();
        assert_eq!(issued.thumbprint, sha1.to_hex());
        assert_eq!(issued.serial_number, format!("{serial:02X}01"));
        assert_eq!(issued.expires, "2046-01-01T00:00:00.000Z");
        assert_eq!(issued.transaction_id, "transaction-1");
        assert_eq!(issued.device, "device-1");
        assert_eq!(issued.caller_info, "contract/1.0");
    }
    assert_eq!(stand.simulator.count(Endpoint::Token), 2, "one for Graph, one for Intune");
    assert_eq!(stand.simulator.count(Endpoint::Discovery), 1);
}

#[tokio::test]
async fn a_failure_of_the_servers_own_is_notified() {
    let stand = Stand::start().await;
    let enrolment = windows(&stand.policy());
    let description = ErrorDescription::new(&"ü".repeat(300)).unwrap();
    let called =
        stand.client.notify_failure(&stand.tenant, &enrolment, HResult::FAIL, description).await;
    called.outcome.unwrap();
    let failure = stand.simulator.failures().pop().unwrap();
    assert_eq!(failure.h_result, 0x8000_4005);
    assert!(failure.description.chars().count() <= 255);
}

#[tokio::test]
async fn a_certificate_does_as_well_as_a_secret() {
    let mut stand = Stand::start().await;
    let registered = self_signed("credential", &[1], Role::Device, "rsa2048-anchor");
    let copy = registered.clone();
    stand
        .simulator
        .change_app(SimulatorConfig::TENANT, |app| {
            app.secrets.truncate(1);
            app.certificates.push(copy);
        })
        .unwrap();
    for algorithm in [AssertionAlgorithm::Ps256, AssertionAlgorithm::Rs256] {
        stand.with_credential(Credential::from(CertificateCredential {
            certificate: registered.clone(),
            key: Arc::new(keys::software("rsa2048-anchor")),
            algorithm,
        }));
        let enrolment = windows(&stand.policy());
        stand.validate(&enrolment).await.outcome.unwrap();
    }
    let body = stand.simulator.requests_of(Endpoint::Token).pop().unwrap().body;
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains("client_assertion=") && !body.contains("client_secret"));
}

#[tokio::test]
async fn a_revocation_goes_there_and_back() {
    let stand = Stand::start().await;
    let enrolment = windows(&stand.policy());
    let certificate = certificate(&[0x00, 0xAB, 0xCD]);
    let notification =
        SuccessNotification::new(&enrolment, &certificate, provider().digest).unwrap();
    let notification = notification.with_ca_configuration("issuing-ca-2").unwrap();
    stand.client.notify(&stand.tenant, &notification).await.outcome.unwrap();
    let serial = stand.simulator.issued().pop().unwrap().serial_number;
    stand.simulator.request_revocation(&serial, None).unwrap();
    stand.simulator.request_revocation("FFFF", Some("CN=gone")).unwrap();

    let download = RevocationDownload::new(100, None).unwrap();
    let requests = stand.client.download_revocations(&stand.tenant, &download).await;
    let requests = requests.outcome.unwrap();
    assert_eq!(requests.len(), 2);
    let format = stand.tenant.settings().serial_format();
    let found = requests[0].serial(format).unwrap();
    assert_eq!(found.octets(), [0xAB, 0xCD], "what was notified is read back");
    assert_eq!(requests[0].ca_configuration.as_deref(), Some("issuing-ca-2"));

    let unknown = ErrorDescription::new("no such serial").unwrap();
    let results = vec![
        RevocationResult::succeeded(&requests[0]),
        RevocationResult::failed(&requests[1], RevocationError::CertificateNotFoundError, unknown),
    ];
    let upload = RevocationUpload::new(results).unwrap();
    stand.client.upload_revocations(&stand.tenant, &upload).await.outcome.unwrap();
    let states: Vec<_> = stand.simulator.revocations().into_iter().map(|r| r.state).collect();
    let failed = RevocationState::Failed("CertificateNotFoundError".to_owned());
    assert_eq!(states, [RevocationState::Succeeded, failed]);
    assert!(stand.simulator.issued()[0].is_revoked);
}

#[tokio::test]
async fn odd_lists_of_services_are_understood() {
    for quirk in [
        DiscoveryQuirk::Duplicates,
        DiscoveryQuirk::ServiceNameOnly,
        DiscoveryQuirk::TrailingSlash,
        DiscoveryQuirk::OddCase,
        DiscoveryQuirk::NextLink,
        DiscoveryQuirk::Incomplete,
    ] {
        let stand = Stand::start().await;
        stand.simulator.set_discovery_quirks([quirk]);
        let outcome = stand.validate(&windows(&stand.policy())).await.outcome;
        assert!(outcome.is_ok(), "{quirk:?}: {outcome:?}");
    }
    let stand = Stand::start().await;
    stand.simulator.set_discovery_quirks([DiscoveryQuirk::Empty]);
    let outcome = stand.validate(&windows(&stand.policy())).await.outcome;
    assert_eq!(outcome.unwrap_err().label(), "misconfigured");
}

#[tokio::test]
async fn a_tenant_that_moved_is_found_within_the_same_call() {
    for old in [
        OldScaleUnit::NotFound,
        OldScaleUnit::Gone,
        OldScaleUnit::Misdirected,
        OldScaleUnit::Refused,
    ] {
        let stand = Stand::start().await;
        let enrolment = windows(&stand.policy());
        stand.validate(&enrolment).await.outcome.unwrap();
        stand.simulator.move_scale_unit(None, "msub07", old).await.unwrap();
        let outcome = stand.validate(&enrolment).await.outcome;
        assert!(outcome.is_ok(), "{old:?}: {outcome:?}");
        assert_eq!(stand.simulator.count(Endpoint::Discovery), 2, "{old:?}");
    }
}

#[tokio::test]
async fn a_token_that_ended_is_fetched_anew_within_the_same_call() {
    let stand = Stand::start().await;
    let enrolment = windows(&stand.policy());
    stand.validate(&enrolment).await.outcome.unwrap();
    stand.simulator.expire_tokens();
    let called = stand.validate(&enrolment).await;
    called.outcome.unwrap();
    assert_eq!(stand.simulator.count(Endpoint::Token), 3);
    assert_eq!(stand.simulator.count(Endpoint::Validate), 3);
}
