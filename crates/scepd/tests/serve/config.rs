//! `scepd check` and `scepd config`: every mistake is explained, with its place and what to do.

use serde_json::Value;

use crate::support::{PASSWORD, Place, STATIC};

/// What is put for what in a right configuration, where the mistake is shown, what it says, and what to do.
pub(crate) type Wrong = (&'static str, &'static str, (u64, u64), &'static str, &'static str);

/// Line 1 of the configuration is empty.
const WRONG: &[Wrong] = &[
    // spelling and types
    ("[profile.p]", "[profil.p]", (9, 2), "unknown key `profil`", "did you mean `profile`?"),
    ("validity", "validty", (10, 1), "unknown key `validty`", "did you mean `validity`?"),
    ("renewal", "frobnicate", (15, 1), "unknown key `frobnicate`", "one of: name, path, mode"),
    ("\"static\"", "\"statc\"", (13, 8), "unknown value `statc`", "did you mean `static`?"),
    ("\"30d\"", "30", (10, 12), "invalid type: integer `30`, expected a string", "scepd config"),
    ("\"30d\"", "\"30 days\"", (10, 12), "expected a duration such as 90d", "scepd config"),
    ("name = \"devices\"", "", (11, 1), "`name` is missing here", "add `name`"),
    (
        "[admin]\naddress = \"127.0.0.1:0\"",
        "[admin]\naddress = \"here\"",
        (5, 11),
        "not an IP address and a port",
        "127.0.0.1:8894",
    ),
    ("mode = ", "mode ", (13, 6), "", "https://toml.io"),
    (
        "[admin]",
        "[limits]\nper-address = { requests = 1, per = \"0s\", burst = 1 }\n[admin]",
        (5, 37),
        "expected a second or more",
        "scepd config",
    ),
    (
        "[admin]",
        "[limits]\nconnections = 0\n[admin]",
        (5, 15),
        "expected a nonzero usize",
        "scepd config",
    ),
    // contradictions
    (
        "mode = \"static\"",
        "mode = \"signed\"",
        (14, 10),
        "settings of the mode \"static\", but the mode is \"signed\"",
        "take them out",
    ),
    (
        "mode = \"static\"",
        "mode = \"signed\"",
        (13, 8),
        "the mode \"signed\" has no settings",
        "add signed = {",
    ),
    (
        "mode = \"static\"",
        "mode = \"intune\"",
        (14, 10),
        "settings of the mode \"static\", but the mode is \"intune\"",
        "an endpoint has one mode",
    ),
    (
        "mode = \"static\"",
        "mode = \"intune\"",
        (13, 8),
        "the mode \"intune\" has no settings",
        "add an [endpoint.intune]",
    ),
    (
        "renewal",
        "crl = { path = \"/scep/devices\" }\nrenewal",
        (15, 16),
        "something else is at \"/scep/devices\"",
        "a path of its own",
    ),
    ("renewal", "crl = { path = \"crl\" }\nrenewal", (15, 7), "crl", "write a path such as"),
    (
        "renewal",
        "crl = { path = \"/crl\", lifetime = \"59s\" }\nrenewal",
        (15, 7),
        "59",
        "a minute or more",
    ),
    (
        "renewal",
        "authority = \"b\"\nrenewal",
        (15, 13),
        "there is no authority \"b\"",
        "did you mean \"a\"?",
    ),
    (
        "renewal",
        "profile = \"other\"\nrenewal",
        (15, 11),
        "there is no profile \"other\"",
        "add a [profile.other]",
    ),
    (
        "[profile.p]",
        "[profile.q]\nvalidity = \"1d\"\n[profile.p]",
        (14, 8),
        "which profile?",
        "one of: p, q",
    ),
    (
        "renewal",
        "path = \"scep\"\nrenewal",
        (15, 8),
        "the path \"scep\" is not absolute",
        "write \"/scep\"",
    ),
    (
        "\"devices\"",
        "\"de/vices\"",
        (12, 8),
        "the endpoint's name \"de/vices\" is not plain",
        "letters, digits",
    ),
    (
        "[admin]\naddress = \"127.0.0.1:0\"",
        "[admin]\naddress = \"0.0.0.0:1\"",
        (5, 11),
        "the admin API would listen at 0.0.0.0:1",
        "loopback",
    ),
    (
        "ca = { certificate = \"ca.pem\", key = { file = \"ca.key\" } }\n",
        "",
        (7, 6),
        "its CA is generated",
        "give the `ca`",
    ),
    (
        "[admin]",
        "[[endpoint]]\nname = \"devices\"\nmode = \"manual\"\nmanual = { keep = \"1d\" }\n[admin]",
        (16, 8),
        "two endpoints are named \"devices\"",
        "a name of its own",
    ),
    (
        "[admin]",
        "[[endpoint]]\nname = \"b\"\npath = \"/scep/devices\"\nmode = \"manual\"\nmanual = { keep = \"1d\" }\n[admin]",
        (17, 8),
        "two endpoints at \"/scep/devices\"",
        "a path of its own",
    ),
    (
        "mode = \"static\"\nstatic = { password = { file = \"password\" } }",
        "mode = \"manual\"\nmanual = { keep = \"1d\" }\nsigner-binding = \"any\"",
        (13, 8),
        "nothing ties a request",
        "same-key",
    ),
    // what is in the files
    (
        "\"ra.pem\"",
        "\"nowhere.pem\"",
        (8, 6),
        "No such file",
        "write the file, or correct the path",
    ),
    (
        "\"ra.key\"",
        "\"ca.key\"",
        (12, 8),
        "the key of SigningRa is not that of its certificate",
        "the key that belongs",
    ),
    (
        "ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }\n",
        "",
        (11, 8),
        "lacks digitalSignature|no keyUsage|LacksDigitalSignature|digitalSignature",
        "issue a certificate",
    ),
    (
        "{ file = \"ca.key\" }",
        "{ file = \"ca.pem\" }",
        (7, 38),
        "open to others than its owner",
        "chmod 600",
    ),
    (
        "{ file = \"ca.key\" }",
        "{ env = \"SCEPD_TEST_NOWHERE\" }",
        (7, 38),
        "the environment variable SCEPD_TEST_NOWHERE is not set",
        "set SCEPD_TEST_NOWHERE",
    ),
    (
        "\"30d\"",
        "\"30d\"\nocsp-urls = [\"gopher://x\"]",
        (9, 1),
        "invalid profile",
        "scepd config schema",
    ),
    ("renewal", "ca-certificates = \"single-ca\"\nrenewal", (12, 8), "would hide the RA", "auto"),
    ("renewal", "lease = \"0s\"\nrenewal", (12, 8), "lease", "a lease of a second or more"),
];

#[test]
fn every_mistake_is_explained_with_its_place_and_a_remedy() {
    assert_explained(WRONG);
}

/// Each one is a mistake with its place and a remedy.
pub(crate) fn assert_explained(wrong: &[Wrong]) {
    assert_explained_in(&Place::new(STATIC), wrong);
}

/// Each one, put into the configuration of this place, is a mistake with its place and a remedy.
pub(crate) fn assert_explained_in(place: &Place, wrong: &[Wrong]) {
    let right = place.read("scepd.toml");
    for (from, to, (line, column), what, remedy) in wrong {
        place.write("scepd.toml", &right, 0o644);
        place.replace(from, to);
        let report = place.check();
        let found = report["mistakes"].as_array().unwrap().iter().any(|mistake| {
            let said = mistake["what"].as_str().unwrap();
            mistake["line"] == *line
                && mistake["column"] == *column
                && what.split('|').any(|what| said.contains(what))
                && mistake["remedy"].as_str().unwrap().contains(remedy)
        });
        assert!(found, "{to}: {what}\n{report:#}");
    }
}

#[test]
fn a_right_configuration_has_no_mistakes() {
    let report = Place::new(STATIC).check();
    assert_eq!(report["mistakes"], Value::Array(Vec::new()), "{report:#}");
}

#[test]
fn all_mistakes_are_shown_at_once_and_none_twice() {
    let place = Place::new(STATIC);
    place.replace("[profile.p]", "[profile.p]\nvalidty = \"1d\"\nbackdate = 5");
    place.replace("[admin]\naddress", "[admin]\nadress");
    place.replace("\"devices\"", "\"\"");
    place.replace("{ file = \"password\" }", "\"x\"");
    let output = place.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let places = text.lines().filter(|line| line.starts_with("scepd.toml:")).count();
    assert_eq!(places, 5, "{text}");
    assert!(text.ends_with("\n5 mistakes\n"), "{text}");
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    let place = Place::new(STATIC);
    for secret in ["\"hunter2hunter2\"", "{ value = \"hunter2hunter2\" }", "[\"hunter2hunter2\"]"] {
        place.write("scepd.toml", STATIC, 0o644);
        place.replace("{ file = \"password\" }", secret);
        for arguments in
            [&["check"][..], &["check", "--json"], &["serve", "--config", "scepd.toml"]]
        {
            let output = place.run(arguments);
            assert_eq!(output.status.code(), Some(1));
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert!(said.contains("a secret is no part of the configuration"), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn a_secret_that_others_may_read_is_refused_with_the_remedy() {
    let place = Place::new(STATIC);
    for (name, mode) in [("password", 0o640), ("ra.key", 0o604), ("ca.key", 0o644)] {
        place.write(name, &place.read(name), mode);
        let report = place.check();
        let mistake = &report["mistakes"][0];
        let what = mistake["what"].as_str().unwrap();
        assert!(
            what.contains(&format!("{name} is open to others than its owner (mode {mode:04o})"))
        );
        assert!(mistake["remedy"].as_str().unwrap().starts_with("chmod 600 "), "{report:#}");
        assert_eq!(place.run(&["serve", "--config", "scepd.toml"]).status.code(), Some(1));
        place.write(name, &place.read(name), 0o600);
    }
    assert!(place.check()["ok"] == true);
}

#[test]
fn a_check_changes_nothing() {
    let place = Place::new(STATIC);
    place.write("scepd.toml", &place.run_example(), 0o644);
    place.write("printers.password", PASSWORD, 0o600);
    place.write("mdm.pem", &crate::support::ca("MDM").pem, 0o644);
    place.write("intune.secret", "a~secret.value", 0o600);
    let listed = |place: &Place| {
        let mut names: Vec<_> = std::fs::read_dir(place.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = listed(&place);
    assert_eq!(place.check()["ok"], true);
    assert_eq!(listed(&place), before);
}

#[test]
fn the_example_has_no_mistakes() {
    let place = Place::new("");
    place.write("scepd.toml", &place.run_example(), 0o644);
    place.write("printers.password", PASSWORD, 0o600);
    place.write("mdm.pem", &crate::support::ca("MDM").pem, 0o644);
    place.write("intune.secret", "a~secret.value", 0o600);
    let report = place.check();
    assert_eq!(report["mistakes"], Value::Array(Vec::new()), "{report:#}");
}

#[test]
fn what_the_example_comments_out_is_spelt_right() {
    let place = Place::new("");
    let example = place.run_example();
    let is_setting = |line: &str| {
        let key = line.split_once(" = ").map(|(key, _)| key).unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c == '-';
        line.starts_with('[') || (!key.is_empty() && key.chars().all(plain))
    };
    let uncommented = |line: &str| match line.strip_prefix("# ") {
        Some(setting) if is_setting(setting) => setting.to_owned(),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = example.lines().map(uncommented).collect();
    let mut text = lines.join("\n");
    // Alternatives stand for one key.
    for other in ["audit = \"stdout\"", "proxy = \"environment\""] {
        let line = text.lines().find(|line| line.starts_with(other)).unwrap().to_owned();
        text = text.replace(&format!("{line}\n"), "");
    }
    assert!(text.lines().filter(|line| line.starts_with('#')).count() < 30, "{text}");
    place.write("scepd.toml", &text, 0o644);
    let report = place.check();
    for mistake in report["mistakes"].as_array().unwrap() {
        let what = mistake["what"].as_str().unwrap();
        let spelling = ["unknown", "invalid", "missing", "duplicate", "expected"];
        assert!(!spelling.iter().any(|word| what.contains(word)), "{mistake:#}");
    }
}

#[test]
fn the_schema_knows_every_key_of_the_example() {
    let place = Place::new("");
    let schema = place.run(&["config", "schema"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let text = schema.to_string();
    let example = place.run_example();
    for line in example.lines() {
        let line = line.trim_start_matches("# ");
        let Some((key, _)) = line.split_once(" = ") else { continue };
        if key.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
            assert!(text.contains(&format!("\"{key}\"")), "{key} is not in the schema");
        }
    }
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["description"].as_str().unwrap().contains("Relative paths"));
}

#[test]
fn what_ends_soon_and_what_devices_stumble_over_is_a_warning() {
    let place = Place::new(STATIC);
    place.replace("renewal", "algorithms = \"obsolete\"\nrenewal");
    let mut params = crate::support::named("Ends soon");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(10);
    let key = rcgen::KeyPair::from_pem(&crate::support::key_pem("rsa2048-ca")).unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    place.write("ca.pem", &ca, 0o644);
    place.replace("ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }\n", "");
    let report = place.check();
    let warnings = report["warnings"].to_string();
    for expected in ["MD5 and single DES", "the ca CN=Ends soon ends at", "NoKeyUsage|keyUsage"] {
        assert!(expected.split('|').any(|text| warnings.contains(text)), "{expected}: {report:#}");
    }
    assert_eq!(report["ok"], true, "{report:#}");
}

#[test]
fn a_configuration_that_is_not_there_is_one_clear_line() {
    let place = Place::new("");
    for command in ["check", "serve"] {
        let output = place.run(&[command, "--config", "nowhere.toml"]);
        assert_eq!(output.status.code(), Some(3));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("nowhere.toml"), "{text}");
    }
}

impl Place {
    fn run_example(&self) -> String {
        let output = self.run(&["config", "example"]);
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }
}
