//! The machine of one enrolment: what to do next is data, and each step is consumed by its outcome.
//!
//! **Nothing of the CSR is sent before the CA is authenticated, and no reply is believed before it verified.**

use std::fmt;

use scep_types::{Certificate, ContentKey, CryptoProvider, Csr, KeyTransport, SignatureScheme};
use scep_types::{UnixTime, spki_key_kind};

use super::exchange::{HttpAnswer, HttpRequest};
use super::quirks::ServerQuirk;
use super::reply::SealedReply;
use super::settings::{CaTrust, EnrolmentSettings, Turn};
use super::transaction::{Sent, Transaction, Unsigned};
use crate::ca_certificates::{CaAnchor, CaCertificates, UnauthenticatedCa};
use crate::capabilities::Capabilities;
use crate::error::{Error, Misbehaviour, Unfinished, Unsupported};
use crate::random::FallbackKey;

/// What the host does next. Doing it consumes the step and gives the next one, or the error that ends the enrolment.
///
/// ```no_run
/// use scep_proto::client::{Issued, HttpAnswer, HttpRequest, Step, Turn};
/// use scep_proto::{Error, FallbackKey};
/// use scep_types::{DecryptionKey, SigningKey, UnixTime};
///
/// trait Host {
///     fn send(&self, request: &HttpRequest) -> Option<HttpAnswer>;
///     fn sleep_until(&self, time: UnixTime);
///     fn turn(&self) -> Turn;
///     fn fallback(&self) -> FallbackKey;
/// }
///
/// fn drive(
///     mut step: Step,
///     host: &dyn Host,
///     signing: &dyn SigningKey,
///     decryption: &dyn DecryptionKey,
/// ) -> Result<Option<Issued>, Error> {
///     loop {
///         step = match step {
///             Step::Send(exchange) => match host.send(exchange.request()) {
///                 Some(answer) => exchange.answered(&answer, &host.turn())?,
///                 None => exchange.unanswered(&host.turn())?,
///             },
///             Step::Sign(request) => {
///                 let signature = signing.sign(request.scheme(), request.bytes())?;
///                 request.signed(&signature)
///             }
///             Step::Decrypt(reply) => {
///                 let fallback = reply.fallback(&host.fallback());
///                 let key =
///                     decryption.unwrap_key(reply.transport(), reply.encrypted_key(), &fallback)?;
///                 reply.decrypted(&key)?
///             }
///             Step::Wait(waiting) => {
///                 host.sleep_until(waiting.until());
///                 waiting.resume(&host.turn())?
///             }
///             Step::AskTrust(_) => return Ok(None), // nobody here to ask
///             Step::Done(issued) => return Ok(Some(*issued)),
///         };
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Send a request, and hand in what comes back.
    Send(Exchange),
    /// Sign a message with the signer's key.
    Sign(UnsignedRequest),
    /// Unwrap a content key with the signer's key.
    Decrypt(SealedAnswer),
    /// Decide whether this is the CA.
    AskTrust(TrustQuestion),
    /// Wait.
    Wait(Waiting),
    /// The certificate is there and was verified.
    Done(Box<Issued>),
}

/// Where a transaction stands (RFC 8894 §2.5.1); after an error it is [`State::CertNonExistent`] again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// No request was sent.
    CertNonExistent,
    /// A request was sent and is not decided.
    CertReqPending,
    /// The certificate is there.
    CertIssued,
}

/// An issued certificate for the requested key, signed by the authenticated CA.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// The certificate. It may begin in the future if the next CA issued it.
    pub certificate: Certificate,
    /// What else the reply held, as it came.
    pub others: Vec<Certificate>,
    /// The CA as it was authenticated.
    pub ca: CaCertificates,
}

/// The entry: what an enrolment starts with. Private keys stay with the host.
#[derive(Debug, Clone)]
pub struct Enrolment {
    pub(super) settings: EnrolmentSettings,
    pub(super) csr: Csr,
    pub(super) signer: Certificate,
    pub(super) provider: CryptoProvider,
}

impl Enrolment {
    /// Starts with GetCACaps.
    ///
    /// `signer` is the certificate whose key signs the messages and opens the answer: one that is self-signed, with the
    /// subject and key of the CSR, or the one to renew.
    ///
    /// # Errors
    /// [`Unsupported::ReplyKey`] if nobody could encrypt an answer: the signer's key must be RSA, or the CSR have a
    /// challengePassword that takes its place (RFC 8894 §3.1).
    pub fn start(
        settings: EnrolmentSettings,
        csr: Csr,
        signer: Certificate,
        provider: CryptoProvider,
    ) -> Result<Step, Error> {
        let kind = spki_key_kind(signer.spki())?;
        if !kind.can_encrypt() && csr.challenge_password().is_none() {
            return Err(Unsupported::ReplyKey(kind).into());
        }
        let enrolment = Box::new(Self { settings, csr, signer, provider });
        let request = HttpRequest::get_ca_caps();
        Ok(Step::Send(Exchange { request, asked: Asked::Capabilities(enrolment) }))
    }

    fn with_capabilities(
        self: Box<Self>,
        capabilities: Capabilities,
        turn: &Turn,
    ) -> Result<Step, Error> {
        let says_nothing = capabilities == Capabilities::empty();
        if says_nothing && !self.settings.quirks.takes(ServerQuirk::NoCapabilities) {
            return Err(Misbehaviour::NoCapabilities.into());
        }
        match &self.settings.trust {
            CaTrust::Known(ca) => {
                let ca = (**ca).clone();
                Transaction::begin(*self, capabilities, ca, turn)
            }
            CaTrust::Anchor(_) | CaTrust::Ask => {
                let request = HttpRequest::get_ca_cert(self.settings.ca_identifier.as_deref());
                let asked = Asked::CaCertificates(self, capabilities);
                Ok(Step::Send(Exchange { request, asked }))
            }
        }
    }

    fn with_ca_answer(
        self: Box<Self>,
        capabilities: Capabilities,
        answer: &HttpAnswer,
        turn: &Turn,
    ) -> Result<Step, Error> {
        if !answer.is_success() {
            return Err(Unfinished::HttpStatus(answer.status).into());
        }
        let ca = UnauthenticatedCa::parse(answer.body.clone())?;
        match self.settings.trust.clone() {
            CaTrust::Anchor(anchor) => self.with_anchor(capabilities, ca, &anchor, turn),
            CaTrust::Ask | CaTrust::Known(_) => {
                Ok(Step::AskTrust(TrustQuestion { enrolment: self, capabilities, ca }))
            }
        }
    }

    fn with_anchor(
        self: Box<Self>,
        capabilities: Capabilities,
        ca: UnauthenticatedCa,
        anchor: &CaAnchor,
        turn: &Turn,
    ) -> Result<Step, Error> {
        let ca = ca.authenticate(anchor, &self.provider, turn.now)?;
        Transaction::begin(*self, capabilities, ca, turn)
    }
}

impl Step {
    /// Where the transaction stands before this step is done.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::Send(Exchange { asked: Asked::Reply(_), .. })
            | Self::Decrypt(_)
            | Self::Wait(_) => State::CertReqPending,
            Self::Sign(request) if request.0.is_poll() => State::CertReqPending,
            Self::Send(_) | Self::Sign(_) | Self::AskTrust(_) => State::CertNonExistent,
            Self::Done(_) => State::CertIssued,
        }
    }
}

/// A request to send.
#[derive(Debug)]
#[must_use]
pub struct Exchange {
    request: HttpRequest,
    asked: Asked,
}

#[derive(Debug)]
enum Asked {
    Capabilities(Box<Enrolment>),
    CaCertificates(Box<Enrolment>, Capabilities),
    Reply(Box<Sent>),
}

impl Exchange {
    pub(super) fn pki_operation(sent: Box<Sent>) -> Self {
        Self { request: sent.request(), asked: Asked::Reply(sent) }
    }

    /// What to send.
    #[must_use]
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// Whether the enrolment goes on without an answer: GetCACaps (RFC 8894 §3.5.2).
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self.asked, Asked::Capabilities(_))
    }

    /// Goes on with what came back, whatever its HTTP status.
    ///
    /// # Errors
    /// [`Error`] ends the enrolment.
    pub fn answered(self, answer: &HttpAnswer, turn: &Turn) -> Result<Step, Error> {
        match self.asked {
            Asked::Capabilities(enrolment) => {
                enrolment.with_capabilities(answer.capabilities(), turn)
            }
            Asked::CaCertificates(enrolment, capabilities) => {
                enrolment.with_ca_answer(capabilities, answer, turn)
            }
            Asked::Reply(sent) => sent.answered(answer, turn),
        }
    }

    /// Goes on although nothing came back: a request is sent again, a poll counts, GetCACaps does not matter.
    ///
    /// # Errors
    /// [`Unfinished::NoAnswer`] if there were enough attempts, or another [`Error`] that ends the enrolment.
    pub fn unanswered(self, turn: &Turn) -> Result<Step, Error> {
        match self.asked {
            Asked::Capabilities(enrolment) => {
                enrolment.with_capabilities(Capabilities::empty(), turn)
            }
            Asked::CaCertificates(..) => Err(Unfinished::NoAnswer { attempts: 1 }.into()),
            Asked::Reply(sent) => sent.unanswered(turn),
        }
    }
}

/// A CA that nobody vouches for yet. Drop it to refuse: nothing of the CSR was sent.
#[derive(Debug)]
#[must_use]
pub struct TrustQuestion {
    enrolment: Box<Enrolment>,
    capabilities: Capabilities,
    ca: UnauthenticatedCa,
}

impl TrustQuestion {
    /// What GetCACert answered.
    #[must_use]
    pub fn ca(&self) -> &UnauthenticatedCa {
        &self.ca
    }

    /// Goes on with the certificates that this anchor authenticates.
    ///
    /// # Errors
    /// [`Error`] ends the enrolment.
    pub fn trust(self, anchor: &CaAnchor, turn: &Turn) -> Result<Step, Error> {
        self.enrolment.with_anchor(self.capabilities, self.ca, anchor, turn)
    }
}

/// A message to sign with the signer's key.
#[must_use]
pub struct UnsignedRequest(pub(super) Box<Unsigned>);

impl UnsignedRequest {
    /// What the signature must cover.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.message.bytes()
    }

    /// How it must be signed.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.0.message.scheme()
    }

    /// Goes on with the signature.
    pub fn signed(self, signature: &[u8]) -> Step {
        Step::Send(Exchange::pki_operation(Box::new(self.0.signed(signature))))
    }
}

impl fmt::Debug for UnsignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnsignedRequest").field(&self.scheme()).finish()
    }
}

/// A verified SUCCESS whose content key is to be unwrapped with the signer's key.
#[derive(Debug)]
#[must_use]
pub struct SealedAnswer {
    pub(super) transaction: Box<Transaction>,
    pub(super) sealed: SealedReply,
}

impl SealedAnswer {
    /// How the content key is wrapped.
    #[must_use]
    pub fn transport(&self) -> KeyTransport {
        self.sealed.transport()
    }

    /// The wrapped content key.
    #[must_use]
    pub fn encrypted_key(&self) -> &[u8] {
        self.sealed.encrypted_key()
    }

    /// The key to go on with if unwrapping fails or gives another length (RFC 3218 §2.3.2).
    #[must_use]
    pub fn fallback(&self, drawn: &FallbackKey) -> ContentKey {
        self.sealed.fallback(drawn)
    }

    /// Goes on with the content key.
    ///
    /// # Errors
    /// [`Error::Undecipherable`],
    /// [`Misbehaviour::NoCertificateForKey`](crate::Misbehaviour::NoCertificateForKey) or
    /// [`Misbehaviour::UntrustedCertificate`](crate::Misbehaviour::UntrustedCertificate).
    pub fn decrypted(self, key: &ContentKey) -> Result<Step, Error> {
        let (certificates, _) = self.sealed.open_with(key, &self.transaction.enrolment.provider)?;
        Ok(Step::Done(Box::new(self.transaction.issued(certificates)?)))
    }
}

/// Time that must pass.
#[derive(Debug)]
#[must_use]
pub struct Waiting {
    pub(super) until: UnixTime,
    pub(super) next: Next,
}

/// What comes after the wait.
#[derive(Debug)]
pub(super) enum Next {
    /// The same message once more.
    Resend(Box<Sent>),
    /// A poll.
    Poll(Box<Transaction>),
}

impl Waiting {
    /// Until when.
    #[must_use]
    pub fn until(&self) -> UnixTime {
        self.until
    }

    /// Whether the server said PENDING, and how many polls there were; `None` if the server did not answer.
    #[must_use]
    pub fn pending_polls(&self) -> Option<u32> {
        match &self.next {
            Next::Poll(transaction) => Some(transaction.polls()),
            Next::Resend(_) => None,
        }
    }

    /// Goes on.
    ///
    /// # Errors
    /// [`Error`] ends the enrolment.
    pub fn resume(self, turn: &Turn) -> Result<Step, Error> {
        match self.next {
            Next::Resend(sent) => Ok(Step::Send(Exchange::pki_operation(sent))),
            Next::Poll(transaction) => transaction.poll(turn),
        }
    }
}
