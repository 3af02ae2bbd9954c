use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::Error;

/// Threads that work through one queue, each for as long as there is something in it. Clones share it.
///
/// Each job of a full queue is begun as soon as the one before has ended: nobody has to be woken in between.
#[derive(Clone)]
pub(super) struct Workers(Arc<Mutex<Queue>>);

struct Queue {
    waiting: VecDeque<Job>,
    /// Workers that have a thread, or are about to get one.
    at_work: usize,
    most: usize,
}

type Job = Box<dyn FnOnce() + Send>;

impl Workers {
    pub(super) fn new(workers: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue { waiting: VecDeque::new(), at_work: 0, most: workers })))
    }

    /// What comes of `work` once its turn has come and a worker has done it; it is not done if nobody waits for it any more by
    /// then.
    ///
    /// # Errors
    /// [`Error::Aborted`] if it panics, or the runtime ends.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (done, result) = oneshot::channel();
        self.push(Box::new(move || {
            if !done.is_closed() {
                let _ = done.send(work()); // given up meanwhile: nobody wants it
            }
        }));
        result.await.map_err(|_| Error::Aborted)
    }

    fn push(&self, job: Job) {
        let mut queue = self.queue();
        queue.waiting.push_back(job);
        if queue.at_work >= queue.most {
            return;
        }
        queue.at_work = queue.at_work.saturating_add(1);
        drop(queue);
        let worker = AtWork { workers: self.clone(), rests: false };
        tokio::task::spawn_blocking(move || worker.work());
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that has a thread, or is about to get one.
struct AtWork {
    workers: Workers,
    rests: bool,
}

impl AtWork {
    fn work(mut self) {
        while let Some(job) = self.next() {
            let _ = catch_unwind(AssertUnwindSafe(job)); // who waits for it learns that it was dropped
        }
    }

    /// The next job; if there is none, this worker rests from the same moment on, so that whoever brings one wakes it.
    fn next(&mut self) -> Option<Job> {
        let mut queue = self.workers.queue();
        let job = queue.waiting.pop_front();
        if job.is_none() {
            queue.at_work = queue.at_work.saturating_sub(1);
            self.rests = true;
        }
        job
    }
}

/// A runtime that ends drops workers that have not begun. If no other is left, all who wait are told: nobody would wake one for
/// them, who may be of another runtime.
impl Drop for AtWork {
    fn drop(&mut self) {
        if self.rests {
            return;
        }
        let mut queue = self.workers.queue();
        queue.at_work = queue.at_work.saturating_sub(1);
        let lost =
            if queue.at_work == 0 { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
        drop(queue);
        drop(lost);
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.queue();
        let (waiting, at_work, most) = (queue.waiting.len(), queue.at_work, queue.most);
        drop(queue);
        let mut workers = f.debug_struct("Workers");
        workers.field("waiting", &waiting).field("at_work", &at_work).field("most", &most).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};
    use std::task::Poll;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
    }

    /// Begins what it is given, and whether it has more to wait for.
    async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    #[test]
    fn no_more_jobs_run_at_a_time_than_there_are_workers_and_all_are_done() {
        let (workers, at_work, most) = (Workers::new(3), Arc::default(), Arc::default());
        let job = |number: usize| {
            let (at_work, most): (Arc<AtomicUsize>, Arc<AtomicUsize>) =
                (Arc::clone(&at_work), Arc::clone(&most));
            let workers = workers.clone();
            async move {
                let work = move || {
                    let now = at_work.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    std::thread::yield_now();
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    number
                };
                workers.run(work).await
            }
        };
        runtime().block_on(async {
            let asked: Vec<_> = (0..1_000).map(|number| tokio::spawn(job(number))).collect();
            for (number, asked) in asked.into_iter().enumerate() {
                assert_eq!(asked.await.unwrap(), Ok(number));
            }
        });
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(format!("{workers:?}"), "Workers { waiting: 0, at_work: 0, most: 3 }");
    }

    #[test]
    fn a_job_that_panics_fails_alone() {
        let workers = Workers::new(1);
        runtime().block_on(async {
            let panics = workers.run(|| -> u8 { panic!("as the test wants") });
            assert_eq!(tokio::join!(panics, workers.run(|| 2)), (Err(Error::Aborted), Ok(2)));
            assert_eq!(workers.run(|| 3).await, Ok(3));
        });
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_done() {
        let (workers, gate) = (Workers::new(1), Arc::new(Barrier::new(2)));
        let (done, doings) = mpsc::channel();
        runtime().block_on(async {
            let held = Arc::clone(&gate);
            let mut busy = Box::pin(workers.run(move || held.wait()));
            let mut late = Box::pin(workers.run(move || done.send(())));
            assert!(is_pending(busy.as_mut()).await && is_pending(late.as_mut()).await);
            drop(late);
            gate.wait();
            busy.await.unwrap();
            assert_eq!(workers.run(|| 1).await, Ok(1));
        });
        assert!(doings.recv().is_err(), "the job was dropped, not done");
    }

    #[test]
    fn a_worker_that_is_dropped_before_it_begins_leaves_nobody_waiting() {
        let (workers, runtime) = (Workers::new(1), runtime());
        workers.queue().at_work = 1;
        let dropped = AtWork { workers: workers.clone(), rests: false };
        let asked = workers.clone();
        let waits = runtime.spawn(async move { asked.run(|| 1).await });
        while workers.queue().waiting.is_empty() {
            std::thread::yield_now();
        }
        drop(dropped);
        runtime.block_on(async {
            assert_eq!(waits.await.unwrap(), Err(Error::Aborted));
            assert_eq!(workers.run(|| 2).await, Ok(2));
        });
    }
}
