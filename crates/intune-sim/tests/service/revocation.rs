use std::time::Duration;

use intune_sim::RevocationState;
use serde_json::{Value, json};

use crate::support::{DOWNLOAD, SUCCESS, Stand, UPLOAD, csr_of, success_body};

fn download_body(max: i64, issuer: &Value) -> Value {
    json!({ "downloadParameters": { "maxRequests": max, "issuerName": issuer } })
}

fn result(context: &str, code: &Value) -> Value {
    let succeeded = matches!(code.as_str(), Some("None" | "0")) || *code == 0;
    json!({ "requestContext": context, "succeeded": succeeded, "errorCode": code, "errorMessage": null })
}

async fn download(stand: &Stand, token: &str) -> Vec<Value> {
    let answer = stand.action(DOWNLOAD, token, &download_body(100, &Value::Null)).await;
    assert_eq!(answer.status, 200);
    answer.json()["value"].as_array().unwrap().clone()
}

async fn upload(stand: &Stand, token: &str, results: Value) -> Value {
    let answer = stand.action(UPLOAD, token, &json!({ "results": results })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["value"].clone()
}

#[tokio::test]
async fn a_revocation_comes_with_what_was_notified_until_its_result_is_there() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let body = success_body("t", &csr_of(&stand.policy()));
    stand.action(SUCCESS, &token, &body).await;
    let context = stand.simulator.request_revocation("4F00AA", None).unwrap();
    for downloads in 1..=2 {
        let request = json!({
            "requestContext": context,
            "serialNumber": "4F00AA",
            "issuerName": "CN=Issuing CA",
            "caConfiguration": "ca-1",
        });
        assert_eq!(download(&stand, &token).await, [request]);
        assert_eq!(stand.simulator.revocations()[0].downloads, downloads, "at least once");
    }
    let done = json!([result(&context, &json!("None"))]);
    assert_eq!(upload(&stand, &token, done.clone()).await, true);
    assert!(download(&stand, &token).await.is_empty());
    assert!(stand.simulator.issued()[0].is_revoked);
    assert_eq!(stand.simulator.revocations()[0].state, RevocationState::Succeeded);
    assert_eq!(upload(&stand, &token, done).await, true, "the same result again");
}

#[tokio::test]
async fn results_are_taken_as_names_numbers_and_numbers_in_strings() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    for code in [json!("None"), json!("0"), json!(0)] {
        let context = stand.simulator.request_revocation("01", Some("CN=x")).unwrap();
        assert_eq!(upload(&stand, &token, json!([result(&context, &code)])).await, true);
    }
    for code in [json!("CertificateNotFoundError"), json!("4004"), json!(4004)] {
        let context = stand.simulator.request_revocation("02", Some("CN=x")).unwrap();
        assert_eq!(upload(&stand, &token, json!([result(&context, &code)])).await, true);
    }
    assert!(download(&stand, &token).await.is_empty(), "no result of these can be tried again");
    let failed = RevocationState::Failed("CertificateNotFoundError".to_owned());
    assert_eq!(stand.simulator.revocations().last().unwrap().state, failed);
}

#[tokio::test]
async fn a_request_that_failed_for_now_comes_again() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let context = stand.simulator.request_revocation("01", Some("CN=x")).unwrap();
    for code in ["RetryableServiceException", "4101", "ServiceTooBusyException", "4103"] {
        assert_eq!(upload(&stand, &token, json!([result(&context, &json!(code))])).await, true);
        assert_eq!(download(&stand, &token).await.len(), 1, "{code}");
    }
}

#[tokio::test]
async fn results_that_contradict_themselves_or_are_of_nothing_are_refused() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let context = stand.simulator.request_revocation("01", Some("CN=x")).unwrap();
    let mut contradiction = result(&context, &json!("None"));
    contradiction["succeeded"] = json!(false);
    let unknown_code = result(&context, &json!("CodeOfTomorrow"));
    for results in [json!([]), json!([contradiction]), json!([unknown_code]), json!("x")] {
        let answer = stand.action(UPLOAD, &token, &json!({ "results": results })).await;
        assert_eq!(answer.status, 400);
    }
    let stranger = json!([result(&context, &json!("None")), result("nobody's", &json!("None"))]);
    assert_eq!(upload(&stand, &token, stranger).await, false);
    assert_eq!(download(&stand, &token).await.len(), 1, "nothing of it was taken");
}

#[tokio::test]
async fn downloads_are_bounded_and_filtered_by_issuer() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    for (serial, issuer) in [("01", "CN=a"), ("02", "CN=b"), ("03", "CN=a")] {
        stand.simulator.request_revocation(serial, Some(issuer)).unwrap();
    }
    let serials = async |max, issuer| {
        let answer = stand.action(DOWNLOAD, &token, &download_body(max, &issuer)).await.json();
        let value = answer["value"].as_array().unwrap().clone();
        value.iter().map(|r| r["serialNumber"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(serials(2, Value::Null).await, ["01", "02"]);
    assert_eq!(serials(500, json!("CN=a")).await, ["01", "03"]);
    assert_eq!(serials(500, json!("CN=c")).await, Vec::<String>::new());
    for max in [-1, 0, 501] {
        let answer = stand.action(DOWNLOAD, &token, &download_body(max, &Value::Null)).await;
        assert_eq!(answer.status, 400, "{max}");
    }
    let without = json!({ "downloadParameters": { "maxRequests": 1 } });
    assert_eq!(stand.action(DOWNLOAD, &token, &without).await.status, 200);
}

#[tokio::test]
async fn the_queue_is_empty_while_it_cools_down() {
    let hour = Duration::from_secs(60 * 60);
    let stand = Stand::with(|config| {
        config.revocation_cool_down = Some(hour);
        config.token_lifetime = hour * 24;
    })
    .await;
    let token = stand.intune_token().await;
    stand.simulator.request_revocation("01", Some("CN=x")).unwrap();
    assert_eq!(download(&stand, &token).await.len(), 1);
    stand.simulator.advance(hour - Duration::from_secs(1));
    assert!(download(&stand, &token).await.is_empty());
    stand.simulator.advance(Duration::from_secs(1));
    assert_eq!(download(&stand, &token).await.len(), 1);
}
