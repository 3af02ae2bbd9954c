//! `scepd check`: mistakes of the mode `intune`, each with its place and what to do.

use super::stage::Stage;

/// What is put for what, where the mistake is shown, what it says, and what to do.
type Wrong = (&'static str, &'static str, &'static str, &'static str, &'static str);

const SECRET: &str = "secret = { file = \"intune.secret\" }";
const LOGIN: &str = "login = \"http://127.0.0.1";

/// The third is the beginning of the line at which it is shown.
const WRONG: &[Wrong] = &[
    (
        "11111111-2222-4333-8444-555555555555",
        "common",
        "tenant",
        "neither a tenant id",
        "directory (tenant) id",
    ),
    (
        "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "scepd",
        "application",
        "no application (client) id",
        "overview",
    ),
    (SECRET, "", "[endpoint.intune]", "there is no credential", "add secret ="),
    (
        SECRET,
        "secret = { file = \"intune.secret\" }\ncertificate = { certificate = \"ca.pem\", key = { file = \"ca.key\" } }",
        "certificate",
        "contradict each other",
        "keep one",
    ),
    (
        SECRET,
        "certificate = { certificate = \"ca.pem\", key = { file = \"ra.key\" } }",
        "certificate",
        "the key is not that of the application's certificate",
        "the key that belongs",
    ),
    (
        SECRET,
        "secret = { file = \"id\" }",
        "secret",
        "the id of a client secret, not its value",
        "shown only once",
    ),
    (
        SECRET,
        "secret = { file = \"empty\" }",
        "secret",
        "the client secret is empty",
        "write the secret's value",
    ),
    (
        SECRET,
        "secret = \"hunter2hunter2\"",
        "secret",
        "a secret is no part of the configuration",
        "scepd config",
    ),
    (
        LOGIN,
        "login = \"http://login.example",
        "login",
        "is no https URL",
        "http is for a simulator",
    ),
    (LOGIN, "login = \"https://login example", "login", "", "[endpoint.intune.service]"),
    (
        SECRET,
        "secret = { file = \"intune.secret\" }\ncloud = \"china\"",
        "[endpoint.intune]",
        "no scope of Intune",
        "service.intune-scope",
    ),
    (
        SECRET,
        "secret = { file = \"intune.secret\" }\ncloud = \"chna\"",
        "cloud",
        "unknown value `chna`",
        "did you mean `china`?",
    ),
    (
        "proxy = \"direct\"",
        "proxy = { through = { url = \"http://u:p@proxy.example:1\" } }",
        "proxy",
        "holds a user or a password",
        "user = ",
    ),
    (
        "proxy = \"direct\"",
        "proxy = { through = { url = \"http://proxy.example:1\", user = \"u\" } }",
        "proxy",
        "`user` and `password` together",
        "add the other one",
    ),
    (
        "proxy = \"direct\"",
        "extra-roots = \"ca.key\"",
        "extra-roots",
        "holds no certificate",
        "CERTIFICATE",
    ),
    (
        "mode = \"intune\"",
        "mode = \"intune\"\nmanual = { keep = \"7d\" }",
        "manual",
        "settings of the mode \"manual\"",
        "an endpoint has one mode",
    ),
    (
        "mode = \"intune\"",
        "mode = \"intune\"\nstatic = { password = { file = \"password\" } }",
        "static",
        "settings of the mode \"static\"",
        "a refusal in it is final",
    ),
    (
        "mode = \"intune\"",
        "mode = \"intune\"\nrenewal = { allow = { grace = \"0s\" } }",
        "mode",
        "Intune knows no renewal",
        "take `renewal` out",
    ),
    (
        "proxy = \"direct\"\n",
        "proxy = \"direct\"\n[endpoint.intune.revocation]\nevery = \"1h\"\n",
        "[endpoint.intune.revocation]",
        "nobody would learn of a revocation",
        "add crl =",
    ),
];

/// What works, but should be known.
const WARNINGS: &[(&str, &str, &str)] = &[
    ("sqlite:scepd.sqlite", "memory:", "a restart loses the notifications"),
    ("algorithms = \"legacy\"\n", "", "Windows signs its messages with SHA-1"),
    ("signer-binding = \"any\"\n", "", "a key that it throws away"),
    ("ca-certificates", "reply-chain = \"with-chain\"\nca-certificates", "error 22008"),
    ("proxy = \"direct\"", "budget = \"31s\"", "longer than Windows waits"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mistake_of_the_mode_is_explained_at_its_line() {
    let stage = Stage::set("").await;
    let place = &stage.place;
    place.write("id", "0f6c1f2e-aaaa-4bbb-8ccc-0123456789ab\n", 0o600);
    place.write("empty", " \n", 0o600);
    let right = place.read("scepd.toml");
    assert_eq!(place.check()["mistakes"], serde_json::json!([]));
    for (from, to, line, what, remedy) in WRONG {
        place.write("scepd.toml", &right, 0o644);
        place.replace(from, to);
        if *what == "nobody would learn of a revocation" {
            place.replace("crl = { path = \"/crl/devices.crl\" }\n", "");
        }
        let report = place.check();
        let text = place.read("scepd.toml");
        let told = report["mistakes"].as_array().unwrap().iter().any(|mistake| {
            let number = usize::try_from(mistake["line"].as_u64().unwrap()).unwrap();
            text.lines().nth(number - 1).unwrap().starts_with(line)
                && mistake["what"].as_str().unwrap().contains(what)
                && mistake["remedy"].as_str().unwrap().contains(remedy)
        });
        assert!(told, "{to}: {line}, {what}, {remedy} in {report:#}");
        assert!(!report.to_string().contains("hunter2"));
        let served = place.run(&["serve", "--config", "scepd.toml"]);
        assert_eq!(served.status.code(), Some(1), "{to}");
    }
    assert!(stage.simulator.requests().is_empty(), "a check is offline");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_devices_or_a_restart_would_stumble_over_is_a_warning() {
    let stage = Stage::set("").await;
    let place = &stage.place;
    let right = place.read("scepd.toml");
    for (from, to, warning) in WARNINGS {
        place.write("scepd.toml", &right, 0o644);
        assert!(!place.check()["warnings"].to_string().contains(warning));
        place.replace(from, to);
        let report = place.check();
        assert!(report["warnings"].to_string().contains(warning), "{to}: {report:#}");
        assert_eq!(report["ok"], true, "{to}: {report:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_that_cannot_sign_crls_or_whose_root_is_unknown_is_told_of() {
    let stage = Stage::set("").await;
    let place = &stage.place;
    let ca_with = |usages: &[rcgen::KeyUsagePurpose]| {
        let mut params = crate::support::named("Test CA");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = usages.to_vec();
        params
    };
    let key = |name: &str| rcgen::KeyPair::from_pem(&crate::support::key_pem(name)).unwrap();
    let own = ca_with(&[rcgen::KeyUsagePurpose::KeyCertSign]);
    place.write("ca.pem", &own.self_signed(&key("rsa2048-ca")).unwrap().pem(), 0o644);
    let report = place.check();
    assert!(report["mistakes"].to_string().contains("lacks cRLSign"), "{report:#}");

    let both = [rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    let mut root = ca_with(&both);
    root.distinguished_name = rcgen::DistinguishedName::new();
    root.distinguished_name.push(rcgen::DnType::CommonName, "Root");
    let root_key = key("rsa2048-signer");
    let issuer = rcgen::Issuer::new(root.clone(), &root_key);
    let ca = ca_with(&both).signed_by(&key("rsa2048-ca"), &issuer).unwrap();
    place.write("ca.pem", &ca.pem(), 0o644);
    let report = place.check();
    assert!(report["warnings"].to_string().contains("the root above the CA"), "{report:#}");

    place.write("root.pem", &root.self_signed(&root_key).unwrap().pem(), 0o644);
    place.replace("[profile.p]", "chain = \"root.pem\"\n[profile.p]");
    let report = place.check();
    assert!(!report["warnings"].to_string().contains("the root above"), "{report:#}");
    place.replace("ca-certificates = \"chain\"\n", "");
    let report = place.check();
    assert!(report["warnings"].to_string().contains("hands out no root"), "{report:#}");
    assert_eq!(report["ok"], true, "{report:#}");
}
