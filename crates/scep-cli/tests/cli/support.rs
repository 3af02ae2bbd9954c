//! Running the program, and looking at what it did.

use std::path::{Path, PathBuf};
use std::process::Command;

use scep_types::{Certificate, DigestAlgorithm};
use tempfile::TempDir;

use crate::server::TestServer;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) notes: String,
}

impl Outcome {
    /// The last line of the notes: the error.
    pub(crate) fn error(&self) -> &str {
        self.notes.trim_end().lines().last().unwrap_or_default()
    }
}

/// A folder to work in.
pub(crate) struct Work(TempDir);

impl Work {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Names of all files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        Certificate::parse(pem(&self.path(name))).unwrap()
    }

    /// Runs the program in this folder.
    pub(crate) fn scep<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Outcome {
        self.scep_with(&[("SCEP_TEST_CHALLENGE", "from the environment")], arguments)
    }

    /// Runs the program with these environment variables.
    pub(crate) fn scep_with<'a>(
        &self,
        variables: &[(&str, &str)],
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_scep"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("NO_PROXY", "*")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            notes: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs `enroll` for CN=device with the RSA key of the tests, and more arguments.
    pub(crate) fn enroll(&self, server: &TestServer, more: &[&str]) -> Outcome {
        let key = crate::server::key_path("rsa2048-device");
        let fixed = ["enroll", &server.url, "--subject", "CN=device", "--key", &key];
        self.scep(fixed.into_iter().chain(["--out", "cert.pem"]).chain(more.iter().copied()))
    }

    /// The same with the right fingerprint.
    pub(crate) fn enroll_pinned(&self, server: &TestServer, more: &[&str]) -> Outcome {
        let fingerprint = fingerprint(server);
        let pinned = [&["--fingerprint", &fingerprint], more].concat();
        self.enroll(server, &pinned)
    }
}

pub(crate) fn fingerprint(server: &TestServer) -> String {
    hex(&server.pki.fingerprint(DigestAlgorithm::Sha256))
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// The DER of the first PEM block.
pub(crate) fn pem(path: &Path) -> Vec<u8> {
    use base64::Engine;
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("-----\n").unwrap();
    let (body, _) = rest.split_once("-----END").unwrap();
    let body: String = body.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}
