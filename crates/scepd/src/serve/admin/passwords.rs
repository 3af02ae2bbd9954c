//! One-time passwords: made, listed and withdrawn. Each is told once, to whoever asked for it.

use std::net::IpAddr;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use scep_server::{Error, MintedPassword, PasswordOrder};
use scep_store::{
    BoundName, Capacity, Operator, PasswordBinding, PasswordFacts, PasswordId, StoreError,
    Withdrawn,
};
use scep_types::UnixTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use super::routes::Caller;
use crate::config::values::Interval;
use crate::serve::assembly::Door;
use crate::serve::server::{Running, Server};

/// Octets of a request to the admin API.
const MOST: usize = 16 * 1024;

/// What the body of an order may say; an empty one says nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wishes {
    /// How long it is to be good, if not as the endpoint says.
    lifetime: Option<Interval>,
    /// The only commonName that the CSR may have.
    common_name: Option<String>,
    /// Its only subjectAltNames.
    subject_alt_names: AltNames,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AltNames {
    dns: Vec<String>,
    rfc822: Vec<String>,
    upn: Vec<String>,
    uri: Vec<String>,
    ip: Vec<IpAddr>,
}

/// Makes a password for an endpoint.
pub(super) async fn mint(
    server: &Server,
    name: &str,
    caller: &Caller,
    body: Body,
    now: UnixTime,
) -> Answered {
    let bad = |why: &dyn ToString| Answer::error(StatusCode::BAD_REQUEST, why);
    let too_much = format!("more than {MOST} octets");
    let body = to_bytes(body, MOST).await.map_err(|_| bad(&too_much))?;
    let wishes = match body.as_ref() {
        [] => Wishes::default(),
        text => serde_json::from_slice(text).map_err(|error| bad(&error))?,
    };
    let running = server.running();
    let minted = order(server, door(&running, name)?, caller, wishes, now).await?;
    let mut shown = show(&minted.facts);
    shown["password"] = json!(minted.password.expose());
    Answer::ok(shown)
}

/// Makes a password that is bound to nothing, for the page.
pub(super) async fn mint_unbound(
    server: &Server,
    door: &Door,
    caller: &Caller,
    now: UnixTime,
) -> Result<MintedPassword, Answer> {
    order(server, door, caller, Wishes::default(), now).await
}

/// Those that can still be used.
pub(super) async fn list(server: &Server, name: &str, now: UnixTime) -> Answered {
    let running = server.running();
    let listed =
        door(&running, name)?.endpoint.passwords(now).await.map_err(|error| failed(&error))?;
    Answer::ok(json!({ "passwords": listed.iter().map(show).collect::<Vec<_>>() }))
}

/// Withdraws one.
pub(super) async fn withdraw(
    server: &Server,
    name: &str,
    id: &str,
    caller: &Caller,
    now: UnixTime,
) -> Answered {
    let running = server.running();
    let unknown = || Answer::error(StatusCode::NOT_FOUND, &"no such password waits for being used");
    let id = PasswordId::new(id).map_err(|_| unknown())?;
    let withdrawn = door(&running, name)?.endpoint.withdraw_password(&id, now).await;
    match withdrawn.map_err(|error| failed(&error))? {
        Withdrawn::Unknown => Err(unknown()),
        Withdrawn::Used => {
            let why = "a certificate was issued on it: revoke that";
            Err(Answer::error(StatusCode::CONFLICT, &why))
        }
        Withdrawn::Now => {
            let details = json!({ "endpoint": name, "id": id.as_str() });
            server.watch.acted(&now.to_string(), &caller.name, "withdraw-password", &details);
            Answer::ok(json!({ "ok": true }))
        }
    }
}

/// The endpoint of this name.
pub(super) fn door<'a>(running: &'a Running, name: &str) -> Result<&'a Door, Answer> {
    let door = running.doors.iter().find(|door| door.endpoint.name() == name);
    door.ok_or_else(|| Answer::error(StatusCode::NOT_FOUND, &"no such endpoint"))
}

/// Makes it and tells the audit trail, which learns its id and nothing that is secret.
async fn order(
    server: &Server,
    door: &Door,
    caller: &Caller,
    wishes: Wishes,
    now: UnixTime,
) -> Result<MintedPassword, Answer> {
    let operator = Operator::new(&caller.name).map_err(|error| Answer::store(&error))?;
    let mut order = PasswordOrder::new(operator);
    order.lifetime = wishes.lifetime.map(|lifetime| lifetime.0);
    let names = names(wishes);
    let bound = !names.is_empty();
    let binding = PasswordBinding::new(names);
    order.binding = binding.map_err(|error| Answer::error(StatusCode::BAD_REQUEST, &error))?;
    let minted = door.endpoint.mint_password(order, now).await.map_err(|error| failed(&error))?;
    let details = json!({
        "endpoint": door.endpoint.name(),
        "id": minted.facts.id.as_str(),
        "expires": minted.facts.expires.to_string(),
        "bound": bound,
    });
    server.watch.acted(&now.to_string(), &caller.name, "mint-password", &details);
    Ok(minted)
}

fn names(wishes: Wishes) -> Vec<BoundName> {
    let AltNames { dns, rfc822, upn, uri, ip } = wishes.subject_alt_names;
    let mut names: Vec<_> = wishes.common_name.map(BoundName::CommonName).into_iter().collect();
    names.extend(dns.into_iter().map(BoundName::Dns));
    names.extend(rfc822.into_iter().map(BoundName::Rfc822));
    names.extend(upn.into_iter().map(BoundName::Upn));
    names.extend(uri.into_iter().map(BoundName::Uri));
    names.extend(ip.into_iter().map(BoundName::Ip));
    names
}

fn show(facts: &PasswordFacts) -> Value {
    json!({
        "id": facts.id.as_str(),
        "endpoint": facts.endpoint.as_str(),
        "minted_at": facts.minted_at.to_string(),
        "expires": facts.expires.to_string(),
        "minted_by": facts.minted_by.as_str(),
        "names": facts.binding.names().iter().map(show_name).collect::<Vec<_>>(),
    })
}

fn show_name(name: &BoundName) -> Value {
    match name {
        BoundName::CommonName(text) => json!({ "common_name": text }),
        BoundName::Dns(text) => json!({ "dns": text }),
        BoundName::Rfc822(text) => json!({ "rfc822": text }),
        BoundName::Upn(text) => json!({ "upn": text }),
        BoundName::Uri(text) => json!({ "uri": text }),
        BoundName::Ip(address) => json!({ "ip": address }),
    }
}

fn failed(error: &Error) -> Answer {
    let status = match error {
        Error::Misconfigured(_) => StatusCode::BAD_REQUEST,
        Error::Store(StoreError::Full { what: Capacity::LivePasswords, .. }) => {
            StatusCode::CONFLICT
        }
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Answer::error(status, error)
}
