//! Prometheus metrics. No label is a text that a peer chose.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use intune_challenge::service::KnownCode;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use scep_types::UnixTime;

use super::answer::Answer;
use crate::serve::journal::Journal;
use crate::serve::server::Server;
use crate::serve::watch::{DecisionLabels, DenialLabels, UNKNOWN_CODE};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExpiryLabels {
    endpoint: String,
    role: &'static str,
    subject: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabel {
    address: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    by: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// All metrics in the text format of OpenMetrics.
pub(super) async fn show(server: &Server, now: UnixTime) -> Response {
    let registry = match registry(server, now).await {
        Ok(registry) => registry,
        Err(answer) => return answer.into_response(),
    };
    let mut encoded = String::new();
    if text::encode(&mut encoded, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Response::new(Body::from(encoded));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

async fn registry(server: &Server, now: UnixTime) -> Result<Registry, Answer> {
    let mut registry = Registry::with_prefix("scep");
    let what = "PKIOperations by endpoint, outcome and reason";
    registry.register("decisions", what, decisions(server));
    let what = "PKIOperations that Intune's service decided against, by endpoint and code";
    registry.register("intune_denials", what, denials(server));
    registry.register(
        "refused_unseen",
        "Requests and connections that a limit refused before anything was done for them",
        refused(server),
    );
    registry.register("reloads", "Reloads by result", reloads(server));
    let lost = counted(server.watch.trail.lost());
    registry.register("audit_lines_lost", "Audit lines that could not be written", lost);
    let lost = counted(server.watch.journal.get().map_or(0, Journal::lost));
    registry.register("journal_events_lost", "Events that are in no journal", lost);
    registry.register(
        "not_after_seconds",
        "When a certificate ends, in seconds since 1970",
        expiries(server),
    );
    registry.register(
        "tls_not_after_seconds",
        "When the certificate of a listener ends, in seconds since 1970",
        presented(server),
    );
    let waiting = pending(server, now).await?;
    registry.register("pending_requests", "Requests that wait for an operator", waiting);
    Ok(registry)
}

fn decisions(server: &Server) -> Family<DecisionLabels, Counter> {
    let family = Family::<DecisionLabels, Counter>::default();
    for (labels, count) in server.watch.counts() {
        family.get_or_create(&labels).inc_by(count);
    }
    family
}

fn denials(server: &Server) -> Family<DenialLabels, Counter> {
    let family = Family::<DenialLabels, Counter>::default();
    // At 0 from the start, so that the first denial is an increase.
    for door in server.running().doors.iter().filter(|door| door.intune.is_some()) {
        let known = KnownCode::ALL.iter().map(|code| code.name());
        for code in known.chain([UNKNOWN_CODE]) {
            let endpoint = door.endpoint.name().to_owned();
            drop(family.get_or_create(&DenialLabels { endpoint, code }));
        }
    }
    for (labels, count) in server.watch.denials() {
        family.get_or_create(&labels).inc_by(count);
    }
    family
}

fn refused(server: &Server) -> Family<By, Counter> {
    let family = Family::<By, Counter>::default();
    for (by, count) in [
        ("address", server.refusals.by_address()),
        ("all", server.refusals.by_all()),
        ("connections", server.refusals.connections()),
    ] {
        family.get_or_create(&By { by }).inc_by(count);
    }
    family
}

fn reloads(server: &Server) -> Family<ResultLabel, Counter> {
    let family = Family::<ResultLabel, Counter>::default();
    for (result, counter) in [("ok", &server.reloads), ("failed", &server.failed_reloads)] {
        family.get_or_create(&ResultLabel { result }).inc_by(counter.get());
    }
    family
}

fn expiries(server: &Server) -> Family<ExpiryLabels, Gauge> {
    let family = Family::<ExpiryLabels, Gauge>::default();
    for door in &server.running().doors {
        for expiry in &door.expiries {
            let labels = ExpiryLabels {
                endpoint: door.endpoint.name().to_owned(),
                role: expiry.role,
                subject: expiry.subject.clone(),
            };
            family.get_or_create(&labels).set(expiry.not_after.as_secs());
        }
    }
    family
}

fn presented(server: &Server) -> Family<ListenerLabel, Gauge> {
    let family = Family::<ListenerLabel, Gauge>::default();
    for (address, not_after) in &server.running().presented {
        let labels = ListenerLabel { address: address.to_string() };
        family.get_or_create(&labels).set(not_after.as_secs());
    }
    family
}

async fn pending(server: &Server, now: UnixTime) -> Result<Family<EndpointLabel, Gauge>, Answer> {
    let family = Family::<EndpointLabel, Gauge>::default();
    for door in &server.running().doors {
        let waiting = server.host.store.list_pending(door.endpoint.id(), now).await;
        let waiting = waiting.map_err(|error| Answer::store(&error))?.len();
        let labels = EndpointLabel { endpoint: door.endpoint.name().to_owned() };
        family.get_or_create(&labels).set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
    Ok(family)
}

fn counted(count: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(count);
    counter
}
