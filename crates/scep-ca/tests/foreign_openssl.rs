//! OpenSSL's command line accepts what we issue. Needs the `openssl` program.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test of a pure crate runs a program on files"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use scep_ca::{CrlBuilder, RevocationReason, RevokedCertificate, SanType, Serial};
use scep_types::Certificate;
use scep_types::asn1::Tag;
use scep_types::oid;
use tempfile::TempDir;

use crate::names::odd_names;
use crate::subject_alt_names::each_type;
use crate::support::{Ca, DAY, NOW, Request, config, key, name};

const AT: &str = "1795219200"; // NOW

fn write(directory: &TempDir, name: &str, octets: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, octets).unwrap();
    path
}

/// Writes the DER as PEM, by openssl itself.
fn pem(directory: &TempDir, kind: &str, name: &str, der: &[u8]) -> PathBuf {
    let from = write(directory, &format!("{name}.der"), der);
    let to = directory.path().join(format!("{name}.pem"));
    run(&[kind, "-inform", "DER", "-in", path(&from), "-out", path(&to)]);
    to
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {text}");
    text
}

fn verifies(ca: &Certificate, leaf: &Certificate) {
    let directory = TempDir::new().unwrap();
    let ca = pem(&directory, "x509", "ca", ca.der());
    let leaf = pem(&directory, "x509", "leaf", leaf.der());
    let text = run(&[
        "verify",
        "-x509_strict",
        "-attime",
        AT,
        "-purpose",
        "sslclient",
        "-CAfile",
        path(&ca),
        path(&leaf),
    ]);
    assert!(text.contains(": OK"), "{text}");
}

/// A CA that OpenSSL's strict mode takes: its self-signed certificate names its key.
fn strict_ca(key: &'static str, subject: Vec<u8>) -> Ca {
    let mut ca = Ca { subject, ..Ca::with_key(key) };
    let identifier = [&[0x30, 22, 0x80, 20], &[7; 20][..]].concat();
    let authority = crate::support::extension(&oid::AUTHORITY_KEY_IDENTIFIER, false, &identifier);
    ca.extensions.extend(authority);
    ca
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_verifies_certificates_of_each_key_under_each_ca() {
    for ca in ["p256-ca", "p384-ca", "rsa2048-ca"] {
        for device in ["p256-device", "p384-device", "rsa2048-device"] {
            let ca = strict_ca(ca, Ca::new().subject);
            let certificate = Request::with_key(device).issue_from(&ca, config()).unwrap();
            verifies(&ca.certificate(), &certificate);
        }
    }
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_verifies_odd_subjects_under_odd_cas() {
    for (what, subject) in odd_names() {
        println!("{what}");
        let ca = strict_ca("p256-ca", Ca::new().subject);
        let request = Request { subject: subject.clone(), ..Request::new() };
        verifies(&ca.certificate(), &request.issue_from(&ca, config()).unwrap());

        let ca = strict_ca("p256-ca", subject);
        let plain = name(&[&[(oid::COMMON_NAME, Tag::UTF8_STRING, b"another")]]);
        let request = Request { subject: plain, ..Request::new() };
        verifies(&ca.certificate(), &request.issue_from(&ca, config()).unwrap());
    }
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_verifies_and_prints_subject_alt_names_of_each_type() {
    let (types, names): (Vec<SanType>, Vec<_>) = each_type().into_iter().unzip();
    let mut config = config();
    config.subject_alt_names.keep = types;
    let ca = strict_ca("p256-ca", Ca::new().subject);
    let certificate = Request::with_names(&names).issue_from(&ca, config).unwrap();
    verifies(&ca.certificate(), &certificate);
    let directory = TempDir::new().unwrap();
    let file = pem(&directory, "x509", "leaf", certificate.der());
    let text = run(&["x509", "-in", path(&file), "-noout", "-ext", "subjectAltName"]);
    for expected in [
        "DNS:Device.Example.",
        "email:User@Example.org",
        "URI:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500",
        "URI:IntuneDeviceId://0f9c",
        "IP Address:192.0.2.1",
        "Registered ID:TLS Web Client Authentication",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_finds_a_revoked_certificate_in_a_crl() {
    for ca in ["p256-ca", "rsa2048-ca"] {
        let ca = strict_ca(ca, Ca::new().subject);
        let certificate = Request::new().issue_from(&ca, config()).unwrap();
        let serial = Serial::from_content(certificate.serial()).unwrap();
        let reason = RevocationReason::KeyCompromise;
        let entry = RevokedCertificate { serial, revoked_at: NOW.minus(DAY), reason };
        for revoked in [false, true] {
            let mut builder = CrlBuilder::new();
            if revoked {
                builder.revoke(entry).unwrap();
            }
            let crl = builder.prepare(7, NOW.minus(DAY), NOW.plus(DAY), &ca.issuer()).unwrap();
            let crl = crl.sign_with(key(ca.key).as_ref()).unwrap();
            let text = crl_check(&ca.certificate(), &certificate, crl.der());
            assert_eq!(text.contains("certificate revoked"), revoked, "{text}");
            assert_eq!(text.contains(": OK"), !revoked, "{text}");
        }
    }
}

fn crl_check(ca: &Certificate, leaf: &Certificate, crl: &[u8]) -> String {
    let directory = TempDir::new().unwrap();
    let ca = pem(&directory, "x509", "ca", ca.der());
    let leaf = pem(&directory, "x509", "leaf", leaf.der());
    let crl = pem(&directory, "crl", "crl", crl);
    let verified = run(&["crl", "-in", path(&crl), "-CAfile", path(&ca), "-noout"]);
    assert!(verified.contains("verify OK"), "{verified}");
    let output = Command::new("openssl")
        .args(["verify", "-crl_check", "-attime", AT, "-CAfile", path(&ca)])
        .args(["-CRLfile", path(&crl), path(&leaf)])
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
