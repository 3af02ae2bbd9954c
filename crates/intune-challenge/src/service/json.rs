//! JSON of the service as a tree: bounded in size, depth and number of values, no member twice, nothing after the end.
//!
//! The reader of signed challenges takes a few known members as they come; here are lists of objects, documents inside
//! documents, and names in any case.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::MAX_BODY;

/// Levels of objects and arrays.
const MAX_DEPTH: usize = 16;
/// Values in all; a directory of many services has some thousand.
const MAX_VALUES: usize = 65_536;

/// Why an answer is not what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedAnswer {
    /// More octets than an answer may have.
    #[error("more than {limit} octets")]
    TooLarge {
        /// How many it may have.
        limit: usize,
    },
    /// Not a JSON object and nothing else.
    #[error("not a JSON object")]
    NotAnObject,
    /// A member stands twice in one object, so that two readers could read two values; case does not tell them apart.
    #[error("a member stands twice")]
    DuplicateMember,
    /// Nested more deeply than it may be.
    #[error("nested more deeply than {limit} levels")]
    TooDeep {
        /// Levels there may be.
        limit: usize,
    },
    /// More values than it may have.
    #[error("more than {limit} values")]
    TooManyValues {
        /// How many it may have.
        limit: usize,
    },
    /// A member is absent, or of another type than it must be.
    #[error("member {0:?} is not what it must be")]
    Member(&'static str),
    /// A list goes on without end, or at another host.
    #[error("the list goes on without end, or elsewhere")]
    NextLink,
}

/// Any value; texts are zeroized, since one of them is the access token.
pub(super) enum Json {
    Null,
    Bool(bool),
    Whole(u64),
    OtherNumber,
    Text(Zeroizing<String>),
    List(Vec<Self>),
    Object(Object),
}

/// An object.
#[derive(Default)]
pub(super) struct Object(Vec<(String, Json)>);

impl Object {
    pub(super) fn read(json: &[u8]) -> Result<Self, MalformedAnswer> {
        if json.len() > MAX_BODY {
            return Err(MalformedAnswer::TooLarge { limit: MAX_BODY });
        }
        // .NET writes a byte order mark now and then.
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
        let bounds = Bounds::default();
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let read = Value { depth: 0, bounds: &bounds }.deserialize(&mut deserializer);
        match read.and_then(|value| deserializer.end().map(|()| value)) {
            Ok(Json::Object(object)) => Ok(object),
            Ok(_) => Err(MalformedAnswer::NotAnObject),
            Err(_) => Err(bounds.fault.take().unwrap_or(MalformedAnswer::NotAnObject)),
        }
    }

    /// The member of exactly this name.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// The member of this name in any case, as .NET reads it.
    pub(super) fn get_any_case(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Json {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// A whole number, or a text that is one.
    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// What bounds one document, and the fault that `serde_json`'s own errors cannot carry.
#[derive(Default)]
struct Bounds {
    values: Cell<usize>,
    fault: Cell<Option<MalformedAnswer>>,
}

impl Bounds {
    fn refuse<E: Error>(&self, fault: MalformedAnswer) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn count<E: Error>(&self) -> Result<(), E> {
        let values = self.values.get().saturating_add(1);
        self.values.set(values);
        if values > MAX_VALUES {
            return Err(self.refuse(MalformedAnswer::TooManyValues { limit: MAX_VALUES }));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Value<'a> {
    /// Levels above it.
    depth: usize,
    bounds: &'a Bounds,
}

impl Value<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.bounds.refuse(MalformedAnswer::TooDeep { limit: MAX_DEPTH }));
        }
        Ok(Self { depth: self.depth.saturating_add(1), ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Json, D::Error> {
        self.bounds.count()?;
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Whole(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(u64::try_from(number).map_or(Json::OtherNumber, Json::Whole))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut names = BTreeSet::new();
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(self.bounds.refuse(MalformedAnswer::DuplicateMember));
            }
            members.push((name, map.next_value_seed(inner)?));
        }
        Ok(Json::Object(Object(members)))
    }
}
