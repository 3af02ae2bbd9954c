//! Figures, as a table and as JSON.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use scep_benches::json_file;
use serde::Serialize;

use crate::load::Run;

/// One line.
#[derive(Serialize)]
pub(crate) struct Figure {
    name: String,
    per_second: Option<f64>,
    p99_ms: Option<f64>,
    /// CPU time of the server for each device.
    cpu_ms: Option<f64>,
    /// Devices that it refused, of those of a turn.
    failed: u64,
    /// Of a start: the median, and the slowest.
    ms: Option<[f64; 2]>,
    /// Beside what its rate is, and the ratio.
    beside: Option<(String, f64)>,
    is_missed: bool,
    #[serde(skip)]
    target: String,
}

impl Figure {
    pub(crate) fn rate(name: &str, run: &Run) -> Self {
        Self {
            name: name.to_owned(),
            per_second: Some(run.per_second),
            p99_ms: Some(run.p99_ms),
            cpu_ms: Some(run.cpu_ms),
            failed: run.failed,
            ms: None,
            beside: None,
            is_missed: false,
            target: String::new(),
        }
    }

    /// The same as a ratio to another run, and what it should be at least.
    pub(crate) fn beside(self, name: &str, other: &Run, least: f64) -> Self {
        let ratio = self.per_second.unwrap_or_default() / other.per_second;
        Self {
            beside: Some((name.to_owned(), ratio)),
            is_missed: ratio < least,
            target: format!(">= {least:.1}"),
            ..self
        }
    }

    /// How long starts took, and what the median should be at most.
    pub(crate) fn start(name: &str, starts: &[Duration], most: Duration) -> Self {
        let mut sorted: Vec<_> = starts.iter().map(|start| start.as_secs_f64() * 1e3).collect();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let slowest = sorted.last().copied().unwrap_or_default();
        Self {
            name: name.to_owned(),
            per_second: None,
            p99_ms: None,
            cpu_ms: None,
            failed: 0,
            ms: Some([median, slowest]),
            beside: None,
            is_missed: median > most.as_secs_f64() * 1e3,
            target: format!("<= {} ms", most.as_millis()),
        }
    }

    fn line(&self) -> String {
        let rate = match (self.per_second, self.p99_ms, self.cpu_ms) {
            (Some(per_second), Some(p99), Some(cpu)) => {
                format!("{per_second:>8.0}/s  p99 {p99:>7.2} ms  CPU {cpu:>6.2} ms each")
            }
            _ => String::new(),
        };
        let failed =
            if self.failed > 0 { format!("  {} refused", self.failed) } else { String::new() };
        let start = self.ms.map_or(String::new(), |[median, slowest]| {
            format!("{median:>8.1} ms, slowest {slowest:.1} ms")
        });
        let ratio = self
            .beside
            .as_ref()
            .map_or(String::new(), |(beside, ratio)| format!("  {ratio:>6.2} × {beside}"));
        let missed = if self.is_missed { "  MISSED" } else { "" };
        format!("{:<30}{rate}{start}{failed}{ratio}  {}{missed}", self.name, self.target)
    }
}

/// Prints the figures, and writes them beside the file after `--json`, if given.
pub(crate) fn finish(figures: &[Figure]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        writeln!(out, "{}", figure.line().trim_end())?;
    }
    // Each bench has a file of its own.
    match json_file()? {
        Some(path) => {
            let path = path.with_extension("throughput.json");
            Ok(std::fs::write(path, serde_json::to_vec(figures)?)?)
        }
        None => Ok(()),
    }
}
