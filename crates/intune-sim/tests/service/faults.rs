use std::time::Duration;

use intune_sim::{Endpoint, Error, Fault, Host, InvalidText, Times};
use serde_json::{Value, json};

use crate::support::{
    Answer, DOWNLOAD, FAILURE, SUCCESS, Stand, UPLOAD, VALIDATE, csr_of, endpoints, failure_body,
    http, success_body, validate_body,
};

/// Asks an endpoint something that it would answer with 200.
async fn ask(stand: &Stand, endpoint: Endpoint) -> Result<Answer, reqwest::Error> {
    let urls = stand.simulator.urls();
    let secret = stand.simulator.credentials().unwrap().client_secret;
    if endpoint == Endpoint::Token {
        let fields = stand.fields(secret.expose(), &urls.intune_scope);
        return stand.try_token_request(&fields).await;
    }
    let path = match endpoint {
        Endpoint::Discovery => Some(endpoints()),
        Endpoint::Compliance => Some("/v1.0/deviceManagement/managedDevices/device-1".to_owned()),
        _ => None,
    };
    if let Some(path) = path {
        let bearer = format!("Bearer {}", stand.graph_token().await);
        let url = format!("{}{path}", urls.graph);
        let headers = [("authorization", bearer.as_str())];
        return stand.send(reqwest::Method::GET, &url, &headers, String::new()).await;
    }
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    let (action, body) = match endpoint {
        Endpoint::Validate => (VALIDATE, validate_body("t", &csr)),
        Endpoint::SuccessNotification => (SUCCESS, success_body("t", &csr)),
        Endpoint::FailureNotification => (FAILURE, failure_body("t", &csr)),
        Endpoint::DownloadRevocationRequests => {
            (DOWNLOAD, json!({ "downloadParameters": { "maxRequests": 1, "issuerName": null } }))
        }
        _ => {
            let context = stand.simulator.request_revocation("01", None).unwrap();
            let result = json!({
                "requestContext": context, "succeeded": true, "errorCode": "None", "errorMessage": null,
            });
            (UPLOAD, json!({ "results": [result] }))
        }
    };
    stand.try_action(action, &token, &body).await
}

#[tokio::test]
async fn each_endpoint_answers_when_nothing_is_injected() {
    let stand = Stand::start().await;
    for endpoint in Endpoint::ALL {
        assert_eq!(ask(&stand, endpoint).await.unwrap().status, 200, "{endpoint}");
    }
}

#[tokio::test]
async fn each_injected_status_and_text_comes_once_from_each_endpoint() {
    let stand = Stand::start().await;
    let cases = [
        (Fault::InternalError, 500, None),
        (Fault::ServiceUnavailable(Some(7)), 503, Some("7")),
        (Fault::ServiceUnavailable(None), 503, None),
        (Fault::TooManyRequests(Some(3)), 429, Some("3")),
        (Fault::Status(401), 401, None),
        (Fault::Status(403), 403, None),
        (Fault::InvalidClient, 400, None),
        (Fault::MalformedJson, 200, None),
        (Fault::NotAnObject, 200, None),
        (Fault::WithoutCode, 200, None),
        (Fault::unknown_code(), 200, None),
    ];
    for endpoint in Endpoint::ALL {
        for (fault, status, retry_after) in &cases {
            stand.simulator.inject(endpoint, fault.clone(), Times::N(1));
            let answer = ask(&stand, endpoint).await.unwrap();
            assert_eq!(answer.status, *status, "{endpoint} {fault:?}");
            assert_eq!(answer.retry_after.as_deref(), *retry_after, "{endpoint} {fault:?}");
            assert!(
                has_the_marks(&answer, endpoint, fault),
                "{endpoint} {fault:?}: {}",
                answer.text
            );
        }
        assert_eq!(ask(&stand, endpoint).await.unwrap().status, 200, "{endpoint} recovers");
    }
}

fn has_the_marks(answer: &Answer, endpoint: Endpoint, fault: &Fault) -> bool {
    let json: Result<Value, _> = serde_json::from_str(&answer.text);
    match (fault, json) {
        (Fault::MalformedJson, json) => json.is_err(),
        (_, Err(_)) => false,
        (Fault::NotAnObject, Ok(json)) => json.is_array(),
        (Fault::WithoutCode, Ok(json)) => json == json!({}),
        (Fault::InvalidClient, Ok(json)) => json["error"] == "invalid_client",
        (Fault::Code { code, .. }, Ok(json)) => json["code"] == code.as_str(),
        // Entra's errors are OAuth's.
        (_, Ok(json)) if endpoint == Endpoint::Token => json["error"] == "temporarily_unavailable",
        (Fault::InternalError, Ok(json)) if endpoint.host() == Host::Service => {
            let nested = json["error"]["message"].as_str().unwrap_or_default();
            let nested: Value = serde_json::from_str(nested).unwrap_or_default();
            json["error"]["code"] == "InternalError" && nested["_version"] == 3
        }
        (_, Ok(json)) => json["error"]["code"].is_string(),
    }
}

#[tokio::test]
async fn a_fault_lasts_as_long_as_it_was_told_to() {
    let stand = Stand::start().await;
    let status = async || ask(&stand, Endpoint::Validate).await.unwrap().status;
    stand.simulator.inject(Endpoint::Validate, Fault::Status(503), Times::N(2));
    assert_eq!([status().await, status().await, status().await], [503, 503, 200]);
    stand.simulator.inject(Endpoint::Validate, Fault::Status(503), Times::UntilCleared);
    assert_eq!([status().await, status().await, status().await], [503, 503, 503]);
    stand.simulator.clear_faults();
    assert_eq!(status().await, 200);
    stand.simulator.inject(Endpoint::Validate, Fault::Status(500), Times::N(1));
    stand.simulator.inject(Endpoint::Validate, Fault::Status(429), Times::N(1));
    assert_eq!([status().await, status().await, status().await], [500, 429, 200], "in order");
}

#[tokio::test]
async fn a_timeout_is_no_answer_at_all() {
    let mut stand = Stand::start().await;
    let token = stand.intune_token().await;
    stand.http = http(Duration::from_secs(1));
    stand.simulator.inject(Endpoint::Validate, Fault::Timeout, Times::N(1));
    let body = validate_body("t", &csr_of(&stand.policy()));
    let answer = stand.try_action(VALIDATE, &token, &body).await;
    assert!(answer.unwrap_err().is_timeout());
    assert_eq!(stand.simulator.requests_of(Endpoint::Validate)[0].status, None);
}

#[tokio::test]
async fn the_peak_is_how_many_were_under_way_at_one_time() {
    let mut stand = Stand::start().await;
    let token = stand.intune_token().await;
    let body = validate_body("t", &csr_of(&stand.policy()));
    for _ in 0..3 {
        assert_eq!(stand.action(VALIDATE, &token, &body).await.code(), "Success");
    }
    assert_eq!(stand.simulator.peak(Endpoint::Validate), 1, "one after the other");
    stand.http = http(Duration::from_secs(1));
    stand.simulator.inject(Endpoint::Validate, Fault::Timeout, Times::UntilCleared);
    let ask = || stand.try_action(VALIDATE, &token, &body);
    let (one, other, third) = tokio::join!(ask(), ask(), ask());
    assert!(one.is_err() && other.is_err() && third.is_err());
    assert_eq!(stand.simulator.peak(Endpoint::Validate), 3);
    assert_eq!(stand.simulator.count(Endpoint::Validate), 6);
}

#[tokio::test]
async fn a_dropped_request_was_not_done_and_a_lost_answer_was() {
    let stand = Stand::start().await;
    stand.simulator.inject(Endpoint::SuccessNotification, Fault::Dropped, Times::N(1));
    let dropped = ask(&stand, Endpoint::SuccessNotification).await.unwrap_err();
    assert!(!dropped.is_timeout() && !dropped.is_connect(), "{dropped:?}");
    assert!(stand.simulator.issued().is_empty());
    stand.simulator.inject(Endpoint::SuccessNotification, Fault::AnswerLost, Times::N(1));
    assert!(ask(&stand, Endpoint::SuccessNotification).await.is_err());
    assert_eq!(stand.simulator.issued().len(), 1);
}

#[tokio::test]
async fn a_refused_host_refuses_connections_until_it_is_restored() {
    let stand = Stand::start().await;
    for (host, endpoint) in [
        (Host::Login, Endpoint::Token),
        (Host::Graph, Endpoint::Discovery),
        (Host::Service, Endpoint::Validate),
    ] {
        assert_eq!(ask(&stand, endpoint).await.unwrap().status, 200);
        stand.simulator.refuse(host).await;
        assert!(ask(&stand, endpoint).await.unwrap_err().is_connect(), "{host:?}");
        stand.simulator.restore().await.unwrap();
        assert_eq!(ask(&stand, endpoint).await.unwrap().status, 200, "{host:?}");
    }
}

#[tokio::test]
async fn success_in_lower_case_is_done_all_the_same() {
    let stand = Stand::start().await;
    stand.simulator.inject(Endpoint::SuccessNotification, Fault::LowerCaseSuccess, Times::N(1));
    let answer = ask(&stand, Endpoint::SuccessNotification).await.unwrap();
    assert_eq!(answer.code(), "success");
    assert_eq!(stand.simulator.issued().len(), 1);
}

#[tokio::test]
async fn a_slow_body_comes_in_chunks_and_whole() {
    let stand = Stand::start().await;
    let pause = Duration::from_millis(1);
    for endpoint in Endpoint::ALL {
        stand.simulator.inject(endpoint, Fault::SlowBody(pause), Times::N(1));
        let answer = ask(&stand, endpoint).await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.json().is_object(), "{endpoint}");
    }
    stand.simulator.inject(Endpoint::Validate, Fault::Delay(pause), Times::N(1));
    assert_eq!(ask(&stand, Endpoint::Validate).await.unwrap().code(), "Success");
}

#[tokio::test]
async fn a_redirect_points_to_another_host_that_records_what_comes() {
    let stand = Stand::start().await;
    for endpoint in Endpoint::ALL {
        stand.simulator.inject(endpoint, Fault::Redirect, Times::N(1));
        let answer = ask(&stand, endpoint).await.unwrap();
        assert_eq!(answer.status, 307, "{endpoint}");
        let location = answer.location.unwrap();
        assert!(location.starts_with(&stand.simulator.urls().elsewhere), "{location}");
    }
    let elsewhere = |stand: &Stand| {
        stand.simulator.requests().iter().filter(|request| request.host == Host::Elsewhere).count()
    };
    assert_eq!(elsewhere(&stand), 0);
    stand.get(&format!("{}/x", stand.simulator.urls().elsewhere), "leaked").await;
    assert_eq!(elsewhere(&stand), 1);
    let leaked = stand.simulator.requests().pop().unwrap();
    assert_eq!(leaked.header("authorization"), Some("Bearer leaked"));
}

#[tokio::test]
async fn a_simulator_that_is_dropped_is_gone() {
    let stand = Stand::start().await;
    let login = stand.simulator.urls().login;
    let http = stand.http.clone();
    drop(stand);
    // The runtime closes the sockets when it next looks at their tasks.
    while http.get(&login).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(http.get(login).send().await.unwrap_err().is_connect());
}

#[test]
fn faults_have_names_for_the_command_line() {
    let parse = |text: &str| text.parse::<Fault>();
    assert_eq!(parse("timeout"), Ok(Fault::Timeout));
    assert_eq!(parse("404"), Ok(Fault::Status(404)));
    assert_eq!(parse("500"), Ok(Fault::InternalError));
    let expired = Fault::Code { code: "ChallengeExpired".to_owned(), description: String::new() };
    assert_eq!(parse("code=ChallengeExpired"), Ok(expired));
    for text in ["", "99", "200", "whatever"] {
        let invalid = Error::Invalid { expected: InvalidText::Fault, text: text.to_owned() };
        assert_eq!(parse(text), Err(invalid));
    }
    for endpoint in Endpoint::ALL {
        assert_eq!(endpoint.name().parse(), Ok(endpoint));
    }
}
