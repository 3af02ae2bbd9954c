//! Redis: the suite on one node and on three, and which servers it refuses.

use std::sync::Arc;

use scep_test::servers::{Redis, memory_folder};

use crate::suite::fixtures::*;
use crate::suite::nodes::in_turn;
use crate::suite::runner::check_all;
use scep_store::{
    Allowance, Begun, Outcome, Polled, RedisOptions, RedisPersistence, RedisStore, Revocation,
    StoreError, Unfit,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn all_claims_hold_on_one_node() {
    let redis = Redis::start(memory_folder(), Redis::DURABLE);
    check_all(&all_claims!(), async || nodes(&redis, 1).await).await;
    let small = async || {
        let options = RedisOptions::default().with_prefix(&redis.new_prefix());
        let options = options.with_limits(small_limits());
        let store: Store = Arc::new(node(&redis.url(), options).await);
        store
    };
    check_all(&all_room_claims!(), small).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn all_claims_hold_on_three_nodes() {
    let redis = Redis::start(memory_folder(), Redis::DURABLE);
    check_all(&all_claims!(), async || nodes(&redis, 3).await).await;
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn a_server_that_evicts_is_refused() {
    let redis = Redis::start(
        memory_folder(),
        &["--maxmemory-policy", "allkeys-lru", "--appendonly", "yes"],
    );
    let options = RedisOptions::default().with_persistence(RedisPersistence::WhileItRuns);
    let refused = RedisStore::connect(&redis.url(), options).await.err();
    let policy = "allkeys-lru".to_owned();
    assert_eq!(refused, Some(StoreError::Unfit(Unfit::Evicts { policy })));
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn a_server_that_forgets_is_refused_unless_that_is_asked_for() {
    let redis = Redis::start(memory_folder(), &[]);
    let loses = |setting: &str| {
        Some(StoreError::Unfit(Unfit::LosesCommits { setting: setting.to_owned() }))
    };
    let connect = async |persistence| {
        let options = RedisOptions::default().with_persistence(persistence);
        RedisStore::connect(&redis.url(), options).await.err()
    };
    assert_eq!(connect(RedisPersistence::Always).await, loses("appendonly no"));
    assert_eq!(connect(RedisPersistence::EverySecond).await, loses("appendonly no"));
    assert_eq!(connect(RedisPersistence::WhileItRuns).await, None);
    let redis =
        Redis::start(memory_folder(), &["--appendonly", "yes", "--appendfsync", "everysec"]);
    let connect = async |persistence| {
        let options = RedisOptions::default().with_persistence(persistence);
        RedisStore::connect(&redis.url(), options).await.err()
    };
    assert_eq!(connect(RedisPersistence::Always).await, loses("appendfsync everysec"));
    assert_eq!(connect(RedisPersistence::EverySecond).await, None);
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn it_fails_closed_while_the_server_is_away_and_works_when_it_is_back() {
    let mut redis = Redis::start(memory_folder(), Redis::DURABLE);
    let store: Store = Arc::new(node(&redis.url(), RedisOptions::default()).await);
    let first = request("t", 1, 1).with_challenge(challenge(1));
    issue(&store, &first, 7, at(0)).await;
    redis.stop();
    let begun = store.begin(&first, at(1)).await;
    assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
    redis.restart();
    let mut begun = store.begin(&first, at(2)).await;
    for _ in 0..100 {
        if begun.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        begun = store.begin(&first, at(2)).await;
    }
    assert!(is_same_certificate(&begun.unwrap(), 7));
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn a_crash_takes_reservations_back_and_nothing_that_was_settled() {
    let mut redis = Redis::start(memory_folder(), Redis::DURABLE);
    let store: Store = Arc::new(node(&redis.url(), RedisOptions::default()).await);
    let own = |number: u32| {
        let begin = request(&format!("{number}"), number, number);
        begin.with_challenge(challenge(number)).with_device_limit(device(number, 1, 1_000))
    };
    let allowance = Allowance::new(digest(b'a', 1), 1, seconds(1_000)).unwrap();
    let counted = request("counted", 5, 5).with_endpoint_allowance(allowance);
    issue(&store, &own(1), 1, at(0)).await;
    queue(&store, &own(2), at(0)).await;
    store.reject(fresh(&store, &own(3), at(0)).await, BAD_REQUEST, at(0)).await.unwrap();
    let taken_back = fresh(&store, &own(4), at(0)).await;
    issue(&store, &counted, 5, at(0)).await;

    redis.crash_and_restart();
    let store: Store = Arc::new(node(&redis.url(), RedisOptions::default()).await);
    let by_name = |number: u32| request(&format!("{number}"), number, number);
    assert!(is_same_certificate(&store.begin(&by_name(1), at(1)).await.unwrap(), 1));
    assert!(is_same_certificate(&store.begin(&own(1), at(1)).await.unwrap(), 1));
    let waits = Begun::Same(Outcome::Pending);
    assert_eq!(store.begin(&own(2), at(1)).await, Ok(waits));
    let another = request("another", 9, 9).with_challenge(challenge(2));
    assert_eq!(store.begin(&another, at(1)).await, Ok(Begun::Replayed));
    let polled = store.poll(&transaction("3"), &signer(3), terms(), at(1)).await;
    assert_eq!(polled, Ok(Polled::Rejected(BAD_REQUEST)));
    for full in [device(1, 1, 1_000), device(2, 1, 1_000)] {
        let begun = store.begin(&request("full", 9, 9).with_device_limit(full), at(1)).await;
        assert!(matches!(begun, Ok(Begun::RateLimited { .. })), "{begun:?}");
    }
    let begun = store.begin(&request("more", 9, 9).with_endpoint_allowance(allowance), at(1)).await;
    assert!(matches!(begun, Ok(Begun::RateLimited { .. })), "{begun:?}");

    let late = store.commit(taken_back, certificate(4), None, at(1)).await;
    assert_eq!(late, Err(StoreError::LeaseLost));
    issue(&store, &own(4), 4, at(1)).await;
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn a_server_without_the_replicas_that_must_hear_commits_nothing_for_sure() {
    let redis = Redis::start(memory_folder(), Redis::DURABLE);
    let mut options = RedisOptions::default().with_replicas(1);
    options.timeout = std::time::Duration::from_millis(400);
    let store: Store = Arc::new(node(&redis.url(), options).await);
    let held = fresh(&store, &request("t", 1, 1), at(0)).await;
    let committed = store.commit(held, certificate(7), None, at(1)).await;
    assert!(matches!(committed, Err(StoreError::Unavailable(_))), "{committed:?}");
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn records_of_earlier_versions_are_found_as_all_are_once_a_node_of_this_version_started() {
    let redis = Redis::start(memory_folder(), Redis::DURABLE);
    let options = RedisOptions::default().with_prefix("old");
    let store: Store = Arc::new(node(&redis.url(), options.clone()).await);
    for serial in 0..600 {
        issue(&store, &request(&format!("{serial}"), 1, serial), serial, at(0)).await;
    }
    let mut raw = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut other = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut run = |command: &str, arguments: &[&str]| {
        ::redis::cmd(command).arg(arguments).query::<()>(&mut other).unwrap();
    };
    // As version 1 left it.
    keys(&mut raw, "{old}:slots*").iter().for_each(|key| run("DEL", &[key]));
    run("DEL", &["{old}:places"]);
    run("ZADD", &["{old}:transactions:ends", "1", "whatever it was"]);
    run("SET", &["{old}:version", "1"]);
    // As version 3 left it.
    run("ZADD", &["{old}:ends", "5", "5"]);
    run("SADD", &["{old}:ends:5", "a record"]);
    let page = scep_store::CertificatePage::newest(10).unwrap();
    let of = scep_store::CertificatesOf::Key(digest(b'p', 7));
    assert_eq!(store.certificates(&of, &page, at(1)).await, Ok(vec![]));
    let store: Store = Arc::new(node(&redis.url(), options).await);
    for serial in [0, 7, 599] {
        let of = scep_store::CertificatesOf::Key(digest(b'p', serial));
        let found = store.certificates(&of, &page, at(1)).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].certificate, certificate(serial));
    }
    let version: u64 = ::redis::cmd("GET").arg("{old}:version").query(&mut raw).unwrap();
    assert_eq!(version, 4);
    assert_eq!(keys(&mut raw, "{old}:*ends*"), [""; 0]);
    forget_all(&store, &mut raw, "old").await;
    run("SET", &["{old}:version", "5"]);
    let options = RedisOptions::default().with_prefix("old");
    let refused = RedisStore::connect(&redis.url(), options).await.err();
    assert_eq!(refused, Some(StoreError::Unfit(Unfit::NewerSchema { found: 5, known: 4 })));
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn what_has_ended_goes_with_all_that_led_to_it() {
    let redis = Redis::start(memory_folder(), Redis::DURABLE);
    let options = RedisOptions::default().with_prefix("all");
    let store: Store = Arc::new(node(&redis.url(), options).await);
    for number in 0..600 {
        let begin = request(&format!("{number}"), number, number).with_challenge(challenge(number));
        let begin = begin.with_device_limit(device(number, 1, 1_000));
        match number % 3 {
            0 => queue(&store, &begin, at(0)).await,
            _ => issue(&store, &begin, number, at(0)).await,
        }
    }
    let revocation = Revocation { at: at(1), reason: 1 };
    store.revoke(&certificate_id(1), revocation).await.unwrap();
    let mut raw = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    forget_all(&store, &mut raw, "all").await;
}

/// Lets all end, and the verbs of that time purge, until no key is left but that of the version.
async fn forget_all(store: &Store, raw: &mut ::redis::Connection, prefix: &str) {
    let long_after = at(1_000_000_000);
    let mut left = Vec::new();
    for _ in 0..500 {
        for _ in 0..64 {
            let nobody = request("nobody", 1, 1).request;
            assert_eq!(store.recall(&nobody, terms(), long_after).await, Ok(None));
        }
        left = keys(raw, &format!("{{{prefix}}}:*"));
        if left == [format!("{{{prefix}}}:version")] {
            return;
        }
    }
    panic!("{left:?}");
}

fn keys(raw: &mut ::redis::Connection, pattern: &str) -> Vec<String> {
    ::redis::cmd("KEYS").arg(pattern).query(raw).unwrap()
}

/// New keys under this many nodes.
async fn nodes(redis: &Redis, count: usize) -> Store {
    let prefix = redis.new_prefix();
    let mut nodes: Vec<Store> = Vec::new();
    for _ in 0..count {
        let options = RedisOptions::default().with_prefix(&prefix);
        nodes.push(Arc::new(node(&redis.url(), options).await));
    }
    in_turn(nodes, ())
}

pub(crate) async fn node(url: &str, options: RedisOptions) -> RedisStore {
    RedisStore::connect(url, options).await.unwrap()
}
