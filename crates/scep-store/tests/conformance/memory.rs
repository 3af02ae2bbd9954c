//! The memory store: the suite that every backend passes, and what is particular to it.

use std::sync::Arc;

use scep_store::{
    Begun, ChallengeUse, MemoryStore, MemoryUsage, NewNotice, NoticeBody, StoreLimits,
};

use crate::suite::fixtures::*;

conformance!(std::sync::Arc::new(scep_store::MemoryStore::default()));
room_conformance!(std::sync::Arc::new(scep_store::MemoryStore::new(
    crate::suite::fixtures::small_limits()
)));

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
    let mut limits = StoreLimits::in_memory();
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
    let mut limits = StoreLimits::in_memory();
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
    let mut limits = StoreLimits::in_memory();
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
