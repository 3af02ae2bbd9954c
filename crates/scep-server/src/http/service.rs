use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use scep_proto::http::{MAX_MESSAGE, Method, PKI_MESSAGE, Request, TEXT_PLAIN, X509_NEXT_CA_CERT};
use tracing::Instrument as _;

use super::{Clock, SystemClock};
use crate::{Endpoint, Response as Answer};

/// One endpoint as a [`tower::Service`]: mount it anywhere, with or without its path stripped.
///
/// It needs a tokio runtime with timers. Only PKIOperation costs anything; the Get operations are answered from memory.
#[derive(Clone)]
pub struct ScepService {
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    body_timeout: Duration,
}

/// An answer that is only a status and a short text.
type Refusal = (StatusCode, &'static str);

impl ScepService {
    /// How long a body may take unless said otherwise.
    const BODY_TIMEOUT: Duration = Duration::from_secs(30);

    /// Serves an endpoint by the system's clock.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, clock: Arc::new(SystemClock), body_timeout: Self::BODY_TIMEOUT }
    }

    /// Goes by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Waits that long for the whole of a body.
    #[must_use]
    pub fn with_body_timeout(self, body_timeout: Duration) -> Self {
        Self { body_timeout, ..self }
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn respond<B>(self, request: http::Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        if !self.serves(parts.uri.path()) {
            return text((StatusCode::NOT_FOUND, "not found\n"));
        }
        let (method, body) = match parts.method {
            http::Method::GET => (Method::Get, Ok(Bytes::new())),
            http::Method::POST => (Method::Post, self.read(body).await),
            _ => return method_not_allowed(),
        };
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return closing(text(refusal)),
        };
        match Request::parse(method, parts.uri.query(), body) {
            Ok(request) => self.answer(request).await,
            Err(scep_proto::Error::Malformed(_)) => text(TOO_LARGE),
            Err(error) => {
                tracing::debug!(%error, "not a SCEP request");
                text((StatusCode::BAD_REQUEST, "not a SCEP request\n"))
            }
        }
    }

    /// Devices append the CGI's name to whatever they are told, in any case (RFC 8894 §4.1).
    fn serves(&self, path: &str) -> bool {
        let base = self.endpoint.path().trim_end_matches('/');
        let below = path.strip_prefix(base);
        [Some(path), below].into_iter().flatten().any(|path| {
            matches!(path, "" | "/")
                || path.eq_ignore_ascii_case("/pkiclient.exe")
                || path.eq_ignore_ascii_case("/cgi-bin/pkiclient.exe")
        })
    }

    /// The body, if it is as long as it may be and comes in time, whatever its Content-Length says.
    async fn read<B>(&self, body: B) -> Result<Bytes, Refusal>
    where
        B: HttpBody<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        if body.size_hint().lower() > MAX_MESSAGE as u64 {
            return Err(TOO_LARGE);
        }
        let body = Box::pin(Limited::new(body, MAX_MESSAGE)).collect();
        match tokio::time::timeout(self.body_timeout, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(TOO_LARGE),
            Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body was not received\n")),
            Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body was not received in time\n")),
        }
    }

    async fn answer(self, request: Request) -> Response<Body> {
        match request {
            Request::GetCaCaps => {
                let capabilities = self.endpoint.capabilities().to_answer();
                no_store(content(TEXT_PLAIN, capabilities.into()))
            }
            Request::GetCaCert => {
                let (media_type, body) = self.endpoint.ca_certificates();
                content(media_type, body)
            }
            Request::GetNextCaCert => self.next_ca_certificates().await,
            Request::PkiOperation(message) => no_store(self.operate(message).await),
        }
    }

    async fn next_ca_certificates(self) -> Response<Body> {
        match self.endpoint.next_ca_certificates().await {
            Ok(Some(body)) => content(X509_NEXT_CA_CERT, body),
            Ok(None) => text((StatusCode::NOT_FOUND, "no next CA certificate\n")),
            Err(error) => {
                tracing::error!(%error, "the next CA's certificates were not signed");
                answer(error.into())
            }
        }
    }

    /// In a task of its own: a client that goes away must not stop what it began half-way.
    async fn operate(self, message: Bytes) -> Response<Body> {
        let Self { endpoint, clock, .. } = self;
        let operation = async move { endpoint.handle(message, clock.now()).await };
        answer(tokio::spawn(operation.in_current_span()).await.unwrap_or(Answer::Broken))
    }
}

fn answer(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Message(message) => content(PKI_MESSAGE, message),
        Answer::Unreadable => text((StatusCode::BAD_REQUEST, "not a pkiMessage\n")),
        Answer::ComeAgain { retry_after } => come_again(retry_after),
        Answer::Broken => {
            text((StatusCode::INTERNAL_SERVER_ERROR, "the request could not be processed\n"))
        }
    }
}

impl fmt::Debug for ScepService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, clock: _, body_timeout } = self;
        f.debug_struct("ScepService")
            .field("endpoint", endpoint)
            .field("body_timeout", body_timeout)
            .finish_non_exhaustive()
    }
}

impl<B> tower::Service<http::Request<B>> for ScepService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.respond(request).await) })
    }
}

/// 200 with a bare content type, which some devices compare octet by octet, and a Content-Length.
fn content(media_type: &'static str, body: Bytes) -> Response<Body> {
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, length);
    response
}

fn text((status, text): Refusal) -> Response<Body> {
    let mut response = content(TEXT_PLAIN, Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}

fn come_again(retry_after: Duration) -> Response<Body> {
    let mut response = text((StatusCode::SERVICE_UNAVAILABLE, "come again later\n"));
    let seconds = HeaderValue::from(retry_after.as_secs().max(1));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

fn method_not_allowed() -> Response<Body> {
    let mut response = text((StatusCode::METHOD_NOT_ALLOWED, "GET and POST only\n"));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

/// No proxy may repeat it to another device (R-4.1-08).
fn no_store(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The rest of the body is not read, so nothing can follow on this connection.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

const TOO_LARGE: Refusal = (StatusCode::PAYLOAD_TOO_LARGE, "more than 256 KiB\n");
