//! What is wrong with a configuration: where, what, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One thing that must change, or should be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mistake {
    /// The configuration file.
    pub(crate) file: PathBuf,
    /// Its line, from 1.
    pub(crate) line: usize,
    /// The column in characters, from 1.
    pub(crate) column: usize,
    /// What is wrong, on one line; never the value of a secret.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, remedy } = self;
        write!(f, "{}:{line}:{column}: {what}", file.display())?;
        if remedy.is_empty() { Ok(()) } else { write!(f, "\n    remedy: {remedy}") }
    }
}

/// Collects all mistakes of a file, so that an operator sees them at once.
#[derive(Debug)]
pub(crate) struct Findings {
    file: PathBuf,
    text: String,
    /// Whether something could not be read, so that it only seems to be absent.
    pub(crate) gaps: bool,
    /// What must change.
    pub(crate) mistakes: Vec<Mistake>,
    /// What works but should be known.
    pub(crate) warnings: Vec<Mistake>,
}

impl Findings {
    pub(crate) fn new(file: &Path, text: String) -> Self {
        Self {
            file: file.to_owned(),
            text,
            gaps: false,
            mistakes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The file that is read.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Something at these octets must change.
    pub(crate) fn mistake(
        &mut self,
        at: Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let mistake = self.at(at, &what.into(), remedy.into());
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    /// Something is absent; said only where nothing was passed over that may be it.
    pub(crate) fn absence(
        &mut self,
        at: Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if !self.gaps {
            self.mistake(at, what, remedy);
        }
    }

    /// Something at these octets should be known.
    pub(crate) fn warning(
        &mut self,
        at: Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let warning = self.at(at, &what.into(), remedy.into());
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Takes a value, or its fault as a mistake at these octets.
    pub(crate) fn take<T>(&mut self, at: Range<usize>, value: Result<T, Fault>) -> Option<T> {
        value.map_err(|fault| self.mistake(at, fault.what, fault.remedy)).ok()
    }

    /// In the order of the file.
    pub(crate) fn sorted(mut self) -> Self {
        let place = |mistake: &Mistake| (mistake.line, mistake.column);
        self.mistakes.sort_by_key(place);
        self.warnings.sort_by_key(place);
        self
    }

    fn at(&self, at: Range<usize>, what: &str, remedy: String) -> Mistake {
        let before = self.text.get(..at.start).unwrap_or(&self.text);
        let line = before.bytes().filter(|octet| *octet == b'\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let what = what.split('\n').map(str::trim).collect::<Vec<_>>().join(", ");
        Mistake { file: self.file.clone(), line, column, what, remedy }
    }
}

/// What is wrong with one thing, wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// The name that a misspelt one is nearest to, if it is near any.
pub(crate) fn nearest<'a>(
    wrong: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(wrong, name);
    let nearest = names.into_iter().min_by_key(|name| distance(name))?;
    let near = distance(nearest) <= 1 + nearest.len() / 4 || nearest.starts_with(wrong);
    near.then_some(nearest)
}
