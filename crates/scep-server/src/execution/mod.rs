mod workers;

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::workers::Workers;
use crate::Error;

/// Where RSA operations run.
#[derive(Debug, Clone)]
pub enum Execution {
    /// On a bounded pool of threads that may block, never on the threads of the runtime.
    Pool(WorkerPool),
    /// Where the endpoint is called, for benches and for hosts that call it on threads of their own.
    Inline,
}

/// A bound on the requests at work and on those that wait. Clones share it, and so may endpoints.
#[derive(Debug, Clone)]
pub struct WorkerPool {
    workers: Workers,
    admissions: Arc<Semaphore>,
    /// Places of `admissions`.
    places: u32,
    passwords: Passwords,
}

/// A bound on the workers that derive keys from passwords, and on the requests that wait to.
///
/// A stranger says how often the derivation iterates, so one such request may cost as much as hundreds of others.
#[derive(Debug, Clone)]
struct Passwords {
    workers: Arc<Semaphore>,
    admissions: Arc<Semaphore>,
}

/// A place in the pool; dropping it frees the place.
#[derive(Debug)]
pub(crate) enum Admission {
    Pooled { _place: OwnedSemaphorePermit },
    Unbounded,
}

impl WorkerPool {
    /// Requests that may wait for each worker unless said otherwise: a tenth of a second of RSA-2048.
    const QUEUE_PER_WORKER: usize = 128;

    /// A pool of `workers` threads, before which `queue` requests may wait; more are told to come again.
    ///
    /// A request that waits for a remote key holds a place in the queue, but no worker.
    #[must_use]
    pub fn new(workers: NonZeroUsize, queue: usize) -> Self {
        let workers = workers.get().min(Semaphore::MAX_PERMITS);
        let places = workers.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        let admissions = usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            workers: Workers::new(workers),
            admissions: Arc::new(Semaphore::new(admissions)),
            places,
            passwords: Passwords::new(workers / 4),
        }
    }

    /// The same pool, of which at most so many workers derive keys from passwords at a time; a quarter, and at least one, unless
    /// said otherwise.
    ///
    /// Before each of them 16 such requests may wait; more are told to come again, before anything is derived for them.
    #[must_use]
    pub fn with_password_workers(self, workers: NonZeroUsize) -> Self {
        Self { passwords: Passwords::new(workers.get()), ..self }
    }

    /// Waits until no request is at work, and takes no more from then on.
    ///
    /// After the last connection ended there may still be requests whose clients went away: they are carried out all the
    /// same, so a program waits for them before it ends.
    pub async fn close(&self) {
        // All places are taken and never given back; one that cannot be had was closed before.
        if let Ok(all) = self.admissions.acquire_many(self.places).await {
            all.forget();
        }
        self.admissions.close();
    }
}

impl Passwords {
    /// Requests that may wait for each worker: some seconds of the dearest derivations.
    const QUEUE_PER_WORKER: usize = 16;

    fn new(workers: usize) -> Self {
        let workers = workers.clamp(1, Semaphore::MAX_PERMITS);
        let places = workers.saturating_mul(Self::QUEUE_PER_WORKER + 1);
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            admissions: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
        }
    }
}

/// As many workers as there are cores.
impl Default for WorkerPool {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::new(workers, workers.get().saturating_mul(Self::QUEUE_PER_WORKER))
    }
}

impl Default for Execution {
    fn default() -> Self {
        Self::Pool(WorkerPool::default())
    }
}

impl Execution {
    /// Takes a place for a whole request, before any RSA operation is done for it.
    pub(crate) fn admit(&self) -> Result<Admission, Error> {
        match self {
            Self::Inline => Ok(Admission::Unbounded),
            Self::Pool(pool) => {
                let place = Arc::clone(&pool.admissions).try_acquire_owned();
                place
                    .map(|place| Admission::Pooled { _place: place })
                    .map_err(|_| Error::Overloaded)
            }
        }
    }

    /// Runs `work` on a worker, waiting for one in turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        match self {
            Self::Inline => Ok(work()),
            Self::Pool(pool) => pool.workers.run(work).await,
        }
    }

    /// Runs `work` that derives a key from a password, on one of the workers that may, after what prepares it.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if too many wait to already, and nothing was prepared; or that of `prepare`.
    pub(crate) async fn derive<P: Send + 'static, T: Send + 'static>(
        &self,
        prepare: impl Future<Output = Result<P, Error>>,
        work: impl FnOnce(P) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let Self::Pool(pool) = self else { return Ok(work(prepare.await?)) };
        let Passwords { workers, admissions } = &pool.passwords;
        let place = Arc::clone(admissions).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let turn = Arc::clone(workers).acquire_owned().await.map_err(|_| Error::Aborted)?;
        let prepared = prepare.await?;
        self.run(move || {
            let done = work(prepared);
            drop((place, turn)); // held to the end, as the worker is
            done
        })
        .await
    }
}
