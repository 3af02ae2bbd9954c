//! The table of a run, for people and for programs.

use std::io::Write;

use serde_json::{Value, json};

use super::row::{Finding, Level, NoVerdict, Outcome, Row, Verdict};
use crate::error::Error;
use crate::output::line;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: &'static str,
    pub(crate) level: Level,
    pub(crate) title: &'static str,
    pub(crate) verdict: Verdict,
    /// What was sent, if anything was.
    sent: String,
    /// What came back, or why there is no verdict.
    came: String,
}

impl Line {
    pub(crate) fn new(row: &'static Row, outcome: Outcome) -> Self {
        let (verdict, sent, came) = match outcome {
            Ok(Finding { passes: true, sent, came }) => (Verdict::Pass, sent, came),
            Ok(Finding { passes: false, sent, came }) => (Verdict::Fail, sent, came),
            Err(NoVerdict::NotTested(why)) => (Verdict::NotTested, String::new(), why),
            Err(NoVerdict::NotApplicable(why)) => (Verdict::NotApplicable, String::new(), why),
        };
        Self { id: row.id, level: row.level, title: row.title, verdict, sent, came }
    }

    /// Whether it decides the exit code at this level.
    pub(crate) fn fails(&self, level: Level) -> bool {
        self.verdict == Verdict::Fail && self.level <= level
    }
}

/// Prints the table and how many rows came out how.
pub(crate) fn text(lines: &[Line], out: &mut dyn Write) -> Result<(), Error> {
    for row in lines {
        let (id, level, verdict) = (row.id, row.level.name(), row.verdict.words());
        line(out, format_args!("{id:<16} {level:<9} {verdict:<15} {}", row.title))?;
        if !row.sent.is_empty() {
            line(out, format_args!("{:26} sent: {}", "", row.sent))?;
        }
        line(out, format_args!("{:26} came: {}", "", row.came))?;
    }
    let count = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    let counts = [Verdict::Pass, Verdict::Fail, Verdict::NotTested, Verdict::NotApplicable];
    let counts = counts.map(|verdict| format!("{} {}", count(verdict), verdict.words()));
    line(out, format_args!("\n{} rows: {}", lines.len(), counts.join(", ")))
}

/// The table as JSON.
pub(crate) fn json(lines: &[Line]) -> Value {
    let rows = lines.iter().map(|line| {
        json!({
            "id": line.id,
            "level": line.level.name(),
            "requirement": line.title,
            "verdict": line.verdict.words().to_lowercase(),
            "sent": line.sent,
            "came": line.came,
        })
    });
    let count = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    json!({
        "rows": rows.collect::<Vec<_>>(),
        "pass": count(Verdict::Pass),
        "fail": count(Verdict::Fail),
        "not_tested": count(Verdict::NotTested),
        "not_applicable": count(Verdict::NotApplicable),
    })
}
