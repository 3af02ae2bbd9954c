//! The control API: what the handle can do, as JSON over HTTP.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::Answer;
use super::route::Incoming;
use crate::directory::{ManagedDevice, Profile, Target};
use crate::error::Error;
use crate::fault::{Endpoint, Fault, Times};
use crate::hosts::{Inner, OldScaleUnit};
use crate::minting::Minting;

#[derive(Deserialize)]
struct MintRequest {
    device: String,
    profile: String,
    lifetime_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct FaultRequest {
    endpoint: String,
    kind: String,
    times: Option<u32>,
}

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

#[derive(Deserialize)]
struct Revoke {
    serial_number: String,
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct Retarget {
    profile: String,
    target: Target,
}

#[derive(Deserialize)]
struct Move {
    tenant: Option<String>,
    unit: String,
}

/// Answers `404` for what is not there, `400` with a sentence for what cannot be done.
pub(super) async fn answer(inner: &std::sync::Arc<Inner>, request: &Incoming) -> Answer {
    match act(inner, request).await {
        Ok(Some(document)) => Answer::json(200, &document),
        Ok(None) => Answer::json(404, &json!({ "error": "no such control call" })),
        Err(text) => Answer::json(400, &json!({ "error": text })),
    }
}

async fn act(inner: &std::sync::Arc<Inner>, request: &Incoming) -> Result<Option<Value>, String> {
    let words = |error: Error| error.to_string();
    match (&request.method, request.path.as_str()) {
        (&Method::POST, "/faults") => {
            let FaultRequest { endpoint, kind, times } = body(request)?;
            let endpoint: Endpoint = endpoint.parse().map_err(words)?;
            if kind == "refused" {
                inner.refuse(endpoint.host()).await;
            } else {
                let fault: Fault = kind.parse().map_err(words)?;
                let times = times.map_or(Times::UntilCleared, Times::N);
                inner.with(|state| state.faults.add(endpoint, fault, times));
            }
        }
        (&Method::DELETE, "/faults") => {
            inner.with(|state| state.faults.clear());
            inner.restore_all().await.map_err(words)?;
        }
        (&Method::POST, "/scale-unit/move") => {
            let Move { tenant, unit } = body(request)?;
            inner
                .move_scale_unit(tenant.as_deref(), &unit, OldScaleUnit::NotFound)
                .await
                .map_err(words)?;
        }
        (&Method::GET, _) => return Ok(show(inner, request)),
        _ => return change(inner, request),
    }
    Ok(Some(json!({})))
}

/// What can be looked at.
fn show(inner: &Inner, request: &Incoming) -> Option<Value> {
    inner.with(|state| {
        Some(match request.path.as_str() {
            "/" => {
                let tenants = state.tenants.iter().map(|tenant| {
                    let apps: Vec<_> = tenant.apps.iter().map(|app| &app.client_id).collect();
                    json!({ "id": tenant.id, "domain": tenant.domain, "apps": apps })
                });
                json!({ "urls": state.urls, "tenants": tenants.collect::<Vec<_>>() })
            }
            "/requests" => {
                let all = state.records.all();
                Value::Array(all.iter().map(crate::Received::to_public).collect())
            }
            "/counts" => {
                let counts = Endpoint::ALL.map(|endpoint| {
                    let (count, peak) =
                        (state.records.count(endpoint), state.records.peak(endpoint));
                    (endpoint.name().to_owned(), json!({ "requests": count, "peak": peak }))
                });
                Value::Object(counts.into_iter().collect())
            }
            "/issued" => json!(state.issued),
            "/failures" => json!(state.failures),
            "/revocations" => json!(state.revocations.requests),
            "/devices" => json!(state.devices),
            "/profiles" => json!(state.profiles),
            _ => return None,
        })
    })
}

/// What can be done to the state alone.
fn change(inner: &Inner, request: &Incoming) -> Result<Option<Value>, String> {
    let words = |error: Error| error.to_string();
    inner.with(|state| {
        match (&request.method, request.path.as_str()) {
            (&Method::POST, "/challenges") => {
                let MintRequest { device, profile, lifetime_seconds } = body(request)?;
                let mut minting = Minting::default();
                if let Some(seconds) = lifetime_seconds {
                    minting.lifetime = Duration::from_secs(seconds);
                }
                let policy = state.mint(&device, &profile, minting).map_err(words)?;
                return Ok(Some(json!(policy)));
            }
            (&Method::POST, "/devices") => {
                let device: ManagedDevice = body(request)?;
                state.put_device(device).map_err(words)?;
            }
            (&Method::POST, "/profiles") => {
                let profile: Profile = body(request)?;
                state.put_profile(profile);
            }
            (&Method::POST, "/profiles/target") => {
                let Retarget { profile, target } = body(request)?;
                let known = state.profiles.iter_mut().find(|known| known.id == profile);
                known.ok_or_else(|| words(Error::UnknownProfile(profile)))?.target = target;
            }
            (&Method::POST, "/revocations") => {
                let Revoke { serial_number, issuer } = body(request)?;
                let context = state.request_revocation(&serial_number, issuer.as_deref());
                return Ok(Some(json!({ "requestContext": context.map_err(words)? })));
            }
            (&Method::POST, "/tokens/expire") => state.tokens.clear(),
            (&Method::POST, "/clock/advance") => {
                let Advance { seconds } = body(request)?;
                state.clock.advance(Duration::from_secs(seconds));
            }
            (&Method::DELETE, "/requests") => state.records.forget(),
            _ => return Ok(None),
        }
        Ok(Some(json!({})))
    })
}

fn body<T: DeserializeOwned>(request: &Incoming) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}
