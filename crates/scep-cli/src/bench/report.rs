use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::verdict::{Kind, Verdict};
use crate::error::Error;
use crate::output;

/// The figures of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    connections: u32,
    elapsed: Duration,
    /// Of the devices that have their certificates, in ascending order.
    latencies: Vec<Duration>,
    failures: BTreeMap<String, usize>,
    limited: usize,
    cpu: Option<Duration>,
}

impl Report {
    pub(crate) fn new(
        connections: u32,
        elapsed: Duration,
        verdicts: &[Verdict],
        cpu: Option<Duration>,
    ) -> Self {
        let mut report = Self {
            connections,
            elapsed,
            latencies: Vec::new(),
            failures: BTreeMap::new(),
            limited: 0,
            cpu,
        };
        for verdict in verdicts {
            match verdict {
                Verdict::Issued(took) => report.latencies.push(*took),
                Verdict::Failed(kind) => report.failed(kind),
            }
        }
        report.latencies.sort_unstable();
        report
    }

    fn failed(&mut self, kind: &Kind) {
        let count = self.failures.entry(kind.to_string()).or_default();
        *count = count.saturating_add(1);
        if kind.is_limit() {
            self.limited = self.limited.saturating_add(1);
        }
    }

    /// Devices without a certificate.
    pub(crate) fn failures(&self) -> usize {
        self.failures.values().sum()
    }

    /// Devices that were told to come again later.
    pub(crate) fn limited(&self) -> usize {
        self.limited
    }

    fn devices(&self) -> usize {
        self.latencies.len().saturating_add(self.failures())
    }

    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The latency that so many of a hundred do not exceed; none if there is no certificate.
    fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = self.latencies.len().saturating_mul(percent).div_ceil(100).checked_sub(1)?;
        self.latencies.get(rank).copied()
    }

    fn percentiles(&self) -> [(&'static str, Option<f64>); 4] {
        let milliseconds =
            |percent| self.percentile(percent).map(|latency| latency.as_secs_f64() * 1e3);
        [("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)]
            .map(|(name, percent)| (name, milliseconds(percent)))
    }

    /// CPU time, for each certificate in milliseconds, and of how many cores.
    fn cpu(&self) -> Option<(f64, Option<f64>, f64)> {
        let seconds = self.cpu?.as_secs_f64();
        let issued = self.latencies.len();
        let each = (issued > 0).then(|| seconds * 1e3 / issued as f64);
        Some((seconds, each, seconds / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)))
    }

    pub(crate) fn text(&self, out: &mut dyn Write) -> Result<(), Error> {
        let mut row = |name: &str, value: String| output::line(out, format!("{name:<14} {value}"));
        row("devices", self.devices().to_string())?;
        row("connections", self.connections.to_string())?;
        row("issued", self.latencies.len().to_string())?;
        row("failed", self.failures().to_string())?;
        for (kind, count) in &self.failures {
            row("", format!("{count} × {kind}"))?;
        }
        row("time", format!("{:.3} s", self.elapsed.as_secs_f64()))?;
        row("enrolments/s", format!("{:.1}", self.per_second()))?;
        for (name, milliseconds) in self.percentiles() {
            let value = milliseconds.map_or("-".to_owned(), |value| format!("{value:.2} ms"));
            row(name, value)?;
        }
        if let Some((seconds, each, cores)) = self.cpu() {
            let each = each.map_or(String::new(), |each| format!(", {each:.2} ms an enrolment"));
            row("server CPU", format!("{seconds:.2} s{each}, {cores:.2} cores"))?;
        }
        Ok(())
    }

    pub(crate) fn json(&self) -> Value {
        let latencies: BTreeMap<_, _> = self.percentiles().into_iter().collect();
        let cpu = self.cpu().map(|(seconds, each, cores)| {
            json!({ "seconds": seconds, "ms_per_enrolment": each, "cores": cores })
        });
        json!({
            "devices": self.devices(),
            "connections": self.connections,
            "issued": self.latencies.len(),
            "failed": self.failures(),
            "failures": self.failures,
            "seconds": self.elapsed.as_secs_f64(),
            "enrolments_per_second": self.per_second(),
            "latency_ms": latencies,
            "server_cpu": cpu,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[Verdict], cpu: Option<Duration>) -> Report {
        Report::new(8, Duration::from_secs(2), verdicts, cpu)
    }

    #[test]
    fn a_percentile_is_the_latency_that_so_many_do_not_exceed() {
        let of = |count: u64| {
            let issued = (1..=count).rev().map(Duration::from_millis).map(Verdict::Issued);
            report(&issued.collect::<Vec<_>>(), None).percentiles().map(|(_, value)| value)
        };
        assert_eq!(of(200), [Some(100.0), Some(190.0), Some(198.0), Some(200.0)]);
        assert_eq!(of(1), [Some(1.0); 4]);
        assert_eq!(of(0), [None; 4]);
    }

    #[test]
    fn failures_count_by_kind_and_not_as_enrolments() {
        let failed = |kind| Verdict::Failed(kind);
        let verdicts = [
            Verdict::Issued(Duration::from_millis(5)),
            failed(Kind::Http(503)),
            failed(Kind::Http(503)),
            failed(Kind::Refused(Some(scep_proto::FailInfo::BAD_REQUEST))),
            failed(Kind::Pending),
        ];
        let report = report(&verdicts, Some(Duration::from_secs(1)));
        let json = report.json();
        assert_eq!((report.failures(), report.limited()), (4, 2));
        assert_eq!(json["failures"]["HTTP 503"], 2);
        assert_eq!(json["devices"], 5);
        assert_eq!(json["enrolments_per_second"], 0.5);
        assert_eq!(json["server_cpu"]["cores"], 0.5);
        let mut text = Vec::new();
        report.text(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("2 × HTTP 503\n"), "{text}");
        assert!(
            text.contains("server CPU     1.00 s, 1000.00 ms an enrolment, 0.50 cores"),
            "{text}"
        );
    }
}
