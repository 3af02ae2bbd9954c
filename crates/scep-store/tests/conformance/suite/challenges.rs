//! A challenge gives at most one certificate, and a failure burns nothing.

use scep_store::{Begun, ChallengeUse, Outcome, Polled, StoreError};

use super::fixtures::*;

// R-2.4-02
pub async fn a_used_challenge_is_a_replay_for_any_other_csr(store: Store) {
    issue(&store, &request("t", 1, 1).with_challenge(challenge(1)), 7, at(0)).await;
    for other in [request("t", 1, 2), request("u", 1, 2), request("u", 2, 2)] {
        let begun = store.begin(&other.clone().with_challenge(challenge(1)), at(1)).await;
        assert_eq!(begun, Ok(Begun::Replayed), "{other:?}");
    }
    assert!(is_fresh(&store, &request("u", 2, 2).with_challenge(challenge(2)), at(1)).await);
}

pub async fn a_used_challenge_gives_a_copy_of_its_csr_the_same_certificate(store: Store) {
    issue(&store, &request("t", 1, 1).with_challenge(challenge(1)), 7, at(0)).await;
    for copy in [request("t", 2, 1), request("u", 1, 1), request("u", 2, 1)] {
        let begun = store.begin(&copy.with_challenge(challenge(1)), at(1)).await.unwrap();
        assert!(is_same_certificate(&begun, 7), "{begun:?}");
    }
}

pub async fn a_challenge_is_used_once_over_all_endpoints(store: Store) {
    issue(&store, &request_on("one", "t", 1, 1).with_challenge(challenge(1)), 7, at(0)).await;
    let elsewhere = request_on("two", "t", 1, 2).with_challenge(challenge(1));
    assert_eq!(store.begin(&elsewhere, at(1)).await, Ok(Begun::Replayed));
}

pub async fn the_first_reservation_of_a_challenge_wins(store: Store) {
    let reservation = fresh(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    let begin = async |id, key, csr| {
        store.begin(&request(id, key, csr).with_challenge(challenge(1)), at(10)).await.unwrap()
    };
    let busy = Begun::Busy { retry_after: seconds(LEASE - 10) };
    assert_eq!(begin("t", 1, 1).await, busy);
    assert_eq!(begin("u", 2, 1).await, busy);
    assert_eq!(begin("t", 1, 2).await, Begun::Replayed);
    assert_eq!(begin("u", 2, 2).await, Begun::Replayed);
    store.commit(reservation, certificate(7), None, at(10)).await.unwrap();
    assert!(is_same_certificate(&begin("u", 2, 1).await, 7));
    assert_eq!(begin("u", 2, 2).await, Begun::Replayed);
}

pub async fn a_refused_replay_leaves_no_trace(store: Store) {
    issue(&store, &request("t", 1, 1).with_challenge(challenge(1)), 7, at(0)).await;
    let replay =
        request("u", 2, 2).with_challenge(challenge(1)).with_device_limit(device(1, 1, 100));
    assert_eq!(store.begin(&replay, at(1)).await, Ok(Begun::Replayed));
    let polled = store.poll(&transaction("u"), &signer(2), terms(), at(1)).await;
    assert_eq!(polled, Ok(Polled::Unknown));
    let honest = request("u", 3, 3).with_device_limit(device(1, 1, 100));
    assert!(is_fresh(&store, &honest, at(1)).await);
}

// R-2.4-03
pub async fn a_released_challenge_is_free_for_any_csr(store: Store) {
    let reservation = fresh(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    store.release(reservation, at(1)).await.unwrap();
    assert!(is_fresh(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(1)).await);
    issue(&store, &request("u", 2, 2).with_challenge(challenge(1)), 7, at(1)).await;
    let begun = store.begin(&request("t", 1, 1).with_challenge(challenge(1)), at(1)).await;
    assert_eq!(begun, Ok(Begun::Replayed));
}

pub async fn a_rejected_request_gives_its_challenge_back(store: Store) {
    let reservation = fresh(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    store.reject(reservation, BAD_REQUEST, at(1)).await.unwrap();
    assert!(is_fresh(&store, &request("u", 2, 2).with_challenge(challenge(1)), at(1)).await);
}

pub async fn a_challenge_whose_holder_died_is_free_when_the_lease_ends(store: Store) {
    let reservation = fresh(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    let other = request("u", 2, 2).with_challenge(challenge(1));
    assert_eq!(store.begin(&other, at(29)).await, Ok(Begun::Replayed));
    issue(&store, &other, 8, at(30)).await;
    let late = store.commit(reservation, certificate(7), None, at(30)).await;
    assert_eq!(late, Err(StoreError::LeaseLost));
    assert_eq!(store.certificate_by_serial(&certificate_id(7)).await, Ok(None));
}

pub async fn a_pending_request_keeps_its_challenge(store: Store) {
    let first = request("t", 1, 1).with_challenge(challenge(1));
    queue(&store, &first, at(0)).await;
    let begin = async |id, key, csr| {
        store.begin(&request(id, key, csr).with_challenge(challenge(1)), at(10)).await.unwrap()
    };
    assert_eq!(begin("u", 2, 1).await, Begun::Same(Outcome::Pending));
    assert_eq!(begin("t", 2, 1).await, Begun::Same(Outcome::Pending));
    assert_eq!(begin("u", 1, 2).await, Begun::Replayed);
    assert_eq!(begin("t", 2, 2).await, Begun::Replayed);
    store.deny(&first.request, BAD_REQUEST, terms(), at(11)).await.unwrap();
    assert!(is_fresh(&store, &request("u", 2, 2).with_challenge(challenge(1)), at(12)).await);
}

pub async fn superseding_ones_own_pending_request_may_use_its_challenge_again(store: Store) {
    queue(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    let second = request("t", 1, 2).with_challenge(challenge(1));
    issue(&store, &second, 8, at(1)).await;
    let first_again = request("t", 1, 1).with_challenge(challenge(1));
    assert_eq!(store.begin(&first_again, at(2)).await, Ok(Begun::Replayed));
    assert!(is_same_certificate(&store.begin(&second, at(2)).await.unwrap(), 8));
}

pub async fn superseding_with_another_challenge_frees_the_first(store: Store) {
    queue(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    issue(&store, &request("t", 1, 2).with_challenge(challenge(2)), 8, at(1)).await;
    assert!(is_fresh(&store, &request("u", 2, 3).with_challenge(challenge(1)), at(2)).await);
}

pub async fn a_challenge_is_remembered_until_its_own_end_not_from_its_use(store: Store) {
    let used = ChallengeUse { key: challenge(1).key, remember_until: at(50_000) };
    issue(&store, &request("t", 1, 1).with_challenge(used), 7, at(0)).await;
    for second in [1, 601, 49_999, 50_000] {
        let other = request("u", 2, 2).with_challenge(used);
        assert_eq!(store.begin(&other, at(second)).await, Ok(Begun::Replayed), "at {second}");
        let same = store.begin(&request("t", 1, 1).with_challenge(used), at(second)).await;
        assert!(is_same_certificate(&same.unwrap(), 7), "at {second}");
    }
}

pub async fn a_clock_that_is_set_back_does_not_free_a_used_challenge(store: Store) {
    let used = ChallengeUse { key: challenge(1).key, remember_until: at(100) };
    issue(&store, &request("t", 1, 1).with_challenge(used), 7, at(0)).await;
    for unrelated in 0..10 {
        // Sweeps at a time at which the challenge has ended, by less than the tolerance.
        assert!(is_fresh(&store, &request("other", 9, unrelated), at(399)).await);
    }
    let other = request("u", 2, 2).with_challenge(used);
    assert_eq!(store.begin(&other, at(100)).await, Ok(Begun::Replayed));
}

pub async fn a_challenge_that_need_not_be_remembered_is_refused(store: Store) {
    let remember_until = at(100);
    let over = ChallengeUse { key: challenge(1).key, remember_until };
    let late = request("t", 1, 1).with_challenge(over);
    let refused = Err(StoreError::ChallengeOver { remember_until, now: at(101) });
    assert_eq!(store.begin(&late, at(101)).await, refused);
    assert!(is_fresh(&store, &late, at(100)).await);
}

pub async fn a_copy_of_an_approved_csr_is_handed_the_approval_once(store: Store) {
    let first = request("t", 1, 1).with_challenge(challenge(1));
    queue(&store, &first, at(0)).await;
    store.approve(&first.request, &operator("ann"), at(1)).await.unwrap();
    let copy = request("u", 2, 1).with_challenge(challenge(1));
    let Ok(Begun::Approved { reservation, operator: by }) = store.begin(&copy, at(2)).await else {
        panic!("the copy is not recognised")
    };
    assert_eq!(by, operator("ann"));
    assert_eq!(store.begin(&copy, at(2)).await, Ok(Begun::Same(Outcome::Pending)));
    assert_eq!(store.begin(&first, at(2)).await, Ok(Begun::Same(Outcome::Pending)));
    store.commit(reservation, certificate(7), None, at(3)).await.unwrap();
    assert!(is_same_certificate(&store.begin(&copy, at(4)).await.unwrap(), 7));
    assert!(is_same_certificate(&store.begin(&first, at(4)).await.unwrap(), 7));
}
