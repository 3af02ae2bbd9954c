//! Requests that wait for an operator.

use axum::http::StatusCode;
use scep_crypto::aws_lc_rs;
use scep_proto::FailInfo;
use scep_store::{Operator, PendingRequest, Rejection, RequestId, StoreError, Terms};
use scep_types::{CryptoError, Csr, DigestAlgorithm, UnixTime, hex};
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use super::routes::Caller;
use crate::serve::assembly::Door;
use crate::serve::server::Server;

/// All of them, endpoint by endpoint.
pub(super) async fn list(server: &Server, now: UnixTime) -> Answered {
    let mut shown = Vec::new();
    for door in &server.running().doors {
        for request in waiting(server, door, now).await? {
            shown.push(show(door, &request)?);
        }
    }
    Answer::ok(json!({ "pending": shown }))
}

/// Approves exactly the request that was seen under this id.
pub(super) async fn approve(server: &Server, id: &str, caller: &Caller, now: UnixTime) -> Answered {
    let (_, request) = find(server, id, now).await?;
    let operator = Operator::new(&caller.name);
    let operator = operator.map_err(|error| Answer::store(&error))?;
    let approved = server.host.store.approve(&request, &operator, now).await;
    approved.map_err(|error| Answer::store(&error))?;
    decided(server, &request, "approve", id, caller, now)
}

/// Denies exactly the request that was seen under this id; polls learn badRequest.
pub(super) async fn deny(server: &Server, id: &str, caller: &Caller, now: UnixTime) -> Answered {
    let (terms, request) = find(server, id, now).await?;
    let rejection = Rejection { fail_info: FailInfo::BAD_REQUEST.number() };
    let denied = server.host.store.deny(&request, rejection, terms, now).await;
    denied.map_err(|error| Answer::store(&error))?;
    decided(server, &request, "deny", id, caller, now)
}

fn decided(
    server: &Server,
    request: &RequestId,
    what: &str,
    id: &str,
    caller: &Caller,
    now: UnixTime,
) -> Answered {
    let details = json!({
        "endpoint": request.transaction.endpoint.as_str(),
        "transaction_id": request.transaction.transaction_id.to_string(),
        "id": id,
    });
    server.watch.acted(&now.to_string(), &caller.name, what, &details);
    Answer::ok(json!({ "ok": true }))
}

async fn waiting(
    server: &Server,
    door: &Door,
    now: UnixTime,
) -> Result<Vec<PendingRequest>, Answer> {
    let listed = server.host.store.list_pending(door.endpoint.id(), now).await;
    listed.map_err(|error| Answer::store(&error))
}

async fn find(server: &Server, wanted: &str, now: UnixTime) -> Result<(Terms, RequestId), Answer> {
    for door in &server.running().doors {
        for pending in waiting(server, door, now).await? {
            if id(&pending.request).map_err(failed)? == wanted {
                let terms = Terms::new(door.config.lease, door.config.replay_window);
                let terms = terms.map_err(|error| Answer::store(&error))?;
                return Ok((terms, pending.request));
            }
        }
    }
    Err(Answer::error(StatusCode::NOT_FOUND, &StoreError::NotPending))
}

/// Never the CSR itself, which may hold a password.
fn show(door: &Door, pending: &PendingRequest) -> Result<Value, Answer> {
    let csr = Csr::parse(pending.csr.clone()).ok();
    let names = csr.iter().flat_map(|csr| csr.subject_alt_names()).map(ToString::to_string);
    let digest = |octets: &[u8]| Ok::<_, Answer>(hex::lower(&sha256(octets).map_err(failed)?));
    Ok(json!({
        "id": id(&pending.request).map_err(failed)?,
        "endpoint": door.endpoint.name(),
        "transaction_id": pending.request.transaction.transaction_id.to_string(),
        "subject": csr.as_ref().map(|csr| csr.subject().to_string()),
        "subject_alt_names": names.collect::<Vec<_>>(),
        "public_key_sha256": csr.as_ref().map(|csr| digest(csr.spki())).transpose()?,
        "since": pending.since.to_string(),
        "expires": pending.expires.to_string(),
        "approved_by": pending.approved_by.as_ref().map(Operator::as_str),
    }))
}

/// What names exactly one request: SHA-256 over its endpoint, transactionID, signer and CSR.
fn id(request: &RequestId) -> Result<String, CryptoError> {
    let RequestId { transaction, submission } = request;
    let endpoint = transaction.endpoint.as_str().as_bytes();
    let transaction_id = transaction.transaction_id.octets();
    // Each length is below 256, so one octet keeps the parts apart.
    let length = |part: &[u8]| u8::try_from(part.len()).unwrap_or(u8::MAX);
    let parts = [
        &[length(endpoint)][..],
        endpoint,
        &[length(transaction_id)],
        transaction_id,
        submission.signer_key.octets(),
        submission.csr_info.octets(),
    ];
    Ok(hex::lower(&sha256(&parts.concat())?))
}

fn sha256(octets: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let digest = aws_lc_rs::provider().digest.digest(DigestAlgorithm::Sha256, octets)?;
    Ok(digest.as_ref().to_vec())
}

fn failed(error: CryptoError) -> Answer {
    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &error)
}
