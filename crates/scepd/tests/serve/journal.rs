//! What happened and what was issued is found through the admin API, on whichever node it was, and after a restart.

use reqwest::StatusCode;
use scep_crypto::aws_lc_rs;
use scep_types::{Certificate, DigestAlgorithm};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Place, STATIC, Scepd, enrol, http, renew};

/// Waits until a node shows so many events; another one may have written the last of them only now.
async fn shown(scepd: &Scepd, kind: &str, token: &str, count: usize) -> Vec<Value> {
    for _ in 0..3_000 {
        let shown = scepd.get(&format!("/api/v1/{kind}"), token).await;
        let events = shown[kind].as_array().unwrap();
        if events.len() >= count {
            return events.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("there are no {count} {kind}");
}

async fn revoke(scepd: &Scepd, token: &str, certificate: &Certificate) {
    let order = json!({ "endpoint": "devices", "serial": certificate.serial_hex() }).to_string();
    let path = "/api/v1/certificates/revoke";
    let (status, body) = scepd.ask("POST", path, Some(token), &order).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn decisions_and_actions_of_all_nodes_are_shown_by_each_and_outlive_a_restart() {
    let place = Place::new(STATIC);
    let token = place.token("olga", "operator");
    let (mut one, mut two) = (place.serve(), place.serve());
    let issued = enrol(one.url(), "phone", PASSWORD).await.unwrap().certificate;
    shown(&one, "decisions", &token, 1).await;
    enrol(two.url(), "tablet", "wrong").await.unwrap_err();
    revoke(&two, &token, &issued).await;
    for node in [&one, &two] {
        let decisions = shown(node, "decisions", &token, 2).await;
        let outcomes: Vec<_> = decisions.iter().map(|event| event["outcome"].clone()).collect();
        assert_eq!(outcomes, ["refused", "issued"]);
        assert_eq!(decisions[1]["serial"], json!(issued.serial_hex()));
        let actions = shown(node, "actions", &token, 3).await; // two starts and a revocation
        let revoked: Vec<_> = actions.iter().filter(|event| event["did"] == "revoke").collect();
        assert_eq!(revoked.len(), 1);
        assert_eq!(revoked[0]["who"], "olga");
    }
    for node in [&mut one, &mut two] {
        node.signal("TERM");
        assert!(node.ended().success());
    }
    let after = place.serve();
    let decisions = shown(&after, "decisions", &token, 2).await;
    assert_eq!(decisions.len(), 2);
    assert_eq!(shown(&after, "actions", &token, 6).await.len(), 6); // and two stops and a start
    let newest = after.get("/api/v1/decisions?most=1", &token).await;
    assert_eq!(
        (&newest["decisions"][0]["outcome"], &newest["from"]),
        (&json!("refused"), &json!("all nodes"))
    );
    let next = format!("/api/v1/decisions?most=1&before={}", newest["next"]);
    let older = after.get(&next, &token).await;
    assert_eq!(older["decisions"][0]["outcome"], "issued");
    let metrics = after.ask("GET", "/metrics", Some(&token), "").await.1;
    assert!(metrics.contains("scep_journal_events_lost_total 0"), "{metrics}");
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_pushes_nothing_out_of_the_journal() {
    let place = Place::new(STATIC);
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    for _ in 0..20 {
        let url = format!("{}?operation=PKIOperation", scepd.url());
        let answer = http().post(url).body("not a message").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    let decisions = shown(&scepd, "decisions", &token, 1).await;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0]["outcome"], "issued");
    assert_eq!(scepd.decided(&token).await, 21);
}

#[tokio::test]
async fn without_a_journal_a_node_shows_its_own_decisions() {
    let place = Place::new(STATIC);
    place.replace("[admin]", "[store]\njournal = { most = 0 }\n[admin]");
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    let shown = scepd.get("/api/v1/decisions", &token).await;
    assert_eq!(shown["decisions"].as_array().unwrap().len(), 1);
    assert_eq!(shown["from"], "this node");
    let (status, _) = scepd.ask("GET", "/api/v1/actions", Some(&token), "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_certificate_is_shown_with_its_origin_by_serial_number_key_and_device() {
    let place = Place::new(STATIC);
    let token = place.token("olga", "operator");
    let scepd = place.serve();
    let first = enrol(scepd.url(), "phone", PASSWORD).await.unwrap().certificate;
    enrol(scepd.url(), "tablet", PASSWORD).await.unwrap();
    let second = renew(scepd.url(), &first).await.unwrap().certificate;
    revoke(&scepd, &token, &first).await;
    let get = async |query: String| {
        let shown = scepd.get(&format!("/api/v1/certificates?{query}"), &token).await;
        let serial = |shown: &Value| shown["serial"].as_str().unwrap().to_owned();
        let certificates = shown["certificates"].as_array().unwrap().clone();
        (certificates.iter().map(serial).collect::<Vec<_>>(), certificates, shown["next"].clone())
    };
    let name = first.subject().to_string().replace('=', "%3D").replace(' ', "%20");
    let (mut serials, _, _) = get(format!("device={name}")).await;
    serials.sort();
    let mut expected = [first.serial_hex(), second.serial_hex()];
    expected.sort(); // both may have been issued within a second
    assert_eq!(serials, expected);

    let digest =
        aws_lc_rs::provider().digest.digest(DigestAlgorithm::Sha256, first.spki()).unwrap();
    let key: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let (serials, shown, _) = get(format!("serial={}", first.serial_hex())).await;
    assert_eq!(serials, [first.serial_hex()]);
    assert_eq!(shown[0]["key"], json!(key));
    assert_eq!(shown[0]["endpoint"], "devices");
    assert_eq!(shown[0]["basis"], "static_password");
    assert_eq!(shown[0]["revocation"]["reason"], 0);
    assert_eq!(shown[0]["notice"], Value::Null);
    assert!(shown[0]["transaction_id"].is_string() && shown[0]["issued_at"].is_string());
    let (_, shown, _) = get(format!("serial={}", second.serial_hex())).await;
    assert_eq!(shown[0]["basis"], "renewal");
    assert_eq!(shown[0]["basis_detail"], json!(first.serial_hex()));
    assert_eq!(shown[0]["revocation"], Value::Null);

    let (all, _, next) = get(format!("key={key}")).await;
    assert!(all.contains(&first.serial_hex()) && next.is_null());
    let (newest, _, next) = get(format!("key={key}&most=1")).await;
    assert_eq!(newest, all[..1]);
    let (rest, _, _) = get(format!("key={key}&before={}", next.as_str().unwrap())).await;
    assert_eq!(rest, all[1..]);
    for wrong in [
        "",
        "key=00",
        "serial=xyz",
        "device=",
        "device=a&serial=00",
        "device=a&most=101",
        "who=a",
        "device=a&before=1",
    ] {
        let path = format!("/api/v1/certificates?{wrong}");
        let (status, body) = scepd.ask("GET", &path, Some(&token), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {body}");
    }
}
