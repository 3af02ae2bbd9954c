//! Running the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) notes: String,
}

impl Outcome {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
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

    pub(crate) fn scep(&self, arguments: &[&str]) -> Outcome {
        scep_in(self.0.path(), arguments)
    }
}

pub(crate) fn scep(arguments: &[&str]) -> Outcome {
    Work::new().scep(arguments)
}

fn scep_in(folder: &Path, arguments: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_scep"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        notes: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The verdicts of a table, by id.
pub(crate) struct Table(Vec<Value>);

impl Table {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self(outcome.json()["rows"].as_array().unwrap().clone())
    }

    pub(crate) fn verdict(&self, id: &str) -> &str {
        let row = self.0.iter().find(|row| row["id"] == id);
        row.unwrap_or_else(|| panic!("no row {id}"))["verdict"].as_str().unwrap()
    }

    /// The ids of all rows with this verdict.
    pub(crate) fn with(&self, verdict: &str) -> Vec<&str> {
        let rows = self.0.iter().filter(|row| row["verdict"] == verdict);
        rows.map(|row| row["id"].as_str().unwrap()).collect()
    }

    pub(crate) fn rows(&self) -> &[Value] {
        &self.0
    }
}
