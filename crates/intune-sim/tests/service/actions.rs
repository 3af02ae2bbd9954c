use intune_sim::{App, ClientSecret, Endpoint, NotificationPolicy, Permission, Tenant};
use reqwest::Method;
use scep_types::Secret;
use serde_json::{Value, json};

use crate::support::{
    ACTIVITY, DOWNLOAD, FAILURE, NOW, SUCCESS, Stand, TENANT, UPLOAD, VALIDATE, csr_of,
    failure_body, success_body, validate_body,
};

const ACTIONS: [&str; 5] = [VALIDATE, SUCCESS, FAILURE, DOWNLOAD, UPLOAD];

#[tokio::test]
async fn each_action_wants_a_bearer_token_for_intune() {
    let stand = Stand::start().await;
    let graph = stand.graph_token().await;
    for action in ACTIONS {
        for token in ["", "made.up.token", &graph] {
            assert_eq!(stand.action(action, token, &json!({})).await.status, 401, "{action}");
        }
    }
}

#[tokio::test]
async fn each_action_wants_the_role() {
    let stand = Stand::start().await;
    stand.simulator.set_permissions(TENANT, [Permission::GraphApplicationReadAll]).unwrap();
    let token = stand.intune_token().await;
    for action in ACTIONS {
        assert_eq!(stand.action(action, &token, &json!({})).await.status, 403, "{action}");
    }
}

#[tokio::test]
async fn each_action_wants_its_top_level_member() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    for action in ACTIONS {
        for body in [json!({}), json!([]), json!({ "request": null, "notification": "x" })] {
            let answer = stand.action(action, &token, &body).await;
            assert_eq!(answer.status, 400, "{action}");
            let json = answer.json();
            assert_eq!(json["error"]["code"], "BadRequest");
            let nested: Value =
                serde_json::from_str(json["error"]["message"].as_str().unwrap()).unwrap();
            assert!(nested["Message"].as_str().unwrap().contains(ACTIVITY));
        }
    }
}

#[tokio::test]
async fn an_unknown_api_version_is_refused() {
    let stand = Stand::start().await;
    let bearer = format!("Bearer {}", stand.intune_token().await);
    let body = validate_body("t", &csr_of(&stand.policy())).to_string();
    let url = stand.action_url(VALIDATE);
    for (version, status) in [("2018-02-20", 200), ("5019-05-05", 200), ("2030-01-01", 400)] {
        let headers = [("authorization", bearer.as_str()), ("api-version", version)];
        let answer = stand.send(Method::POST, &url, &headers, body.clone()).await.unwrap();
        assert_eq!(answer.status, status, "{version}");
    }
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(stand.send(Method::POST, &url, &headers, body).await.unwrap().status, 400);
}

#[tokio::test]
async fn a_request_without_transaction_csr_or_caller_is_refused() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    for member in ["transactionId", "certificateRequest", "callerInfo"] {
        let mut body = validate_body("t", &csr);
        body["request"][member] = json!("");
        assert_eq!(stand.action(VALIDATE, &token, &body).await.status, 400, "{member}");
    }
}

#[tokio::test]
async fn what_is_sent_is_recorded_in_order_with_headers() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    stand.validate(&token, "t-7", &csr_of(&stand.policy())).await;
    let requests = stand.simulator.requests();
    let endpoints: Vec<_> = requests.iter().map(|request| request.endpoint).collect();
    assert_eq!(endpoints, [Some(Endpoint::Token), Some(Endpoint::Validate)]);
    let validate = &requests[1];
    assert_eq!(validate.activity_id(), Some(ACTIVITY));
    assert_eq!(validate.header("api-version"), Some("2018-02-20"));
    assert_eq!(validate.header("Authorization"), Some(format!("Bearer {token}").as_str()));
    assert_eq!(validate.json()["request"]["transactionId"], "t-7");
    assert_eq!((validate.status, validate.code.as_deref()), (Some(200), Some("Success")));
    assert_eq!(stand.simulator.count(Endpoint::Validate), 1);
    assert_eq!(stand.simulator.peak(Endpoint::Validate), 1);
    stand.simulator.forget_requests();
    assert_eq!((stand.simulator.requests().len(), stand.simulator.count(Endpoint::Token)), (0, 0));
}

#[tokio::test]
async fn only_the_newest_requests_are_remembered_but_all_are_counted() {
    let stand = Stand::with(|config| config.remembered_requests = 3).await;
    for _ in 0..5 {
        stand.graph_token().await;
    }
    assert_eq!(stand.simulator.requests().len(), 3);
    assert_eq!(stand.simulator.count(Endpoint::Token), 5);
    assert!(stand.simulator.requests().iter().all(|request| request.status == Some(200)));
}

#[tokio::test]
async fn a_certificate_that_is_notified_is_recorded_once() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    for _ in 0..2 {
        let answer = stand.action(SUCCESS, &token, &success_body("t-1", &csr)).await;
        assert_eq!(answer.code(), "Success");
    }
    let issued = stand.simulator.issued();
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0].device, "device-1");
    assert_eq!(issued[0].transaction_id, "t-1");
    assert_eq!(issued[0].serial_number, "4F00AA");
    assert_eq!(issued[0].expires, "2027-11-21T00:00:00.000Z");
    assert_eq!(issued[0].ca_configuration.as_deref(), Some("ca-1"));
    assert_eq!(issued[0].certificate_authority, None);
    assert_eq!(issued[0].notifications, 2);
}

#[tokio::test]
async fn a_success_notification_must_be_complete() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    let cases = [
        ("certificateThumbprint", json!("")),
        ("certificateThumbprint", json!("01:23")),
        ("certificateSerialNumber", json!(null)),
        ("certificateExpirationDateUtc", json!("tomorrow")),
        ("certificateExpirationDateUtc", json!("2027-11-21T00:00:00+02:00")),
        ("issuingCertificateAuthority", json!("")),
        ("callerInfo", json!("")),
        ("caConfiguration", json!(7)),
    ];
    for (member, value) in cases {
        let mut body = success_body("t", &csr);
        body["notification"][member] = value;
        assert_eq!(stand.action(SUCCESS, &token, &body).await.status, 400, "{member}");
    }
    for expires in
        ["2018-06-11T16:11:20.0904778Z", "2018-06-11T16:11:20Z", "2018-06-11T16:11:20+0000"]
    {
        let mut body = success_body("t", &csr);
        body["notification"]["certificateExpirationDateUtc"] = json!(expires);
        assert_eq!(stand.action(SUCCESS, &token, &body).await.code(), "Success", "{expires}");
    }
}

#[tokio::test]
async fn a_failure_that_is_notified_is_recorded() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    for (h_result, seen) in
        [(json!(2_147_500_037_u64), 2_147_500_037), (json!(-2_147_467_259), -2_147_467_259)]
    {
        let mut body = failure_body("t-2", &csr);
        body["notification"]["hResult"] = h_result;
        assert_eq!(stand.action(FAILURE, &token, &body).await.code(), "Success");
        assert_eq!(stand.simulator.failures().last().unwrap().h_result, seen);
    }
    let failure = stand.simulator.failures().remove(0);
    assert_eq!(
        (failure.device.as_str(), failure.description.as_str()),
        ("device-1", "the CA refused")
    );
    assert!(stand.simulator.issued().is_empty());
}

#[tokio::test]
async fn a_failure_notification_must_be_complete_and_short() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    let cases = [
        ("hResult", json!("2147500037")),
        ("hResult", json!(4_294_967_296_u64)),
        ("errorDescription", json!("")),
        ("errorDescription", json!("ä".repeat(256))),
    ];
    for (member, value) in cases {
        let mut body = failure_body("t", &csr);
        body["notification"][member] = value;
        assert_eq!(stand.action(FAILURE, &token, &body).await.status, 400, "{member}");
    }
    let mut body = failure_body("t", &csr);
    body["notification"]["errorDescription"] = json!("ä".repeat(255));
    assert_eq!(stand.action(FAILURE, &token, &body).await.code(), "Success");
}

#[tokio::test]
async fn notifications_can_be_made_to_depend_on_a_validation() {
    let stand = Stand::start().await;
    stand.simulator.set_notification_policy(NotificationPolicy::AfterValidation);
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    let refused = "BadCertificateRequestIdInChallenge";
    assert_eq!(stand.action(SUCCESS, &token, &success_body("t", &csr)).await.code(), refused);
    assert_eq!(stand.action(FAILURE, &token, &failure_body("t", &csr)).await.code(), refused);
    assert_eq!(stand.validate(&token, "t", &csr).await.code(), "Success");
    assert_eq!(stand.action(SUCCESS, &token, &success_body("u", &csr)).await.code(), refused);
    assert_eq!(stand.action(SUCCESS, &token, &success_body("t", &csr)).await.code(), "Success");
    assert_eq!(stand.action(FAILURE, &token, &failure_body("t", &csr)).await.code(), "Success");
}

#[tokio::test]
async fn a_token_of_another_tenant_does_not_do() {
    let stand = Stand::start().await;
    let mut other = Tenant::new("99999999-0000-4000-8000-000000000000", "fabrikam.example");
    let mut app = App::new("99999999-1111-4000-8000-000000000000");
    app.secrets.push(ClientSecret::new("id", Secret::new("fabrikam's"), NOW));
    other.apps.push(app);
    stand.simulator.put_tenant(other);
    let login = stand.simulator.urls().login;
    let url = format!("{login}/fabrikam.example/oauth2/v2.0/token");
    let mut fields = stand.fields("fabrikam's", "https://api.manage.microsoft.com//.default");
    fields[1].1 = "99999999-1111-4000-8000-000000000000";
    let token = stand.form(&url, &fields).await.unwrap().json();
    let token = token["access_token"].as_str().unwrap();
    let answer = stand.validate(token, "t", &csr_of(&stand.policy())).await;
    assert_eq!(answer.code(), "BadTenantIdInChallenge");
}
