//! PKCSReq and RenewalReq: opened and judged on a worker, then reserved and carried out.

use std::sync::Arc;

use scep_proto::FailInfo;
use scep_proto::server::{Enrolment, Opened, Reply, SealedKind};
use scep_store::{
    Begin, Begun, DeviceName, NewPending, Outcome, RequestId, Sha256, Submission, TransactionId,
    TransactionKey,
};
use scep_types::{Certificate, UnixTime, VerifiedCsr};

use super::authorise::{Authorised, authorise, check_keys, check_password};
use super::intune::Attempt;
use super::issue::Issuance;
use super::one_time::{Allowed, Presented};
use super::open::{Locked, run_to_unlock, unlock};
use super::renewal::{Predecessor, predecessor};
use super::report::Facts;
use super::{Granted, Judged, issue};
use crate::endpoint::{Generation, Inner};
use crate::error::limited;
use crate::intune::IntuneMode;
use crate::moment::Moment;
use crate::{Error, OneTimePasswordFault, RenewalFault, compliance};

/// A request whose CSR is proven, and what is to be done with it.
struct Proven {
    csr: VerifiedCsr,
    reply: Reply,
    device: Option<String>,
    plan: Result<Plan, Error>,
}

struct Plan {
    begin: Begin,
    action: Action,
}

/// What is to be done with a request.
enum Action {
    /// What was decided here.
    Decided(Decided),
    /// Look the one-time password up, and issue if it is good.
    LookUp(Presented),
    /// Ask the service, and issue if it says so.
    Ask { mode: Arc<IntuneMode>, challenge: Sha256 },
}

/// What was decided about a request without asking anybody.
enum Decided {
    /// Issue, once it is reserved.
    Issue(Box<Issuance>),
    /// Queue it for an operator, once it is reserved.
    Queue(NewPending),
    /// Refuse it, unless the very same request was answered before: its challenge may have ended since.
    Refuse(Error),
}

/// # Errors
/// There is nothing left to answer with.
pub(super) async fn answer(
    inner: &Arc<Inner>,
    request: Locked,
    now: UnixTime,
    facts: &mut Facts,
) -> Result<Judged, Error> {
    let moment = Moment::starting(now);
    // Either of the endpoint's CAs may have issued what is renewed; from here on there is but the one that is asked.
    let predecessor = match predecessor(inner, &request.lock).await {
        Ok(predecessor) => predecessor,
        Err(error) => return Ok(Judged::refused(request.lock.into_reply(), error)),
    };
    let inner = &Arc::clone(&request.under);
    let opened = run_to_unlock(inner, request, now, move |inner, request| {
        open(inner, request, predecessor.as_ref(), now)
    });
    match opened.await? {
        Err(refused) => Ok(*refused),
        Ok(proven) => {
            let Proven { csr, reply, device, plan } = *proven;
            facts.found_csr(&csr, device);
            facts.found_algorithms(&reply);
            let verdict = match plan {
                Ok(Plan { begin, action: Action::Ask { mode, challenge } }) => {
                    let attempt = Attempt { inner, mode: &mode, csr: &csr, moment };
                    attempt.run(begin, challenge, facts).await
                }
                Ok(Plan { begin, action: Action::LookUp(presented) }) => {
                    by_password(inner, &csr, begin, presented, facts, now).await
                }
                Ok(Plan { begin, action: Action::Decided(decided) }) => {
                    let decided = complied(inner, &csr, decided, facts.device()).await;
                    carry_out(inner, &csr, &begin, decided, now).await
                }
                Err(error) => Err(error),
            };
            Ok(Judged::new(reply, verdict))
        }
    }
}

/// Opens the envelope and decides, all on one worker.
fn open(
    inner: &Inner,
    request: Locked,
    predecessor: Option<&Predecessor>,
    now: UnixTime,
) -> Result<Box<Proven>, Box<Judged>> {
    let refused = |reply, error| Err(Box::new(Judged::refused(reply, error)));
    match unlock(inner, request) {
        Ok(Opened::Enrol(enrolment) | Opened::Renew(enrolment)) => {
            Ok(Box::new(decide(inner, enrolment, predecessor, now)))
        }
        Ok(Opened::GetCert(query)) => refused(query.reply, Error::NotOffered(SealedKind::GetCert)),
        Ok(Opened::GetCrl(query)) => refused(query.reply, Error::NotOffered(SealedKind::GetCrl)),
        Err(rejected) => refused(rejected.reply, rejected.error.into()),
    }
}

fn decide(
    inner: &Inner,
    enrolment: Enrolment,
    predecessor: Option<&Predecessor>,
    now: UnixTime,
) -> Proven {
    let mut device = None;
    let begin = check_keys(inner, &enrolment, predecessor)
        .and_then(|()| check_password(inner, &enrolment))
        .and_then(|()| begin(inner, &enrolment, predecessor));
    let plan = begin.and_then(|mut begin| {
        match action(inner, &enrolment.csr, predecessor, &mut begin, &mut device, now) {
            Ok(action) => Ok(Plan { begin, action }),
            // Whoever holds a revoked certificate's key gets nothing more, not even what was issued before.
            Err(error @ Error::Renewal(RenewalFault::Revoked)) => Err(error),
            Err(error) => Ok(Plan { begin, action: Action::Decided(Decided::Refuse(error)) }),
        }
    });
    Proven { csr: enrolment.csr, reply: enrolment.reply, device, plan }
}

fn action(
    inner: &Inner,
    csr: &VerifiedCsr,
    predecessor: Option<&Predecessor>,
    begin: &mut Begin,
    device: &mut Option<String>,
    now: UnixTime,
) -> Result<Action, Error> {
    match authorise(inner, csr, predecessor, now)? {
        Authorised::Now(warrant) => {
            let named = warrant.device.as_deref().and_then(DeviceName::of);
            *device = warrant.device;
            begin.challenge = warrant.challenge;
            begin.device_limit = warrant.device_limit;
            let admitted = inner.admit(csr, warrant.authorization, now)?;
            let known = predecessor.and_then(Predecessor::device);
            let issuance = Issuance { device: named.or(known), ..Issuance::of(admitted) };
            Ok(Action::Decided(Decided::Issue(Box::new(issuance))))
        }
        Authorised::ByPassword(presented) => Ok(Action::LookUp(presented)),
        Authorised::ByService { mode, challenge } => Ok(Action::Ask { mode, challenge }),
        Authorised::ByOperator { until } => {
            Ok(Action::Decided(Decided::Queue(NewPending::new(csr.der(), until)?)))
        }
    }
}

fn begin(
    inner: &Inner,
    enrolment: &Enrolment,
    predecessor: Option<&Predecessor>,
) -> Result<Begin, Error> {
    // A renewal may repeat transactionID, key and CSR of the enrolment (scepclient does). It is another request all the
    // same: who holds a certificate is not given that very one again.
    let renewed = predecessor.map(Predecessor::certificate_der);
    let csr_info = csr_info(inner, &enrolment.csr, renewed.unwrap_or_default())?;
    let submission = Submission { signer_key: inner.sha256(enrolment.signer.spki())?, csr_info };
    let transaction = transaction_key(inner, &enrolment.reply)?;
    Ok(inner.allowances.count(Begin::new(RequestId { transaction, submission }, inner.terms)))
}

/// What makes a request that one, under one CA: to the next CA it is another request, which gets no certificate of the
/// current one, and is served by no challenge that was used there.
pub(super) fn csr_info(inner: &Inner, csr: &VerifiedCsr, renewed: &[u8]) -> Result<Sha256, Error> {
    let asked = match inner.generation {
        Generation::Current { .. } => &[][..],
        Generation::Next { .. } => inner.config.authority.ca.issuer.certificate().spki(),
    };
    Ok(inner.sha256(&[csr.info(), renewed, asked].concat())?)
}

/// Where the store keeps this transaction.
pub(super) fn transaction_key(inner: &Inner, reply: &Reply) -> Result<TransactionKey, Error> {
    let transaction_id = TransactionId::new(reply.transaction_id().octets())?;
    Ok(TransactionKey { endpoint: inner.id.clone(), transaction_id })
}

/// Judges a one-time password and issues on it. One that was used is refused like any other that is not good.
async fn by_password(
    inner: &Arc<Inner>,
    csr: &VerifiedCsr,
    mut begin: Begin,
    presented: Presented,
    facts: &mut Facts,
    now: UnixTime,
) -> Result<Granted, Error> {
    let (decided, id) = match presented.judge(inner, csr, now).await {
        Ok(Allowed { id, issuance, challenge, device_limit, device }) => {
            begin.challenge = challenge;
            begin.device_limit = device_limit;
            facts.found_csr(csr, device);
            (Decided::Issue(issuance), Some(id))
        }
        Err(error) => (Decided::Refuse(error), None),
    };
    let decided = complied(inner, csr, decided, facts.device()).await;
    let granted = carry_out(inner, csr, &begin, decided, now).await;
    granted.map_err(|error| match (error, id) {
        (Error::Replayed, Some(id)) => OneTimePasswordFault::Used { id }.into(),
        (error, _) => error,
    })
}

async fn carry_out(
    inner: &Arc<Inner>,
    csr: &VerifiedCsr,
    begin: &Begin,
    decided: Decided,
    now: UnixTime,
) -> Result<Granted, Error> {
    let store = &inner.config.host.store;
    let begun = match &decided {
        Decided::Issue(_) | Decided::Queue(_) => store.begin(begin, now).await?,
        Decided::Refuse(error) => {
            let recalled = store.recall(&begin.request, inner.terms, now).await?;
            recalled.ok_or_else(|| error.clone())?
        }
    };
    match (begun, decided) {
        (Begun::Fresh(reservation), Decided::Issue(issuance)) => {
            issue::issue(inner, *issuance, reservation, now).await
        }
        (Begun::Fresh(reservation), Decided::Queue(pending)) => {
            store.pend(reservation, pending, now).await?;
            Ok(Granted::Pending)
        }
        (Begun::Fresh(reservation), Decided::Refuse(error)) => {
            issue::release(inner, reservation, now).await; // recall reserves nothing afresh
            Err(error)
        }
        (Begun::Approved { reservation, operator }, _) => {
            issue::approved(inner, csr, &operator, reservation, now).await
        }
        (Begun::Same(outcome), _) => repeated(outcome),
        (Begun::Busy { retry_after }, _) => Err(Error::Busy { retry_after }),
        (Begun::Replayed, _) => Err(Error::Replayed),
        (Begun::RateLimited { by, retry_after }, _) => Err(limited(by, retry_after)),
        (Begun::Conflict, _) => Err(Error::Conflict),
    }
}

/// What was decided, if the device complies; else to refuse it.
async fn complied(
    inner: &Inner,
    csr: &VerifiedCsr,
    decided: Decided,
    device: Option<&str>,
) -> Decided {
    let Decided::Issue(issuance) = &decided else { return decided };
    let basis = issuance.admitted.authorization().basis();
    match compliance::check(inner, csr, basis, device).await {
        Ok(()) => decided,
        Err(error) => Decided::Refuse(error),
    }
}

/// The answer that the request had before.
pub(super) fn repeated(outcome: Outcome) -> Result<Granted, Error> {
    match outcome {
        Outcome::Issued(issued) => {
            let certificate = Certificate::parse(issued.certificate.der);
            let certificate = certificate.map_err(scep_proto::Error::from)?;
            Ok(Granted::Repeated { certificate })
        }
        Outcome::Pending => Ok(Granted::Pending),
        Outcome::Rejected(rejection) => Err(Error::Rejected(FailInfo::new(rejection.fail_info))),
    }
}
