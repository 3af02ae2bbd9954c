use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, Timeout, timeout};

/// How long a repair that did not help is not tried again.
const SETTLED: Duration = Duration::from_secs(60);
/// After a value could not be renewed early, when it is tried again.
const EARLY_AGAIN: Duration = Duration::from_secs(60);

/// A value that is fetched by one caller at a time, for all of them.
///
/// It is renewed early while it still serves, served stale if it must be and may be, and a failure to get it is remembered
/// for a while, so that neither its source nor the callers suffer from the other.
#[derive(Debug)]
pub(crate) struct Cached<V, E> {
    state: Mutex<State<V, E>>,
    /// Held by whoever fetches; given back when that caller gives up.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State<V, E> {
    held: Option<Held<V>>,
    missed: Option<(E, Instant)>,
    settled_until: Option<Instant>,
    serial: u64,
}

#[derive(Debug)]
struct Held<V> {
    leased: Leased<V>,
    /// From here on it is renewed, and serves until that is done.
    renew_at: Instant,
    /// From here on it does not serve any more.
    useless_at: Option<Instant>,
    /// It did not serve; it comes back only if there is no other.
    is_suspect: bool,
}

/// A value and which of its kind it is, so that a complaint about an old one does not harm the new one.
#[derive(Debug, Clone)]
pub(crate) struct Leased<V> {
    pub(crate) value: V,
    serial: u64,
}

/// What was fetched, and for how long it is good.
#[derive(Debug)]
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    /// After this it is renewed.
    pub(crate) renew_after: Duration,
    /// After this it is of no use, if that is so.
    pub(crate) useless_after: Option<Duration>,
}

/// Why nothing was fetched, and for how long that is the answer.
#[derive(Debug)]
pub(crate) struct Missed<E> {
    pub(crate) error: E,
    pub(crate) answer_for: Duration,
}

enum Look<V, E> {
    Fresh(Leased<V>),
    Aging(Leased<V>),
    Suspect(Leased<V>),
    Missed(E),
    Empty,
}

impl<V, E> Default for Cached<V, E> {
    fn default() -> Self {
        let state = State { held: None, missed: None, settled_until: None, serial: 0 };
        Self { state: Mutex::new(state), flight: tokio::sync::Mutex::default() }
    }
}

impl<V: Clone, E: Clone> Cached<V, E> {
    /// The value at hand, or what `fetch` gets; `fetch` is polled by one caller at a time.
    ///
    /// Where there is a value that may do, a better one is waited for no longer than `patience`.
    pub(crate) async fn get(
        &self,
        patience: Duration,
        fetch: impl Future<Output = Result<Fetched<V>, Missed<E>>>,
    ) -> Result<Leased<V>, E> {
        match self.look() {
            Look::Fresh(leased) => return Ok(leased),
            Look::Missed(error) => return Err(error),
            Look::Aging(leased) => {
                return Ok(self.renew_early(leased, timeout(patience, fetch)).await);
            }
            Look::Suspect(_) | Look::Empty => {}
        }
        let _flight = self.flight.lock().await;
        // Somebody may have been here while we waited.
        match self.look() {
            Look::Fresh(leased) | Look::Aging(leased) => Ok(leased),
            Look::Missed(error) => Err(error),
            Look::Suspect(leased) => match timeout(patience, fetch).await {
                Ok(Ok(fetched)) => Ok(self.keep(fetched)),
                Ok(Err(_)) | Err(_) => Ok(self.keep_stale(leased)),
            },
            Look::Empty => match fetch.await {
                Ok(fetched) => Ok(self.keep(fetched)),
                Err(missed) => Err(self.remember(missed)),
            },
        }
    }

    async fn renew_early(
        &self,
        leased: Leased<V>,
        fetch: Timeout<impl Future<Output = Result<Fetched<V>, Missed<E>>>>,
    ) -> Leased<V> {
        let Ok(_flight) = self.flight.try_lock() else { return leased };
        if let Look::Fresh(leased) = self.look() {
            return leased;
        }
        // Before the attempt: a caller that gives up inside must not leave the next one to try the same.
        self.postpone(EARLY_AGAIN);
        match fetch.await {
            Ok(Ok(fetched)) => self.keep(fetched),
            Ok(Err(_)) | Err(_) => leased,
        }
    }

    /// Says that this value does not serve, and may not be served again. Returns whether asking again may help.
    pub(crate) fn discard(&self, leased: &Leased<V>) -> bool {
        let mut state = self.state();
        if state.is_current(leased) {
            if state.is_settled() {
                return false;
            }
            state.held = None;
        }
        true
    }

    /// Says that this value did not serve; it stays for the case that there is no other. Returns whether asking again may
    /// help.
    pub(crate) fn suspect(&self, leased: &Leased<V>) -> bool {
        let mut state = self.state();
        if state.is_current(leased) {
            if state.is_settled() {
                return false;
            }
            if let Some(held) = &mut state.held {
                held.is_suspect = true;
            }
        }
        true
    }

    /// Says that a new value did not help: for a minute none is fetched for that reason.
    pub(crate) fn settle(&self) {
        self.state().settled_until = Some(Instant::now() + SETTLED);
    }

    /// Whether a new value would not help now.
    pub(crate) fn is_settled(&self) -> bool {
        self.state().is_settled()
    }

    fn look(&self) -> Look<V, E> {
        let (state, now) = (self.state(), Instant::now());
        if let Some(held) = &state.held
            && held.useless_at.is_none_or(|at| now < at)
        {
            let leased = held.leased.clone();
            return match held {
                Held { is_suspect: true, .. } => Look::Suspect(leased),
                Held { renew_at, .. } if now < *renew_at => Look::Fresh(leased),
                Held { .. } => Look::Aging(leased),
            };
        }
        match &state.missed {
            Some((error, until)) if now < *until => Look::Missed(error.clone()),
            _ => Look::Empty,
        }
    }

    fn keep(&self, fetched: Fetched<V>) -> Leased<V> {
        let (mut state, now) = (self.state(), Instant::now());
        state.serial += 1;
        let leased = Leased { value: fetched.value, serial: state.serial };
        state.missed = None;
        state.held = Some(Held {
            leased: leased.clone(),
            renew_at: now + fetched.renew_after,
            useless_at: fetched.useless_after.map(|after| now + after),
            is_suspect: false,
        });
        leased
    }

    /// A suspect value that is the only one serves, and is not doubted again for a while.
    fn keep_stale(&self, leased: Leased<V>) -> Leased<V> {
        if let Some(held) = &mut self.state().held {
            held.is_suspect = false;
        }
        self.settle();
        leased
    }

    fn postpone(&self, duration: Duration) {
        if let Some(held) = &mut self.state().held {
            held.renew_at = Instant::now() + duration;
        }
    }

    fn remember(&self, missed: Missed<E>) -> E {
        let Missed { error, answer_for } = missed;
        self.state().missed = Some((error.clone(), Instant::now() + answer_for));
        error
    }

    /// No code panics while it holds the lock, and what it guards is whole between any two statements.
    fn state(&self) -> MutexGuard<'_, State<V, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V, E> State<V, E> {
    fn is_current(&self, leased: &Leased<V>) -> bool {
        self.held.as_ref().is_some_and(|held| held.leased.serial == leased.serial)
    }

    fn is_settled(&self) -> bool {
        self.settled_until.is_some_and(|until| Instant::now() < until)
    }
}
