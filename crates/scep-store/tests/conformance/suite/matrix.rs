//! Every cell of the transaction matrix: stored state × request, stored state × poll.

use scep_store::{Begun, Outcome, Polled, StoreError};

use super::fixtures::*;

pub async fn an_unknown_transaction_is_fresh_and_released_it_is_unknown_again(store: Store) {
    let first = request("t", 1, 1);
    assert!(is_fresh(&store, &first, at(0)).await);
    let polled = store.poll(&transaction("t"), &signer(1), terms(), at(0)).await;
    assert_eq!(polled, Ok(Polled::Unknown));
    assert!(is_fresh(&store, &first, at(0)).await);
}

// R-5.2-05
pub async fn pending_same_key_same_csr_is_pending_and_queued_once(store: Store) {
    queue(&store, &request("t", 1, 1), at(0)).await;
    for second in 1..4 {
        let again = store.begin(&request("t", 1, 1), at(second)).await;
        assert_eq!(again, Ok(Begun::Same(Outcome::Pending)));
    }
    assert_eq!(store.list_pending(&endpoint("devices"), at(4)).await.unwrap().len(), 1);
}

pub async fn pending_same_key_other_csr_supersedes(store: Store) {
    let (first, second) = (request("t", 1, 1), request("t", 1, 2));
    queue(&store, &first, at(0)).await;
    queue(&store, &second, at(1)).await;
    let waiting = store.list_pending(&endpoint("devices"), at(2)).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].request, second.request);
    let approved = store.approve(&first.request, &operator("ann"), at(2)).await;
    assert_eq!(approved, Err(StoreError::NotPending));
}

pub async fn pending_other_key_is_a_conflict_and_changes_nothing(store: Store) {
    queue(&store, &request("t", 1, 1), at(0)).await;
    let before = store.list_pending(&endpoint("devices"), at(1)).await;
    for csr in [1, 2] {
        assert_eq!(store.begin(&request("t", 2, csr), at(1)).await, Ok(Begun::Conflict));
    }
    assert_eq!(store.list_pending(&endpoint("devices"), at(1)).await, before);
    let polled = store.poll(&transaction("t"), &signer(1), terms(), at(1)).await;
    assert_eq!(polled, Ok(Polled::Pending));
}

// R-2.4-03, R-3.2.1.5-07
pub async fn issued_same_key_same_csr_gets_the_same_certificate(store: Store) {
    let first = request("t", 1, 1).with_challenge(challenge(1));
    issue(&store, &first, 7, at(0)).await;
    for second in [0, 1, 599] {
        let again = store.begin(&first, at(second)).await.unwrap();
        assert!(is_same_certificate(&again, 7), "after {second} s: {again:?}");
    }
}

pub async fn issued_same_request_is_new_when_the_replay_window_has_ended(store: Store) {
    let first = request("t", 1, 1);
    issue(&store, &first, 7, at(0)).await;
    let window = i64::try_from(REPLAY_WINDOW).unwrap();
    assert!(is_same_certificate(&store.begin(&first, at(window - 1)).await.unwrap(), 7));
    assert!(is_fresh(&store, &first, at(window)).await);
}

pub async fn issued_same_key_other_csr_is_new(store: Store) {
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
    issue(&store, &request("t", 1, 2), 8, at(1)).await;
    assert!(is_same_certificate(&store.begin(&request("t", 1, 2), at(2)).await.unwrap(), 8));
}

// R-3.2.1.1-05
pub async fn issued_other_key_is_new_and_never_gets_the_old_certificate(store: Store) {
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
    assert!(is_fresh(&store, &request("t", 2, 1), at(1)).await);
    assert!(is_fresh(&store, &request("t", 2, 2), at(1)).await);
    let polled = store.poll(&transaction("t"), &signer(2), terms(), at(1)).await;
    assert_eq!(polled, Ok(Polled::Unknown));
}

pub async fn a_new_request_that_fails_leaves_the_issued_one(store: Store) {
    let first = request("t", 1, 1);
    issue(&store, &first, 7, at(0)).await;
    let second = fresh(&store, &request("t", 1, 2), at(1)).await;
    assert!(is_same_certificate(&store.begin(&first, at(1)).await.unwrap(), 7));
    store.release(second, at(2)).await.unwrap();
    assert!(is_same_certificate(&store.begin(&first, at(2)).await.unwrap(), 7));
    let polled = store.poll(&transaction("t"), &signer(1), terms(), at(2)).await;
    assert!(matches!(polled, Ok(Polled::Issued(issued)) if issued.certificate == certificate(7)));
}

pub async fn rejected_requests_are_looked_at_afresh(store: Store) {
    let first = request("t", 1, 1);
    let reservation = fresh(&store, &first, at(0)).await;
    store.reject(reservation, BAD_REQUEST, at(0)).await.unwrap();
    for again in [request("t", 1, 1), request("t", 1, 2), request("t", 2, 1)] {
        assert!(is_fresh(&store, &again, at(1)).await, "{again:?}");
    }
}

pub async fn denied_requests_stay_denied_while_remembered(store: Store) {
    let first = request("t", 1, 1);
    queue(&store, &first, at(0)).await;
    store.deny(&first.request, BAD_REQUEST, terms(), at(10)).await.unwrap();
    let denied = Ok(Begun::Same(Outcome::Rejected(BAD_REQUEST)));
    let window = i64::try_from(REPLAY_WINDOW).unwrap();
    assert_eq!(store.begin(&first, at(10)).await, denied);
    assert_eq!(store.begin(&first, at(9 + window)).await, denied);
    assert!(store.list_pending(&endpoint("devices"), at(10)).await.unwrap().is_empty());
    assert!(is_fresh(&store, &request("t", 1, 2), at(11)).await);
    assert!(is_fresh(&store, &request("t", 2, 1), at(11)).await);
    assert!(is_fresh(&store, &first, at(10 + window)).await);
}

pub async fn a_request_in_progress_makes_its_transaction_busy(store: Store) {
    let reservation = fresh(&store, &request("t", 1, 1), at(0)).await;
    for other in [request("t", 1, 1), request("t", 1, 2), request("t", 2, 1), request("t", 2, 2)] {
        let begun = store.begin(&other, at(10)).await;
        assert_eq!(begun, Ok(Begun::Busy { retry_after: seconds(LEASE - 10) }), "{other:?}");
    }
    let poll = async |key| store.poll(&transaction("t"), &signer(key), terms(), at(10)).await;
    assert_eq!(poll(1).await, Ok(Polled::Pending));
    assert_eq!(poll(2).await, Ok(Polled::Unknown));
    store.commit(reservation, certificate(7), None, at(10)).await.unwrap();
    assert!(matches!(poll(1).await, Ok(Polled::Issued(_))));
}

pub async fn a_superseding_request_that_fails_leaves_the_pending_one(store: Store) {
    let first = request("t", 1, 1).with_challenge(challenge(1));
    queue(&store, &first, at(0)).await;
    let second = fresh(&store, &request("t", 1, 2).with_challenge(challenge(2)), at(1)).await;
    assert_eq!(store.begin(&first, at(1)).await, Ok(Begun::Same(Outcome::Pending)));
    assert_eq!(store.begin(&request("t", 2, 3), at(1)).await, Ok(Begun::Conflict));
    store.release(second, at(2)).await.unwrap();
    assert_eq!(store.begin(&first, at(3)).await, Ok(Begun::Same(Outcome::Pending)));
    store.approve(&first.request, &operator("ann"), at(3)).await.unwrap();
    assert!(is_fresh(&store, &request("u", 3, 3).with_challenge(challenge(2)), at(3)).await);
}

pub async fn endpoints_do_not_share_transactions(store: Store) {
    queue(&store, &request_on("one", "t", 1, 1), at(0)).await;
    assert!(is_fresh(&store, &request_on("two", "t", 1, 1), at(1)).await);
    assert!(is_fresh(&store, &request_on("two", "t", 2, 2), at(1)).await);
    let elsewhere = store.poll(&transaction_on("two", "t"), &signer(1), terms(), at(1)).await;
    assert_eq!(elsewhere, Ok(Polled::Unknown));
}

pub async fn any_octets_are_a_transaction_id(store: Store) {
    for (serial, id) in (0..).zip(["1", "../../etc/passwd", "'; DROP TABLE t; --", "\0", "ÿ"]) {
        issue(&store, &request(id, 1, serial), serial, at(0)).await;
    }
    let again = store.begin(&request("\0", 1, 3), at(1)).await.unwrap();
    assert!(is_same_certificate(&again, 3));
}

// R-4.4-02, R-4.4-03, R-3.2.1.1-05
pub async fn a_poll_with_another_key_and_an_unknown_id_get_the_same_answer(store: Store) {
    queue(&store, &request("pending", 1, 1), at(0)).await;
    issue(&store, &request("issued", 1, 2), 7, at(0)).await;
    let rejected = fresh(&store, &request("rejected", 1, 3), at(0)).await;
    store.reject(rejected, BAD_REQUEST, at(0)).await.unwrap();
    let approved = request("approved", 1, 4);
    queue(&store, &approved, at(0)).await;
    store.approve(&approved.request, &operator("ann"), at(0)).await.unwrap();
    for id in ["pending", "issued", "rejected", "approved", "unknown"] {
        let polled = store.poll(&transaction(id), &signer(2), terms(), at(1)).await;
        assert_eq!(polled, Ok(Polled::Unknown), "{id}");
    }
}

// R-4.4-05, R-5.2-03
pub async fn a_poll_gets_what_the_request_would_get(store: Store) {
    let poll = async |id, now| store.poll(&transaction(id), &signer(1), terms(), now).await;
    queue(&store, &request("pending", 1, 1), at(0)).await;
    assert_eq!(poll("pending", at(1)).await, Ok(Polled::Pending));

    issue(&store, &request("issued", 1, 2), 7, at(0)).await;
    for second in [1, 599] {
        let Ok(Polled::Issued(issued)) = poll("issued", at(second)).await else {
            panic!("not issued after {second} s")
        };
        assert_eq!(issued.certificate, certificate(7));
    }
    assert_eq!(poll("issued", at(600)).await, Ok(Polled::Unknown));

    let rejected = fresh(&store, &request("rejected", 1, 3), at(0)).await;
    store.reject(rejected, BAD_REQUEST, at(0)).await.unwrap();
    assert_eq!(poll("rejected", at(599)).await, Ok(Polled::Rejected(BAD_REQUEST)));
    assert_eq!(poll("rejected", at(600)).await, Ok(Polled::Unknown));

    let denied = request("denied", 1, 4);
    queue(&store, &denied, at(0)).await;
    store.deny(&denied.request, BAD_REQUEST, terms(), at(0)).await.unwrap();
    assert_eq!(poll("denied", at(599)).await, Ok(Polled::Rejected(BAD_REQUEST)));
    assert_eq!(poll("denied", at(600)).await, Ok(Polled::Unknown));
}

pub async fn a_pending_request_is_forgotten_at_its_expiry(store: Store) {
    let first = request("t", 1, 1).with_challenge(challenge(1));
    let reservation = fresh(&store, &first, at(0)).await;
    let pending = scep_store::NewPending::new(b"a CSR", at(100)).unwrap();
    store.pend(reservation, pending, at(0)).await.unwrap();
    let poll = async |now| store.poll(&transaction("t"), &signer(1), terms(), now).await;
    assert_eq!(poll(at(99)).await, Ok(Polled::Pending));
    assert_eq!(store.list_pending(&endpoint("devices"), at(99)).await.unwrap().len(), 1);

    assert_eq!(poll(at(100)).await, Ok(Polled::Unknown));
    assert!(store.list_pending(&endpoint("devices"), at(100)).await.unwrap().is_empty());
    let approved = store.approve(&first.request, &operator("ann"), at(100)).await;
    assert_eq!(approved, Err(StoreError::NotPending));
    assert!(is_fresh(&store, &request("u", 2, 2).with_challenge(challenge(1)), at(100)).await);
    assert!(is_fresh(&store, &request("t", 2, 2), at(100)).await);
}

pub async fn recall_answers_the_very_same_request_and_reserves_nothing(store: Store) {
    let recall = async |id, key, csr| {
        store.recall(&request(id, key, csr).request, terms(), at(1)).await.unwrap()
    };
    issue(&store, &request("issued", 1, 1).with_challenge(challenge(1)), 7, at(0)).await;
    assert!(is_same_certificate(&recall("issued", 1, 1).await.unwrap(), 7));
    assert_eq!(recall("issued", 1, 2).await, None);
    assert_eq!(recall("issued", 2, 1).await, None);
    assert_eq!(recall("unknown", 1, 1).await, None);

    queue(&store, &request("pending", 1, 2), at(0)).await;
    assert_eq!(recall("pending", 1, 2).await, Some(Begun::Same(Outcome::Pending)));
    assert_eq!(recall("pending", 1, 3).await, None);

    let rejected = fresh(&store, &request("rejected", 1, 3), at(0)).await;
    assert_eq!(recall("rejected", 1, 3).await, None);
    store.reject(rejected, BAD_REQUEST, at(0)).await.unwrap();
    assert_eq!(recall("rejected", 1, 3).await, None);
    assert!(is_fresh(&store, &request("rejected", 1, 3), at(1)).await);
}

pub async fn recall_outlives_the_challenge(store: Store) {
    let mut first = request("t", 1, 1);
    first.challenge = Some(scep_store::ChallengeUse { remember_until: at(10), ..challenge(1) });
    issue(&store, &first, 7, at(9)).await;
    let recalled = store.recall(&first.request, terms(), at(500)).await.unwrap();
    assert!(is_same_certificate(&recalled.unwrap(), 7));
}
