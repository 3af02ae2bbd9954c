//! OpenSSL's command line opens what we write, and we open what it writes. Needs the `openssl` program.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test of a pure crate runs a program on files"
)]

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::Algorithms;
use scep_proto::inspect::Signed;
use scep_test::craft::SignedMessage;
use scep_test::keys;
use scep_test::pki::{Pki, Role};
use scep_test::requests::{Device, Draft, random};
use scep_types::{AlgorithmPolicy, Certificate, ContentCipher, DigestAlgorithm};
use tempfile::TempDir;

use crate::oracle;
use crate::support::{device, open, opens_to, pki};

/// A folder for one run of the program.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, octets: &[u8]) {
        std::fs::write(self.path(name), octets).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Writes a certificate as PEM, by openssl itself.
    fn certificate(&self, name: &str, certificate: &Certificate) {
        self.write("certificate.der", certificate.der());
        self.run(&format!("x509 -inform DER -in certificate.der -out {name}"));
    }

    /// Runs `openssl` in this folder.
    fn run(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "openssl {arguments}: {text}");
    }

    /// What openssl finds in a message: its signature verified, its envelope decrypted with a key.
    fn open(&self, message: &[u8], key: &str) -> Vec<u8> {
        self.write("message.der", message);
        self.write("key.pem", keys::pem(key).as_bytes());
        self.run("cms -verify -inform der -in message.der -noverify -binary -out envelope.der");
        self.decrypt("envelope.der", "");
        self.read("plaintext.der")
    }

    fn decrypt(&self, file: &str, options: &str) {
        let command = format!(
            "cms -decrypt -inform der -in {file} -inkey key.pem -binary -out plaintext.der"
        );
        self.run([&command, options].join(" ").trim_end());
    }
}

fn ciphers() -> [ContentCipher; 4] {
    use ContentCipher::{Aes128Cbc, Aes192Cbc, Aes256Cbc, TripleDesCbc};
    [Aes128Cbc, Aes192Cbc, Aes256Cbc, TripleDesCbc]
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_verifies_and_decrypts_our_requests() {
    let folder = Folder::new();
    for digest in &DigestAlgorithm::ALL[1..] {
        for cipher in ciphers() {
            let algorithms = Algorithms { digest: *digest, cipher };
            let draft = Draft { algorithms, ..Draft::default() };
            for sent in [device().enrol(&draft, pki()), device().renew(&draft, pki())] {
                assert_eq!(folder.open(&sent.message, "rsa2048-ra"), device().csr.der().to_vec());
            }
        }
    }
    folder.write("csr.der", device().csr.der());
    folder.run("req -inform der -in csr.der -verify -noout");
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_reads_single_des_with_its_legacy_provider() {
    let folder = Folder::new();
    let algorithms = Algorithms { digest: DigestAlgorithm::Sha1, cipher: ContentCipher::DesCbc };
    let sent = device().enrol(&Draft { algorithms, ..Draft::default() }, pki());
    folder.write("message.der", &sent.message);
    folder.write("key.pem", keys::pem("rsa2048-ra").as_bytes());
    folder.run("cms -verify -inform der -in message.der -noverify -binary -out envelope.der");
    folder.decrypt("envelope.der", "-provider legacy -provider default");
    assert_eq!(folder.read("plaintext.der"), device().csr.der().to_vec());
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_verifies_our_replies_against_the_ca_and_decrypts_them() {
    let folder = Folder::new();
    folder.certificate("ca.pem", &pki().ca);
    for digest in &DigestAlgorithm::ALL[1..] {
        for cipher in ciphers() {
            let algorithms = Algorithms { digest: *digest, cipher };
            let (reply, issued) = success(&Draft { algorithms, ..Draft::default() });
            let plaintext = folder.open(&reply, "rsa2048-device");
            assert_eq!(oracle::signed_data(&plaintext).certificates, [issued.der().to_vec()]);
            folder.run("cms -verify -inform der -in message.der -CAfile ca.pem -purpose any -binary -out x.der");
        }
    }
    folder.run("pkcs7 -inform der -in plaintext.der -print_certs -out issued.pem");
    folder.run("verify -CAfile ca.pem issued.pem");
}

fn success(draft: &Draft) -> (Bytes, Certificate) {
    let enrolment = open(&device().enrol(draft, pki()).message, AlgorithmPolicy::Obsolete);
    let issued = pki().issue("device", &[0x11], Role::Device, device().key.spki());
    let provider = provider();
    let settings = pki().reply_settings(&provider);
    let unsigned = enrolment.reply.succeed(&[issued.der()], &random(8), settings).unwrap();
    (pki().sign_reply(unsigned), issued)
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_verifies_pending_and_failure_by_their_empty_content() {
    let folder = Folder::new();
    folder.certificate("ca.pem", &pki().ca);
    let provider = provider();
    let settings = pki().reply_settings(&provider);
    let reply =
        || open(&device().enrol(&Draft::default(), pki()).message, AlgorithmPolicy::Modern).reply;
    let failure = scep_proto::FailInfo::BAD_REQUEST;
    for unsigned in [
        reply().pend(&random(8), settings).unwrap(),
        reply().fail(failure, Some("niemals"), &random(8), settings).unwrap(),
    ] {
        folder.write("message.der", &pki().sign_reply(unsigned));
        folder.run("cms -verify -inform der -in message.der -CAfile ca.pem -purpose any -binary -out content.der");
        assert!(folder.read("content.der").is_empty());
    }
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn we_open_the_envelopes_of_openssl_in_der_and_in_ber() {
    let folder = Folder::new();
    folder.certificate("ra.pem", &pki().ra);
    folder.write("csr.der", device().csr.der());
    for stream in ["", " -stream"] {
        for recipient in [
            "-aes-128-cbc ra.pem",
            "-aes-192-cbc ra.pem",
            "-aes-256-cbc -keyid ra.pem",
            "-aes-128-cbc -recip ra.pem -keyopt rsa_padding_mode:oaep",
            "-aes-256-cbc -recip ra.pem -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha256",
        ] {
            folder.run(&format!(
                "cms -encrypt -binary -in csr.der -outform der -out envelope.der{stream} {recipient}"
            ));
            let envelope = folder.read("envelope.der");
            assert_eq!(envelope[1] == 0x80, !stream.is_empty(), "BER if streamed");
            let message = SignedMessage::request(device(), "19", envelope).build();
            opens_to(&message, &device().csr);
        }
    }
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn we_verify_the_signatures_of_openssl_in_der_and_in_ber() {
    const BOTH: &[&str] = &["", " -stream"];
    let pss = "-md sha384 -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1";
    for (key, options, forms) in [
        ("rsa2048-device", "-md sha256", BOTH),
        ("rsa2048-device", "-md sha512 -keyid", BOTH),
        ("rsa2048-device", pss, &[""]), // OpenSSL 3.0 cannot stream this one
        ("p256-device", "-md sha256", BOTH),
        ("p384-device", "-md sha384", BOTH),
    ] {
        for form in forms {
            we_verify_a_signature_of_openssl(key, &format!("{options}{form}"));
        }
    }
}

fn we_verify_a_signature_of_openssl(key: &str, options: &str) {
    let folder = Folder::new();
    let signer = Device::new("device", keys::software(key));
    let certificate = pki().issue("device", &[0x12], Role::Device, signer.key.spki());
    folder.certificate("signer.pem", &certificate);
    folder.write("key.pem", keys::pem(key).as_bytes());
    folder.write("content", &[0xA5; 3000]);
    let files = "-in content -signer signer.pem -inkey key.pem -out signed.der";
    folder.run(&format!("cms -sign -nodetach -binary -outform der {files} {options}"));
    let signed = Signed::parse(folder.read("signed.der")).unwrap();
    assert_eq!(signed.content(), &[0xA5; 3000][..]);
    let info = signed.signers().next().unwrap();
    assert_eq!(info.certificate(), Some(&certificate), "{key} {options}");
    assert_eq!(info.verify(&certificate, &provider()), Ok(()), "{key} {options}");
}

#[test]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
fn openssl_takes_no_part_in_a_changed_message() {
    let folder = Folder::new();
    let mut message = device().enrol(&Draft::default(), pki()).message.to_vec();
    *message.last_mut().unwrap() ^= 1;
    folder.write("message.der", &message);
    let output = Command::new("openssl")
        .args(["cms", "-verify", "-inform", "der", "-in", "message.der", "-noverify", "-binary"])
        .current_dir(folder.0.path())
        .output()
        .unwrap();
    assert!(!output.status.success(), "or the tests above would show nothing");
    assert!(Pki::verify(&message.into(), AlgorithmPolicy::Modern).is_err());
}
