//! A simulator, and a client of it that knows nothing but HTTP and JSON.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use intune_sim::device::{Device, Family};
use intune_sim::{CsrSpec, Policy, SimulatedClock, Simulator, SimulatorConfig};
use reqwest::{Method, redirect};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{CryptoProvider, Csr, Secret, UnixTime};
use serde_json::{Value, json};

/// 2026-11-21T00:00:00Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);
pub(crate) const TENANT: &str = SimulatorConfig::TENANT;
pub(crate) const CLIENT: &str = SimulatorConfig::CLIENT_ID;
pub(crate) const APP: &str = "0000000a-0000-0000-c000-000000000000";
pub(crate) const ACTIVITY: &str = "3d6a1b52-6c1f-4a39-9c55-0f4f3c7d2a10";

pub(crate) fn provider() -> CryptoProvider {
    scep_crypto::aws_lc_rs::provider()
}

pub(crate) fn key(name: &str) -> Arc<SoftwareKey> {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    let pem = std::fs::read_to_string(path).unwrap();
    Arc::new(SoftwareKey::from_pkcs8_pem(&pem).unwrap())
}

/// A simulator whose clock stands.
pub(crate) struct Stand {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
}

/// Status, Retry-After and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn aadsts(&self) -> u64 {
        let json = self.json();
        let code = json["error_codes"][0].as_u64().unwrap();
        let description = json["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        code
    }
}

impl Stand {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut SimulatorConfig)) -> Self {
        let mut config = SimulatorConfig::new(provider());
        config.clock = SimulatedClock::Standing(NOW);
        change(&mut config);
        let simulator = Simulator::start(config).await.unwrap();
        Self { simulator, http: http(Duration::from_secs(20)) }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let header = |name| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (retry_after, location) = (header("retry-after"), header("location"));
        let status = response.status().as_u16();
        Ok(Answer { status, retry_after, location, text: response.text().await? })
    }

    pub(crate) async fn token_request(&self, fields: &[(&str, &str)]) -> Answer {
        self.try_token_request(fields).await.unwrap()
    }

    pub(crate) async fn try_token_request(
        &self,
        fields: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.simulator.urls().login);
        self.form(&url, fields).await
    }

    pub(crate) async fn form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let form = reqwest::Url::parse_with_params("http://form/", fields).unwrap();
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let body = form.query().unwrap_or_default().to_owned();
        self.send(Method::POST, url, &[form_type], body).await
    }

    pub(crate) fn fields<'a>(&self, secret: &'a str, scope: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", secret),
            ("scope", scope),
        ]
    }

    pub(crate) async fn token(&self, scope: &str) -> String {
        let secret = self.simulator.credentials().unwrap().client_secret;
        let answer = self.token_request(&self.fields(secret.expose(), scope)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn graph_token(&self) -> String {
        self.token(&self.simulator.urls().graph_scope).await
    }

    pub(crate) async fn intune_token(&self) -> String {
        self.token(&self.simulator.urls().intune_scope).await
    }

    pub(crate) async fn graph(&self, path: &str, token: &str) -> Answer {
        let url = format!("{}{path}", self.simulator.urls().graph);
        self.get(&url, token).await
    }

    pub(crate) async fn get(&self, url: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("client-request-id", ACTIVITY)];
        self.send(Method::GET, url, &headers, String::new()).await.unwrap()
    }

    /// The URI of a service, by discovery.
    pub(crate) async fn uri(&self, name: &str) -> String {
        let list = self.graph(&endpoints(), &self.graph_token().await).await.json();
        let named = |entry: &&Value| entry["providerName"] == name;
        let entry = list["value"].as_array().unwrap().iter().find(named).unwrap().clone();
        entry["uri"].as_str().unwrap().to_owned()
    }

    /// An action of either service.
    pub(crate) async fn action(&self, action: &str, token: &str, body: &Value) -> Answer {
        self.try_action(action, token, body).await.unwrap()
    }

    pub(crate) async fn try_action(
        &self,
        action: &str,
        token: &str,
        body: &Value,
    ) -> Result<Answer, reqwest::Error> {
        let url = self.action_url(action);
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("client-request-id", ACTIVITY),
            ("api-version", "2018-02-20"),
            ("content-type", "application/json"),
        ];
        self.send(Method::POST, &url, &headers, body.to_string()).await
    }

    pub(crate) fn action_url(&self, action: &str) -> String {
        let service = match action.split_once('/') {
            Some(("ScepActions", _)) => {
                "ScepRequestValidationFEService/Gateway/StatelessScepRequestValidationService"
            }
            _ => "StatelessPkiConnectorService/Gateway/StatelessPkiConnectorService",
        };
        format!("{}/msub06/RACerts/{service}/{action}", self.simulator.urls().service)
    }

    pub(crate) async fn validate(&self, token: &str, transaction: &str, csr: &Csr) -> Answer {
        self.action(VALIDATE, token, &validate_body(transaction, csr)).await
    }

    /// A policy for the device and profile that are there by default.
    pub(crate) fn policy(&self) -> Policy {
        self.simulator.mint_challenge("device-1", "profile-1").unwrap()
    }
}

pub(crate) const VALIDATE: &str = "ScepActions/validateRequest";
pub(crate) const SUCCESS: &str = "ScepActions/successNotification";
pub(crate) const FAILURE: &str = "ScepActions/failureNotification";
pub(crate) const DOWNLOAD: &str = "CertificateAuthorityRequests/downloadRevocationRequests";
pub(crate) const UPLOAD: &str = "CertificateAuthorityRequests/uploadRevocationResults";

pub(crate) fn http(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .build()
        .unwrap()
}

pub(crate) fn endpoints() -> String {
    format!("/v1.0/servicePrincipals/appId={APP}/endpoints")
}

/// A CSR as a Windows device writes it.
pub(crate) fn csr(spec: &CsrSpec, challenge: Option<&Secret>) -> Csr {
    csr_with("rsa2048-device", spec, challenge)
}

pub(crate) fn csr_with(name: &str, spec: &CsrSpec, challenge: Option<&Secret>) -> Csr {
    Device::new(Family::Windows, key(name), provider()).csr(spec, challenge).unwrap()
}

pub(crate) fn csr_of(policy: &Policy) -> Csr {
    csr(policy.spec(), Some(policy.challenge()))
}

pub(crate) fn validate_body(transaction: &str, csr: &Csr) -> Value {
    json!({ "request": {
        "transactionId": transaction,
        "certificateRequest": STANDARD.encode(csr.der()),
        "callerInfo": "test/1.0",
    }})
}

pub(crate) fn success_body(transaction: &str, csr: &Csr) -> Value {
    json!({ "notification": {
        "transactionId": transaction,
        "certificateRequest": STANDARD.encode(csr.der()),
        "certificateThumbprint": "0123456789ABCDEF0123456789ABCDEF01234567",
        "certificateSerialNumber": "4F00AA",
        "certificateExpirationDateUtc": "2027-11-21T00:00:00.000Z",
        "issuingCertificateAuthority": "CN=Issuing CA",
        "callerInfo": "test/1.0",
        "caConfiguration": "ca-1",
        "certificateAuthority": null,
    }})
}

pub(crate) fn failure_body(transaction: &str, csr: &Csr) -> Value {
    json!({ "notification": {
        "transactionId": transaction,
        "certificateRequest": STANDARD.encode(csr.der()),
        "hResult": 2_147_500_037_u64,
        "errorDescription": "the CA refused",
        "callerInfo": "test/1.0",
    }})
}
