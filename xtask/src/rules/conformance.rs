use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::{Finding, SourceFile};

const KNOWN_IDS: &str = "take an id of xtask/conformance-rows.txt, or add the rule there";
const ROWS: &str = "xtask/conformance-rows.txt";
const EXEMPT: &str = "xtask/conformance-exempt.toml";
const PROVE: &str =
    "name it above a test that fails without it, or give a reason in xtask/conformance-exempt.toml";
const REMOVE: &str = "remove the entry";
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

/// A rule that is not applicable here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exempt {
    /// Its id.
    pub id: String,
    /// Why no test can prove it.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exemptions {
    #[serde(default)]
    exempt: Vec<Exempt>,
}

impl Exempt {
    /// Reads the list of rules that are not applicable.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn parse_all(text: &str) -> anyhow::Result<Vec<Self>> {
        Ok(toml::from_str::<Exemptions>(text)?.exempt)
    }
}

/// Which rules have tests.
#[derive(Debug, Clone)]
pub struct Conformance {
    /// Each rule with the tests that name it, as `path::test`.
    pub rows: Vec<(Row, Vec<String>)>,
    /// The rules that are not applicable.
    pub exempt: Vec<Exempt>,
    /// Ids that no rule has, ids that stand above no test, and rules that are neither tested nor exempt.
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

/// Collects the ids in the comments above tests. Each rule must have a test, or a reason why it has none.
#[must_use]
pub fn conformance(rows: Vec<Row>, exempt: Vec<Exempt>, sources: &[SourceFile]) -> Conformance {
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
    let rows: Vec<_> = rows.collect();
    findings.extend(unproven(&rows, &exempt));
    findings.extend(needless(&rows, &exempt));
    Conformance { rows, exempt, findings }
}

/// Rules with neither a test nor a reason.
fn unproven<'a>(
    rows: &'a [(Row, Vec<String>)],
    exempt: &'a [Exempt],
) -> impl Iterator<Item = Finding> + 'a {
    let is_exempt = |row: &Row| exempt.iter().any(|exempt| exempt.id == row.id);
    rows.iter().filter(move |(row, tests)| tests.is_empty() && !is_exempt(row)).map(|(row, _)| {
        Finding::in_file(ROWS, format!("{} has neither a test nor a reason", row.id), PROVE)
    })
}

/// Reasons for rules that are tested, do not exist, or stand twice.
fn needless<'a>(
    rows: &'a [(Row, Vec<String>)],
    exempt: &'a [Exempt],
) -> impl Iterator<Item = Finding> + 'a {
    exempt.iter().enumerate().filter_map(|(position, Exempt { id, .. })| {
        let problem = match rows.iter().find(|(row, _)| row.id == *id) {
            None => format!("unknown rule {id}"),
            Some((_, tests)) if !tests.is_empty() => format!("{id} has tests"),
            Some(_) if exempt.iter().take(position).any(|before| before.id == *id) => {
                format!("{id} stands twice")
            }
            Some(_) => return None,
        };
        Some(Finding::in_file(EXEMPT, problem, REMOVE))
    })
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
    let is_suite = file.path.contains("/tests/") && file.path.contains("/suite/");
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

/// A line for each rule that has tests, one for each that is not applicable, then how many there are of both.
impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_tests = self.rows.iter().filter(|(_, tests)| !tests.is_empty());
        for (row, tests) in with_tests.clone() {
            let Row { id, role, level, title, .. } = row;
            writeln!(f, "{id:<16} {role:<8} {level:<10} {title}")?;
            tests.iter().try_for_each(|test| writeln!(f, "                   {test}"))?;
        }
        for Exempt { id, reason } in &self.exempt {
            writeln!(f, "{id:<16} not applicable: {reason}")?;
        }
        let (tested, exempt) = (with_tests.count(), self.exempt.len());
        write!(f, "{tested} of {} rules have tests, {exempt} are not applicable", self.rows.len())
    }
}
