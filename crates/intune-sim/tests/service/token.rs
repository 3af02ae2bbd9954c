use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intune_sim::{App, ClientSecret, Error, FederatedCredential, Permission, Tenant};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use scep_types::{Certificate, DigestAlgorithm, Secret, SignatureScheme, SigningKey};
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{CLIENT, NOW, Stand, TENANT, endpoints, key, provider};

const INTUNE: &str = "https://api.manage.microsoft.com//.default";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_is_bound_to_its_scope_and_has_the_roles_that_were_consented_to() {
    let stand = Stand::start().await;
    let token = stand.token(INTUNE).await;
    let claims = claims(&token);
    assert_eq!(claims["aud"], "https://api.manage.microsoft.com/");
    assert_eq!(claims["roles"], json!(["scep_challenge_provider"]));
    assert_eq!(claims["tid"], TENANT);
    assert_eq!(claims["exp"], NOW.as_secs() + 3599);
    assert_eq!(stand.graph(&endpoints(), &token).await.status, 401, "it is not for Graph");
}

#[tokio::test]
async fn a_scope_with_one_slash_does_as_well_as_one_with_two() {
    let stand = Stand::start().await;
    let token = stand.token("https://api.manage.microsoft.com/.default").await;
    assert_eq!(claims(&token)["aud"], "https://api.manage.microsoft.com");
    let answer = stand.action("ScepActions/validateRequest", &token, &json!({})).await;
    assert_eq!(answer.status, 400, "the token was taken, the body was not");
}

#[tokio::test]
async fn the_tenant_may_be_named_by_its_domain() {
    let stand = Stand::start().await;
    let url = format!("{}/Contoso.Example/oauth2/v2.0/token", stand.simulator.urls().login);
    let secret = stand.simulator.credentials().unwrap().client_secret;
    let answer = stand.form(&url, &stand.fields(secret.expose(), INTUNE)).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["expires_in"], 3599);
    assert_eq!(answer.json()["token_type"], "Bearer");
}

#[tokio::test]
async fn the_v1_form_takes_a_resource_and_answers_with_strings() {
    let stand = Stand::start().await;
    let url = format!("{}/{TENANT}/oauth2/token", stand.simulator.urls().login);
    let secret = stand.simulator.credentials().unwrap().client_secret;
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", secret.expose()),
        ("resource", "https://api.manage.microsoft.com/"),
    ];
    let json = stand.form(&url, &fields).await.unwrap().json();
    assert_eq!(json["expires_in"], "3599");
    assert_eq!(json["expires_on"], (NOW.as_secs() + 3599).to_string());
    assert_eq!(json["resource"], "https://api.manage.microsoft.com/");
    assert_eq!(claims(json["access_token"].as_str().unwrap())["aud"], json["resource"]);
}

#[tokio::test]
async fn each_wrong_credential_has_its_aadsts_code() {
    let stand = Stand::start().await;
    let secret = stand.simulator.credentials().unwrap().client_secret;
    let right = secret.expose();
    let cases = [
        (stand.fields("wrong", INTUNE), 401, "invalid_client", 7_000_215),
        (stand.fields("secret-id-1", INTUNE), 401, "invalid_client", 7_000_215),
        (stand.fields("", INTUNE), 401, "invalid_client", 7_000_216),
        (
            stand.fields(right, "https://elsewhere.example/.default"),
            400,
            "invalid_resource",
            500_011,
        ),
        (stand.fields(right, "https://api.manage.microsoft.com/"), 400, "invalid_scope", 1_002_012),
    ];
    for (fields, status, error, code) in cases {
        let answer = stand.token_request(&fields).await;
        assert_eq!((answer.status, answer.aadsts()), (status, code));
        assert_eq!(answer.json()["error"], error);
        assert!(!answer.text.contains(right), "the answer repeats the secret");
    }
}

#[tokio::test]
async fn unknown_tenants_apps_and_grants_are_told_apart() {
    let stand = Stand::start().await;
    let secret = stand.simulator.credentials().unwrap().client_secret;
    let login = stand.simulator.urls().login;
    let mut fields = stand.fields(secret.expose(), INTUNE);
    let nowhere = format!("{login}/nowhere.example/oauth2/v2.0/token");
    assert_eq!(stand.form(&nowhere, &fields).await.unwrap().aadsts(), 90_002);
    fields[1].1 = "ffffffff-0000-4000-8000-000000000000";
    assert_eq!(stand.token_request(&fields).await.aadsts(), 700_016);
    fields[0].1 = "password";
    assert_eq!(stand.token_request(&fields).await.aadsts(), 70_003);
}

#[tokio::test]
async fn an_expired_secret_is_not_a_wrong_one() {
    let stand = Stand::start().await;
    stand.simulator.advance(Duration::from_secs(3 * 365 * 24 * 60 * 60));
    // The default secret was made by the system's clock: one of the standing clock's is needed.
    stand
        .simulator
        .change_app(TENANT, |app| {
            app.secrets = vec![ClientSecret::new("old", Secret::new("old value"), NOW)];
        })
        .unwrap();
    let answer = stand.token_request(&stand.fields("old value", INTUNE)).await;
    assert_eq!((answer.status, answer.aadsts()), (401, 7_000_222));
}

#[tokio::test]
async fn tokens_end_when_their_lifetime_is_over_or_when_they_are_told_to() {
    let stand = Stand::start().await;
    stand.simulator.set_token_lifetime(Duration::from_secs(2));
    let token = stand.graph_token().await;
    assert_eq!(stand.graph(&endpoints(), &token).await.status, 200);
    stand.simulator.advance(Duration::from_secs(2));
    assert_eq!(stand.graph(&endpoints(), &token).await.status, 401);
    let token = stand.graph_token().await;
    stand.simulator.expire_tokens();
    assert_eq!(stand.graph(&endpoints(), &token).await.status, 401);
}

#[tokio::test]
async fn without_a_permission_there_is_no_roles_claim() {
    let stand = Stand::start().await;
    stand.simulator.set_permissions(TENANT, [Permission::GraphApplicationReadAll]).unwrap();
    let token = stand.intune_token().await;
    assert!(claims(&token).get("roles").is_none());
}

#[tokio::test]
async fn what_msal_asks_for_first_is_there() {
    let stand = Stand::start().await;
    let login = stand.simulator.urls().login;
    let instance = format!("{login}/common/discovery/instance?api-version=1.1");
    let instance = stand.get(&instance, "").await.json();
    assert!(instance["metadata"][0]["aliases"][0].as_str().unwrap().starts_with("127.0.0.1:"));
    let open_id = format!("{login}/{TENANT}/v2.0/.well-known/openid-configuration");
    let open_id = stand.get(&open_id, "").await.json();
    assert_eq!(open_id["token_endpoint"], format!("{login}/{TENANT}/oauth2/v2.0/token"));
    let keys = stand.get(open_id["jwks_uri"].as_str().unwrap(), "").await.json();
    assert_eq!(keys, json!({ "keys": [] }));
}

/// What an assertion says, and who signs it how.
struct Assertion {
    header: Value,
    claims: Value,
    scheme: SignatureScheme,
}

impl Assertion {
    fn new(stand: &Stand, certificate: &Certificate) -> Self {
        let digest = provider().digest.digest(DigestAlgorithm::Sha256, certificate.der()).unwrap();
        let login = stand.simulator.urls().login;
        let now = NOW.as_secs();
        Self {
            header: json!({
                "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(digest),
            }),
            claims: json!({
                "aud": format!("{login}/{TENANT}/oauth2/v2.0/token"),
                "iss": CLIENT, "sub": CLIENT, "jti": "1", "iat": now, "nbf": now, "exp": now + 600,
            }),
            scheme: SignatureScheme::RsaPss(DigestAlgorithm::Sha256),
        }
    }

    async fn send(&self, stand: &Stand) -> crate::support::Answer {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = key("rsa2048-anchor").sign(self.scheme, signed.as_bytes()).unwrap();
        let jwt = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &jwt),
            ("scope", INTUNE),
        ];
        stand.token_request(&fields).await
    }
}

fn certificate() -> Certificate {
    let path = format!("{}/../../testdata/keys/rsa2048-anchor.pem", env!("CARGO_MANIFEST_DIR"));
    let pair = KeyPair::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "client credential");
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    Certificate::parse(params.self_signed(&pair).unwrap().der().to_vec()).unwrap()
}

async fn with_certificate() -> (Stand, Certificate) {
    let stand = Stand::start().await;
    let certificate = certificate();
    let copy = certificate.clone();
    stand.simulator.change_app(TENANT, |app| app.certificates.push(copy)).unwrap();
    (stand, certificate)
}

#[tokio::test]
async fn an_assertion_by_a_certificate_of_the_app_stands_for_the_secret() {
    let (stand, certificate) = with_certificate().await;
    let mut assertion = Assertion::new(&stand, &certificate);
    assert_eq!(assertion.send(&stand).await.status, 200);

    assertion.header["alg"] = json!("RS256");
    assertion.scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
    assert_eq!(assertion.send(&stand).await.status, 200);

    let sha1 = provider().digest.digest(DigestAlgorithm::Sha1, certificate.der()).unwrap();
    assertion.header = json!({ "alg": "RS256", "x5t": URL_SAFE_NO_PAD.encode(sha1) });
    assert_eq!(assertion.send(&stand).await.status, 200);
}

#[tokio::test]
async fn an_assertion_that_is_not_right_is_refused_by_what_is_wrong() {
    let (stand, certificate) = with_certificate().await;
    let refused = async |change: fn(&mut Assertion)| {
        let mut assertion = Assertion::new(&stand, &certificate);
        change(&mut assertion);
        let answer = assertion.send(&stand).await;
        assert_eq!(answer.json()["error"], "invalid_client");
        answer.aadsts()
    };
    assert_eq!(
        refused(|a| a.scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256)).await,
        700_027
    );
    assert_eq!(refused(|a| a.header["x5t#S256"] = json!("AAAA")).await, 700_027);
    assert_eq!(refused(|a| a.header["alg"] = json!("none")).await, 700_027);
    assert_eq!(
        refused(|a| a.claims["aud"] = json!("https://login.elsewhere.example")).await,
        700_023
    );
    assert_eq!(refused(|a| a.claims["sub"] = json!("somebody else")).await, 700_021);
    assert_eq!(refused(|a| a.claims["exp"] = json!(NOW.as_secs() - 400)).await, 700_024);
    assert_eq!(refused(|a| a.claims["nbf"] = json!(NOW.as_secs() + 400)).await, 700_024);
}

#[tokio::test]
async fn an_assertion_by_a_trusted_issuer_stands_for_the_secret() {
    let (stand, certificate) = with_certificate().await;
    let mut assertion = Assertion::new(&stand, &certificate);
    assertion.claims["iss"] = json!("https://issuer.example");
    assertion.claims["sub"] = json!("workload-1");
    assertion.claims["aud"] = json!("api://AzureADTokenExchange");
    assert_eq!(assertion.send(&stand).await.aadsts(), 700_021, "nobody trusts it yet");
    let credential = FederatedCredential {
        issuer: "https://issuer.example".to_owned(),
        subject: "workload-1".to_owned(),
        certificate,
    };
    stand.simulator.change_app(TENANT, |app| app.federated.push(credential)).unwrap();
    assert_eq!(assertion.send(&stand).await.status, 200);
}

#[tokio::test]
async fn tenants_do_not_share_apps() {
    let stand = Stand::start().await;
    let mut other = Tenant::new("99999999-0000-4000-8000-000000000000", "fabrikam.example");
    let mut app = App::new("99999999-1111-4000-8000-000000000000");
    app.secrets.push(ClientSecret::new("id", Secret::new("fabrikam's"), NOW));
    other.apps.push(app);
    stand.simulator.put_tenant(other);
    let mut fields = stand.fields("fabrikam's", INTUNE);
    fields[1].1 = "99999999-1111-4000-8000-000000000000";
    assert_eq!(stand.token_request(&fields).await.aadsts(), 700_016);
    let login = stand.simulator.urls().login;
    let url = format!("{login}/fabrikam.example/oauth2/v2.0/token");
    assert_eq!(stand.form(&url, &fields).await.unwrap().status, 200);
    let unknown = stand.simulator.change_app("nowhere.example", |_| ());
    assert_eq!(unknown, Err(Error::UnknownTenant("nowhere.example".to_owned())));
}
