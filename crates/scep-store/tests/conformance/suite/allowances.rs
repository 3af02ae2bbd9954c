//! What an endpoint, and all of them, may issue is never exceeded, and what is refused or undone takes nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use scep_store::{Allowance, Begin, Begun, LimitScope, Outcome, StoreError};

use super::fixtures::*;
use super::races::together;

/// Of an endpoint; with a window of up to a minute it is exact.
fn endpoint_allowance(number: u32, limit: u32) -> Allowance {
    Allowance::new(digest(b'e', number), limit, seconds(60)).unwrap()
}

fn global_allowance(limit: u32) -> Allowance {
    Allowance::new(digest(b'g', 0), limit, seconds(60)).unwrap()
}

fn own(number: u32) -> Begin {
    request(&format!("t{number}"), number, number)
}

/// A request at the endpoint 1, which may issue so many in a minute.
fn limited(number: u32, limit: u32) -> Begin {
    own(number).with_endpoint_allowance(endpoint_allowance(1, limit))
}

fn refused(by: LimitScope, retry_after: u64) -> Result<Begun, StoreError> {
    Ok(Begun::RateLimited { by, retry_after: seconds(retry_after) })
}

pub async fn an_endpoint_has_its_allowance_whatever_the_devices(store: Store) {
    issue(&store, &limited(1, 2).with_device_limit(device(1, 5, 100)), 1, at(0)).await;
    issue(&store, &limited(2, 2).with_device_limit(device(2, 5, 100)), 2, at(20)).await;
    let third = limited(3, 2).with_device_limit(device(3, 5, 100));
    assert_eq!(store.begin(&third, at(20)).await, refused(LimitScope::Endpoint, 40));
    assert_eq!(store.begin(&third, at(59)).await, refused(LimitScope::Endpoint, 1));
    let other = own(4).with_endpoint_allowance(endpoint_allowance(2, 2));
    assert!(is_fresh(&store, &other, at(59)).await);
    issue(&store, &third, 3, at(60)).await;
    assert_eq!(store.begin(&limited(5, 2), at(61)).await, refused(LimitScope::Endpoint, 19));
}

pub async fn all_endpoints_have_one_allowance_together(store: Store) {
    let at_endpoint = |number: u32| {
        let allowance = endpoint_allowance(number % 2, 100);
        own(number).with_endpoint_allowance(allowance).with_global_allowance(global_allowance(3))
    };
    for number in 1..=3 {
        issue(&store, &at_endpoint(number), number, at(number.into())).await;
    }
    assert_eq!(store.begin(&at_endpoint(4), at(4)).await, refused(LimitScope::Global, 57));
    assert_eq!(store.begin(&at_endpoint(5), at(5)).await, refused(LimitScope::Global, 56));
    assert!(is_fresh(&store, &own(6), at(6)).await);
}

pub async fn a_refusal_names_its_limit_and_takes_nothing_of_the_others(store: Store) {
    let all = |number: u32, of_device, of_endpoint, of_all| {
        limited(number, of_endpoint)
            .with_device_limit(device(1, of_device, 60))
            .with_global_allowance(global_allowance(of_all))
    };
    issue(&store, &all(1, 9, 9, 9), 1, at(0)).await;
    for second in 1..30 {
        let retry_after = 60 - second as u64;
        let begun = store.begin(&all(2, 1, 9, 9), at(second)).await;
        assert_eq!(begun, refused(LimitScope::Device, retry_after));
        let begun = store.begin(&all(2, 9, 1, 9), at(second)).await;
        assert_eq!(begun, refused(LimitScope::Endpoint, retry_after));
        let begun = store.begin(&all(2, 9, 9, 1), at(second)).await;
        assert_eq!(begun, refused(LimitScope::Global, retry_after));
        let begun = store.begin(&all(2, 1, 1, 1), at(second)).await;
        assert_eq!(begun, refused(LimitScope::Device, retry_after));
    }
    issue(&store, &all(2, 2, 2, 2), 2, at(30)).await;
    assert_eq!(store.begin(&all(3, 2, 9, 9), at(31)).await, refused(LimitScope::Device, 29));
    assert_eq!(store.begin(&all(3, 9, 2, 9), at(31)).await, refused(LimitScope::Endpoint, 29));
    assert_eq!(store.begin(&all(3, 9, 9, 2), at(31)).await, refused(LimitScope::Global, 29));
}

pub async fn a_released_request_gives_its_allowances_back(store: Store) {
    let both = |number| limited(number, 1).with_global_allowance(global_allowance(1));
    for second in 0..20 {
        assert!(is_fresh(&store, &both(1), at(second)).await);
    }
    let held = fresh(&store, &both(1), at(20)).await;
    assert_eq!(store.begin(&both(2), at(21)).await, refused(LimitScope::Endpoint, 59));
    store.release(held, at(22)).await.unwrap();
    issue(&store, &both(2), 2, at(22)).await;
    assert_eq!(store.begin(&both(1), at(23)).await, refused(LimitScope::Endpoint, 59));
}

pub async fn a_request_that_cannot_be_committed_gives_its_allowances_back(store: Store) {
    issue(&store, &own(1), 7, at(0)).await;
    let held = fresh(&store, &limited(2, 1), at(1)).await;
    let committed = store.commit(held, certificate(7), None, at(2)).await;
    assert_eq!(committed, Err(StoreError::DuplicateSerial(certificate_id(7))));
    issue(&store, &limited(3, 1), 8, at(3)).await;
}

pub async fn a_rejected_request_and_a_retry_take_one_of_an_allowance(store: Store) {
    let reservation = fresh(&store, &limited(1, 2), at(0)).await;
    store.reject(reservation, BAD_REQUEST, at(0)).await.unwrap();
    issue(&store, &limited(2, 2), 2, at(10)).await;
    for second in 10..20 {
        let again = store.begin(&limited(2, 2), at(second)).await.unwrap();
        assert!(is_same_certificate(&again, 2));
    }
    assert_eq!(store.begin(&limited(3, 2), at(20)).await, refused(LimitScope::Endpoint, 40));
    issue(&store, &limited(3, 2), 3, at(60)).await;
    assert_eq!(store.begin(&limited(4, 2), at(60)).await, refused(LimitScope::Endpoint, 10));
}

pub async fn a_dead_holders_allowance_is_free_when_its_window_is_over(store: Store) {
    let _dead = fresh(&store, &limited(1, 2), at(0)).await;
    // The same request again, after the lease: nobody gave back what its dead holder took.
    issue(&store, &limited(1, 2), 1, at(30)).await;
    assert_eq!(store.begin(&limited(2, 2), at(40)).await, refused(LimitScope::Endpoint, 20));
    issue(&store, &limited(2, 2), 2, at(60)).await;
    assert_eq!(store.begin(&limited(3, 2), at(60)).await, refused(LimitScope::Endpoint, 30));
}

pub async fn an_approved_request_takes_one_of_an_allowance_in_all(store: Store) {
    let first = limited(1, 2);
    queue(&store, &first, at(0)).await;
    assert_eq!(store.begin(&first, at(1)).await, Ok(Begun::Same(Outcome::Pending)));
    store.approve(&first.request, &operator("ann"), at(2)).await.unwrap();
    let Ok(Begun::Approved { reservation, .. }) = store.begin(&first, at(3)).await else {
        panic!("not approved")
    };
    store.release(reservation, at(3)).await.unwrap(); // the approval stays, and what was taken
    issue(&store, &limited(2, 2), 2, at(4)).await;
    assert_eq!(store.begin(&limited(3, 2), at(5)).await, refused(LimitScope::Endpoint, 55));
}

pub async fn an_allowance_of_many_is_admitted_exactly_to_racing_tasks(store: Store) {
    let issued = std::sync::Arc::new(AtomicU32::new(0));
    let tasks = together(16, |task| {
        let (store, issued) = (store.clone(), issued.clone());
        async move {
            let mut refused = 0;
            for number in 0..10 {
                let number = task * 10 + number;
                let hour =
                    |kind, limit| Allowance::new(digest(kind, 0), limit, seconds(3_600)).unwrap();
                let begin = own(number)
                    .with_endpoint_allowance(hour(b'e', 1_000_000))
                    .with_global_allowance(hour(b'g', 100));
                match store.begin(&begin, at(0)).await.unwrap() {
                    Begun::Fresh(held) if number % 7 == 0 => {
                        store.release(held, at(0)).await.unwrap();
                    }
                    Begun::Fresh(held) => {
                        store.commit(held, certificate(number), None, at(0)).await.unwrap();
                        issued.fetch_add(1, Ordering::Relaxed);
                    }
                    Begun::RateLimited { by, .. } => {
                        assert_eq!(by, LimitScope::Global);
                        refused += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            refused
        }
    });
    let refused: u32 = tasks.await.into_iter().sum();
    assert!(refused > 0);
    // What was released while the allowance was used up left room for others.
    let mut issued = issued.load(Ordering::Relaxed);
    while issued < 100 {
        let begin = own(1_000 + issued);
        let hour = Allowance::new(digest(b'g', 0), 100, seconds(3_600)).unwrap();
        issue(&store, &begin.with_global_allowance(hour), 1_000 + issued, at(0)).await;
        issued += 1;
    }
    assert_eq!(issued, 100);
    let hour = Allowance::new(digest(b'g', 0), 100, seconds(3_600)).unwrap();
    let begun = store.begin(&own(9_999).with_global_allowance(hour), at(0)).await;
    assert!(matches!(begun, Ok(Begun::RateLimited { .. })), "{begun:?}");
}
