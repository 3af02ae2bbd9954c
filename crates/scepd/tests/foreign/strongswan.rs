//! strongSwan's `pki --scep`: CSR attributes out of DER order, a caps parser that needs SHA-384, CertPoll.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::demo::{Demo, run, text};

struct StrongSwan<'a> {
    demo: &'a Demo,
    workplace: PathBuf,
    endpoint: &'static str,
}

impl<'a> StrongSwan<'a> {
    /// Fetches the CA's certificates and makes a key.
    fn prepare(demo: &'a Demo, endpoint: &'static str, name: &str) -> Self {
        let this = Self { demo, workplace: demo.workplace(name), endpoint };
        let output =
            run(this.pki("--scepca").args(["--caout", "ca.der", "--raout", "ra.der", "--force"]));
        assert!(output.status.success(), "{}", text(&output));
        this.key("key.pem");
        this
    }

    fn pki(&self, command: &str) -> Command {
        let mut pki = Command::new("pki");
        pki.current_dir(&self.workplace)
            .arg(command)
            .args(["--url", &self.demo.url(self.endpoint)]);
        pki
    }

    fn key(&self, name: &str) {
        let output = run(Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"])
            .arg(self.workplace.join(name)));
        assert!(output.status.success(), "{}", text(&output));
    }

    fn enrol(&self, key: &str, more: &[&str]) -> Output {
        run(self
            .pki("--scep")
            .args(["--in", key, "--dn", "C=US, O=Interop, CN=strongswan-1"])
            .args(["--san", "strongswan.example"])
            .args(["--cacert-enc", "ra.der", "--cacert-sig", "ca.der", "--outform", "pem"])
            .args(more))
    }

    /// Keeps the certificate that `pki` printed and has OpenSSL verify it.
    fn keep(&self, output: &Output, name: &str) -> PathBuf {
        assert!(output.status.success(), "{}", text(output));
        let certificate = self.workplace.join(name);
        std::fs::write(&certificate, &output.stdout).unwrap();
        self.demo.openssl_accepts(&certificate);
        certificate
    }
}

fn enrols_with(endpoint: &'static str, more: &[&str]) {
    let demo = Demo::start();
    let peer = StrongSwan::prepare(&demo, endpoint, "enrol");
    let output = peer.enrol("key.pem", &[&["--password", &demo.password], more].concat());
    peer.keep(&output, "cert.pem");
}

#[test]
#[ignore = "foreign peer: strongSwan pki; CI runs it with --ignored"]
fn strongswan_enrols_with_aes() {
    enrols_with("static", &[]);
}

#[test]
#[ignore = "foreign peer: strongSwan pki; CI runs it with --ignored"]
fn strongswan_enrols_with_sha_512() {
    enrols_with("static", &["--digest", "sha512"]);
}

// R-5758-02
#[test]
#[ignore = "foreign peer: strongSwan pki; CI runs it with --ignored"]
fn strongswan_enrols_with_pss() {
    enrols_with("static", &["--rsa-padding", "pss"]);
}

#[test]
#[ignore = "foreign peer: strongSwan pki; CI runs it with --ignored"]
fn strongswan_enrols_with_triple_des_where_it_is_allowed() {
    enrols_with("legacy", &["--cipher", "des3"]);
}

#[test]
#[ignore = "foreign peer: strongSwan pki; CI runs it with --ignored"]
fn strongswan_renews_with_its_certificate_alone() {
    let demo = Demo::start();
    let peer = StrongSwan::prepare(&demo, "static", "renew");
    let output = peer.enrol("key.pem", &["--password", &demo.password]);
    peer.keep(&output, "old.pem");
    peer.key("new.pem");
    let output = peer.enrol("new.pem", &["--cert", "old.pem", "--key", "key.pem"]);
    peer.keep(&output, "renewed.pem");
}

#[test]
#[ignore = "foreign peer: strongSwan pki; CI runs it with --ignored"]
fn strongswan_reads_a_wrong_password_as_a_refusal() {
    let demo = Demo::start();
    let output =
        StrongSwan::prepare(&demo, "static", "wrong").enrol("key.pem", &["--password", "wrong"]);
    assert!(!output.status.success());
    assert!(text(&output).contains("reply status is not 'SUCCESS'"), "{}", text(&output));
}

#[test]
#[ignore = "foreign peer: strongSwan pki; CI runs it with --ignored"]
fn strongswan_reads_a_waiting_request_as_pending_and_polls() {
    let demo = Demo::start();
    let peer = StrongSwan::prepare(&demo, "manual", "pending");
    let output = peer.enrol("key.pem", &["--interval", "1", "--maxpolltime", "3"]);
    assert!(!output.status.success());
    let said = text(&output);
    assert!(said.contains("pending"), "{said}");
    assert!(said.contains("maximum poll time reached"), "{said}");
}
