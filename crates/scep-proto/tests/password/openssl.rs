//! `openssl cms` with `-pwri_password`, both ways.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test runs another program; the crate does not"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use scep_proto::inspect::Signed;
use scep_test::craft::SignedMessage;
use scep_test::requests::{CHALLENGE, Draft};

use crate::support::{MODERN, ec_pki, open, rsa_device};

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

// R-3211-01, R-3211-02
#[test]
#[ignore = "needs openssl"]
fn openssl_opens_what_we_encrypt_by_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let sent = rsa_device().enrol(&Draft::default(), ec_pki());
    let envelope = Signed::parse(sent.message).unwrap().content().clone();
    fs::write(folder.path().join("envelope.der"), &envelope).unwrap();
    let arguments = ["cms", "-decrypt", "-inform", "der", "-in", "envelope.der", "-binary"];
    let password = ["-pwri_password", CHALLENGE, "-out", "csr.der"];
    openssl(folder.path(), &[&arguments[..], &password].concat());
    let csr = fs::read(folder.path().join("csr.der")).unwrap();
    assert_eq!(csr, rsa_device().csr.der().to_vec());
}

// R-3211-01, R-3211-03, R-3211-06
#[test]
#[ignore = "needs openssl"]
fn we_open_what_openssl_encrypts_by_a_password() {
    for (cipher, stream) in
        [("-aes128", false), ("-aes192", false), ("-aes256", false), ("-aes128", true)]
    {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("csr.der"), rsa_device().csr.der()).unwrap();
        let mut arguments = vec!["cms", "-encrypt", "-binary", "-in", "csr.der", cipher];
        arguments.extend(["-pwri_password", CHALLENGE, "-outform", "der", "-out", "envelope.der"]);
        if stream {
            arguments.push("-stream");
        }
        openssl(folder.path(), &arguments);
        let envelope = fs::read(folder.path().join("envelope.der")).unwrap();
        let message = SignedMessage::request(rsa_device(), "19", envelope).build();
        assert_eq!(*open(&message, MODERN).csr, rsa_device().csr, "{cipher} {stream}");
    }
}
