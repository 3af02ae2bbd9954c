//! A notice is recorded with its certificate or not at all, and is one sender's at a time until it is settled.

use std::collections::BTreeSet;
use std::sync::Arc;

use scep_store::outbox::{Attempted, Progress};
use scep_store::{
    Argument, LeasedNotice, NewNotice, NoticeBody, NoticeClaim, NoticeLease, StoreError,
};

use super::fixtures::*;

const KEEP: u64 = 1_000;

fn notice_until(text: &[u8], lease: u64, keep: u64) -> NewNotice {
    NewNotice::new(NoticeBody::new(text).unwrap(), seconds(lease), seconds(keep)).unwrap()
}

/// A notice that its recorder has for ten seconds.
fn notice(serial: u32) -> NewNotice {
    notice_until(format!("notice {serial}").as_bytes(), 10, KEEP)
}

async fn issue_with(store: &Store, serial: u32, notice: NewNotice, now: scep_types::UnixTime) {
    let reservation = fresh(store, &request(&format!("t{serial}"), 1, serial), now).await;
    store.commit(reservation, certificate(serial), Some(notice), now).await.unwrap();
}

async fn due(store: &Store, now: scep_types::UnixTime) -> Vec<LeasedNotice> {
    store.lease_notices(&endpoint("devices"), 100, seconds(20), now).await.unwrap()
}

async fn progress(store: &Store, serial: u32, now: scep_types::UnixTime) -> Option<Progress> {
    let issued = store.certificate_by_serial(&certificate_id(serial)).await.unwrap().unwrap();
    issued.notice.map(|notice| notice.at(now))
}

fn lease(serial: u32, attempt: u32) -> NoticeLease {
    NoticeLease { certificate: certificate_id(serial), attempt }
}

pub async fn a_notice_is_its_recorders_first_and_then_any_senders(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    assert_eq!(progress(&store, 7, at(0)).await, Some(Progress::Leased { until: at(10) }));
    assert_eq!(due(&store, at(9)).await, vec![]);
    let [leased] = due(&store, at(10)).await.try_into().unwrap();
    assert_eq!(leased.lease, lease(7, 2));
    assert_eq!(leased.body.expose(), b"notice 7");
    assert_eq!(leased.issued.certificate, certificate(7));
    assert_eq!(leased.issued.transaction, transaction("t7"));
    assert_eq!(due(&store, at(29)).await, vec![]);
    assert_eq!(due(&store, at(30)).await.len(), 1);
}

pub async fn a_certificate_without_a_notice_has_none(store: Store) {
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
    assert_eq!(progress(&store, 7, at(0)).await, None);
    assert_eq!(due(&store, at(9_999)).await, vec![]);
    for serial in [7, 8] {
        let claim = store.claim_notice(&certificate_id(serial), seconds(20), at(1)).await;
        assert_eq!(claim, Ok(NoticeClaim::Nothing));
        let settled = store.settle_notice(&lease(serial, 1), Attempted::Delivered).await;
        assert_eq!(settled, Err(StoreError::LeaseLost));
    }
}

pub async fn without_its_certificate_a_notice_is_not_recorded(store: Store) {
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
    let reservation = fresh(&store, &request("u", 1, 2), at(1)).await;
    let refused = store.commit(reservation, certificate(7), Some(notice(7)), at(1)).await;
    assert_eq!(refused, Err(StoreError::DuplicateSerial(certificate_id(7))));
    let late = fresh(&store, &request("v", 1, 3), at(1)).await;
    let lost = store.commit(late, certificate(8), Some(notice(8)), at(31)).await;
    assert_eq!(lost, Err(StoreError::LeaseLost));
    assert_eq!(due(&store, at(900)).await, vec![]);
}

pub async fn a_delivered_notice_is_never_sent_again(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    for _ in 0..2 {
        store.settle_notice(&lease(7, 1), Attempted::Delivered).await.unwrap();
    }
    assert_eq!(progress(&store, 7, at(1)).await, Some(Progress::Delivered));
    assert_eq!(progress(&store, 7, at(9_999)).await, Some(Progress::Delivered));
    assert_eq!(due(&store, at(100)).await, vec![]);
    let claim = store.claim_notice(&certificate_id(7), seconds(20), at(1)).await;
    assert_eq!(claim, Ok(NoticeClaim::Delivered));
    let again = store.settle_notice(&lease(7, 1), Attempted::GivenUp).await;
    assert_eq!(again, Err(StoreError::LeaseLost));
}

pub async fn the_same_request_learns_what_became_of_its_notice(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    let told = async |now| {
        let begun = store.begin(&request("t7", 1, 7), now).await.unwrap();
        same_certificate(&begun).unwrap().notice.unwrap()
    };
    assert_eq!(told(at(1)).await.progress, Progress::Leased { until: at(10) });
    store.settle_notice(&lease(7, 1), Attempted::Postponed { until: at(60) }).await.unwrap();
    assert_eq!(told(at(2)).await.progress, Progress::Waiting { due: at(60) });
    store.settle_notice(&lease(7, 1), Attempted::Delivered).await.unwrap();
    assert_eq!(told(at(3)).await.progress, Progress::Delivered);
}

pub async fn a_postponed_notice_waits_for_its_time(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    store.settle_notice(&lease(7, 1), Attempted::Postponed { until: at(60) }).await.unwrap();
    assert_eq!(due(&store, at(59)).await, vec![]);
    assert_eq!(due(&store, at(60)).await.len(), 1);
}

pub async fn whoever_has_a_reason_may_send_a_notice_before_its_time(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    let claim = async |now| store.claim_notice(&certificate_id(7), seconds(20), now).await.unwrap();
    assert_eq!(claim(at(4)).await, NoticeClaim::Busy { retry_after: seconds(6) });
    store.settle_notice(&lease(7, 1), Attempted::Postponed { until: at(60) }).await.unwrap();
    let NoticeClaim::Leased(leased) = claim(at(5)).await else { panic!() };
    assert_eq!((leased.lease, leased.body.expose()), (lease(7, 2), &b"notice 7"[..]));
    assert_eq!(claim(at(6)).await, NoticeClaim::Busy { retry_after: seconds(19) });
    assert_eq!(due(&store, at(24)).await, vec![]);
    assert_eq!(due(&store, at(25)).await.len(), 1);
}

pub async fn a_stale_sender_can_neither_postpone_nor_give_up_but_says_what_arrived(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    assert_eq!(due(&store, at(10)).await.len(), 1);
    for outcome in [Attempted::Postponed { until: at(500) }, Attempted::GivenUp] {
        let stale = store.settle_notice(&lease(7, 1), outcome).await;
        assert_eq!(stale, Err(StoreError::LeaseLost));
    }
    assert_eq!(progress(&store, 7, at(11)).await, Some(Progress::Leased { until: at(30) }));
    store.settle_notice(&lease(7, 1), Attempted::Delivered).await.unwrap();
    let current = store.settle_notice(&lease(7, 2), Attempted::GivenUp).await;
    assert_eq!(current, Err(StoreError::LeaseLost));
    assert_eq!(progress(&store, 7, at(11)).await, Some(Progress::Delivered));
}

pub async fn a_holder_whose_lease_lapsed_may_settle_while_nobody_took_over(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    store.settle_notice(&lease(7, 1), Attempted::Postponed { until: at(90) }).await.unwrap();
    let twice = store.settle_notice(&lease(7, 1), Attempted::Postponed { until: at(80) }).await;
    assert_eq!(twice, Err(StoreError::LeaseLost));
    assert_eq!(due(&store, at(89)).await, vec![]);
}

pub async fn a_notice_that_was_given_up_is_not_sent(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    store.settle_notice(&lease(7, 1), Attempted::GivenUp).await.unwrap();
    assert_eq!(progress(&store, 7, at(1)).await, Some(Progress::GivenUp));
    assert_eq!(due(&store, at(100)).await, vec![]);
    let claim = store.claim_notice(&certificate_id(7), seconds(20), at(1)).await;
    assert_eq!(claim, Ok(NoticeClaim::GivenUp));
}

pub async fn a_notice_that_is_over_counts_as_given_up(store: Store) {
    issue_with(&store, 7, notice_until(b"short", 10, 40), at(0)).await;
    assert_eq!(due(&store, at(10)).await.len(), 1);
    assert_eq!(progress(&store, 7, at(39)).await, Some(Progress::Leased { until: at(30) }));
    assert_eq!(due(&store, at(40)).await, vec![]);
    let claim = store.claim_notice(&certificate_id(7), seconds(20), at(40)).await;
    assert_eq!(claim, Ok(NoticeClaim::GivenUp));
    assert_eq!(progress(&store, 7, at(40)).await, Some(Progress::GivenUp));
    // One that arrived at the last moment has arrived.
    store.settle_notice(&lease(7, 2), Attempted::Delivered).await.unwrap();
    assert_eq!(progress(&store, 7, at(41)).await, Some(Progress::Delivered));
}

pub async fn those_due_for_longest_come_first_and_no_more_than_asked_for(store: Store) {
    for (serial, until) in [(1, 50), (2, 30), (3, 40)] {
        issue_with(&store, serial, notice(serial), at(0)).await;
        let outcome = Attempted::Postponed { until: at(until) };
        store.settle_notice(&lease(serial, 1), outcome).await.unwrap();
    }
    let first = store.lease_notices(&endpoint("devices"), 2, seconds(20), at(60)).await.unwrap();
    let certificates: Vec<_> = first.iter().map(|leased| leased.lease.certificate).collect();
    assert_eq!(certificates, vec![certificate_id(2), certificate_id(3)]);
    assert_eq!(due(&store, at(60)).await.len(), 1);
    for most in [0, 101] {
        let refused = store.lease_notices(&endpoint("devices"), most, seconds(20), at(60)).await;
        assert!(matches!(refused, Err(StoreError::OutOfRange { what: Argument::NoticeBatch, .. })));
    }
}

pub async fn endpoints_do_not_share_notices(store: Store) {
    let reservation = fresh(&store, &request_on("others", "t", 1, 1), at(0)).await;
    store.commit(reservation, certificate(1), Some(notice(1)), at(0)).await.unwrap();
    assert_eq!(due(&store, at(100)).await, vec![]);
    let others = store.lease_notices(&endpoint("others"), 9, seconds(20), at(100)).await.unwrap();
    assert_eq!(others.len(), 1);
}

pub async fn revocation_leaves_a_notice_as_it_is(store: Store) {
    issue_with(&store, 7, notice(7), at(0)).await;
    let revocation = scep_store::Revocation { at: at(1), reason: 1 };
    store.revoke(&certificate_id(7), revocation).await.unwrap();
    let [leased] = due(&store, at(10)).await.try_into().unwrap();
    assert_eq!(leased.issued.revocation, Some(revocation));
}

pub async fn racing_senders_never_have_the_same_notice(store: Store) {
    for serial in 0..200 {
        issue_with(&store, serial, notice(serial), at(0)).await;
    }
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut had = Vec::new();
                loop {
                    let devices = endpoint("devices");
                    let leased = store.lease_notices(&devices, 7, seconds(20), at(10)).await;
                    let leased = leased.unwrap();
                    if leased.is_empty() {
                        return had;
                    }
                    had.extend(leased.into_iter().map(|leased| leased.lease));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for sender in senders {
        all.extend(sender.await.unwrap());
    }
    let certificates: BTreeSet<_> = all.iter().map(|lease| lease.certificate).collect();
    assert_eq!((all.len(), certificates.len()), (200, 200));
    assert!(all.iter().all(|lease| lease.attempt == 2));
}
