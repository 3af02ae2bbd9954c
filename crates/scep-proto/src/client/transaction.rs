//! One transaction: from the first message built to the certificate found.

use bytes::Bytes;
use scep_types::{Certificate, DigestAlgorithm, UnixTime, hex};

use super::enrolment::{Enrolment, Exchange, Issued, Next, SealedAnswer, Step};
use super::enrolment::{UnsignedRequest, Waiting};
use super::exchange::{HttpAnswer, HttpRequest};
use super::quirks::ServerQuirk;
use super::reply::{Awaiting, VerifiedReply};
use super::request::{Algorithms, Payload, RequestSettings, build, build_with_password};
use super::settings::{
    MethodChoice, PollBy, Purpose, RenewalMessage, SigningTime, TransactionIdSource, Turn,
};
use crate::attributes::{FailInfo, TransactionId};
use crate::ca_certificates::CaCertificates;
use crate::capabilities::Capabilities;
use crate::cms::SignedData;
use crate::error::{Error, Misbehaviour, Refusal, Unfinished, Unsupported};
use crate::http::Method;
use crate::message::ToBeSigned;

/// What stays the same from message to message, and how far it has come. Everything in it is data, no key among it.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) enrolment: Enrolment,
    pub(super) ca: CaCertificates,
    pub(super) id: TransactionId,
    pub(super) algorithms: Algorithms,
    pub(super) method: Method,
    pub(super) method_changes: MethodChanges,
    pub(super) request: RequestForm,
    pub(super) pending: Option<Pending>,
}

/// Whether the other method may still be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MethodChanges {
    OneLeft,
    None,
}

/// The message type of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestForm {
    /// PKCSReq.
    Pkcs,
    /// RenewalReq.
    Renewal,
    /// RenewalReq, and PKCSReq if that is refused.
    RenewalThenPkcs,
}

/// What there is to know after the first PENDING.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) polls: u32,
    pub(super) deadline: UnixTime,
    pub(super) message: Message,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    Request,
    Poll,
}

/// A message that lacks its signature.
pub(super) struct Unsigned {
    transaction: Box<Transaction>,
    pub(super) message: ToBeSigned,
    awaiting: Awaiting,
    kind: Message,
}

/// A message that was sent, or is about to be.
#[derive(Debug)]
pub(super) struct Sent {
    transaction: Box<Transaction>,
    message: Bytes,
    awaiting: Awaiting,
    kind: Message,
    attempts: u32,
}

impl Transaction {
    /// Chooses what the settings leave to the server's capabilities, and builds the request.
    pub(super) fn begin(
        enrolment: Enrolment,
        capabilities: Capabilities,
        ca: CaCertificates,
        turn: &Turn,
    ) -> Result<Step, Error> {
        check_recipient(&enrolment, capabilities, &ca)?;
        let settings = &enrolment.settings;
        let method_changes = match settings.method {
            MethodChoice::Auto => MethodChanges::OneLeft,
            MethodChoice::Get | MethodChoice::Post => MethodChanges::None,
        };
        let transaction = Self {
            id: transaction_id(&enrolment, turn)?,
            algorithms: settings.algorithms(capabilities)?,
            method: settings.method.first(capabilities),
            method_changes,
            request: RequestForm::choose(settings.purpose, capabilities),
            pending: None,
            ca,
            enrolment,
        };
        Box::new(transaction).compose(Message::Request, turn)
    }

    /// Builds a message with a fresh nonce.
    fn compose(self: Box<Self>, kind: Message, turn: &Turn) -> Result<Step, Error> {
        let enrolment = &self.enrolment;
        let payload = match (kind, self.request) {
            (Message::Poll, _) => Payload::Poll {
                issuer: self.ca.issuer().subject(),
                subject: enrolment.csr.subject(),
            },
            (Message::Request, RequestForm::Pkcs) => Payload::Enrol(&enrolment.csr),
            (Message::Request, _) => Payload::Renew(&enrolment.csr),
        };
        let signing_time = match enrolment.settings.signing_time {
            SigningTime::Omitted => None,
            SigningTime::Included => Some(turn.now),
        };
        let settings = RequestSettings {
            transaction_id: &self.id,
            signer: &enrolment.signer,
            recipient: self.ca.encryption(),
            algorithms: self.algorithms,
            signing_time,
            provider: &enrolment.provider,
        };
        let (message, awaiting) = match enrolment.csr.challenge_password() {
            Some(password) => build_with_password(payload, settings, password, &turn.message)?,
            None => build(payload, settings, &turn.message)?,
        };
        let awaiting = awaiting.with_quirks(enrolment.settings.quirks);
        let unsigned = Unsigned { transaction: self, message, awaiting, kind };
        Ok(Step::Sign(UnsignedRequest(Box::new(unsigned))))
    }

    /// Waits for the next poll, if there may be one.
    fn wait(mut self: Box<Self>, now: UnixTime) -> Result<Step, Error> {
        let polling = self.enrolment.settings.polling;
        let pending = self.pending.unwrap_or(Pending {
            polls: 0,
            deadline: now.plus(polling.max_time),
            message: match polling.by {
                PollBy::CertPoll | PollBy::CertPollThenResubmission => Message::Poll,
                PollBy::Resubmission => Message::Request,
            },
        });
        self.pending = Some(pending);
        let (polls, until) = (pending.polls, now.plus(polling.interval));
        if polls >= polling.max_polls {
            return Err(Unfinished::PollLimit { polls }.into());
        }
        if until > pending.deadline {
            return Err(Unfinished::TimeLimit { polls }.into());
        }
        Ok(Step::Wait(Waiting { until, next: Next::Poll(self) }))
    }

    pub(super) fn poll(mut self: Box<Self>, turn: &Turn) -> Result<Step, Error> {
        let message = self.pending.map_or(Message::Poll, |pending| pending.message);
        if let Some(pending) = &mut self.pending {
            pending.polls = pending.polls.saturating_add(1);
        }
        self.compose(message, turn)
    }

    pub(super) fn polls(&self) -> u32 {
        self.pending.map_or(0, |pending| pending.polls)
    }

    /// From now on the request itself is sent instead of a poll.
    fn resubmit(mut self: Box<Self>, turn: &Turn) -> Result<Step, Error> {
        if let Some(pending) = &mut self.pending {
            pending.message = Message::Request;
        }
        self.compose(Message::Request, turn)
    }

    fn may_resubmit(&self) -> bool {
        self.polls() == 1 && self.enrolment.settings.polling.by == PollBy::CertPollThenResubmission
    }

    /// The same CSR in a new transaction, as PKCSReq.
    fn renew_by_pkcs_req(mut self: Box<Self>, turn: &Turn) -> Result<Step, Error> {
        self.request = RequestForm::Pkcs;
        self.id = transaction_id(&self.enrolment, turn)?;
        self.compose(Message::Request, turn)
    }

    /// Our certificate is the one for our key, wherever it stands in the reply (R-3.3.2.1-02).
    pub(super) fn issued(self, certificates: Vec<Certificate>) -> Result<Issued, Error> {
        let Enrolment { csr, signer, provider, .. } = &self.enrolment;
        let is_ours = |certificate: &Certificate| {
            // A renewal with the same key may come with the old certificate.
            certificate.spki() == csr.spki().as_ref() && certificate != signer
        };
        let (ours, mut others): (Vec<_>, Vec<_>) = certificates.into_iter().partition(is_ours);
        if ours.is_empty() {
            return Err(Misbehaviour::NoCertificateForKey.into());
        }
        let (mut issued, stray): (Vec<_>, Vec<_>) =
            ours.into_iter().partition(|certificate| self.ca.issued(certificate, provider));
        issued.sort_by_key(|certificate| certificate.validity().not_before);
        let certificate = issued.pop().ok_or(Misbehaviour::UntrustedCertificate)?;
        others.extend(issued.into_iter().chain(stray));
        Ok(Issued { certificate, others, ca: self.ca })
    }
}

impl RequestForm {
    fn choose(purpose: Purpose, capabilities: Capabilities) -> Self {
        let both = Capabilities::SCEP_STANDARD.union(Capabilities::RENEWAL);
        match purpose {
            Purpose::Enrol | Purpose::Renew(RenewalMessage::PkcsReq) => Self::Pkcs,
            Purpose::Renew(RenewalMessage::RenewalReq) => Self::Renewal,
            Purpose::Renew(RenewalMessage::Auto) if capabilities.contains(both) => {
                Self::RenewalThenPkcs
            }
            Purpose::Renew(RenewalMessage::Auto) => Self::Pkcs,
        }
    }
}

/// A CA whose key cannot encrypt gets its requests encrypted with the challengePassword, if it is an RFC 8894 server and
/// there is one (R-3.1-03, R-3.1-06).
fn check_recipient(
    enrolment: &Enrolment,
    capabilities: Capabilities,
    ca: &CaCertificates,
) -> Result<(), Error> {
    let kind = ca.encryption().key_kind()?;
    let by_password = capabilities.contains(Capabilities::SCEP_STANDARD)
        && enrolment.csr.challenge_password().is_some();
    if kind.can_encrypt() || by_password { Ok(()) } else { Err(Unsupported::CaKey(kind).into()) }
}

fn transaction_id(enrolment: &Enrolment, turn: &Turn) -> Result<TransactionId, Error> {
    match enrolment.settings.transaction_id {
        TransactionIdSource::Random => TransactionId::new(&hex::lower(&turn.transaction_id)),
        TransactionIdSource::KeyHash => {
            let digests = enrolment.provider.digest;
            let hash = digests.digest(DigestAlgorithm::Sha256, enrolment.csr.spki())?;
            TransactionId::new(&hash.to_hex())
        }
    }
}

impl Unsigned {
    pub(super) fn is_poll(&self) -> bool {
        self.transaction.pending.is_some()
    }

    pub(super) fn signed(self, signature: &[u8]) -> Sent {
        let Self { transaction, message, awaiting, kind } = self;
        Sent { transaction, message: message.finish(signature), awaiting, kind, attempts: 1 }
    }
}

impl Sent {
    pub(super) fn request(&self) -> HttpRequest {
        HttpRequest::pki_operation(&self.message, self.transaction.method)
    }

    pub(super) fn answered(
        mut self: Box<Self>,
        answer: &HttpAnswer,
        turn: &Turn,
    ) -> Result<Step, Error> {
        // Any HTTP status will do if there is a message: OpenXPKI sends refusals with 4xx.
        if SignedData::parse(&answer.body).is_err() {
            if self.wants_other_method(answer) {
                self.transaction.change_method();
                return Ok(Step::Send(Exchange::pki_operation(self)));
            }
            if !answer.is_success() {
                return self.http_error(answer.status, turn);
            }
            if answer.body.is_empty() {
                return Err(Unfinished::EmptyAnswer.into());
            }
        } else if !answer.is_success() && !self.takes(ServerQuirk::CertRepWithHttpError) {
            return self.http_error(answer.status, turn);
        }
        let Enrolment { provider, settings, .. } = &self.transaction.enrolment;
        let body = answer.body.clone();
        match self.awaiting.verify(body, &self.transaction.ca, provider, settings.policy)? {
            VerifiedReply::Success(sealed) => {
                Ok(Step::Decrypt(SealedAnswer { transaction: self.transaction, sealed }))
            }
            VerifiedReply::SuccessByPassword(sealed) => {
                let (certificates, _) = sealed.open(provider)?;
                Ok(Step::Done(Box::new(self.transaction.issued(certificates)?)))
            }
            VerifiedReply::Failure(refusal) => self.refused(refusal, turn),
            VerifiedReply::Pending => self.transaction.wait(turn.now),
        }
    }

    fn takes(&self, quirk: ServerQuirk) -> bool {
        self.transaction.enrolment.settings.quirks.takes(quirk)
    }

    pub(super) fn unanswered(self: Box<Self>, turn: &Turn) -> Result<Step, Error> {
        match self.kind {
            Message::Poll => self.transaction.wait(turn.now),
            Message::Request => self.send_again(turn),
        }
    }

    fn send_again(mut self: Box<Self>, turn: &Turn) -> Result<Step, Error> {
        let (attempts, retries) = (self.attempts, self.transaction.enrolment.settings.retries);
        if attempts >= retries.attempts {
            return Err(Unfinished::NoAnswer { attempts }.into());
        }
        self.attempts = attempts.saturating_add(1);
        let until = turn.now.plus(retries.interval);
        Ok(Step::Wait(Waiting { until, next: Next::Resend(self) }))
    }

    /// GET too long or not offered, POST not offered, or POST answered with nothing, as NDES 2012 does.
    fn wants_other_method(&self, answer: &HttpAnswer) -> bool {
        let refused = match answer.status {
            200 => answer.body.is_empty() && self.transaction.method == Method::Post,
            414 | 431 => self.transaction.method == Method::Get,
            status => matches!(status, 405 | 501),
        };
        refused && self.transaction.method_changes == MethodChanges::OneLeft
    }

    fn http_error(self: Box<Self>, status: u16, turn: &Turn) -> Result<Step, Error> {
        let (is_busy, is_fault) = (matches!(status, 429 | 502..=504), status >= 500);
        let is_first = self.transaction.pending.is_none();
        match (self.kind, self.transaction.request) {
            (Message::Poll, _) if self.transaction.may_resubmit() => {
                self.transaction.resubmit(turn)
            }
            (Message::Poll, _) if is_busy || is_fault => self.transaction.wait(turn.now),
            (Message::Request, _) if is_busy => self.send_again(turn),
            (Message::Request, RequestForm::RenewalThenPkcs) if is_first => {
                self.transaction.renew_by_pkcs_req(turn)
            }
            _ => Err(Unfinished::HttpStatus(status).into()),
        }
    }

    fn refused(self: Box<Self>, refusal: Refusal, turn: &Turn) -> Result<Step, Error> {
        // What was PENDING was understood: it is not asked for once more in another form.
        let is_first = self.transaction.pending.is_none();
        let bad_request = refusal.fail_info == Some(FailInfo::BAD_REQUEST);
        let unknown = bad_request || refusal.fail_info == Some(FailInfo::BAD_CERT_ID);
        match (self.kind, self.transaction.request) {
            (Message::Poll, _) if unknown && self.transaction.may_resubmit() => {
                self.transaction.resubmit(turn)
            }
            (Message::Request, RequestForm::RenewalThenPkcs) if bad_request && is_first => {
                self.transaction.renew_by_pkcs_req(turn)
            }
            _ => Err(refusal.into()),
        }
    }
}

impl Transaction {
    fn change_method(&mut self) {
        self.method_changes = MethodChanges::None;
        self.method = match self.method {
            Method::Get => Method::Post,
            Method::Post => Method::Get,
        };
    }
}
