//! CertPoll: answered from the transaction; what an operator approved meanwhile is issued now (RFC 8894 §4.4).

use std::sync::Arc;

use bytes::Bytes;
use scep_proto::FailInfo;
use scep_proto::server::{Poll, Reply};
use scep_store::{Operator, Polled, RequestId, Reservation, Sha256, Submission};
use scep_types::{Certificate, Csr, UnixTime, VerifiedCsr};

use super::report::Facts;
use super::request::{csr_info, transaction_key};
use super::{Granted, Judged, issue};
use crate::Error;
use crate::endpoint::{Inner, Mode};

pub(super) async fn answer(
    inner: &Arc<Inner>,
    request: Poll,
    now: UnixTime,
    facts: &mut Facts,
) -> (Judged, Arc<Inner>) {
    let Poll { signer, mut reply } = request;
    facts.found_algorithms(&reply);
    let mut under = Arc::clone(inner);
    let verdict = poll(&mut under, &signer, &mut reply, now, facts).await;
    (Judged::new(reply, verdict), under)
}

/// `under` becomes the CA that the request was for, where that shows.
async fn poll(
    under: &mut Arc<Inner>,
    signer: &Certificate,
    reply: &mut Reply,
    now: UnixTime,
    facts: &mut Facts,
) -> Result<Granted, Error> {
    let inner = &Arc::clone(under);
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
            let issuer = issued.certificate.id.issuer;
            under.clone_from(
                inner.generations().find(|ca| ca.issuer_key == issuer).unwrap_or(inner),
            );
            let certificate = Certificate::parse(issued.certificate.der);
            let certificate = certificate.map_err(scep_proto::Error::from)?;
            Ok(Granted::Repeated { certificate })
        }
        Polled::Pending => Ok(Granted::Pending),
        Polled::Rejected(rejection) => Err(Error::Rejected(FailInfo::new(rejection.fail_info))),
        Polled::Approved { reservation, csr, operator } => {
            let signer_key = &signer_key;
            approved(under, reply, csr, (reservation, operator), signer_key, now, facts).await
        }
        Polled::Unknown => Err(Error::UnknownTransaction),
    }
}

async fn approved(
    under: &mut Arc<Inner>,
    reply: &mut Reply,
    csr: Bytes,
    (reservation, operator): (Reservation, Operator),
    signer_key: &Sha256,
    now: UnixTime,
    facts: &mut Facts,
) -> Result<Granted, Error> {
    let inner = &Arc::clone(under);
    let proven = inner.run(move |inner| prove(inner, csr)).await.and_then(|proven| proven);
    let encryptable = proven.and_then(|csr| encryptable(inner, reply, csr));
    let asked = match encryptable {
        Ok(csr) => asked(inner, reply, &csr, *signer_key, now).await.map(|asked| (csr, asked)),
        Err(error) => Err(error),
    };
    match asked {
        Ok((csr, asked)) => {
            facts.found_csr(&csr, None);
            under.clone_from(asked);
            issue::approved(asked, &csr, &operator, reservation, now).await
        }
        Err(error) => {
            issue::release(inner, reservation, now).await;
            Err(error)
        }
    }
}

/// The CA that was asked. The poll does not say, and its word would count for nothing: the store knows requests to the next
/// one as others.
async fn asked<'a>(
    inner: &'a Arc<Inner>,
    reply: &Reply,
    csr: &VerifiedCsr,
    signer_key: Sha256,
    now: UnixTime,
) -> Result<&'a Arc<Inner>, Error> {
    let Some(next) = inner.successor() else { return Ok(inner) };
    let submission = Submission { signer_key, csr_info: csr_info(next, csr, &[])? };
    let request = RequestId { transaction: transaction_key(inner, reply)?, submission };
    // It is reserved already, so this finds it busy, or finds nothing.
    let found = inner.config.host.store.recall(&request, inner.terms, now).await?;
    Ok(if found.is_some() { next } else { inner })
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
