use std::fmt;
use std::time::{Duration, SystemTime};

use scep_proto::client::{
    Enrolment, EnrolmentSettings, Exchange, HttpAnswer, HttpRequest, Issued, Step, Turn, Waiting,
};
use scep_proto::{Capabilities, FallbackKey, MessageRandom, UnauthenticatedCa, Unfinished};
use scep_types::{CryptoError, CryptoProvider, DecryptionKey, SigningKey, UnixTime};
use tracing::{debug, info};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::http::{Http, HttpSettings, Observed};
use crate::identity::{Identity, Keys};

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

/// How far an enrolment got.
#[derive(Debug)]
#[must_use]
pub enum Begun {
    /// To its certificate.
    Issued(Box<Issued>),
    /// To where someone has to approve it.
    Pending(Pending),
}

/// A request that waits for approval.
#[must_use]
pub struct Pending {
    /// What [`Client::resume`] goes on with. The challenge is in it: keep it as secret as a password.
    pub state: Zeroizing<Vec<u8>>,
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
        let mut step = self.start(settings, identity)?;
        let mut run = Run { client: self, keys: identity.keys(), lost: None };
        loop {
            step = match run.advance(step).await? {
                Reached::Wait(waiting) => {
                    progress(Progress::of(&waiting));
                    run.wait(waiting).await?
                }
                Reached::Done(issued) => return Ok(*issued),
            };
        }
    }

    /// Enrols or renews as far as the server decides at once: a request that waits for approval is handed back, and may
    /// be asked for by [`Client::resume`] when this process is long gone.
    ///
    /// # Errors
    /// As [`Client::enrol`].
    pub async fn begin(
        &self,
        settings: EnrolmentSettings,
        identity: &Identity<'_>,
    ) -> Result<Begun, Error> {
        let step = self.start(settings, identity)?;
        Run { client: self, keys: identity.keys(), lost: None }.until_pending(step).await
    }

    /// Asks once, now, for a request that [`Client::begin`] handed back; `key` is that of its signer.
    ///
    /// How the CA is known is in the state, so the trust in `settings` does not matter.
    ///
    /// # Errors
    /// As [`Client::enrol`]; [`ApiMisuse::PersistedState`](scep_proto::ApiMisuse::PersistedState) for other octets.
    pub async fn resume<K: SigningKey + DecryptionKey>(
        &self,
        state: &[u8],
        settings: EnrolmentSettings,
        key: &K,
    ) -> Result<Begun, Error> {
        let mut step = Enrolment::restore(state, settings, self.provider)?;
        if let Step::Wait(waiting) = step {
            step = waiting.resume(&self.turn()?)?;
        }
        let keys = Keys { signing: key, decryption: key };
        Run { client: self, keys, lost: None }.until_pending(step).await
    }

    fn start(&self, settings: EnrolmentSettings, identity: &Identity<'_>) -> Result<Step, Error> {
        identity.check_keys()?;
        let (csr, signer) = (identity.csr.clone(), identity.signer.clone());
        Ok(Enrolment::start(settings, csr, signer, self.provider)?)
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

/// Drives an enrolment from one wait to the next.
struct Run<'a> {
    client: &'a Client,
    keys: Keys<'a>,
    /// The latest reason why no answer came.
    lost: Option<Error>,
}

/// Where an enrolment stops.
enum Reached {
    Wait(Waiting),
    Done(Box<Issued>),
}

impl Run<'_> {
    async fn advance(&mut self, mut step: Step) -> Result<Reached, Error> {
        loop {
            step = match step {
                Step::Send(exchange) => self.exchange(exchange).await?,
                Step::Sign(request) => {
                    let signature = self.keys.signing.sign(request.scheme(), request.bytes())?;
                    request.signed(&signature)
                }
                Step::Decrypt(reply) => {
                    let fallback = reply.fallback(&FallbackKey::new(*self.client.draw()?));
                    let (transport, wrapped) = (reply.transport(), reply.encrypted_key());
                    let key = self.keys.decryption.unwrap_key(transport, wrapped, &fallback)?;
                    reply.decrypted(&key)?
                }
                Step::AskTrust(question) => {
                    return Err(Error::CaNotTrusted(Box::new(question.ca().clone())));
                }
                Step::Wait(waiting) => return Ok(Reached::Wait(waiting)),
                Step::Done(issued) => return Ok(Reached::Done(issued)),
            };
        }
    }

    /// As far as it goes without approval; a server that does not answer is waited for.
    async fn until_pending(&mut self, mut step: Step) -> Result<Begun, Error> {
        loop {
            step = match self.advance(step).await? {
                Reached::Done(issued) => return Ok(Begun::Issued(issued)),
                Reached::Wait(waiting) => match waiting.persist() {
                    Some(state) => return Ok(Begun::Pending(Pending { state })),
                    None => self.wait(waiting).await?,
                },
            };
        }
    }

    async fn wait(&self, waiting: Waiting) -> Result<Step, Error> {
        sleep_until(waiting.until()).await;
        Ok(waiting.resume(&self.client.turn()?)?)
    }

    async fn exchange(&mut self, exchange: Exchange) -> Result<Step, Error> {
        match self.client.send(exchange.request()).await {
            Ok(answer) => {
                self.lost = None;
                Ok(exchange.answered(&answer, &self.client.turn()?)?)
            }
            Err(error) if !error.is_transient() && !exchange.is_optional() => Err(error),
            Err(error) => {
                info!(%error, "no answer");
                self.lost = Some(error);
                let unanswered = exchange.unanswered(&self.client.turn()?);
                unanswered.map_err(|ended| match (ended, self.lost.take()) {
                    // The reason says more than the count of attempts.
                    (scep_proto::Error::Unfinished(Unfinished::NoAnswer { .. }), Some(lost)) => {
                        lost
                    }
                    (ended, _) => ended.into(),
                })
            }
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state: _ } = self;
        f.debug_struct("Pending").finish_non_exhaustive()
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
