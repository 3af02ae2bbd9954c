//! The sliding window is exact, and counts only what was not undone.

use scep_store::{Begin, Begun, LimitScope, Outcome};

use super::fixtures::*;

fn limited(id: u32, limit: u32) -> Begin {
    request(&format!("t{id}"), id, id).with_device_limit(device(1, limit, 100))
}

fn refused(retry_after: u64) -> Result<Begun, scep_store::StoreError> {
    let by = LimitScope::Device;
    Ok(Begun::RateLimited { by, retry_after: seconds(retry_after) })
}

pub async fn a_window_admits_exactly_its_limit(store: Store) {
    issue(&store, &limited(1, 3), 1, at(0)).await;
    issue(&store, &limited(2, 3), 2, at(40)).await;
    issue(&store, &limited(3, 3), 3, at(60)).await;
    assert_eq!(store.begin(&limited(4, 3), at(60)).await, refused(40));
    assert_eq!(store.begin(&limited(4, 3), at(99)).await, refused(1));
    issue(&store, &limited(4, 3), 4, at(100)).await; // the first is exactly one window ago
    assert_eq!(store.begin(&limited(5, 3), at(100)).await, refused(40));
    issue(&store, &limited(5, 3), 5, at(140)).await;
    assert_eq!(store.begin(&limited(6, 3), at(141)).await, refused(19));
}

pub async fn a_lowered_limit_waits_for_all_above_it(store: Store) {
    for (serial, second) in (1..).zip([0, 10, 20]) {
        issue(&store, &limited(serial, 3), serial, at(second)).await;
    }
    assert_eq!(store.begin(&limited(4, 1), at(30)).await, refused(90));
}

pub async fn refused_attempts_do_not_count(store: Store) {
    issue(&store, &limited(1, 1), 1, at(0)).await;
    for second in 1..100 {
        assert!(matches!(
            store.begin(&limited(2, 1), at(second)).await,
            Ok(Begun::RateLimited { .. })
        ));
    }
    issue(&store, &limited(2, 1), 2, at(100)).await;
}

pub async fn a_retry_takes_no_slot(store: Store) {
    issue(&store, &limited(1, 2), 1, at(0)).await;
    for second in 0..20 {
        assert!(is_same_certificate(&store.begin(&limited(1, 2), at(second)).await.unwrap(), 1));
    }
    issue(&store, &limited(2, 2), 2, at(20)).await;
    assert!(is_same_certificate(&store.begin(&limited(1, 2), at(21)).await.unwrap(), 1));
}

pub async fn a_released_request_gives_its_slot_back(store: Store) {
    for second in 0..20 {
        assert!(is_fresh(&store, &limited(1, 1), at(second)).await);
    }
    let held = fresh(&store, &limited(1, 1), at(20)).await;
    assert!(matches!(store.begin(&limited(2, 1), at(20)).await, Ok(Begun::RateLimited { .. })));
    store.release(held, at(21)).await.unwrap();
    assert!(is_fresh(&store, &limited(2, 1), at(21)).await);
}

pub async fn a_dead_holders_slot_is_free_when_the_lease_ends(store: Store) {
    let _dead = fresh(&store, &limited(1, 1), at(0)).await;
    assert_eq!(store.begin(&limited(2, 1), at(29)).await, refused(1));
    assert!(is_fresh(&store, &limited(2, 1), at(30)).await);
}

pub async fn a_slot_that_another_has_by_now_settles_nothing(store: Store) {
    let late = fresh(&store, &limited(1, 1), at(0)).await;
    issue(&store, &limited(2, 1), 2, at(30)).await; // by a clock that is ahead, or while the first one was signed
    let committed = store.commit(late, certificate(1), None, at(29)).await;
    assert_eq!(committed, Err(scep_store::StoreError::LeaseLost));
    assert_eq!(store.certificate_by_serial(&certificate_id(1)).await, Ok(None));
    let late = fresh(&store, &limited(3, 1), at(130)).await;
    issue(&store, &limited(4, 1), 4, at(160)).await;
    let rejected = store.reject(late, BAD_REQUEST, at(159)).await;
    assert_eq!(rejected, Err(scep_store::StoreError::LeaseLost));
}

pub async fn a_rejected_request_keeps_its_slot(store: Store) {
    let reservation = fresh(&store, &limited(1, 1), at(0)).await;
    store.reject(reservation, BAD_REQUEST, at(0)).await.unwrap();
    assert_eq!(store.begin(&limited(1, 1), at(1)).await, refused(99));
    assert!(is_fresh(&store, &limited(1, 1), at(100)).await);
}

pub async fn an_approved_request_takes_one_slot_in_all(store: Store) {
    let first = limited(1, 2);
    queue(&store, &first, at(0)).await;
    assert_eq!(store.begin(&first, at(1)).await, Ok(Begun::Same(Outcome::Pending)));
    store.approve(&first.request, &operator("ann"), at(2)).await.unwrap();
    let Ok(Begun::Approved { reservation, .. }) = store.begin(&first, at(3)).await else {
        panic!("not approved")
    };
    store.commit(reservation, certificate(1), None, at(3)).await.unwrap();
    issue(&store, &limited(2, 2), 2, at(4)).await;
    assert_eq!(store.begin(&limited(3, 2), at(5)).await, refused(95));
}

pub async fn devices_are_counted_apart(store: Store) {
    issue(&store, &limited(1, 1), 1, at(0)).await;
    let other = request("t2", 2, 2).with_device_limit(device(2, 1, 100));
    assert!(is_fresh(&store, &other, at(1)).await);
    assert!(is_fresh(&store, &request("t3", 3, 3), at(1)).await);
}

pub async fn a_rate_limited_request_leaves_its_challenge_free(store: Store) {
    issue(&store, &limited(1, 1), 1, at(0)).await;
    let over = limited(2, 1).with_challenge(challenge(1));
    assert_eq!(store.begin(&over, at(1)).await, refused(99));
    assert!(is_fresh(&store, &request("u", 3, 3).with_challenge(challenge(1)), at(1)).await);
}
