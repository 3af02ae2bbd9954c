//! The one place that knows the order: verify the signature, find the transaction, open, prove the CSR, bind the keys,
//! authorise, admit, reserve, sign, commit, reply. A failure before the commit burns nothing.

mod authorise;
mod intune;
mod issue;
mod one_time;
mod open;
mod poll;
mod query;
mod renewal;
mod reply;
mod report;
mod request;
mod sealed;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scep_proto::server::{Poll, Rejected, Reply, SealedKind, Unverified, Verified};
use scep_proto::{MessageType, TransactionId};
use scep_types::{Basis, Certificate, CryptoError, UnixTime};
use tracing::Instrument as _;
use zeroize::Zeroizing;

use self::open::Locked;
use self::report::Facts;
pub(crate) use self::sign::signed;
use crate::endpoint::Inner;
use crate::{Endpoint, Error, RegistrationAuthority};

/// What an endpoint answers to a PKIOperation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Response {
    /// A CertRep, whatever its pkiStatus: HTTP 200 and [`PKI_MESSAGE`](scep_proto::http::PKI_MESSAGE).
    Message(Bytes),
    /// No transactionID can be read, so no CertRep can answer: HTTP 400.
    Unreadable,
    /// Nothing was decided: HTTP 503 with Retry-After.
    ///
    /// Not PENDING: a client would turn to CertPoll, and give up at the first failure of that.
    ComeAgain {
        /// When.
        retry_after: Duration,
    },
    /// It failed, and no fault of the peer's: HTTP 500.
    Broken,
}

/// A message that can be answered.
struct Received {
    transaction_id: TransactionId,
    /// What kind it is, if it verified.
    message_type: Option<MessageType>,
    request: Result<Request, Box<Rejected>>,
}

/// A message that verified.
enum Request {
    Poll(Box<Poll>),
    /// One with an envelope.
    Locked(Box<Locked>),
}

/// What a request got, and the way to say so.
struct Judged {
    reply: Reply,
    verdict: Result<Granted, Error>,
}

/// What a request got, under which CA, and which of its RAs says so.
struct Concluded {
    judged: Judged,
    under: Arc<Inner>,
    speaker: Speaker,
}

/// Which RA of a CA signs an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    /// The one that is handed out.
    Current,
    /// The one at this position among the earlier ones.
    Earlier(usize),
}

/// What a request got.
enum Granted {
    Issued {
        certificate: Certificate,
        basis: Basis,
    },
    Repeated {
        certificate: Certificate,
    },
    /// The certificate that was asked for, DER.
    Certificate(Bytes),
    /// The CRL, DER.
    Crl(Bytes),
    Pending,
}

impl Endpoint {
    /// Answers a pkiMessage; `now` is the time of everything in it.
    ///
    /// Do not drop the future half-way: what it reserved then stays reserved until its lease is over.
    pub async fn handle(&self, message: Bytes, now: UnixTime) -> Response {
        let span = tracing::info_span!(
            "pki_operation",
            endpoint = %self.id(),
            transaction_id = tracing::field::Empty
        );
        let inner = self.inner();
        async {
            let mut facts = Facts::default();
            let place = inner.config.host.execution.admit();
            let concluded = match &place {
                Ok(_) => judge(inner, message, now, &mut facts).await,
                Err(full) => Err(full.clone()),
            };
            reply::conclude(inner, concluded, now, &facts).await
        }
        .instrument(span)
        .await
    }
}

/// Everything but the answer itself.
///
/// # Errors
/// Why there is nobody to answer to, or nothing to answer with.
async fn judge(
    inner: &Arc<Inner>,
    message: Bytes,
    now: UnixTime,
    facts: &mut Facts,
) -> Result<Concluded, Error> {
    let current = Arc::clone(inner);
    let received = inner.run(move |_| read(&current, message)).await??;
    facts.found_message(received.transaction_id, received.message_type);
    match received.request {
        Err(rejected) => {
            let judged = Judged::refused(rejected.reply, rejected.error);
            Ok(Concluded::under(Arc::clone(inner), judged))
        }
        Ok(Request::Poll(request)) => {
            let (judged, under) = poll::answer(inner, *request, now, facts).await;
            Ok(Concluded::under(under, judged))
        }
        Ok(Request::Locked(locked)) => {
            let (under, speaker) = (Arc::clone(&locked.under), locked.speaker);
            let judged = match locked.lock.kind() {
                SealedKind::Enrol | SealedKind::Renew => {
                    request::answer(inner, *locked, now, facts).await?
                }
                SealedKind::GetCert | SealedKind::GetCrl => {
                    query::answer(inner, *locked, now, facts).await?
                }
            };
            Ok(Concluded { judged, under, speaker })
        }
    }
}

/// Verifies a message and reads its envelope; no key and no password is used yet.
fn read(inner: &Arc<Inner>, message: Bytes) -> Result<Received, Error> {
    let unverified = Unverified::parse(message)?;
    let transaction_id = unverified.transaction_id().clone();
    let (message_type, request) = match unverified.verify(inner.provider(), inner.config.algorithms)
    {
        Err(rejected) => (None, Err(rejected)),
        Ok(Verified::Poll(poll)) => {
            (Some(MessageType::CERT_POLL), Ok(Request::Poll(Box::new(poll))))
        }
        Ok(Verified::Sealed(sealed)) => {
            let message_type = message_type(sealed.kind());
            let locked = open::lock(inner, sealed);
            (Some(message_type), locked.map(|locked| Request::Locked(Box::new(locked))))
        }
    };
    Ok(Received { transaction_id, message_type, request })
}

fn message_type(kind: SealedKind) -> MessageType {
    match kind {
        SealedKind::Enrol => MessageType::PKCS_REQ,
        SealedKind::Renew => MessageType::RENEWAL_REQ,
        SealedKind::GetCert => MessageType::GET_CERT,
        SealedKind::GetCrl => MessageType::GET_CRL,
    }
}

impl Judged {
    fn new(reply: Reply, verdict: Result<Granted, Error>) -> Self {
        Self { reply, verdict }
    }

    fn refused(reply: Reply, error: impl Into<Error>) -> Self {
        Self::new(reply, Err(error.into()))
    }
}

impl Concluded {
    /// Said by the RA that is handed out.
    const fn under(under: Arc<Inner>, judged: Judged) -> Self {
        Self { judged, under, speaker: Speaker::Current }
    }
}

impl Inner {
    /// The RA that signs an answer.
    fn speaker(&self, speaker: Speaker) -> &RegistrationAuthority {
        let ra = &self.config.authority.ra;
        match speaker {
            Speaker::Current => ra,
            Speaker::Earlier(position) => ra.earlier.get(position).unwrap_or(ra),
        }
    }

    /// Runs `work` on a worker.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(self);
        self.config.host.execution.run(move || work(&inner)).await
    }

    /// Freshly drawn octets.
    pub(crate) fn random<const OCTETS: usize>(
        &self,
    ) -> Result<Zeroizing<[u8; OCTETS]>, CryptoError> {
        let mut drawn = Zeroizing::new([0; OCTETS]);
        self.provider().random.fill(drawn.as_mut())?;
        Ok(drawn)
    }
}
