//! The events that children recorded, and whether the journal of the database has them.

use std::collections::BTreeSet;

use scep_store::{EnrolmentStore, Event, EventKind, EventPage, NewEvent};

use super::{Victim, looks_at_all, world};

/// An event: the how-manieth of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) round: u64,
    pub(crate) task: u64,
    pub(crate) number: u64,
}

impl Name {
    pub(crate) fn event(self) -> NewEvent {
        let Self { round, task, number } = self;
        let line = format!("{round} {task} {number}");
        NewEvent::new(self.kind(), world::time_of(round), &line).unwrap()
    }

    /// A batch has both kinds.
    fn kind(self) -> EventKind {
        if self.number.is_multiple_of(2) { EventKind::Decision } else { EventKind::Action }
    }

    fn of(event: &Event) -> Self {
        let fields: Vec<u64> = event.line.split(' ').map(|field| field.parse().unwrap()).collect();
        let [round, task, number] = fields.try_into().unwrap();
        Self { round, task, number }
    }
}

/// Rounds that are looked back: what is older a journal may have forgotten.
const KEPT: u64 = 500;

#[derive(Default)]
pub(crate) struct Events {
    tried: BTreeSet<Name>,
    answered: BTreeSet<Name>,
}

impl Events {
    pub(crate) fn note(&mut self, round: u64, word: &str, [task, first, count]: [u64; 3]) {
        let names = (first..first + count).map(|number| Name { round, task, number });
        match word {
            "record" => self.tried.extend(names),
            "recorded" => self.answered.extend(names),
            other => panic!("{other}"),
        }
    }

    /// What was recorded and answered is there once, and nothing else. Only a crash of the server may take back what was
    /// recorded last.
    pub(crate) async fn check(&mut self, store: &dyn EnrolmentStore, round: u64, victim: Victim) {
        let first = if looks_at_all(round) { round.saturating_sub(KEPT) } else { round };
        let mut found = BTreeSet::new();
        for kind in [EventKind::Decision, EventKind::Action] {
            for name in since(store, kind, round, first).await {
                assert!(self.tried.contains(&name), "{name:?} was never recorded");
                assert!(found.insert(name), "{name:?} is there twice");
            }
        }
        let expected = self.answered.range(Name { round: first, task: 0, number: 0 }..);
        let lost: Vec<Name> = expected.filter(|name| !found.contains(name)).copied().collect();
        match victim {
            Victim::Node => assert!(lost.is_empty(), "events {lost:?} were lost"),
            Victim::Server => self.check_lost_last(&lost, round),
        }
        self.answered.retain(|name| !lost.contains(name));
    }

    /// There was one crash in the round, so what is lost of a task's events of one kind was recorded without a gap.
    fn check_lost_last(&self, lost: &[Name], round: u64) {
        for name in lost {
            assert_eq!(name.round, round, "it survived a crash, and was lost later: {name:?}");
            let others = |other: &&Name| (other.round, other.task) == (name.round, name.task);
            let others = |other: &&Name| others(other) && other.kind() == name.kind();
            let answered = self.answered.iter().filter(others);
            let gone: Vec<bool> = answered.map(|other| lost.contains(other)).collect();
            let runs = gone.chunk_by(|one, next| one == next).filter(|run| run[0]).count();
            assert_eq!(runs, 1, "of the events of a crash not the last ones were lost: {lost:?}");
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.answered.len()
    }
}

/// All events since a round, newest first.
async fn since(store: &dyn EnrolmentStore, kind: EventKind, round: u64, first: u64) -> Vec<Name> {
    let now = world::check_time_of(round);
    let mut page = EventPage::newest(EventPage::MAX).unwrap();
    let mut names = Vec::new();
    let mut last = u64::MAX;
    loop {
        let events = store.events(kind, &page, now).await.unwrap();
        for event in &events {
            assert!(event.number < last, "event {} comes after {last}", event.number);
            last = event.number;
            let name = Name::of(event);
            if name.round < first {
                return names;
            }
            names.push(name);
        }
        if events.len() < EventPage::MAX {
            return names;
        }
        page = page.before(last);
    }
}
