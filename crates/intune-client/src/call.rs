use std::time::Duration;

use crate::service::{ActivityId, Failure, HttpRequest, HttpResponse};
use scep_types::UnixTime;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use crate::Tenant;
use crate::client::Shared;
use crate::error::Error;
use crate::transport::{Transport, TransportError, TransportFailure};

/// One call of the service, with all that it takes: one activity id, one budget of time.
pub(crate) struct Call<'a, T> {
    pub(crate) shared: &'a Shared<T>,
    pub(crate) tenant: &'a Tenant,
    pub(crate) activity: ActivityId,
    pub(crate) deadline: Instant,
    /// How often the service was asked; tokens and discovery do not count.
    pub(crate) attempts: u32,
    /// Whether the directory was read for this very call.
    pub(crate) has_read_directory: bool,
    /// Why there is no answer so far.
    last: Option<Error>,
}

/// Why one exchange did not give what was asked for, and what was seen of it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Error,
    pub(crate) seen: Seen,
}

/// What was seen of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// An answer with this status.
    Status(u16),
    /// No answer.
    Nothing(TransportFailure),
    /// It was not sent.
    Unsent,
}

/// What an exchange is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// For a token or a place.
    Supply,
    /// For an action, at a place that is looked up again if it cannot be connected to.
    ActionAtPlaceInDoubt,
    /// For an action, at a place that is as good as any.
    Action,
}

impl<'a, T: Transport> Call<'a, T> {
    pub(crate) fn new(
        shared: &'a Shared<T>,
        tenant: &'a Tenant,
        activity: ActivityId,
        budget: Duration,
    ) -> Self {
        let deadline = Instant::now() + budget;
        Self {
            shared,
            tenant,
            activity,
            deadline,
            attempts: 0,
            has_read_directory: false,
            last: None,
        }
    }

    /// What became of the call, if it ended in time or not.
    pub(crate) fn ended<A>(
        &mut self,
        ended: Result<Result<A, Error>, Elapsed>,
    ) -> Result<A, Error> {
        ended.unwrap_or_else(|_| Err(self.last.take().unwrap_or(Error::OutOfTime)))
    }

    /// How long to wait for something better than what is at hand: a quarter of what is left.
    pub(crate) fn patience(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()) / 4
    }

    /// Does an exchange and repeats it as far as the settings and the budget allow.
    pub(crate) async fn ask<A>(
        &mut self,
        request: &HttpRequest,
        errand: Errand,
        decode: impl Fn(&HttpResponse, UnixTime) -> Result<A, Failure>,
    ) -> Result<A, Refused> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            self.attempts += u32::from(errand != Errand::Supply);
            let refused = match self.exchange(request).await {
                Ok(response) => match decode(&response, self.shared.clock.now()) {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => {
                        Refused { error: failure.into(), seen: Seen::Status(response.status) }
                    }
                },
                Err(refused) => refused,
            };
            debug!(error = %refused.error, attempts, "not answered");
            self.last = Some(refused.error.clone());
            match self.repeat_after(&refused, errand, attempts) {
                Some(delay) => sleep(delay).await,
                None => return Err(refused),
            }
        }
    }

    async fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Refused> {
        let _permit = self
            .shared
            .permits
            .acquire()
            .await
            .map_err(|_| Refused { error: Error::OutOfTime, seen: Seen::Unsent })?;
        let limit = self.shared.settings.retries.attempt_timeout;
        let sent = timeout(limit, self.shared.transport.send(request)).await;
        sent.unwrap_or_else(|_| Err(TransportFailure::Timeout.into())).map_err(
            |error: TransportError| Refused {
                seen: Seen::Nothing(error.failure),
                error: Error::Transport(error),
            },
        )
    }

    /// How long to wait before the same request is sent again, or `None` if it is not.
    fn repeat_after(&self, refused: &Refused, errand: Errand, attempts: u32) -> Option<Duration> {
        let retries = &self.shared.settings.retries;
        let may_repeat = match refused.seen {
            Seen::Nothing(TransportFailure::Connect) => errand != Errand::ActionAtPlaceInDoubt,
            seen => seen.is_transient(),
        };
        if !may_repeat || attempts >= retries.attempts.max(1) {
            return None;
        }
        let delay = match refused.error.retry_after() {
            Some(asked_for) => asked_for,
            None => retries.delay(attempts, self.shared.lot()),
        };
        // What cannot be waited for is told to the caller now.
        (Instant::now() + delay < self.deadline).then_some(delay)
    }
}

impl Seen {
    /// Whether the same request may be answered another time.
    pub(crate) fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Status(429 | 500 | 502 | 503 | 504)
                | Self::Nothing(
                    TransportFailure::Connect
                        | TransportFailure::Timeout
                        | TransportFailure::Interrupted
                )
        )
    }

    /// Whether the place may have moved.
    pub(crate) fn says_moved(self) -> bool {
        matches!(self, Self::Status(404 | 410 | 421) | Self::Nothing(TransportFailure::Connect))
    }
}
