//! The tests of Microsoft's own libraries that need calls, by meaning; those that are wrong there are right here.

use intune_client::Client;

use crate::microsoft::{Act, Microsoft, Place};
use crate::support::{client, enrolment, tenant, verdict};

const UNAVAILABLE: &str = r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error has occurred.","error_codes":[90033]}"#;

fn code(code: &str) -> Act {
    Act::Answer(200, format!(r#"{{"code":"{code}","errorDescription":""}}"#))
}

async fn validate(client: &Client<Microsoft>) -> String {
    verdict(client.validate(&tenant(), &enrolment()).await)
}

// library test 4.3-01, 09
#[tokio::test(start_paused = true)]
async fn a_request_that_is_validated_costs_two_tokens_a_look_up_and_a_call() {
    let microsoft = Microsoft::new().then(Place::Validate, [code("Success")]);
    assert_eq!(validate(&client(&microsoft)).await, "well");
    assert_eq!(microsoft.counts(), (2, 1, 1));
}

// library test 4.3-02, 10
#[tokio::test(start_paused = true)]
async fn a_request_that_is_denied_costs_the_same_and_is_told_by_its_code() {
    for denial in ["ChallengeDecodingError", "ChallengeDecryptionError"] {
        let microsoft = Microsoft::new().then(Place::Validate, [code(denial)]);
        assert_eq!(validate(&client(&microsoft)).await, denial);
        assert_eq!(microsoft.counts(), (2, 1, 1));
    }
}

// library test 4.3-03: corrected, an expired token is no reason to refuse a device
#[tokio::test(start_paused = true)]
async fn http_401_is_told_after_a_new_token_did_not_help() {
    let microsoft = Microsoft::new();
    microsoft.always(
        Place::Validate,
        Act::Answer(401, r#"{"error":{"code":"Unauthorized","message":"no"}}"#.to_owned()),
    );
    assert_eq!(validate(&client(&microsoft)).await, "intune_token_refused");
    assert_eq!(microsoft.counts(), (3, 1, 2));
}

// library test 4.3-04: corrected, there is no second kind of token to ask for
#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_else_is_asked_for() {
    let microsoft = Microsoft::new();
    microsoft.always(Place::GraphToken, Act::Answer(503, UNAVAILABLE.to_owned()));
    assert_eq!(validate(&client(&microsoft)).await, "503");
    assert_eq!(microsoft.counts(), (3, 0, 0));
}

// library test 4.3-05
#[tokio::test(start_paused = true)]
async fn a_directory_with_other_services_only_is_said_to_be_that() {
    let microsoft = Microsoft::new();
    microsoft.set_services(vec![("OtherService", "Other")]);
    assert_eq!(validate(&client(&microsoft)).await, "service_not_listed");
    assert_eq!(microsoft.counts(), (1, 1, 0));
}

// library test 4.3-06, 16: corrected, the same call looks the service up again
#[tokio::test(start_paused = true)]
async fn a_host_that_is_gone_is_looked_up_again_by_the_same_call() {
    let microsoft = Microsoft::new().then(Place::Validate, [Act::Refuse]);
    let client = client(&microsoft);
    assert_eq!(validate(&client).await, "well");
    assert_eq!(microsoft.counts(), (2, 2, 2));
}

// library test 4.3-15: corrected, what Entra says is what is told
#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_unknown_is_told_as_that() {
    let unknown = r#"{"error":"invalid_request","error_description":"AADSTS90002: Tenant 'tenant' not found.","error_codes":[90002]}"#;
    let microsoft = Microsoft::new();
    microsoft.always(Place::GraphToken, Act::Answer(400, unknown.to_owned()));
    assert_eq!(validate(&client(&microsoft)).await, "tenant_not_found");
    assert_eq!(microsoft.counts(), (1, 0, 0));
}
