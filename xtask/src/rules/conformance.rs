use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, ensure};

use crate::{Finding, SourceFile};

const KNOWN_IDS: &str = "take an id of xtask/conformance-rows.txt, or add the rule there";
const ABOVE_TEST: &str = "put the id into a comment line right above the test's attributes";

/// A rule that a test can prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Such as `R-P10-04`.
    pub id: String,
    /// Section of its source, or `practice`.
    pub section: String,
    /// Client, server, both.
    pub role: String,
    /// MUST, SHOULD, MAY, plain, practice.
    pub level: String,
    /// In a few words.
    pub title: String,
}

/// Which rules have tests.
#[derive(Debug, Clone)]
pub struct Conformance {
    /// Each rule with the tests that name it, as `path::test`.
    pub rows: Vec<(Row, Vec<String>)>,
    /// Ids that no rule has, and ids that stand above no test.
    pub findings: Vec<Finding>,
}

/// Reads the list of rules: one a line, five columns between ` | `, `#` for comments.
///
/// # Errors
/// A line has another form, or an id stands twice.
pub fn parse_rows(text: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let columns: Vec<_> = line.split(" | ").map(str::to_owned).collect();
        let [id, section, role, level, title] =
            columns.try_into().ok().with_context(|| format!("not five columns: {line}"))?;
        ensure!(rows.iter().all(|row| row.id != id), "{id} stands twice");
        rows.push(Row { id, section, role, level, title });
    }
    Ok(rows)
}

/// Collects the ids in the comments above tests.
#[must_use]
pub fn conformance(rows: Vec<Row>, sources: &[SourceFile]) -> Conformance {
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut findings = Vec::new();
    // The tests of this very rule hold comments in strings.
    let sources = sources.iter().filter(|file| !file.path.starts_with("xtask/"));
    for mention in sources.flat_map(mentions) {
        let Mention { path, line, id, test } = mention;
        if !rows.iter().any(|row| row.id == id) {
            findings.push(Finding::at(path, line, format!("unknown rule {id}"), KNOWN_IDS));
        } else if let Some(test) = test {
            tests.entry(id).or_default().push(format!("{path}::{test}"));
        } else {
            findings.push(Finding::at(path, line, format!("{id} above no test"), ABOVE_TEST));
        }
    }
    let rows = rows.into_iter().map(|row| {
        let tests = tests.remove(&row.id).unwrap_or_default();
        (row, tests)
    });
    Conformance { rows: rows.collect(), findings }
}

/// An id in a comment line, and the test under it.
struct Mention<'a> {
    path: &'a str,
    line: usize,
    id: String,
    test: Option<String>,
}

fn mentions(file: &SourceFile) -> Vec<Mention<'_>> {
    let lines: Vec<_> = file.text.lines().map(str::trim).collect();
    // What a macro makes tests of, once for each backend, is a plain function where it stands.
    let is_suite = file.path.contains("/tests/suite/");
    let mut mentions = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let test = lines.get(index..).and_then(|lines| test_under(lines, is_suite));
        mentions.extend(ids(line).map(|id| Mention {
            path: &file.path,
            line: index.saturating_add(1),
            id: id.to_owned(),
            test: test.clone(),
        }));
    }
    mentions
}

/// The ids with which a comment line begins: `// R-P10-04, R-P10-05`.
fn ids(line: &str) -> impl Iterator<Item = &str> {
    let comment = line.strip_prefix("// ").unwrap_or_default();
    comment
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_end_matches([':', '.', ';']))
        .take_while(|word| word.strip_prefix("R-").is_some_and(|rest| rest.contains('-')))
}

/// The name of the test that these lines lead to over comments and attributes only.
fn test_under(lines: &[&str], is_suite: bool) -> Option<String> {
    let is_lead = |line: &&&str| line.starts_with("//") || line.starts_with('#');
    let lead = lines.iter().take_while(is_lead);
    let is_test = lead.clone().any(|line| line.starts_with("#[") && line.contains("test"));
    let signature = lines.get(lead.count())?;
    let (_, name) = signature.split_once("fn ")?;
    (is_test || is_suite).then(|| name.split(['(', '<']).next().unwrap_or_default().to_owned())
}

/// A line for each rule that has tests, then how many have none.
impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_tests = self.rows.iter().filter(|(_, tests)| !tests.is_empty());
        for (row, tests) in with_tests.clone() {
            let Row { id, role, level, title, .. } = row;
            writeln!(f, "{id:<16} {role:<8} {level:<10} {title}")?;
            tests.iter().try_for_each(|test| writeln!(f, "                   {test}"))?;
        }
        write!(f, "{} of {} rules have tests", with_tests.count(), self.rows.len())
    }
}
