//! micromdm's `scepserver`, which answers with single DES and SHA-1 whatever it is asked with.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scep_types::Certificate;
use tempfile::TempDir;

use crate::program::{Table, Work, scep};

const SECRET: &str = "secret";

/// `scepserver` with a depot of its own, until it is dropped.
struct ScepServer {
    process: Child,
    url: String,
    _depot: TempDir,
}

impl ScepServer {
    fn start() -> Self {
        let depot = tempfile::tempdir().unwrap();
        let init = ["ca", "-init", "-depot", "depot", "-keySize", "2048", "-country", "US"];
        assert!(spawn(depot.path(), &init).wait().unwrap().success());
        let (process, url) = Self::serve(depot.path());
        Self { process, url, _depot: depot }
    }

    /// On the first port that nobody else takes before it does.
    fn serve(folder: &Path) -> (Child, String) {
        let start = Instant::now();
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let url = format!("http://127.0.0.1:{port}/scep");
            let port = port.to_string();
            let arguments =
                ["-depot", "depot", "-challenge", SECRET, "-allowrenew", "0", "-port", &port];
            let mut process = spawn(folder, &arguments);
            while process.try_wait().unwrap().is_none() {
                if scep(&["caps", &url]).code == 0 {
                    return (process, url);
                }
                assert!(start.elapsed() < Duration::from_secs(60), "scepserver does not answer");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn scep(&self, work: &Work, command: &str, more: &[&str]) -> crate::program::Outcome {
        let fixed = [command, &self.url, "--trust-unverified", "--challenge", SECRET];
        work.scep(&[&fixed, more].concat())
    }
}

fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    Command::new("scepserver")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("scepserver is needed (Debian package scep): {error}"))
}

impl Drop for ScepServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn certificate(work: &Work, name: &str) -> Certificate {
    let pem = std::fs::read(work.path(name)).unwrap();
    let blocks = String::from_utf8(pem).unwrap();
    let body: String = blocks.lines().filter(|line| !line.starts_with('-')).collect();
    use base64::Engine;
    Certificate::parse(base64::engine::general_purpose::STANDARD.decode(body).unwrap()).unwrap()
}

// R-2.3-06, R-2.5-02
#[test]
#[ignore = "foreign peer: scepserver; CI runs it with --ignored"]
fn our_client_enrols_and_renews_where_obsolete_algorithms_are_allowed() {
    let (server, work) = (ScepServer::start(), Work::new());
    let enrol = ["--subject", "CN=device", "--allow-obsolete"];
    let outcome = server.scep(&work, "enroll", &enrol);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let first = certificate(&work, "cert.pem");
    assert_eq!(first.subject().to_string(), "CN=device");

    let renew = ["--cert", "cert.pem", "--key", "key.pem", "--new-key", "new.pem"];
    let renew = [&renew[..], &["--out", "next.pem", "--allow-obsolete"]].concat();
    let outcome = server.scep(&work, "renew", &renew);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let next = certificate(&work, "next.pem");
    assert_eq!(next.subject(), first.subject());
    assert_ne!((next.serial(), next.spki()), (first.serial(), first.spki()));
}

// R-2.9-05
#[test]
#[ignore = "foreign peer: scepserver; CI runs it with --ignored"]
fn its_single_des_is_refused_and_the_servers_setting_is_named() {
    let (server, work) = (ScepServer::start(), Work::new());
    let outcome = server.scep(&work, "enroll", &["--subject", "CN=device", "--legacy"]);
    assert_eq!(outcome.code, 7, "{}", outcome.notes);
    for part in ["encrypted with DesCbc", "encryptionAlgorithmIdentifier", "--allow-obsolete"] {
        assert!(outcome.notes.contains(part), "{}", outcome.notes);
    }
    let outcome = server.scep(&work, "enroll", &["--subject", "CN=device"]);
    assert_eq!(outcome.code, 7, "{}", outcome.notes);
    assert!(outcome.notes.contains("allow it with --legacy"), "{}", outcome.notes);
    assert!(!work.path("cert.pem").exists());
}

#[test]
#[ignore = "foreign peer: scepserver; CI runs it with --ignored"]
fn a_probe_says_that_windows_will_not_work_with_it_and_why() {
    let server = ScepServer::start();
    let outcome = scep(&["probe", &server.url]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    assert!(outcome.out.contains("  Windows with Intune      will not work"), "{}", outcome.out);
    assert!(outcome.out.contains("0x8010002c"), "{}", outcome.out);
    assert!(outcome.out.contains("CertPoll for nothing, POST                   HTTP 500"));
}

#[test]
#[ignore = "foreign peer: scepserver; CI runs it with --ignored"]
fn its_table_shows_what_it_keeps_and_what_not() {
    let (server, work) = (ScepServer::start(), Work::new());
    let outcome = server.scep(&work, "conformance", &["--yes", "--json"]);
    assert_eq!(outcome.code, 8, "{}", outcome.notes);
    let table = Table::of(&outcome);
    for id in [
        "R-3.5-01",
        "R-2.2-02",
        "R-4.2.1.1-01",
        "R-4.3-05",
        "R-3.2.1-01",
        "R-3.2.1.5-02",
        "R-3.2.1.2-02",
        "R-CMS5.3-02",
        "R-CMS5.4-01",
        "R-2.9-01",
        "R-2.4-07",
        "R-2.4-04",
        "R-4.3-01",
        "R-3.1-01",
        "R-3.3.2-01",
        "R-5280-01",
        "R-5280-08",
        "R-2.5-03",
        "R-3-01",
    ] {
        assert_eq!(table.verdict(id), "pass", "{id}");
    }
    for id in [
        "R-2.1.2-01",    // keyCertSign and cRLSign only
        "R-2.9-03",      // takes single DES, and sends it
        "R-3.2.1.5-06",  // copies our nonce
        "R-3.5.2-22",    // answers with SHA-1
        "R-CMS6.2.1-06", // no OAEP
        "R-3.3.1-03",    // does not verify the CSR's signature
        "R-4.1-02",      // serves /scep only
        "R-5280-02",     // counts from 2
        "R-2.4-11",      // renews for any subject
        "R-5.2-05",      // issues anew
    ] {
        assert_eq!(table.verdict(id), "fail", "{id}");
    }
    assert_eq!(table.verdict("R-4.5.1-01"), "not applicable");
    assert_eq!(table.verdict("R-4.7.1-01"), "not applicable");
}
