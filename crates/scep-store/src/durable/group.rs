//! What waits together is written together: while one write is on its way, the changes of other verbs gather for the next.
//!
//! A group stands or falls as one: if one of its verbs was overtaken, all are told so, and each runs alone. Who is alone
//! and finds nobody writing writes for itself; all others are written by a task of the lane's own, so that no caller who
//! leaves or lingers takes a group along. All of a group are told at once, before any of them wakes: else the first one of
//! them would go on alone, and the others would come after it in a group of their own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use super::Care;
use super::prints::{Print, PrintSet};
use super::working::Change;
use crate::{Cause, StoreError};

/// Verbs that are written group after group, each as soon as the last one is written.
pub(crate) struct Lane {
    care: Care,
    waiting: Mutex<Waiting>,
    /// Whoever writes has it.
    pen: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    /// All but the last one are full.
    groups: VecDeque<Group>,
    /// A task takes them.
    is_being_written: bool,
}

/// Verbs that have no record in common, and what becomes of them, once it is known.
struct Group {
    /// Who has left wants nothing any more.
    verbs: Vec<Weak<Vec<Change>>>,
    keys: PrintSet,
    outcome: watch::Sender<Option<Outcome>>,
}

/// Whether a group stands.
type Outcome = Result<bool, StoreError>;

/// The changes of one verb.
pub(crate) type Changes = Arc<Vec<Change>>;

/// A verb that waits for a group.
struct Place {
    outcome: watch::Receiver<Option<Outcome>>,
    /// It has a record in common with one of the group, so it is not written with it.
    meets: bool,
}

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
/// Groups that may wait; beyond them the store is unavailable.
const WAITING: usize = 128;

impl Lane {
    /// A lane for verbs that need this of their writes.
    pub(crate) fn new(care: Care) -> Arc<Self> {
        Arc::new(Self { care, waiting: Mutex::default(), pen: tokio::sync::Mutex::default() })
    }

    /// Has changes, of records with these prints, written if each record is as it was before them, and says whether they stand.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it is unknown, or too many wait.
    pub(crate) async fn write(
        self: &Arc<Self>,
        writer: &Arc<impl Writer>,
        changes: &Changes,
        prints: &[Print],
    ) -> Outcome {
        let place = self.waiting().join(changes, prints)?;
        // Who is ready at the same moment comes along.
        tokio::task::yield_now().await;
        if let Some((_pen, group)) = self.take_if_alone(changes) {
            return group.write(writer.as_ref(), self.care).await;
        }
        if self.is_unattended() {
            let turn = Turn { lane: Arc::clone(self), is_over: false };
            tokio::spawn(turn.write_all(Arc::clone(writer)));
        }
        place.outcome().await
    }

    /// The pen and the group of these changes if that is all that waits, and then it waits no more; `None` if somebody writes
    /// already.
    fn take_if_alone(&self, changes: &Changes) -> Option<(tokio::sync::MutexGuard<'_, ()>, Group)> {
        let mut waiting = self.waiting();
        let is_alone = match waiting.groups.make_contiguous() {
            [group] => group.is_of(changes),
            _ => false,
        };
        if waiting.is_being_written || !is_alone {
            return None;
        }
        let pen = self.pen.try_lock().ok()?;
        Some((pen, waiting.groups.pop_front()?))
    }

    /// Whether somebody waits and no task is there to write; the caller then starts one.
    fn is_unattended(&self) -> bool {
        let mut waiting = self.waiting();
        !waiting.groups.is_empty() && !std::mem::replace(&mut waiting.is_being_written, true)
    }

    /// Who waits longest; if nobody does, the next one who comes has to see to it.
    fn next(&self) -> Option<Group> {
        let mut waiting = self.waiting();
        let next = waiting.groups.pop_front();
        waiting.is_being_written = next.is_some();
        next
    }

    /// Tells all who wait that what they want was not even tried.
    fn fail(&self, error: &StoreError) {
        let groups = std::mem::take(&mut self.waiting().groups);
        groups.into_iter().for_each(|group| group.tell(Err(error.clone())));
    }

    /// Nothing that panicked can have left it half changed.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn join(&mut self, changes: &Changes, prints: &[Print]) -> Result<Place, StoreError> {
        if self.groups.back().is_none_or(|last| last.verbs.len() >= MOST) {
            if self.groups.len() >= WAITING {
                return Err(StoreError::Unavailable(Cause::new("too many verbs wait")));
            }
            self.groups.push_back(Group::new());
        }
        let last = self.groups.back_mut().ok_or(StoreError::Poisoned)?;
        Ok(last.join(changes, prints))
    }
}

impl Group {
    fn new() -> Self {
        let (outcome, _) = watch::channel(None);
        Self { verbs: Vec::new(), keys: PrintSet::default(), outcome }
    }

    fn join(&mut self, changes: &Changes, prints: &[Print]) -> Place {
        let meets = prints.iter().any(|print| self.keys.contains(&print.key));
        if !meets {
            self.keys.extend(prints.iter().map(|print| print.key));
            self.verbs.push(Arc::downgrade(changes));
        }
        Place { outcome: self.outcome.subscribe(), meets }
    }

    /// Whether it is of these changes alone.
    fn is_of(&self, changes: &Changes) -> bool {
        match self.verbs.as_slice() {
            [verb] => std::ptr::eq(verb.as_ptr(), Arc::as_ptr(changes)),
            _ => false,
        }
    }

    /// Writes what is still wanted.
    async fn write(self, writer: &impl Writer, care: Care) -> Outcome {
        let mut verbs: Vec<Changes> = self.verbs.iter().filter_map(Weak::upgrade).collect();
        // Always in the same order, so that groups of two nodes do not wait for each other.
        verbs.sort_by_cached_key(|changes| changes.first().and_then(|change| change.keys().next()));
        let outcome = if verbs.is_empty() { Ok(true) } else { writer.write(&verbs, care).await };
        drop(verbs); // they are their verbs' own again
        // If nobody waits any more, it stands all the same; the client's retry finds it.
        self.tell(outcome.clone());
        outcome
    }

    fn tell(self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Place {
    async fn outcome(mut self) -> Outcome {
        let outcome = self.outcome.wait_for(Option::is_some).await.ok();
        let outcome = outcome.and_then(|outcome| outcome.clone());
        let gone = || StoreError::Unavailable(Cause::new("whoever writes is gone"));
        if self.meets { Ok(false) } else { outcome.ok_or_else(gone)? }
    }
}

/// The task that writes for a lane. If it is lost, all who wait are told, and the next one who comes starts another.
struct Turn {
    lane: Arc<Lane>,
    is_over: bool,
}

impl Turn {
    async fn write_all(mut self, writer: Arc<impl Writer>) {
        let lane = Arc::clone(&self.lane);
        loop {
            let _pen = lane.pen.lock().await;
            let Some(group) = lane.next() else {
                self.is_over = true;
                return;
            };
            if let Err(error) = group.write(writer.as_ref(), lane.care).await {
                // Else a store that does not answer would keep each group after the other for as long.
                lane.fail(&error);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over {
            let mut waiting = self.lane.waiting();
            waiting.is_being_written = false;
            waiting.groups.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    use scep_types::UnixTime;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::durable::prints::Prints;
    use crate::durable::records::{ChallengeRecord, Holder};
    use crate::durable::working::{Key, Record};
    use crate::ids::Sha256;

    /// Writes a group whenever it may.
    struct Slow {
        may_write: Semaphore,
        fails: AtomicBool,
        written: Mutex<Vec<(usize, Care)>>,
    }

    impl Writer for Slow {
        async fn write(&self, group: &[Changes], care: Care) -> Result<bool, StoreError> {
            self.may_write.acquire().await.unwrap().forget();
            self.written.lock().unwrap().push((group.len(), care));
            if self.fails.load(Ordering::Relaxed) {
                return Err(StoreError::Unavailable(Cause::new("it fails")));
            }
            Ok(true)
        }
    }

    static PRINTS: LazyLock<Prints> = LazyLock::new(Prints::default);

    /// Asks for a change of this challenge.
    async fn write(lane: &Arc<Lane>, writer: &Arc<impl Writer>, challenge: u8) -> Outcome {
        let changes = Arc::new(vec![change(challenge)]);
        let prints = PRINTS.of_all(&changes);
        lane.write(writer, &changes, &prints).await
    }

    /// A lane, and those who asked it, one after the other.
    #[derive(Clone)]
    struct World(Arc<Lane>, Arc<Slow>);

    type Asked = tokio::task::JoinHandle<Result<bool, StoreError>>;

    impl World {
        fn new() -> Self {
            let (may_write, fails, written) =
                (Semaphore::new(0), Default::default(), Default::default());
            Self(Lane::new(Care::Lasting), Arc::new(Slow { may_write, fails, written }))
        }

        /// Asks for a change of this challenge, and returns when that waits.
        async fn ask(&self, challenge: u8) -> Asked {
            let Self(lane, writer) = self.clone();
            let asked = tokio::spawn(async move { write(&lane, &writer, challenge).await });
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            asked
        }

        /// Asks for a change that is written alone.
        async fn be_busy(&self) -> Asked {
            self.ask(255).await
        }

        fn let_write(&self, groups: usize) {
            self.1.may_write.add_permits(groups);
        }

        fn written(&self) -> Vec<(usize, Care)> {
            self.1.written.lock().unwrap().clone()
        }
    }

    fn change(challenge: u8) -> Change {
        let holder = Holder::Transaction(1);
        let (key, ends) = (Sha256::new([challenge; 32]), UnixTime::from_secs(1));
        Change {
            before: None,
            after: Some(Record::Challenge(ChallengeRecord { key, ends, holder })),
        }
    }

    async fn all_stand(asked: impl IntoIterator<Item = Asked>) {
        for asked in asked {
            assert_eq!(asked.await.unwrap(), Ok(true));
        }
    }

    #[tokio::test]
    async fn a_lone_verb_goes_at_once_and_what_comes_meanwhile_goes_together() {
        let world = World::new();
        let mut asked = vec![world.be_busy().await];
        for challenge in 1..=10 {
            asked.push(world.ask(challenge).await);
        }
        world.let_write(2);
        all_stand(asked).await;
        world.let_write(1);
        all_stand([world.ask(1).await]).await;
        assert_eq!(world.written(), [1, 10, 1].map(|verbs| (verbs, Care::Lasting)));
    }

    #[tokio::test]
    async fn who_is_ready_at_the_same_moment_goes_together() {
        let World(lane, writer) = World::new();
        writer.may_write.add_permits(1);
        let asked = (0..10).map(|challenge| write(&lane, &writer, challenge));
        let answers = futures_util::future::join_all(asked).await;
        assert_eq!(answers, vec![Ok(true); 10]);
        assert_eq!(writer.written.lock().unwrap()[..], [(10, Care::Lasting)]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn each_change_is_written_once_however_they_meet() {
        /// Takes a moment for each group, and keeps what it wrote.
        struct Keeping(Mutex<Vec<Key>>);
        impl Writer for Keeping {
            async fn write(&self, group: &[Changes], _: Care) -> Result<bool, StoreError> {
                let keys = group.iter().flat_map(|changes| changes.iter()).flat_map(Change::keys);
                self.0.lock().unwrap().extend(keys);
                tokio::task::yield_now().await;
                Ok(true)
            }
        }
        let (lane, writer) = (Lane::new(Care::Lasting), Arc::new(Keeping(Mutex::default())));
        let ask = |challenge: u8| {
            let (lane, writer) = (Arc::clone(&lane), Arc::clone(&writer));
            async move { write(&lane, &writer, challenge).await }
        };
        for _ in 0..200 {
            let asked: Vec<_> = (0..16).map(|challenge| tokio::spawn(ask(challenge))).collect();
            all_stand(asked).await;
            let mut written = std::mem::take(&mut *writer.0.lock().unwrap());
            written.sort();
            let all: Vec<_> = (0..16).map(|of| Key::Challenge(Sha256::new([of; 32]))).collect();
            assert_eq!(written, all);
        }
    }

    #[tokio::test]
    async fn of_two_that_meet_in_a_group_the_second_is_told_to_run_alone() {
        let world = World::new();
        let busy = world.be_busy().await;
        let (one, two) = (world.ask(1).await, world.ask(1).await);
        world.let_write(2);
        all_stand([busy]).await;
        assert_eq!((one.await.unwrap(), two.await.unwrap()), (Ok(true), Ok(false)));
        assert_eq!(world.written().pop(), Some((1, Care::Lasting)));
    }

    #[tokio::test]
    async fn a_group_is_bounded() {
        let world = World::new();
        let mut asked = vec![world.be_busy().await];
        for challenge in 0..MOST as u8 + 3 {
            asked.push(world.ask(challenge).await);
        }
        world.let_write(3);
        all_stand(asked).await;
        let sizes: Vec<usize> = world.written().into_iter().map(|(size, _)| size).collect();
        assert_eq!(sizes, [1, MOST, 3]);
    }

    #[tokio::test]
    async fn who_leaves_before_it_is_written_wants_nothing_and_the_others_are_written() {
        let world = World::new();
        let busy = world.be_busy().await;
        let (left, stays) = (world.ask(1).await, world.ask(2).await);
        // Also who writes alone.
        for leaving in [left, busy] {
            leaving.abort();
            assert!(leaving.await.unwrap_err().is_cancelled());
        }
        world.let_write(1);
        all_stand([stays]).await;
        assert_eq!(world.written(), [(1, Care::Lasting)]);
        world.let_write(1);
        all_stand([world.ask(3).await]).await;
    }

    #[tokio::test]
    async fn a_group_that_fails_is_unknown_to_all_of_it_and_the_next_one_is_written() {
        let world = World::new();
        world.1.fails.store(true, Ordering::Relaxed);
        let asked = [world.be_busy().await, world.ask(1).await, world.ask(2).await];
        world.let_write(2);
        for asked in asked {
            assert!(matches!(asked.await.unwrap(), Err(StoreError::Unavailable(_))));
        }
        world.1.fails.store(false, Ordering::Relaxed);
        world.let_write(2);
        all_stand([world.be_busy().await, world.ask(1).await]).await;
    }

    #[tokio::test]
    async fn who_waits_behind_a_group_that_fails_does_not_wait_to_fail_as_well() {
        let world = World::new();
        world.1.fails.store(true, Ordering::Relaxed);
        let mut asked = vec![world.be_busy().await];
        for challenge in 0..=MOST as u8 {
            asked.push(world.ask(challenge).await);
        }
        world.let_write(2);
        for asked in asked {
            assert!(matches!(asked.await.unwrap(), Err(StoreError::Unavailable(_))));
        }
        assert_eq!(world.written().len(), 2);
    }

    #[test]
    fn a_runtime_that_ends_takes_only_its_own_verbs_along() {
        let world = World::new();
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let first = runtime();
        let asked = first.block_on(async { [world.be_busy().await, world.ask(1).await] });
        drop((first, asked));
        world.let_write(2);
        let again = async { all_stand([world.be_busy().await, world.ask(1).await]).await };
        runtime().block_on(again);
    }
}
