use std::fmt;

use serde_json::{Map, Value};

/// Levels a tree may have; envelopes within envelopes end here.
const MAX_DEPTH: usize = 32;

/// A label, its value if it has one, and what belongs below it.
///
/// `Display` writes a line for each, indented by two blanks a level; where the place is known, it stands in front as
/// `offset+octets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    label: String,
    value: Option<String>,
    /// Offset and octets of the element, counted from the start of what was decoded.
    place: Option<(usize, usize)>,
    children: Vec<Self>,
}

impl Node {
    /// A node with neither value nor children.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), value: None, place: None, children: Vec::new() }
    }

    /// A node with a value, which is escaped where it is not printable.
    #[must_use]
    pub fn with_value(self, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        let printable = |character: char| !character.is_control();
        let value = if value.chars().all(printable) {
            value
        } else {
            value.chars().flat_map(escape).collect()
        };
        Self { value: Some(value), ..self }
    }

    /// The node of an element that begins at this offset and has so many octets, header included.
    #[must_use]
    pub fn at(self, offset: usize, octets: usize) -> Self {
        Self { place: Some((offset, octets)), ..self }
    }

    /// The node with one more child.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The node with more children.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// A child that has this label and value.
    pub(crate) fn field(self, label: &str, value: impl fmt::Display) -> Self {
        self.child(Self::new(label).with_value(value))
    }

    /// A child for a value that may be missing.
    pub(crate) fn optional(self, label: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.field(label, value),
            None => self,
        }
    }

    /// A child for a value, or for why there is none.
    pub(crate) fn result<T: fmt::Display, E: fmt::Display>(
        self,
        label: &str,
        value: Result<T, E>,
    ) -> Self {
        match value {
            Ok(value) => self.field(label, value),
            Err(error) => self.field(label, format_args!("({error})")),
        }
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Offset and octets of the element, if they are known.
    #[must_use]
    pub fn place(&self) -> Option<(usize, usize)> {
        self.place
    }

    /// The nodes below this one.
    #[must_use]
    pub fn below(&self) -> &[Self] {
        &self.children
    }

    /// The first node below this one, at any level, with this label.
    #[must_use]
    pub fn find(&self, label: &str) -> Option<&Self> {
        self.children
            .iter()
            .find_map(|child| if child.label == label { Some(child) } else { child.find(label) })
    }

    /// The tree as nested objects with `label`, `value`, `offset`, `octets` and `children`; what is empty is left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        members.insert("label".to_owned(), self.label.clone().into());
        if let Some(value) = &self.value {
            members.insert("value".to_owned(), value.clone().into());
        }
        if let Some((offset, octets)) = self.place {
            members.insert("offset".to_owned(), offset.into());
            members.insert("octets".to_owned(), octets.into());
        }
        if !self.children.is_empty() {
            let children: Vec<_> = self.children.iter().map(Self::to_json).collect();
            members.insert("children".to_owned(), children.into());
        }
        Value::Object(members)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = depth.min(MAX_DEPTH) * 2;
        write!(f, "{:indent$}", "")?;
        if let Some((offset, octets)) = self.place {
            write!(f, "{offset}+{octets} ")?;
        }
        match &self.value {
            Some(value) => writeln!(f, "{}: {value}", self.label)?,
            None => writeln!(f, "{}", self.label)?,
        }
        self.children.iter().try_for_each(|child| child.write(f, depth + 1))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

fn escape(character: char) -> Vec<char> {
    if character.is_control() { character.escape_debug().collect() } else { vec![character] }
}
