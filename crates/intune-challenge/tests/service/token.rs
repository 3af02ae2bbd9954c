//! Tokens of Entra.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intune_challenge::Secret;
use intune_challenge::service::*;

use crate::support::*;

fn read_with(
    audience: Audience,
    secret: &str,
    response: &HttpResponse,
) -> Result<AccessToken, Failure> {
    let (settings, application, secret) = (settings(), application(), Secret::new(secret));
    let credential = TokenCredential::Secret(&secret);
    TokenRequest::new(&settings, &application, audience, credential).unwrap().read(response, NOW)
}

fn read(response: &HttpResponse) -> Result<AccessToken, Failure> {
    read_with(Audience::Intune, CLIENT_SECRET, response)
}

fn to_http(audience: Audience, credential: TokenCredential<'_>) -> HttpRequest {
    let (settings, application) = (settings(), application());
    TokenRequest::new(&settings, &application, audience, credential).unwrap().to_http(ACTIVITY)
}

fn refused(status: u16, code: u64) -> HttpResponse {
    answer(
        status,
        format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS{code}: No. Trace ID: 1","error_codes":[{code}],"timestamp":"2027-01-15 08:00:00Z","trace_id":"t","correlation_id":"c-1","error_uri":"https://login.microsoftonline.com/error?code={code}"}}"#
        ),
    )
}

fn hint(failure: &Failure) -> Hint {
    match failure {
        Failure::Misconfigured(problem) => problem.hint,
        other => panic!("{other:?}"),
    }
}

fn malformed(body: &str) -> MalformedAnswer {
    match read(&ok(body)).unwrap_err() {
        Failure::Unavailable(Unavailable {
            kind: UnavailableKind::Malformed { problem, .. },
            ..
        }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_with_a_secret_is_the_form_that_entra_expects() {
    let secret = Secret::new("a+b/c=d e&f~\u{e9}");
    let request = to_http(Audience::Intune, TokenCredential::Secret(&secret));
    assert_eq!(request.method(), Method::Post);
    assert_eq!(
        request.url(),
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    );
    assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(header(&request, "accept"), Some("application/json"));
    assert_eq!(header(&request, "authorization"), None);
    assert_eq!(
        body(&request),
        "grant_type=client_credentials&client_id=11111111-2222-3333-4444-555555555555\
         &client_secret=a%2Bb%2Fc%3Dd%20e%26f~%C3%A9\
         &scope=https%3A%2F%2Fapi.manage.microsoft.com%2F%2F.default"
    );
}

#[test]
fn a_request_with_an_assertion_is_the_form_that_entra_expects() {
    let assertion = Secret::new("aaa.bbb.ccc-_");
    let request = to_http(Audience::Graph, TokenCredential::Assertion(&assertion));
    assert_eq!(
        body(&request),
        "grant_type=client_credentials&client_id=11111111-2222-3333-4444-555555555555\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
         &client_assertion=aaa.bbb.ccc-_&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
    );
}

#[test]
fn a_token_is_read_with_its_lifetime_as_number_or_text() {
    for seconds in ["3599", "\"3599\""] {
        let body = format!(
            r#"{{"token_type":"Bearer","expires_in":{seconds},"ext_expires_in":3599,"access_token":"{TOKEN}"}}"#
        );
        let token = read(&ok(body)).unwrap();
        assert_eq!(token, self::token());
        assert_eq!(token.expires_in(), Duration::from_secs(3599));
    }
}

#[test]
fn a_lifetime_beyond_belief_is_a_week() {
    let body = format!(r#"{{"expires_in":18446744073709551615,"access_token":"{TOKEN}"}}"#);
    assert_eq!(read(&ok(body)).unwrap().expires_in(), Duration::from_secs(604_800));
}

#[test]
fn what_is_no_token_is_refused() {
    for (body, member) in [
        ("{}", "expires_in"),
        (r#"{"expires_in":-1,"access_token":"x"}"#, "expires_in"),
        (r#"{"expires_in":"soon","access_token":"x"}"#, "expires_in"),
        (r#"{"expires_in":1}"#, "access_token"),
        (r#"{"expires_in":1,"access_token":""}"#, "access_token"),
        (r#"{"expires_in":1,"access_token":"a\r\nX: y"}"#, "access_token"),
        (r#"{"expires_in":1,"access_token":["x"]}"#, "access_token"),
        (r#"{"token_type":"mac","expires_in":1,"access_token":"x"}"#, "token_type"),
        (r#"{"token_type":7,"expires_in":1,"access_token":"x"}"#, "token_type"),
    ] {
        assert_eq!(malformed(body), MalformedAnswer::Member(member), "{body}");
    }
    let twice = r#"{"expires_in":1,"access_token":"x","access_token":"y"}"#;
    assert_eq!(malformed(twice), MalformedAnswer::DuplicateMember);
}

#[test]
fn each_refusal_has_a_sentence_that_names_its_number() {
    use EntraRefusal::*;
    for (code, expected) in [
        (7_000_215, WrongSecret),
        (7_000_222, ExpiredSecret),
        (700_016, ApplicationNotFound),
        (7_000_229, ApplicationNotFound),
        (7_000_112, ApplicationDisabled),
        (90_002, TenantNotFound),
        (900_023, TenantNotFound),
        (500_011, ResourceNotFound(Audience::Intune)),
        (70_011, InvalidScope(Audience::Intune)),
        (1_002_012, InvalidScope(Audience::Intune)),
        (900_382, WrongCloud),
        (700_027, AssertionRefused),
        (700_024, AssertionOutOfTime),
        (70_021, FederationMismatch),
        (700_213, FederationMismatch),
        (53_003, ConditionalAccess),
        (65_535, Other { code: 65_535 }),
    ] {
        for status in [400, 401, 403] {
            let failure = read(&refused(status, code)).unwrap_err();
            assert_eq!(hint(&failure), Hint::Entra(expected), "{code}");
            assert_eq!(hint(&failure).label(), expected.label());
            let sentence = hint(&failure).to_string();
            assert!(sentence.contains(" (AADSTS") && sentence.contains(": "), "{sentence}");
            let Failure::Misconfigured(problem) = failure else { panic!() };
            let message = problem.message.unwrap();
            assert_eq!(message.to_string(), format!("invalid_client: AADSTS{code} (activity c-1)"));
        }
    }
}

#[test]
fn the_resource_that_is_not_found_is_named() {
    let failure = read_with(Audience::Graph, CLIENT_SECRET, &refused(400, 500_011)).unwrap_err();
    assert_eq!(hint(&failure), Hint::Entra(EntraRefusal::ResourceNotFound(Audience::Graph)));
    assert!(hint(&failure).to_string().contains("Microsoft Graph"));
}

#[test]
fn a_secrets_id_in_place_of_its_value_is_recognised() {
    let id = "0f0e0d0c-1111-2222-3333-444455556666";
    let failure = read_with(Audience::Graph, id, &refused(401, 7_000_215)).unwrap_err();
    assert_eq!(hint(&failure), Hint::Entra(EntraRefusal::SecretIdInsteadOfValue));
    assert!(hint(&failure).to_string().contains("looks like a secret's id"));
}

#[test]
fn the_number_is_found_in_the_description_too() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}"#;
    let failure = read(&answer(401, body)).unwrap_err();
    assert_eq!(hint(&failure), Hint::Entra(EntraRefusal::ExpiredSecret));
    let failure = read(&answer(400, r#"{"error":"invalid_request"}"#)).unwrap_err();
    assert_eq!(hint(&failure), Hint::Entra(EntraRefusal::Other { code: 0 }));
}

#[test]
fn what_passes_by_itself_is_not_a_refusal() {
    for response in [
        refused(429, 50_196),
        refused(400, 90_033),
        answer(400, r#"{"error":"temporarily_unavailable"}"#),
        answer(503, "<html>"),
        answer(500, r#"{"error":"server_error"}"#),
    ] {
        let response = HttpResponse { retry_after: Some("9".to_owned()), ..response };
        let failure = read(&response).unwrap_err();
        assert_eq!(failure.label(), "unavailable");
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(9)));
    }
}

#[test]
fn what_is_not_entra_is_told_as_such() {
    let page = |status| hint(&read(&answer(status, "<html>")).unwrap_err());
    for status in [400, 401, 403, 404] {
        assert_eq!(page(status), Hint::RequestRefused { status });
    }
    assert_eq!(page(302), Hint::Redirected { status: 302 });
    assert_eq!(page(407), Hint::ProxyAuthentication);
}

#[test]
fn the_roles_of_a_token_can_be_read() {
    let with = |payload: &str| {
        let text = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        AccessToken::new(Secret::new(text), Duration::from_secs(1)).unwrap().roles()
    };
    let roles = with(r#"{"aud":"x","roles":["scep_challenge_provider","other",7]}"#).unwrap();
    assert_eq!(roles, [AccessToken::SCEP_ROLE, "other"]);
    // Entra leaves the claim out for an application without permissions.
    assert_eq!(with(r#"{"aud":"x"}"#), Some(Vec::new()));
    assert_eq!(with(r#"{"roles":"scep_challenge_provider"}"#), None);
    assert_eq!(with("no json"), None);
    let opaque = AccessToken::new(Secret::new("opaque"), Duration::ZERO).unwrap();
    assert_eq!(opaque.roles(), None);
}

#[test]
fn the_sentences_say_what_to_do() {
    for (code, words) in [
        (7_000_215, ["(AADSTS7000215)", "value, not its id"]),
        (7_000_222, ["(AADSTS7000222)", "make a new one"]),
        (700_016, ["(AADSTS700016)", "check client id and tenant"]),
        (90_002, ["(AADSTS90002)", "tenant's id or domain"]),
        (500_011, ["(AADSTS500011)", "Intune licences"]),
        (900_382, ["(AADSTS900382)", "configure the cloud"]),
        (700_027, ["(AADSTS700027)", "upload the certificate"]),
        (70_021, ["(AADSTS70021)", "issuer, subject and audience"]),
        (4_711, ["(AADSTS4711)", "https://login.microsoftonline.com/error"]),
    ] {
        let sentence = hint(&read(&refused(401, code)).unwrap_err()).to_string();
        assert!(words.iter().all(|words| sentence.contains(words)), "{sentence}");
    }
    let unknown = Hint::Entra(EntraRefusal::Other { code: 0 }).to_string();
    assert!(unknown.starts_with("Entra refuses the application: look"), "{unknown}");
}
