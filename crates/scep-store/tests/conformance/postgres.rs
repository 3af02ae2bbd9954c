//! PostgreSQL: the suite on one node and on three.

use std::sync::Arc;
use std::time::Duration;

use scep_test::servers::{Postgres, memory_folder};

use crate::suite::fixtures::*;
use crate::suite::nodes::in_turn;
use crate::suite::runner::check_all;
use scep_store::{PostgresOptions, PostgresStore, PostgresTls, StoreError, Unfit};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn all_claims_hold_on_one_node() {
    let postgres = Postgres::start(memory_folder());
    check_all(&all_claims!(), async || nodes(&postgres, 1).await).await;
    let options = PostgresOptions::default().with_limits(small_limits());
    let small = async || {
        let store: Store = Arc::new(node(&postgres.new_schema(), options).await);
        store
    };
    check_all(&all_room_claims!(), small).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn all_claims_hold_on_three_nodes() {
    let postgres = Postgres::start(memory_folder());
    check_all(&all_claims!(), async || nodes(&postgres, 3).await).await;
}

// A statement that had to be prepared anew used to be run after the commit of its transaction, where it compared nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn all_claims_hold_however_few_statements_stay_prepared() {
    let postgres = Postgres::start(memory_folder());
    let options = PostgresOptions::default().with_prepared_statements(1);
    check_all(&all_claims!(), async || nodes_with(&postgres, 3, options).await).await;
}

#[tokio::test]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn it_fails_closed_while_the_server_is_away_and_works_when_it_is_back() {
    let mut postgres = Postgres::start(memory_folder());
    let config = postgres.new_schema();
    let store: Store = Arc::new(node(&config, PostgresOptions::default()).await);
    let first = request("t", 1, 1).with_challenge(challenge(1));
    issue(&store, &first, 7, at(0)).await;
    let held = fresh(&store, &request("held", 2, 2), at(0)).await;
    postgres.stop();
    let begun = store.begin(&first, at(1)).await;
    assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
    let committed = store.commit(held, certificate(8), None, at(1)).await;
    assert!(matches!(committed, Err(StoreError::Unavailable(_))), "{committed:?}");
    postgres.restart();
    assert!(is_same_certificate(&store.begin(&first, at(2)).await.unwrap(), 7));
    assert_eq!(store.certificate_by_serial(&certificate_id(8)).await, Ok(None));
}

#[tokio::test]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn a_verb_that_takes_too_long_is_unavailable_and_leaves_nothing() {
    let postgres = Postgres::start(memory_folder());
    let config = postgres.new_schema();
    let options = PostgresOptions::default().with_timeout(Duration::from_millis(300));
    let store: Store = Arc::new(node(&config, options).await);
    let (other, connection) =
        tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    other.batch_execute("BEGIN; LOCK TABLE transactions").await.unwrap();
    let begun = store.begin(&request("t", 1, 1), at(0)).await;
    assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert!(is_fresh(&store, &request("t", 1, 1), at(0)).await);
}

#[tokio::test]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn a_schema_of_a_newer_version_and_a_server_that_forgets_are_refused() {
    let postgres = Postgres::start(memory_folder());
    let config = postgres.new_schema();
    drop(node(&config, PostgresOptions::default()).await);
    let (client, connection) =
        tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("UPDATE schema_version SET version = 99").await.unwrap();
    let connect = async || {
        let (tls, options) = (PostgresTls::Unencrypted, PostgresOptions::default());
        PostgresStore::connect(&config, tls, options).await.err()
    };
    let refused = connect().await;
    assert!(matches!(refused, Some(StoreError::Unfit(Unfit::NewerSchema { found: 99, .. }))));
    client.batch_execute("ALTER SYSTEM SET synchronous_commit = off").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let off = async || {
        let shown = client.query_one("SHOW synchronous_commit", &[]).await.unwrap();
        shown.get::<_, String>(0) == "off"
    };
    while !off().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let setting = "synchronous_commit = off".to_owned();
    assert_eq!(connect().await, Some(StoreError::Unfit(Unfit::LosesCommits { setting })));
}

#[tokio::test]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn a_schema_of_version_1_is_brought_up_to_date_once_and_keeps_its_rows() {
    let postgres = Postgres::start(memory_folder());
    let config = postgres.new_schema();
    let (client, connection) =
        tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // What is X'00' for SQLite is '\x00' for PostgreSQL.
    let rows = include_str!("version-1.sql").replace("X'", "'\\x");
    client.batch_execute(&rows).await.unwrap();
    let open = || node(&config, PostgresOptions::default());
    let (store, other) = tokio::join!(open(), open());
    let (store, other): (Store, Store) = (Arc::new(store), Arc::new(other));
    let first = request("t", 1, 1).with_challenge(challenge(1));
    assert!(is_same_certificate(&store.begin(&first, at(2)).await.unwrap(), 7));
    let of = scep_store::CertificatesOf::Key(digest(b'p', 7));
    let page = scep_store::CertificatePage::newest(10).unwrap();
    let found = store.certificates(&of, &page, at(2)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].certificate, certificate(7));
    let held = scep_store::Reservation::new(123, 456); // of a node that ran before
    store.commit(held, certificate(8), None, at(2)).await.unwrap();
    let mut password = crate::suite::passwords::password(1);
    password.sealed = Some(scep_store::SealedPassword::new(b"sealed").unwrap());
    store.add_password(&password, 1, at(2)).await.unwrap();
    assert_eq!(other.password(&password.key).await, Ok(Some(password)));
}

/// A new schema under this many nodes.
async fn nodes(postgres: &Postgres, count: usize) -> Store {
    nodes_with(postgres, count, PostgresOptions::default()).await
}

async fn nodes_with(postgres: &Postgres, count: usize, options: PostgresOptions) -> Store {
    let config = postgres.new_schema();
    let mut nodes: Vec<Store> = Vec::new();
    for _ in 0..count {
        nodes.push(Arc::new(node(&config, options).await));
    }
    in_turn(nodes, ())
}

pub(crate) async fn node(config: &str, options: PostgresOptions) -> PostgresStore {
    PostgresStore::connect(config, PostgresTls::Unencrypted, options).await.unwrap()
}
