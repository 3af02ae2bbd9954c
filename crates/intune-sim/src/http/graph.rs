//! Microsoft Graph: service discovery and devices; and Azure AD Graph's discovery of old.

use serde_json::{Value, json};

use super::answer::Answer;
use super::bearer::{graph_error, graph_unauthorized};
use super::route::{ComplianceForm, DiscoveryForm, Incoming};
use crate::directory::{Compliance, ManagedDevice, Permission, Resource};
use crate::state::{State, Token};

/// How the list of service endpoints differs from the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DiscoveryQuirk {
    /// It is empty, as it is without the permission in some tenants.
    Empty,
    /// Each service is there twice; the second leads nowhere.
    Duplicates,
    /// Services are named by `serviceName` only.
    ServiceNameOnly,
    /// URIs end in a slash.
    TrailingSlash,
    /// Names are in upper case.
    OddCase,
    /// The list comes in two pages; the services of interest are on the second.
    NextLink,
    /// Entries without a name or a URI stand before the others.
    Incomplete,
}

/// Intune's application id (`0000000a-0000-0000-c000-000000000000`).
pub(crate) const INTUNE_APP_ID: &str = "0000000a-0000-0000-c000-000000000000";
/// The object id of its service principal in every simulated tenant.
const OBJECT_ID: &str = "5b0f37c5-4c0e-4a9f-8d5b-0b5a5c0c1a2b";

const VALIDATION: &str = "ScepRequestValidationFEService";
const CONNECTOR: &str = "PkiConnectorFEService";

pub(super) fn discovery(state: &State, form: &DiscoveryForm, request: &Incoming) -> Answer {
    if let DiscoveryForm::AadGraph(tenant, app) = form {
        return aad_graph(state, tenant, app, request);
    }
    let token = match state.bearer(request, Resource::Graph) {
        Ok(token) => token,
        Err(why) => return graph_unauthorized(why, request),
    };
    if !has(token, Permission::GraphApplicationReadAll) {
        return denied(request);
    }
    match form {
        DiscoveryForm::Filter => principals(request),
        DiscoveryForm::AppId(id) if id.eq_ignore_ascii_case(INTUNE_APP_ID) => {
            endpoints(state, token, request)
        }
        DiscoveryForm::ObjectId(id) if id == OBJECT_ID => endpoints(state, token, request),
        DiscoveryForm::AppId(_) | DiscoveryForm::ObjectId(_) | DiscoveryForm::AadGraph(..) => {
            not_found(request)
        }
    }
}

/// The answer to `$filter=appId eq '…'`.
fn principals(request: &Incoming) -> Answer {
    let wanted = filtered(request, "appId");
    let found: Vec<Value> = wanted
        .filter(|id| id.eq_ignore_ascii_case(INTUNE_APP_ID))
        .map(|id| json!({ "id": OBJECT_ID, "appId": id, "displayName": "Microsoft Intune" }))
        .into_iter()
        .collect();
    Answer::json(200, &json!({ "value": found }))
}

/// The value in `$filter=<name> eq '<value>'`.
fn filtered(request: &Incoming, name: &str) -> Option<String> {
    let parameters = request.parameters();
    let (_, filter) = parameters.into_iter().find(|(key, _)| key == "$filter")?;
    let value = filter.strip_prefix(name)?.trim_start().strip_prefix("eq")?.trim();
    Some(value.trim_matches('\'').to_owned())
}

fn endpoints(state: &State, token: &Token, request: &Incoming) -> Answer {
    let context = format!("{}/v1.0/$metadata#endpoints", state.urls.graph);
    let second = request.parameters().iter().any(|(key, _)| key == "$skiptoken");
    let paged = state.quirks.contains(&DiscoveryQuirk::NextLink);
    let mut document = json!({ "@odata.context": context });
    let value = match (paged, second) {
        (true, false) => {
            let link = format!("{}{}?$skiptoken=2", state.urls.graph, request.path);
            insert(&mut document, "@odata.nextLink", json!(link));
            others(state)
        }
        (true, true) => services(state, token),
        (false, _) => [others(state), services(state, token)].concat(),
    };
    let value = if state.quirks.contains(&DiscoveryQuirk::Empty) { Vec::new() } else { value };
    insert(&mut document, "value", Value::Array(value));
    Answer::json(200, &document)
}

fn insert(document: &mut Value, member: &str, value: Value) {
    if let Some(members) = document.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

/// Entries of other services, of which a real tenant has tens.
fn others(state: &State) -> Vec<Value> {
    let names = ["AADGraphNotificationConsumer", "CompliancePolicyFEService", "DeviceFEService"];
    let entry = |name: &&str| entry(state, name, &format!("{}/other/{name}", state.urls.service));
    let mut entries: Vec<Value> = names.iter().map(entry).collect();
    if state.quirks.contains(&DiscoveryQuirk::Incomplete) {
        entries.push(json!({ "id": "1", "providerName": VALIDATION }));
        entries.push(json!({ "id": "2", "uri": format!("{}/nameless", state.urls.service) }));
    }
    entries
}

/// The two services that a SCEP server needs.
fn services(state: &State, token: &Token) -> Vec<Value> {
    let Ok(tenant) = state.tenant(&token.tenant) else { return Vec::new() };
    let base = format!("{}/{}/RACerts", state.urls.service, tenant.scale_unit);
    let slash = if state.quirks.contains(&DiscoveryQuirk::TrailingSlash) { "/" } else { "" };
    let validation = format!(
        "{base}/ScepRequestValidationFEService/Gateway/StatelessScepRequestValidationService{slash}"
    );
    let connector =
        format!("{base}/StatelessPkiConnectorService/Gateway/StatelessPkiConnectorService{slash}");
    let mut entries =
        vec![entry(state, VALIDATION, &validation), entry(state, CONNECTOR, &connector)];
    if state.quirks.contains(&DiscoveryQuirk::Duplicates) {
        let nowhere = format!("{}/nowhere", state.urls.service);
        entries.extend([entry(state, VALIDATION, &nowhere), entry(state, CONNECTOR, &nowhere)]);
    }
    entries
}

fn entry(state: &State, name: &str, uri: &str) -> Value {
    let upper = state.quirks.contains(&DiscoveryQuirk::OddCase);
    let name = if upper { name.to_uppercase() } else { name.to_owned() };
    let mut entry = json!({
        "id": format!("id-of-{name}"),
        "deletedDateTime": null,
        "capability": name,
        "providerId": null,
        "providerResourceId": null,
        "uri": uri,
    });
    let member = match state.quirks.contains(&DiscoveryQuirk::ServiceNameOnly) {
        true => "serviceName",
        false => "providerName",
    };
    insert(&mut entry, member, json!(name));
    entry
}

/// Discovery as it was until 2022 (Azure AD Graph, api-version 1.6).
fn aad_graph(state: &State, tenant: &str, app: &str, request: &Incoming) -> Answer {
    let error = |status, code: &str, message: &str| {
        let message = json!({ "lang": "en", "value": message });
        Answer::json(
            status,
            &json!({ "odata.error": {
                "code": code, "message": message, "requestId": request.activity(),
            }}),
        )
    };
    let token = match state.bearer(request, Resource::AadGraph) {
        Ok(token) => token,
        Err(why) => return error(401, "Authentication_MissingOrMalformed", why.message()),
    };
    let is_own = state.tenant(tenant).is_ok_and(|tenant| tenant.id == token.tenant);
    if !is_own || !has(token, Permission::AadGraphApplicationReadAll) {
        return error(403, "Authorization_RequestDenied", INSUFFICIENT);
    }
    if !app.eq_ignore_ascii_case(INTUNE_APP_ID) {
        return error(404, "Request_ResourceNotFound", "Resource not found.");
    }
    let old = |entry: Value| {
        let name = entry.get("providerName").or(entry.get("serviceName")).cloned();
        json!({
            "odata.type": "Microsoft.DirectoryServices.ServiceEndpoint",
            "objectType": "ServiceEndpoint",
            "objectId": entry.get("id"),
            "deletionTimestamp": null,
            "capability": entry.get("capability"),
            "serviceId": null,
            "serviceName": name,
            "uri": entry.get("uri"),
            "resourceId": null,
        })
    };
    let value: Vec<Value> =
        [others(state), services(state, token)].concat().into_iter().map(old).collect();
    Answer::json(200, &json!({ "odata.metadata": "…/$metadata#directoryObjects", "value": value }))
}

pub(super) fn compliance(state: &State, form: &ComplianceForm, request: &Incoming) -> Answer {
    let token = match state.bearer(request, Resource::Graph) {
        Ok(token) => token,
        Err(why) => return graph_unauthorized(why, request),
    };
    let permission = match form {
        ComplianceForm::Managed(_) | ComplianceForm::ManagedByFilter => {
            Permission::GraphManagedDevicesReadAll
        }
        ComplianceForm::Entra(_) => Permission::GraphDeviceReadAll,
    };
    if !has(token, permission) {
        return denied(request);
    }
    let mine = || {
        let is_mine = |device: &&ManagedDevice| {
            state.tenant(&device.tenant).is_ok_and(|tenant| tenant.id == token.tenant)
        };
        state.devices.iter().filter(is_mine)
    };
    let by_entra_id = |id: Option<String>| {
        let id = id.unwrap_or_default();
        mine().find(|device| device.azure_ad_id.eq_ignore_ascii_case(&id))
    };
    let list = |found: Option<Value>| {
        Answer::json(200, &json!({ "value": found.into_iter().collect::<Vec<_>>() }))
    };
    let one = |found: Option<Value>| match found {
        Some(device) => Answer::json(200, &device),
        None => not_found(request),
    };
    match form {
        ComplianceForm::Managed(id) => one(mine().find(|d| d.id == *id).map(managed_device)),
        ComplianceForm::ManagedByFilter => {
            list(by_entra_id(filtered(request, "azureADDeviceId")).map(managed_device))
        }
        ComplianceForm::Entra(Some(id)) => one(by_entra_id(Some(id.clone())).map(entra_device)),
        ComplianceForm::Entra(None) => {
            list(by_entra_id(filtered(request, "deviceId")).map(entra_device))
        }
    }
}

fn managed_device(device: &ManagedDevice) -> Value {
    json!({
        "id": device.id,
        "azureADDeviceId": device.azure_ad_id,
        "deviceName": device.name,
        "serialNumber": device.serial_number,
        "complianceState": device.compliance.to_string(),
    })
}

fn entra_device(device: &ManagedDevice) -> Value {
    json!({
        "id": format!("object-{}", device.azure_ad_id),
        "deviceId": device.azure_ad_id,
        "displayName": device.name,
        "accountEnabled": true,
        "isManaged": true,
        "isCompliant": device.compliance == Compliance::Compliant,
    })
}

fn has(token: &Token, permission: Permission) -> bool {
    let (role, _) = permission.role();
    token.roles.iter().any(|given| given == role)
}

const INSUFFICIENT: &str = "Insufficient privileges to complete the operation.";

fn denied(request: &Incoming) -> Answer {
    graph_error(403, "Authorization_RequestDenied", INSUFFICIENT, request)
}

fn not_found(request: &Incoming) -> Answer {
    graph_error(404, "Request_ResourceNotFound", "Resource does not exist.", request)
}
