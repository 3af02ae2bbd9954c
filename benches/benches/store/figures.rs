//! Figures, as a table and as JSON.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use scep_benches::json_file;
use serde::Serialize;

/// One line: a backend under a load.
#[derive(Serialize)]
pub(crate) struct Figure {
    name: String,
    per_second: f64,
    p99_ms: f64,
    bare_per_second: Option<f64>,
    bare_p99_ms: Option<f64>,
    /// Enrolments beside bare statements; of growth, how much slower.
    ratio: Option<f64>,
    /// Verbs beside bare statements: an enrolment is two verbs, and each needs a statement of its own at the least.
    verbs: Option<f64>,
    #[serde(skip)]
    target: Option<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(crate) fn of_load(
        name: &str,
        per_second: f64,
        p99: Duration,
        bare: Option<(f64, Duration)>,
    ) -> Self {
        let ratio = bare.map(|(bare, _)| per_second / bare);
        Self {
            name: name.to_owned(),
            per_second,
            p99_ms: milliseconds(p99),
            bare_per_second: bare.map(|(per_second, _)| per_second),
            bare_p99_ms: bare.map(|(_, p99)| milliseconds(p99)),
            ratio,
            verbs: ratio.map(|ratio| 2.0 * ratio),
            target: ratio.map(|_| Target::AtLeast(0.5)),
        }
    }

    /// Median and p99 with many entries, beside those with few.
    pub(crate) fn of_growth(name: &str, many: [Duration; 2], few: [Duration; 2]) -> Self {
        let [median, p99] = many;
        let [median_of_few, p99_of_few] = few;
        Self {
            name: name.to_owned(),
            per_second: 1.0 / median.as_secs_f64(),
            p99_ms: milliseconds(p99),
            bare_per_second: Some(1.0 / median_of_few.as_secs_f64()),
            bare_p99_ms: Some(milliseconds(p99_of_few)),
            ratio: Some(median.as_secs_f64() / median_of_few.as_secs_f64()),
            verbs: None,
            target: Some(Target::AtMost(3.0)),
        }
    }

    fn is_missed(&self) -> bool {
        match (self.verbs.or(self.ratio), self.target) {
            (Some(ratio), Some(Target::AtLeast(target))) => ratio < target,
            (Some(ratio), Some(Target::AtMost(target))) => ratio > target,
            _ => false,
        }
    }
}

/// Prints the figures, says which targets are missed, and writes them beside the file after `--json`, if given.
pub(crate) fn finish(figures: &[Figure]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<56} {:>10} {:>9} {:>10} {:>9} {:>6} {:>6} {:>7}",
        "", "per s", "p99 ms", "bare per s", "p99 ms", "ratio", "verbs", "target"
    )?;
    for figure in figures {
        let or_none = |value: Option<f64>, digits: usize| {
            value.map_or_else(String::new, |value| format!("{value:.digits$}"))
        };
        let target = match figure.target {
            Some(Target::AtLeast(target)) => format!(">= {target:.1}"),
            Some(Target::AtMost(target)) => format!("<= {target:.1}"),
            None => String::new(),
        };
        writeln!(
            out,
            "{:<56} {:>10.0} {:>9.3} {:>10} {:>9} {:>6} {:>6} {target:>7}{}",
            figure.name,
            figure.per_second,
            figure.p99_ms,
            or_none(figure.bare_per_second, 0),
            or_none(figure.bare_p99_ms, 3),
            or_none(figure.ratio, 2),
            or_none(figure.verbs, 2),
            if figure.is_missed() { "  MISSED" } else { "" },
        )?;
    }
    // Each bench has a file of its own.
    match json_file()? {
        Some(path) => {
            let path = path.with_extension("store.json");
            Ok(std::fs::write(path, serde_json::to_vec(figures)?)?)
        }
        None => Ok(()),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
