//! Another HTTP client below `intune-client`: hyper, one connection a request, to a service that answers on this machine.
//!
//! A transport in production speaks TLS, or plain HTTP to a proxy beside it that does.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use intune_client::service::{
    Application, Cloud, Enrolment, HttpRequest, HttpResponse, MAX_BODY, Setting, Settings,
    TransactionId, UrlPolicy,
};
use intune_client::{
    BearerHosts, Cause, Client, ClientSettings, Credential, Loopback, Tenant, Transport,
    TransportError, TransportFailure,
};
use scep_client::sign_csr;
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_types::{KeyKind, Name, Secret, oid};
use tokio::net::TcpStream;

/// hyper, without pool, redirects or anything else that a transport must not do.
struct Hyper;

impl Transport for Hyper {
    async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let url: Uri = request.url().parse().map_err(because(TransportFailure::Connect))?;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let authority = url.authority().map(ToString::to_string).unwrap_or_default();
        let stream =
            TcpStream::connect(&authority).await.map_err(because(TransportFailure::Connect))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(because(TransportFailure::Interrupted))?;
        tokio::spawn(connection);

        let mut builder = hyper::Request::builder().method(request.method().name()).uri(target);
        builder = builder.header("Host", authority);
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        let request = builder.body(Full::new(request.body().clone()));
        let request = request.map_err(because(TransportFailure::Interrupted))?;
        let response = sender.send_request(request).await;
        let response = response.map_err(because(TransportFailure::Interrupted))?;
        let retry_after = response.headers().get("Retry-After");
        let retry_after = retry_after.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| cut_off(&*error))?.to_bytes();
        Ok(HttpResponse { status, retry_after, body })
    }
}

fn cut_off(error: &(dyn std::error::Error + 'static)) -> TransportFailure {
    if error.is::<LengthLimitError>() {
        TransportFailure::TooLarge { limit: MAX_BODY }
    } else {
        TransportFailure::Interrupted
    }
}

fn because<E: std::error::Error + Send + Sync + 'static>(
    failure: TransportFailure,
) -> impl Fn(E) -> TransportError {
    move |error| TransportError { failure, cause: Some(Cause::new(error)) }
}

#[tokio::main]
async fn main() -> Result<()> {
    let microsoft = stand_in().await?;
    let settings = Settings::new(Cloud::Global, "Example/1.0")?
        .with_url_policy(UrlPolicy::HttpForTests)
        .with(Setting::Login, &microsoft)?
        .with(Setting::Graph, &microsoft)?;
    let application = Application::new("contoso.example", "an-application")?;
    let tenant = Tenant::new(application, Credential::Secret(Secret::new("a secret")), settings);
    let bearer_hosts = BearerHosts::default().with_loopback(Loopback::Allowed);
    let settings = ClientSettings { bearer_hosts, ..ClientSettings::default() };
    let client = Client::new(Hyper, provider(), settings);

    for finding in client.check(&tenant).await {
        println!("{:?}: {finding}", finding.severity());
    }
    let key = SoftwareKey::generate(KeyKind::P256)?;
    let csr = sign_csr(
        &key,
        &Name::build(&[(oid::COMMON_NAME, "device-1")]),
        Some(&Secret::new("MII…")),
        &[],
    )?;
    let called = client.validate(&tenant, &Enrolment::new(TransactionId::new("1")?, csr)?).await;
    let validated = called.outcome.context("validated")?;
    ensure!(validated.activity_id() == called.activity_id);
    println!("validated in {:?}, activity {}", called.duration, called.activity_id);
    Ok(())
}

/// Entra, Graph and the service, who say yes to everything.
async fn stand_in() -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new().fallback(answer).with_state(url.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn answer(State(url): State<String>, uri: Uri) -> String {
    match uri.path().rsplit('/').next() {
        // Its claims: {"roles":["scep_challenge_provider"]}
        Some("token") => r#"{"expires_in":3599,"access_token":"e30.eyJyb2xlcyI6WyJzY2VwX2NoYWxsZW5nZV9wcm92aWRlciJdfQ.e30"}"#.to_owned(),
        Some("endpoints") => format!(
            r#"{{"value":[{{"providerName":"ScepRequestValidationFEService","uri":"{url}/scep"}},{{"providerName":"PkiConnectorFEService","uri":"{url}/pki"}}]}}"#
        ),
        _ => r#"{"code":"Success","errorDescription":""}"#.to_owned(),
    }
}
