//! What waits together is written together: while one write is on its way, the changes of other verbs gather for the next.
//!
//! Who is alone and finds nobody writing writes for itself; all others are written by a task of the lane's own, so that no
//! caller who leaves or lingers takes a group along.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Care;
use super::group::{Changes, Group, Outcome, Place, Told, Writer};
use super::prints::Print;
use crate::{Cause, StoreError};

/// Verbs that are written group after group, each as soon as the last one is written.
pub(crate) struct Lane {
    care: Care,
    /// Of the verbs that come before those of this one.
    before: Option<Arc<Self>>,
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
    /// The last group that was written.
    told: Option<Told>,
}

/// Groups that may wait; beyond them the store is unavailable.
const WAITING: usize = 128;
/// How long a group waits for those who are about to come along.
const LINGER: Duration = Duration::from_millis(1);

impl Lane {
    /// A lane for verbs that need this of their writes.
    pub(crate) fn new(care: Care) -> Arc<Self> {
        Arc::new(Self::of(care, None))
    }

    /// A lane for verbs that come after those of another lane: what is on its way there arrives first, and who has just heard of
    /// it may come along here.
    pub(crate) fn after(before: &Arc<Self>, care: Care) -> Arc<Self> {
        Arc::new(Self::of(care, Some(Arc::clone(before))))
    }

    fn of(care: Care, before: Option<Arc<Self>>) -> Self {
        Self { care, before, waiting: Mutex::default(), pen: tokio::sync::Mutex::default() }
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
            return self.write_group(writer.as_ref(), group).await;
        }
        if self.is_unattended() {
            let turn = Turn { lane: Arc::clone(self), is_over: false };
            tokio::spawn(turn.write_all(Arc::clone(writer)));
        }
        place.outcome().await
    }

    /// The pen and the group of these changes if that is all that waits, and then it waits no more; `None` if somebody writes
    /// already, here or in the lane before.
    fn take_if_alone(&self, changes: &Changes) -> Option<(tokio::sync::MutexGuard<'_, ()>, Group)> {
        let mut waiting = self.waiting();
        let is_alone = match waiting.groups.make_contiguous() {
            [group] => group.is_of(changes),
            _ => false,
        };
        let is_first = self.before.as_ref().is_none_or(|before| before.pen.try_lock().is_ok());
        if waiting.is_being_written || !is_alone || !is_first {
            return None;
        }
        let pen = self.pen.try_lock().ok()?;
        Some((pen, waiting.groups.pop_front()?))
    }

    async fn write_group(&self, writer: &impl Writer, group: Group) -> Outcome {
        let (outcome, told) = group.write(writer, self.care).await;
        self.waiting().told = Some(told);
        outcome
    }

    /// Whether somebody waits and no task is there to write; the caller then starts one.
    fn is_unattended(&self) -> bool {
        let mut waiting = self.waiting();
        !waiting.groups.is_empty() && !std::mem::replace(&mut waiting.is_being_written, true)
    }

    /// Lets what is on its way in the lane before arrive, and those whom it is for come along.
    async fn linger(&self) {
        let Some(before) = &self.before else { return };
        let come_along = async {
            drop(before.pen.lock().await);
            let told = before.waiting().told.take();
            if let Some(told) = told {
                told.all().await;
                tokio::task::yield_now().await;
            }
        };
        // Who lingers himself is not waited for.
        let _ = tokio::time::timeout(LINGER, come_along).await;
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
        groups.into_iter().for_each(|group| drop(group.tell(Err(error.clone()))));
    }

    /// Nothing that panicked can have left it half changed.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn join(&mut self, changes: &Changes, prints: &[Print]) -> Result<Place, StoreError> {
        if self.groups.back().is_none_or(Group::is_full) {
            if self.groups.len() >= WAITING {
                return Err(StoreError::Unavailable(Cause::new("too many verbs wait")));
            }
            self.groups.push_back(Group::new());
        }
        let last = self.groups.back_mut().ok_or(StoreError::Poisoned)?;
        Ok(last.join(changes, prints))
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
            lane.linger().await;
            let Some(group) = lane.next() else {
                self.is_over = true;
                return;
            };
            if let Err(error) = lane.write_group(writer.as_ref(), group).await {
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
    use crate::durable::group::MOST;
    use crate::durable::prints::Prints;
    use crate::durable::records::{ChallengeRecord, Holder};
    use crate::durable::working::{Change, Key, Record};
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

        /// The lane after one for reservations, with the same writer, and that one.
        fn of_two() -> [Self; 2] {
            let Self(_, writer) = Self::new();
            let before = Lane::new(Care::Passing);
            let lane = Lane::after(&before, Care::Lasting);
            [Self(lane, Arc::clone(&writer)), Self(before, writer)]
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

    #[tokio::test(start_paused = true)]
    async fn what_is_on_its_way_before_goes_first_and_who_hears_of_it_comes_along() {
        let [world, before] = World::of_two();
        let (this, World(reserving, writer)) = (world.clone(), before);
        let settles = tokio::spawn(async move {
            write(&reserving, &writer, 1).await?;
            write(&this.0, &writer, 1).await
        });
        tokio::task::yield_now().await;
        let other = world.ask(2).await;
        world.let_write(2);
        all_stand([settles, other]).await;
        assert_eq!(world.written(), [(1, Care::Passing), (2, Care::Lasting)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_listen_is_not_waited_for() {
        let [world, World(reserving, writer)] = World::of_two();
        let mut asked = std::pin::pin!(write(&reserving, &writer, 1));
        assert!(tokio::time::timeout(LINGER, asked.as_mut()).await.is_err());
        let others = [world.ask(2).await, world.ask(3).await];
        world.let_write(2); // one for each of the lanes
        all_stand(others).await;
        assert_eq!(world.written(), [(2, Care::Lasting)]);
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
