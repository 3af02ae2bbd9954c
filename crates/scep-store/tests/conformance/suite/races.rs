//! Once only, whatever comes at the same time.

use std::collections::{BTreeMap, BTreeSet};

use scep_store::{Begin, Begun, Outcome, Polled};
use scep_types::UnixTime;
use tokio::task::JoinSet;

use super::fixtures::*;

/// How often something is tried: as often as CI wants it with `SCEP_STORE_FULL=1`.
fn rounds(modest: u32, full: u32) -> u32 {
    if std::env::var_os("SCEP_STORE_FULL").is_some() { full } else { modest }
}

/// Runs `tasks` copies of a task together and returns what they return.
pub(super) async fn together<T: Send + 'static, F>(tasks: u32, task: impl Fn(u32) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let mut set = JoinSet::new();
    for number in 0..tasks {
        set.spawn(task(number));
    }
    set.join_all().await
}

/// Settles what is fresh with a certificate; says which certificate the request has now, if it has one.
async fn enrol(store: &Store, begin: &Begin, serial: u32, now: UnixTime) -> Option<Option<u32>> {
    match store.begin(begin, now).await.unwrap() {
        Begun::Fresh(reservation) => {
            tokio::task::yield_now().await; // the signature
            store.commit(reservation, certificate(serial), None, now).await.unwrap();
            Some(Some(serial))
        }
        Begun::Same(Outcome::Issued(issued)) => {
            let der = issued.certificate.der.to_vec();
            Some(String::from_utf8(der).unwrap().strip_prefix("certificate ")?.parse().ok())
        }
        Begun::Busy { .. } => Some(None),
        Begun::Replayed => None,
        other => panic!("{other:?}"),
    }
}

pub async fn sixty_four_tasks_get_one_reservation_for_each_challenge(store: Store) {
    let challenges = rounds(500, 2_000);
    let tasks = together(64, |task| {
        let store = store.clone();
        async move {
            let mut winners = Vec::new();
            for number in 0..challenges {
                // A copy of the same CSR in each task, under another transaction and key.
                let copy = request(&format!("{task}/{number}"), task, number);
                let begun = store.begin(&copy.with_challenge(challenge(number)), at(0)).await;
                match begun.unwrap() {
                    Begun::Fresh(reservation) => winners.push((number, reservation)),
                    Begun::Busy { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            winners
        }
    });
    let mut winners: Vec<_> = tasks.await.into_iter().flatten().map(|(number, _)| number).collect();
    winners.sort_unstable();
    assert_eq!(winners, (0..challenges).collect::<Vec<_>>());
    println!("64 tasks on each of {challenges} challenges: one reservation each");
}

// R-2.4-02
pub async fn of_four_csrs_on_one_challenge_exactly_one_wins(store: Store) {
    let rounds = rounds(2_000, 20_000);
    for round in 0..rounds {
        let outcomes = together(4, |task| {
            let store = store.clone();
            let csr = round * 4 + task;
            let begin = request(&format!("{round}/{task}"), csr, csr);
            let begin = begin.with_challenge(challenge(round));
            async move { enrol(&store, &begin, csr, at(0)).await }
        });
        let won = outcomes.await.into_iter().flatten().count();
        assert_eq!(won, 1, "in round {round}");
    }
    println!("4 CSRs on one challenge, {rounds} rounds: exactly one certificate each");
}

pub async fn a_storm_of_duplicates_gets_one_certificate(store: Store) {
    let each = rounds(16, 160);
    let begin = request("storm", 1, 1).with_challenge(challenge(1));
    let certificates = together(64, |task| {
        let (store, begin) = (store.clone(), begin.clone());
        async move {
            let mut certificates = BTreeSet::new();
            for number in 0..each {
                loop {
                    match enrol(&store, &begin, task * each + number, at(0)).await {
                        Some(Some(serial)) => {
                            certificates.insert(serial);
                            break;
                        }
                        Some(None) => tokio::task::yield_now().await,
                        None => panic!("an honest retry was refused"),
                    }
                }
            }
            certificates
        }
    });
    let certificates: BTreeSet<u32> = certificates.await.into_iter().flatten().collect();
    assert_eq!(certificates.len(), 1, "{certificates:?}");
    println!("{} duplicates of one request: one certificate", 64 * each);
}

pub async fn duplicates_of_a_request_get_one_certificate(store: Store) {
    for round in 0..200 {
        let certificates = together(16, |task| {
            let store = store.clone();
            let begin = request(&format!("{round}"), round, round).with_challenge(challenge(round));
            async move {
                loop {
                    match enrol(&store, &begin, round * 16 + task, at(0)).await {
                        Some(Some(serial)) => return serial,
                        Some(None) => tokio::task::yield_now().await,
                        None => panic!("an honest retry was refused"),
                    }
                }
            }
        })
        .await;
        assert!(certificates.windows(2).all(|pair| pair[0] == pair[1]), "{certificates:?}");
    }
}

pub async fn failures_between_duplicates_never_give_two_certificates(store: Store) {
    const CHALLENGES: u32 = 300;
    let committed = together(16, |task| {
        let store = store.clone();
        async move {
            let mut committed = Vec::new();
            for number in 0..CHALLENGES {
                let csr = number * 16 + task;
                let begin = request(&format!("{csr}"), csr, csr).with_challenge(challenge(number));
                let Begun::Fresh(reservation) = store.begin(&begin, at(0)).await.unwrap() else {
                    continue;
                };
                tokio::task::yield_now().await;
                if (task + number) % 3 == 0 {
                    store.commit(reservation, certificate(csr), None, at(1)).await.unwrap();
                    committed.push(number);
                } else {
                    store.release(reservation, at(1)).await.unwrap();
                }
            }
            committed
        }
    });
    let mut counts = BTreeMap::new();
    for number in committed.await.into_iter().flatten() {
        *counts.entry(number).or_insert(0) += 1;
    }
    assert!(!counts.is_empty());
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

pub async fn a_window_admits_exactly_its_limit_to_racing_tasks(store: Store) {
    let rounds = rounds(100, 1_000);
    for round in 0..rounds {
        let admitted = together(32, |task| {
            let store = store.clone();
            let csr = round * 32 + task;
            let begin = request(&format!("{csr}"), csr, csr);
            let begin = begin.with_device_limit(device(round, 5, 3_600));
            async move {
                match store.begin(&begin, at(0)).await.unwrap() {
                    Begun::Fresh(reservation) => {
                        store.commit(reservation, certificate(csr), None, at(0)).await.unwrap();
                        true
                    }
                    Begun::RateLimited { .. } => false,
                    other => panic!("{other:?}"),
                }
            }
        });
        let admitted = admitted.await.into_iter().filter(|admitted| *admitted).count();
        assert_eq!(admitted, 5, "in round {round}");
    }
    println!("32 tasks on each of {rounds} devices with a limit of 5: exactly 5 admitted each");
}

pub async fn racing_polls_and_retries_get_one_approval(store: Store) {
    for round in 0..200 {
        let id = format!("{round}");
        let waiting = request(&id, round, round);
        queue(&store, &waiting, at(0)).await;
        store.approve(&waiting.request, &operator("ann"), at(1)).await.unwrap();
        let issuers = together(16, |task| {
            let (store, waiting) = (store.clone(), waiting.clone());
            async move {
                if task % 2 == 0 {
                    let id = &waiting.request.transaction;
                    let polled = store.poll(id, &signer(round), terms(), at(2)).await.unwrap();
                    assert!(matches!(polled, Polled::Approved { .. } | Polled::Pending));
                    matches!(polled, Polled::Approved { .. })
                } else {
                    let begun = store.begin(&waiting, at(2)).await.unwrap();
                    let pending = begun == Begun::Same(Outcome::Pending);
                    let approved = matches!(begun, Begun::Approved { .. });
                    assert!(pending || approved);
                    approved
                }
            }
        });
        let issuers = issuers.await.into_iter().filter(|issuer| *issuer).count();
        assert_eq!(issuers, 1, "in round {round}");
    }
}

pub async fn a_lapsed_reservation_has_one_successor(store: Store) {
    for round in 0..200 {
        let begin = request(&format!("{round}"), round, round).with_challenge(challenge(round));
        let dead = fresh(&store, &begin, at(0)).await;
        let committed = together(8, |task| {
            let (store, begin) = (store.clone(), begin.clone());
            async move {
                match store.begin(&begin, at(30)).await.unwrap() {
                    Begun::Fresh(reservation) => {
                        let certificate = certificate(round * 8 + task);
                        store.commit(reservation, certificate, None, at(30)).await.is_ok()
                    }
                    _ => false,
                }
            }
        });
        let late = store.commit(dead, certificate(1_000_000 + round), None, at(30));
        let (committed, late) = tokio::join!(committed, late);
        assert!(late.is_err(), "in round {round}");
        assert_eq!(committed.into_iter().filter(|committed| *committed).count(), 1);
    }
}

pub async fn crl_numbers_are_never_given_twice(store: Store) {
    let numbers = together(32, |_| {
        let store = store.clone();
        async move {
            let mut numbers = Vec::new();
            for _ in 0..100 {
                numbers.push(store.next_crl_number(&issuer(1)).await.unwrap());
            }
            numbers
        }
    });
    let mut numbers: Vec<_> = numbers.await.into_iter().flatten().collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 3_200);
}
