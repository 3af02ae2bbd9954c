use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File relative to the repository, with `:line` where there is one.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Finding {
    /// A finding on a line of a file.
    #[must_use]
    pub fn at(path: &str, line: usize, problem: impl Into<String>, remedy: &'static str) -> Self {
        Self { place: format!("{path}:{line}"), problem: problem.into(), remedy }
    }

    /// A finding about a whole file.
    #[must_use]
    pub fn in_file(path: &str, problem: impl Into<String>, remedy: &'static str) -> Self {
        Self { place: path.to_owned(), problem: problem.into(), remedy }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n      remedy: {}", self.place, self.problem, self.remedy)
    }
}

/// What one rule found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The rule.
    pub rule: &'static str,
    /// What was looked at, for the line that says so.
    pub looked_at: String,
    /// What breaks the rule; none if it holds.
    pub findings: Vec<Finding>,
    /// What is allowed but worth a look.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Whether the rule holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }
}

/// One line, then one paragraph for each finding and one line for each note.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "ok  " } else { "FAIL" };
        write!(f, "{verdict}  {:<12} {}", self.rule, self.looked_at)?;
        if !self.holds() {
            write!(f, ": {} findings", self.findings.len())?;
        }
        self.findings.iter().try_for_each(|finding| write!(f, "\n    {finding}"))?;
        self.notes.iter().try_for_each(|note| write!(f, "\n    note: {note}"))
    }
}
