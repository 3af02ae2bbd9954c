//! `scep bench`, run here: messages are made before, answers opened after what is measured.

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use scep_cli::{Cli, Error};
use serde_json::Value;

/// A server and who enrols there.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) challenge: &'static str,
    pub(crate) devices: u32,
    /// Devices at it at a time.
    pub(crate) connections: u32,
    pub(crate) whose: Whose,
    /// Its process.
    pub(crate) pid: u32,
}

/// What is expected of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// No device may fail.
    Ours,
    /// `scepserver` answers with single DES, and refuses some of many that come at once.
    Another,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Run {
    /// Devices that have a certificate.
    pub(crate) per_second: f64,
    pub(crate) p99_ms: f64,
    /// CPU time of the server for each device.
    pub(crate) cpu_ms: f64,
    pub(crate) failed: u64,
}

/// How devices connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connecting {
    /// All share so many connections.
    Once,
    /// Each has one of its own.
    Anew,
}

/// The part of another's devices that may fail: one of so many.
const MAY_FAIL: u64 = 2;

impl Place {
    /// All devices enrol.
    pub(crate) fn enrol_all(&self, connecting: Connecting) -> Result<Run> {
        let [devices, connections, pid] =
            [self.devices, self.connections, self.pid].map(|number| number.to_string());
        let mut arguments = vec!["scep", "bench", &self.url, "--trust-unverified", "--json"];
        arguments.extend(["--challenge", self.challenge, "--devices", &devices]);
        arguments.extend(["--connections", &connections, "--server-pid", &pid]);
        if connecting == Connecting::Anew {
            arguments.push("--reconnect");
        }
        if self.whose == Whose::Another {
            arguments.push("--allow-obsolete");
        }
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let failed = match scep_cli::run(&Cli::try_parse_from(arguments)?, &mut out, &mut notes) {
            Ok(()) => 0,
            Err(Error::NotAllIssued { failed }) => u64::try_from(failed)?,
            Err(error) => return Err(error.into()),
        };
        let most = match self.whose {
            Whose::Ours => 0,
            Whose::Another => u64::from(self.devices) / MAY_FAIL,
        };
        ensure!(failed <= most, "{}", String::from_utf8_lossy(&out));
        let report: Value = serde_json::from_slice(&out)?;
        let figure = |value: &Value| value.as_f64().context("no figure");
        Ok(Run {
            per_second: figure(&report["enrolments_per_second"])?,
            p99_ms: figure(&report["latency_ms"]["p99"])?,
            cpu_ms: figure(&report["server_cpu"]["seconds"])? * 1e3 / f64::from(self.devices),
            failed,
        })
    }
}

impl Run {
    /// The run with the median rate.
    pub(crate) fn middle(runs: &[Self]) -> Self {
        let mut runs = runs.to_vec();
        runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        runs.get(runs.len() / 2).copied().unwrap_or_default()
    }
}
