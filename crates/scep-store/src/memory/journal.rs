//! The newest events of each kind.

use std::collections::VecDeque;

use scep_types::UnixTime;

use crate::journal::{Event, EventKind, EventPage, NewEvent};

#[derive(Default)]
pub(super) struct Journal {
    decisions: Events,
    actions: Events,
}

#[derive(Default)]
struct Events {
    last: u64,
    kept: VecDeque<Event>,
}

impl Journal {
    /// Records events, and forgets the oldest ones above `most` of a kind, and those from before `oldest`.
    pub(super) fn record(&mut self, events: &[NewEvent], most: usize, oldest: UnixTime) {
        for event in events {
            self.of(event.kind).push(event, most);
        }
        for kind in EventKind::ALL {
            let kept = &mut self.of(kind).kept;
            while kept.front().is_some_and(|event| event.at < oldest) {
                kept.pop_front();
            }
        }
    }

    pub(super) fn page(&self, kind: EventKind, page: &EventPage, oldest: UnixTime) -> Vec<Event> {
        let events = match kind {
            EventKind::Decision => &self.decisions,
            EventKind::Action => &self.actions,
        };
        let before = page.number().unwrap_or(u64::MAX);
        let shown = |event: &&Event| event.number < before && event.at >= oldest;
        events.kept.iter().rev().filter(shown).take(page.most()).cloned().collect()
    }

    fn of(&mut self, kind: EventKind) -> &mut Events {
        match kind {
            EventKind::Decision => &mut self.decisions,
            EventKind::Action => &mut self.actions,
        }
    }
}

impl Events {
    fn push(&mut self, event: &NewEvent, most: usize) {
        if most == 0 {
            return;
        }
        while self.kept.len() >= most {
            self.kept.pop_front();
        }
        self.last = self.last.saturating_add(1);
        self.kept.push_back(Event::new(self.last, event.at, event.line.clone()));
    }
}
