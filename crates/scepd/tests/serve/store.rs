//! `[store]`: what is made, what is checked, and what is said about it.

use std::os::unix::fs::PermissionsExt as _;

use scep_test::servers::{Postgres, Redis, memory_folder};

use crate::backend::Backend;
use crate::config::{Wrong, assert_explained};
use crate::support::{PASSWORD, Place, STATIC, Scepd, enrol};

const NEWER: &str = "UPDATE schema_version SET version = 99";

/// Line 1 of the configuration is empty.
const WRONG: &[Wrong] = &[
    (
        "[admin]",
        "[store]\nurl = \"oracle:\"\n[admin]",
        (5, 7),
        "no such kind of store",
        "sqlite:scepd.sqlite",
    ),
    (
        "[admin]",
        "[store]\nurl = \"sqlite:\"\n[admin]",
        (5, 7),
        "`sqlite:` and no file",
        "sqlite:scepd.sqlite",
    ),
    (
        "[admin]",
        "[store]\nurl = \"postgres:host/db\"\n[admin]",
        (5, 7),
        "`//` is missing",
        "postgres://user@host/database",
    ),
    (
        "[admin]",
        "[store]\nurl = \"postgres:///db\"\n[admin]",
        (5, 7),
        "the URL names no host",
        "?host=/run/postgresql",
    ),
    (
        "[admin]",
        "[store]\nurl = \"postgres://u@h/d?sslmode=require\"\n[admin]",
        (5, 7),
        "nobody knows whom scepd talks to",
        "sslmode=verify-full",
    ),
    (
        "[admin]",
        "[store]\nurl = \"postgres://u@127.0.0.1/d?frobnicate=1\"\n[admin]",
        (5, 7),
        "not the address of a database",
        "scepd config example",
    ),
    (
        "[admin]",
        "[store]\nurl = \"redis://127.0.0.1/x\"\n[admin]",
        (5, 7),
        "not the address of a database",
        "scepd config example",
    ),
    (
        "[admin]",
        "[store]\nurl = \"rediss://h/#insecure\"\n[admin]",
        (5, 7),
        "'#' stands where",
        "%23",
    ),
    (
        "[admin]",
        "[store]\nurl = \"memory:\"\npassword = { file = \"password\" }\n[admin]",
        (6, 12),
        "`password` is of no use",
        "correct `url`",
    ),
    (
        "[admin]",
        "[store]\nurl = \"redis://127.0.0.1\"\npostgres = { connections = 1 }\n[admin]",
        (6, 12),
        "`postgres` is of no use",
        "correct `url`",
    ),
    (
        "[admin]",
        "[store]\nurl = \"redis://127.0.0.1\"\nredis = { prefix = \"a b\" }\n[admin]",
        (6, 9),
        "the prefix \"a b\" is not plain",
        "letters, digits",
    ),
    (
        "[admin]",
        "[store]\nurl = \"rediss://127.0.0.1\"\nroots = \"nowhere.pem\"\n[admin]",
        (6, 9),
        "No such file",
        "correct the path",
    ),
    (
        "[admin]",
        "[store]\nlimits = { certificates = 0 }\n[admin]",
        (5, 27),
        "expected a nonzero usize",
        "scepd config",
    ),
];

/// The usual configuration on this store.
fn place_with(store: &str) -> Place {
    let place = Place::new(STATIC);
    place.replace("[admin]", &format!("[store]\n{store}\n[admin]"));
    place
}

/// What a check says at the line of `store.url`: mistakes and warnings.
fn said(place: &Place) -> (String, String) {
    let report = place.check();
    let at_url = |kind: &str| {
        let found = report[kind].as_array().unwrap().iter().filter(|found| found["line"] == 5);
        found.map(ToString::to_string).collect::<String>()
    };
    (at_url("mistakes"), at_url("warnings"))
}

/// What scepd says when it does not start.
fn refused(place: &Place) -> String {
    let output = place.run(&["serve", "--config", "scepd.toml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn names(place: &Place) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(place.dir.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn every_mistake_of_a_store_is_explained_with_its_place_and_a_remedy() {
    assert_explained(WRONG);
}

#[test]
fn without_a_setting_the_state_is_in_a_file_for_its_owner_only() {
    for place in [Place::new(STATIC), Place::empty()] {
        let arguments: &[&str] = match place.path("scepd.toml").exists() {
            true => &["serve", "--config", "scepd.toml"],
            false => &["serve", "--listen", "127.0.0.1:0"],
        };
        drop(Scepd::start(&place, arguments));
        for name in ["scepd.sqlite", "scepd.sqlite-wal", "scepd.sqlite-shm"] {
            let file = place.path("state").join(name);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
    }
}

#[tokio::test]
async fn memory_serves_and_is_said_to_forget() {
    let place = place_with("url = \"memory:\"");
    let (mistakes, warnings) = said(&place);
    assert_eq!(mistakes, "");
    assert!(warnings.contains("a restart forgets"), "{warnings}");
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    assert_eq!(scepd.logged("a restart forgets"), 1, "{}", scepd.log());
    assert!(!place.path("state/scepd.sqlite").exists());
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    for url in [
        "postgres://scep:hunter2hunter2@db.example/scep",
        "postgres://scep@db.example/scep?password=hunter2hunter2",
        "redis://:hunter2hunter2@cache.example",
        "redis+unix:///run/redis.sock?pass=hunter2hunter2",
        "hunter2hunter2",
    ] {
        let place = place_with(&format!("url = \"{url}\""));
        for arguments in
            [&["check"][..], &["check", "--json"], &["serve", "--config", "scepd.toml"]]
        {
            let output = place.run(arguments);
            assert_eq!(output.status.code(), Some(1));
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(said.contains("no such kind") || said.contains("holds a password"), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn a_check_makes_no_store_and_leaves_one_as_it_is() {
    let place = place_with("url = \"sqlite:new/scepd.sqlite\"");
    let before = names(&place);
    assert_eq!(place.check()["ok"], true);
    assert_eq!(names(&place), before);

    let place = place_with("url = \"sqlite:scepd.sqlite\"");
    let mut scepd = place.serve();
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    // As after a backup was put back: one file.
    let connection = rusqlite::Connection::open(place.path("scepd.sqlite")).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    drop(connection);
    let (before, octets) = (names(&place), std::fs::read(place.path("scepd.sqlite")).unwrap());
    assert_eq!(place.check()["ok"], true);
    assert_eq!(names(&place), before);
    assert!(std::fs::read(place.path("scepd.sqlite")).unwrap() == octets);
}

#[test]
fn a_file_of_a_newer_version_is_explained_and_left_alone() {
    let place = place_with("url = \"sqlite:scepd.sqlite\"");
    drop(place.serve());
    let connection = rusqlite::Connection::open(place.path("scepd.sqlite")).unwrap();
    connection.execute(NEWER, ()).unwrap();
    let (mistakes, _) = said(&place);
    assert!(mistakes.contains("store.url: SQLite in"), "{mistakes}");
    assert!(mistakes.contains("its schema has version 99"), "{mistakes}");
    assert!(mistakes.contains("run the newer scepd"), "{mistakes}");
    let said = refused(&place);
    assert!(said.contains("scepd.toml:5:7: store.url: SQLite in"), "{said}");
    let version = connection.query_row("SELECT version FROM schema_version", (), |row| row.get(0));
    assert_eq!(version, Ok(99));
}

#[test]
fn a_file_that_others_may_read_or_that_is_no_database_is_refused() {
    let place = place_with("url = \"sqlite:scepd.sqlite\"");
    place.write("scepd.sqlite", "", 0o644);
    let (mistakes, _) = said(&place);
    assert!(mistakes.contains("open to others than its owner (mode 0644)"), "{mistakes}");
    assert!(refused(&place).contains("chmod 600"));
    place.write("scepd.sqlite", &"x".repeat(8_192), 0o600);
    let (mistakes, _) = said(&place);
    assert!(mistakes.contains("file is not a database"), "{mistakes}");
    assert!(refused(&place).contains("file is not a database"));
}

#[test]
fn a_server_that_is_away_is_a_warning_of_a_check_and_the_end_of_a_start() {
    for (url, name) in
        [("redis://127.0.0.1:1", "Redis"), ("postgres://scep@127.0.0.1:1/scep", "PostgreSQL")]
    {
        let place = place_with(&format!("url = \"{url}\""));
        let (mistakes, warnings) = said(&place);
        assert_eq!(mistakes, "");
        assert!(warnings.contains(&format!("store.url: {name}: ")), "{warnings}");
        let said = refused(&place);
        assert!(said.contains(&format!("scepd.toml:5:7: store.url: {name}: ")), "{said}");
        assert!(said.contains("start the server"), "{said}");
    }
}

#[test]
fn another_store_waits_for_a_restart() {
    let place = place_with("url = \"memory:\"");
    let mut scepd = place.serve();
    place.replace("memory:", "sqlite:scepd.sqlite");
    scepd.hang_up("takes effect at the next start");
    assert_eq!(scepd.logged("setting=\"store\""), 1, "{}", scepd.log());
    assert!(!place.path("scepd.sqlite").exists());
}

#[tokio::test]
async fn a_store_that_is_full_is_said_to_be_by_name() {
    let place = place_with("url = \"sqlite:scepd.sqlite\"\nlimits = { certificates = 1 }");
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    let message = crate::support::message(scepd.url(), "tablet", PASSWORD).await;
    let url = format!("{}?operation=PKIOperation", scepd.url());
    let answer = crate::support::http().post(url).body(message).send().await.unwrap();
    assert_eq!(answer.status(), reqwest::StatusCode::SERVICE_UNAVAILABLE);
    let decisions = scepd.get("/api/v1/decisions", &token).await;
    let detail = decisions["decisions"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("no room for more than 1 certificates: raise that limit"), "{detail}");
}

#[tokio::test]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn on_postgresql_a_check_makes_nothing_and_says_what_is_unfit() {
    let server = Postgres::start(memory_folder());
    let backend = Backend::postgres(&server);
    let place = place_with(&backend.settings());
    assert_eq!(said(&place), (String::new(), String::new()));
    let client = backend.client().await;
    let made = "SELECT CAST(to_regclass('schema_version') AS TEXT)";
    assert_eq!(client.query_one(made, &[]).await.unwrap().get::<_, Option<String>>(0), None);
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    assert_eq!(backend.certificates().await, 1);
    drop(scepd);
    assert_eq!(said(&place), (String::new(), String::new()));
    client.batch_execute(NEWER).await.unwrap();
    let (mistakes, _) = said(&place);
    assert!(mistakes.contains("its schema has version 99"), "{mistakes}");
    assert!(refused(&place).contains("scepd.toml:5:7: store.url: PostgreSQL: "));
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn on_redis_a_server_that_forgets_is_refused_unless_the_configuration_says_it_may() {
    let server =
        Redis::start(memory_folder(), &["--appendonly", "yes", "--appendfsync", "everysec"]);
    let backend = Backend::redis(&server);
    let place = place_with(&backend.settings());
    let (mistakes, _) = said(&place);
    assert!(
        mistakes.contains("it forgets commits in a crash: appendfsync everysec")
            || mistakes.contains("appendfsync everysec"),
        "{mistakes}"
    );
    assert!(mistakes.contains("persistence"), "{mistakes}");
    assert!(refused(&place).contains("scepd.toml:5:7: store.url: Redis: "));
    place.replace("redis = { ", "redis = { persistence = \"every-second\", ");
    assert_eq!(said(&place), (String::new(), String::new()));
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    assert_eq!(backend.certificates().await, 1);
}

#[tokio::test]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn on_redis_the_password_comes_from_a_file_or_the_environment() {
    let server = Redis::start(memory_folder(), Redis::DURABLE);
    let secret = "p@ss:w/rd?&#%";
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg("requirepass").arg(secret);
    command.query_async::<()>(&mut connection).await.unwrap();

    let settings = Backend::redis(&server).settings();
    let without = place_with(&settings);
    assert!(refused(&without).contains("store.url: Redis: "));
    let place = place_with(&format!("{settings}\npassword = {{ file = \"store.password\" }}"));
    place.write("store.password", &format!("{secret}\n"), 0o600);
    assert_eq!(said(&place), (String::new(), String::new()));
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    assert!(!scepd.log().contains(secret));

    let place = place_with(&format!("{settings}\npassword = {{ env = \"SCEPD_TEST_STORE\" }}"));
    let environment = [("SCEPD_TEST_STORE", secret)];
    let arguments = ["serve", "--config", "scepd.toml"];
    let scepd = Scepd::start_with(&place, &arguments, &environment);
    enrol(scepd.url(), "tablet", PASSWORD).await.unwrap();
}
