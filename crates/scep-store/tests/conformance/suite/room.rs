//! At capacity a store refuses, says which limit to raise, and forgets nothing that lives.
//!
//! The stores of these claims have room for [`CHALLENGES`] and so on; what others add at the same time is not their subject.

use scep_store::{
    Begun, Capacity, ChallengeUse, NewNotice, NewPending, NoticeBody, NoticeLease, Outcome,
    StoreError,
};

use super::fixtures::*;
pub use super::journal::the_oldest_events_of_a_kind_give_way;
use super::passwords::{password, password_on};

pub const CHALLENGES: usize = 2;
pub const TRANSACTIONS: usize = 4;
pub const PENDING_REQUESTS: usize = 2;
pub const DEVICES: usize = 2;
pub const CERTIFICATES: usize = 3;
pub const EVENTS: usize = 10;
pub const NOTICES: usize = 2;
pub const PASSWORDS: usize = 2;
pub const ISSUERS: usize = 2;

fn full(what: Capacity, limit: usize) -> StoreError {
    StoreError::Full { what, limit }
}

pub async fn without_room_for_a_challenge_it_refuses_and_forgets_nothing(store: Store) {
    for number in 0..2 {
        let begin = request("t", 1, number).with_challenge(challenge(number));
        issue(&store, &begin, number, at(0)).await;
    }
    let third = request("u", 2, 9).with_challenge(challenge(9));
    let refused = Err(full(Capacity::Challenges, CHALLENGES));
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

pub async fn a_reserved_challenge_is_not_forgotten_for_another(store: Store) {
    let mut held = Vec::new();
    for number in 0..2 {
        let begin = request(&format!("{number}"), 1, number).with_challenge(challenge(number));
        held.push(fresh(&store, &begin, at(0)).await);
    }
    let third = request("u", 2, 9).with_challenge(challenge(9));
    assert_eq!(store.begin(&third, at(29)).await, Err(full(Capacity::Challenges, CHALLENGES)));
    store.release(held.remove(0), at(29)).await.unwrap();
    assert!(is_fresh(&store, &third, at(29)).await);
}

pub async fn without_room_for_a_transaction_it_refuses(store: Store) {
    let mut held = Vec::new();
    for number in 0..4 {
        held.push(fresh(&store, &request(&format!("{number}"), 1, number), at(0)).await);
    }
    let fifth = request("u", 2, 9);
    assert_eq!(store.begin(&fifth, at(29)).await, Err(full(Capacity::Transactions, TRANSACTIONS)));
    assert!(is_fresh(&store, &fifth, at(30)).await);
}

pub async fn without_room_for_a_device_it_refuses(store: Store) {
    for number in 0..2 {
        let begin = request(&format!("{number}"), 1, number);
        issue(&store, &begin.with_device_limit(device(number, 3, 100)), number, at(0)).await;
    }
    let third = request("u", 2, 9).with_device_limit(device(9, 3, 100));
    assert_eq!(store.begin(&third, at(99)).await, Err(full(Capacity::Devices, DEVICES)));
    let known = request("v", 3, 8).with_device_limit(device(1, 3, 100));
    assert!(is_fresh(&store, &known, at(99)).await);
    assert!(is_fresh(&store, &third, at(100)).await);
}

pub async fn without_room_for_a_certificate_nothing_more_is_signed(store: Store) {
    let held = fresh(&store, &request("held", 1, 8), at(0)).await;
    for number in 0..3 {
        let short = certificate_until(number, at(100));
        let reservation = fresh(&store, &request("t", 1, number), at(0)).await;
        store.commit(reservation, short, None, at(0)).await.unwrap();
    }
    let fourth = request("u", 2, 9);
    let refused = Err(full(Capacity::Certificates, CERTIFICATES));
    assert_eq!(store.begin(&fourth, at(1)).await, refused);
    // What was signed before is kept.
    store.commit(held, certificate(8), None, at(1)).await.unwrap();
    let retention = 8 * 86_400;
    assert_eq!(store.begin(&fourth, at(100 + retention)).await, refused);
    assert!(is_fresh(&store, &fourth, at(101 + retention)).await);
}

pub async fn without_room_in_the_queue_a_request_is_released(store: Store) {
    for number in 0..2 {
        let reservation = fresh(&store, &request(&format!("{number}"), 1, number), at(0)).await;
        let pending = NewPending::new(b"a CSR", at(100)).unwrap();
        store.pend(reservation, pending, at(0)).await.unwrap();
    }
    let third = request("u", 2, 9).with_challenge(challenge(9));
    let reservation = fresh(&store, &third, at(1)).await;
    let refused = store.pend(reservation, pending(), at(1)).await;
    assert_eq!(refused, Err(full(Capacity::PendingRequests, PENDING_REQUESTS)));
    queue(&store, &request("1", 1, 5), at(2)).await; // supersedes, so needs no room
    assert_eq!(store.begin(&request("0", 1, 0), at(2)).await, Ok(Begun::Same(Outcome::Pending)));
    queue(&store, &third, at(100)).await;
}

pub async fn without_room_for_a_password_it_refuses_until_one_is_forgotten(store: Store) {
    for number in 0..2 {
        store.add_password(&password(number), 9, at(0)).await.unwrap();
    }
    let refused = Err(full(Capacity::Passwords, PASSWORDS));
    let third = password_on("others", 9, 5_000);
    assert_eq!(store.add_password(&third, 9, at(1)).await, refused);
    assert_eq!(store.password(&third.key).await, Ok(None));
    // They expired, but a node whose clock is behind may not know that yet.
    assert_eq!(store.add_password(&third, 9, at(600 + 300)).await, refused);
    store.add_password(&third, 9, at(600 + 301)).await.unwrap();
}

pub async fn without_room_for_an_issuer_it_numbers_no_crl(store: Store) {
    for number in 0..2 {
        store.next_crl_number(&issuer(number)).await.unwrap();
    }
    assert_eq!(store.next_crl_number(&issuer(9)).await, Err(full(Capacity::Issuers, ISSUERS)));
    assert_eq!(store.next_crl_number(&issuer(0)).await, Ok(2));
}

pub async fn without_room_for_a_notice_its_certificate_is_not_recorded(store: Store) {
    let notice = || {
        let body = NoticeBody::new(b"a secret CSR").unwrap();
        NewNotice::new(body, seconds(10), seconds(100)).unwrap()
    };
    for number in 0..2 {
        let reservation = fresh(&store, &request("t", 1, number), at(0)).await;
        store.commit(reservation, certificate(number), Some(notice()), at(0)).await.unwrap();
    }
    let third = request("u", 2, 9).with_challenge(challenge(9));
    let reservation = fresh(&store, &third, at(1)).await;
    let refused = store.commit(reservation, certificate(9), Some(notice()), at(1)).await;
    assert_eq!(refused, Err(full(Capacity::Notices, NOTICES)));
    assert_eq!(store.certificate_by_serial(&certificate_id(9)).await, Ok(None));
    // There is room again once one was delivered, or is over.
    let delivered = NoticeLease::first(certificate_id(0));
    store.settle_notice(&delivered, scep_store::outbox::Attempted::Delivered).await.unwrap();
    let held = fresh(&store, &request("v", 2, 8), at(80)).await;
    let reservation = fresh(&store, &third, at(80)).await;
    store.commit(reservation, certificate(9), Some(notice()), at(80)).await.unwrap();
    store.commit(held, certificate(8), Some(notice()), at(100)).await.unwrap();
}
