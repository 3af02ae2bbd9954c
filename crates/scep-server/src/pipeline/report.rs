//! What the log and the observer learn of a request: never a challenge, a password or a nonce.

use intune_challenge::service::ActivityId;
use scep_proto::server::Reply;
use scep_proto::{MessageType, TransactionId};
use scep_types::{ContentCipher, DigestAlgorithm, UnixTime, VerifiedCsr};

use crate::endpoint::Inner;
use crate::intune::{Answered, ServiceError};
use crate::{Decision, Error, Outcome};

/// What came to light while a request was judged.
#[derive(Default)]
pub(super) struct Facts {
    transaction_id: Option<TransactionId>,
    message_type: Option<MessageType>,
    csr: Option<VerifiedCsr>,
    device: Option<String>,
    activity_id: Option<ActivityId>,
    service_code: Option<String>,
}

impl Facts {
    pub(super) fn found_message(
        &mut self,
        transaction_id: TransactionId,
        message_type: Option<MessageType>,
    ) {
        tracing::Span::current().record("transaction_id", tracing::field::display(&transaction_id));
        self.transaction_id = Some(transaction_id);
        self.message_type = message_type;
    }

    pub(super) fn found_csr(&mut self, csr: &VerifiedCsr, device: Option<String>) {
        self.csr = Some(csr.clone());
        self.device = device;
    }

    /// The last call to the service counts.
    pub(super) fn found_answer<T>(&mut self, answered: &Answered<T>) {
        self.activity_id = Some(answered.activity_id);
        let code = answered.result.as_ref().err().and_then(ServiceError::code);
        self.service_code = code.map(str::to_owned);
    }

    pub(super) fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// Warns of what protects nothing, each time it is used.
    pub(super) fn found_algorithms(&self, reply: &Reply) {
        let (digest, cipher) = (reply.digest(), reply.cipher());
        if digest == DigestAlgorithm::Md5 || cipher == ContentCipher::DesCbc {
            tracing::warn!(?digest, ?cipher, "obsolete algorithms were used");
        }
    }

    fn decision<'a>(
        &'a self,
        inner: &'a Inner,
        at: UnixTime,
        outcome: Outcome<'a>,
    ) -> Decision<'a> {
        Decision {
            endpoint: inner.id.as_str(),
            at,
            transaction_id: self.transaction_id.as_ref(),
            message_type: self.message_type,
            device: self.device.as_deref(),
            activity_id: self.activity_id,
            service_code: self.service_code.as_deref(),
            subject: self.csr.as_ref().map(|csr| csr.subject()),
            subject_alt_names: self.csr.as_ref().map_or(0, |csr| csr.subject_alt_names().len()),
            outcome,
        }
    }
}

/// Writes the decision to the log and tells the observer.
pub(super) fn report(inner: &Inner, facts: &Facts, at: UnixTime, outcome: Outcome<'_>) {
    let decision = facts.decision(inner, at, outcome);
    log(&decision);
    inner.config.host.observer.decided(&decision);
}

fn log(decision: &Decision<'_>) {
    /// One event with the fields that all decisions have, then those of this one.
    macro_rules! event {
        ($level:ident, $($own:tt)*) => {
            tracing::$level!(
                outcome = decision.outcome.label(),
                message_type = decision.message_type.map(tracing::field::display),
                device = decision.device.map(tracing::field::debug),
                subject = decision.subject.map(tracing::field::display),
                activity_id = decision.activity_id.map(tracing::field::display),
                service_code = decision.service_code.map(tracing::field::debug),
                subject_alt_names = decision.subject_alt_names,
                $($own)*
            )
        };
    }
    match decision.outcome {
        Outcome::Issued { certificate, basis } => {
            let issuer = tracing::field::display(certificate.issuer());
            event!(
                info,
                serial = certificate.serial_hex(),
                issuer,
                basis = basis.label(),
                "issued"
            );
        }
        Outcome::Repeated { certificate } => {
            event!(info, serial = certificate.serial_hex(), "given again");
        }
        Outcome::Answered => event!(info, "a query was answered"),
        Outcome::Pending => event!(info, "waits for an operator"),
        Outcome::Refused { fail_info, error } => {
            let cause = undecipherable_cause(error).map(tracing::field::display);
            event!(warn, %fail_info, reason = error.label(), %error, cause, "refused");
        }
        Outcome::Deferred { retry_after, error } if error.needs_administrator() => {
            event!(error, ?retry_after, reason = error.label(), %error, "to come again, once repaired");
        }
        Outcome::Deferred { retry_after, error } => {
            event!(warn, ?retry_after, reason = error.label(), %error, "to come again");
        }
        Outcome::Unreadable { error } => {
            event!(warn, reason = error.label(), %error, "unreadable");
        }
        Outcome::Broken { error } => {
            event!(error, reason = error.label(), %error, "failed");
        }
    }
}

/// What a CSR that did decrypt suffers from: for the log alone, since the peer must not learn that it did.
fn undecipherable_cause(error: &Error) -> Option<&scep_types::Error> {
    match error {
        Error::Message(scep_proto::Error::Undecipherable(cause)) => cause.as_ref(),
        _ => None,
    }
}
