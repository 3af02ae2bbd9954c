use intune_sim::{Compliance, DiscoveryQuirk, ManagedDevice, OldScaleUnit, Permission};
use serde_json::{Value, json};

use crate::support::{APP, NOW, Stand, TENANT, VALIDATE, csr_of, endpoints, validate_body};

const VALIDATION: &str = "ScepRequestValidationFEService";
const CONNECTOR: &str = "PkiConnectorFEService";

/// The URIs that a list has for a service, by a member that names it.
fn uris(list: &Value, member: &str, name: &str) -> Vec<String> {
    let entries = list["value"].as_array().unwrap().iter();
    let named = entries.filter(|entry| entry.get(member).is_some_and(|value| value == name));
    named.filter_map(|entry| entry["uri"].as_str()).map(str::to_owned).collect()
}

async fn list(stand: &Stand) -> Value {
    let answer = stand.graph(&endpoints(), &stand.graph_token().await).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

#[tokio::test]
async fn graph_lists_both_services_among_others() {
    let stand = Stand::start().await;
    let list = list(&stand).await;
    assert!(list["value"].as_array().unwrap().len() > 2);
    assert!(list["@odata.context"].is_string());
    let validation = uris(&list, "providerName", VALIDATION);
    assert_eq!(
        validation,
        [stand.action_url(VALIDATE).trim_end_matches("/ScepActions/validateRequest")]
    );
    assert_eq!(uris(&list, "providerName", CONNECTOR).len(), 1);
}

#[tokio::test]
async fn graph_takes_the_alternate_key_and_the_filter_too() {
    let stand = Stand::start().await;
    let token = stand.graph_token().await;
    let direct = list(&stand).await;
    for key in [
        format!("servicePrincipals(appId='{APP}')"),
        format!("servicePrincipals(appId=%27{APP}%27)"),
    ] {
        assert_eq!(stand.graph(&format!("/v1.0/{key}/endpoints"), &token).await.json(), direct);
    }
    let filter = format!("/v1.0/servicePrincipals?$filter=appId%20eq%20'{APP}'");
    let found = stand.graph(&filter, &token).await.json();
    let id = found["value"][0]["id"].as_str().unwrap();
    let by_id = stand.graph(&format!("/v1.0/servicePrincipals/{id}/endpoints"), &token).await;
    assert_eq!(by_id.json(), direct);
    let other = stand.graph("/v1.0/servicePrincipals?$filter=appId%20eq%20'other'", &token).await;
    assert_eq!(other.json()["value"], json!([]));
    let other = stand.graph("/v1.0/servicePrincipals/appId=other/endpoints", &token).await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn azure_ad_graph_answers_as_it_did() {
    let stand = Stand::start().await;
    let path = format!("/{TENANT}/servicePrincipalsByAppId/{APP}/serviceEndpoints?api-version=1.6");
    let token = stand.token("https://graph.windows.net/.default").await;
    let denied = stand.graph(&path, &token).await;
    assert_eq!(denied.status, 403);
    assert_eq!(denied.json()["odata.error"]["code"], "Authorization_RequestDenied");
    stand.simulator.set_permissions(TENANT, [Permission::AadGraphApplicationReadAll]).unwrap();
    let token = stand.token("https://graph.windows.net/.default").await;
    let list = stand.graph(&path, &token).await.json();
    assert_eq!(uris(&list, "serviceName", VALIDATION).len(), 1);
    assert_eq!(stand.graph(&path, &stand.graph_token().await).await.status, 401);
}

#[tokio::test]
async fn graph_says_401_without_a_token_of_its_own_and_403_without_the_role() {
    let stand = Stand::start().await;
    for token in ["", "made.up.token", &stand.intune_token().await] {
        let answer = stand.graph(&endpoints(), token).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"]["code"], "InvalidAuthenticationToken");
    }
    stand.simulator.set_permissions(TENANT, [Permission::ScepChallengeProvider]).unwrap();
    let answer = stand.graph(&endpoints(), &stand.graph_token().await).await;
    assert_eq!(answer.status, 403);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "Authorization_RequestDenied");
    assert_eq!(error["message"], "Insufficient privileges to complete the operation.");
}

#[tokio::test]
async fn the_list_can_be_as_odd_as_real_ones_are() {
    let stand = Stand::start().await;
    let with = async |quirk| {
        stand.simulator.set_discovery_quirks([quirk]);
        list(&stand).await
    };
    assert_eq!(with(DiscoveryQuirk::Empty).await["value"], json!([]));

    let duplicates = uris(&with(DiscoveryQuirk::Duplicates).await, "providerName", VALIDATION);
    assert_eq!(duplicates.len(), 2);
    assert!(duplicates[0].contains("/RACerts/") && duplicates[1].ends_with("/nowhere"));

    let old = with(DiscoveryQuirk::ServiceNameOnly).await;
    assert_eq!(uris(&old, "serviceName", VALIDATION).len(), 1);
    assert_eq!(uris(&old, "providerName", VALIDATION).len(), 0);

    let slash = with(DiscoveryQuirk::TrailingSlash).await;
    assert!(uris(&slash, "providerName", VALIDATION)[0].ends_with('/'));

    let odd = with(DiscoveryQuirk::OddCase).await;
    assert_eq!(uris(&odd, "providerName", "SCEPREQUESTVALIDATIONFESERVICE").len(), 1);

    let incomplete = with(DiscoveryQuirk::Incomplete).await;
    let nameless = |entry: &&Value| entry.get("providerName").is_none();
    assert_eq!(incomplete["value"].as_array().unwrap().iter().filter(nameless).count(), 1);
    assert_eq!(uris(&incomplete, "providerName", VALIDATION).len(), 1, "one has no URI");
}

#[tokio::test]
async fn the_list_can_come_in_pages() {
    let stand = Stand::start().await;
    stand.simulator.set_discovery_quirks([DiscoveryQuirk::NextLink]);
    let first = list(&stand).await;
    assert!(uris(&first, "providerName", VALIDATION).is_empty());
    let link = first["@odata.nextLink"].as_str().unwrap();
    let second = stand.get(link, &stand.graph_token().await).await.json();
    assert_eq!(uris(&second, "providerName", VALIDATION).len(), 1);
    assert!(second.get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn a_tenant_that_moves_is_found_at_its_new_scale_unit_only() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    for (unit, old, status) in [
        ("msub07", OldScaleUnit::NotFound, 404),
        ("msub08", OldScaleUnit::Gone, 410),
        ("msub09", OldScaleUnit::Misdirected, 421),
    ] {
        let before = format!("{}/ScepActions/validateRequest", stand.uri(VALIDATION).await);
        stand.simulator.move_scale_unit(None, unit, old).await.unwrap();
        let after = stand.uri(VALIDATION).await;
        assert!(after.contains(&format!("/{unit}/RACerts/")), "{after}");
        let body = validate_body("t", &csr).to_string();
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("api-version", "2018-02-20")];
        let answer = stand.send(reqwest::Method::POST, &before, &headers, body.clone()).await;
        assert_eq!(answer.unwrap().status, status);
        let after = format!("{after}/ScepActions/validateRequest");
        let answer = stand.send(reqwest::Method::POST, &after, &headers, body).await.unwrap();
        assert_eq!(answer.code(), "Success");
    }
}

#[tokio::test]
async fn an_old_scale_unit_can_refuse_connections() {
    let stand = Stand::start().await;
    let old = stand.simulator.urls().service;
    stand.simulator.move_scale_unit(None, "msub07", OldScaleUnit::Refused).await.unwrap();
    assert_ne!(stand.simulator.urls().service, old);
    let refused = stand.send(reqwest::Method::POST, &old, &[], String::new()).await;
    assert!(refused.unwrap_err().is_connect());
    assert!(stand.uri(VALIDATION).await.starts_with(&stand.simulator.urls().service));
}

#[tokio::test]
async fn graph_knows_whether_a_device_complies() {
    let stand = Stand::start().await;
    let mut device = ManagedDevice::new(TENANT, "device-2");
    device.compliance = Compliance::NonCompliant;
    stand.simulator.put_device(device).unwrap();
    let token = stand.graph_token().await;
    let managed = "/v1.0/deviceManagement/managedDevices";
    let state = stand.graph(&format!("{managed}/device-1"), &token).await.json();
    assert_eq!(state["complianceState"], "compliant");
    let by_entra = format!("{managed}?$filter=azureADDeviceId%20eq%20'aad-device-2'");
    let state = stand.graph(&by_entra, &token).await.json();
    assert_eq!(state["value"][0]["complianceState"], "noncompliant");
    let state = stand.graph("/v1.0/devices(deviceId='aad-device-2')", &token).await.json();
    assert_eq!(state["isCompliant"], false);
    let by_filter = "/v1.0/devices?$filter=deviceId%20eq%20'aad-device-1'";
    assert_eq!(stand.graph(by_filter, &token).await.json()["value"][0]["isCompliant"], true);
    assert_eq!(stand.graph(&format!("{managed}/nobody"), &token).await.status, 404);
    stand.simulator.set_permissions(TENANT, [Permission::GraphApplicationReadAll]).unwrap();
    let token = stand.graph_token().await;
    assert_eq!(stand.graph(&format!("{managed}/device-1"), &token).await.status, 403);
    assert!(stand.simulator.requests().iter().all(|request| request.at == NOW));
}
