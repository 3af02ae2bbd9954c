//! `scepd demo` as a person or a script meets it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn scepd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scepd")).args(arguments).output().unwrap()
}

fn one_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn the_demo_shows_a_device_that_enrols_and_the_attacks_that_fail() {
    let dir = tempfile::tempdir().unwrap();
    let output = scepd(&["demo", "--exit", "--json", "--dir", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said = |key: &str| -> Vec<String> {
        let text = |line: &Value| line[key].as_str().unwrap().split(' ').next().unwrap().to_owned();
        lines.iter().map(text).collect()
    };
    assert_eq!(said("device"), ["SUCCESS", "SUCCESS", "FAILURE", "FAILURE", "FAILURE", "FAILURE"]);
    assert_eq!(
        said("log"),
        ["issued", "repeated", "replay:", "signature_invalid:", "claim_mismatch:", "expired:"]
    );
    for name in ["ca.pem", "ra.pem", "mdm.pem", "device-1.pem", "device-1.key"] {
        assert!(dir.path().join(name).exists(), "{name} is missing");
    }
}

#[test]
fn the_demo_under_intune_shows_each_family_and_what_goes_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["demo", "--intune", "--exit", "--json", "--dir", dir.path().to_str().unwrap()];
    let output = scepd(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let logs: Vec<_> = lines.iter().map(|line| line["log"].as_str().unwrap()).collect();
    let expected = [
        "issued",
        "issued",
        "issued",
        "SubjectNameMismatch",
        "ChallengeExpired",
        "BadTenantIdInChallenge",
        "intune_unavailable",
        "issued",
        "intune_notification",
        "repeated",
        "1 of 1 revoked",
    ];
    assert_eq!(logs.len(), expected.len());
    for (log, expected) in logs.iter().zip(expected) {
        assert!(log.contains(expected), "{log}");
    }
    let with_activity = logs.iter().filter(|log| log.contains("activity ")).count();
    assert_eq!(with_activity, 10, "all but the revocation");
}

#[test]
fn the_demo_keeps_its_state_in_a_file_says_where_and_removes_it() {
    for also in [&[][..], &["--intune"]] {
        let (dir, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_scepd"));
        command.args(["demo", "--exit", "--dir", dir.path().to_str().unwrap()]).args(also);
        let output = command.env("TMPDIR", temporary.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let place = temporary.path().join("scepd-demo-");
        assert!(text.contains(&format!("Its state is in {}", place.display())), "{text}");
        assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "all is removed");
    }
}

#[test]
fn a_demo_that_goes_on_removes_its_state_when_it_is_told_to_end() {
    let (dir, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut demo = Command::new(env!("CARGO_BIN_EXE_scepd"))
        .args(["demo", "--json", "--listen", "127.0.0.1:0", "--dir", dir.path().to_str().unwrap()])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let serving = lines.map_while(Result::ok).any(|line| line.contains("\"serving\""));
    assert!(serving);
    let inside: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    let place = inside[0].as_ref().unwrap().path();
    assert!(place.join("scepd.sqlite").exists());
    let kill = format!("kill -TERM {}", demo.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert!(demo.wait().unwrap().success());
    assert!(!place.exists());
}

#[cfg(unix)]
#[test]
fn private_keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.key");
    std::fs::write(&path, "left behind, for all to read").unwrap();
    let output = scepd(&["demo", "--exit", "--json", "--dir", dir.path().to_str().unwrap()]);
    assert!(output.status.success());
    for name in ["ca.key", "ra.key", "mdm.key", "device-1.key", "password.txt"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let output = scepd(&["demo", "--exit", "--listen", &address, "--dir", path]);
    assert_eq!(output.status.code(), Some(3));
    let line = one_line(&output);
    assert!(line.contains(&address) && line.contains("--listen"), "{line}");
}

#[test]
fn a_directory_that_cannot_be_written_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let output = scepd(&["demo", "--exit", "--dir", file.join("demo").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(one_line(&output).contains("--dir"));
}

#[test]
fn an_unknown_flag_is_one_clear_line() {
    let output = scepd(&["demo", "--bogus"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(one_line(&output).contains("--bogus"));
}
