//! A running `scepd demo` and the programs that talk to it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// `scepd demo`, serving until it is dropped.
pub(crate) struct Demo {
    scepd: Child,
    _stdout: BufReader<ChildStdout>,
    dir: tempfile::TempDir,
    origin: String,
    pub(crate) password: String,
}

impl Demo {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut scepd = Command::new(env!("CARGO_BIN_EXE_scepd"))
            .args(["demo", "--json", "--listen", "127.0.0.1:0", "--dir"])
            .arg(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(scepd.stdout.take().unwrap());
        let serving = loop {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "scepd ended before it served");
            let line: Value = serde_json::from_str(&line).unwrap();
            if let Some(serving) = line.get("serving") {
                break serving.clone();
            }
        };
        Self {
            scepd,
            _stdout: stdout,
            origin: serving["origin"].as_str().unwrap().to_owned(),
            password: serving["password"].as_str().unwrap().to_owned(),
            dir,
        }
    }

    /// The URL of an endpoint: `static`, `signed`, `manual` or `legacy`.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        format!("{}/scep/{endpoint}", self.origin)
    }

    /// A file that the demo wrote, such as `ca.pem`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An empty directory for a peer to work in.
    pub(crate) fn workplace(&self, name: &str) -> PathBuf {
        let workplace = self.dir.path().join(name);
        fs::create_dir(&workplace).unwrap();
        workplace
    }

    /// Asserts that `openssl verify` accepts a certificate under the demo's CA.
    pub(crate) fn openssl_accepts(&self, certificate: &Path) {
        let ca = self.file("ca.pem");
        let output =
            run(Command::new("openssl").arg("verify").arg("-CAfile").args([&ca, certificate]));
        assert!(output.status.success(), "{}", text(&output));
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.scepd.kill();
        let _ = self.scepd.wait();
    }
}

/// Runs a peer to its end; one that is not installed fails the test.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{:?} is needed: {error}", command.get_program()))
}

/// Runs a peer for at most so long and returns what it said.
pub(crate) fn run_for(command: &mut Command, limit: Duration) -> String {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{:?} is needed: {error}", command.get_program()));
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() && start.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    text(&child.wait_with_output().unwrap())
}

/// All that a peer said.
pub(crate) fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}
