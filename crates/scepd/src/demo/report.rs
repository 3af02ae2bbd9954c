//! The lines a demonstration prints, for people or for machines.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

/// One thing that was tried and how it came out.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// What was tried.
    pub(super) what: &'static str,
    /// What the device saw.
    pub(super) device: String,
    /// What the server's log knows and the device does not.
    pub(super) log: String,
    /// Milliseconds from request to answer.
    pub(super) milliseconds: f64,
    /// Whether it came out as it should.
    pub(super) as_expected: bool,
}

/// Collects lines and prints each at once.
pub(super) struct Report {
    form: Form,
    failed: usize,
}

/// For whom to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

impl Report {
    pub(super) fn new(form: Form) -> Self {
        Self { form, failed: 0 }
    }

    /// Prints a line and remembers whether it was as it should be.
    pub(super) fn line(&mut self, line: &Line) -> io::Result<()> {
        if !line.as_expected {
            self.failed += 1;
        }
        let mut out = io::stdout().lock();
        match self.form {
            Form::Json => writeln!(out, "{}", serde_json::to_string(line)?),
            Form::Text => {
                let mark = if line.as_expected { "ok  " } else { "FAIL" };
                let Line { what, device, log, milliseconds, .. } = line;
                writeln!(out, "  {mark}  {what:<46} {device:<34} {milliseconds:>8.1} ms")?;
                if log.is_empty() { Ok(()) } else { writeln!(out, "        log: {log}") }
            }
        }
    }

    /// Prints an explanation, to people only.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        match self.form {
            Form::Json => Ok(()),
            Form::Text => writeln!(io::stdout().lock(), "{text}"),
        }
    }

    /// Tells people where the demo keeps its state.
    pub(super) fn state(&self, directory: &Path) -> io::Result<()> {
        let directory = directory.display();
        self.say(&format!("Its state is in {directory}, which is removed at the end.\n"))
    }

    /// Tells machines where the demo serves; people were told in words.
    pub(super) fn serving(&self, origin: &str, password: &str) -> io::Result<()> {
        let serving = serde_json::json!({ "serving": { "origin": origin, "password": password } });
        match self.form {
            Form::Json => writeln!(io::stdout().lock(), "{serving}"),
            Form::Text => Ok(()),
        }
    }

    /// How many lines were not as they should be.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }
}

/// A duration in milliseconds.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
