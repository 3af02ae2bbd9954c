//! The Intune mode: recall, validate, admit, reserve, sign, commit with the notice, notify, deliver.
//!
//! The same request is recalled before the service is asked: whoever signs it again with the same key, for the same CSR,
//! under the same transactionID, gets what it got, and the service, which would call its challenge expired by then, is
//! spared. Everything else is validated afresh, each time. Nothing here runs on the worker pool but admission and signing.

use std::sync::Arc;

use intune_challenge::service::Enrolment;
use scep_store::outbox::Progress;
use scep_store::{
    Begin, Begun, CertificateId, ChallengeUse, IssuedCertificate, NoticeClaim, NoticeLease,
    Outcome, SerialNumber, Sha256,
};
use scep_types::{Authorization, Basis, Csr, VerifiedCsr};

use super::issue::Issuance;
use super::report::Facts;
use super::request::repeated;
use super::{Granted, authorise, issue};
use crate::endpoint::Inner;
use crate::error::limited;
use crate::intune::{IntuneMode, Notifier, NotifyPolicy, enrolment, report_of};
use crate::moment::Moment;
use crate::{Error, compliance};

/// One request to an Intune endpoint.
pub(super) struct Attempt<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) mode: &'a IntuneMode,
    pub(super) csr: &'a VerifiedCsr,
    pub(super) moment: Moment,
}

impl Attempt<'_> {
    /// Carries the request out; `challenge` is what makes its challenge unique.
    pub(super) async fn run(
        &self,
        begin: Begin,
        challenge: Sha256,
        facts: &mut Facts,
    ) -> Result<Granted, Error> {
        let store = &self.inner.config.host.store;
        match store.recall(&begin.request, self.inner.terms, self.moment.now()).await? {
            Some(begun) => self.repeat(begun, facts).await,
            None => self.validate(begin, challenge, facts).await,
        }
    }

    async fn validate(
        &self,
        begin: Begin,
        challenge: Sha256,
        facts: &mut Facts,
    ) -> Result<Granted, Error> {
        let enrolment = self.enrolment(&begin)?;
        let answered = self.mode.service.validate(&enrolment).await;
        facts.found_answer(&answered);
        // The service's own answer: it is not told of it, and nothing is burnt.
        let authorization = answered.result?.authorization();
        let granted = self.issue(authorization, begin, challenge, facts).await;
        if let Err(error) = &granted {
            self.tell_failure(&enrolment, error).await;
        }
        granted
    }

    async fn issue(
        &self,
        authorization: Authorization,
        begin: Begin,
        challenge: Sha256,
        facts: &mut Facts,
    ) -> Result<Granted, Error> {
        let (csr, now) = (self.csr.clone(), self.moment.now());
        let admit = move |inner: &Inner| Ok::<_, Error>(inner.admit(&csr, authorization, now)?);
        let admitted = self.inner.run(admit).await??;
        compliance::check(self.inner, self.csr, admitted.authorization().basis(), None).await?;

        let now = self.moment.now();
        let remember_until = now.plus(self.mode.remember_challenge);
        let mut begin = begin.with_challenge(ChallengeUse { key: challenge, remember_until });
        begin.device_limit = authorise::device_limit_of_names(self.inner, self.csr)?;
        let notice = self.notifier().notice(self.csr)?;
        match self.inner.config.host.store.begin(&begin, now).await? {
            Begun::Fresh(reservation) => {
                let issuance = Issuance { notice: Some(notice), ..Issuance::of(admitted) };
                let granted = issue::issue(self.inner, issuance, reservation, now).await?;
                self.deliver(granted, &begin, facts).await
            }
            begun => self.repeat(begun, facts).await,
        }
    }

    /// What was committed just now may leave, at once or when the service took note of it.
    async fn deliver(
        &self,
        granted: Granted,
        begin: &Begin,
        facts: &mut Facts,
    ) -> Result<Granted, Error> {
        let Granted::Issued { certificate, .. } = &granted else { return Ok(granted) };
        if self.mode.notify == NotifyPolicy::DeliverThenNotify {
            self.inner.outbox.notify_one();
            return Ok(granted);
        }
        let serial = SerialNumber::new(certificate.serial())?;
        let lease = NoticeLease::first(CertificateId { issuer: self.inner.issuer_key, serial });
        let enrolment = self.enrolment(begin)?;
        let answered = self.notifier().send(&lease, &enrolment, certificate, self.moment).await;
        facts.found_answer(&answered);
        answered.result.map_err(Error::Notification)?;
        Ok(granted)
    }

    /// What a request gets that is not the first of its kind.
    async fn repeat(&self, begun: Begun, facts: &mut Facts) -> Result<Granted, Error> {
        match begun {
            // Issued while this endpoint had another mode: not on the service's word.
            Begun::Same(Outcome::Issued(issued))
                if issued.certificate.basis != Basis::IntuneService =>
            {
                Err(Error::Conflict)
            }
            Begun::Same(Outcome::Issued(issued)) => {
                self.tell_before(&issued, facts).await?;
                repeated(Outcome::Issued(issued))
            }
            Begun::Same(outcome @ Outcome::Rejected(_)) => repeated(outcome),
            // Left over from when this endpoint had an operator: Intune knows no pending requests.
            Begun::Same(Outcome::Pending) => Err(Error::Conflict),
            Begun::Fresh(reservation) | Begun::Approved { reservation, .. } => {
                issue::release(self.inner, reservation, self.moment.now()).await;
                Err(Error::Conflict)
            }
            Begun::Busy { retry_after } => Err(Error::Busy { retry_after }),
            Begun::Replayed => Err(Error::Replayed),
            Begun::RateLimited { by, retry_after } => Err(limited(by, retry_after)),
            Begun::Conflict => Err(Error::Conflict),
        }
    }

    /// Sees to it that the service took note of a certificate before it leaves, if that is the policy.
    async fn tell_before(
        &self,
        issued: &IssuedCertificate,
        facts: &mut Facts,
    ) -> Result<(), Error> {
        if self.mode.notify == NotifyPolicy::DeliverThenNotify {
            return Ok(());
        }
        match issued.notice.map(|notice| notice.at(self.moment.now())) {
            Some(Progress::Delivered) => Ok(()),
            Some(Progress::GivenUp) | None => Err(Error::NotificationRefused),
            Some(Progress::Waiting { .. } | Progress::Leased { .. }) => {
                self.tell_again(&issued.certificate.id, facts).await
            }
        }
    }

    async fn tell_again(&self, id: &CertificateId, facts: &mut Facts) -> Result<(), Error> {
        let store = &self.inner.config.host.store;
        let (lease, now) = (self.mode.notice_lease, self.moment.now());
        match store.claim_notice(id, lease, now).await? {
            NoticeClaim::Leased(leased) => {
                let answered = self.notifier().send_leased(&leased, self.moment).await?;
                facts.found_answer(&answered);
                answered.result.map_err(Error::Notification)
            }
            NoticeClaim::Busy { retry_after } => Err(Error::Busy { retry_after }),
            NoticeClaim::Delivered => Ok(()),
            NoticeClaim::GivenUp | NoticeClaim::Nothing => Err(Error::NotificationRefused),
        }
    }

    /// Tells the service of a failure of ours, once: what is lost then is a line in the administrator's console.
    async fn tell_failure(&self, enrolment: &Enrolment, error: &Error) {
        let Some(report) = report_of(error) else { return };
        let answered = self.mode.service.notify_failed(enrolment, &report).await;
        let activity_id = answered.activity_id;
        match answered.result {
            Ok(()) => {
                tracing::info!(%activity_id, hresult = %report.hresult, "the service was told of the failure");
            }
            Err(error) => {
                tracing::warn!(%activity_id, hresult = %report.hresult, %error, "the service was not told of the failure");
            }
        }
    }

    fn enrolment(&self, begin: &Begin) -> Result<Enrolment, Error> {
        let csr: &Csr = self.csr;
        enrolment(&begin.request.transaction.transaction_id, csr.clone())
    }

    fn notifier(&self) -> Notifier<'_> {
        Notifier { inner: self.inner, mode: self.mode }
    }
}
