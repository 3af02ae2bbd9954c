//! Values of a configuration that are more than a text or a number.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A value and the octets of the file where it stands.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Located<T>(toml::Spanned<T>);

impl<T> Located<T> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.0.span()
    }

    /// A value that stands nowhere: a default.
    pub(crate) fn nowhere(value: T) -> Self {
        Self(toml::Spanned::new(0..0, value))
    }

    pub(crate) fn value(&self) -> &T {
        self.0.get_ref()
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A whole number and a unit: `d`, `h`, `m` or `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval(pub(crate) Duration);

impl Interval {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    fn parse(text: &str) -> Option<Self> {
        const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
        let (unit, size) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let digits = text.strip_suffix(unit)?;
        let count: u64 =
            digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())??;
        count.checked_mul(size).map(Self::seconds)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let expected = &"a duration such as \"90d\", \"12h\", \"10m\" or \"30s\"";
        Self::parse(&text)
            .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), expected))
    }
}

impl JsonSchema for Interval {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Interval".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+[dhms]$",
            "description": "A whole number and a unit: d, h, m or s."
        })
    }
}

/// An [`Interval`] that is not nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Interval")]
pub(crate) struct Period(pub(crate) Duration);

impl Period {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl TryFrom<Interval> for Period {
    type Error = &'static str;

    fn try_from(interval: Interval) -> Result<Self, Self::Error> {
        if interval.0.is_zero() { Err("expected a second or more") } else { Ok(Self(interval.0)) }
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^0*[1-9][0-9]*[dhms]$",
            "description": "A whole number above 0 and a unit: d, h, m or s."
        })
    }
}

/// Where a secret is read from; the configuration itself never holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// A file that only its owner may read.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

impl<'de> Deserialize<'de> for SecretSource {
    /// Whatever else stands there may be the secret itself, so no message repeats it.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = || {
            de::Error::custom(
                "a secret is no part of the configuration: write { file = \"…\" } or { env = \"…\" }",
            )
        };
        let value = toml::Value::deserialize(from).map_err(|_| expected())?;
        let mut table = match value {
            toml::Value::Table(table) if table.len() == 1 => table,
            _ => return Err(expected()),
        };
        match (table.remove("file"), table.remove("env")) {
            (Some(toml::Value::String(path)), None) => Ok(Self::File(path.into())),
            (None, Some(toml::Value::String(name))) => Ok(Self::Env(name)),
            _ => Err(expected()),
        }
    }
}

impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where a secret is read from: a file that only its owner may read, or an environment variable.",
            "type": "object",
            "properties": { "file": { "type": "string" }, "env": { "type": "string" } },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1
        })
    }
}
