use std::fmt;
use std::time::{Duration, SystemTime};

use scep_proto::client::{
    Enrolment, EnrolmentSettings, Exchange, HttpAnswer, HttpRequest, Issued, Step, Turn,
    UnsignedRequest, Waiting,
};
use scep_proto::{Capabilities, FallbackKey, MessageRandom, UnauthenticatedCa, Unfinished};
use scep_types::{CryptoError, CryptoProvider, UnixTime};
use tracing::{debug, info};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::http::{Http, HttpSettings, Observed};
use crate::identity::Identity;

/// A client of one SCEP server.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    provider: CryptoProvider,
}

/// How an enrolment is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The request waits for approval; it is asked for again at this time.
    Pending {
        /// When.
        until: UnixTime,
        /// How often it was asked for so far.
        polls: u32,
    },
    /// No answer came; the same request is sent again at this time.
    Unanswered {
        /// When.
        until: UnixTime,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending { until, polls } => {
                write!(f, "pending after {polls} polls, asking again at {until}")
            }
            Self::Unanswered { until } => write!(f, "no answer, trying again at {until}"),
        }
    }
}

impl Client {
    /// A client for the server at this URL; path and query are kept, `/cgi-bin/pkiclient.exe` is the path if there is none.
    ///
    /// # Errors
    /// [`Error::Url`], or [`Error::Transport`] if the system has no HTTP for us.
    pub fn new(url: &str, provider: CryptoProvider) -> Result<Self, Error> {
        Self::with_http(url, provider, &HttpSettings::default())
    }

    /// A client with other HTTP settings.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_http(
        url: &str,
        provider: CryptoProvider,
        settings: &HttpSettings,
    ) -> Result<Self, Error> {
        Ok(Self { http: Http::new(url, settings)?, provider })
    }

    /// Sends one request and returns what comes back, whatever its HTTP status.
    ///
    /// # Errors
    /// [`Error::Transport`] or [`Error::Redirected`].
    pub async fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, Error> {
        debug!(?request, "sending");
        let answer = self.http.send(request).await?;
        debug!(?answer, "received");
        Ok(answer)
    }

    /// As [`Client::send`], with the headers of the answer, for those who look at how a server behaves.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn observe(&self, request: &HttpRequest) -> Result<Observed, Error> {
        self.http.observe(request).await
    }

    pub(crate) fn provider(&self) -> &CryptoProvider {
        &self.provider
    }

    /// What the server says it can. An enrolment takes a failure here for an empty answer.
    ///
    /// # Errors
    /// As [`Client::send`], or [`Unfinished::HttpStatus`].
    pub async fn capabilities(&self) -> Result<Capabilities, Error> {
        let answer = self.send(&HttpRequest::get_ca_caps()).await?;
        Ok(success(&answer)?.capabilities())
    }

    /// The certificates of the CA, which nobody vouches for yet.
    ///
    /// # Errors
    /// As [`Client::send`], [`Unfinished::HttpStatus`], or what [`UnauthenticatedCa::parse`] says.
    pub async fn ca_certificates(
        &self,
        ca_identifier: Option<&str>,
    ) -> Result<UnauthenticatedCa, Error> {
        let answer = self.send(&HttpRequest::get_ca_cert(ca_identifier)).await?;
        Ok(UnauthenticatedCa::parse(success(&answer)?.body.clone())?)
    }

    /// Enrols or renews: asks, signs, sends, polls and opens until there is a certificate or an end.
    ///
    /// # Errors
    /// [`Error`] says who refused what. Until the CA is authenticated nothing of the CSR was sent.
    pub async fn enrol(
        &self,
        settings: EnrolmentSettings,
        identity: &Identity<'_>,
        mut progress: impl FnMut(Progress),
    ) -> Result<Issued, Error> {
        identity.check_keys()?;
        let (csr, signer) = (identity.csr.clone(), identity.signer.clone());
        let mut step = Enrolment::start(settings, csr, signer, self.provider)?;
        let mut lost = None;
        loop {
            step = match step {
                Step::Send(exchange) => self.exchange(exchange, &mut lost).await?,
                Step::Sign(request) => sign(request, identity)?,
                Step::Decrypt(reply) => {
                    let fallback = reply.fallback(&FallbackKey::new(*self.draw()?));
                    let (transport, wrapped) = (reply.transport(), reply.encrypted_key());
                    let key = identity.decryption_key.unwrap_key(transport, wrapped, &fallback)?;
                    reply.decrypted(&key)?
                }
                Step::AskTrust(question) => {
                    return Err(Error::CaNotTrusted(Box::new(question.ca().clone())));
                }
                Step::Wait(waiting) => {
                    progress(Progress::of(&waiting));
                    sleep_until(waiting.until()).await;
                    waiting.resume(&self.turn()?)?
                }
                Step::Done(issued) => return Ok(*issued),
            };
        }
    }

    /// Does one exchange; `lost` is the latest reason why none came to pass.
    async fn exchange(&self, exchange: Exchange, lost: &mut Option<Error>) -> Result<Step, Error> {
        match self.send(exchange.request()).await {
            Ok(answer) => {
                *lost = None;
                Ok(exchange.answered(&answer, &self.turn()?)?)
            }
            Err(error) if !error.is_transient() && !exchange.is_optional() => Err(error),
            Err(error) => {
                info!(%error, "no answer");
                *lost = Some(error);
                exchange.unanswered(&self.turn()?).map_err(|ended| match (ended, lost.take()) {
                    // The reason says more than the count of attempts.
                    (scep_proto::Error::Unfinished(Unfinished::NoAnswer { .. }), Some(lost)) => {
                        lost
                    }
                    (ended, _) => ended.into(),
                })
            }
        }
    }

    fn turn(&self) -> Result<Turn, CryptoError> {
        Ok(Turn {
            now: now(),
            transaction_id: *self.draw()?,
            message: MessageRandom::new(&*self.draw()?),
        })
    }

    pub(crate) fn draw<const OCTETS: usize>(&self) -> Result<Zeroizing<[u8; OCTETS]>, CryptoError> {
        let mut drawn = Zeroizing::new([0; OCTETS]);
        self.provider.random.fill(&mut *drawn)?;
        Ok(drawn)
    }
}

impl Progress {
    fn of(waiting: &Waiting) -> Self {
        let until = waiting.until();
        match waiting.pending_polls() {
            Some(polls) => Self::Pending { until, polls },
            None => Self::Unanswered { until },
        }
    }
}

/// The system's clock.
#[must_use]
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::default().plus(since)
}

fn sign(request: UnsignedRequest, identity: &Identity<'_>) -> Result<Step, CryptoError> {
    let signature = identity.signing_key.sign(request.scheme(), request.bytes())?;
    Ok(request.signed(&signature))
}

async fn sleep_until(until: UnixTime) {
    let seconds = until.as_secs().saturating_sub(now().as_secs());
    tokio::time::sleep(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))).await;
}

fn success(answer: &HttpAnswer) -> Result<&HttpAnswer, Error> {
    if answer.is_success() {
        return Ok(answer);
    }
    Err(scep_proto::Error::from(Unfinished::HttpStatus(answer.status)).into())
}
