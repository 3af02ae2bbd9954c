//! Verbs that wait together, and nodes that believe what is not so any more: each verb stands or falls by itself.

use std::time::Duration;

use futures_util::future::join_all;
use scep_store::{Begin, Begun, Outcome, StoreError};

use super::fixtures::*;

const MANY: u32 = 48;

/// The request of this number, with a challenge and a device of its own.
fn own(number: u32) -> Begin {
    let begin = request(&format!("{number}"), number, number).with_challenge(challenge(number));
    begin.with_device_limit(device(number, 1, 1_000))
}

pub async fn what_waits_together_is_all_done(store: Store) {
    let enrolments = join_all((0..MANY).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { issue(&store, &own(number), number, at(0)).await })
    }));
    enrolments.await.into_iter().for_each(Result::unwrap);
    for number in 0..MANY {
        assert!(is_same_certificate(&store.begin(&own(number), at(1)).await.unwrap(), number));
    }
}

pub async fn who_is_refused_spoils_nothing_for_those_beside(store: Store) {
    issue(&store, &own(1_000), 1_000, at(0)).await;
    let replayed = request("replayed", 7, 7_000).with_challenge(challenge(1_000));
    let begins = (0..MANY).map(own).chain([replayed.clone(), own(1_000)]);
    let begins: Vec<Begin> = begins.collect();
    let mut begun = join_all(begins.iter().map(|begin| store.begin(begin, at(1)))).await;
    assert!(is_same_certificate(&begun.pop().unwrap().unwrap(), 1_000));
    assert_eq!(begun.pop(), Some(Ok(Begun::Replayed)));
    let commits = begun.into_iter().zip(0..).map(|(begun, number)| {
        let Ok(Begun::Fresh(reservation)) = begun else { panic!("{number}: {begun:?}") };
        // One has a serial number that is given.
        let serial = if number == 5 { 1_000 } else { number };
        store.commit(reservation, certificate(serial), None, at(2))
    });
    for (number, committed) in (0..).zip(join_all(commits).await) {
        match number {
            5 => assert_eq!(committed, Err(StoreError::DuplicateSerial(certificate_id(1_000)))),
            _ => assert_eq!(committed, Ok(()), "{number}"),
        }
    }
    assert!(is_fresh(&store, &own(5), at(3)).await);
}

pub async fn requests_for_the_same_that_wait_together_are_one(store: Store) {
    let begins: Vec<Begin> = (0..MANY).map(|number| own(number % 4)).collect();
    let begun = join_all(begins.iter().map(|begin| store.begin(begin, at(0)))).await;
    let fresh = begun.iter().filter(|begun| matches!(begun, Ok(Begun::Fresh(_)))).count();
    let busy = begun.iter().filter(|begun| matches!(begun, Ok(Begun::Busy { .. }))).count();
    assert_eq!((fresh, busy), (4, MANY as usize - 4), "{begun:?}");
}

pub async fn who_leaves_takes_nobody_along(store: Store) {
    let tasks: Vec<_> = (0..MANY)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { issue(&store, &own(number), number, at(0)).await })
        })
        .collect();
    for (number, task) in tasks.iter().enumerate().filter(|(number, _)| number % 2 == 1) {
        tokio::time::sleep(Duration::from_micros(20 * number as u64)).await;
        task.abort();
    }
    for (number, task) in tasks.into_iter().enumerate() {
        let ended = task.await;
        assert!(ended.is_ok() || number % 2 == 1, "{number}: {ended:?}");
    }
    // Each one has its certificate, or may begin again when the lease of whoever left is over.
    for number in 0..MANY {
        match store.begin(&own(number), at(100)).await.unwrap() {
            Begun::Fresh(held) if number % 2 == 1 => {
                store.commit(held, certificate(number), None, at(100)).await.unwrap();
            }
            begun => assert!(is_same_certificate(&begun, number), "{number}: {begun:?}"),
        }
    }
}

pub async fn a_device_that_another_request_counted_meanwhile_counts_both(store: Store) {
    let begin = |number: u32| {
        request(&format!("{number}"), number, number).with_device_limit(device(1, 2, 1_000))
    };
    let first = fresh(&store, &begin(1), at(0)).await;
    let second = fresh(&store, &begin(2), at(0)).await;
    store.commit(first, certificate(1), None, at(1)).await.unwrap();
    store.commit(second, certificate(2), None, at(1)).await.unwrap();
    // Both leases are over, both windows are not.
    let third = store.begin(&begin(3), at(500)).await.unwrap();
    assert!(matches!(third, Begun::RateLimited { .. }), "{third:?}");
}

pub async fn a_denial_meanwhile_outlives_the_release_of_what_superseded_it(store: Store) {
    let waiting = request("t", 1, 1).with_challenge(challenge(1));
    queue(&store, &waiting, at(0)).await;
    let superseding = fresh(&store, &request("t", 1, 2), at(1)).await;
    store.deny(&waiting.request, BAD_REQUEST, terms(), at(2)).await.unwrap();
    store.release(superseding, at(3)).await.unwrap();
    let again = store.begin(&waiting, at(4)).await.unwrap();
    assert_eq!(again, Begun::Same(Outcome::Rejected(BAD_REQUEST)));
}

pub async fn a_reservation_that_was_taken_over_is_believed_by_nobody(store: Store) {
    let begin = own(1);
    let lapsed = fresh(&store, &begin, at(0)).await;
    let held = fresh(&store, &begin, at(LEASE as i64)).await;
    // Its clock stands still.
    let late = store.commit(lapsed, certificate(1), None, at(1)).await;
    assert_eq!(late, Err(StoreError::LeaseLost));
    store.commit(held, certificate(2), None, at(LEASE as i64)).await.unwrap();
    assert!(is_same_certificate(&store.begin(&begin, at(40)).await.unwrap(), 2));
}
