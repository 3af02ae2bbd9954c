//! Listeners, connections, and the way of one request.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming as IncomingBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::answer::Answer;
use super::body::{AnswerBody, Pace};
use super::outage::{Fate, fate, lower_case_success};
use super::route::{Action, Incoming, Route};
use super::scep_actions::Malformed;
use super::{control, graph, revocation, scep_actions, token};
use crate::directory::{Permission, Resource};
use crate::fault::{Endpoint, Fault, Host};
use crate::hosts::{Inner, OldScaleUnit};
use crate::record::{Received, RecordId};
use crate::state::State;

/// Octets a request may have.
const MAX_BODY: usize = 1024 * 1024;

/// One host that listens; it ends when it is dropped, connections included.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Ends it, and waits until its port and its connections are closed.
    pub(crate) async fn close(self) {
        let Self { address: _, stop, task } = self;
        drop(stop);
        if let Err(error) = task.await {
            tracing::warn!(%error, "a listener");
        }
    }
}

/// Serves a host on a listener, until what this returns is closed or dropped.
pub(crate) fn listen(
    host: Host,
    listener: TcpListener,
    inner: Arc<Inner>,
) -> std::io::Result<Listening> {
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(host, listener, inner, stopped));
    Ok(Listening { address, stop, task })
}

async fn serve(
    host: Host,
    listener: TcpListener,
    inner: Arc<Inner>,
    mut stopped: oneshot::Receiver<()>,
) {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(host, stream, inner.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(host: Host, stream: TcpStream, inner: Arc<Inner>) {
    let service = service_fn(move |request| serve_request(host, request, inner.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection");
    }
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unanswered, as it was told")
    }
}

impl std::error::Error for Unanswered {}

async fn serve_request(
    host: Host,
    request: Request<IncomingBody>,
    inner: Arc<Inner>,
) -> Result<Response<AnswerBody>, Unanswered> {
    let request = read(host, request).await.map_err(|_| Unanswered)?;
    if host == Host::Control {
        let answer = control::answer(&inner, &request).await;
        return Ok(answer.into_response(Pace::AtOnce));
    }
    let route = request.route();
    let visit = Visit::begin(&inner, &request, route.endpoint());
    let (answer, pace) = decide(&inner, &route, &request).await?;
    visit.answered(&answer);
    Ok(answer.into_response(pace))
}

async fn read(
    host: Host,
    request: Request<IncomingBody>,
) -> Result<Incoming, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body: Bytes = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
    Ok(Incoming {
        host,
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body,
    })
}

async fn decide(
    inner: &Inner,
    route: &Route,
    request: &Incoming,
) -> Result<(Answer, Pace), Unanswered> {
    let fate = inner.with(|state| {
        let fault = state.faults.take(route.endpoint()?)?;
        Some(fate(state, fault, route, request))
    });
    let perform = || inner.with(|state| perform(state, route, request));
    match fate {
        None => Ok((perform(), Pace::AtOnce)),
        Some(Fate::Instead(answer)) => Ok((answer, Pace::AtOnce)),
        Some(Fate::Dropped) => Err(Unanswered),
        Some(Fate::Silence) => std::future::pending().await,
        Some(Fate::Done(Fault::AnswerLost)) => {
            perform();
            Err(Unanswered)
        }
        Some(Fate::Done(Fault::LowerCaseSuccess)) => {
            Ok((lower_case_success(perform()), Pace::AtOnce))
        }
        Some(Fate::Done(Fault::SlowBody(pause))) => Ok((perform(), Pace::Slowly(pause))),
        Some(Fate::Done(Fault::Delay(pause))) => {
            tokio::time::sleep(pause).await;
            Ok((perform(), Pace::AtOnce))
        }
        Some(Fate::Done(_)) => Ok((perform(), Pace::AtOnce)),
    }
}

fn perform(state: &mut State, route: &Route, request: &Incoming) -> Answer {
    match route {
        Route::Token(tenant, form) => token::token(state, tenant, *form, request),
        Route::InstanceDiscovery => token::instance_discovery(state),
        Route::OpenId(tenant) => token::open_id(state, tenant),
        Route::Keys => Answer::json(200, &serde_json::json!({ "keys": [] })),
        Route::Discovery(form) => graph::discovery(state, form, request),
        Route::Compliance(form) => graph::compliance(state, form, request),
        Route::Action(unit, action) => act(state, unit, *action, request),
        Route::Nothing => nothing(request),
    }
}

fn nothing(request: &Incoming) -> Answer {
    Answer::intune_error(404, "NotFound", "Nothing is here", request.activity())
}

/// Token, role and api-version are checked before anything is read.
fn act(state: &mut State, unit: &str, action: Action, request: &Incoming) -> Answer {
    /// For ScepActions and for CertificateAuthorityRequests; each does for both.
    const API_VERSIONS: [&str; 2] = ["2018-02-20", "5019-05-05"];
    let activity = request.activity();
    let error = |status, code, text: &str| Answer::intune_error(status, code, text, activity);
    if let Some(old) = state.old_units.get(unit) {
        return error(old.status(), "NotFound", "The scale unit has moved");
    }
    let token = match state.bearer(request, Resource::Intune) {
        Ok(token) => token.clone(),
        Err(why) => return error(401, "Unauthorized", why.message()),
    };
    if state.tenant(&token.tenant).is_ok_and(|tenant| tenant.scale_unit != unit) {
        return nothing(request);
    }
    let (role, _) = Permission::ScepChallengeProvider.role();
    if !token.roles.iter().any(|given| given == role) {
        return error(403, "Forbidden", "The application lacks scep_challenge_provider");
    }
    if !request.header("api-version").is_some_and(|version| API_VERSIONS.contains(&version)) {
        return error(400, "BadRequest", "The api-version is not supported");
    }
    let answer = match action {
        Action::Validate | Action::Success | Action::Failure => {
            scep_actions::act(state, &token, action, request)
        }
        Action::Download | Action::Upload => revocation::act(state, &token, action, request),
    };
    answer.unwrap_or_else(|Malformed(text)| error(400, "BadRequest", &text))
}

/// One request while it is here; it is counted as long as this lives.
struct Visit<'a> {
    inner: &'a Inner,
    endpoint: Option<Endpoint>,
    id: RecordId,
}

impl<'a> Visit<'a> {
    fn begin(inner: &'a Inner, request: &Incoming, endpoint: Option<Endpoint>) -> Self {
        let headers = request.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.collect();
        let id = inner.with(|state| {
            state.records.received(Received {
                at: state.clock.now(),
                host: request.host,
                endpoint,
                method: request.method.to_string(),
                path: request.path.clone(),
                query: request.query.clone(),
                headers,
                body: request.body.clone(),
                status: None,
                code: None,
            })
        });
        Self { inner, endpoint, id }
    }

    fn answered(&self, answer: &Answer) {
        self.inner.with(|state| state.records.answered(self.id, answer.status, answer.code()));
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if let Some(endpoint) = self.endpoint {
            self.inner.with(|state| state.records.left(endpoint));
        }
    }
}

impl OldScaleUnit {
    /// What the old scale unit answers, as long as its port is open.
    fn status(self) -> u16 {
        match self {
            Self::NotFound | Self::Refused => 404,
            Self::Gone => 410,
            Self::Misdirected => 421,
        }
    }
}
