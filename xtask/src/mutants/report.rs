use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// What became of one mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This test failed, or this one did not end.
    Noticed(String),
    /// No test failed.
    Survived,
    /// It does not compile.
    Unviable,
}

/// What became of a sample.
#[derive(Debug, Clone)]
pub struct Report {
    /// What picked the sample.
    pub seed: u64,
    /// By the mutants' names.
    pub verdicts: BTreeMap<String, Verdict>,
}

/// A mutant that no test can notice, as `xtask/mutants.toml` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survivor {
    /// The file, relative to the workspace.
    pub file: String,
    /// The change without its place, which moves.
    pub change: String,
    /// Why it makes no difference.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

impl Survivor {
    /// Reads the list.
    ///
    /// # Errors
    /// It is not of this form.
    pub fn parse_all(text: &str) -> anyhow::Result<Vec<Self>> {
        Ok(toml::from_str::<List>(text)?.survivor)
    }

    fn explains(&self, mutant: &str) -> bool {
        mutant.starts_with(&format!("{}:", self.file))
            && mutant.ends_with(&format!(": {}", self.change))
    }
}

impl Report {
    /// The mutants that no test noticed.
    pub fn survivors(&self) -> impl Iterator<Item = &str> {
        let survived = self.verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Survived);
        survived.map(|(name, _)| name.as_str())
    }

    /// Survivors that the list gives no reason for.
    #[must_use]
    pub fn unexplained(&self, list: &[Survivor]) -> Vec<&str> {
        self.survivors()
            .filter(|name| !list.iter().any(|survivor| survivor.explains(name)))
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let survived = self.survivors().count();
        let unviable = |verdict: &&Verdict| **verdict == Verdict::Unviable;
        let left_out = self.verdicts.values().filter(unviable).count();
        let tried = self.verdicts.len() - left_out;
        write!(f, "seed {}: {tried} mutants tried, {survived} survived", self.seed)?;
        write!(f, "; {left_out} do not compile")
    }
}
