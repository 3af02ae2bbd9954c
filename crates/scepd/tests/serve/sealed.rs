//! One-time passwords of a CA that cannot decrypt, kept sealed; and the commands that make, list and withdraw passwords.

use std::process::Output;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::{Place, STATIC, Scepd, ca_with_key, enrol_with, key_pem};

const KEY: &str = "c0ffee00c0ffee01c0ffee02c0ffee03c0ffee04c0ffee05c0ffee06c0ffee07";
const SETTINGS: &str = "one-time = { sealing-key = { file = \"sealing.key\" } }";

/// An endpoint for one-time passwords whose CA has a P-256 key and no RA.
fn place(settings: &str) -> Place {
    let place = Place::new(STATIC);
    place.write("ca.pem", &ca_with_key("Elliptic", "p256-ca").pem, 0o644);
    place.write("ca.key", &key_pem("p256-ca"), 0o600);
    place.write("sealing.key", &format!("{KEY}\n"), 0o600);
    place.replace("ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }\n", "");
    place.replace("mode = \"static\"", "mode = \"one-time\"");
    place.replace("static = { password = { file = \"password\" } }", settings);
    place.replace("[admin]", "[log]\nlevel = \"trace\"\naudit = { file = \"audit\" }\n[admin]");
    place
}

/// The same with a token of an operator, in the environment and in a file.
fn with_token(settings: &str) -> Place {
    let mut place = place(settings);
    let token = place.token("olga", "operator");
    place.write("token", &format!("{token}\n"), 0o600);
    place.environment.push(("SCEPD_TOKEN", token));
    place
}

fn url(scepd: &Scepd) -> String {
    scepd.admin.clone().unwrap()
}

/// `scepd password` with these arguments, at this server.
fn password(place: &Place, scepd: &Scepd, arguments: &[&str]) -> Output {
    let url = url(scepd);
    place.run(&[&["password"], arguments, &["--url", &url]].concat())
}

fn mint(place: &Place, scepd: &Scepd) -> String {
    let output = password(place, scepd, &["mint", "devices"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn waiting(place: &Place, scepd: &Scepd) -> Vec<Value> {
    let listed = json(&password(place, scepd, &["list", "devices", "--json"]));
    listed["passwords"].as_array().unwrap().clone()
}

// R-3.1-03, R-3.1-04, R-3211-08
#[tokio::test]
async fn an_elliptic_ca_enrols_by_a_password_that_was_made_on_the_command_line_once() {
    let place = with_token(SETTINGS);
    let scepd = place.serve();
    let minted = mint(&place, &scepd);
    let phone = enrol_with("p256-device", scepd.url(), "phone", &minted).await.unwrap();
    assert_eq!(phone.certificate.subject().to_string(), "CN=phone");
    enrol_with("p384-device", scepd.url(), "tablet", &minted).await.unwrap_err();
    enrol_with("p384-device", scepd.url(), "tablet", &"2".repeat(32)).await.unwrap_err();
    assert_eq!(waiting(&place, &scepd), Vec::<Value>::new());
    enrol_with("rsa2048-device", scepd.url(), "laptop", &mint(&place, &scepd)).await.unwrap();
}

#[tokio::test]
async fn a_sealed_password_outlives_a_restart_and_is_in_no_file_and_no_log() {
    let place = with_token(SETTINGS);
    let mut before = place.serve();
    let minted = mint(&place, &before);
    before.signal("KILL");
    before.ended();
    let mut after = place.serve();
    assert_eq!(waiting(&place, &after).len(), 1);
    enrol_with("p384-device", after.url(), "tablet", &"2".repeat(32)).await.unwrap_err();
    enrol_with("p256-device", after.url(), "phone", &minted).await.unwrap();
    after.signal("TERM");
    assert!(after.ended().success());
    let kept = std::fs::read_dir(place.path("state")).unwrap();
    let kept = kept.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let kept = kept.collect::<Vec<_>>().concat();
    let kept = String::from_utf8_lossy(&kept).into_owned();
    assert!(kept.contains(&minted[..6]), "the database is the right one");
    for text in [kept, before.log(), after.log(), place.read("audit")] {
        for secret in [&minted[6..], KEY, &place.environment[0].1] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn two_nodes_with_one_sealing_key_make_one_certificate_for_a_password() {
    let place = with_token(SETTINGS);
    let (one, other) = (place.serve(), place.serve());
    for _ in 0..3 {
        let minted = mint(&place, &one);
        let (phone, tablet) = tokio::join!(
            enrol_with("p256-device", one.url(), "phone", &minted),
            enrol_with("p384-device", other.url(), "tablet", &minted),
        );
        assert!(phone.is_ok() != tablet.is_ok(), "{phone:?} {tablet:?}");
    }
    assert_eq!(waiting(&place, &other), Vec::<Value>::new());
}

#[tokio::test]
async fn under_another_sealing_key_a_password_opens_nothing_and_the_log_says_so() {
    let place = with_token(SETTINGS);
    let mut scepd = place.serve();
    let minted = mint(&place, &scepd);
    place.write("sealing.key", &BASE64_STANDARD.encode([*b"0123456789abcdef"; 2].concat()), 0o600);
    scepd.hang_up("reloaded");
    enrol_with("p256-device", scepd.url(), "phone", &minted).await.unwrap_err();
    let log = scepd.log();
    let line = log.lines().find(|line| line.contains("one-time password does not open")).unwrap();
    assert!(line.contains("ERROR") && line.contains(&minted[..6]), "{line}");
    assert!(!log.contains(&minted[6..]), "{log}");
    let id = &minted[..6];
    assert!(password(&place, &scepd, &["withdraw", "devices", id]).status.success());
    let fresh = mint(&place, &scepd);
    enrol_with("p256-device", scepd.url(), "phone", &fresh).await.unwrap();
}

#[test]
fn a_sealing_key_that_is_missing_wrong_or_not_needed_is_explained_at_its_line() {
    let mistake = |place: &Place| {
        let report = place.check();
        let mistakes = report["mistakes"].as_array().unwrap();
        assert_eq!(mistakes.len(), 1, "{report:#}");
        let text = |name: &str| mistakes[0][name].as_str().unwrap().to_owned();
        (mistakes[0]["line"].as_u64().unwrap(), text("what"), text("remedy"))
    };
    let line_of = |place: &Place, text: &str| {
        let line = place.read("scepd.toml").lines().position(|line| line.contains(text)).unwrap();
        line as u64 + 1
    };
    assert_eq!(place(SETTINGS).check()["ok"], true);
    assert_eq!(
        place("one-time = { most = 32, sealing-key = { env = \"PATH\" } }").check()["ok"],
        false
    );

    let place_without = place("");
    let (line, what, remedy) = mistake(&place_without);
    assert_eq!(line, line_of(&place_without, "mode = \"one-time\""));
    assert!(what.contains("only if a sealing key keeps them"), "{what}");
    assert!(
        remedy.contains("openssl rand -hex 32") && remedy.contains("sealing-key = {"),
        "{remedy}"
    );

    let place_of_many = place("one-time = { most = 33, sealing-key = { file = \"sealing.key\" } }");
    assert!(mistake(&place_of_many).2.contains("1 to 32"));

    let wrong = place(SETTINGS);
    for text in ["", "secret", &KEY[1..], &format!("{KEY}00"), &"00".repeat(32), &"+1".repeat(32)] {
        wrong.write("sealing.key", text, 0o600);
        let (line, what, remedy) = mistake(&wrong);
        assert_eq!(line, line_of(&wrong, "sealing-key"));
        assert!(what.contains("sealing.key: it has 32 random octets"), "{what}");
        assert!(remedy.contains("openssl rand"), "{remedy}");
        assert!(text.is_empty() || !format!("{what}{remedy}").contains(text), "{what}");
    }
    wrong.write("sealing.key", KEY, 0o644);
    assert!(mistake(&wrong).2.contains("chmod 600"));
    let inline = place(&format!("one-time = {{ sealing-key = \"{KEY}\" }}"));
    assert!(!inline.check().to_string().contains(KEY));
    std::fs::remove_file(wrong.path("sealing.key")).unwrap();
    assert!(mistake(&wrong).1.contains("cannot read"));

    let needless = Place::new(STATIC);
    needless.replace("mode = \"static\"", "mode = \"one-time\"");
    needless.replace("static = { password = { file = \"password\" } }", SETTINGS);
    needless.write("sealing.key", KEY, 0o600);
    let (line, what, remedy) = mistake(&needless);
    assert_eq!(line, line_of(&needless, "sealing-key"));
    assert!(
        what.contains("hashes are enough") && remedy.contains("take sealing-key out"),
        "{what}"
    );
}

#[tokio::test]
async fn passwords_are_made_listed_and_withdrawn_on_the_command_line() {
    let place = with_token("one-time = { most = 2, sealing-key = { file = \"sealing.key\" } }");
    let scepd = place.serve();
    let order =
        ["mint", "devices", "--lifetime", "15m", "--common-name", "phone", "--dns", "a.example"];
    let minted = json(&password(&place, &scepd, &[&order[..], &["--json"]].concat()));
    assert_eq!(minted["names"], json!([{ "common_name": "phone" }, { "dns": "a.example" }]));
    let told = password(&place, &scepd, &["mint", "devices", "--token-file", "token"]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert_eq!((text.len(), text.lines().count()), (33, 1), "the password, and nothing else");
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains(&text[..6]) && !told.contains(text.trim()), "{told}");

    let listed = password(&place, &scepd, &["list", "devices"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let ids: Vec<_> = listed.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(ids, [minted["id"].as_str().unwrap(), &text[..6]]);
    assert!(listed.contains("olga") && !listed.contains(text.trim()), "{listed}");

    let refused = password(&place, &scepd, &["mint", "devices"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("409"), "two wait");
    let id = minted["id"].as_str().unwrap();
    for expected in [0, 1] {
        let withdrawn = password(&place, &scepd, &["withdraw", "devices", id]);
        assert_eq!(withdrawn.status.code(), Some(expected), "{withdrawn:?}");
    }
    assert_eq!(waiting(&place, &scepd).len(), 1);
}

#[tokio::test]
async fn the_commands_send_a_token_nowhere_else_and_say_what_is_wrong() {
    let mut place = with_token(SETTINGS);
    let scepd = place.serve();
    let (token, url) = (place.environment[0].1.clone(), url(&scepd));
    let said = |place: &Place, arguments: &[&str], code: i32| {
        let output = place.run(&[&["password", "list", "devices"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains(&token), "{said}");
        said
    };
    for elsewhere in ["http://192.0.2.1:8895", "http://127.0.0.1@192.0.2.1", "ftp://127.0.0.1", ""]
    {
        assert!(said(&place, &["--url", elsewhere], 3).contains("this machine or over https"));
    }
    place.write("open", &token, 0o644);
    assert!(said(&place, &["--url", &url, "--token-file", "open"], 3).contains("chmod 600"));
    assert!(said(&place, &["--config", "none.toml"], 3).contains("none.toml"));
    for (path, code) in [("../reload", 3), ("nobody", 1)] {
        let output = place.run(&["password", "mint", path, "--url", &url]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    place.environment[0].1 = "scepd-wrong".to_owned();
    assert!(said(&place, &["--url", &url], 1).contains("401"));
    place.environment.clear();
    assert!(said(&place, &["--url", &url], 3).contains("SCEPD_TOKEN"));
}
