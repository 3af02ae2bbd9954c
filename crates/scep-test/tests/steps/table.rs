//! What became of each step, for readers of `--show-output`.

use std::fmt;

use crate::stage::Standing;

pub(crate) struct Table {
    title: String,
    rows: Vec<[String; 3]>,
}

impl Table {
    pub(crate) fn new(title: String) -> Self {
        Self { title, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, step: &str, left: impl fmt::Display, came_of_it: &str) {
        self.rows.push([step.to_owned(), left.to_string(), came_of_it.to_owned()]);
    }
}

/// However the test ends: after a failure, the last row is the last step that was well, or the one at which it was not.
impl Drop for Table {
    fn drop(&mut self) {
        println!("{self}");
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        for [step, left, came_of_it] in &self.rows {
            writeln!(f, "  {step:<35} {left:<35} {came_of_it}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.recorded.len(), self.told.len(), self.failures) {
            (0, 0, 0) => "nothing",
            (0, 0, _) => "a failure told",
            (_, 0, 0) => "a certificate",
            (_, _, 0) => "a certificate, told",
            _ => return write!(f, "{self:?}"),
        };
        f.pad(text)
    }
}
