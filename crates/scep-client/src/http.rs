use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Response, redirect};
use scep_proto::client::{HttpAnswer, HttpRequest};
use scep_proto::http::{MAX_MESSAGE, Method};

use crate::error::{Cause, Error, Failure};
use crate::url::ServerUrl;

/// How HTTP is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take from the first octet sent to the last received.
    pub timeout: Duration,
    /// Which way requests take.
    pub proxy: Proxy,
    /// How many connections are kept for later requests: none unless said otherwise, since between polls a server may close one
    /// without a word.
    pub idle_connections: usize,
}

/// Which way requests take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proxy {
    /// As `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    #[default]
    FromEnvironment,
    /// Straight to the server.
    Direct,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60), // a server may sign slowly, an approval is polled for
            proxy: Proxy::default(),
            idle_connections: 0,
        }
    }
}

/// An answer with its headers; SCEP needs none of them, a diagnosis does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Status and body.
    pub answer: HttpAnswer,
    /// Names in lower case, and values, in the order received.
    pub headers: Vec<(String, String)>,
}

/// Carries one request and one answer at a time.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    server: ServerUrl,
}

impl Http {
    pub(crate) fn new(url: &str, settings: &HttpSettings) -> Result<Self, Error> {
        let server = ServerUrl::parse(url)?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_max_idle_per_host(settings.idle_connections)
            .redirect(redirect::Policy::none());
        if server.is_plain() {
            // A system without root certificates would fail here already, although none is needed.
            builder = builder.tls_certs_only([]);
        }
        if settings.proxy == Proxy::Direct {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| transport(Failure::Setup, error))?;
        Ok(Self { client, server })
    }

    pub(crate) async fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, Error> {
        Ok(self.observe(request).await?.answer)
    }

    pub(crate) async fn observe(&self, request: &HttpRequest) -> Result<Observed, Error> {
        let url = self.server.with_query(&request.query);
        let mut builder = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url).body(request.body.clone()),
        };
        if let Some(content_type) = request.content_type {
            builder = builder.header(CONTENT_TYPE, content_type);
        }
        let response = builder.send().await.map_err(classify)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(redirected(&response));
        }
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.collect();
        let answer = HttpAnswer { status: status.as_u16(), body: read_body(response).await? };
        Ok(Observed { answer, headers })
    }
}

impl Observed {
    /// The value of the first header of this name, which is compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The body, as long as no answer may be longer: what a header promises is not believed.
async fn read_body(mut response: Response) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(classify)? {
        if body.len().saturating_add(chunk.len()) > MAX_MESSAGE {
            let failure = Failure::TooLarge { limit: MAX_MESSAGE };
            return Err(Error::Transport { failure, cause: None });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn redirected(response: &Response) -> Error {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.map(|location| location.chars().take(500).collect());
    Error::Redirected { status: response.status().as_u16(), location }
}

fn classify(error: reqwest::Error) -> Error {
    let failure = if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        Failure::Connect
    } else if error.is_builder() {
        Failure::Setup
    } else {
        Failure::Interrupted
    };
    transport(failure, error)
}

fn transport(failure: Failure, error: reqwest::Error) -> Error {
    Error::Transport { failure, cause: Some(Cause::new(error)) }
}
