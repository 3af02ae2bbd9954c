//! Whether the tests notice when the code is wrong.
//!
//! `cargo mutants` says which changes there are. A seeded sample of them is woven into one copy of the workspace, each
//! behind a switch, so that a thousand mutants cost one build; then the package's tests run once for each mutant.

mod report;
mod run;
mod sample;
mod weave;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

pub use report::{Report, Survivor, Verdict};
pub use sample::sample;
pub use weave::{Woven, apply, weave};

/// One change that `cargo mutants` would make.
#[derive(Debug, Clone, Deserialize)]
pub struct Mutant {
    /// Place and change, as `cargo mutants --list` prints it.
    pub name: String,
    /// The file, relative to the workspace.
    pub file: String,
    /// The package whose tests should notice.
    pub package: String,
    /// The function it lies in.
    pub function: Option<Function>,
    /// What kind of change.
    pub genre: Genre,
    /// What stands in place of the span.
    pub replacement: String,
    /// What is replaced.
    pub span: Span,
}

/// A function that changes.
#[derive(Debug, Clone, Deserialize)]
pub struct Function {
    /// With the type it belongs to.
    pub function_name: String,
}

/// The kinds of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Genre {
    /// A function's body.
    FnValue,
    /// An operator between two operands.
    BinaryOperator,
    /// An operator before one operand.
    UnaryOperator,
    /// The condition of a match arm.
    MatchArmGuard,
    /// A match arm.
    MatchArm,
    /// A field of a struct expression that has a base.
    StructField,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Span {
    /// Its first character.
    pub start: Place,
    /// The character after its last one.
    pub end: Place,
}

/// A character of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters from 1.
    pub column: usize,
}

impl Mutant {
    /// Whether it changes what reads and decides: not the codec of Microsoft's service, and nothing that only prints.
    #[must_use]
    pub fn is_in_scope(&self) -> bool {
        let printing = self.genre == Genre::FnValue && self.name.contains("::fmt -> ");
        !printing && !self.file.contains("/service/")
    }
}

impl Mutant {
    /// Whether it changes a function of this name.
    pub(crate) fn lies_in(&self, name: &str) -> bool {
        let function = self.function.as_ref().map_or("", |function| &function.function_name);
        function.rsplit("::").next() == Some(name)
    }
}

/// Weaves a sample into a copy of the workspace at `root`, builds it once below `work`, and runs the tests for each mutant.
///
/// # Errors
/// `cargo mutants` is not installed, the copy cannot be written, or it does not build for a reason that is no mutant's.
pub fn mutants(root: &Path, work: &Path, seed: u64, count: usize) -> anyhow::Result<Report> {
    let all = run::list(root)?.into_iter().filter(Mutant::is_in_scope).collect();
    let sampled = sample(all, seed, count);
    let tree = work.join("tree");
    run::copy(root, &tree)?;
    let built = run::weave_until_it_builds(root, &tree, &sampled)?;
    let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
    let mut order: Vec<_> = sampled.iter().enumerate().collect();
    order.sort_by_key(|(id, _)| built.is_alone(*id));
    for (id, mutant) in order {
        let verdict = run::judge(&built, id, mutant)?;
        run::say(&verdict, mutant)?;
        verdicts.insert(mutant.name.clone(), verdict);
    }
    Ok(Report { seed, verdicts })
}
