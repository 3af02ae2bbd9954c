//! GetCert and GetCRL: what the CA, or the next one, issued and revoked, for whoever may know it (RFC 8894 §4.5, §4.6).

use std::sync::Arc;

use bytes::Bytes;
use scep_proto::http::MAX_MESSAGE;
use scep_proto::server::{Lock, Opened, Query};
use scep_store::outbox::Progress;
use scep_store::{CertificateId, IssuedCertificate, SerialNumber};
use scep_types::UnixTime;

use super::open::{Locked, run_to_unlock, unlock};
use super::renewal::recorded;
use super::report::Facts;
use super::{Granted, Judged};
use crate::endpoint::{Inner, QueryPolicy};
use crate::{Error, crl};

/// # Errors
/// There is nothing left to answer with.
pub(super) async fn answer(
    inner: &Arc<Inner>,
    request: Locked,
    now: UnixTime,
    facts: &Facts,
) -> Result<Judged, Error> {
    let kind = request.lock.kind();
    if let Err(error) = may_ask(inner, &request.lock, now).await {
        return Ok(Judged::refused(request.lock.into_reply(), error));
    }
    let opened = match run_to_unlock(inner, request, now, unlock).await? {
        Ok(opened) => opened,
        Err(rejected) => return Ok(Judged::refused(rejected.reply, rejected.error)),
    };
    let (query, verdict) = match opened {
        Opened::GetCert(query) => {
            let found = certificate(inner, &query, now).await;
            (query, found.map(Granted::Certificate))
        }
        Opened::GetCrl(query) => {
            let found = current_crl(inner, &query, now).await;
            (query, found.map(Granted::Crl))
        }
        Opened::Enrol(other) | Opened::Renew(other) => {
            return Ok(Judged::refused(other.reply, Error::NotOffered(kind)));
        }
    };
    facts.found_algorithms(&query.reply);
    Ok(Judged::new(query.reply, verdict))
}

async fn may_ask(inner: &Arc<Inner>, request: &Lock, now: UnixTime) -> Result<(), Error> {
    match inner.config.queries {
        QueryPolicy::Deny => Err(Error::NotOffered(request.kind())),
        QueryPolicy::Anyone => Ok(()),
        QueryPolicy::Holders => {
            let record = recorded(inner, request.signer()).await?;
            let stands = record.is_some_and(|record| record.revocation.is_none());
            let valid = request.signer().validity().contains(now);
            if stands && valid { Ok(()) } else { Err(Error::NotHolder) }
        }
    }
}

async fn certificate(inner: &Arc<Inner>, query: &Query, now: UnixTime) -> Result<Bytes, Error> {
    query.reply.check_encryptable()?;
    let serial = SerialNumber::new(&query.serial).map_err(|_| Error::UnknownCertificate)?;
    for ca in inner.issuers(&query.issuer) {
        let id = CertificateId { issuer: ca.issuer_key, serial };
        let record = inner.config.host.store.certificate_by_serial(&id).await?;
        if let Some(record) = record.filter(|record| may_leave(record, now)) {
            return Ok(record.certificate.der);
        }
    }
    Err(Error::UnknownCertificate)
}

/// A certificate that Intune was not told of is kept back from everyone.
fn may_leave(record: &IssuedCertificate, now: UnixTime) -> bool {
    record.notice.is_none_or(|notice| notice.at(now) == Progress::Delivered)
}

async fn current_crl(inner: &Arc<Inner>, query: &Query, now: UnixTime) -> Result<Bytes, Error> {
    query.reply.check_encryptable()?;
    let crl = crl::current(crl_issuer(inner, query).await?, now).await?;
    match crl.der().len() {
        size if size > MAX_MESSAGE => Err(Error::CrlTooLarge { size }),
        _ => Ok(crl.der().clone()),
    }
}

/// Whose CRL is asked for; of two CAs that have one name, that of the certificate it is asked for.
async fn crl_issuer<'a>(inner: &'a Arc<Inner>, query: &Query) -> Result<&'a Arc<Inner>, Error> {
    let certificate = |ca: &'a Inner| ca.config.authority.ca.issuer.certificate();
    let mut asked = inner.generations().filter(|ca| query.asks_for_crl_of(certificate(ca)));
    let first = asked.next().ok_or(Error::UnknownCertificate)?;
    let Some(second) = asked.next() else { return Ok(first) };
    if query.asks_for(certificate(second)) {
        return Ok(second);
    }
    let Ok(serial) = SerialNumber::new(&query.serial) else { return Ok(first) };
    let id = CertificateId { issuer: second.issuer_key, serial };
    let issued = inner.config.host.store.certificate_by_serial(&id).await?;
    Ok(if issued.is_some() { second } else { first })
}
