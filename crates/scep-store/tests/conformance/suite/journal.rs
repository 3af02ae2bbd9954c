//! What happened is found newest first, a page at a time; the oldest events go.

use scep_store::{Event, EventKind, EventPage, NewEvent, StoreError};

use super::fixtures::*;
use super::races::together;

const DAY: i64 = 86_400;

fn event(kind: EventKind, second: i64, line: &str) -> NewEvent {
    NewEvent::new(kind, at(second), line).unwrap()
}

fn decision(number: i64) -> NewEvent {
    event(EventKind::Decision, number, &format!("{{\"decision\":{number}}}"))
}

async fn page(store: &Store, kind: EventKind, page: &EventPage, second: i64) -> Vec<Event> {
    store.events(kind, page, at(second)).await.unwrap()
}

/// The lines of the newest events.
async fn newest(store: &Store, kind: EventKind, second: i64) -> Vec<String> {
    let page = page(store, kind, &EventPage::newest(EventPage::MAX).unwrap(), second).await;
    page.into_iter().map(|event| event.line).collect()
}

pub async fn events_of_a_kind_come_newest_first(store: Store) {
    assert_eq!(newest(&store, EventKind::Decision, 0).await, [""; 0]);
    let action = event(EventKind::Action, 4, "ann revoked");
    store.record_events(&[decision(3), action, decision(5)], at(6)).await.unwrap();
    store.record_events(&[], at(6)).await.unwrap();
    // What another node's clock says does not matter: it was recorded later.
    store.record_events(&[event(EventKind::Decision, 1, "a\0b 'c' \"d\" é")], at(6)).await.unwrap();
    let decisions = newest(&store, EventKind::Decision, 7).await;
    assert_eq!(decisions, ["a\u{fffd}b 'c' \"d\" é", "{\"decision\":5}", "{\"decision\":3}"]);
    let actions = page(&store, EventKind::Action, &EventPage::newest(9).unwrap(), 7).await;
    assert_eq!(actions.len(), 1);
    assert_eq!((actions[0].at, actions[0].line.as_str()), (at(4), "ann revoked"));
}

pub async fn pages_of_events_show_each_of_many_once(store: Store) {
    let all: Vec<NewEvent> = (0..300).map(decision).collect();
    for batch in all.chunks(77) {
        store.record_events(batch, at(400)).await.unwrap();
    }
    let mut wanted = EventPage::newest(100).unwrap();
    let mut shown = Vec::new();
    while let Some(last) = {
        let found = page(&store, EventKind::Decision, &wanted, 400).await;
        let last = found.last().map(|event| event.number);
        shown.extend(found.into_iter().map(|event| event.line));
        last
    } {
        wanted = wanted.before(last);
    }
    let expected: Vec<String> = all.into_iter().rev().map(|event| event.line).collect();
    assert_eq!(shown, expected);
}

pub async fn an_event_is_forgotten_when_its_time_is_over(store: Store) {
    let old = event(EventKind::Decision, 0, "old");
    store.record_events(&[old, decision(DAY)], at(DAY)).await.unwrap();
    assert_eq!(newest(&store, EventKind::Decision, 30 * DAY).await.len(), 2);
    assert_eq!(newest(&store, EventKind::Decision, 30 * DAY + 1).await, ["{\"decision\":86400}"]);
    store.record_events(&[decision(40 * DAY)], at(40 * DAY)).await.unwrap();
    // They are gone, even for a clock that is behind.
    assert_eq!(newest(&store, EventKind::Decision, DAY).await, ["{\"decision\":3456000}"]);
}

pub async fn what_is_out_of_bounds_is_not_recorded(store: Store) {
    let long = "x".repeat(NewEvent::MAX_LINE + 1);
    for line in ["", &long] {
        let refused = NewEvent::new(EventKind::Decision, at(0), line);
        assert!(matches!(refused, Err(StoreError::OutOfRange { .. })));
    }
    let longest = event(EventKind::Decision, 0, &long[1..]);
    store.record_events(std::slice::from_ref(&longest), at(0)).await.unwrap();
    assert_eq!(newest(&store, EventKind::Decision, 0).await, [longest.line]);
    let many: Vec<NewEvent> = (0..=NewEvent::MAX_BATCH as i64).map(decision).collect();
    let refused = store.record_events(&many, at(0)).await;
    assert!(matches!(refused, Err(StoreError::OutOfRange { .. })));
    assert!(matches!(EventPage::newest(0), Err(StoreError::OutOfRange { .. })));
    assert!(matches!(EventPage::newest(501), Err(StoreError::OutOfRange { .. })));
}

pub async fn racing_nodes_lose_no_event_and_number_each_once(store: Store) {
    together(16, |task| {
        let store = store.clone();
        async move {
            for number in 0..10 {
                let number = i64::from(task * 10 + number);
                store
                    .record_events(&[decision(number), decision(1_000 + number)], at(0))
                    .await
                    .unwrap();
            }
        }
    })
    .await;
    let found = page(&store, EventKind::Decision, &EventPage::newest(500).unwrap(), 0).await;
    assert!(found.is_sorted_by(|newer, older| newer.number > older.number));
    let mut lines: Vec<String> = found.into_iter().map(|event| event.line).collect();
    lines.sort();
    let mut expected: Vec<String> =
        (0..160).chain(1_000..1_160).map(|number| decision(number).line).collect();
    expected.sort();
    assert_eq!(lines, expected);
}

/// Of a store with room for [`EVENTS`](super::room::EVENTS) of each kind.
pub async fn the_oldest_events_of_a_kind_give_way(store: Store) {
    let most = super::room::EVENTS as i64;
    store.record_events(&[event(EventKind::Action, 0, "ann revoked")], at(0)).await.unwrap();
    let all: Vec<NewEvent> = (0..20 * most).map(decision).collect();
    for batch in all.chunks(7) {
        store.record_events(batch, at(0)).await.unwrap();
        assert!(newest(&store, EventKind::Decision, 0).await.len() <= most as usize);
    }
    let expected: Vec<String> =
        (19 * most..20 * most).rev().map(|number| decision(number).line).collect();
    assert_eq!(newest(&store, EventKind::Decision, 0).await, expected);
    assert_eq!(newest(&store, EventKind::Action, 0).await, ["ann revoked"]);
}
