use intune_sim::{Endpoint, Policy};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, SUCCESS, Stand, csr_of, success_body};

async fn control(stand: &Stand, method: Method, path: &str, body: &Value) -> Answer {
    let url = format!("{}{path}", stand.simulator.urls().control);
    stand.send(method, &url, &[], body.to_string()).await.unwrap()
}

async fn post(stand: &Stand, path: &str, body: Value) -> Value {
    let answer = control(stand, Method::POST, path, &body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

async fn get(stand: &Stand, path: &str) -> Value {
    let answer = control(stand, Method::GET, path, &json!({})).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn what_the_handle_does_can_be_done_over_http() {
    let stand = Stand::start().await;
    let mint = json!({ "device": "device-1", "profile": "profile-1", "lifetime_seconds": 60 });
    let policy: Policy = serde_json::from_value(post(&stand, "/challenges", mint).await).unwrap();
    let token = stand.intune_token().await;
    let csr = csr_of(&policy);
    assert_eq!(stand.validate(&token, "t", &csr).await.code(), "Success");
    post(&stand, "/clock/advance", json!({ "seconds": 60 })).await;
    assert_eq!(stand.validate(&token, "t", &csr).await.code(), "ChallengeExpired");

    post(&stand, "/faults", json!({ "endpoint": "validate", "kind": "503", "times": 1 })).await;
    assert_eq!(stand.validate(&token, "t", &csr).await.status, 503);
    post(&stand, "/tokens/expire", json!({})).await;
    assert_eq!(stand.validate(&token, "t", &csr).await.status, 401);

    let target = json!({ "profile": "profile-1", "target": { "devices": [] } });
    post(&stand, "/profiles/target", target).await;
    let token = stand.intune_token().await;
    let answer = stand.validate(&token, "t", &csr_of(&stand.policy())).await;
    assert_eq!(answer.code(), "ScepProfileNoLongerTargetedToTheClient");

    post(&stand, "/scale-unit/move", json!({ "unit": "msub07" })).await;
    assert_eq!(stand.validate(&token, "t", &csr).await.status, 404);
    assert!(stand.uri("ScepRequestValidationFEService").await.contains("/msub07/"));
}

#[tokio::test]
async fn a_host_can_be_refused_and_restored_over_http() {
    let stand = Stand::start().await;
    post(&stand, "/faults", json!({ "endpoint": "token", "kind": "refused" })).await;
    let secret = stand.simulator.credentials().unwrap().client_secret;
    let fields = stand.fields(secret.expose(), "https://graph.microsoft.com/.default");
    assert!(stand.try_token_request(&fields).await.unwrap_err().is_connect());
    control(&stand, Method::DELETE, "/faults", &json!({})).await;
    assert_eq!(stand.token_request(&fields).await.status, 200);
}

#[tokio::test]
async fn what_happened_can_be_looked_at_without_secrets() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    stand.action(SUCCESS, &token, &success_body("t-9", &csr)).await;
    let revoke = json!({ "serial_number": "4F00AA", "issuer": "CN=Issuing CA" });
    let context = post(&stand, "/revocations", revoke).await["requestContext"].clone();

    let requests = get(&stand, "/requests").await;
    assert_eq!(requests[1]["endpoint"], "success");
    assert_eq!(requests[1]["transaction_id"], "t-9");
    assert_eq!(requests[1]["code"], "Success");
    assert!(!requests.to_string().contains(&token), "the token is shown");
    assert_eq!(get(&stand, "/counts").await["success"]["requests"], 1);
    assert_eq!(get(&stand, "/issued").await[0]["serial_number"], "4F00AA");
    assert_eq!(get(&stand, "/failures").await, json!([]));
    assert_eq!(get(&stand, "/revocations").await[0]["context"], context);
    let settings = get(&stand, "/").await;
    assert_eq!(settings["urls"]["login"], stand.simulator.urls().login);
    let secret = stand.simulator.credentials().unwrap().client_secret;
    assert!(!settings.to_string().contains(secret.expose()));
    control(&stand, Method::DELETE, "/requests", &json!({})).await;
    assert_eq!(stand.simulator.count(Endpoint::SuccessNotification), 0);
}

#[tokio::test]
async fn devices_and_profiles_can_be_added_over_http() {
    let stand = Stand::start().await;
    let mut device = get(&stand, "/devices").await[0].clone();
    device["id"] = json!("device-9");
    device["name"] = json!("laptop-9");
    post(&stand, "/devices", device.clone()).await;
    let mut profile = get(&stand, "/profiles").await[0].clone();
    profile["id"] = json!("profile-9");
    profile["subject"] = json!("CN={{DeviceName}}");
    post(&stand, "/profiles", profile).await;
    let policy = stand.simulator.mint_challenge("device-9", "profile-9").unwrap();
    assert_eq!(policy.spec().subject[0].value, "laptop-9");
    device["tenant"] = json!("nowhere.example");
    assert_eq!(control(&stand, Method::POST, "/devices", &device).await.status, 400);
}

#[tokio::test]
async fn what_cannot_be_done_is_answered_with_a_sentence() {
    let stand = Stand::start().await;
    let answer =
        control(&stand, Method::POST, "/faults", &json!({ "endpoint": "x", "kind": "500" })).await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("\"x\" is no endpoint: token, "));
    let mint = json!({ "device": "nobody", "profile": "profile-1" });
    let answer = control(&stand, Method::POST, "/challenges", &mint).await;
    assert_eq!(answer.json()["error"], "there is no device nobody");
    assert_eq!(control(&stand, Method::POST, "/nothing", &json!({})).await.status, 404);
    assert_eq!(control(&stand, Method::GET, "/nothing", &json!({})).await.status, 404);
}
