//! Where the services are.

use intune_challenge::service::*;
use serde_json::{Value, json};

use crate::support::*;

const CONNECTOR: &str = "https://fef.msub06.manage.microsoft.com/RACerts/StatelessPkiConnectorService/Gateway/StatelessPkiConnectorService";

fn entry(name: &str, uri: &str) -> Value {
    json!({
        "id": "1", "deletedDateTime": null, "capability": name, "providerId": "2",
        "providerName": name, "providerResourceId": "3", "uri": uri,
    })
}

fn list(entries: &[Value]) -> HttpResponse {
    ok(json!({ "@odata.context": "https://graph.microsoft.com/v1.0/$metadata", "value": entries })
        .to_string())
}

fn both() -> [Value; 3] {
    [
        entry("SomethingElse", "https://else.example"),
        entry("ScepRequestValidationFEService", VALIDATION),
        entry("PkiConnectorFEService", CONNECTOR),
    ]
}

fn step<'a>(
    discovery: &Discovery<'a>,
    response: &HttpResponse,
) -> Result<DiscoveryStep<'a>, Failure> {
    discovery.read(response, NOW)
}

fn discover(response: &HttpResponse) -> Endpoints {
    let settings = settings();
    match step(&Discovery::new(&settings), response) {
        Ok(DiscoveryStep::Done(endpoints)) => endpoints,
        other => panic!("{other:?}"),
    }
}

fn validation(endpoints: &Endpoints) -> Result<&str, Hint> {
    match endpoints.find(ServiceName::ScepValidation) {
        Ok(url) => Ok(url.as_str()),
        Err(Failure::Misconfigured(problem)) => Err(problem.hint),
        Err(other) => panic!("{other:?}"),
    }
}

fn refused(response: &HttpResponse) -> Failure {
    step(&Discovery::new(&settings()), response).unwrap_err()
}

#[test]
fn the_request_is_microsofts_with_the_key_as_a_path_literal() {
    let settings = settings();
    let request = Discovery::new(&settings).to_http(&token(), ACTIVITY);
    assert_eq!(request.method(), Method::Get);
    assert_eq!(
        request.url(),
        "https://graph.microsoft.com/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints"
    );
    assert_eq!(header(&request, "authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(header(&request, "client-request-id"), Some(ACTIVITY_TEXT));
    assert!(request.body().is_empty());
}

#[test]
fn both_services_are_found_among_others() {
    let endpoints = discover(&list(&both()));
    assert_eq!(validation(&endpoints), Ok(VALIDATION));
    assert_eq!(endpoints.find(ServiceName::PkiConnector).unwrap().as_str(), CONNECTOR);
    assert_eq!((endpoints.entries(), endpoints.repeated()), (3, 0));
}

#[test]
fn names_are_compared_without_regard_to_case() {
    let endpoints = discover(&list(&[entry("SCEPrequestVALIDATIONfeservice", VALIDATION)]));
    assert_eq!(validation(&endpoints), Ok(VALIDATION));
}

#[test]
fn the_old_name_of_the_name_serves_if_the_new_one_is_absent() {
    let old = json!({ "serviceName": "ScepRequestValidationFEService", "uri": VALIDATION });
    assert_eq!(validation(&discover(&list(&[old]))), Ok(VALIDATION));
    let both = json!({
        "providerName": "Other", "serviceName": "ScepRequestValidationFEService", "uri": VALIDATION,
    });
    let hint = Hint::ServiceNotListed(ServiceName::ScepValidation);
    assert_eq!(validation(&discover(&list(&[both]))), Err(hint));
}

#[test]
fn the_first_of_several_entries_counts() {
    let name = "ScepRequestValidationFEService";
    let entries = [entry(name, VALIDATION), entry(name, "https://second.example")];
    let endpoints = discover(&list(&entries));
    assert_eq!((validation(&endpoints), endpoints.repeated()), (Ok(VALIDATION), 1));
}

#[test]
fn entries_that_lack_something_are_skipped() {
    let name = "ScepRequestValidationFEService";
    let entries = [
        json!(null),
        json!("text"),
        json!({ "uri": "https://a.example" }),
        json!({ "providerName": name }),
        json!({ "providerName": name, "uri": null }),
        json!({ "providerName": 7, "uri": "https://a.example" }),
        entry(name, VALIDATION),
    ];
    let endpoints = discover(&list(&entries));
    assert_eq!((validation(&endpoints), endpoints.repeated()), (Ok(VALIDATION), 0));
}

#[test]
fn a_slash_at_the_end_of_an_address_is_dropped() {
    let entries = [entry("ScepRequestValidationFEService", "https://fef.example/a/")];
    assert_eq!(validation(&discover(&list(&entries))), Ok("https://fef.example/a"));
}

// library test 4.3-05: as Graph answers today
#[test]
fn a_service_that_is_not_listed_is_explained() {
    let entries = [entry("SomethingElse", "https://else.example")];
    let hint = Hint::ServiceNotListed(ServiceName::ScepValidation);
    assert_eq!(validation(&discover(&list(&entries))), Err(hint));
    assert!(hint.to_string().contains("ScepRequestValidationFEService"));
}

#[test]
fn an_empty_directory_is_explained_by_permission_and_consent() {
    assert_eq!(validation(&discover(&list(&[]))), Err(Hint::DirectoryEmpty));
    let sentence = Hint::DirectoryEmpty.to_string();
    assert!(sentence.contains("Application.Read.All") && sentence.contains("admin consent"));
}

#[test]
fn an_address_that_is_not_https_gets_no_token() {
    let name = "ScepRequestValidationFEService";
    for uri in ["http://fef.example", "https://user@fef.example", "fef.example", ""] {
        let hint = Hint::ServiceAddress(ServiceName::ScepValidation);
        assert_eq!(validation(&discover(&list(&[entry(name, uri)]))), Err(hint), "{uri}");
    }
}

#[test]
fn the_list_goes_on_at_its_next_link() {
    let settings = settings();
    let next = "https://graph.microsoft.com/v1.0/servicePrincipals/x/endpoints?$skiptoken=a%20b";
    let page = json!({ "value": [both()[0]], "@odata.nextLink": next });
    let Ok(DiscoveryStep::More(more)) = step(&Discovery::new(&settings), &ok(page.to_string()))
    else {
        panic!()
    };
    assert_eq!(more.to_http(&token(), ACTIVITY).url(), next);
    let Ok(DiscoveryStep::Done(endpoints)) = step(&more, &list(&both()[1..])) else { panic!() };
    assert_eq!(validation(&endpoints), Ok(VALIDATION));
    assert_eq!(endpoints.entries(), 3);
    let last = json!({ "value": [], "@odata.nextLink": null });
    assert!(matches!(step(&more, &ok(last.to_string())), Ok(DiscoveryStep::Done(_))));
}

fn next_link_problem(link: &Value) -> bool {
    let page = json!({ "value": [], "@odata.nextLink": link });
    matches!(
        refused(&ok(page.to_string())),
        Failure::Unavailable(Unavailable {
            kind: UnavailableKind::Malformed { problem: MalformedAnswer::NextLink, .. },
            ..
        })
    )
}

#[test]
fn a_next_link_does_not_lead_the_token_elsewhere() {
    for link in [
        json!("https://evil.example/v1.0/x"),
        json!("https://graph.microsoft.com.evil.example/x"),
        json!("https://graph.microsoft.com@evil.example/x"),
        json!("https://graph.microsoft.com:444/x"),
        json!("http://graph.microsoft.com/x"),
        json!("/v1.0/x"),
        json!("https://graph.microsoft.com/x?a\r\nb"),
        json!(format!("https://graph.microsoft.com/x?{}", "y".repeat(9_000))),
        json!(7),
        json!(""),
    ] {
        assert!(next_link_problem(&link), "{link}");
    }
}

#[test]
fn a_list_without_end_ends() {
    let settings = settings();
    let page =
        ok(json!({ "value": [], "@odata.nextLink": "https://graph.microsoft.com/x" }).to_string());
    let mut discovery = Discovery::new(&settings);
    let mut pages = 0;
    while let Ok(DiscoveryStep::More(more)) = step(&discovery, &page) {
        discovery = more;
        pages += 1;
    }
    assert_eq!(pages, 15);
}

#[test]
fn graphs_refusals_are_explained() {
    let body = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation.","innerError":{"date":"2027-01-15T08:00:00","request-id":"r","client-request-id":"c"}}}"#;
    let Failure::Misconfigured(problem) = refused(&answer(403, body)) else { panic!() };
    assert_eq!(problem.hint, Hint::GraphPermission);
    assert!(problem.hint.to_string().contains("Application.Read.All"));
    let message = problem.message.unwrap();
    assert_eq!(
        message.to_string(),
        "Authorization_RequestDenied: Insufficient privileges to complete the operation."
    );
    for (status, hint) in [
        (401, Hint::GraphTokenRefused),
        (404, Hint::IntuneNotInTenant),
        (403, Hint::GraphPermission),
    ] {
        assert_eq!(refused(&answer(status, "")), hint.into());
    }
    assert_eq!(refused(&answer(429, "")).label(), "unavailable");
}

#[test]
fn a_directory_without_a_list_is_malformed() {
    for body in ["{}", r#"{"value":null}"#, r#"{"value":{}}"#, r#"{"value":"x"}"#, "[]"] {
        assert_eq!(refused(&ok(body)).label(), "unavailable", "{body}");
    }
}

#[test]
fn other_names_and_another_app_are_asked_for() {
    let settings = settings()
        .with(Setting::ValidationService, "Renamed")
        .unwrap()
        .with(Setting::IntuneAppId, "0000-1")
        .unwrap()
        .with(Setting::GraphVersion, "beta")
        .unwrap();
    let discovery = Discovery::new(&settings);
    let url = discovery.to_http(&token(), ACTIVITY).url().to_owned();
    assert!(url.ends_with("/beta/servicePrincipals/appId=0000-1/endpoints"));
    let Ok(DiscoveryStep::Done(found)) = step(&discovery, &list(&[entry("renamed", VALIDATION)]))
    else {
        panic!()
    };
    assert_eq!(validation(&found), Ok(VALIDATION));
}
