//! SQLite: the suite on one handle and on three, and what is particular to it.

use std::path::Path;
use std::sync::Arc;

use scep_test::servers::memory_folder;

use crate::suite::fixtures::*;
use crate::suite::nodes::in_turn;
use scep_store::{Begun, SqliteOptions, SqliteStore, StoreError, StoreLimits, Unfit};

mod one_handle {
    conformance!(crate::sqlite::handles(1));
    room_conformance!(crate::sqlite::small());
}

mod three_handles {
    conformance!(crate::sqlite::handles(3));
}

/// A new database under this many handles.
fn handles(count: usize) -> Store {
    let folder = memory_folder();
    let open = |_| open(folder.path(), StoreLimits::default());
    in_turn((0..count).map(open).collect(), folder)
}

fn small() -> Store {
    let folder = memory_folder();
    in_turn(vec![open(folder.path(), small_limits())], folder)
}

fn open(folder: &Path, limits: StoreLimits) -> Store {
    let options = SqliteOptions::default().with_limits(limits);
    Arc::new(SqliteStore::open(folder.join("scep.sqlite"), options).unwrap())
}

#[tokio::test]
async fn what_was_answered_is_there_when_the_file_is_opened_again() {
    let folder = memory_folder();
    let first = request("t", 1, 1).with_challenge(challenge(1));
    let pending = request("p", 2, 2).with_challenge(challenge(2));
    let number = {
        let store = open(folder.path(), StoreLimits::default());
        issue(&store, &first, 7, at(0)).await;
        queue(&store, &pending, at(0)).await;
        store.approve(&pending.request, &operator("ann"), at(1)).await.unwrap();
        store.next_crl_number(&issuer(1)).await.unwrap()
    };
    let store = open(folder.path(), StoreLimits::default());
    assert!(is_same_certificate(&store.begin(&first, at(2)).await.unwrap(), 7));
    let other = request("u", 3, 3).with_challenge(challenge(1));
    assert_eq!(store.begin(&other, at(2)).await, Ok(Begun::Replayed));
    let approved = store.begin(&pending, at(2)).await.unwrap();
    assert!(matches!(approved, Begun::Approved { operator: by, .. } if by == operator("ann")));
    assert!(store.next_crl_number(&issuer(1)).await.unwrap() > number);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let folder = memory_folder();
    let path = folder.path().join("scep.sqlite");
    drop(open(folder.path(), StoreLimits::default()));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE schema_version SET version = 99", ()).unwrap();
    let refused = SqliteStore::open(&path, SqliteOptions::default()).err();
    assert_eq!(SqliteStore::probe(&path).err(), refused);
    let Some(StoreError::Unfit(Unfit::NewerSchema { found: 99, known })) = refused else {
        panic!("{refused:?}")
    };
    assert!(known < 99);
    let version = connection.query_row("SELECT version FROM schema_version", (), |row| row.get(0));
    assert_eq!(version, Ok(99));
}

#[tokio::test]
async fn a_file_of_version_1_is_brought_up_to_date_and_keeps_its_rows() {
    let folder = memory_folder();
    let path = folder.path().join("scep.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("version-1.sql")).unwrap();
    drop(connection);
    assert_eq!(SqliteStore::probe(&path), Ok(()));
    let store = open(folder.path(), StoreLimits::default());
    let first = request("t", 1, 1).with_challenge(challenge(1));
    assert!(is_same_certificate(&store.begin(&first, at(2)).await.unwrap(), 7));
    let of = scep_store::CertificatesOf::Key(digest(b'p', 7));
    let page = scep_store::CertificatePage::newest(10).unwrap();
    let found = store.certificates(&of, &page, at(2)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].certificate, certificate(7));
    assert_eq!(found[0].revocation, Some(scep_store::Revocation { at: at(1), reason: 1 }));
    let held = scep_store::Reservation::new(123, 456); // of a node that ran before
    store.commit(held, certificate(8), None, at(2)).await.unwrap();
    let mut password = crate::suite::passwords::password(1);
    password.sealed = Some(scep_store::SealedPassword::new(b"sealed").unwrap());
    store.add_password(&password, 1, at(2)).await.unwrap();
    assert_eq!(store.password(&password.key).await, Ok(Some(password)));
    drop(store);
    assert!(SqliteStore::open(&path, SqliteOptions::default()).is_ok());
}

#[tokio::test]
async fn a_probe_makes_nothing() {
    let folder = memory_folder();
    let path = folder.path().join("with %, ? and #.sqlite");
    assert_eq!(SqliteStore::probe(&path), Ok(()));
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap(); // a database without a table
    assert_eq!(SqliteStore::probe(&path), Ok(()));
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((files, std::fs::read(&path).unwrap().len()), (1, 0));
}

#[tokio::test]
async fn what_is_no_database_is_unavailable() {
    let folder = memory_folder();
    let path = folder.path().join("scep.sqlite");
    std::fs::write(&path, [b'x'; 8_192]).unwrap();
    let refused = SqliteStore::open(&path, SqliteOptions::default()).err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
    let nowhere =
        SqliteStore::open(folder.path().join("no/folder"), SqliteOptions::default()).err();
    assert!(matches!(nowhere, Some(StoreError::Unavailable(_))), "{nowhere:?}");
}

#[tokio::test]
async fn while_another_process_writes_for_too_long_it_is_unavailable_and_then_works_again() {
    let folder = memory_folder();
    let path = folder.path().join("scep.sqlite");
    let mut options = SqliteOptions::default();
    options.busy_timeout = std::time::Duration::from_millis(20);
    let store: Store = Arc::new(SqliteStore::open(&path, options).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = store.begin(&request("t", 1, 1), at(0)).await;
    assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
    let read = store.certificate_by_serial(&certificate_id(7)).await;
    assert_eq!(read, Ok(None));
    other.execute_batch("ROLLBACK").unwrap();
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
}

#[tokio::test]
async fn a_row_that_is_no_record_fails_closed_and_spoils_nothing_else() {
    let folder = memory_folder();
    let store = open(folder.path(), StoreLimits::default());
    let broken = request("t", 1, 1).with_challenge(challenge(1));
    issue(&store, &broken, 7, at(0)).await;
    let connection = rusqlite::Connection::open(folder.path().join("scep.sqlite")).unwrap();
    connection.execute("UPDATE challenges SET csr_info = NULL", ()).unwrap();
    let other = request("u", 2, 2).with_challenge(challenge(1));
    let (begun, beside) = tokio::join!(store.begin(&other, at(1)), async {
        issue(&store, &request("v", 3, 3), 8, at(1)).await;
        store.certificate_by_serial(&certificate_id(8)).await
    });
    assert_eq!(begun, Err(StoreError::Poisoned));
    assert!(matches!(beside, Ok(Some(_))), "{beside:?}");
}

#[tokio::test]
async fn what_has_ended_is_removed_in_passing() {
    let folder = memory_folder();
    let store = open(folder.path(), StoreLimits::default());
    for number in 0..100 {
        let begin = request(&format!("{number}"), 1, number).with_challenge(challenge(number));
        let begin = begin.with_device_limit(device(number, 1, 100));
        let reservation = fresh(&store, &begin, at(0)).await;
        store.commit(reservation, certificate_until(number, at(10)), None, at(0)).await.unwrap();
    }
    for number in 0..64 {
        assert!(is_fresh(&store, &request("later", 2, number), at(30 * 86_400)).await);
    }
    let connection = rusqlite::Connection::open(folder.path().join("scep.sqlite")).unwrap();
    for table in ["challenges", "transactions", "queue", "devices", "certificates", "passwords"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(connection.query_row(&count, (), |row| row.get(0)), Ok(0), "{table}");
    }
}
