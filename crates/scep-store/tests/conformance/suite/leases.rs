//! A reservation belongs to one holder until its lease ends, and then to nobody.

use scep_store::{Begun, Polled, StoreError};

use super::fixtures::*;

pub async fn a_lease_ends_at_its_last_second_and_not_before(store: Store) {
    let first = request("t", 1, 1);
    let _dead = fresh(&store, &first, at(0)).await;
    let busy = Ok(Begun::Busy { retry_after: seconds(1) });
    assert_eq!(store.begin(&first, at(29)).await, busy);
    assert!(is_fresh(&store, &first, at(30)).await);
}

pub async fn a_holder_may_settle_until_the_lease_ends(store: Store) {
    let reservation = fresh(&store, &request("t", 1, 1), at(0)).await;
    store.commit(reservation, certificate(7), None, at(29)).await.unwrap();
    let reservation = fresh(&store, &request("u", 1, 2), at(0)).await;
    let late = store.commit(reservation, certificate(8), None, at(30)).await;
    assert_eq!(late, Err(StoreError::LeaseLost));
}

pub async fn a_stale_holder_can_do_nothing(store: Store) {
    let first = request("t", 1, 1).with_challenge(challenge(1));
    let mut stale = Vec::new();
    for round in 0..4 {
        stale.push(fresh(&store, &first, at(round * 30)).await);
    }
    let current = fresh(&store, &first, at(120)).await;
    let lost = Err(StoreError::LeaseLost);
    assert_eq!(store.commit(stale.remove(0), certificate(7), None, at(121)).await, lost);
    assert_eq!(store.pend(stale.remove(0), pending(), at(121)).await, lost);
    assert_eq!(store.reject(stale.remove(0), BAD_REQUEST, at(121)).await, lost);
    assert_eq!(store.release(stale.remove(0), at(121)).await, lost);
    store.commit(current, certificate(8), None, at(122)).await.unwrap();
    assert!(is_same_certificate(&store.begin(&first, at(123)).await.unwrap(), 8));
}

pub async fn a_holder_whose_clock_is_behind_loses_to_one_that_took_over(store: Store) {
    let used = request("t", 1, 1).with_challenge(challenge(1));
    let behind = fresh(&store, &used, at(0)).await;
    let ahead = request("u", 2, 2).with_challenge(challenge(1));
    issue(&store, &ahead, 8, at(40)).await; // this node's clock is 40 seconds ahead
    let late = store.commit(behind, certificate(7), None, at(5)).await;
    assert_eq!(late, Err(StoreError::LeaseLost));
    assert_eq!(store.certificate_by_serial(&certificate_id(7)).await, Ok(None));
}

pub async fn a_holder_whose_clock_is_behind_loses_the_challenge_that_was_taken(store: Store) {
    // An earlier answer keeps the transaction, so only the challenge is lost.
    issue(&store, &request("t", 1, 9), 6, at(0)).await;
    let behind = fresh(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    issue(&store, &request("u", 2, 2).with_challenge(challenge(1)), 8, at(40)).await;
    let late = store.commit(behind, certificate(7), None, at(5)).await;
    assert_eq!(late, Err(StoreError::LeaseLost));
    assert_eq!(store.certificate_by_serial(&certificate_id(7)).await, Ok(None));
}

pub async fn a_holder_whose_clock_is_behind_keeps_what_nobody_took(store: Store) {
    let used = request("t", 1, 1).with_challenge(challenge(1));
    let behind = fresh(&store, &used, at(0)).await;
    store.commit(behind, certificate(7), None, at(5)).await.unwrap();
    let ahead = request("u", 2, 2).with_challenge(challenge(1));
    assert_eq!(store.begin(&ahead, at(40)).await, Ok(Begun::Replayed));
}

pub async fn an_approval_survives_a_failed_issuance(store: Store) {
    let first = request("t", 1, 1).with_challenge(challenge(1));
    queue(&store, &first, at(0)).await;
    store.approve(&first.request, &operator("ann"), at(1)).await.unwrap();
    let poll = async |now| store.poll(&transaction("t"), &signer(1), terms(), now).await.unwrap();

    let Polled::Approved { reservation, .. } = poll(at(10)).await else { panic!() };
    assert_eq!(poll(at(11)).await, Polled::Pending);
    store.release(reservation, at(12)).await.unwrap();
    let Polled::Approved { reservation: dead, .. } = poll(at(13)).await else { panic!() };
    assert_eq!(poll(at(42)).await, Polled::Pending);
    let Polled::Approved { reservation, .. } = poll(at(43)).await else { panic!() };
    assert_eq!(store.commit(dead, certificate(7), None, at(44)).await, Err(StoreError::LeaseLost));
    store.commit(reservation, certificate(8), None, at(44)).await.unwrap();
    assert!(
        matches!(poll(at(45)).await, Polled::Issued(issued) if issued.certificate == certificate(8))
    );
    let other = request("u", 2, 2).with_challenge(challenge(1));
    assert_eq!(store.begin(&other, at(45)).await, Ok(Begun::Replayed));
}
