//! Verbs that are written together, and how each of them hears what became of it.
//!
//! A group stands or falls as one: if one of its verbs was overtaken, all are told so, and each runs alone. All are told at
//! once, before any of them wakes: else the first one would go on alone, and the others would come after it in a group of
//! their own.

use std::sync::{Arc, Weak};

use tokio::sync::broadcast;

use super::Care;
use super::prints::{Print, PrintSet};
use super::working::Change;
use crate::{Cause, StoreError};

/// Verbs that have no record in common, and what becomes of them, once it is known.
pub(super) struct Group {
    /// Who has left wants nothing any more.
    verbs: Vec<Weak<Vec<Change>>>,
    keys: PrintSet,
    outcome: broadcast::Sender<Outcome>,
}

/// The changes of one verb.
pub(crate) type Changes = Arc<Vec<Change>>;

/// Whether a group stands.
pub(super) type Outcome = Result<bool, StoreError>;

/// A verb that waits for a group.
pub(super) struct Place {
    outcome: broadcast::Receiver<Outcome>,
    /// It has a record in common with one of the group, so it is not written with it.
    meets: bool,
}

/// Those who are told what became of a group, until each has heard it.
pub(super) struct Told(broadcast::Sender<Outcome>);

/// What writes a group.
pub(crate) trait Writer: Send + Sync + 'static {
    /// Writes the changes of all verbs if each record is as it was before them, and says whether they stand.
    ///
    /// The verbs of a group have no record in common. An error leaves it unknown.
    fn write(
        &self,
        group: &[Changes],
        care: Care,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// Verbs of one group: enough to make a flush cheap, few enough to keep the first one from waiting long.
pub(crate) const MOST: usize = 32;

impl Group {
    pub(super) fn new() -> Self {
        Self { verbs: Vec::new(), keys: PrintSet::default(), outcome: broadcast::Sender::new(1) }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.verbs.len() >= MOST
    }

    /// Whether it is of these changes alone.
    pub(super) fn is_of(&self, changes: &Changes) -> bool {
        match self.verbs.as_slice() {
            [verb] => std::ptr::eq(verb.as_ptr(), Arc::as_ptr(changes)),
            _ => false,
        }
    }

    /// Takes changes of records with these prints along, if it has none of these records yet.
    pub(super) fn join(&mut self, changes: &Changes, prints: &[Print]) -> Place {
        let meets = prints.iter().any(|print| self.keys.contains(&print.key));
        if !meets {
            self.keys.extend(prints.iter().map(|print| print.key));
            self.verbs.push(Arc::downgrade(changes));
        }
        Place { outcome: self.outcome.subscribe(), meets }
    }

    /// Writes what is still wanted, and tells.
    pub(super) async fn write(self, writer: &impl Writer, care: Care) -> (Outcome, Told) {
        let mut verbs: Vec<Changes> = self.verbs.iter().filter_map(Weak::upgrade).collect();
        // Always in the same order, so that groups of two nodes do not wait for each other.
        verbs.sort_by_cached_key(|changes| changes.first().and_then(|change| change.keys().next()));
        let outcome = if verbs.is_empty() { Ok(true) } else { writer.write(&verbs, care).await };
        drop(verbs); // each verb has its changes for itself again
        (outcome.clone(), self.tell(outcome))
    }

    pub(super) fn tell(self, outcome: Outcome) -> Told {
        // If nobody waits any more, it stands all the same; the client's retry finds it.
        let _ = self.outcome.send(outcome);
        Told(self.outcome)
    }
}

impl Place {
    /// Whether the verb stands.
    pub(super) async fn outcome(mut self) -> Outcome {
        let outcome = self.outcome.recv().await;
        let gone = |_| StoreError::Unavailable(Cause::new("whoever writes is gone"));
        if self.meets { Ok(false) } else { outcome.map_err(gone)? }
    }
}

impl Told {
    /// Waits until all have heard it, or have left.
    pub(super) async fn all(self) {
        self.0.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::task::{Context, Wake, Waker};

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    /// Verbs of a group, and how many have heard of it when the first of them wakes.
    struct World {
        waiting: Mutex<Vec<Waiting>>,
        heard: Mutex<Option<usize>>,
    }

    impl World {
        fn poll(&self, waker: &Waker) -> usize {
            let mut context = Context::from_waker(waker);
            let mut waiting = self.waiting.lock().unwrap();
            waiting
                .iter_mut()
                .filter_map(|one| one.as_mut().poll(&mut context).is_ready().then_some(()))
                .count()
        }
    }

    impl Wake for World {
        fn wake(self: Arc<Self>) {
            let mut heard = self.heard.lock().unwrap();
            if heard.is_none() {
                *heard = Some(self.poll(Waker::noop()));
            }
        }
    }

    #[test]
    fn when_one_of_a_group_wakes_all_have_heard_of_it() {
        let mut group = Group::new();
        let join = |_| -> Waiting { Box::pin(group.join(&Changes::default(), &[]).outcome()) };
        let waiting = Mutex::new((0..MOST).map(join).collect());
        let world = Arc::new(World { waiting, heard: Mutex::default() });
        assert_eq!(world.poll(&Waker::from(Arc::clone(&world))), 0);
        drop(group.tell(Ok(true)));
        assert_eq!(*world.heard.lock().unwrap(), Some(MOST));
    }
}
