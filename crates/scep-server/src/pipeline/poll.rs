//! CertPoll: answered from the transaction; what an operator approved meanwhile is issued now (RFC 8894 §4.4).

use std::sync::Arc;

use bytes::Bytes;
use scep_proto::FailInfo;
use scep_proto::server::{Poll, Reply};
use scep_store::{Operator, Polled, Reservation};
use scep_types::{Certificate, Csr, UnixTime, VerifiedCsr};

use super::report::Facts;
use super::request::transaction_key;
use super::{Granted, Judged, issue};
use crate::Error;
use crate::endpoint::{Inner, Mode};

pub(super) async fn answer(
    inner: &Arc<Inner>,
    request: Poll,
    now: UnixTime,
    facts: &mut Facts,
) -> Judged {
    let Poll { signer, mut reply } = request;
    facts.found_algorithms(&reply);
    let verdict = poll(inner, &signer, &mut reply, now, facts).await;
    Judged::new(reply, verdict)
}

async fn poll(
    inner: &Arc<Inner>,
    signer: &Certificate,
    reply: &mut Reply,
    now: UnixTime,
    facts: &mut Facts,
) -> Result<Granted, Error> {
    // Intune knows no pending requests; and whom a certificate is kept back from must not poll for it.
    if let Mode::Intune(_) = inner.config.mode {
        return Err(Error::UnknownTransaction);
    }
    let transaction = transaction_key(inner, reply)?;
    // The key, not the certificate: cryptlib makes a new one for each poll (R-4.4-03).
    let signer_key = inner.sha256(signer.spki())?;
    let store = &inner.config.host.store;
    match store.poll(&transaction, &signer_key, inner.terms, now).await? {
        Polled::Issued(issued) => {
            // The challengePassword went with the request: a key that cannot encrypt asks again by PKCSReq.
            reply.check_encryptable()?;
            let certificate = Certificate::parse(issued.certificate.der);
            let certificate = certificate.map_err(scep_proto::Error::from)?;
            Ok(Granted::Repeated { certificate })
        }
        Polled::Pending => Ok(Granted::Pending),
        Polled::Rejected(rejection) => Err(Error::Rejected(FailInfo::new(rejection.fail_info))),
        Polled::Approved { reservation, csr, operator } => {
            approved(inner, reply, csr, (reservation, operator), now, facts).await
        }
        Polled::Unknown => Err(Error::UnknownTransaction),
    }
}

async fn approved(
    inner: &Arc<Inner>,
    reply: &mut Reply,
    csr: Bytes,
    (reservation, operator): (Reservation, Operator),
    now: UnixTime,
    facts: &mut Facts,
) -> Result<Granted, Error> {
    let proven = inner.run(move |inner| prove(inner, csr)).await.and_then(|proven| proven);
    match proven.and_then(|csr| encryptable(inner, reply, csr)) {
        Ok(csr) => {
            facts.found_csr(&csr, None);
            issue::approved(inner, &csr, &operator, reservation, now).await
        }
        Err(error) => {
            issue::release(inner, reservation, now).await;
            Err(error)
        }
    }
}

/// Checks that the answer can be encrypted, with the challengePassword that was queued where the signer's key cannot.
fn encryptable(inner: &Inner, reply: &mut Reply, csr: VerifiedCsr) -> Result<VerifiedCsr, Error> {
    if let Some(challenge) = csr.challenge_password() {
        *reply = reply.clone().with_password(challenge, inner.provider());
    }
    reply.check_encryptable()?;
    Ok(csr)
}

/// What was queued was proven then, and is proven again: the store is not trusted with that.
fn prove(inner: &Inner, csr: Bytes) -> Result<VerifiedCsr, Error> {
    let csr = Csr::parse(csr).map_err(scep_proto::Error::from)?;
    let proven = csr.verify(inner.provider().verify, inner.config.algorithms);
    Ok(proven.map_err(scep_proto::Error::from)?)
}
