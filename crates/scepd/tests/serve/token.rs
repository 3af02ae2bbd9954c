//! A CA and an RA whose keys are in a PKCS #11 token. The token is SoftHSM's.

use std::fs;
use std::process::Command;

use scep_client::Client;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::CaTrust;
use scep_test::canaries::{PASSPHRASE, PIN};
use scep_types::{AlgorithmPolicy, Certificate, DigestAlgorithm, SignatureScheme};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::config::{Wrong, assert_explained_in};
use crate::support::{
    PASSWORD, Place, Scepd, ca_beginning_in, enrol, enrol_at, http, key_pem, message, ra, trust,
};

const IN_A_TOKEN: &str = r#"
state-dir = "state"
[[listener]]
address = "127.0.0.1:0"
[admin]
address = "127.0.0.1:0"
[authority.a.ca]
certificate = "ca.pem"
key = { pkcs11 = { module = "/usr/lib/softhsm/libsofthsm2.so", token = "scep", label = "the CA", pin = { file = "pin" } } }
[authority.a.ra]
certificate = "ra.pem"
key = { pkcs11 = { module = "/usr/lib/softhsm/libsofthsm2.so", token = "scep", id = "02", pin = { file = "pin" } } }
[profile.p]
validity = "30d"
[[endpoint]]
name = "devices"
mode = "static"
static = { password = { file = "password" } }
algorithms = "obsolete"
crl = { path = "/crl/devices.crl", lifetime = "7d" }
"#;

/// A place with a token of its own: the module finds its settings in the environment.
fn place() -> Place {
    let mut place = Place::new(IN_A_TOKEN);
    fs::create_dir(place.path("tokens")).unwrap();
    let settings = format!("directories.tokendir = {}\n", place.path("tokens").display());
    place.write("softhsm2.conf", &settings, 0o600);
    let settings = place.path("softhsm2.conf").display().to_string();
    place.environment.push(("SOFTHSM2_CONF", settings));
    place.write("pin", &format!("{PIN}\n"), 0o600);
    let util = |arguments: &[&str]| {
        let mut command = Command::new("softhsm2-util");
        command.envs(place.environment.iter().map(|(name, value)| (name, value)));
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    util(&["--init-token", "--free", "--label", "scep", "--so-pin", "3141592", "--pin", PIN]);
    for (key, label, id) in
        [("ca", "the CA", "01"), ("ra", "the RA", "02"), ("other", "other", "03")]
    {
        let file =
            if key == "other" { "rsa2048-signer".to_owned() } else { format!("rsa2048-{key}") };
        place.write("to-import", &key_pem(&file), 0o600);
        let path = place.path("to-import").display().to_string();
        util(&["--import", &path, "--token", "scep", "--label", label, "--id", id, "--pin", PIN]);
    }
    for name in ["to-import", "ca.key", "ra.key"] {
        fs::remove_file(place.path(name)).unwrap();
    }
    place
}

fn the_ca(place: &Place) -> Certificate {
    let der = pem::parse(place.read("ca.pem")).unwrap().into_contents();
    Certificate::parse(der).unwrap()
}

#[tokio::test]
#[ignore = "needs softhsm2 and scepclient"]
async fn a_ca_and_an_ra_in_a_token_enrol_and_sign_crls_before_and_after_a_restart() {
    let place = place();
    let ca = the_ca(&place);
    let report = place.check();
    assert_eq!(report["ok"], true, "{report:#}");
    for round in 0..2 {
        let mut scepd = place.serve();
        let issued = enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
        let verify = provider().verify;
        assert_eq!(
            issued.certificate.verify_signature(ca.spki(), verify, AlgorithmPolicy::Modern),
            Ok(())
        );
        scepclient(&place, scepd.url(), round);
        scepd.hang_up("reloaded");
        enrol(scepd.url(), "tablet", PASSWORD).await.unwrap();
        let url = format!("http://{}/crl/devices.crl", scepd.address());
        let crl = http().get(url).send().await.unwrap().bytes().await.unwrap();
        let (_, crl) = CertificateRevocationList::from_der(&crl).unwrap();
        let signed = crl.tbs_cert_list.as_ref();
        let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
        assert_eq!(verify.verify(scheme, ca.spki(), signed, &crl.signature_value.data), Ok(()));
        scepd.signal("TERM");
        assert!(scepd.ended().success());
        for text in [scepd.log(), scepd.said.join("\n")] {
            assert!(!text.contains(PIN), "{text}");
        }
    }
}

// R-5.1-01
#[tokio::test]
#[ignore = "needs softhsm2"]
async fn a_next_ca_in_a_token_issues_and_its_ra_may_have_its_key_behind_a_passphrase() {
    let place = place();
    let next = ca_beginning_in(10, "Next CA", "rsa2048-signer");
    place.write("next.pem", &next.pem, 0o644);
    place.write("next-ra.pem", &ra(&next, "rsa2048-ra"), 0o644);
    place.write("next-ra.key", &key_pem("rsa2048-ra.encrypted"), 0o600);
    place.write("passphrase", &format!("{PASSPHRASE}\n"), 0o600);
    let settings = r#"[authority.a]
next-ca = "next.pem"
next-ca-key = { pkcs11 = { module = "/usr/lib/softhsm/libsofthsm2.so", token = "scep", label = "other", pin = { file = "pin" } } }
next-ra = "next-ra.pem"
next-ra-key = { file = "next-ra.key", passphrase = { file = "passphrase" } }
"#;
    place.replace("[profile.p]", &format!("{settings}[profile.p]"));
    let scepd = place.serve();
    let client = Client::new(scepd.url(), provider()).unwrap();
    let ca = client.authenticated_ca(&trust(), None).await.unwrap();
    let next = client.next_ca(&ca, AlgorithmPolicy::Modern).await.unwrap();
    let known = CaTrust::Known(Box::new(next.ca().clone()));
    let issued = enrol_at(known, "rsa2048-device", scepd.url(), "phone", PASSWORD).await.unwrap();
    assert!(next.ca().issued(&issued.certificate, &provider()));
    drop(scepd);
    // Another key of the token is not the next CA's.
    place.replace("label = \"other\"", "label = \"the CA\"");
    let report = place.check();
    assert!(report.to_string().contains("the token's key is not that of the certificate"));
    assert!(!report.to_string().contains(PIN) && !report.to_string().contains(PASSPHRASE));
}

/// micromdm's client gets a certificate.
fn scepclient(place: &Place, url: &str, round: u8) {
    let folder = place.path(&format!("scepclient-{round}"));
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new("scepclient");
    command.current_dir(&folder).args(["-server-url", url, "-challenge", PASSWORD]);
    command.args(["-private-key", "k.key", "-certificate", "c.pem", "-keySize", "2048"]);
    let output = command.args(["-cn", "printer"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(folder.join("c.pem").exists());
}

#[tokio::test]
#[ignore = "needs softhsm2"]
async fn while_the_token_is_away_devices_come_again_and_nothing_is_burnt() {
    let place = place();
    let token = place.token("root", "admin");
    let mut scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    let message = message(scepd.url(), "tablet", PASSWORD).await;
    let url = format!("{}?operation=PKIOperation", scepd.url());
    let post = async || http().post(&url).body(message.clone()).send().await.unwrap();
    fs::rename(place.path("tokens"), place.path("gone")).unwrap();
    for _ in 0..3 {
        let answer = post().await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    }
    assert_eq!(counted(&scepd, &token, "deferred", "signer").await, 3);
    // The server serves all the while, and a reload keeps what there is.
    let caps = http().get(format!("{}?operation=GetCACaps", scepd.url())).send().await.unwrap();
    assert_eq!(caps.status(), 200);
    scepd.hang_up("not reloaded, everything stays as it is");
    fs::rename(place.path("gone"), place.path("tokens")).unwrap();
    let mut statuses = Vec::new();
    while statuses.last() != Some(&200) && statuses.len() < 200 {
        statuses.push(post().await.status().as_u16());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(statuses.last(), Some(&200), "{}", scepd.log());
    enrol(scepd.url(), "watch", PASSWORD).await.unwrap();
    assert_eq!(counted(&scepd, &token, "issued", "").await, 3, "each device once");
    scepd.hang_up("reloaded");
    enrol(scepd.url(), "printer", PASSWORD).await.unwrap();
}

/// How many decisions came out so.
async fn counted(scepd: &Scepd, token: &str, outcome: &str, reason: &str) -> u64 {
    let counters = scepd.get("/api/v1/counters", token).await;
    let decisions = counters["decisions"].as_array().unwrap().iter();
    let found = decisions.filter(|counted| {
        counted["labels"]["outcome"] == outcome && counted["labels"]["reason"] == reason
    });
    found.map(|counted| counted["count"].as_u64().unwrap()).sum()
}

const WRONG: &[Wrong] = &[
    (
        "libsofthsm2.so\", token = \"scep\", label",
        "nowhere.so\", token = \"scep\", label",
        (9, 18),
        "does not load",
        "correct the path",
    ),
    (
        "token = \"scep\", label",
        "token = \"other\", label",
        (9, 18),
        "no token has the label \"other\"",
        "--list-token-slots",
    ),
    ("\"the CA\"", "\"a CA\"", (9, 18), "no private key \"a CA\"", "--list-objects"),
    (
        "\"the CA\"",
        "\"other\"",
        (9, 18),
        "the token's key is not that of the certificate",
        "name the key that belongs",
    ),
    ("id = \"02\"", "id = \"09\"", (12, 18), "no private key with the id 09", "--list-objects"),
    ("id = \"02\"", "id = \"2\"", (12, 85), "octets in hexadecimal", ""),
    ("id = \"02\", ", "", (12, 18), "which key of the token?", "label"),
    (
        "label = \"the CA\"",
        "label = \"the CA\", id = \"01\"",
        (9, 18),
        "contradict each other",
        "either",
    ),
    (
        "label = \"the CA\", pin = { file = \"pin\" }",
        "label = \"the CA\", pin = { file = \"no\" }",
        (9, 104),
        "cannot read",
        "write the file",
    ),
    (
        "label = \"the CA\", pin = { file = \"pin\" }",
        "label = \"the CA\"",
        (9, 18),
        "`pin` is missing here",
        "add `pin`",
    ),
];

#[test]
#[ignore = "needs softhsm2"]
fn each_mistake_with_a_token_is_explained_at_its_place() {
    assert_explained_in(&place(), WRONG);
}

#[test]
#[ignore = "needs softhsm2"]
fn a_wrong_pin_is_a_mistake_and_no_pin_is_repeated() {
    let place = place();
    for wrong in ["2718281828", "x"] {
        place.write("pin", wrong, 0o600);
        let report = place.check();
        let mistakes = report["mistakes"].as_array().unwrap();
        assert_eq!(mistakes.len(), 2, "one for each key: {report:#}");
        for mistake in mistakes {
            assert_eq!(mistake["what"], "the token refuses the PIN");
            assert!(mistake["remedy"].as_str().unwrap().contains("locks itself"), "{report:#}");
        }
        let output = place.run(&["serve", "--config", "scepd.toml"]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            said.contains("refuses the PIN") && !said.contains(wrong.repeat(2).as_str()),
            "{said}"
        );
        assert!(!said.contains("2718281828"), "{said}");
    }
    place.write("pin", PIN, 0o644);
    let report = place.check();
    assert!(
        report["mistakes"][0]["remedy"].as_str().unwrap().starts_with("chmod 600"),
        "{report:#}"
    );
}
