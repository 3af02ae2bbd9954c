use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use scep_server::{Clock as _, SystemClock};
use scep_types::UnixTime;
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use super::tokens::{Role, Token};
use super::{certificates, events, metrics, page, passwords, pending, revoke};
use crate::serve::assembly::Door;
use crate::serve::journal::Journal;
use crate::serve::server::{ReloadError, Server};

/// The API of this server. Each route names the least role that may use it.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let routes = [
        ("/api/v1/endpoints", Role::Viewer, get(endpoints)),
        ("/api/v1/counters", Role::Viewer, get(counters)),
        ("/api/v1/decisions", Role::Viewer, get(decisions)),
        ("/api/v1/actions", Role::Viewer, get(actions)),
        ("/api/v1/certificates", Role::Viewer, get(show_certificates)),
        ("/api/v1/pending", Role::Viewer, get(list_pending)),
        ("/api/v1/pending/{id}/approve", Role::Operator, post(approve)),
        ("/api/v1/pending/{id}/deny", Role::Operator, post(deny)),
        ("/api/v1/certificates/revoke", Role::Operator, post(revoke_certificate)),
        ("/api/v1/endpoints/{name}/passwords", Role::Viewer, get(list_passwords)),
        ("/api/v1/endpoints/{name}/passwords", Role::Operator, post(mint_password)),
        ("/api/v1/endpoints/{name}/passwords/{id}", Role::Operator, delete(withdraw_password)),
        ("/api/v1/reload", Role::Admin, post(reload)),
        ("/metrics", Role::Viewer, get(show_metrics)),
    ];
    let mut router = Router::new().route("/healthz", get(|| async { "ok\n" }));
    for (path, role, method) in routes {
        router = router.route(path, guarded(method, server, role));
    }
    router
        .merge(page::router(server))
        .fallback(|| async { Answer::error(StatusCode::NOT_FOUND, &"no such route") })
        .with_state(Arc::clone(server))
}

/// Who asks; put there by the guard, after the token was found.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) name: String,
}

fn guarded(
    method: MethodRouter<Arc<Server>>,
    server: &Arc<Server>,
    role: Role,
) -> MethodRouter<Arc<Server>> {
    method.layer(middleware::from_fn_with_state((Arc::clone(server), role), guard))
}

async fn guard(
    State((server, needed)): State<(Arc<Server>, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match authenticate(&server, &request) {
        Ok(token) if token.role >= needed => Caller { name: token.name },
        Ok(token) => {
            let (name, path) = (token.name, request.uri().path());
            tracing::warn!(name, path, ?needed, "admin: the role does not suffice");
            return Answer::error(
                StatusCode::FORBIDDEN,
                &"the role of this token does not suffice",
            )
            .into_response();
        }
        Err(refused) => {
            tracing::warn!(path = request.uri().path(), "admin: no token, or an unknown one");
            return refused.into_response();
        }
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn authenticate(server: &Server, request: &Request) -> Result<Token, Answer> {
    let refused = || Answer::error(StatusCode::UNAUTHORIZED, &"a bearer token is needed");
    let value = request.headers().get(header::AUTHORIZATION).ok_or_else(refused)?;
    let presented = value.to_str().map_err(|_| refused())?;
    let (scheme, token) = presented.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused());
    }
    server.running().tokens.find(token.trim()).cloned().ok_or_else(refused)
}

async fn list_passwords(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Answered {
    passwords::list(&server, &name, SystemClock.now()).await
}

async fn mint_password(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    caller: axum::Extension<Caller>,
    request: Request,
) -> Answered {
    passwords::mint(&server, &name, &caller, request.into_body(), SystemClock.now()).await
}

async fn withdraw_password(
    State(server): State<Arc<Server>>,
    Path((name, id)): Path<(String, String)>,
    caller: axum::Extension<Caller>,
) -> Answered {
    passwords::withdraw(&server, &name, &id, &caller, SystemClock.now()).await
}

async fn endpoints(State(server): State<Arc<Server>>) -> Answered {
    let now = SystemClock.now();
    let running = server.running();
    let shown: Vec<Value> = running.doors.iter().map(|door| show_endpoint(door, now)).collect();
    let listeners = running.presented.iter().map(|(address, not_after)| {
        json!({
            "address": address.to_string(),
            "not_after": not_after.to_string(),
            "days_left": days_between(now, *not_after),
        })
    });
    Answer::ok(json!({ "endpoints": shown, "tls": listeners.collect::<Vec<_>>() }))
}

fn show_endpoint(door: &Door, now: UnixTime) -> Value {
    let expiries = door.expiries.iter().map(|expiry| {
        json!({
            "role": expiry.role,
            "subject": expiry.subject,
            "not_after": expiry.not_after.to_string(),
            "days_left": days_between(now, expiry.not_after),
        })
    });
    let warnings = door.endpoint.warnings().iter().map(ToString::to_string);
    json!({
        "name": door.endpoint.name(),
        "path": door.endpoint.path(),
        "mode": door.mode,
        "certificates": expiries.collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
    })
}

/// Whole days; negative after the end.
fn days_between(now: UnixTime, then: UnixTime) -> i64 {
    then.as_secs().saturating_sub(now.as_secs()).div_euclid(24 * 60 * 60)
}

async fn counters(State(server): State<Arc<Server>>) -> Answered {
    let decisions = server.watch.counts().into_iter();
    let decisions = decisions.map(|(labels, count)| json!({ "labels": labels, "count": count }));
    Answer::ok(json!({
        "decisions": decisions.collect::<Vec<_>>(),
        "refused_unseen": {
            "by_address": server.refusals.by_address(),
            "by_all": server.refusals.by_all(),
            "connections": server.refusals.connections(),
        },
        "reloads": { "ok": server.reloads.get(), "failed": server.failed_reloads.get() },
        "audit_lines_lost": server.watch.trail.lost(),
        "journal_events_lost": server.watch.journal.get().map_or(0, Journal::lost),
    }))
}

async fn decisions(State(server): State<Arc<Server>>, wanted: Asked<events::Wanted>) -> Answered {
    events::decisions(&server, &asked(wanted)?, SystemClock.now()).await
}

async fn actions(State(server): State<Arc<Server>>, wanted: Asked<events::Wanted>) -> Answered {
    events::actions(&server, &asked(wanted)?, SystemClock.now()).await
}

async fn show_certificates(
    State(server): State<Arc<Server>>,
    wanted: Asked<certificates::Wanted>,
) -> Answered {
    certificates::show(&server, &asked(wanted)?, SystemClock.now()).await
}

/// The query of a URL, or what is wrong with it.
type Asked<T> = Result<Query<T>, QueryRejection>;

fn asked<T>(wanted: Asked<T>) -> Result<T, Answer> {
    let wanted = wanted.map_err(|error| Answer::error(StatusCode::BAD_REQUEST, &error))?;
    Ok(wanted.0)
}

async fn list_pending(State(server): State<Arc<Server>>) -> Answered {
    pending::list(&server, SystemClock.now()).await
}

async fn approve(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    caller: axum::Extension<Caller>,
) -> Answered {
    pending::approve(&server, &id, &caller, SystemClock.now()).await
}

async fn deny(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    caller: axum::Extension<Caller>,
) -> Answered {
    pending::deny(&server, &id, &caller, SystemClock.now()).await
}

async fn revoke_certificate(
    State(server): State<Arc<Server>>,
    caller: axum::Extension<Caller>,
    request: Request,
) -> Answered {
    revoke::revoke(&server, &caller, request.into_body(), SystemClock.now()).await
}

async fn reload(State(server): State<Arc<Server>>, caller: axum::Extension<Caller>) -> Answered {
    let now = SystemClock.now().to_string();
    match server.reload().await {
        Ok(reloaded) => {
            server.watch.acted(&now, &caller.name, "reload", &json!({ "ok": true }));
            Answer::ok(json!({ "ok": true, "at_restart": reloaded.at_restart }))
        }
        Err(error) => {
            server.watch.acted(&now, &caller.name, "reload", &json!({ "ok": false }));
            let mistakes = match &error {
                ReloadError::Mistakes(findings) => json!(findings.mistakes),
                ReloadError::Unreadable(why) => json!([{ "what": why }]),
            };
            let body = json!({ "ok": false, "mistakes": mistakes });
            Err(Answer { status: StatusCode::CONFLICT, body })
        }
    }
}

async fn show_metrics(State(server): State<Arc<Server>>) -> Response {
    metrics::show(&server, SystemClock.now()).await
}
