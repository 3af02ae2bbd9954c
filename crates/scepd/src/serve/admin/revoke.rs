//! Revocation: the store knows from now on, so that the certificate renews nothing.

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use scep_crypto::aws_lc_rs;
use scep_store::{CertificateId, Revocation, Revoked, SerialNumber, Sha256};
use scep_types::{Certificate, DigestAlgorithm, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, Answered};
use super::routes::Caller;
use crate::serve::assembly::Door;
use crate::serve::server::Server;

/// Octets of a request to the admin API.
const MOST: usize = 16 * 1024;

/// What is to be revoked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// An endpoint whose CA, or next CA, issued it.
    endpoint: String,
    /// Its serial number in hexadecimal.
    serial: String,
    #[serde(default)]
    reason: Reason,
}

/// CRLReason (RFC 5280 §5.3.1), those that fit the certificate of a device.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    #[default]
    Unspecified = 0,
    KeyCompromise = 1,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
    PrivilegeWithdrawn = 9,
}

pub(super) async fn revoke(
    server: &Server,
    caller: &Caller,
    body: Body,
    now: UnixTime,
) -> Answered {
    let bad = |why: String| Answer::error(StatusCode::BAD_REQUEST, &why);
    let body = to_bytes(body, MOST).await.map_err(|_| bad(format!("more than {MOST} octets")))?;
    let order: Order = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    let running = server.running();
    let door = running.doors.iter().find(|door| door.endpoint.name() == order.endpoint);
    let door = door.ok_or_else(|| bad(format!("no endpoint {:?}", order.endpoint)))?;
    let ids = ids(door, &order.serial).ok_or_else(|| bad("not a serial number".to_owned()))?;
    let revocation = Revocation { at: now, reason: order.reason as u8 };
    let (issuer, revoked) = revoke_one(server, &ids, revocation).await?;
    match revoked {
        Revoked::Unknown => {
            let why = "no such certificate was issued here, or it expired long ago";
            Err(Answer::error(StatusCode::NOT_FOUND, &why))
        }
        Revoked::Already(earlier) => {
            Answer::ok(json!({ "ok": true, "revoked_at": earlier.at.to_string() }))
        }
        Revoked::Now => {
            let Order { endpoint, serial, reason } = &order;
            let details = json!({ "endpoint": endpoint, "serial": serial, "reason": reason });
            server.watch.acted(&now.to_string(), &caller.name, "revoke", &details);
            let on_crl = publish(&running.doors, issuer, now).await;
            Answer::ok(json!({ "ok": true, "revoked_at": now.to_string(), "on_crl": on_crl }))
        }
    }
}

/// Revokes it at the CA that issued it; serial numbers of ours are random, so that it is one at most.
async fn revoke_one(
    server: &Server,
    ids: &[CertificateId],
    revocation: Revocation,
) -> Result<(Option<Sha256>, Revoked), Answer> {
    for id in ids {
        let revoked = server.host.store.revoke(id, revocation).await;
        match revoked.map_err(|error| Answer::store(&error))? {
            Revoked::Unknown => {}
            revoked => return Ok((Some(id.issuer), revoked)),
        }
    }
    Ok((None, Revoked::Unknown))
}

/// Publishes the CRLs of the certificate's CA; whether there are any, and all of them say it.
async fn publish(doors: &[Door], issuer: Option<Sha256>, now: UnixTime) -> bool {
    let issuers = doors.iter().flat_map(Door::issuers);
    let same_ca = issuers.filter(|(ca, _)| issuer.is_some() && issuer_key(ca) == issuer);
    let mut published = Vec::new();
    for crl in same_ca.filter_map(|(_, crl)| crl) {
        let made = crl.publisher.publish(now).await;
        if let Err(error) = &made {
            tracing::error!(%error, "revoked, but no CRL says so yet");
        }
        published.push(made.is_ok());
    }
    !published.is_empty() && published.iter().all(|made| *made)
}

/// This serial number at each CA of an endpoint.
pub(super) fn ids(door: &Door, serial: &str) -> Option<Vec<CertificateId>> {
    let serial = SerialNumber::new(&content(serial)?).ok()?;
    let id = |(ca, _)| Some(CertificateId { issuer: issuer_key(ca)?, serial });
    door.issuers().map(id).collect()
}

/// Under which the store keeps what a CA issued.
fn issuer_key(ca: &Certificate) -> Option<Sha256> {
    let digest = aws_lc_rs::provider().digest.digest(DigestAlgorithm::Sha256, ca.spki()).ok()?;
    Sha256::from_digest(&digest)
}

/// The content octets of the INTEGER that this is the hexadecimal form of.
fn content(serial: &str) -> Option<Vec<u8>> {
    let digits: String = serial.chars().filter(|c| *c != ':').collect();
    if digits.is_empty() || digits.len() > 2 * SerialNumber::MAX_OCTETS || !digits.is_ascii() {
        return None;
    }
    let padded = if digits.len().is_multiple_of(2) { digits } else { format!("0{digits}") };
    let octets = octets(&padded)?;
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let mut content = octets.get(zeros..)?.to_vec();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0); // it is not negative
    }
    Some(content)
}

/// The octets that pairs of hexadecimal digits stand for.
pub(super) fn octets(pairs: &str) -> Option<Vec<u8>> {
    let octet = |pair: &[u8]| match pair {
        [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        }
        _ => None,
    };
    pairs.as_bytes().chunks(2).map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::content;

    #[test]
    fn a_serial_number_is_found_however_it_is_written() {
        assert_eq!(content("0A:ff"), Some(vec![0x0a, 0xff]));
        assert_eq!(content("aff"), Some(vec![0x0a, 0xff]));
        assert_eq!(content("000AFF"), Some(vec![0x0a, 0xff]));
        assert_eq!(content("FF"), Some(vec![0, 0xff]));
        for wrong in ["", "xyz", "é1", &"1".repeat(41)] {
            assert_eq!(content(wrong), None, "{wrong}");
        }
    }
}
