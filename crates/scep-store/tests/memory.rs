//! The memory store: the suite that every backend passes, and what is particular to it.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

#[macro_use]
mod suite;

use std::sync::Arc;

use scep_store::{
    Begun, Capacity, ChallengeUse, MemoryLimits, MemoryStore, MemoryUsage, NewNotice, NewPending,
    NoticeBody, NoticeLease, Outcome, StoreError,
};
use suite::fixtures::*;

conformance!(scep_store::MemoryStore::default());

/// A store with room for two of each kind.
fn small() -> (Arc<MemoryStore>, Store) {
    let mut limits = MemoryLimits::default();
    limits.challenges = 2;
    limits.transactions = 4;
    limits.pending_requests = 2;
    limits.devices = 2;
    limits.certificates = 3;
    limits.issuers = 2;
    limits.notices = 2;
    let store = Arc::new(MemoryStore::new(limits));
    (store.clone(), store)
}

fn full(what: Capacity, limit: usize) -> StoreError {
    StoreError::Full { what, limit }
}

#[tokio::test]
async fn without_room_for_a_challenge_it_refuses_and_forgets_nothing() {
    let (_, store) = small();
    for number in 0..2 {
        let begin = request("t", 1, number).with_challenge(challenge(number));
        issue(&store, &begin, number, at(0)).await;
    }
    let third = request("u", 2, 9).with_challenge(challenge(9));
    let refused = Err(full(Capacity::Challenges, 2));
    assert_eq!(store.begin(&third, at(1)).await, refused);
    for number in 0..2 {
        let replay = request("v", 3, 8).with_challenge(challenge(number));
        assert_eq!(store.begin(&replay, at(2)).await, Ok(Begun::Replayed));
    }
    // 5 minutes of tolerance after the challenges' own end there is room again, and not before.
    let later = ChallengeUse { remember_until: at(10_000), ..challenge(9) };
    let third = request("u", 2, 9).with_challenge(later);
    assert_eq!(store.begin(&third, at(CHALLENGE + 300)).await, refused);
    assert!(is_fresh(&store, &third, at(CHALLENGE + 301)).await);
}

#[tokio::test]
async fn a_reserved_challenge_is_not_forgotten_for_another() {
    let (_, store) = small();
    let mut held = Vec::new();
    for number in 0..2 {
        let begin = request(&format!("{number}"), 1, number).with_challenge(challenge(number));
        held.push(fresh(&store, &begin, at(0)).await);
    }
    let third = request("u", 2, 9).with_challenge(challenge(9));
    assert_eq!(store.begin(&third, at(29)).await, Err(full(Capacity::Challenges, 2)));
    store.release(held.remove(0), at(29)).await.unwrap();
    assert!(is_fresh(&store, &third, at(29)).await);
}

#[tokio::test]
async fn without_room_for_a_transaction_it_refuses() {
    let (memory, store) = small();
    let mut held = Vec::new();
    for number in 0..4 {
        held.push(fresh(&store, &request(&format!("{number}"), 1, number), at(0)).await);
    }
    let fifth = request("u", 2, 9);
    assert_eq!(store.begin(&fifth, at(29)).await, Err(full(Capacity::Transactions, 4)));
    assert!(is_fresh(&store, &fifth, at(30)).await);
    assert!(memory.usage().unwrap().transactions < 4);
}

#[tokio::test]
async fn without_room_for_a_device_it_refuses() {
    let (_, store) = small();
    for number in 0..2 {
        let begin = request(&format!("{number}"), 1, number);
        issue(&store, &begin.with_device_limit(device(number, 3, 100)), number, at(0)).await;
    }
    let third = request("u", 2, 9).with_device_limit(device(9, 3, 100));
    assert_eq!(store.begin(&third, at(99)).await, Err(full(Capacity::Devices, 2)));
    let known = request("v", 3, 8).with_device_limit(device(1, 3, 100));
    assert!(is_fresh(&store, &known, at(99)).await);
    assert!(is_fresh(&store, &third, at(100)).await);
}

#[tokio::test]
async fn without_room_for_a_certificate_nothing_more_is_signed() {
    let (_, store) = small();
    let held = fresh(&store, &request("held", 1, 8), at(0)).await;
    for number in 0..3 {
        let short = certificate_until(number, at(100));
        let reservation = fresh(&store, &request("t", 1, number), at(0)).await;
        store.commit(reservation, short, None, at(0)).await.unwrap();
    }
    let fourth = request("u", 2, 9);
    let refused = Err(full(Capacity::Certificates, 3));
    assert_eq!(store.begin(&fourth, at(1)).await, refused);
    // What was signed before is kept.
    store.commit(held, certificate(8), None, at(1)).await.unwrap();
    let retention = 8 * 86_400;
    assert_eq!(store.begin(&fourth, at(100 + retention)).await, refused);
    assert!(is_fresh(&store, &fourth, at(101 + retention)).await);
}

#[tokio::test]
async fn without_room_in_the_queue_a_request_is_released() {
    let (_, store) = small();
    for number in 0..2 {
        let reservation = fresh(&store, &request(&format!("{number}"), 1, number), at(0)).await;
        let pending = NewPending::new(b"a CSR", at(100)).unwrap();
        store.pend(reservation, pending, at(0)).await.unwrap();
    }
    let third = request("u", 2, 9).with_challenge(challenge(9));
    let reservation = fresh(&store, &third, at(1)).await;
    let refused = store.pend(reservation, pending(), at(1)).await;
    assert_eq!(refused, Err(full(Capacity::PendingRequests, 2)));
    queue(&store, &request("1", 1, 5), at(2)).await; // supersedes, so needs no room
    assert_eq!(store.begin(&request("0", 1, 0), at(2)).await, Ok(Begun::Same(Outcome::Pending)));
    queue(&store, &third, at(100)).await;
}

#[tokio::test]
async fn without_room_for_a_notice_its_certificate_is_not_recorded() {
    let (memory, store) = small();
    let notice = || {
        let body = NoticeBody::new(b"a secret CSR").unwrap();
        NewNotice::new(body, seconds(10), seconds(100)).unwrap()
    };
    for number in 0..2 {
        let reservation = fresh(&store, &request("t", 1, number), at(0)).await;
        store.commit(reservation, certificate(number), Some(notice()), at(0)).await.unwrap();
    }
    assert_eq!(memory.usage().unwrap().notices, 2);
    let third = request("u", 2, 9).with_challenge(challenge(9));
    let reservation = fresh(&store, &third, at(1)).await;
    let refused = store.commit(reservation, certificate(9), Some(notice()), at(1)).await;
    assert_eq!(refused, Err(full(Capacity::Notices, 2)));
    assert_eq!(store.certificate_by_serial(&certificate_id(9)).await, Ok(None));
    assert_eq!(memory.usage().unwrap().challenges, 0);
    // There is room again once one was delivered, or is over.
    let delivered = NoticeLease::first(certificate_id(0));
    store.settle_notice(&delivered, scep_store::outbox::Attempted::Delivered).await.unwrap();
    assert_eq!(memory.usage().unwrap().notices, 1);
    let held = fresh(&store, &request("v", 2, 8), at(80)).await;
    let reservation = fresh(&store, &third, at(80)).await;
    store.commit(reservation, certificate(9), Some(notice()), at(80)).await.unwrap();
    store.commit(held, certificate(8), Some(notice()), at(100)).await.unwrap();
    assert_eq!(memory.usage().unwrap().notices, 2);
}

#[tokio::test]
async fn without_room_for_an_issuer_it_numbers_no_crl() {
    let (_, store) = small();
    for number in 0..2 {
        store.next_crl_number(&issuer(number)).await.unwrap();
    }
    assert_eq!(store.next_crl_number(&issuer(9)).await, Err(full(Capacity::Issuers, 2)));
    assert_eq!(store.next_crl_number(&issuer(0)).await, Ok(2));
}

#[tokio::test]
async fn what_has_ended_is_swept_in_passing() {
    let memory = Arc::new(MemoryStore::default());
    let store: Store = memory.clone();
    for number in 0..100 {
        let begin = request(&format!("{number}"), 1, number).with_challenge(challenge(number));
        let begin = begin.with_device_limit(device(number, 1, 100));
        let reservation = fresh(&store, &begin, at(0)).await;
        let short = certificate_until(number, at(10));
        store.commit(reservation, short, None, at(0)).await.unwrap();
        store
            .revoke(&certificate_id(number), scep_store::Revocation { at: at(1), reason: 1 })
            .await
            .unwrap();
    }
    let before = memory.usage().unwrap();
    assert_eq!((before.challenges, before.transactions), (100, 100));
    assert_eq!((before.devices, before.certificates), (100, 100));
    for number in 0..60 {
        assert!(is_fresh(&store, &request("later", 2, number), at(30 * 86_400)).await);
    }
    assert_eq!(memory.usage(), Ok(MemoryUsage::default()));
    assert_eq!(store.revoked(&issuer(1)).await, Ok(vec![]));
}

#[tokio::test]
async fn what_has_ended_counts_as_absent_before_it_is_swept() {
    let store: Store = Arc::new(MemoryStore::default());
    let over = |number| ChallengeUse { remember_until: at(100), ..challenge(number) };
    let later = |number| ChallengeUse { remember_until: at(10_000_000), ..challenge(number) };
    for number in 0..10 {
        let begin = request(&format!("{number}"), 1, number).with_challenge(over(number));
        issue(&store, &begin, number, at(0)).await;
    }
    // Of ten that ended together a request sweeps two; the last one is still there.
    let again = request("u", 2, 99).with_challenge(later(9));
    assert!(is_fresh(&store, &again, at(401)).await);
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_not_given_again_before_it_is_swept() {
    let mut limits = MemoryLimits::default();
    limits.certificate_retention = seconds(0);
    let store: Store = Arc::new(MemoryStore::new(limits));
    let begin = |number| request(&format!("{number}"), 1, number).with_challenge(challenge(number));
    for number in 0..20 {
        let reservation = fresh(&store, &begin(number), at(0)).await;
        store.commit(reservation, certificate_until(number, at(10)), None, at(0)).await.unwrap();
    }
    assert!(is_same_certificate_until(&store.begin(&begin(19), at(10)).await.unwrap(), 19));
    // Its transaction ended with it, although the replay window has not; its challenge did not.
    assert_eq!(store.begin(&begin(19), at(11)).await, Ok(Begun::Replayed));
    let copy = request("copy", 2, 18).with_challenge(challenge(18));
    assert_eq!(store.begin(&copy, at(11)).await, Ok(Begun::Replayed));
    assert!(is_fresh(&store, &request("17", 1, 17), at(11)).await);
}

fn is_same_certificate_until(begun: &Begun, serial: u32) -> bool {
    let issued = same_certificate(begun);
    issued.is_some_and(|issued| issued.certificate.id == certificate_id(serial))
}

#[tokio::test]
async fn a_notice_is_over_when_its_certificate_is() {
    let mut limits = MemoryLimits::default();
    limits.certificate_retention = seconds(0);
    let store: Store = Arc::new(MemoryStore::new(limits));
    let body = NoticeBody::new(b"a CSR").unwrap();
    let notice = NewNotice::new(body, seconds(0), seconds(1_000)).unwrap();
    let reservation = fresh(&store, &request("t", 1, 1), at(0)).await;
    store.commit(reservation, certificate_until(1, at(10)), Some(notice), at(0)).await.unwrap();
    let due = async |now| {
        store.lease_notices(&endpoint("devices"), 1, seconds(1), now).await.unwrap().len()
    };
    assert_eq!((due(at(10)).await, due(at(11)).await), (1, 0));
}

#[tokio::test]
async fn a_challenge_never_leads_to_a_certificate_that_took_a_forgotten_ones_place() {
    let mut limits = MemoryLimits::default();
    limits.certificate_retention = seconds(0);
    limits.certificates = 1;
    let store: Store = Arc::new(MemoryStore::new(limits));
    let reservation = fresh(&store, &request("t", 1, 1).with_challenge(challenge(1)), at(0)).await;
    store.commit(reservation, certificate_until(1, at(10)), None, at(0)).await.unwrap();
    issue(&store, &request("u", 2, 2).with_challenge(challenge(2)), 2, at(20)).await;
    let stolen = request("v", 3, 2).with_challenge(challenge(1));
    assert_eq!(store.begin(&stolen, at(21)).await, Ok(Begun::Replayed));
}

#[tokio::test]
async fn releasing_leaves_nothing_behind() {
    let memory = Arc::new(MemoryStore::default());
    let store: Store = memory.clone();
    for number in 0..100 {
        let begin = request(&format!("{number}"), 1, number).with_challenge(challenge(number));
        assert!(is_fresh(&store, &begin.with_device_limit(device(number, 1, 100)), at(0)).await);
    }
    assert_eq!(memory.usage(), Ok(MemoryUsage::default()));
}

#[tokio::test]
async fn debug_shows_how_much_and_never_what() {
    let memory = Arc::new(MemoryStore::default());
    let store: Store = memory.clone();
    queue(&store, &request("the id", 1, 1).with_challenge(challenge(1)), at(0)).await;
    let body = NoticeBody::new(b"a CSR with a challenge").unwrap();
    let notice = NewNotice::new(body, seconds(0), seconds(100)).unwrap();
    let shown = format!("{notice:?}");
    assert!(!shown.contains("challenge") && !shown.contains("97"), "{shown}");
    let reservation = fresh(&store, &request("u", 1, 2), at(0)).await;
    store.commit(reservation, certificate(1), Some(notice), at(0)).await.unwrap();
    let leased = store.lease_notices(&endpoint("devices"), 1, seconds(9), at(0)).await.unwrap();
    let shown = format!("{leased:?}");
    assert!(shown.contains("NoticeBody(..)") && !shown.contains("a CSR"), "{shown}");
    let shown = format!("{memory:?}");
    assert!(shown.contains("challenges: 1"), "{shown}");
    assert!(!shown.contains("the id") && !shown.contains("CSR"), "{shown}");
}
