use std::fmt;
use std::time::Duration;

use crate::service::{HttpRequest, HttpResponse, MAX_BODY, Method};
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Response, redirect};
use scep_types::Secret;

use crate::transport::{Cause, Transport, TransportError, TransportFailure};

/// A [`Transport`] on `reqwest` and rustls.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: Client,
}

/// How HTTP is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// Which way requests take.
    pub proxy: Proxy,
    /// Whom TLS trusts.
    pub roots: Roots,
    /// Certificates and key for TLS that asks for them, all in one PEM text.
    pub client_identity: Option<Secret>,
}

/// Which way requests take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    FromEnvironment,
    /// Straight to the service.
    Direct,
    /// Through this one, whatever the environment says.
    Explicit(ExplicitProxy),
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct ExplicitProxy {
    /// Where it is: `http://proxy.example:3128`.
    pub url: String,
    /// User name and password, if it asks for them (Basic, RFC 7617).
    pub credentials: Option<(String, Secret)>,
    /// Hosts, domains and addresses to which requests go straight.
    pub bypass: Vec<String>,
}

/// Whom TLS trusts; each text holds certificates in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// Whom the system trusts.
    #[default]
    System,
    /// These too, such as that of a proxy that reads along.
    SystemAnd(String),
    /// Only these.
    Only(String),
}

/// Why HTTP cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The proxy is no URL, or its user name or password does not fit into a header.
    #[error("the proxy cannot be used")]
    Proxy,
    /// The certificates to trust are none.
    #[error("the certificates to trust are not certificates in PEM")]
    Roots,
    /// Certificate and key for TLS are none.
    #[error("the identity for TLS is not certificates and a key in PEM")]
    Identity,
    /// The HTTP client says no.
    #[error("HTTP cannot be used here: {0}")]
    Client(Cause),
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            proxy: Proxy::default(),
            roots: Roots::default(),
            client_identity: None,
        }
    }
}

/// Without the password.
impl fmt::Debug for ExplicitProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, credentials, bypass } = self; // a URL may hold a password
        f.debug_struct("ExplicitProxy")
            .field("user", &credentials.as_ref().map(|(user, _)| user))
            .field("bypass", bypass)
            .finish_non_exhaustive()
    }
}

impl ReqwestTransport {
    /// A transport with these settings.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        let builder = Client::builder().connect_timeout(settings.connect_timeout);
        let builder = with_proxy(builder, &settings.proxy)?;
        let builder = with_roots(builder, &settings.roots)?;
        Self::with_builder(with_identity(builder, settings.client_identity.as_ref())?)
    }

    /// A transport on a `reqwest` client of your own making, for what [`HttpSettings`] do not say, such as a whole
    /// configuration of rustls. Redirects are off whatever it says.
    ///
    /// # Errors
    /// [`SetupError::Client`].
    pub fn with_builder(builder: ClientBuilder) -> Result<Self, SetupError> {
        // A bearer token or a secret would go where a redirect says.
        let builder = builder.redirect(redirect::Policy::none()).referer(false);
        let client =
            builder.build().map_err(|error| SetupError::Client(Cause::new(error.without_url())))?;
        Ok(Self { client })
    }
}

impl Transport for ReqwestTransport {
    async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut builder = match request.method() {
            Method::Get => self.client.get(request.url()),
            Method::Post => self.client.post(request.url()).body(request.body().clone()),
        };
        for (name, value) in request.headers() {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| TransportError::from(TransportFailure::Interrupted))?;
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        let response = builder.send().await.map_err(classify)?;
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let status = response.status().as_u16();
        Ok(HttpResponse { status, retry_after, body: read_body(response).await? })
    }
}

async fn read_body(mut response: Response) -> Result<Bytes, TransportError> {
    let too_large = TransportFailure::TooLarge { limit: MAX_BODY };
    if response.content_length().is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large.into());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(classify)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(too_large.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn with_proxy(builder: ClientBuilder, proxy: &Proxy) -> Result<ClientBuilder, SetupError> {
    let explicit = match proxy {
        Proxy::FromEnvironment => return Ok(builder),
        Proxy::Direct => return Ok(builder.no_proxy()),
        Proxy::Explicit(explicit) => explicit,
    };
    let mut proxy = reqwest::Proxy::all(&explicit.url).map_err(|_| SetupError::Proxy)?;
    if let Some((user, password)) = &explicit.credentials {
        if user.contains(':') || user.chars().chain(password.expose().chars()).any(char::is_control)
        {
            return Err(SetupError::Proxy);
        }
        proxy = proxy.basic_auth(user, password.expose());
    }
    if !explicit.bypass.is_empty() {
        proxy = proxy.no_proxy(NoProxy::from_string(&explicit.bypass.join(",")));
    }
    Ok(builder.no_proxy().proxy(proxy))
}

fn with_roots(builder: ClientBuilder, roots: &Roots) -> Result<ClientBuilder, SetupError> {
    let certificates = |pem: &str| match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(SetupError::Roots),
    };
    Ok(match roots {
        Roots::System => builder,
        Roots::SystemAnd(pem) => builder.tls_certs_merge(certificates(pem)?),
        Roots::Only(pem) => builder.tls_certs_only(certificates(pem)?),
    })
}

fn with_identity(
    builder: ClientBuilder,
    pem: Option<&Secret>,
) -> Result<ClientBuilder, SetupError> {
    let Some(pem) = pem else { return Ok(builder) };
    let identity = Identity::from_pem(pem.expose().as_bytes()).map_err(|_| SetupError::Identity)?;
    Ok(builder.identity(identity))
}

fn classify(error: reqwest::Error) -> TransportError {
    let failure = if error.is_connect() {
        TransportFailure::Connect
    } else if error.is_timeout() {
        TransportFailure::Timeout
    } else {
        TransportFailure::Interrupted
    };
    TransportError { failure, cause: Some(Cause::new(error.without_url())) }
}
