//! Which certificates a key or a device has, and on what authority.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use scep_store::outbox::{Notice, Progress};
use scep_store::{
    CertificateId, CertificatePage, CertificatePlace, CertificatesOf, DeviceName,
    IssuedCertificate, SerialNumber, Sha256,
};
use scep_types::{Certificate, UnixTime};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use super::revoke;
use crate::serve::server::Server;

/// Certificates of a page, if nobody says otherwise.
const USUALLY_SHOWN: usize = 20;

/// What is asked for: one of the first three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// A serial number in hexadecimal, of any CA.
    serial: Option<String>,
    /// SHA-256 of a SubjectPublicKeyInfo, in hexadecimal.
    key: Option<String>,
    /// For whom it was issued.
    device: Option<String>,
    /// How many are shown.
    most: Option<usize>,
    /// What the page before gave as `next`.
    before: Option<String>,
}

pub(super) async fn show(server: &Server, wanted: &Wanted, now: UnixTime) -> Answered {
    let Wanted { serial, key, device, .. } = wanted;
    match (serial, key, device) {
        (Some(serial), None, None) => by_serial(server, serial, now).await,
        (None, Some(key), None) => {
            let digest = digest(key).ok_or_else(|| bad("a key is 64 hexadecimal digits"))?;
            page(server, &CertificatesOf::Key(digest), wanted, now).await
        }
        (None, None, Some(device)) => {
            let name = DeviceName::of(device).ok_or_else(|| bad("a device has a name"))?;
            page(server, &CertificatesOf::Device(name), wanted, now).await
        }
        _ => Err(bad("say one of serial, key and device")),
    }
}

async fn by_serial(server: &Server, serial: &str, now: UnixTime) -> Answered {
    let mut shown = Vec::new();
    for id in ids(server, serial)? {
        let found = server.host.store.certificate_by_serial(&id).await;
        let found = found.map_err(|error| Answer::store(&error))?;
        shown.extend(found.map(|issued| certificate(&issued, now)));
    }
    Answer::ok(json!({ "certificates": shown, "next": null }))
}

/// This serial number at each CA.
fn ids(server: &Server, serial: &str) -> Result<BTreeSet<CertificateId>, Answer> {
    let running = server.running();
    let ids = running.doors.iter().map(|door| revoke::ids(door, serial));
    let ids: Option<Vec<_>> = ids.collect();
    Ok(ids.ok_or_else(|| bad("not a serial number"))?.into_iter().flatten().collect())
}

async fn page(server: &Server, of: &CertificatesOf, wanted: &Wanted, now: UnixTime) -> Answered {
    let most = wanted.most.unwrap_or(USUALLY_SHOWN);
    let mut page = CertificatePage::newest(most).map_err(|error| bad(&error.to_string()))?;
    if let Some(before) = &wanted.before {
        page = page.before(place(before).ok_or_else(|| bad("`before` is no `next`"))?);
    }
    let found = server.host.store.certificates(of, &page, now).await;
    let found = found.map_err(|error| Answer::store(&error))?;
    let last = found.last().filter(|_| found.len() == most);
    let next = last.map(|last| written(&CertificatePlace::of(last)));
    let shown: Vec<Value> = found.iter().map(|issued| certificate(issued, now)).collect();
    Answer::ok(json!({ "certificates": shown, "next": next }))
}

fn certificate(issued: &IssuedCertificate, now: UnixTime) -> Value {
    let new = &issued.certificate;
    let parsed = Certificate::parse(new.der.clone()).ok();
    let revocation = issued
        .revocation
        .map(|revocation| json!({ "at": revocation.at.to_string(), "reason": revocation.reason }));
    json!({
        "serial": parsed.as_ref().map(Certificate::serial_hex),
        "subject": parsed.as_ref().map(|certificate| certificate.subject().to_string()),
        "issuer_key": new.id.issuer.to_string(),
        "key": new.subject_key.to_string(),
        "device": new.device.as_ref().map(DeviceName::as_str),
        "basis": new.basis.label(),
        "basis_detail": new.basis_detail(),
        "endpoint": issued.transaction.endpoint.as_str(),
        "transaction_id": issued.transaction.transaction_id.to_string(),
        "issued_at": issued.issued_at.to_string(),
        "not_after": new.not_after.to_string(),
        "revocation": revocation,
        "notice": issued.notice.map(|notice| show_notice(&notice, now)),
    })
}

fn show_notice(notice: &Notice, now: UnixTime) -> Value {
    let state = match notice.at(now) {
        Progress::Waiting { .. } => "waiting",
        Progress::Leased { .. } => "being sent",
        Progress::Delivered => "delivered",
        Progress::GivenUp => "given up",
    };
    json!({ "state": state, "attempts": notice.attempts })
}

/// A place as `next` gives it.
fn written(place: &CertificatePlace) -> String {
    let CertificateId { issuer, serial } = &place.id;
    format!("{}.{issuer}.{serial}", place.issued_at.as_secs())
}

fn place(text: &str) -> Option<CertificatePlace> {
    let mut parts = text.split('.');
    let (at, issuer, serial) = (parts.next()?, parts.next()?, parts.next()?);
    let id = CertificateId {
        issuer: digest(issuer)?,
        serial: SerialNumber::new(&revoke::octets(serial)?).ok()?,
    };
    Some(CertificatePlace { issued_at: UnixTime::from_secs(at.parse().ok()?), id })
}

fn digest(text: &str) -> Option<Sha256> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    <[u8; 32]>::try_from(revoke::octets(&digits)?).ok().map(Sha256::new)
}

fn bad(why: &str) -> Answer {
    Answer::error(StatusCode::BAD_REQUEST, &why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        let id = CertificateId {
            issuer: Sha256::new([0xAB; 32]),
            serial: SerialNumber::new(&[0, 0xFF, 1]).unwrap(),
        };
        let written_place = CertificatePlace { issued_at: UnixTime::from_secs(-7), id };
        assert_eq!(place(&written(&written_place)), Some(written_place));
        for wrong in ["", "1", "1.2.3", "x.y.z", "1.é.00"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
