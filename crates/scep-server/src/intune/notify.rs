//! Sending what the outbox holds, and saying what became of it.

use bytes::Bytes;
use intune_challenge::service::{self, Enrolment};
use scep_store::outbox::Attempted;
use scep_store::{LeasedNotice, NewNotice, NoticeBody, NoticeLease, StoreError, TransactionId};
use scep_types::{Certificate, Csr, UnixTime};

use super::{Answered, IntuneMode, NotifyPolicy, ServiceError};
use crate::Error;
use crate::endpoint::Inner;
use crate::moment::Moment;

/// Tells the service what was issued: the one place that does, for requests and for the outbox worker.
#[derive(Clone, Copy)]
pub(crate) struct Notifier<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) mode: &'a IntuneMode,
}

impl Notifier<'_> {
    /// The notice that is recorded with a certificate for this CSR.
    pub(crate) fn notice(&self, csr: &Csr) -> Result<NewNotice, StoreError> {
        let lease = match self.mode.notify {
            NotifyPolicy::BeforeDelivery => self.mode.notice_lease,
            NotifyPolicy::DeliverThenNotify => std::time::Duration::ZERO, // the worker's at once
        };
        NewNotice::new(NoticeBody::new(csr.der())?, lease, self.mode.notice_keep)
    }

    /// Sends one notice that the outbox gave out.
    pub(crate) async fn send_leased(
        &self,
        leased: &LeasedNotice,
        moment: Moment,
    ) -> Result<Answered<()>, Error> {
        let csr = Bytes::copy_from_slice(leased.body.expose());
        let csr = Csr::parse(csr).map_err(scep_proto::Error::from)?;
        let certificate = Certificate::parse(leased.issued.certificate.der.clone());
        let certificate = certificate.map_err(scep_proto::Error::from)?;
        let enrolment = enrolment(&leased.issued.transaction.transaction_id, csr)?;
        Ok(self.send(&leased.lease, &enrolment, &certificate, moment).await)
    }

    /// Sends, and settles what was leased.
    pub(crate) async fn send(
        &self,
        lease: &NoticeLease,
        enrolment: &Enrolment,
        certificate: &Certificate,
        moment: Moment,
    ) -> Answered<()> {
        let answered = self.mode.service.notify_issued(enrolment, certificate).await;
        let outcome = self.outcome(&answered.result, lease.attempt, moment.now());
        log(&answered, lease, certificate);
        if let Err(error) = self.inner.config.host.store.settle_notice(lease, outcome).await {
            tracing::warn!(%error, "the notification will be sent again");
        }
        answered
    }

    fn outcome(&self, result: &Result<(), ServiceError>, attempt: u32, now: UnixTime) -> Attempted {
        match result {
            Ok(()) => Attempted::Delivered,
            Err(ServiceError::Denied(_)) => Attempted::GivenUp,
            Err(error) => {
                let wait = self.mode.back_off.after(attempt, self.lot());
                let asked = match error {
                    ServiceError::Unavailable { retry_after: Some(_), .. } => error.retry_after(),
                    _ => std::time::Duration::ZERO,
                };
                Attempted::Postponed { until: now.plus(wait.max(asked)) }
            }
        }
    }

    /// Without randomness all wait equally long, which is no worse than that.
    fn lot(&self) -> u32 {
        let mut drawn = [0; 4];
        match self.inner.provider().random.fill(&mut drawn) {
            Ok(()) => u32::from_be_bytes(drawn),
            Err(_) => u32::MAX,
        }
    }
}

/// What the service is asked and told about: the transactionID as it is if it can be read, else escaped.
pub(crate) fn enrolment(transaction_id: &TransactionId, csr: Csr) -> Result<Enrolment, Error> {
    let readable = |text: &&str| !text.trim().is_empty() && !text.chars().any(char::is_control);
    let text = match std::str::from_utf8(transaction_id.octets()).ok().filter(readable) {
        Some(text) => text.to_owned(),
        None => format!("{transaction_id:?}"),
    };
    Ok(Enrolment::new(service::TransactionId::new(text)?, csr)?)
}

fn log(answered: &Answered<()>, lease: &NoticeLease, certificate: &Certificate) {
    /// One event with the fields that all notifications have.
    macro_rules! event {
        ($level:ident, $($own:tt)*) => {
            tracing::$level!(
                activity_id = %answered.activity_id,
                serial = certificate.serial_hex(),
                attempt = lease.attempt,
                $($own)*
            )
        };
    }
    match &answered.result {
        Ok(()) => event!(info, "the service took note of the certificate"),
        Err(error @ ServiceError::Denied(denial)) => {
            event!(error, code = denial.code.name(), %error, "the service refuses to take note");
        }
        Err(error @ ServiceError::Misconfigured { .. }) => {
            event!(error, %error, "the service could not be told of the certificate");
        }
        Err(error) => event!(warn, %error, "the service was not told of the certificate yet"),
    }
}
