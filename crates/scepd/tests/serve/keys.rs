//! Private keys behind a passphrase, and in tokens as far as a configuration can tell without one.

use std::process::Command;

use scep_test::canaries::{CLIENT_SECRET, PASSPHRASE};
use serde_json::Value;

use crate::config::{Wrong, assert_explained_in};
use crate::support::{PASSWORD, Place, STATIC, ca, enrol, key_pem, tls_certificate};

/// A CA and an RA whose keys are encrypted, and the passphrase in a file and in the environment.
const ENCRYPTED: &str = r#"
[[listener]]
address = "127.0.0.1:0"
[authority.a]
ca = { certificate = "ca.pem", key = { file = "ca.key", passphrase = { file = "passphrase" } } }
ra = { certificate = "ra.pem", key = { file = "ra.key", passphrase = { env = "RA_PASSPHRASE" } } }
[profile.p]
validity = "30d"
[[endpoint]]
name = "devices"
mode = "static"
static = { password = { file = "password" } }
"#;

/// The keys of [`ENCRYPTED`], but with both passphrases in files.
fn place() -> Place {
    let place = Place::new(ENCRYPTED);
    place.write("ca.key", &key_pem("rsa2048-ca.encrypted"), 0o600);
    place.write("ra.key", &key_pem("rsa2048-ra.encrypted"), 0o600);
    place.write("passphrase", &format!("{PASSPHRASE}\n"), 0o600);
    place.replace("{ env = \"RA_PASSPHRASE\" }", "{ file = \"passphrase\" }");
    place
}

#[tokio::test]
async fn keys_behind_a_passphrase_serve_and_it_is_told_nowhere() {
    let place = place();
    place.write("scepd.toml", ENCRYPTED, 0o644);
    place.replace(
        "[authority.a]",
        "[log]\nlevel = \"trace\"\naudit = { file = \"audit\" }\n[authority.a]",
    );
    let environment = [("RA_PASSPHRASE", PASSPHRASE)];
    let serve = ["serve", "--config", "scepd.toml"];
    let mut scepd = crate::support::Scepd::start_with(&place, &serve, &environment);
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    scepd.hang_up("reloaded");
    enrol(scepd.url(), "tablet", PASSWORD).await.unwrap();
    place.write("passphrase", "another", 0o600);
    scepd.hang_up("not reloaded, everything stays as it is");
    enrol(scepd.url(), "watch", PASSWORD).await.unwrap();
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    let check = place.run(&["check"]);
    let said = String::from_utf8([check.stdout, check.stderr].concat()).unwrap();
    for text in [scepd.log(), place.read("audit"), scepd.said.join("\n"), said] {
        assert!(!text.contains(PASSPHRASE), "{text}");
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
}

#[tokio::test]
async fn a_listeners_key_may_be_behind_a_passphrase_too() {
    let place = place();
    place.write("tls.pem", &tls_certificate(&ca("Test CA"), "rsa2048-ra"), 0o644);
    let tls = "address = \"127.0.0.1:0\"\ntls = { certificate = \"tls.pem\", key = { file = \"ra.key\", passphrase = { file = \"passphrase\" } } }";
    place.replace("address = \"127.0.0.1:0\"", tls);
    let scepd = place.serve();
    assert!(scepd.url().starts_with("https://"), "{:?}", scepd.said);
    let url = format!("{}?operation=GetCACaps", scepd.url());
    let http = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true);
    let answer = http.build().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

const CA_KEY: &str = "{ file = \"ca.key\", passphrase = { file = \"passphrase\" } }";

const WRONG: &[Wrong] = &[
    (CA_KEY, "{ file = \"ca.key\" }", (5, 38), "is encrypted", "add `passphrase ="),
    (
        "passphrase = { file = \"passphrase\" } } }\nra",
        "passphrase = { file = \"password\" } } }\nra",
        (5, 70),
        "the passphrase does not open the key",
        "give the passphrase of this key",
    ),
    (
        "passphrase = { file = \"passphrase\" } } }\nra",
        "passphrase = { file = \"nowhere\" } } }\nra",
        (5, 70),
        "cannot read",
        "write the file",
    ),
    (
        "\"ca.key\"",
        "\"plain.key\"",
        (5, 73),
        "plain.key is not encrypted",
        "take `passphrase` out, or encrypt the key: openssl pkcs8 -topk8",
    ),
    ("\"ca.key\"", "\"pbes1.key\"", (5, 73), "1.2.840.113549.1.12.1.3", "openssl pkcs8 -topk8"),
    ("\"ca.key\"", "\"costly.key\"", (5, 74), "stretched more", "openssl pkcs8 -topk8"),
    (CA_KEY, "{ file = \"traditional.key\" }", (5, 38), "traditional way", "openssl pkcs8 -topk8"),
    (CA_KEY, "{ file = \"ca.key\", passprase = \"x\" }", (5, 57), "unknown key", "`passphrase`"),
    (CA_KEY, "{ passphrase = { file = \"passphrase\" } }", (5, 38), "no part of the conf", ""),
    (CA_KEY, "{ file = \"ca.key\", env = \"CA\" }", (5, 38), "no part of the configuration", ""),
];

#[test]
fn each_mistake_with_an_encrypted_key_is_explained_at_its_place() {
    let place = place();
    place.write("plain.key", &key_pem("rsa2048-ca"), 0o600);
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n";
    place.write("traditional.key", traditional, 0o600);
    for (name, made) in [("pbes1", "pbes1"), ("costly", "too-many-iterations")] {
        let made = format!("../../crates/scep-crypto/tests/conformance/data/keys/encrypted/{made}");
        place.write(&format!("{name}.key"), &key_pem(&made), 0o600);
    }
    assert_explained_in(&place, WRONG);
}

#[test]
fn a_key_or_a_passphrase_in_the_configuration_is_refused_and_not_repeated() {
    let place = place();
    let text = place.read("scepd.toml");
    let literal = format!("\"{CLIENT_SECRET}\"");
    for (from, to) in [
        (CA_KEY, literal.clone()),
        (CA_KEY, format!("[{literal}]")),
        (CA_KEY, format!("{{ value = {literal} }}")),
        (CA_KEY, format!("{{ file = \"ca.key\", passphrase = {literal} }}")),
        (
            CA_KEY,
            format!(
                "{{ pkcs11 = {{ module = \"m\", token = \"t\", label = \"l\", pin = {literal} }} }}"
            ),
        ),
    ] {
        place.write("scepd.toml", &text, 0o644);
        place.replace(from, &to);
        for arguments in
            [&["check"][..], &["check", "--json"], &["serve", "--config", "scepd.toml"]]
        {
            let output = place.run(arguments);
            assert_eq!(output.status.code(), Some(1), "{to}");
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(!said.contains(CLIENT_SECRET), "{said}");
        }
    }
}

#[test]
fn the_schema_says_how_a_key_is_given() {
    let schema = Place::new(STATIC).run(&["config", "schema"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let key = &schema["$defs"]["PrivateKey"];
    for property in ["file", "env", "passphrase", "pkcs11"] {
        assert!(key["properties"].get(property).is_some(), "{property}: {key:#}");
    }
    assert_eq!(key["additionalProperties"], false);
}

#[cfg(not(feature = "pkcs11"))]
#[test]
fn a_build_without_pkcs11_says_how_to_make_one_with_it() {
    let place = place();
    let token =
        "{ pkcs11 = { module = \"m\", token = \"t\", label = \"l\", pin = { file = \"p\" } } }";
    assert_explained_in(
        &place,
        &[(CA_KEY, token, (5, 49), "built without PKCS #11", "--features pkcs11")],
    );
}

/// What an operator types, and what comes of it.
#[test]
#[ignore = "needs openssl"]
fn keys_as_openssl_encrypts_them_are_opened() {
    let place = place();
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.current_dir(place.dir.path()).args(arguments.split(' ')).env("PASS", PASSPHRASE);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    place.write("plain.key", &key_pem("rsa2048-ca"), 0o600);
    for way in [
        "pkcs8 -topk8 -v2 aes-256-cbc -iter 600000",
        "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA1",
        "pkcs8 -topk8 -v2 aes-256-cbc -scrypt",
        "pkey -aes256",
    ] {
        openssl(&format!("{way} -in plain.key -passout env:PASS -out ca.key"));
        place.write("ca.key", &place.read("ca.key"), 0o600);
        let report = place.check();
        assert_eq!(report["ok"], true, "{way}: {report:#}");
    }
    openssl(
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass env:PASS -out ca.key",
    );
    place.write("ca.key", &place.read("ca.key"), 0o600);
    let mistakes = place.check()["mistakes"].to_string();
    assert!(mistakes.contains("is not that of its certificate"), "opened, but another: {mistakes}");
}
