//! From TOML to the model, with every mistake of spelling and type, not only the first.
//!
//! The model's own deserialiser says what is wrong; what it stumbles over is taken out, and it is asked again.

use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeArray, DeTable, DeValue};

use super::mistake::{Findings, nearest};
use super::model::Config;

/// Mistakes of spelling and type that are shown; whoever made more sees the rest in the next round.
const MOST: usize = 100;

/// The model of the file, without what could not be read; each such part is a mistake.
pub(super) fn read(findings: &mut Findings) -> Option<Config> {
    let text = findings.text().to_owned();
    let (document, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let remedy = "see https://toml.io/en/v1.0.0 for how TOML is written";
        findings.mistake(error.span().unwrap_or_default(), error.message().trim(), remedy);
    }
    if !errors.is_empty() {
        return None;
    }
    let mut removed = Vec::new();
    let mut document = document;
    for _ in 0..MOST {
        let error = match Config::deserialize(toml::Deserializer::from(document.clone())) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let complaint = Complaint::of(error.message());
        let consequence =
            matches!(&complaint, Complaint::Missing(key) if removed.iter().any(|was| was == key));
        if !consequence {
            let (what, remedy) = complaint.explain();
            findings.mistake(span.clone(), what, remedy);
        }
        removed.extend(complaint.meant().map(str::to_owned));
        removed.push(remove(document.get_mut(), &span)?);
        findings.gaps = true;
    }
    None
}

/// What the deserialiser complains of.
#[derive(Debug, PartialEq, Eq)]
enum Complaint<'a> {
    UnknownKey { key: &'a str, known: Vec<&'a str> },
    UnknownValue { value: &'a str, known: Vec<&'a str> },
    Missing(&'a str),
    Other(&'a str),
}

impl<'a> Complaint<'a> {
    /// The texts are those of `serde::de::Error`, whose names stand in backquotes.
    fn of(message: &'a str) -> Self {
        let message = message.trim();
        let mut quoted = message.split('`').skip(1).step_by(2);
        let first = quoted.next().unwrap_or_default();
        if message.starts_with("unknown field") {
            Self::UnknownKey { key: first, known: quoted.collect() }
        } else if message.starts_with("unknown variant") {
            Self::UnknownValue { value: first, known: quoted.collect() }
        } else if message.starts_with("missing field") {
            Self::Missing(first)
        } else {
            Self::Other(message)
        }
    }

    /// The key that a misspelt one probably is; it is not missing as well.
    fn meant(&self) -> Option<&str> {
        match self {
            Self::UnknownKey { key, known } => nearest(key, known.iter().copied()),
            _ => None,
        }
    }

    /// What is wrong, and what to do about it.
    fn explain(&self) -> (String, String) {
        match self {
            Self::UnknownKey { key, known } => {
                (format!("unknown key `{key}`"), suggestion(key, known))
            }
            Self::UnknownValue { value, known } => {
                (format!("unknown value `{value}`"), suggestion(value, known))
            }
            Self::Missing(key) => (
                format!("`{key}` is missing here"),
                format!("add `{key}`; `scepd config example` shows how it is written"),
            ),
            Self::Other("invalid socket address syntax") => (
                "not an IP address and a port".to_owned(),
                "write it as \"127.0.0.1:8894\" or \"[::1]:8894\"".to_owned(),
            ),
            Self::Other(message) => (
                (*message).to_owned(),
                "write it as `scepd config example` and `scepd config schema` say".to_owned(),
            ),
        }
    }
}

fn suggestion(wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "take it out: nothing is expected here".to_owned(),
        None => format!("one of: {}", known.join(", ")),
    }
}

/// Takes the innermost entry out whose key or value stands at exactly these octets, and says what its key was.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (_, value) in table.iter_mut() {
        if let Some(key) = remove_within(value.get_mut(), span) {
            return Some(key);
        }
    }
    let stands_here = |entry: Range<usize>| entry == *span;
    let found = table.iter().find_map(|(key, value)| {
        (stands_here(key.span()) || stands_here(value.span())).then(|| key.clone())
    })?;
    table.remove(&found);
    Some(found.get_ref().to_string())
}

fn remove_within(value: &mut DeValue<'_>, span: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => remove(table, span),
        DeValue::Array(array) => {
            if let Some(key) =
                array.iter_mut().find_map(|element| remove_within(element.get_mut(), span))
            {
                return Some(key);
            }
            let position = array.iter().position(|element| element.span() == *span)?;
            let mut kept = DeArray::new(); // which has no `remove`
            let others = array.iter().enumerate().filter(|(place, _)| *place != position);
            others.for_each(|(_, element)| kept.push(element.clone()));
            *array = kept;
            Some(String::new())
        }
        _ => None,
    }
}
