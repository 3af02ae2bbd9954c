//! The one place that knows the order: verify the signature, find the transaction, open, prove the CSR, bind the keys,
//! authorise, admit, reserve, sign, commit, reply. A failure before the commit burns nothing.

mod authorise;
mod intune;
mod issue;
mod poll;
mod renewal;
mod reply;
mod report;
mod request;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scep_proto::server::{Reply, Unverified, Verified};
use scep_types::{Basis, Certificate, CryptoError, UnixTime};
use tracing::Instrument as _;
use zeroize::Zeroizing;

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

/// What a request got, and the way to say so.
struct Judged {
    reply: Reply,
    verdict: Result<Granted, Error>,
    speaker: Speaker,
}

/// Which RA signs an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Speaker {
    /// The one that GetCACert hands out.
    #[default]
    Current,
    /// The one at this position among the earlier ones.
    Earlier(usize),
}

/// What a request got.
enum Granted {
    Issued { certificate: Certificate, basis: Basis },
    Repeated { certificate: Certificate },
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
            let judged = match &place {
                Ok(_) => judge(inner, message, now, &mut facts).await,
                Err(full) => Err(full.clone()),
            };
            reply::conclude(inner, judged, now, &facts).await
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
) -> Result<Judged, Error> {
    let request = inner.run(move |inner| -> Result<_, scep_proto::Error> {
        let request = Unverified::parse(message)?;
        let transaction_id = request.transaction_id().clone();
        Ok((transaction_id, request.verify(inner.provider(), inner.config.algorithms)))
    });
    let (transaction_id, verified) = request.await??;
    facts.found_transaction(transaction_id);
    match verified {
        Err(rejected) => Ok(Judged::refused(rejected.reply, rejected.error)),
        Ok(Verified::Poll(request)) => {
            facts.found_poll();
            Ok(poll::answer(inner, request, now, facts).await)
        }
        Ok(Verified::Sealed(request)) => {
            facts.found_request(&request);
            request::answer(inner, request, now, facts).await
        }
    }
}

impl Judged {
    fn new(reply: Reply, verdict: Result<Granted, Error>) -> Self {
        Self { reply, verdict, speaker: Speaker::default() }
    }

    fn refused(reply: Reply, error: impl Into<Error>) -> Self {
        Self::new(reply, Err(error.into()))
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
