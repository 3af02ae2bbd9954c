//! A node as its parent sees it: a process, what it says, and how it ended.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::node::Job;
use crate::steps::{ANSWER, SAID};

/// The test that is a node if it is asked to be one.
const NODE: &str = "without_a_kill_each_flow_goes_its_way";
/// How long something may take that has no reason to take long; nothing is concluded from how long it took.
const PATIENCE: Duration = Duration::from_secs(120);
const SIGKILL: i32 = 9;

pub(crate) struct Running {
    child: Child,
    address: String,
    said: Receiver<String>,
    pub(crate) journal: Journal,
}

/// What a node said.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// The steps that it took; at the last one it died, if it did.
    pub(crate) steps: Vec<String>,
    /// The serial numbers of the certificates that it was to record.
    pub(crate) commits: Vec<String>,
    /// The CRL numbers that it drew.
    pub(crate) numbers: Vec<u64>,
    paused: bool,
}

impl Running {
    /// Starts one and waits until it serves.
    pub(crate) fn start(job: &Job) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NODE, "--nocapture", "--test-threads=1"])
            .env(Job::VARIABLE, job.text())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, said) = channel();
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines
                .filter_map(|line| line.split_once(SAID).map(|(_, said)| said.to_owned()))
                .try_for_each(|line| send.send(line))
        });
        let first = said.recv_timeout(PATIENCE).unwrap();
        let address = first.strip_prefix("serving ").unwrap().to_owned();
        Self { child, address, said, journal: Journal::default() }
    }

    /// Where it answers devices.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/scep", self.address)
    }

    /// What it answers to a GET, or `None` if it died instead.
    pub(crate) fn ask(&self, path: &str) -> Option<String> {
        ask(&self.address, path)
    }

    /// As [`Running::ask`], on a thread of its own.
    pub(crate) fn ask_beside(&self, path: &'static str) -> JoinHandle<Option<String>> {
        let address = self.address.clone();
        std::thread::spawn(move || ask(&address, path))
    }

    /// Waits until it has died at its step.
    pub(crate) fn wait_for_its_death(&mut self) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not die");
            std::thread::sleep(Duration::from_millis(2));
        };
        assert_eq!(status.signal(), Some(SIGKILL), "{status}");
        self.hear_all();
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.hear_all();
    }

    /// Waits until it pauses at its step.
    pub(crate) fn wait_for_its_pause(&mut self) {
        while !self.journal.paused {
            let line = self.said.recv_timeout(PATIENCE).unwrap();
            self.journal.note(&line);
        }
    }

    /// Ends its pause.
    pub(crate) fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// What it said until its latest answer left, which its reader may hear later than the answer.
    pub(crate) fn heard_until_the_answer(&mut self) -> &Journal {
        while self.journal.steps.last().is_none_or(|step| step != ANSWER) {
            let line = self.said.recv_timeout(PATIENCE).unwrap();
            self.journal.note(&line);
        }
        &self.journal
    }

    /// All that a dead node said.
    fn hear_all(&mut self) {
        while let Ok(line) = self.said.recv() {
            self.journal.note(&line);
        }
    }
}

fn ask(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    if stream.read_to_string(&mut answer).is_err() || answer.is_empty() {
        return None;
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{answer}");
    Some(body.to_owned())
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Journal {
    fn note(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("step", step)) => self.steps.push(step.to_owned()),
            Some(("commit", serial)) => self.commits.push(serial.to_owned()),
            Some(("number", number)) => self.numbers.push(number.parse().unwrap()),
            None if line == "paused" => self.paused = true,
            _ => panic!("{line}"),
        }
    }
}
